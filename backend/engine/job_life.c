// SPDX-License-Identifier: MIT
/* How jobs come into being, and end. The loop thread. */
#define LOG_TAG "engine"
#include "backend/engine/job.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cache/base/clk.h"
#include "cache/base/log.h"
#include "cache/base/mem.h"

static int add_takes(struct job *j)
{
	struct request req = j->req; /* borrows */

	j->by_take = new_array(struct flight, j->n_takes);
	for (uint32_t i = 0; j->by_take && i < j->n_takes; i++) {
		req.take = (uint16_t)(i + 1);
		if (request_key(&req, j->e->ns, &j->by_take[i].key) < 0)
			return -ENOMEM;
		j->by_take[i].owner = j;
	}
	return j->by_take ? 0 : -ENOMEM;
}

static void job_free(struct job *j)
{
	request_finish(&j->req);
	free(j->by_take);
	free(j->program);
	free(j);
}

static void list(struct job *j)
{
	struct engine *e = j->e;

	flights_add(&e->work.flights, &j->flight);
	for (uint32_t i = 0; j->by_take && i < j->n_takes; i++)
		flights_add(&e->work.flights, &j->by_take[i]);
	j->prev = e->work.last;
	*(j->prev ? &j->prev->next : &e->work.first) = j;
	e->work.last = j;
	e->work.n_jobs++;
}

static void unlist(struct job *j)
{
	struct engine *e = j->e;

	flights_remove(&e->work.flights, &j->flight);
	for (uint32_t i = 0; j->by_take && i < j->n_takes; i++)
		flights_remove(&e->work.flights, &j->by_take[i]);
	*(j->prev ? &j->prev->next : &e->work.first) = j->next;
	*(j->next ? &j->next->prev : &e->work.last) = j->prev;
	if (--e->work.n_jobs == 0)
		pthread_cond_broadcast(&e->idle);
}

static uint64_t takes_to_make(const struct job *j)
{
	uint64_t missing = 0;
	bool is_new = true;

	if (j->n_takes == 1)
		return 1;
	for (uint32_t i = 0; i < j->n_takes; i++) {
		struct file_brief b = {0};
		uint32_t draw = 0;
		int r = cache_brief(j->e->cache, &j->by_take[i].key, &b, &draw);

		is_new &= r == -ENOENT && draw == 0;
		if (r < 0 || b.state != RECORD_GENERATED)
			missing |= UINT64_C(1) << i;
	}
	return is_new ? missing : missing & j->wanted & ~j->told;
}

static void add_outputs(struct job *j, struct run *r, uint64_t mask)
{
	if (j->n_takes == 1)
		run_add(r, j->req.take, &j->flight.key);
	for (uint32_t bit = 0; j->n_takes > 1 && bit < j->n_takes; bit++)
		if (mask & (UINT64_C(1) << bit))
			run_add(r, (uint16_t)(bit + 1), &j->by_take[bit].key);
}

int job_make_run(struct job *j, uint64_t mask, struct err *err)
{
	struct engine_who who = {.uid = j->uid, .pid = j->pid};
	struct run *run;

	if (!mask)
		mask = takes_to_make(j);
	snprintf(who.program, sizeof(who.program), "%s", j->program);
	if (run_new(j->e, j, &j->req, j->row, &who,
		    j->n_takes == 1 ? 1 : (uint32_t)__builtin_popcountll(mask),
		    &run) < 0)
		return err_oom(err);
	add_outputs(j, run, mask);
	pthread_mutex_lock(&j->e->lock);
	j->run = run;
	j->wanted |= mask;
	pthread_mutex_unlock(&j->e->lock);
	return 0;
}

static int job_init(struct job *j, struct engine *e, const struct submission *sub,
	const struct model_row *row)
{
	int r;

	j->e = e;
	j->row = row;
	j->n_takes = request_job_takes(&sub->req);
	j->flight = (struct flight){
		.key = j->n_takes > 1 ? sub->job_key : sub->key, .owner = j};
	j->priority = sub->priority;
	j->uid = sub->who.uid;
	j->pid = sub->who.pid;
	j->since_ms = clk_real_ms();
	j->program = strdup(sub->who.program);
	r = j->program ? request_copy(&j->req, &sub->req) : -ENOMEM;
	if (r == 0 && j->n_takes > 1)
		r = add_takes(j);
	if (r == 0)
		j->wanted = UINT64_C(1) << job_bit(j, sub->req.take);
	return r;
}

int job_start(struct engine *e, const struct submission *sub,
	const struct model_row *row, uint64_t mask, struct job **ret, struct err *err)
{
	struct job *j = new0(struct job);
	int r;

	if (!j)
		return err_oom(err);
	r = job_init(j, e, sub, row) < 0 ? err_oom(err)
					 : e->maker.ops->start(j, mask, err);
	if (r < 0) {
		run_free(j->run);
		job_free(j);
		return r;
	}
	pthread_mutex_lock(&e->lock);
	list(j);
	pthread_mutex_unlock(&e->lock);
	*ret = j;
	return 0;
}

static void unmake(struct job *j)
{
	struct engine *e = j->e;

	job_set_phase(j, PHASE_ENDED);
	pthread_mutex_lock(&e->lock);
	unlist(j);
	pthread_mutex_unlock(&e->lock);
	job_free(j);
	engine_dispatch(e);
}

void job_close(struct job *j)
{
	struct engine *e = j->e;
	uint64_t left = j->wanted & ~j->told;
	struct run *run = j->run;
	struct err err = {0};

	job_release_slot(j);
	pthread_mutex_lock(&e->lock);
	j->run = NULL;
	if (left) {
		j->wanted = left;
		j->told = 0;
	}
	pthread_mutex_unlock(&e->lock);
	run_free(run);
	if (left && !engine_is_stopping(e) && e->maker.ops->start(j, 0, &err) == 0) {
		engine_dispatch(e);
		return;
	}
	run = j->run;
	pthread_mutex_lock(&e->lock);
	j->run = NULL;
	pthread_mutex_unlock(&e->lock);
	run_free(run);
	if (!err.code)
		err_set(&err, ECANCELED, "promptfs is stopping");
	while (j->tickets)
		job_tell(j, j->tickets->take, NULL, &err);
	unmake(j);
}

void job_count_failure(struct job *j, const struct err *err)
{
	char hex[DIGEST_HEX];

	cache_count_failed(j->e->cache, j->req.model);
	digest_hex(&j->flight.key, hex);
	log_warn("%s job=%.12s model=%s attempts=%u", err->why, hex, j->req.model,
		j->run ? j->run->attempts : 0);
}

void job_end(struct job *j, const struct err *err)
{
	bool failed = false;

	for (uint32_t i = 0; j->run && i < j->run->pj.n_outputs; i++) {
		if (j->run->made[i].is_told)
			continue;
		j->run->made[i].is_told = failed = true;
		job_tell(j, j->run->made[i].out.take, NULL, err);
	}
	if (!j->run) {
		failed = true;
		while (j->tickets)
			job_tell(j, j->tickets->take, NULL, err);
		pthread_mutex_lock(&j->e->lock);
		j->told |= j->wanted;
		pthread_mutex_unlock(&j->e->lock);
	}
	if (failed && err->code != ECANCELED)
		job_count_failure(j, err);
	job_close(j);
}
