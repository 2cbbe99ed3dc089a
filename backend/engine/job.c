// SPDX-License-Identifier: MIT
#define LOG_TAG "engine"
#include "backend/engine/unstored.h"
#include "backend/engine/paid/paid.h"

#include <errno.h>
#include <string.h>

#include "cache/base/clk.h"
#include "cache/base/log.h"
#include "cache/base/mem.h"

const char *job_phase_name(enum job_phase phase)
{
	static const char *const name[] = {
		[PHASE_RESERVING] = "reserving",
		[PHASE_QUEUED] = "queued",
		[PHASE_WAITING] = "waiting",
		[PHASE_CALLING] = "calling",
		[PHASE_WORKING] = "working",
		[PHASE_STORING] = "storing",
		[PHASE_BACKOFF] = "backoff",
		[PHASE_ENDED] = "ended",
	};

	return name[phase];
}

uint32_t job_bit(const struct job *j, uint16_t take)
{
	return j->n_takes == 1 ? 0 : take - 1u;
}

void job_set_phase(struct job *j, enum job_phase phase)
{
	if (log_enabled(LOG_LEVEL_DEBUG)) {
		char hex[DIGEST_HEX];

		digest_hex(&j->flight.key, hex);
		log_debug("job %.12s: %s -> %s model=%s attempt=%u", hex,
			job_phase_name(j->phase), job_phase_name(phase), j->req.model,
			j->attempts);
	}
	pthread_mutex_lock(&j->e->lock);
	j->phase = phase;
	pthread_mutex_unlock(&j->e->lock);
}

bool engine_is_stopping(struct engine *e)
{
	bool is;

	pthread_mutex_lock(&e->lock);
	is = e->is_stopping;
	pthread_mutex_unlock(&e->lock);
	return is;
}

/* ---- slots ---- */

void job_release_slot(struct job *j)
{
	struct engine *e = j->e;

	if (!j->run || !j->run->is_granted)
		return;
	j->run->is_granted = false;
	e->room_bytes -= j->run->room_bytes;
	j->run->room_bytes = 0;
	pthread_mutex_lock(&e->lock);
	e->n_active--;
	pthread_mutex_unlock(&e->lock);
}

int job_enqueue(struct job *j)
{
	int r;

	pthread_mutex_lock(&j->e->lock);
	r = slots_push(&j->e->slots, j->priority, j->uid, j->program, &j->slot);
	pthread_mutex_unlock(&j->e->lock);
	if (r == 0)
		job_set_phase(j, PHASE_QUEUED);
	return r;
}

void engine_dispatch(struct engine *e)
{
	/* A job that ends at once comes back here: the outer call goes on instead. */
	if (e->is_dispatching)
		return;
	e->is_dispatching = true;
	for (;;) {
		struct slot_entry *s = NULL;

		pthread_mutex_lock(&e->lock);
		if (!e->is_stopping && e->n_active < e->max_concurrent)
			s = slots_pop(&e->slots);
		e->n_active += s != NULL;
		pthread_mutex_unlock(&e->lock);
		if (!s)
			break;
		job_advance(container_of(s, struct job, slot), EVENT_SLOT);
	}
	e->is_dispatching = false;
}

static void job_fail(struct job *j, int code, const char *why)
{
	struct err err = {0};

	err_set(&err, code, "%s", why);
	job_end(j, &err);
}

/* ---- transitions: one function each ---- */

static void job_step(struct job *j, const struct outcome *last);

void job_on_timer(struct timer *t)
{
	job_advance(container_of(t, struct run, timer)->job, EVENT_TIMER);
}

static void on_pool(struct pool_item *i)
{
	job_advance(container_of(i, struct run, item)->job, EVENT_POOL);
}

static void job_wait(struct job *j, int64_t until_ms)
{
	job_set_phase(j, PHASE_WAITING);
	loop_timer_set(j->e->loop, &j->run->timer, until_ms, job_on_timer);
}

static void job_work(struct job *j, provider_work_fn work)
{
	job_set_phase(j, PHASE_WORKING);
	j->run->work = work;
	atomic_store(&j->run->item.stop, false);
	pool_submit(j->e->pool, POOL_JOB, &j->run->item, run_work, on_pool);
}

void job_store(struct job *j)
{
	job_set_phase(j, PHASE_STORING);
	atomic_store(&j->run->item.stop, false); /* what is made is kept */
	pool_submit(j->e->pool, POOL_JOB, &j->run->item, run_store, on_pool);
}

void job_pause(struct job *j, int64_t delay_ms)
{
	job_set_phase(j, PHASE_BACKOFF);
	job_release_slot(j);
	loop_timer_set(
		j->e->loop, &j->run->timer, clk_mono_ms() + delay_ms, job_on_timer);
	engine_dispatch(j->e);
}

void job_back_off(struct job *j, int64_t delay_ms, const struct err *err)
{
	log_info("%s; trying again in %lld ms model=%s attempt=%u", err->why,
		(long long)delay_ms, j->req.model, j->attempts);
	job_pause(j, delay_ms);
}

/* Chance, not secrecy: a linear congruential generator will do. */
uint32_t job_random(struct engine *e)
{
	e->random = e->random * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(e->random >> 32);
}

static void job_failed(struct job *j, struct step *s)
{
	const struct err *err = &s->failed.err;
	struct run *r = j->run;
	int64_t delay;

	if (r->is_stopped) {
		job_fail(j, ECANCELED, "promptfs is stopping");
	} else if (s->failed.is_refusal) {
		for (uint32_t i = 0; i < r->pj.n_outputs; i++)
			if (r->output[i].state == OUTPUT_WANTED) {
				r->output[i].state = OUTPUT_REFUSED;
				r->output[i].err = *err;
			}
		r->is_last = true;
		job_store(j);
	} else if (err->transient && retry_may_help(err->code) &&
		   !engine_is_stopping(j->e) &&
		   retry_delay(&j->e->retry, j->attempts, clk_mono_ms() - j->granted_ms,
			   s->failed.retry_after_ms, job_random(j->e), &delay)) {
		job_back_off(j, delay, err);
	} else {
		job_end(j, err);
	}
}

static void job_step(struct job *j, const struct outcome *last)
{
	const struct provider *p = &j->e->provider;
	struct step s = {.kind = STEP_DONE};

	if (j->run->is_stopped) {
		job_fail(j, ECANCELED, "promptfs is stopping");
		return;
	}
	p->ops->next(p->ctx, &j->run->pj, last, &s);
	switch (s.kind) {
	case STEP_WAIT:
		job_wait(j, s.until_ms);
		break;
	case STEP_WORK:
		job_work(j, s.work);
		break;
	case STEP_DONE:
		job_fail(j, EPROTO,
			"the provider made fewer files than it was asked for");
		break;
	case STEP_FAILED:
		job_failed(j, &s);
		break;
	}
}

/* -ENOSPC, -ENOMEM with a sentence. */
static int prepare(struct job *j, struct err *err)
{
	struct engine *e = j->e;
	uint64_t room;
	int r = j->run ? 0 : job_make_run(j, job_takes_to_make(j), err);

	if (r < 0)
		return r;
	pthread_mutex_lock(&e->lock);
	if (!j->granted_ms)
		j->granted_ms = clk_mono_ms();
	pthread_mutex_unlock(&e->lock);
	j->run->is_granted = true;
	room = room_needed(j->row, &j->req, j->run->pj.n_outputs);
	r = cache_room_for(e->cache, e->room_bytes + room, err);
	if (r < 0)
		return err_wrap(err, r, "no room for the result");
	j->run->room_bytes = room;
	e->room_bytes += room;
	return 0;
}

static void job_begin(struct job *j)
{
	struct outcome begin = {.kind = OUTCOME_BEGIN, .now_ms = clk_mono_ms()};
	struct err err = {0};

	if (prepare(j, &err) < 0) {
		if (!j->run) { /* release_slot does it for a run */
			pthread_mutex_lock(&j->e->lock);
			j->e->n_active--;
			pthread_mutex_unlock(&j->e->lock);
		}
		if (j->run && j->run->paid)
			paid_fail(j, &err);
		else
			job_end(j, &err);
		return;
	}
	if (j->run->paid) {
		paid_begin(j);
		return;
	}
	j->attempts++;
	job_step(j, &begin);
}

static void job_waited(struct job *j)
{
	struct outcome o = {.kind = OUTCOME_WAITED, .now_ms = clk_mono_ms()};

	if (j->run->paid)
		paid_timer(j);
	else
		job_step(j, &o);
}

static void job_report(struct job *j)
{
	struct run *r = j->run;
	struct outcome o = {.kind = OUTCOME_WORKED,
		.now_ms = clk_mono_ms(),
		.result = r->result,
		.err = &r->err};
	bool all = true;

	for (uint32_t i = 0; i < r->pj.n_outputs; i++)
		all &= r->made[i].is_settled;
	if (r->paid)
		paid_stored(j);
	else if (all || r->is_last)
		job_close(j);
	else
		job_step(j, &o);
}

static void job_worked(struct job *j)
{
	struct run *r = j->run;

	if (!r->item.was_run) {
		r->is_stopped = true;
		r->result = err_set(&r->err, ECANCELED, "stopped");
	}
	if (run_has_unstored(r))
		job_store(j);
	else
		job_report(j);
}

/* What the store counts as failed already. */
static void log_outcome(const struct job *j, const struct output *o)
{
	char hex[DIGEST_HEX];

	digest_hex(&j->flight.key, hex);
	log_warn("%s job=%.12s model=%s take=%u charged_ud=%lld", o->err.why, hex,
		j->req.model, (unsigned)o->take, (long long)o->charged_ud);
}

/* Readers are served, and told. */
static bool serve_from_memory(struct job *j, const struct output *o, struct made *m)
{
	scoped(buf_finish) struct buf path = {0};
	struct digest key;
	struct err err = {0};

	if (!j->run->paid || m->stored != -ENOSPC || o->state != OUTPUT_MADE ||
		!m->bytes || !lodged_take(j->run, m))
		return false;
	err_set(&err, ENOSPC,
		"the store is full: this file is served from memory until there is "
		"room, "
		"and is lost if promptfs ends before; free some, or run promptfs "
		"prune");
	log_error("%s", err.why);
	job_settle(j, o->take, &m->rec, NULL);
	if (request_key(&m->req, j->e->ns, &key) == 0 &&
		request_display(&m->req, &path) == 0)
		errors_add(j->e->errors, &key, path.data, &err, clk_real_ms());
	return true;
}

static void job_stored(struct job *j)
{
	struct run *r = j->run;

	for (uint32_t i = 0; i < r->pj.n_outputs; i++) {
		struct made *m = &r->made[i];
		const struct output *o = &r->output[i];

		if (!m->stored || m->is_settled)
			continue;
		m->is_settled = true;
		if (m->stored < 0 && serve_from_memory(j, o, m)) {
			continue;
		} else if (m->stored < 0) {
			job_count_failure(j, &m->err);
			job_settle(j, o->take, NULL, &m->err);
		} else if (o->state == OUTPUT_MADE) {
			job_settle(j, o->take, &m->rec, NULL);
		} else {
			log_outcome(j, o);
			job_settle(j, o->take, NULL, &o->err);
		}
		if (m->stored > 0 && o->state == OUTPUT_MADE)
			measure_start(j->e, &m->req, j->uid);
	}
	job_report(j);
}

void job_queue(struct job *j)
{
	struct err err = {0};

	if (job_enqueue(j) == 0) {
		engine_dispatch(j->e);
		return;
	}
	err_oom(&err);
	if (j->run && j->run->paid)
		paid_fail(j, &err);
	else
		job_end(j, &err);
}

static void job_stop(struct job *j)
{
	struct run *r = j->run;

	pthread_mutex_lock(&j->e->lock);
	slots_remove(&j->e->slots, &j->slot);
	pthread_mutex_unlock(&j->e->lock);
	if (r && r->paid) {
		paid_stop(j);
		return;
	}
	if (r && (j->phase == PHASE_WORKING || j->phase == PHASE_STORING)) {
		r->is_stopped = true;
		if (j->phase == PHASE_WORKING)
			atomic_store(&r->item.stop, true);
		return;
	}
	if (r)
		loop_timer_clear(j->e->loop, &r->timer);
	job_fail(j, ECANCELED, "promptfs is stopping");
}

void job_advance(struct job *j, enum job_event event)
{
	if (event == EVENT_STOP) {
		job_stop(j);
		return;
	}
	switch (j->phase) {
	case PHASE_QUEUED:
		job_begin(j);
		break;
	case PHASE_RESERVING:
	case PHASE_WAITING:
	case PHASE_CALLING:
		job_waited(j);
		break;
	case PHASE_WORKING:
		job_worked(j);
		break;
	case PHASE_STORING:
		job_stored(j);
		break;
	case PHASE_BACKOFF:
		job_queue(j);
		break;
	case PHASE_ENDED:
		break;
	}
}
