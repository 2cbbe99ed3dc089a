// SPDX-License-Identifier: MIT
#define LOG_TAG "engine"
#include "backend/engine/parts.h"

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
	for (uint32_t i = 0; r->made && i < r->pj.n_outputs; i++)
		record_finish(&r->made[i].rec);
	free(r->made);
	free(r->output);
	buf_finish(&r->prompt);
	buf_finish(&r->negative);
	free(r);
}

/* ---- on the pool ---- */

static void drop_bytes(struct made *m)
{
	blob_writer_free(m->bytes);
	m->bytes = NULL;
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

static int fill_record(struct run *r, const struct output *o, struct made *m)
{
	const struct job *j = r->job;
	struct record *rec = &m->rec;
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
		.served_by = strdup(j->row->name)};
	if (o->state == OUTPUT_REFUSED) {
		rec->state = RECORD_FAILED;
		rec->errno_code = (uint32_t)o->err.code;
		rec->retry_at_ms = rec->created_ms + ENGINE_REFUSAL_MS;
		rec->why = strdup(o->err.why);
		if (!rec->why)
			return -ENOMEM;
	}
	if (!rec->path || !rec->model || !rec->served_by)
		return -ENOMEM;
	rec->detail = detail_json(r, o, rec);
	return rec->detail ? 0 : -ENOMEM;
}

static int commit(struct run *r, const struct output *o, struct made *m)
{
	struct engine *e = r->job->e;
	struct request_place place = {0};
	int rc;

	if (o->state == OUTPUT_MADE && !m->bytes)
		return err_set(&m->err, EPROTO, "the provider sent an empty file");
	rc = fill_record(r, o, m);
	if (rc == 0)
		rc = request_place_init(&place, &m->req, e->ns, &r->who);
	if (rc < 0)
		return err_oom(&m->err);
	place.place.is_more = r->is_counted;
	rc = cache_commit(e->cache, &place.place, &m->rec,
		o->state == OUTPUT_MADE ? m->bytes : NULL, NULL, &m->err);
	r->is_counted |= rc == 0;
	if (rc == -EEXIST) { /* somebody else's store of the same draw: as good */
		record_finish(&m->rec);
		m->rec = (struct record){0};
		rc = cache_find(e->cache, &place.key, &m->rec, NULL, &m->err);
	}
	request_place_finish(&place);
	if (rc < 0 && !m->err.code)
		err_errno(&m->err, -rc, "the store failed");
	return rc;
}

void run_store(struct pool_item *i)
{
	struct run *r = run_of(i);

	for (uint32_t k = 0; k < r->pj.n_outputs; k++) {
		struct made *m = &r->made[k];
		int rc;

		if (r->output[k].state == OUTPUT_WANTED || m->stored)
			continue;
		rc = commit(r, &r->output[k], m);
		m->stored = rc < 0 ? rc : 1;
		drop_bytes(m);
	}
}
