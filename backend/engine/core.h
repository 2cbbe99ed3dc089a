// SPDX-License-Identifier: MIT
#pragma once
/* The engine from inside: what its files share, and nobody else includes but tests,
 * which give it a provider of their own.
 *
 * Threads: everything belongs to the loop thread, with these exceptions. `lock` is held
 * by the loop thread where it changes what queries read (flights, slots, the fields of
 * a job marked L) and by others where they read it; never around a callback, a maker or
 * the store. A run's outputs belong to the pool while an item of it is there. No other
 * lock is taken inside `lock`. */
#include <pthread.h>

#include "backend/engine/engine.h"
#include "backend/engine/errors.h"
#include "backend/engine/flight.h"
#include "backend/engine/maker.h"
#include "backend/engine/slots.h"
#include "backend/net/loop.h"
#include "backend/net/pool.h"
#include "backend/policy/retry.h"
#include "backend/policy/safety.h"
#include "backend/provider/provider.h"

#define ENGINE_TAKES_MAX 64                /* of count=N: a bit each */
#define ENGINE_REFUSAL_MS (10 * 60 * 1000) /* a provider's refusal is remembered */

/* What tests replace. The engine owns the provider from the call on. */
struct engine_parts {
	struct provider provider;
	struct retry_rule retry;
};
int engine_start_with(const struct engine_config *config,
	const struct engine_parts *parts, struct engine **ret, struct err *err);

struct job;
struct unstored;

/* What is allowed here; immutable after the start. */
struct engine_rules {
	int max_concurrent, stop_timeout_ms, timeout_ms;
	bool offline, enhance, fallback;
	char **deny;
	size_t n_deny;
	struct safety *safety;
	struct retry_rule retry;
};

/* What is being made, and who waits for a slot. */
struct engine_work {
	/* L, all but the last two */
	size_t n_tickets; /* whose `done` has not run */
	size_t n_jobs;
	struct flights flights; /* job keys and keys of files */
	struct slots slots;
	struct job *first, *last; /* oldest first */
	int n_active;             /* jobs that hold a slot */
	bool is_dispatching;
	uint64_t room_bytes; /* expected of the jobs that hold a slot */
};

/* From the first wish to stop to the end. */
struct engine_stopping {
	bool is_wanted; /* L: no new tickets */
	bool is_over;
	struct post post;
	struct timer timer;
};

struct engine {
	/* immutable after the start */
	struct cache *cache;
	const struct catalogue *catalogue;
	char *ns, *exe;
	struct engine_rules rules;
	struct maker maker;
	struct loop *loop;
	struct pool *pool;
	struct errors *errors; /* its own lock */

	pthread_mutex_t lock;
	pthread_cond_t idle; /* n_tickets or n_jobs fell to 0, or the maker opened */
	bool is_opening;     /* L: the maker looks at what an earlier mount left */
	struct engine_work work;
	struct flights measuring; /* L: files whose quality is being measured */
	struct engine_stopping stopping;

	/* the loop thread's */
	uint64_t random;
	struct unstored *unstored;
	struct timer unstored_timer;
};

bool engine_is_stopping(struct engine *e);
uint32_t engine_random(struct engine *e); /* the loop */
