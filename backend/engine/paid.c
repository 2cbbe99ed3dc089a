// SPDX-License-Identifier: MIT
#define LOG_TAG "engine"
#include "backend/engine/paid.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cache/base/clk.h"
#include "cache/base/log.h"
#include "cache/base/mem.h"
#include "cache/base/money.h"

#define CHECK_AGAIN_MS 20

/* ---- small things ---- */

struct price_scope paid_scope(const struct engine *e, char today[static 11])
{
	clk_format_day(clk_real_ms(), today);
	return (struct price_scope){.catalogue = e->catalogue,
		.backend = e->backend,
		.fallback = e->fallback,
		.may_extend = e->bucket != NULL,
		.today = today};
}

struct output *paid_output(const struct paid *p, const struct part *part)
{
	return &p->job->run->output[part->out];
}

static bool is_open(const struct paid *p, uint32_t out)
{
	return p->job->run->output[out].state == OUTPUT_WANTED &&
	       !p->job->run->made[out].is_settled;
}

bool paid_is_free(const struct paid *p)
{
	for (uint32_t i = 0; i < p->n_cur; i++)
		if (p->part[p->cur[i]].held_ud)
			return false;
	return true;
}

static void part_finish(struct part *part)
{
	free(part->uri);
	free(part->operation);
	free(part->prefix);
	free(part->served_by);
	blob_writer_free(part->bytes);
	*part = (struct part){0};
}

static void parts_free(struct part *part, uint32_t n)
{
	for (uint32_t i = 0; part && i < n; i++)
		part_finish(&part[i]);
	free(part);
}

void paid_free(struct paid *p)
{
	if (!p)
		return;
	paid_call_clear(p);
	parts_free(p->part, p->n_parts);
	for (uint32_t i = 0; i < p->n_images; i++)
		free((void *)p->image[i].data);
	free((void *)p->last.data);
	free((void *)p->frame.data);
	buf_finish(&p->bound);
	buf_finish(&p->sent);
	free(p->ids);
	free(p);
}

/* ---- changes of the ledger ---- */

static void on_committed(struct post *post)
{
	struct paid *p = container_of(post, struct paid, post);

	p->step = PAID_IDLE;
	p->then(p->job);
}

/* The store thread. */
void paid_on_commit(void *user, const struct err *err)
{
	struct paid *p = user;

	p->commit_err = err ? *err : (struct err){0};
	loop_post(p->job->e->loop, &p->post, on_committed);
}

static void begin_commit(struct paid *p, paid_then_fn then)
{
	p->step = PAID_COMMIT;
	p->then = then;
	p->commit_err = (struct err){0};
}

static void move_ids(struct job *j, const uint64_t *ids, size_t n,
	const struct ledger_move *m, paid_then_fn then)
{
	struct paid *p = j->run->paid;
	struct err err = {0};

	begin_commit(p, then);
	if (n && ledger_move(j->e->cache, ids, n, m, paid_on_commit, p) == 0)
		return;
	if (n)
		err_oom(&err);
	paid_on_commit(p, n ? &err : NULL);
}

static void note_move(struct paid *p, const struct ledger_move *m)
{
	for (uint32_t i = 0; i < p->n_cur; i++) {
		struct part *part = &p->part[p->cur[i]];

		part->state = m->to;
		if (m->to == LEDGER_SENT)
			part->sent_ms = clk_real_ms();
	}
}

void paid_move(struct job *j, const struct ledger_move *m, paid_then_fn then)
{
	struct paid *p = j->run->paid;
	uint64_t ids[WIRE_MEDIA_MAX];

	for (uint32_t i = 0; i < p->n_cur; i++)
		ids[i] = p->part[p->cur[i]].id;
	note_move(p, m);
	move_ids(j, ids, p->n_cur, m, then);
}

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

static int on_row(void *user, const struct ledger_row *row)
{
	struct found *f = user;
	struct paid *p = f->p;
	struct part *more;

	if (row->draw != p->job->run->output[f->out].draw)
		return 0;
	if (row->state == LEDGER_UNKNOWN)
		return err_set(f->err, EIO,
			"the outcome of an earlier call is unknown, it may be paid; see "
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
			(left[i].seconds && left[i].seconds != p->plan.seconds[left[i].seg]))
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
	if (!is_plan_of(p, left, n_left))
		return err_set(err, EIO,
			"parts of this video are paid, and the plan for it has changed "
			"since; rm the file to begin anew");
	list = new_array(struct part, (size_t)n_out * p->plan.n);
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

static int order_for(struct job *j, uint32_t out, struct order_parts *own,
	struct ledger_order *ret)
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
	if (p->ids)
		memcpy(p->ids, ids, n * sizeof(*ids));
	else if (!err)
		err_oom(&oom);
	paid_on_commit(p, err ? err : p->ids ? NULL : &oom);
}

/* Rows were made in the order of the files and their parts. */
static void take_ids(struct job *j)
{
	struct paid *p = j->run->paid;
	size_t n = 0;

	for (uint32_t i = 0; i < p->n_parts && n < p->n_ids; i++)
		if (!p->part[i].state && is_open(p, p->part[i].out)) {
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
		if (!is_open(p, o))
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

	begin_commit(p, then);
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
	take_ids(j);
	budget_alert(j->e, j->uid);
	if (p->is_stopping)
		paid_failf(j, ECANCELED, "promptfs is stopping");
	else if (holds_slot)
		paid_next(j);
	else
		job_queue(j);
}

/* Nothing is bought before the ledger's totals were checked against its rows. */
static void reserve_when_checked(struct job *j)
{
	struct paid *p = j->run->paid;

	p->step = PAID_IDLE;
	if (ledger_health(j->e->cache) != LEDGER_UNCHECKED) {
		paid_reserve(j, NULL, 0, reserved);
		return;
	}
	p->step = PAID_CHECK;
	loop_timer_set(j->e->loop, &j->run->timer, clk_mono_ms() + CHECK_AGAIN_MS,
		job_on_timer);
}

static bool needs_rows(const struct paid *p)
{
	for (uint32_t i = 0; i < p->n_parts; i++)
		if (!p->part[i].state && is_open(p, p->part[i].out))
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
		begin_commit(p, reserved);
		on_reserved(p, NULL, 0, NULL);
	} else {
		reserve_when_checked(j);
	}
	return 0;
}

/* ---- the order of things ---- */

void paid_begin(struct job *j)
{
	job_set_phase(j, PHASE_CALLING);
	paid_next(j);
}

static struct part *first_unkept(struct paid *p, uint32_t out)
{
	for (uint32_t i = 0; i < p->n_parts; i++)
		if (p->part[i].out == out && !p->part[i].is_kept)
			return &p->part[i];
	return NULL;
}

static bool same_text(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

/* Takes that one call makes: those of other files that are in the same state. */
static void choose(struct job *j, const struct part *first)
{
	struct paid *p = j->run->paid;
	uint32_t max = remote_takes_max(j->e->remote, p->row);
	uint64_t seed;

	p->n_cur = 0;
	p->cur[p->n_cur++] = (uint32_t)(first - p->part);
	if (p->plan.n > 1 || limits_seed(&j->req, &seed))
		max = 1;
	if (first->state == LEDGER_ACCEPTED || first->state == LEDGER_SENT)
		max = WIRE_MEDIA_MAX;
	for (uint32_t i = p->cur[0] + 1; i < p->n_parts && p->n_cur < max; i++) {
		const struct part *q = &p->part[i];

		if (p->n_cur < WIRE_MEDIA_MAX && q->state == first->state &&
			is_open(p, q->out) && !q->is_kept && q->seg == first->seg &&
			same_text(q->operation, first->operation) &&
			same_text(q->prefix, first->prefix))
			p->cur[p->n_cur++] = i;
	}
}

/* Rows of files that ended otherwise are given back; then the job is over. */
static void close_now(struct job *j)
{
	job_close(j);
}

static size_t reserved_ids(const struct paid *p, uint64_t *ids)
{
	size_t n = 0;

	for (uint32_t i = 0; i < p->n_parts; i++)
		if (p->part[i].state == LEDGER_RESERVED)
			ids[n++] = p->part[i].id;
	return n;
}

static void release_rest(struct job *j, paid_then_fn then)
{
	static const struct ledger_move release = {
		.to = LEDGER_RELEASED, .charged_ud = -1};
	struct paid *p = j->run->paid;
	scoped_free uint64_t *ids = new_array(uint64_t, p->n_parts + 1);
	size_t n = ids ? reserved_ids(p, ids) : 0;

	for (uint32_t i = 0; ids && i < p->n_parts; i++)
		if (p->part[i].state == LEDGER_RESERVED)
			p->part[i].state = LEDGER_RELEASED;
	if (n)
		move_ids(j, ids, n, &release, then);
	else
		then(j);
}

static void next_part(struct job *j, uint32_t out)
{
	struct paid *p = j->run->paid;
	struct part *part = first_unkept(p, out);

	if (!part) {
		paid_finish(j, out);
		return;
	}
	choose(j, part);
	if (part->state == LEDGER_SENT && !(part->prefix && j->e->bucket)) {
		paid_unknown(j, EIO,
			"the answer to an earlier call was lost; it may be paid");
	} else if (part->state == LEDGER_ACCEPTED || part->state == LEDGER_SENT) {
		paid_ask(j);
	} else if (part->state == LEDGER_RESERVED) {
		paid_send(j);
	} else if (p->is_resumed && !j->tickets) {
		/* What was under way has arrived; the rest is bought when somebody asks.
		 */
		paid_failf(j, ECANCELED, "nobody waits for the rest");
	} else {
		reserve_when_checked(j);
	}
}

void paid_next(struct job *j)
{
	struct paid *p = j->run->paid;

	if (p->is_stopping) {
		paid_failf(j, ECANCELED, "promptfs is stopping");
		return;
	}
	for (uint32_t o = 0; o < j->run->pj.n_outputs; o++) {
		if (is_open(p, o)) {
			next_part(j, o);
			return;
		}
	}
	release_rest(j, close_now);
}

void paid_timer(struct job *j)
{
	struct paid *p = j->run->paid;

	switch (p->step) {
	case PAID_CHECK:
		if (p->is_stopping)
			paid_failf(j, ECANCELED, "promptfs is stopping");
		else
			reserve_when_checked(j);
		break;
	case PAID_FETCH:
		paid_fetch(j);
		break;
	default:
		p->step = PAID_IDLE;
		paid_poll(j);
		break;
	}
}

/* ---- ends ---- */

static void end_now(struct job *j)
{
	struct paid *p = j->run->paid;
	struct err err = p->end_err;

	job_end(j, &err);
}

void paid_fail(struct job *j, const struct err *err)
{
	struct paid *p = j->run->paid;

	p->end_err = *err;
	paid_call_clear(p);
	release_rest(j, end_now);
}

void paid_failf(struct job *j, int code, const char *fmt, ...)
{
	struct err err = {0};
	va_list ap;

	err.code = code;
	va_start(ap, fmt);
	vsnprintf(err.why, sizeof(err.why), fmt, ap);
	va_end(ap);
	paid_fail(j, &err);
}

void paid_store(struct job *j)
{
	job_store(j);
}

void paid_stored(struct job *j)
{
	struct paid *p = j->run->paid;

	for (uint32_t i = 0; i < p->n_cur; i++) {
		struct part *part = &p->part[p->cur[i]];
		const struct made *m = &j->run->made[part->out];

		if (m->stored > 0 && m->close.id == part->id)
			part->state = m->close.to;
	}
	paid_call_clear(p);
	job_set_phase(j, PHASE_CALLING);
	paid_next(j);
}

/* A named operation is the journal's at once; a call that is sent is not, and is waited
 * for until engine_stop loses patience and comes here. */
void paid_stop(struct job *j)
{
	struct paid *p = j->run->paid;
	struct err err = {0};
	bool was_sent;

	p->is_stopping = true;
	if (j->phase == PHASE_STORING)
		return;
	switch (p->step) {
	case PAID_COMMIT:
	case PAID_POOL:
		return;
	case PAID_TOKEN:
		token_forget(j->e->tokens, &p->token);
		break;
	case PAID_CALL:
		was_sent = p->call && http_was_sent(p->call);
		paid_call_clear(p);
		if (was_sent) {
			paid_unknown(j, EIO,
				"promptfs was stopped before the provider answered; the "
				"request may be paid");
			return;
		}
		err_set(&err, ECANCELED, "promptfs is stopping");
		paid_not_sent(j, &err);
		return;
	default:
		break;
	}
	loop_timer_clear(j->e->loop, &j->run->timer);
	p->step = PAID_IDLE;
	paid_failf(j, ECANCELED, "promptfs is stopping");
}
