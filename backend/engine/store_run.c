// SPDX-License-Identifier: MIT
/* See store_run.h. Runs on the pool; the run is its own meanwhile. */
#include "backend/engine/store_run.h"

#include <errno.h>
#include <string.h>

#include "backend/engine/detail.h"
#include "backend/engine/place.h"
#include "backend/policy/price.h"
#include "cache/base/clk.h"
#include "cache/base/mem.h"

static int64_t estimate(const struct run *r)
{
	struct price_estimate p;

	return price_estimate(r->pj.row, r->pj.req, 1, false, &p, NULL) < 0
		       ? 0
		       : p.total_udollars;
}

/* A failure that is remembered: of what, and until when. */
static int fill_failure(struct record *rec, const struct output *o)
{
	rec->state = o->state == OUTPUT_UNKNOWN ? RECORD_UNKNOWN : RECORD_FAILED;
	rec->errno_code = (uint32_t)o->err.code;
	/* What was paid and cannot be used is not bought again before rm. */
	rec->retry_at_ms = o->state == OUTPUT_REFUSED
				   ? rec->created_ms + ENGINE_REFUSAL_MS
				   : INT64_MAX;
	rec->why = strdup(o->err.why);
	return rec->why ? 0 : -ENOMEM;
}

static int fill_record(const struct run *r, struct made *m)
{
	const struct output *o = &m->out;
	struct record *rec = &m->rec;
	scoped(buf_finish) struct buf path = {0};

	if (request_path(&m->req, &path) < 0)
		return -ENOMEM;
	*rec = (struct record){.state = RECORD_GENERATED,
		.type = r->pj.req->type,
		.draw = o->draw,
		.attempts = r->attempts,
		.latency_ms = (uint32_t)(clk_mono_ms() - r->granted_ms),
		.seed = o->seed,
		.created_ms = clk_real_ms(),
		.estimate_ud = estimate(r),
		.charged_ud = o->charged_ud,
		.path = buf_detach(&path),
		.model = strdup(r->pj.req->model),
		.served_by = strdup(r->served->name)};
	if (o->state != OUTPUT_MADE && fill_failure(rec, o) < 0)
		return -ENOMEM;
	if (!rec->path || !rec->model || !rec->served_by)
		return -ENOMEM;
	rec->detail = detail_json(r, m);
	return rec->detail ? 0 : -ENOMEM;
}

/* ---- storing: all that has ended, in one commit ---- */

struct batch {
	struct cache_item *item;
	struct request_place *place;
	uint32_t *output; /* index */
	bool *is_new;
	size_t n;
};

static void batch_finish(struct batch *b)
{
	for (size_t i = 0; b->place && i < b->n; i++)
		request_place_finish(&b->place[i]);
	free(b->item);
	free(b->place);
	free(b->output);
	free(b->is_new);
}

static int batch_init(struct batch *b, uint32_t n)
{
	*b = (struct batch){.item = new_array(struct cache_item, n),
		.place = new_array(struct request_place, n),
		.output = new_array(uint32_t, n),
		.is_new = new_array(bool, n)};
	return b->item && b->place && b->output && b->is_new ? 0 : -ENOMEM;
}

static int batch_add(struct run *r, uint32_t k, struct batch *b, struct err *err)
{
	struct made *m = &r->made[k];
	const struct output *o = &m->out;
	struct request_place *place = &b->place[b->n];
	int rc;

	if (o->state == OUTPUT_MADE && !m->bytes)
		return err_set(err, EPROTO, "the provider sent an empty file");
	rc = fill_record(r, m);
	if (rc == 0)
		rc = request_place_init(place, &m->req, &m->key, &r->who);
	if (rc < 0)
		return err_oom(err);
	place->place.is_more = r->is_counted || b->n;
	b->output[b->n] = k;
	b->item[b->n++] = (struct cache_item){.place = &place->place,
		.rec = &m->rec,
		.w = o->state == OUTPUT_MADE ? m->bytes : NULL,
		.orig = o->state == OUTPUT_MADE ? m->orig : NULL,
		.close = m->close};
	return 0;
}

/* Somebody else's store of the same draw is as good. */
static int take_other(struct run *r, const struct batch *b, size_t i)
{
	struct made *m = &r->made[b->output[i]];

	record_finish(&m->rec);
	return cache_find(r->e->cache, &b->place[i].key, &m->rec, NULL, &m->err);
}

static void batch_end(struct run *r, struct batch *b, int rc, const struct err *err)
{
	for (size_t i = 0; i < b->n; i++) {
		struct made *m = &r->made[b->output[i]];
		int own = rc;

		m->err = *err;
		if (rc == 0 && !b->is_new[i])
			own = take_other(r, b, i);
		if (own < 0 && !m->err.code)
			err_errno(&m->err, -own, "the store failed");
		m->stored = own < 0 ? own : 1;
		r->is_counted |= own == 0;
	}
}

/* What was paid for is served from memory if the store has no room for it. */
static bool may_serve(const struct run *r, const struct made *m)
{
	return r->e->maker.ops->is_bought && m->stored == -ENOSPC;
}

void run_store(struct pool_item *i)
{
	struct run *r = container_of(i, struct run, item);
	scoped(batch_finish) struct batch b = {0};
	struct err err = {0};
	int rc = batch_init(&b, r->pj.n_outputs) < 0 ? err_oom(&err) : 0;

	for (uint32_t k = 0; k < r->pj.n_outputs; k++) {
		struct made *m = &r->made[k];

		if (m->out.state == OUTPUT_WANTED || m->stored)
			continue;
		m->err = err;
		if (rc == 0)
			m->stored = batch_add(r, k, &b, &m->err);
		else
			m->stored = rc;
	}
	if (rc == 0 && b.n)
		rc = cache_commit_all(r->e->cache, b.item, b.n, b.is_new, &err);
	batch_end(r, &b, rc, &err);
	for (uint32_t k = 0; k < r->pj.n_outputs; k++)
		if (r->made[k].stored && !may_serve(r, &r->made[k]))
			made_drop_bytes(&r->made[k]);
}
