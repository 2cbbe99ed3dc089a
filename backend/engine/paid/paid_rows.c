// SPDX-License-Identifier: MIT
/* What is bought for a job: its parts, and the rows that hold the money for them. */
#define LOG_TAG "engine"
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "backend/engine/paid/paid.h"
#include "cache/base/clk.h"
#include "cache/base/log.h"
#include "cache/base/mem.h"
#include "cache/base/money.h"

#define CHECK_AGAIN_MS 20

/* ---- what an earlier attempt left ---- */

struct found {
	struct paid *p;
	const struct digest *key;
	uint32_t out;
	struct err *err;
};

static char *copy(const char *s)
{
	return s ? strdup(s) : NULL;
}

static bool copy_row(struct part *part, const struct ledger_row *row)
{
	part->state = row->state;
	part->is_kept = row->state == LEDGER_SETTLED;
	part->id = row->id;
	part->held_ud = row->held_ud;
	part->charged_ud = row->charged_ud;
	part->sent_ms = row->sent_ms;
	part->blob_id = row->blob_id;
	part->blob_size = row->blob_size;
	part->seconds = (uint16_t)row->seconds;
	part->uri = copy(row->uri);
	part->operation = copy(row->operation);
	part->prefix = copy(row->prefix);
	part->served_by = copy(row->served_by);
	return (part->uri || !row->uri) && (part->operation || !row->operation) &&
	       (part->prefix || !row->prefix) && (part->served_by || !row->served_by);
}

/* Nobody else owns it: it gives way to the rows of this job. */
static int add_stale(struct paid *p, uint64_t id)
{
	uint64_t *more = realloc(p->stale, (p->n_stale + 1) * sizeof(*more));

	if (!more)
		return -ENOMEM;
	p->stale = more;
	p->stale[p->n_stale++] = id;
	return 0;
}

static int on_row(void *user, const struct ledger_row *row)
{
	struct found *f = user;
	struct paid *p = f->p;
	struct part *more;

	if (row->draw != p->job->run->output[f->out].draw)
		return 0;
	if (row->state == LEDGER_RESERVED)
		return add_stale(p, row->id) < 0 ? err_oom(f->err) : 0;
	if (row->state == LEDGER_UNKNOWN)
		return err_set(f->err, EIO,
			"the outcome of an earlier call is unknown, it may be paid; "
			"see "
			"promptfs unknown, or rm the file");
	more = realloc(p->part, (p->n_parts + 1) * sizeof(*more));
	if (!more)
		return err_oom(f->err);
	p->part = more;
	p->part[p->n_parts] = (struct part){.out = f->out, .seg = row->part};
	if (!copy_row(&p->part[p->n_parts++], row))
		return err_oom(f->err);
	if (row->served_by && *row->served_by) {
		const struct model_row *served =
			catalogue_find(p->job->e->catalogue, row->served_by);

		p->row = served ? served : p->row;
	}
	return 0;
}

static int find_left(struct paid *p, struct err *err)
{
	struct run *run = p->job->run;
	int r = 0;

	for (uint32_t i = 0; i < run->pj.n_outputs && r == 0; i++) {
		struct digest key;
		struct found f = {.p = p, .out = i, .err = err};

		if (request_key(&run->made[i].req, p->job->e->ns, &key) < 0)
			return err_oom(err);
		r = ledger_each_open(p->job->e->cache, &key, on_row, &f);
		if (r < 0 && !(err && err->code))
			err_errno(err, -r, "cannot read the ledger");
	}
	return r;
}

/* ---- the plan ---- */

static const struct part *part_of(
	const struct part *list, uint32_t n, uint32_t out, uint32_t seg)
{
	for (uint32_t i = 0; i < n; i++)
		if (list[i].out == out && list[i].seg == seg)
			return &list[i];
	return NULL;
}

/* Parts that are there already keep their place, whatever a plan made today says. */
static bool is_plan_of(const struct paid *p, const struct part *left, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (left[i].seg >= p->plan.n ||
			(left[i].seconds &&
				left[i].seconds != p->plan.seconds[left[i].seg]))
			return false;
	return true;
}

/* What all parts of one file hold together is the worst case of the file. */
static void share(struct part *part, uint32_t n, uint32_t seconds, int64_t worst)
{
	int64_t left = worst;

	for (uint32_t i = 0; i < n; i++) {
		int64_t own = i + 1 == n || !seconds
				      ? left
				      : (int64_t)((__int128)worst * part[i].seconds /
						  seconds);

		part[i].held_ud = own;
		left -= own;
	}
}

/* The lengths as they are sent and billed, which may be longer than what is asked: the
 * file is cut then, and the worst case covers it. */
static void plan_as_sent(struct paid *p, int64_t *worst)
{
	const struct request *req = &p->job->req;
	int64_t sum = 0, v;

	p->plan.billed = 0;
	for (uint32_t i = 0; i < p->plan.n; i++) {
		struct wire_job w = {.req = req,
			.row = p->row,
			.seconds = p->plan.seconds[i],
			.video_uri = p->plan.is_extension && i ? "" : NULL,
			.is_developer_api = p->job->e->backend == BACKEND_GEMINI};

		p->plan.seconds[i] = (uint16_t)wire_seconds(&w);
		p->plan.billed += p->plan.seconds[i];
		if (price_segment(p->row, req, p->plan.seconds[i], &v, NULL) == 0)
			sum += v;
	}
	if (sum > *worst)
		*worst = sum;
}

int paid_plan(struct paid *p, struct err *err)
{
	struct job *j = p->job;
	char today[11];
	struct price_scope scope = paid_scope(j->e, today);
	uint32_t n_out = j->run->pj.n_outputs, n_left = p->n_parts;
	struct part *left = p->part, *list;
	int64_t worst = 0;
	int r = price_worst(&scope, j->row, &j->req, 1, &worst, err);

	if (r < 0)
		return r == -ENOENT ? err_wrap(err, -EDQUOT, "no price, no budget") : r;
	p->plan = (struct segments){.n = 1};
	if (j->req.type == MEDIA_MP4 &&
		limits_segments(p->row, &j->req, scope.may_extend, &p->plan) < 0)
		return err_set(err, EINVAL, "%s cannot make a video of %u s",
			p->row->name, j->req.seconds);
	if (j->req.type == MEDIA_MP4)
		plan_as_sent(p, &worst);
	if (!is_plan_of(p, left, n_left))
		return err_set(err, EIO,
			"parts of this video are paid, and the plan for it has changed "
			"since; rm the file to begin anew");
	list = new_array(struct part, (size_t)n_out * p->plan.n + 1);
	if (!list)
		return err_oom(err);
	for (uint32_t o = 0; o < n_out; o++) {
		struct part *first = &list[o * p->plan.n];

		for (uint32_t s = 0; s < p->plan.n; s++)
			first[s] = (struct part){.out = o,
				.seg = (uint16_t)s,
				.seconds = p->plan.seconds[s]};
		share(first, p->plan.n, p->plan.billed, worst);
		for (uint32_t s = 0; s < p->plan.n; s++) {
			const struct part *old = part_of(left, n_left, o, s);

			if (old)
				first[s] = *old;
		}
	}
	free(left);
	p->part = list;
	p->n_parts = n_out * p->plan.n;
	return 0;
}

/* ---- reserving ---- */

static int describe(const struct job *j, struct buf *ret)
{
	struct paid *p = j->run->paid;
	scoped_json cJSON *o = cJSON_CreateObject();

	if (!o || request_to_json(&j->req, o) < 0)
		return -ENOMEM;
	if (p->bound.len && !cJSON_AddRawToObject(o, "inputs", p->bound.data))
		return -ENOMEM;
	return json_print_line(ret, o);
}

struct order_parts {
	struct request_place place;
	struct buf path, request;
	struct ledger_part *part;
};

static int order_for(
	struct job *j, uint32_t out, struct order_parts *own, struct ledger_order *ret)
{
	struct paid *p = j->run->paid;
	const struct request *req = &j->run->made[out].req;
	struct job as = *j; /* the take differs */
	size_t n = 0;
	int r;

	as.req.take = req->take;
	r = request_place_init(&own->place, req, j->e->ns, &j->run->who);
	if (r == 0)
		r = request_display(req, &own->path);
	if (r == 0)
		r = describe(&as, &own->request);
	own->part = r == 0 ? new_array(struct ledger_part, p->plan.n) : NULL;
	if (!own->part)
		return -ENOMEM;
	for (uint32_t i = 0; i < p->n_parts; i++)
		if (p->part[i].out == out && !p->part[i].state)
			own->part[n++] = (struct ledger_part){.part = p->part[i].seg,
				.seconds = p->part[i].seconds,
				.held_ud = p->part[i].held_ud};
	*ret = (struct ledger_order){.place = &own->place.place,
		.draw = j->run->output[out].draw,
		.pid = j->run->who.pid,
		.model = j->req.model,
		.path = own->path.data,
		.request = own->request.data,
		.served_by = p->row->name,
		.n_parts = (uint16_t)p->plan.n,
		.n = n,
		.part = own->part};
	return 0;
}

/* The store thread. */
static void on_reserved(
	void *user, const uint64_t *ids, size_t n, const struct err *err)
{
	struct paid *p = user;
	struct err oom = {0};

	free(p->ids);
	p->ids = err ? NULL : new_array(uint64_t, n + 1);
	p->n_ids = p->ids ? n : 0;
	if (p->n_ids)
		memcpy(p->ids, ids, n * sizeof(*ids));
	else if (!err && !p->ids)
		err_oom(&oom);
	paid_on_commit(p, err ? err : p->ids ? NULL : &oom);
}

/* Rows were made in the order of the files and their parts. */
static void take_ids(struct job *j)
{
	struct paid *p = j->run->paid;
	size_t n = 0;

	for (uint32_t i = 0; i < p->n_parts && n < p->n_ids; i++)
		if (!p->part[i].state && paid_is_open(p, p->part[i].out)) {
			p->part[i].id = p->ids[n++];
			p->part[i].state = LEDGER_RESERVED;
		}
}

static int submit_orders(struct job *j, struct ledger_order *order,
	struct order_parts *own, const uint64_t *instead, size_t n_instead)
{
	struct paid *p = j->run->paid;
	size_t n = 0;
	int r = 0;

	for (uint32_t o = 0; o < j->run->pj.n_outputs && r == 0; o++) {
		if (!paid_is_open(p, o))
			continue;
		r = order_for(j, o, &own[o], &order[n]);
		if (r == 0 && order[n].n)
			n++;
	}
	if (r == 0 && n) {
		order[0].instead = instead;
		order[0].n_instead = n_instead;
		return ledger_reserve(
			j->e->cache, order, n, &j->e->budget, on_reserved, p);
	}
	if (r == 0)
		on_reserved(p, NULL, 0, NULL);
	return r;
}

void paid_reserve(struct job *j, const uint64_t *instead, size_t n, paid_then_fn then)
{
	struct paid *p = j->run->paid;
	uint32_t n_out = j->run->pj.n_outputs;
	scoped_free struct ledger_order *order = new_array(struct ledger_order, n_out);
	struct order_parts *own = new_array(struct order_parts, n_out);
	struct err err = {0};
	int r = -ENOMEM;

	paid_begin_commit(p, then);
	if (order && own)
		r = submit_orders(j, order, own, instead, n);
	for (uint32_t i = 0; own && i < n_out; i++) {
		request_place_finish(&own[i].place);
		buf_finish(&own[i].path);
		buf_finish(&own[i].request);
		free(own[i].part);
	}
	free(own);
	if (r < 0) {
		err_oom(&err);
		paid_on_commit(p, &err);
	}
}

/* A budget that is too small: what would fit. */
static void name_alternative(struct job *j, struct err *err)
{
	struct price_alternative alt;
	char today[11], usd[MONEY_TEXT];
	struct price_scope scope = paid_scope(j->e, today);
	size_t len = strlen(err->why);

	if (err->code != EDQUOT ||
		!price_alternatives(&scope, j->row, &j->req, 1, &alt, 1))
		return;
	money_format(alt.estimate_udollars, usd);
	snprintf(err->why + len, sizeof(err->why) - len, "; %s would cost %s USD",
		alt.row->name, usd);
}

static void reserved(struct job *j)
{
	struct paid *p = j->run->paid;
	bool holds_slot = j->run->is_granted;

	if (p->commit_err.code) {
		name_alternative(j, &p->commit_err);
		paid_fail(j, &p->commit_err);
		return;
	}
	if (p->n_ids)
		p->n_stale = 0;
	take_ids(j);
	budget_alert(j->e, j->uid);
	if (paid_is_stopping(p))
		paid_failf(j, ECANCELED, "promptfs is stopping");
	else if (holds_slot)
		paid_next(j);
	else
		job_queue(j);
}

/* Nothing is bought before the ledger's totals were checked against its rows. */
void paid_reserve_checked(struct job *j)
{
	struct paid *p = j->run->paid;

	p->step = PAID_IDLE;
	if (ledger_health(j->e->cache) != LEDGER_UNCHECKED) {
		paid_reserve(j, p->stale, p->n_stale, reserved);
		return;
	}
	p->step = PAID_CHECK;
	loop_timer_set(j->e->loop, &j->run->timer, clk_mono_ms() + CHECK_AGAIN_MS,
		job_on_timer);
}

static bool needs_rows(const struct paid *p)
{
	for (uint32_t i = 0; i < p->n_parts; i++)
		if (!p->part[i].state && paid_is_open(p, p->part[i].out))
			return true;
	return false;
}

/* A call under way keeps the ledger from holding more for its file. What is missing is
 * reserved when its turn comes. */
static bool is_under_way(const struct paid *p)
{
	for (uint32_t i = 0; i < p->n_parts; i++)
		if (p->part[i].state == LEDGER_SENT ||
			p->part[i].state == LEDGER_ACCEPTED)
			return true;
	return false;
}

int paid_start(struct job *j, bool is_resumed, struct err *err)
{
	struct paid *p = new0(struct paid);
	int r;

	if (!p)
		return err_oom(err);
	j->run->paid = p;
	p->job = j;
	p->is_resumed = is_resumed;
	p->row = route_first(j->e, j->row, &j->req, err);
	if (!p->row)
		return -ENOENT;
	r = find_left(p, err);
	if (r == 0)
		r = paid_plan(p, err);
	if (r < 0)
		return r;
	job_set_phase(j, PHASE_RESERVING);
	if (is_resumed || is_under_way(p) || !needs_rows(p)) {
		paid_begin_commit(p, reserved);
		on_reserved(p, NULL, 0, NULL);
	} else {
		paid_reserve_checked(j);
	}
	return 0;
}
