// SPDX-License-Identifier: MIT
#pragma once
/* How the outputs of a job come into being: on this machine (local_maker.c), or bought
 * across a network (paid/). A job has its slot, its readers and its store; all between
 * is its maker's, which keeps what it must know in run->making. Jobs, runs and records
 * know makers by this table only.
 *
 * The loop thread, but where said otherwise. */
#include <stdbool.h>
#include <stdint.h>

#include "cache/base/err.h"
#include "cache/base/json.h"

struct engine;
struct job;
struct model_row;
struct request;
struct run;

struct maker_ops {
	/* What it makes costs money: what came is never thrown away, and only those who
	 * may spend ask for it. */
	bool is_bought;

	/* Any thread, before a job is made. -EOPNOTSUPP, -ENOENT with a sentence. */
	int (*can_make)(void *ctx, const struct model_row *row,
		const struct request *req, struct err *err);
	/* Any thread: why nothing can be made now (no credentials, say); NULL: always
	 * can. */
	int (*is_ready)(void *ctx, struct err *err);

	/* The job is new, or begins anew: it is queued for a slot now or later,
	 * never begun from inside. mask: the takes to go on with, of an earlier mount;
	 * 0: a new job. <0 with a sentence: nothing was begun. */
	int (*start)(struct job *j, uint64_t mask, struct err *err);
	/* It has a slot and a run. */
	void (*begin)(struct job *j);
	/* What it waits for is over: its timer, its pool item, or what it tells by
	 * EVENT_DONE. */
	void (*event)(struct job *j);
	/* Outputs that had ended are stored, or were not; their readers know. */
	void (*stored)(struct job *j);
	/* Ends as soon as possible; not while the store has it. */
	void (*stop)(struct job *j);
	/* What it is doing can be left to the next mount. */
	bool (*can_wait)(const struct job *j);
	/* Gives back what it holds, then the job ends with `err`. */
	void (*fail)(struct job *j, const struct err *err);

	/* The pool: the members of <file>.json that only it knows. false: no memory.
	 * NULL: none. */
	bool (*describe)(const struct run *r, cJSON *o);
	void (*drop)(struct run *r); /* frees run->making, which may be NULL */

	/* With the engine: before the first job, after the last (the loop runs still),
	 * and when the loop has ended. The first two may be NULL. */
	void (*open)(struct engine *e);
	void (*close)(struct engine *e);
	void (*free)(void *ctx);
};

struct maker {
	const struct maker_ops *ops;
	void *ctx;
	const char *name; /* as in -o backend= */
	const char *note; /* stands in every record, e.g. "not AI"; "" for none */
	bool is_paid;     /* for status.json; offline refuses it */
};
