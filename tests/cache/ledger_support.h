// SPDX-License-Identifier: MIT
#pragma once
/* The ledger's calls, awaited; a clock that the test moves. */
#include <inttypes.h>
#include <pthread.h>

#include "cache/ledger.h"
#include "tests/cache/support.h"

#define DOLLAR INT64_C(1000000)
#define DAY_MS INT64_C(86400000)
#define NOON INT64_C(1795608000000) /* 2026-11-25T12:00:00Z */

static _Atomic int64_t test_now = NOON;

static inline int64_t read_test_now(void)
{
	return test_now;
}

static inline void ledger_start(struct fixture *f)
{
	test_now = NOON;
	fixture_start(f, 256u << 20);
	f->config.now_ms = read_test_now;
	CHECK_INT(fixture_reopen(f), 0);
}

struct answer {
	pthread_mutex_t lock;
	pthread_cond_t told;
	bool is_told;
	struct err err;
	uint64_t id[LEDGER_PARTS_MAX];
	size_t n;
};

static inline void answer_init(struct answer *a)
{
	*a = (struct answer){
		.lock = PTHREAD_MUTEX_INITIALIZER, .told = PTHREAD_COND_INITIALIZER};
}

static inline void answer_tell(struct answer *a, const struct err *err)
{
	pthread_mutex_lock(&a->lock);
	CHECK(!a->is_told);
	if (err) {
		CHECK(err->code > 0 && *err->why);
		a->err = *err;
	}
	a->is_told = true;
	pthread_cond_signal(&a->told);
	pthread_mutex_unlock(&a->lock);
}

static inline int answer_wait(struct answer *a)
{
	pthread_mutex_lock(&a->lock);
	while (!a->is_told)
		pthread_cond_wait(&a->told, &a->lock);
	pthread_mutex_unlock(&a->lock);
	return -a->err.code;
}

static inline void on_reserved(
	void *user, const uint64_t *ids, size_t n, const struct err *err)
{
	struct answer *a = user;

	if (!err) {
		memcpy(a->id, ids, n * sizeof(*ids));
		a->n = n;
	}
	answer_tell(a, err);
}

static inline void on_moved(void *user, const struct err *err)
{
	answer_tell(user, err);
}

/* -errno; the ids and the sentence are in *a. */
static inline int reserve_all(struct cache *c, const struct ledger_order *orders,
	size_t n, const struct ledger_budget *budget, struct answer *a)
{
	answer_init(a);
	if (ledger_reserve(c, orders, n, budget, on_reserved, a) < 0)
		return -ENOMEM;
	return answer_wait(a);
}

static inline struct ledger_order order_of(
	const struct cache_place *place, const struct ledger_part *part, size_t n)
{
	return (struct ledger_order){.place = place,
		.pid = 77,
		.model = place->name[2],
		.path = "prompts/a fox/imagen-3/1.png",
		.request = "{\"prompt\":\"a fox\"}",
		.served_by = place->name[2],
		.n_parts = (uint16_t)n,
		.n = n,
		.part = part};
}

/* One call. */
static inline int reserve_one(struct cache *c, const struct cache_place *place,
	int64_t held_ud, const struct ledger_budget *budget, struct answer *a)
{
	struct ledger_part part = {.held_ud = held_ud};
	struct ledger_order order = order_of(place, &part, 1);

	return reserve_all(c, &order, 1, budget, a);
}

static inline int move_with(
	struct cache *c, uint64_t id, const struct ledger_move *m, struct err *err)
{
	struct answer a;

	answer_init(&a);
	if (ledger_move(c, &id, 1, m, on_moved, &a) < 0)
		return -ENOMEM;
	answer_wait(&a);
	if (err)
		*err = a.err;
	return -a.err.code;
}

static inline int move_to(struct cache *c, uint64_t id, enum ledger_state to)
{
	struct ledger_move m = {.to = to,
		.charged_ud = to == LEDGER_SETTLED ? 20000 : -1,
		.operation = to == LEDGER_ACCEPTED ? "operations/1" : NULL};

	return move_with(c, id, &m, NULL);
}

static inline enum ledger_state state_of(struct cache *c, uint64_t id)
{
	struct ledger_row row = {0};
	struct err err = {0};
	enum ledger_state s = 0;

	if (!ledger_find(c, id, &row, &err))
		s = row.state;
	ledger_row_finish(&row);
	return s;
}

/* A total of the whole store, as spent, reserved, unknown. */
static inline bool money_is(
	struct cache *c, int64_t spent, int64_t reserved, int64_t unknown)
{
	struct ledger_sums s[LEDGER_PERIODS];
	struct totals t;
	bool same;

	if (cache_totals(c, 1, NULL, &t) < 0 || ledger_sums(c, LEDGER_ANY_UID, s) < 0)
		return false;
	same = t.spent_ud == spent && t.reserved_ud == reserved &&
	       t.unknown_ud == unknown && s[LEDGER_TOTAL].spent_ud == spent &&
	       s[LEDGER_TOTAL].reserved_ud == reserved &&
	       s[LEDGER_TOTAL].unknown_ud == unknown;
	if (!same)
		printf("# spent %" PRId64 " reserved %" PRId64 " unknown %" PRId64 "\n",
			t.spent_ud, t.reserved_ud, t.unknown_ud);
	return same;
}

static inline int count_row(void *user, const struct ledger_row *row)
{
	(void)row;
	++*(int *)user;
	return 0;
}

static inline int open_rows(struct cache *c, const struct digest *key)
{
	int n = 0;
	int r = ledger_each_open(c, key, count_row, &n);

	return r < 0 ? r : n;
}
