// SPDX-License-Identifier: MIT
#pragma once
/* One thread that waits for everything: posts from other threads, timers, descriptors.
 *
 * Posts and timers are structs inside their owner's struct, so that handing one over
 * never allocates and never fails. Callbacks run on the loop's thread, one at a time,
 * and must not block. Only loop_post and loop_stop may be called from other
 * threads. */
#include <stdbool.h>
#include <stdint.h>

#include "cache/base/err.h"

struct loop;

/* Lives in its owner until `run` is called; may be posted again from then on. */
struct post {
	struct post *next;
	void (*run)(struct post *p);
};

/* Zeroed before its first use. It must be cleared before it is freed. */
struct timer {
	struct timer *child, *next, *prev; /* in the heap of the loop */
	int64_t at_ms;                     /* CLOCK_MONOTONIC */
	void (*fire)(struct timer *t);
	bool is_armed;
};

struct watch; /* one descriptor */

/* Starts the thread. -ENOMEM, -EMFILE, -EAGAIN with a sentence. */
int loop_start(struct loop **ret, struct err *err);

/* Ends the thread once every post made before this call has run, and frees. Nobody may
 * post afterwards; armed timers never fire. Not from the loop's own thread. NULL is
 * fine.
 */
void loop_stop(struct loop *l);

/* Any thread. Runs `run` on the loop, in the order of the calls, never from inside. */
void loop_post(struct loop *l, struct post *p, void (*run)(struct post *p));

/* ---- on the loop's thread only ---- */

/* Fires once, not before at_ms (clk_mono_ms). Setting an armed timer moves it. */
void loop_timer_set(
	struct loop *l, struct timer *t, int64_t at_ms, void (*fire)(struct timer *t));
void loop_timer_clear(struct loop *l, struct timer *t); /* fine if not armed */

/* Calls `ready` with the epoll events while fd is ready. events: EPOLLIN | EPOLLOUT.
 * The descriptor stays the caller's. -ENOMEM, or epoll_ctl's errno. */
int loop_watch_add(struct loop *l, int fd, uint32_t events,
	void (*ready)(void *user, uint32_t events), void *user, struct watch **ret,
	struct err *err);
int loop_watch_change(struct watch *w, uint32_t events, struct err *err);
/* Also from inside `ready`, for itself or another: no call for it comes after this. The
 * descriptor may be closed at once. NULL is fine. */
void loop_watch_remove(struct watch *w);
