// SPDX-License-Identifier: MIT
/* Rows and their arrows. */
#include "cache/base/buf.h"
#include "cache/base/enc.h"
#include "cache/ledger_row.h"
#include "tests/cache/ledger_support.h"
#include "tests/support/ledger_rows.h"

static const enum ledger_state states[] = {LEDGER_RESERVED, LEDGER_SENT,
	LEDGER_ACCEPTED, LEDGER_SETTLED, LEDGER_RELEASED, LEDGER_UNKNOWN};

/* How a row gets to a state. */
static const struct {
	enum ledger_state step[3];
	size_t n;
} ways[] = {
	[LEDGER_RESERVED] = {{0}, 0},
	[LEDGER_SENT] = {{LEDGER_SENT}, 1},
	[LEDGER_ACCEPTED] = {{LEDGER_SENT, LEDGER_ACCEPTED}, 2},
	[LEDGER_SETTLED] = {{LEDGER_SENT, LEDGER_SETTLED}, 2},
	[LEDGER_RELEASED] = {{LEDGER_RELEASED}, 1},
	[LEDGER_UNKNOWN] = {{LEDGER_SENT, LEDGER_UNKNOWN}, 2},
};

static const bool arrows[7][7] = {
	[LEDGER_RESERVED] = {[LEDGER_SENT] = true, [LEDGER_RELEASED] = true},
	[LEDGER_SENT] = {[LEDGER_ACCEPTED] = true,
		[LEDGER_SETTLED] = true,
		[LEDGER_RESERVED] = true,
		[LEDGER_RELEASED] = true,
		[LEDGER_UNKNOWN] = true},
	[LEDGER_ACCEPTED] = {[LEDGER_SETTLED] = true, [LEDGER_UNKNOWN] = true},
	[LEDGER_UNKNOWN] = {[LEDGER_SETTLED] = true},
};

/* What one row of 25000 that may cost 20000 adds to the totals. */
static const int64_t shares[7][3] = {
	[LEDGER_RESERVED] = {0, 25000, 0},
	[LEDGER_SENT] = {0, 25000, 0},
	[LEDGER_ACCEPTED] = {0, 25000, 0},
	[LEDGER_SETTLED] = {20000, 0, 0},
	[LEDGER_RELEASED] = {0, 0, 0},
	[LEDGER_UNKNOWN] = {25000, 0, 25000},
};

static bool share_is(struct cache *c, enum ledger_state s)
{
	return money_is(c, shares[s][0], shares[s][1], shares[s][2]);
}

static void check_arrow(enum ledger_state from, enum ledger_state to)
{
	enum ledger_state end = arrows[from][to] ? to : from;
	bool is_open = end != LEDGER_SETTLED && end != LEDGER_RELEASED;
	struct fixture f;
	struct answer a;
	struct spot s;

	ledger_start(&f);
	spot_init(&s, "a fox", "imagen-3", "1.png");
	CHECK_INT(reserve_one(f.cache, &s.place, 25000, NULL, &a), 0);
	for (size_t i = 0; i < ways[from].n; i++)
		CHECK_INT(move_to(f.cache, a.id[0], ways[from].step[i]), 0);
	CHECK_INT(state_of(f.cache, a.id[0]), from);
	CHECK(share_is(f.cache, from));
	CHECK_INT(move_to(f.cache, a.id[0], to), arrows[from][to] ? 0 : -EINVAL);
	CHECK_INT(state_of(f.cache, a.id[0]), end);
	CHECK(share_is(f.cache, end));
	CHECK_INT(open_rows(f.cache, &s.key), is_open);
	CHECK_INT(fixture_reopen(&f), 0);
	CHECK_INT(state_of(f.cache, a.id[0]), end);
	CHECK(share_is(f.cache, end));
	CHECK_INT(open_rows(f.cache, NULL), is_open);
	fixture_end(&f);
}

static void every_arrow_and_no_other(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(states); i++)
		for (size_t k = 0; k < ARRAY_SIZE(states); k++)
			check_arrow(states[i], states[k]);
}

static void a_row_keeps_what_it_was_told(void)
{
	struct ledger_move m = {.to = LEDGER_SENT,
		.charged_ud = -1,
		.served_by = "imagen-2",
		.prefix = "gs://b/p/"};
	struct fixture f;
	struct answer a;
	struct spot s;
	struct ledger_row r = {0};
	struct err err = {0};
	struct ledger_part part = {.part = 3, .seconds = 8, .held_ud = 25000};
	struct ledger_order order;
	uint64_t dir = 0;

	ledger_start(&f);
	spot_init(&s, "a fox", "imagen-3", "1.png");
	order = order_of(&s.place, &part, 1);
	order.draw = 5;
	order.n_parts = 9;
	CHECK_INT(reserve_all(f.cache, &order, 1, NULL, &a), 0);
	CHECK_INT(a.n, 1);
	test_now += 1000;
	CHECK_INT(move_with(f.cache, a.id[0], &m, NULL), 0);
	test_now += 1000;
	m = (struct ledger_move){
		.to = LEDGER_ACCEPTED, .operation = "op/7", .why = "slow"};
	CHECK_INT(move_with(f.cache, a.id[0], &m, NULL), 0);
	CHECK_INT(fixture_reopen(&f), 0);
	CHECK_INT(ledger_find(f.cache, a.id[0], &r, &err), 0);
	CHECK_INT(r.id, 1);
	CHECK_INT(r.state, LEDGER_ACCEPTED);
	CHECK(!memcmp(r.key.b, s.key.b, sizeof(r.key.b)));
	CHECK_INT(r.draw, 5);
	CHECK_INT(r.part, 3);
	CHECK_INT(r.n_parts, 9);
	CHECK_INT(r.sends, 1);
	CHECK_INT(r.held_ud, 25000);
	CHECK_INT(r.uid, 1000);
	CHECK_INT(r.pid, 77);
	CHECK_INT(r.seconds, 8);
	CHECK_INT(cache_dir_find(f.cache, s.name, 3, &dir), 0);
	CHECK_INT(r.dir, dir);
	CHECK_INT(r.created_ms, NOON);
	CHECK_INT(r.sent_ms, NOON + 1000);
	CHECK_INT(r.changed_ms, NOON + 2000);
	CHECK_STR(r.program, "test");
	CHECK_STR(r.model, "imagen-3");
	CHECK_STR(r.served_by, "imagen-2");
	CHECK_STR(r.path, "prompts/a fox/imagen-3/1.png");
	CHECK_STR(r.operation, "op/7");
	CHECK_STR(r.prefix, "gs://b/p/");
	CHECK_STR(r.request, "{\"prompt\":\"a fox\"}");
	CHECK_STR(r.why, "slow");
	ledger_row_finish(&r);
	m = (struct ledger_move){.to = LEDGER_SETTLED, .charged_ud = 30000};
	CHECK_INT(move_with(f.cache, a.id[0], &m, NULL), 0);
	CHECK(money_is(f.cache, 30000, 0, 0)); /* above what was held: in full */
	CHECK_INT(ledger_find(f.cache, a.id[0], &r, &err), 0);
	CHECK(!r.operation && !r.prefix && !r.request && !r.uri);
	CHECK_STR(r.why, "slow");
	ledger_row_finish(&r);
	CHECK_INT(ledger_find(f.cache, 2, &r, &err), -ENOENT);
	CHECK_STR(err.why, "there is no call 2");
	fixture_end(&f);
}

static void sends_are_counted(void)
{
	struct fixture f;
	struct answer a;
	struct spot s;
	struct ledger_row r = {0};
	struct err err = {0};

	ledger_start(&f);
	spot_init(&s, "a fox", "imagen-3", "1.png");
	CHECK_INT(reserve_one(f.cache, &s.place, 25000, NULL, &a), 0);
	for (int i = 0; i < 3; i++) {
		CHECK_INT(move_to(f.cache, a.id[0], LEDGER_SENT), 0);
		CHECK_INT(move_to(f.cache, a.id[0], LEDGER_RESERVED), 0);
	}
	CHECK(share_is(f.cache, LEDGER_RESERVED));
	CHECK_INT(ledger_find(f.cache, a.id[0], &r, &err), 0);
	CHECK_INT(r.sends, 3);
	ledger_row_finish(&r);
	fixture_end(&f);
}

/* Several move together or not at all. */
static void one_bad_move_moves_none(void)
{
	struct ledger_move m = {.to = LEDGER_SENT, .charged_ud = -1};
	uint64_t ids[3] = {0};
	struct fixture f;
	struct answer a;

	ledger_start(&f);
	for (int i = 0; i < 3; i++) {
		struct spot s;
		char name[16];

		snprintf(name, sizeof(name), "%d.png", i);
		spot_init(&s, "a fox", "imagen-3", name);
		CHECK_INT(reserve_one(f.cache, &s.place, 25000, NULL, &a), 0);
		ids[i] = a.id[0];
	}
	CHECK_INT(move_to(f.cache, ids[2], LEDGER_RELEASED), 0);
	answer_init(&a);
	CHECK_INT(ledger_move(f.cache, ids, 3, &m, on_moved, &a), 0);
	CHECK_INT(answer_wait(&a), -EINVAL);
	CHECK_STR(a.err.why, "call 3 is released and cannot be sent");
	CHECK_INT(state_of(f.cache, ids[0]), LEDGER_RESERVED);
	ids[2] = 99;
	answer_init(&a);
	CHECK_INT(ledger_move(f.cache, ids, 3, &m, on_moved, &a), 0);
	CHECK_INT(answer_wait(&a), -ENOENT);
	CHECK_INT(state_of(f.cache, ids[1]), LEDGER_RESERVED);
	ids[1] = ids[0]; /* the second time it is sent already */
	answer_init(&a);
	CHECK_INT(ledger_move(f.cache, ids, 2, &m, on_moved, &a), 0);
	CHECK_INT(answer_wait(&a), -EINVAL);
	CHECK_INT(state_of(f.cache, ids[0]), LEDGER_RESERVED);
	ids[1] = 2;
	answer_init(&a);
	CHECK_INT(ledger_move(f.cache, ids, 2, &m, on_moved, &a), 0);
	CHECK_INT(answer_wait(&a), 0);
	CHECK_INT(state_of(f.cache, 1), LEDGER_SENT);
	CHECK_INT(state_of(f.cache, 2), LEDGER_SENT);
	CHECK(money_is(f.cache, 0, 50000, 0));
	fixture_end(&f);
}

static void moves_that_say_too_little(void)
{
	struct ledger_move m = {.to = LEDGER_ACCEPTED, .charged_ud = -1};
	struct fixture f;
	struct answer a;
	struct spot s;
	struct err err = {0};

	ledger_start(&f);
	spot_init(&s, "a fox", "imagen-3", "1.png");
	CHECK_INT(reserve_one(f.cache, &s.place, 25000, NULL, &a), 0);
	CHECK_INT(move_to(f.cache, a.id[0], LEDGER_SENT), 0);
	CHECK_INT(move_with(f.cache, a.id[0], &m, &err), -EINVAL);
	m = (struct ledger_move){.to = LEDGER_SETTLED, .charged_ud = -1};
	CHECK_INT(move_with(f.cache, a.id[0], &m, &err), -EINVAL);
	CHECK_INT(state_of(f.cache, a.id[0]), LEDGER_SENT);
	fixture_end(&f);
}

static int take_id(void *user, const struct ledger_row *row)
{
	char *to = user;

	sprintf(to + strlen(to), "%" PRIu64 " ", row->id);
	return row->id == 3 ? 7 : 0;
}

static void rows_are_listed(void)
{
	char names[1024] = "";
	struct fixture f;
	struct answer a;
	struct spot s[2];
	int n = 0;

	ledger_start(&f);
	spot_init(&s[0], "a fox", "imagen-3", "1.png");
	spot_init(&s[1], "a cat", "imagen-3", "1.png");
	for (uint32_t i = 0; i < 100; i++) {
		struct ledger_part part = {.held_ud = 1};
		struct ledger_order order = order_of(&s[i % 2].place, &part, 1);

		order.draw = i;
		CHECK_INT(reserve_all(f.cache, &order, 1, NULL, &a), 0);
		CHECK_INT(a.id[0], i + 1);
		if (i % 10 == 9)
			CHECK_INT(move_to(f.cache, a.id[0], LEDGER_RELEASED), 0);
	}
	CHECK_INT(open_rows(f.cache, NULL), 90);
	CHECK_INT(open_rows(f.cache, &s[0].key), 50);
	CHECK_INT(open_rows(f.cache, &s[1].key), 40);
	CHECK_INT(each_row(f.cache, count_row, &n), 0);
	CHECK_INT(n, 100);
	CHECK_INT(ledger_each_open(f.cache, NULL, take_id, names), 7);
	CHECK_STR(names, "1 2 3 ");
	names[0] = '\0';
	CHECK_INT(each_row(f.cache, take_id, names), 7);
	CHECK(!strncmp(names, "100 99 98 ", 10) && strstr(names, "33 32 31 "));
	f.config.ns = "google"; /* has a ledger of its own */
	CHECK_INT(fixture_reopen(&f), 0);
	CHECK_INT(open_rows(f.cache, NULL), 0);
	CHECK(money_is(f.cache, 0, 0, 0));
	CHECK_INT(reserve_one(f.cache, &s[0].place, 1, NULL, &a), 0);
	CHECK_INT(a.id[0], 1);
	fixture_end(&f);
}

/* What ends while others are looked at is not shown any more. */
struct watcher {
	struct cache *cache;
	int shown;
	bool saw_40;
};

static int watch(void *user, const struct ledger_row *row)
{
	struct watcher *w = user;

	if (!w->shown++)
		CHECK_INT(move_to(w->cache, 40, LEDGER_RELEASED), 0);
	w->saw_40 = w->saw_40 || row->id == 40;
	return 0;
}

static void listing_is_of_now(void)
{
	struct watcher w = {0};
	struct fixture f;
	struct answer a;
	struct spot s;

	ledger_start(&f);
	spot_init(&s, "a fox", "imagen-3", "1.png");
	for (uint32_t i = 0; i < 50; i++) {
		struct ledger_part part = {.held_ud = 1};
		struct ledger_order order = order_of(&s.place, &part, 1);

		order.draw = i;
		CHECK_INT(reserve_all(f.cache, &order, 1, NULL, &a), 0);
	}
	w.cache = f.cache;
	CHECK_INT(ledger_each_open(f.cache, &s.key, watch, &w), 0);
	CHECK_INT(w.shown, 49);
	CHECK(!w.saw_40);
	fixture_end(&f);
}

/* ---- the stored form ---- */

static int decode(const uint8_t *p, size_t len, struct ledger_row *ret)
{
	uint8_t *copy = malloc(len + !len); /* exactly so long: sanitizers see more */
	struct rd in = {.p = copy, .end = copy + len};
	int r;

	memcpy(copy, p, len);
	r = ledger_row_decode(&in, 5, ret);
	free(copy);
	return r;
}

static void hostile_rows_are_harmless(void)
{
	struct ledger_row row = {.state = LEDGER_SENT,
				  .held_ud = 25000,
				  .program = (char *)"test",
				  .path = (char *)"a path",
				  .request = (char *)"{}"},
			  got = {0};
	struct buf b = {0};
	size_t refused = 0;

	CHECK_INT(ledger_row_encode(&row, &b), 0);
	CHECK_INT(decode((uint8_t *)b.data, b.len, &got), 0);
	CHECK_INT(got.id, 5);
	CHECK_STR(got.path, "a path");
	CHECK_STR(got.model, "");
	CHECK(!got.why);
	ledger_row_finish(&got);
	for (size_t len = 0; len < b.len; len++)
		CHECK_INT(decode((uint8_t *)b.data, len, &got), -EBADMSG);
	for (size_t i = 0; i < b.len; i++) {
		for (int bit = 0; bit < 8; bit++) {
			b.data[i] ^= (char)(1 << bit);
			if (decode((uint8_t *)b.data, b.len, &got) < 0)
				refused++;
			else
				ledger_row_finish(&got);
			b.data[i] ^= (char)(1 << bit);
		}
	}
	CHECK(refused > 100);
	CHECK_INT(buf_addc(&b, 'x'), 0);
	CHECK_INT(decode((uint8_t *)b.data, b.len, &got), -EBADMSG);
	buf_finish(&b);
}

static void long_strings_are_refused(void)
{
	char name[300];
	struct fixture f;
	struct answer a;
	struct spot s;

	memset(name, 'x', sizeof(name));
	name[256] = '\0';
	ledger_start(&f);
	spot_init(&s, "a fox", "imagen-3", "1.png");
	s.place.program = name;
	CHECK_INT(reserve_one(f.cache, &s.place, 25000, NULL, &a), -E2BIG);
	name[255] = '\0';
	CHECK_INT(reserve_one(f.cache, &s.place, 25000, NULL, &a), 0);
	spot_init(&s, "a fox", "imagen-3", "2.png");
	s.place.program = NULL;
	CHECK_INT(reserve_one(f.cache, &s.place, 25000, NULL, &a), 0);
	CHECK(money_is(f.cache, 0, 50000, 0));
	fixture_end(&f);
}

TAP_MAIN(TAP_CASE(every_arrow_and_no_other), TAP_CASE(a_row_keeps_what_it_was_told),
	TAP_CASE(sends_are_counted), TAP_CASE(one_bad_move_moves_none),
	TAP_CASE(moves_that_say_too_little), TAP_CASE(rows_are_listed),
	TAP_CASE(listing_is_of_now), TAP_CASE(hostile_rows_are_harmless),
	TAP_CASE(long_strings_are_refused))
