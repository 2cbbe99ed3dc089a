// SPDX-License-Identifier: MIT
/* The life of a ticket; who makes and cancels it is in submit.c. */
#include "backend/engine/ticket.h"

#include <errno.h>

#include "cache/base/mem.h"

struct submission *submission_new(struct engine *e, const struct request *req,
	const struct engine_who *who, enum engine_priority priority,
	const struct digest *key)
{
	struct submission *s = new0(struct submission);

	if (!s)
		return NULL;
	if (request_copy(&s->req, req) < 0) {
		free(s);
		return NULL;
	}
	if (who)
		s->who = *who;
	s->who.program[sizeof(s->who.program) - 1] = '\0';
	s->priority = priority;
	s->key = s->job_key = *key;
	if (request_job_takes(req) > 1 &&
		request_job_key(req, e->ns, &s->job_key) < 0) {
		submission_free(s);
		return NULL;
	}
	return s;
}

void submission_free(struct submission *s)
{
	if (!s)
		return;
	request_finish(&s->req);
	free(s);
}

static bool count_ticket(struct engine *e)
{
	bool may;

	pthread_mutex_lock(&e->lock);
	may = !e->stopping.is_wanted;
	e->work.n_tickets += may;
	pthread_mutex_unlock(&e->lock);
	return may;
}

struct ticket *ticket_new(struct engine *e, struct submission *take_s,
	engine_done_fn done, void *user, uint8_t refs, struct err *err)
{
	struct ticket *t = new0(struct ticket);

	if (!t || !count_ticket(e)) {
		if (t)
			err_set(err, ECANCELED, "promptfs is stopping");
		else
			err_oom(err);
		submission_free(take_s);
		free(t);
		return NULL;
	}
	t->e = e;
	t->sub = take_s;
	t->done = done;
	t->user = user;
	t->take = take_s->req.take;
	atomic_init(&t->state, TICKET_SUBMITTED);
	atomic_init(&t->refs, refs);
	return t;
}

static void unref(struct ticket *t)
{
	if (atomic_fetch_sub(&t->refs, 1) == 1)
		free(t);
}

bool ticket_move(struct ticket *t, uint8_t from, uint8_t to)
{
	return atomic_compare_exchange_strong(&t->state, &from, to);
}

static void end(struct ticket *t, const struct record *rec, const struct err *err)
{
	struct engine *e = t->e;

	submission_free(steal_ptr(t->sub));
	t->done(t->user, rec, err);
	unref(t);
	pthread_mutex_lock(&e->lock);
	if (--e->work.n_tickets == 0)
		pthread_cond_broadcast(&e->idle);
	pthread_mutex_unlock(&e->lock);
}

void ticket_complete(struct ticket *t, const struct record *rec, const struct err *err)
{
	if (ticket_move(t, TICKET_PARKED, TICKET_DONE))
		end(t, rec, err);
}

void ticket_end_cancelled(struct ticket *t)
{
	struct err err = {0};

	err_set(&err, ECANCELED, "interrupted; the generation goes on");
	end(t, NULL, &err);
}

void ticket_free(struct ticket *t)
{
	if (t)
		unref(t);
}
