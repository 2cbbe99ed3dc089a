// SPDX-License-Identifier: MIT
#define LOG_TAG "engine"
#include "backend/engine/paid/paid.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "backend/policy/optimise.h"
#include "backend/policy/price.h"
#include "cache/base/clk.h"
#include "cache/base/log.h"
#include "cache/base/mem.h"

static struct run *run_of(struct pool_item *i)
{
	return container_of(i, struct run, item);
}

static struct made *made_of(struct run *r, const struct output *o)
{
	return &r->made[o - r->output];
}

/* ---- life ---- */

static int add_output(struct run *r, uint16_t take)
{
	struct job *j = r->job;
	uint32_t n = r->pj.n_outputs++;
	struct output *o = &r->output[n];
	struct file_brief brief;
	struct digest key;

	r->made[n].req = j->req; /* borrowed: the job outlives the run */
	r->made[n].req.take = take;
	*o = (struct output){.take = take, .seed = SEED_UNKNOWN};
	if (request_key(&r->made[n].req, j->e->ns, &key) < 0)
		return -ENOMEM;
	if (cache_brief(j->e->cache, &key, &brief, &o->draw) == 0)
		o->draw = brief.draw; /* a remembered failure gives way */
	return 0;
}

static int add_outputs(struct run *r, uint64_t mask)
{
	struct job *j = r->job;
	int e = 0;

	if (j->n_takes == 1)
		return add_output(r, j->req.take);
	for (uint32_t bit = 0; bit < j->n_takes && e == 0; bit++)
		if (mask & (UINT64_C(1) << bit))
			e = add_output(r, (uint16_t)(bit + 1));
	return e;
}

static int sink_write(
	struct sink *s, struct output *o, const void *data, size_t len, struct err *err)
{
	struct run *r = container_of(s, struct run, sink);
	struct made *m = made_of(r, o);

	if (atomic_load(&r->item.stop))
		return err_set(err, ECANCELED, "stopped");
	if (!m->bytes)
		m->bytes = blob_writer_new(r->job->e->cache, err);
	if (!m->bytes)
		return err && err->code ? -err->code : -ENOMEM;
	return blob_writer_write(m->bytes, data, len, err);
}

int run_new(struct job *j, uint64_t mask, struct run **ret)
{
	struct run *r = new0(struct run);
	int n = j->n_takes == 1 ? 1 : __builtin_popcountll(mask);
	int e;

	if (!r)
		return -ENOMEM;
	r->job = j;
	r->made = new_array(struct made, (size_t)n);
	r->output = new_array(struct output, (size_t)n);
	r->sink.write = sink_write;
	r->who.uid = j->uid;
	r->who.pid = j->pid;
	snprintf(r->who.program, sizeof(r->who.program), "%s", j->program);
	e = r->made && r->output ? add_outputs(r, mask) : -ENOMEM;
	if (e == 0)
		e = optimise_prompt(&j->req, j->e->enhance, &r->prompt);
	if (e == 0)
		e = optimise_negative(&j->req, &r->negative);
	if (e < 0) {
		run_free(r);
		return e;
	}
	r->pj.req = &j->req;
	r->pj.row = j->row;
	r->pj.prompt = r->prompt.data ? r->prompt.data : "";
	r->pj.negative = r->negative.data ? r->negative.data : "";
	r->pj.output = r->output;
	atomic_init(&r->pj.permille, -1);
	*ret = r;
	return 0;
}

void run_free(struct run *r)
{
	if (!r)
		return;
	for (uint32_t i = 0; r->made && i < r->pj.n_outputs; i++) {
		record_finish(&r->made[i].rec);
		blob_writer_free(r->made[i].bytes);
		blob_writer_free(r->made[i].orig);
	}
	paid_free(r->paid);
	free(r->made);
	free(r->output);
	buf_finish(&r->prompt);
	buf_finish(&r->negative);
	free(r);
}

/* ---- on the pool ---- */

static void drop_bytes(struct made *m)
{
	blob_writer_free(steal_ptr(m->bytes));
	blob_writer_free(steal_ptr(m->orig));
}

void run_work(struct pool_item *i)
{
	struct run *r = run_of(i);
	void *ctx = r->job->e->provider.ctx;

	r->err = (struct err){0};
	r->result = r->work(ctx, &r->pj, &r->sink, &i->stop, &r->err);
	if (r->result < 0 && !r->err.code)
		err_errno(&r->err, -r->result, "the provider failed");
	/* Half an output is none; it must not be there for the next try. */
	for (uint32_t k = 0; k < r->pj.n_outputs; k++)
		if (r->output[k].state != OUTPUT_MADE)
			drop_bytes(&r->made[k]);
}

bool run_has_unstored(const struct run *r)
{
	for (uint32_t k = 0; k < r->pj.n_outputs; k++)
		if (r->output[k].state != OUTPUT_WANTED && r->made[k].stored == 0)
			return true;
	return false;
}

static int64_t estimate(const struct job *j)
{
	struct price_estimate p;

	return price_estimate(j->row, &j->req, 1, false, &p, NULL) < 0
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

static int fill_record(struct run *r, const struct output *o, struct made *m)
{
	const struct job *j = r->job;
	struct record *rec = &m->rec;
	const struct model_row *served = r->paid ? r->paid->row : j->row;
	scoped(buf_finish) struct buf path = {0};

	if (request_path(&m->req, &path) < 0)
		return -ENOMEM;
	*rec = (struct record){.state = RECORD_GENERATED,
		.type = j->req.type,
		.draw = o->draw,
		.attempts = j->attempts,
		.latency_ms = (uint32_t)(clk_mono_ms() - j->granted_ms),
		.seed = o->seed,
		.created_ms = clk_real_ms(),
		.estimate_ud = estimate(j),
		.charged_ud = o->charged_ud,
		.path = buf_detach(&path),
		.model = strdup(j->req.model),
		.served_by = strdup(served->name)};
	if (o->state != OUTPUT_MADE && fill_failure(rec, o) < 0)
		return -ENOMEM;
	if (!rec->path || !rec->model || !rec->served_by)
		return -ENOMEM;
	rec->detail = detail_json(r, o, rec);
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
	const struct output *o = &r->output[k];
	struct request_place *place = &b->place[b->n];
	int rc;

	if (o->state == OUTPUT_MADE && !m->bytes)
		return err_set(err, EPROTO, "the provider sent an empty file");
	rc = fill_record(r, o, m);
	if (rc == 0)
		rc = request_place_init(place, &m->req, r->job->e->ns, &r->who);
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
	return cache_find(r->job->e->cache, &b->place[i].key, &m->rec, NULL, &m->err);
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

void run_store(struct pool_item *i)
{
	struct run *r = run_of(i);
	scoped(batch_finish) struct batch b = {0};
	struct err err = {0};
	int rc = batch_init(&b, r->pj.n_outputs) < 0 ? err_oom(&err) : 0;

	for (uint32_t k = 0; k < r->pj.n_outputs; k++) {
		struct made *m = &r->made[k];

		if (r->output[k].state == OUTPUT_WANTED || m->stored)
			continue;
		m->err = err;
		if (rc == 0)
			m->stored = batch_add(r, k, &b, &m->err);
		else
			m->stored = rc;
	}
	if (rc == 0 && b.n)
		rc = cache_commit_all(r->job->e->cache, b.item, b.n, b.is_new, &err);
	batch_end(r, &b, rc, &err);
	/* What was paid for is served from memory if the store has no room for it. */
	for (uint32_t k = 0; k < r->pj.n_outputs; k++)
		if (r->made[k].stored && !(r->paid && r->made[k].stored == -ENOSPC))
			drop_bytes(&r->made[k]);
}
