// SPDX-License-Identifier: MIT
#pragma once
/* A few threads for what blocks: rendering, commits, talking to the sandbox.
 *
 * An item is a struct inside its owner's struct: handing one over never allocates, so
 * the queue's memory is what its owners keep. Jobs go before background work, but of
 * eight items one is background work if some waits; half of the threads at most do
 * background work, so that jobs never wait for all of it. Handing over: any thread.
 * `work` runs on a thread of the pool, `done` on the loop's. */
#include <stdatomic.h>
#include <stdbool.h>

#include "backend/net/loop.h"
#include "cache/base/err.h"

struct pool;

enum pool_class { POOL_JOB, POOL_BACKGROUND, POOL_CLASSES };

struct pool_item {
	struct pool_item *next;
	struct post post;
	void (*work)(struct pool_item *i); /* on a thread of the pool; polls `stop` */
	void (*done)(struct pool_item *i); /* on the loop, exactly once, always */
	_Atomic bool stop;                 /* give up as soon as possible */
	bool was_run; /* for `done`: false if stopped before it began */
	struct pool *pool;
	enum pool_class class;
};

/* threads <= 0: as many as processors, at least 2. -ENOMEM, -EAGAIN. */
int pool_start(struct loop *loop, int threads, struct pool **ret, struct err *err);

/* Any thread, before pool_stop. */
void pool_submit(struct pool *p, enum pool_class class, struct pool_item *i,
	void (*work)(struct pool_item *i), void (*done)(struct pool_item *i));

/* Sets `stop` on all items, waits for the running ones, ends the threads, frees. Every
 * `done` has been posted when it returns. Not from the loop's thread. NULL is fine. */
void pool_stop(struct pool *p);
