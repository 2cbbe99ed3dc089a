// SPDX-License-Identifier: MIT
#pragma once
/* A job: the one generation of a file, or of the takes of a count=N directory, however
 * many readers wait for it. It has readers, a place in the queue, a slot and a store;
 * how its files are made is its maker's business (maker.h). The loop thread; fields
 * marked L are changed under the engine's lock.
 *
 *	job.c	its phases
 *	job_life.c	how it begins and ends
 *	waiters.c	its readers */
#include "backend/engine/run.h"
#include "backend/engine/ticket.h"

enum job_phase {
	PHASE_STARTING, /* its maker prepares; without a slot */
	PHASE_QUEUED,   /* for a slot */
	PHASE_MAKING,   /* its maker's turn; holds a slot, as the next one */
	PHASE_STORING,  /* the store's commit is with the pool */
	PHASE_PAUSED,   /* until its timer fires; without a slot */
	PHASE_ENDED,
};

enum job_event {
	EVENT_SLOT,  /* it may start */
	EVENT_TIMER, /* its timer fired */
	EVENT_POOL,  /* its pool item is back */
	EVENT_DONE,  /* something else that its maker waits for is over */
	EVENT_STOP,  /* end as soon as possible, -ECANCELED */
};

struct job {
	struct engine *e;
	struct request req; /* the take is the first submitter's */
	const struct model_row *row;
	struct flight flight;   /* by job key */
	struct flight *by_take; /* count=N: N keys of files; else NULL */
	uint32_t n_takes;
	uint64_t wanted, told; /* L: a bit per take; bit 0 unless count=N */
	enum job_phase phase;  /* L */
	enum engine_priority priority;
	uint32_t uid, pid;
	char *program;
	uint32_t readers; /* L */
	int64_t since_ms; /* Unix time of submission */
	struct slot_entry slot;
	struct job *next, *prev; /* L: e->work */
	struct ticket *tickets;
	struct run *run; /* L: from its slot, or its reservation, to its end */
};

/* ---- beginning and end ---- */

/* `sub` is copied. mask 0: the takes that are missing; else those to go on with, from
 * an earlier mount. -ENOMEM, and what its maker says, with a sentence. */
int job_start(struct engine *e, const struct submission *sub,
	const struct model_row *row, uint64_t mask, struct job **ret, struct err *err);
/* The run of the takes in `mask`; 0: all of a count=N directory that is new, else those
 * that somebody wants. -ENOMEM with a sentence. */
int job_make_run(struct job *j, uint64_t mask, struct err *err);
/* Fails what nobody was told of, then closes. */
void job_end(struct job *j, const struct err *err);
/* Leaves the slot and whatever was begun. What is wanted beyond it starts over. */
void job_close(struct job *j);
void job_count_failure(struct job *j, const struct err *err);

/* ---- phases ---- */

void job_advance(struct job *j, enum job_event event);
void job_set_phase(struct job *j, enum job_phase phase);
int job_enqueue(struct job *j); /* for a slot. -ENOMEM */
void job_queue(struct job *j);  /* the same, then gives out what is free */
void job_release_slot(struct job *j);
void engine_dispatch(struct engine *e); /* gives free slots to who waits */

/* For makers: what they wait for comes back as an event, of which there is one at a
 * time. After job_pause, job_back_off, job_end and job_close the job may be gone. */
void job_timer(struct job *j, int64_t until_ms); /* CLOCK_MONOTONIC */
void job_work(struct job *j, void (*work)(struct pool_item *i));
void job_store(struct job *j); /* outputs that have ended; then maker_ops.stored */
/* Waits without a slot, then queues again: maker_ops.begin. */
void job_pause(struct job *j, int64_t delay_ms);
/* The same after a failure that another try may mend. */
void job_back_off(struct job *j, int64_t delay_ms, const struct err *err);
/* Whether there is such a try left, after `tries` of them, and when. */
bool job_may_retry(struct job *j, const struct err *err, uint32_t tries,
	int64_t retry_after_ms, int64_t *ret_delay_ms);

/* ---- readers ---- */

uint32_t job_bit(const struct job *j, uint16_t take);
void job_join(struct job *j, struct ticket *t, enum engine_priority priority);
void job_leave(struct job *j, struct ticket *t);
/* Tells those who wait for `take` how it went. */
void job_tell(
	struct job *j, uint16_t take, const struct record *rec, const struct err *err);
