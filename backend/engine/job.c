// SPDX-License-Identifier: MIT
/* The phases of a job: slots, the store, telling readers. The loop thread. */
#define LOG_TAG "engine"
#include "backend/engine/job.h"

#include <errno.h>
#include <string.h>

#include "backend/engine/admit.h"
#include "backend/engine/measuring.h"
#include "backend/engine/store_run.h"
#include "backend/engine/unstored.h"
#include "cache/base/clk.h"
#include "cache/base/log.h"
#include "cache/base/mem.h"

static const struct maker_ops *maker(const struct job *j)
{
	return j->e->maker.ops;
}

static const char *phase_name(enum job_phase phase)
{
	static const char *const name[] = {
		[PHASE_STARTING] = "starting",
		[PHASE_QUEUED] = "queued",
		[PHASE_MAKING] = "making",
		[PHASE_STORING] = "storing",
		[PHASE_PAUSED] = "paused",
		[PHASE_ENDED] = "ended",
	};

	return name[phase];
}

void job_set_phase(struct job *j, enum job_phase phase)
{
	if (log_enabled(LOG_LEVEL_DEBUG)) {
		char hex[DIGEST_HEX];

		digest_hex(&j->flight.key, hex);
		log_debug("job %.12s: %s -> %s model=%s attempt=%u", hex,
			phase_name(j->phase), phase_name(phase), j->req.model,
			j->run ? j->run->attempts : 0);
	}
	pthread_mutex_lock(&j->e->lock);
	j->phase = phase;
	pthread_mutex_unlock(&j->e->lock);
}

/* ---- slots ---- */

static void give_back_slot(struct engine *e)
{
	pthread_mutex_lock(&e->lock);
	e->work.n_active--;
	pthread_mutex_unlock(&e->lock);
}

void job_release_slot(struct job *j)
{
	struct run *r = j->run;

	if (!r || !r->is_granted)
		return;
	r->is_granted = false;
	j->e->work.room_bytes -= r->room_bytes;
	r->room_bytes = 0;
	give_back_slot(j->e);
}

int job_enqueue(struct job *j)
{
	struct engine *e = j->e;
	int r;

	pthread_mutex_lock(&e->lock);
	r = slots_push(&e->work.slots, j->priority, j->uid, j->program, &j->slot);
	pthread_mutex_unlock(&e->lock);
	if (r == 0)
		job_set_phase(j, PHASE_QUEUED);
	return r;
}

void engine_dispatch(struct engine *e)
{
	struct engine_work *w = &e->work;

	/* A job that ends at once comes back here: the outer call goes on instead. */
	if (w->is_dispatching)
		return;
	w->is_dispatching = true;
	for (;;) {
		struct slot_entry *s = NULL;

		pthread_mutex_lock(&e->lock);
		if (!e->stopping.is_wanted && w->n_active < e->rules.max_concurrent)
			s = slots_pop(&w->slots);
		w->n_active += s != NULL;
		pthread_mutex_unlock(&e->lock);
		if (!s)
			break;
		job_advance(container_of(s, struct job, slot), EVENT_SLOT);
	}
	w->is_dispatching = false;
}

/* ---- for makers ---- */

static void on_timer(struct timer *t)
{
	job_advance(container_of(t, struct run, timer)->job, EVENT_TIMER);
}

static void on_pool(struct pool_item *i)
{
	job_advance(container_of(i, struct run, item)->job, EVENT_POOL);
}

void job_timer(struct job *j, int64_t until_ms)
{
	loop_timer_set(j->e->loop, &j->run->timer, until_ms, on_timer);
}

void job_work(struct job *j, void (*work)(struct pool_item *i))
{
	atomic_store(&j->run->item.stop, false);
	pool_submit(j->e->pool, POOL_JOB, &j->run->item, work, on_pool);
}

void job_store(struct job *j)
{
	job_set_phase(j, PHASE_STORING);
	job_work(j, run_store); /* what is made is kept: it does not look at `stop` */
}

void job_pause(struct job *j, int64_t delay_ms)
{
	job_set_phase(j, PHASE_PAUSED);
	job_release_slot(j);
	job_timer(j, clk_mono_ms() + delay_ms);
	engine_dispatch(j->e);
}

void job_back_off(struct job *j, int64_t delay_ms, const struct err *err)
{
	log_info("%s; trying again in %lld ms model=%s attempt=%u", err->why,
		(long long)delay_ms, j->req.model, j->run->attempts);
	job_pause(j, delay_ms);
}

bool job_may_retry(struct job *j, const struct err *err, uint32_t tries,
	int64_t retry_after_ms, int64_t *ret_delay_ms)
{
	return retry_may_help(err->code) && !engine_is_stopping(j->e) &&
	       retry_delay(&j->e->rules.retry, tries,
		       clk_mono_ms() - j->run->granted_ms, retry_after_ms,
		       engine_random(j->e), ret_delay_ms);
}

/* ---- beginning ---- */

/* -ENOSPC, -ENOMEM with a sentence. */
static int prepare(struct job *j, struct err *err)
{
	struct engine *e = j->e;
	uint64_t room;
	int r = j->run ? 0 : job_make_run(j, 0, err);

	if (r < 0)
		return r;
	if (!j->run->granted_ms)
		j->run->granted_ms = clk_mono_ms();
	j->run->is_granted = true;
	room = room_needed(j->row, &j->req, j->run->pj.n_outputs);
	r = cache_room_for(e->cache, e->work.room_bytes + room, err);
	if (r < 0)
		return err_wrap(err, r, "no room for the result");
	j->run->room_bytes = room;
	e->work.room_bytes += room;
	return 0;
}

/* Without a run nothing is held. */
static void fail(struct job *j, const struct err *err)
{
	if (j->run)
		maker(j)->fail(j, err);
	else
		job_end(j, err);
}

static void job_begin(struct job *j)
{
	struct err err = {0};

	if (prepare(j, &err) == 0) {
		job_set_phase(j, PHASE_MAKING);
		maker(j)->begin(j);
		return;
	}
	if (!j->run) /* else job_release_slot does it */
		give_back_slot(j->e);
	fail(j, &err);
}

void job_queue(struct job *j)
{
	struct err err = {0};

	if (job_enqueue(j) == 0) {
		engine_dispatch(j->e);
	} else {
		err_oom(&err);
		fail(j, &err);
	}
}

/* ---- stored ---- */

/* What the store counts as failed already. */
static void log_outcome(const struct job *j, const struct output *o)
{
	char hex[DIGEST_HEX];

	digest_hex(&j->flight.key, hex);
	log_warn("%s job=%.12s model=%s take=%u charged_ud=%lld", o->err.why, hex,
		j->req.model, (unsigned)o->take, (long long)o->charged_ud);
}

/* Readers are served, and told. */
static bool serve_from_memory(struct job *j, struct made *m)
{
	scoped(buf_finish) struct buf path = {0};
	struct err err = {0};

	if (!maker(j)->is_bought || m->stored != -ENOSPC ||
		m->out.state != OUTPUT_MADE || !m->bytes || !unstored_take(j->run, m))
		return false;
	err_set(&err, ENOSPC,
		"the store is full: this file is served from memory until there is "
		"room, and is lost if promptfs ends before; "
		"free some, or run promptfs prune");
	log_error("%s", err.why);
	job_tell(j, m->out.take, &m->rec, NULL);
	if (request_display(&m->req, &path) == 0)
		errors_add(j->e->errors, &m->key, path.data, &err, clk_real_ms());
	return true;
}

static void tell_how_it_ended(struct job *j, struct made *m)
{
	m->is_told = true;
	if (m->stored < 0 && serve_from_memory(j, m))
		return;
	if (m->stored < 0) {
		job_count_failure(j, &m->err);
		job_tell(j, m->out.take, NULL, &m->err);
	} else if (m->out.state == OUTPUT_MADE) {
		job_tell(j, m->out.take, &m->rec, NULL);
		measure_start(j->e, &m->req, &m->key, j->uid);
	} else {
		log_outcome(j, &m->out);
		job_tell(j, m->out.take, NULL, &m->out.err);
	}
}

static void job_stored(struct job *j)
{
	struct run *r = j->run;

	for (uint32_t i = 0; i < r->pj.n_outputs; i++)
		if (r->made[i].stored && !r->made[i].is_told)
			tell_how_it_ended(j, &r->made[i]);
	job_set_phase(j, PHASE_MAKING);
	maker(j)->stored(j);
}

/* ---- what happens to it ---- */

static void job_stop(struct job *j)
{
	static const struct err stopping = {
		.code = ECANCELED, .why = "promptfs is stopping"};

	pthread_mutex_lock(&j->e->lock);
	slots_remove(&j->e->work.slots, &j->slot);
	pthread_mutex_unlock(&j->e->lock);
	if (j->run)
		maker(j)->stop(j);
	else
		job_end(j, &stopping);
}

void job_advance(struct job *j, enum job_event event)
{
	switch (event) {
	case EVENT_SLOT:
		job_begin(j);
		break;
	case EVENT_TIMER:
		if (j->phase == PHASE_PAUSED)
			job_queue(j);
		else
			maker(j)->event(j);
		break;
	case EVENT_POOL:
		if (j->phase == PHASE_STORING)
			job_stored(j);
		else
			maker(j)->event(j);
		break;
	case EVENT_DONE:
		maker(j)->event(j);
		break;
	case EVENT_STOP:
		job_stop(j);
		break;
	}
}
