// SPDX-License-Identifier: MIT
/* Who waits for a job. The loop thread. */
#include "backend/engine/job.h"

#include <errno.h>

#include "cache/base/clk.h"
#include "cache/base/mem.h"

uint32_t job_bit(const struct job *j, uint16_t take)
{
	return j->n_takes == 1 ? 0 : take - 1u;
}

static uint64_t bit_of(const struct job *j, uint16_t take)
{
	return UINT64_C(1) << job_bit(j, take);
}

/* Batch work that somebody now waits for. Without memory it keeps its place. */
static void promote(struct job *j, enum engine_priority priority)
{
	struct slot_entry before = j->slot, now;

	j->priority = priority;
	if (!before.lane)
		return;
	if (slots_push(&j->e->work.slots, priority, j->uid, j->program, &j->slot) < 0)
		return;
	now = j->slot;
	j->slot = before;
	slots_remove(&j->e->work.slots, &j->slot);
	j->slot = now;
}

void job_join(struct job *j, struct ticket *t, enum engine_priority priority)
{
	struct engine *e = j->e;
	uint64_t bit = bit_of(j, t->take);

	t->job = j;
	t->prev = NULL;
	t->next = j->tickets;
	if (t->next)
		t->next->prev = t;
	j->tickets = t;
	pthread_mutex_lock(&e->lock);
	j->readers++;
	j->wanted |= bit;
	j->told &= ~bit; /* it failed in this job: once more, after it */
	if (priority < j->priority)
		promote(j, priority);
	pthread_mutex_unlock(&e->lock);
}

void job_leave(struct job *j, struct ticket *t)
{
	*(t->prev ? &t->prev->next : &j->tickets) = t->next;
	if (t->next)
		t->next->prev = t->prev;
	t->job = NULL;
	t->next = t->prev = NULL;
	pthread_mutex_lock(&j->e->lock);
	j->readers--;
	pthread_mutex_unlock(&j->e->lock);
}

static const struct digest *key_of(const struct job *j, uint16_t take)
{
	return j->by_take ? &j->by_take[job_bit(j, take)].key : &j->flight.key;
}

static void remember(struct job *j, uint16_t take, const struct err *err)
{
	scoped(buf_finish) struct buf path = {0};
	struct request req = j->req; /* borrows */
	const struct digest *key = key_of(j, take);

	req.take = take;
	if (!err)
		errors_forget(j->e->errors, key);
	else if (request_display(&req, &path) == 0)
		errors_add(j->e->errors, key, path.data, err, clk_real_ms());
}

void job_tell(
	struct job *j, uint16_t take, const struct record *rec, const struct err *err)
{
	struct ticket *t, *next;

	pthread_mutex_lock(&j->e->lock);
	j->told |= bit_of(j, take);
	pthread_mutex_unlock(&j->e->lock);
	if (!err || err->code != ECANCELED)
		remember(j, take, err);
	for (t = j->tickets; t; t = next) {
		next = t->next;
		if (t->take != take)
			continue;
		job_leave(j, t);
		ticket_complete(t, rec, err);
	}
}
