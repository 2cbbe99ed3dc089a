// SPDX-License-Identifier: MIT
#pragma once
/* One who waits for a file: made by engine_submit, completed exactly once on the loop
 * thread. Cancelling and freeing may come from any thread, hence the atomics. */
#include <stdatomic.h>

#include "backend/engine/core.h"

enum ticket_state {
	TICKET_SUBMITTED, /* on its way to the loop */
	TICKET_PARKED,    /* with a job, or being completed */
	TICKET_CANCELLED, /* by its owner; the loop completes it */
	TICKET_DONE,
};

/* What a ticket brings along until a job has it. */
struct submission {
	struct request req;
	struct engine_who who;
	struct digest key, job_key;
	enum engine_priority priority;
};

struct ticket {
	struct engine *e;
	struct post post;
	struct job *job; /* loop: NULL unless parked with one */
	struct ticket *next, *prev;
	struct submission *sub;
	engine_done_fn done;
	void *user;
	_Atomic uint8_t state;
	_Atomic uint8_t refs;
	uint16_t take;
};

/* Copies `req`. NULL: out of memory. */
struct submission *submission_new(struct engine *e, const struct request *req,
	const struct engine_who *who, enum engine_priority priority,
	const struct digest *key);
void submission_free(struct submission *s); /* NULL is fine */

/* Any thread. *take_s is owned by the ticket from then on. refs: who may free it. NULL:
 * out of memory; -ECANCELED in *err: the engine stops. */
struct ticket *ticket_new(struct engine *e, struct submission *take_s,
	engine_done_fn done, void *user, uint8_t refs, struct err *err);
/* Only if it is in the state `from`. */
bool ticket_move(struct ticket *t, uint8_t from, uint8_t to);
/* Loop: calls `done` unless the ticket was cancelled, whose completion is under way.
 * The ticket is gone afterwards. It must not be linked to a job any more. */
void ticket_complete(struct ticket *t, const struct record *rec, const struct err *err);
void ticket_end_cancelled(struct ticket *t); /* the same for one in that state */
