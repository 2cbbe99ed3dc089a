// SPDX-License-Identifier: MIT
/* See local_maker.h. */
#include "backend/engine/local_maker.h"

#include <errno.h>

#include "backend/engine/job.h"
#include "cache/base/clk.h"
#include "cache/base/mem.h"

/* run->making, from the first begin to the end of the run. */
struct local {
	struct run *run;
	const struct provider *provider;
	struct sink sink;
	provider_work_fn work; /* while the pool has it */
	int result;            /* of the last work */
	struct err err;
	bool is_last; /* ends after storing */
	bool is_stopped;
};

static const struct err stopping = {.code = ECANCELED, .why = "promptfs is stopping"};

static struct local *local_of(const struct job *j)
{
	return j->run->making;
}

/* ---- on the pool ---- */

static int sink_write(
	struct sink *s, struct output *o, const void *data, size_t len, struct err *err)
{
	struct run *r = container_of(s, struct local, sink)->run;
	struct made *m = container_of(o, struct made, out);

	if (atomic_load(&r->item.stop))
		return err_set(err, ECANCELED, "stopped");
	if (!m->bytes)
		m->bytes = blob_writer_new(r->e->cache, err);
	if (!m->bytes)
		return err && err->code ? -err->code : -ENOMEM;
	return blob_writer_write(m->bytes, data, len, err);
}

static void work(struct pool_item *i)
{
	struct run *r = container_of(i, struct run, item);
	struct local *l = r->making;

	l->err = (struct err){0};
	l->result = l->work(l->provider->ctx, &r->pj, &l->sink, &i->stop, &l->err);
	if (l->result < 0 && !l->err.code)
		err_errno(&l->err, -l->result, "the provider failed");
	/* Half an output is none; it must not be there for the next try. */
	for (uint32_t k = 0; k < r->pj.n_outputs; k++)
		if (r->made[k].out.state != OUTPUT_MADE)
			made_drop_bytes(&r->made[k]);
}

/* ---- one step ---- */

/* A filter said no: that is an end of the outputs, and remembered. */
static void refuse(struct job *j, const struct err *err)
{
	for (uint32_t i = 0; i < j->run->pj.n_outputs; i++) {
		struct output *o = &j->run->made[i].out;

		if (o->state == OUTPUT_WANTED) {
			o->state = OUTPUT_REFUSED;
			o->err = *err;
		}
	}
	local_of(j)->is_last = true;
	job_store(j);
}

static void failed(struct job *j, const struct step *s)
{
	const struct err *err = &s->failed.err;
	int64_t delay;

	if (s->failed.is_refusal)
		refuse(j, err);
	else if (err->transient && job_may_retry(j, err, j->run->attempts,
					   s->failed.retry_after_ms, &delay))
		job_back_off(j, delay, err);
	else
		job_end(j, err);
}

static void step(struct job *j, const struct outcome *last)
{
	static const struct err too_few = {.code = EPROTO,
		.why = "the provider made fewer files than it was asked for"};
	struct local *l = local_of(j);
	struct step s = {.kind = STEP_DONE};

	if (l->is_stopped) {
		job_end(j, &stopping);
		return;
	}
	l->provider->ops->next(l->provider->ctx, &j->run->pj, last, &s);
	switch (s.kind) {
	case STEP_WAIT:
		job_timer(j, s.until_ms);
		break;
	case STEP_WORK:
		l->work = s.work;
		job_work(j, work);
		break;
	case STEP_DONE:
		job_end(j, &too_few);
		break;
	case STEP_FAILED:
		failed(j, &s);
		break;
	}
}

/* ---- the table ---- */

static int local_can_make(void *ctx, const struct model_row *row,
	const struct request *req, struct err *err)
{
	const struct provider *p = ctx;

	return p->ops->can_make(p->ctx, row, req, err);
}

/* A run comes with the slot: ten thousand that wait need none. */
static int local_start(struct job *j, uint64_t mask, struct err *err)
{
	(void)mask;
	return job_enqueue(j) < 0 ? err_oom(err) : 0;
}

static int make_local(struct job *j)
{
	struct local *l = new0(struct local);

	if (!l)
		return -ENOMEM;
	l->run = j->run;
	l->provider = j->e->maker.ctx;
	l->sink.write = sink_write;
	j->run->making = l;
	return 0;
}

static void local_begin(struct job *j)
{
	struct outcome begin = {.kind = OUTCOME_BEGIN, .now_ms = clk_mono_ms()};
	struct err err = {0};

	if (!j->run->making && make_local(j) < 0) {
		err_oom(&err);
		job_end(j, &err);
		return;
	}
	j->run->attempts++;
	step(j, &begin);
}

static void report(struct job *j)
{
	struct local *l = local_of(j);
	struct outcome o = {.kind = OUTCOME_WORKED,
		.now_ms = clk_mono_ms(),
		.result = l->result,
		.err = &l->err};
	bool all = true;

	for (uint32_t i = 0; i < j->run->pj.n_outputs; i++)
		all &= j->run->made[i].is_told;
	if (all || l->is_last)
		job_close(j);
	else
		step(j, &o);
}

static void worked(struct job *j)
{
	struct local *l = local_of(j);

	l->work = NULL;
	if (!j->run->item.was_run) {
		l->is_stopped = true;
		l->result = err_set(&l->err, ECANCELED, "stopped");
	}
	if (run_has_unstored(j->run))
		job_store(j);
	else
		report(j);
}

static void local_event(struct job *j)
{
	struct outcome waited = {.kind = OUTCOME_WAITED, .now_ms = clk_mono_ms()};

	if (local_of(j)->work)
		worked(j);
	else
		step(j, &waited);
}

static void local_stop(struct job *j)
{
	struct local *l = local_of(j);

	if (l && (l->work || j->phase == PHASE_STORING)) {
		l->is_stopped = true;
		if (l->work)
			atomic_store(&j->run->item.stop, true);
		return;
	}
	loop_timer_clear(j->e->loop, &j->run->timer);
	job_end(j, &stopping);
}

static bool local_can_wait(const struct job *j)
{
	(void)j;
	return false;
}

static void local_drop(struct run *r)
{
	free(r->making);
}

static void local_free(void *ctx)
{
	struct provider *p = ctx;

	if (p && p->ops->free)
		p->ops->free(p->ctx);
	free(p);
}

int local_maker_new(const struct provider *p, struct maker *ret)
{
	static const struct maker_ops ops = {.can_make = local_can_make,
		.start = local_start,
		.begin = local_begin,
		.event = local_event,
		.stored = report,
		.stop = local_stop,
		.can_wait = local_can_wait,
		.fail = job_end,
		.drop = local_drop,
		.free = local_free};
	struct provider *own = new0(struct provider);

	if (!own) {
		if (p->ops->free)
			p->ops->free(p->ctx);
		return -ENOMEM;
	}
	*own = *p;
	*ret = (struct maker){.ops = &ops,
		.ctx = own,
		.name = p->ops->name,
		.note = p->ops->note,
		.is_paid = p->ops->is_paid};
	return 0;
}
