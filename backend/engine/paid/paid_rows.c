// SPDX-License-Identifier: MIT
/* See paid_rows.h. */
#include "backend/engine/paid/paid_rows.h"

#include <errno.h>
#include <string.h>

#include "backend/engine/plan.h"
#include "backend/engine/place.h"
#include "cache/base/clk.h"
#include "cache/base/mem.h"

/* ---- what an earlier attempt left ---- */

struct found {
	struct paid *p;
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
	return (part->uri || !row->uri) && (part->operation || !row->operation) &&
	       (part->prefix || !row->prefix);
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

	if (row->draw != p->job->run->made[f->out].out.draw)
		return 0;
	if (row->state == LEDGER_RESERVED)
		return add_stale(p, row->id) < 0 ? err_oom(f->err) : 0;
	if (row->state == LEDGER_UNKNOWN)
		return err_set(f->err, EIO,
			"the outcome of an earlier call is unknown, it may be paid; "
			"see promptfs unknown, or rm the file");
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

		if (served)
			p->job->run->served = served;
	}
	return 0;
}

int rows_find(struct paid *p, struct err *err)
{
	struct run *run = p->job->run;
	int r = 0;

	for (uint32_t i = 0; i < run->pj.n_outputs && r == 0; i++) {
		struct found f = {.p = p, .out = i, .err = err};

		r = ledger_each_open(p->job->e->cache, &run->made[i].key, on_row, &f);
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

/* The parts of one output: those that are there, else as planned. */
static void lay_out(
	const struct paid *p, uint32_t out, const int64_t *held_ud, struct part *ret)
{
	for (uint32_t s = 0; s < p->plan.n; s++) {
		const struct part *old = part_of(p->part, p->n_parts, out, s);

		ret[s] = (struct part){.out = out,
			.seg = (uint16_t)s,
			.seconds = p->plan.seconds[s],
			.held_ud = held_ud[s]};
		if (old)
			ret[s] = *old;
	}
}

int rows_plan(struct paid *p, struct err *err)
{
	struct run *run = p->job->run;
	char today[11];
	struct price_scope scope = network_scope(p->net, today);
	struct plan_rule rule = {.scope = &scope,
		.named = p->job->row,
		.served = run->served,
		.req = &p->job->req};
	int64_t held_ud[LIMITS_SEGMENTS_MAX], worst_ud = 0;
	uint32_t n_out = run->pj.n_outputs;
	struct part *list;
	int r = plan_make(&rule, &p->plan, &worst_ud, err);

	if (r < 0)
		return r;
	if (!is_plan_of(p, p->part, p->n_parts))
		return err_set(err, EIO,
			"parts of this video are paid, and the plan for it has changed "
			"since; rm the file to begin anew");
	list = new_array(struct part, (size_t)n_out * p->plan.n + 1);
	if (!list)
		return err_oom(err);
	plan_share(&p->plan, worst_ud, held_ud);
	for (uint32_t o = 0; o < n_out; o++)
		lay_out(p, o, held_ud, &list[o * p->plan.n]);
	free(p->part);
	p->part = list;
	p->n_parts = n_out * p->plan.n;
	return 0;
}

static bool is_open(const struct paid *p, const struct part *part)
{
	return run_is_open(p->job->run, part->out);
}

bool rows_are_missing(const struct paid *p)
{
	for (uint32_t i = 0; i < p->n_parts; i++)
		if (!p->part[i].state && is_open(p, &p->part[i]))
			return true;
	return false;
}

bool rows_are_under_way(const struct paid *p)
{
	for (uint32_t i = 0; i < p->n_parts; i++)
		if (p->part[i].state == LEDGER_SENT ||
			p->part[i].state == LEDGER_ACCEPTED)
			return true;
	return false;
}

/* ---- changes of the ledger ---- */

static void on_committed(struct post *post)
{
	struct paid *p = container_of(post, struct paid, commit.post);
	struct paid_commit *c = &p->commit;

	/* What did not become durable did not happen. */
	for (uint32_t i = 0; c->err.code && c->moved_from && i < p->n_cur; i++)
		p->part[p->cur[i]].state = c->moved_from;
	c->moved_from = 0;
	job_advance(p->job, EVENT_DONE);
}

/* The store thread. */
static void on_commit(void *user, const struct err *err)
{
	struct paid *p = user;

	p->commit.err = err ? *err : (struct err){0};
	loop_post(p->job->e->loop, &p->commit.post, on_committed);
}

static void move_ids(
	struct paid *p, const uint64_t *ids, size_t n, const struct ledger_move *m)
{
	struct err err = {0};

	p->commit.err = (struct err){0};
	if (ledger_move(p->job->e->cache, ids, n, m, on_commit, p) == 0)
		return;
	err_oom(&err);
	on_commit(p, &err);
}

void rows_move(struct paid *p, const struct ledger_move *m)
{
	uint64_t ids[WIRE_MEDIA_MAX];

	p->commit.moved_from = p->part[p->cur[0]].state;
	for (uint32_t i = 0; i < p->n_cur; i++) {
		struct part *part = &p->part[p->cur[i]];

		ids[i] = part->id;
		part->state = m->to;
		if (m->to == LEDGER_SENT)
			part->sent_ms = clk_real_ms();
	}
	move_ids(p, ids, p->n_cur, m);
}

void rows_unsend(struct paid *p)
{
	static const struct ledger_move back = {
		.to = LEDGER_RESERVED, .charged_ud = -1};

	rows_move(p, &back);
}

/* ---- reserving ---- */

static int describe(const struct run *run, const struct request *req, struct buf *ret)
{
	scoped_json cJSON *o = cJSON_CreateObject();

	if (!o || request_to_json(req, o) < 0)
		return -ENOMEM;
	if (run->inputs.len && !cJSON_AddRawToObject(o, "inputs", run->inputs.data))
		return -ENOMEM;
	return json_print_line(ret, o);
}

/* What an order borrows. */
struct order_parts {
	struct request_place place;
	struct buf path, request;
	struct ledger_part *part;
};

static void order_parts_free(struct order_parts *own, uint32_t n)
{
	for (uint32_t i = 0; own && i < n; i++) {
		request_place_finish(&own[i].place);
		buf_finish(&own[i].path);
		buf_finish(&own[i].request);
		free(own[i].part);
	}
	free(own);
}

static int order_for(const struct paid *p, uint32_t out, struct order_parts *own,
	struct ledger_order *ret)
{
	const struct run *run = p->job->run;
	const struct made *m = &run->made[out];
	size_t n = 0;
	int r = request_place_init(&own->place, &m->req, &m->key, &run->who);

	if (r == 0)
		r = request_display(&m->req, &own->path);
	if (r == 0)
		r = describe(run, &m->req, &own->request);
	own->part = r == 0 ? new_array(struct ledger_part, p->plan.n) : NULL;
	if (!own->part)
		return -ENOMEM;
	for (uint32_t i = 0; i < p->n_parts; i++)
		if (p->part[i].out == out && !p->part[i].state)
			own->part[n++] = (struct ledger_part){.part = p->part[i].seg,
				.seconds = p->part[i].seconds,
				.held_ud = p->part[i].held_ud};
	*ret = (struct ledger_order){.place = &own->place.place,
		.draw = m->out.draw,
		.pid = run->who.pid,
		.model = m->req.model,
		.path = own->path.data,
		.request = own->request.data,
		.served_by = run->served->name,
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
	struct paid_commit *c = &p->commit;
	struct err oom = {0};

	free(c->ids);
	c->ids = err ? NULL : new_array(uint64_t, n + 1);
	c->n_ids = c->ids ? n : 0;
	if (c->n_ids)
		memcpy(c->ids, ids, n * sizeof(*ids));
	else if (!err && !c->ids)
		err_oom(&oom);
	on_commit(p, err ? err : c->ids ? NULL : &oom);
}

/* Rows were made in the order of the files and their parts. */
void rows_take(struct paid *p)
{
	size_t n = 0;

	for (uint32_t i = 0; i < p->n_parts && n < p->commit.n_ids; i++) {
		struct part *part = &p->part[i];

		if (part->state || !is_open(p, part))
			continue;
		part->id = p->commit.ids[n++];
		part->state = LEDGER_RESERVED;
	}
}

static int submit_orders(struct paid *p, struct ledger_order *order,
	struct order_parts *own, const uint64_t *instead, size_t n_instead)
{
	size_t n = 0;
	int r = 0;

	for (uint32_t o = 0; o < p->job->run->pj.n_outputs && r == 0; o++) {
		if (!run_is_open(p->job->run, o))
			continue;
		r = order_for(p, o, &own[o], &order[n]);
		if (r == 0 && order[n].n)
			n++;
	}
	if (r == 0 && n) {
		order[0].instead = instead;
		order[0].n_instead = n_instead;
		return ledger_reserve(
			p->job->e->cache, order, n, &p->net->budget, on_reserved, p);
	}
	if (r == 0)
		on_reserved(p, NULL, 0, NULL);
	return r;
}

void rows_reserve(struct job *j, const uint64_t *instead, size_t n)
{
	struct paid *p = paid_of(j);
	uint32_t n_out = j->run->pj.n_outputs;
	scoped_free struct ledger_order *order = new_array(struct ledger_order, n_out);
	struct order_parts *own = new_array(struct order_parts, n_out);
	struct err err = {0};
	int r = -ENOMEM;

	p->commit.err = (struct err){0};
	if (order && own)
		r = submit_orders(p, order, own, instead, n);
	order_parts_free(own, n_out);
	if (r < 0) {
		err_oom(&err);
		on_commit(p, &err);
	}
}

/* ---- giving back ---- */

size_t rows_reserved(const struct paid *p, uint64_t *ids)
{
	size_t n = 0;

	for (uint32_t i = 0; i < p->n_parts; i++)
		if (p->part[i].state == LEDGER_RESERVED)
			ids[n++] = p->part[i].id;
	return n;
}

void rows_release(struct paid *p, const uint64_t *ids, size_t n)
{
	static const struct ledger_move release = {
		.to = LEDGER_RELEASED, .charged_ud = -1};

	for (uint32_t i = 0; i < p->n_parts; i++)
		if (p->part[i].state == LEDGER_RESERVED)
			p->part[i].state = LEDGER_RELEASED;
	move_ids(p, ids, n, &release);
}

void rows_keep(struct paid *p)
{
	on_reserved(p, NULL, 0, NULL);
}
