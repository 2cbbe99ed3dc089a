// SPDX-License-Identifier: MIT
/* What fits, what does not, and how it is told. */
#include "tests/cache/ledger_support.h"

#define ONE(limit_, file_)                                                             \
	(struct ledger_budget)                                                         \
	{                                                                              \
		.limit = (limit_), .n = 1, .file_udollars = (file_)                    \
	}

/* Another file, another call, of that user. */
static int buy(struct fixture *f, int n, uint32_t uid, int64_t held_ud,
	const struct ledger_budget *budget, struct answer *a)
{
	struct spot s;
	char name[16];

	snprintf(name, sizeof(name), "%d.png", n);
	spot_init(&s, "budget", "imagen-3", name);
	s.place.uid = uid;
	return reserve_one(f->cache, &s.place, held_ud, budget, a);
}

static void a_day_ends_at_midnight(void)
{
	struct ledger_limit day = {.period = LEDGER_DAY, .udollars = DOLLAR};
	struct ledger_budget b = ONE(&day, -1);
	struct fixture f;
	struct answer a;

	ledger_start(&f);
	CHECK_INT(buy(&f, 1, 1000, 800000, &b, &a), 0);
	CHECK_INT(buy(&f, 2, 1000, 750000, &b, &a), -EDQUOT);
	CHECK_STR(a.err.why,
		"this would cost 0.75 USD and 0.20 USD of today's budget is left; "
		"raise it with -o budget=...");
	CHECK(money_is(f.cache, 0, 800000, 0));
	CHECK_INT(buy(&f, 2, 1000, 200001, &b, &a), -EDQUOT);
	CHECK_INT(buy(&f, 2, 1000, 200000, &b, &a), 0); /* may be reached */
	CHECK_INT(buy(&f, 3, 1000, 1, &b, &a), -EDQUOT);
	CHECK_INT(buy(&f, 3, 1000, 0, &b, &a), 0); /* costs nothing */
	test_now = NOON + DAY_MS / 2 - 1;
	CHECK_INT(buy(&f, 4, 1000, 1, &b, &a), -EDQUOT);
	test_now = NOON + DAY_MS / 2;
	CHECK_INT(buy(&f, 4, 1000, DOLLAR, &b, &a), 0);
	CHECK_INT(buy(&f, 5, 1000, 1, &b, &a), -EDQUOT);
	fixture_end(&f);
}

/* A bill above what was held may pass the limit; then only what is free is made. */
static void what_is_free_passes(void)
{
	struct ledger_limit day = {.period = LEDGER_DAY, .udollars = DOLLAR};
	struct ledger_budget b = ONE(&day, -1);
	struct ledger_move m = {.to = LEDGER_SETTLED, .charged_ud = 2 * DOLLAR};
	struct fixture f;
	struct answer a;

	ledger_start(&f);
	CHECK_INT(buy(&f, 1, 1000, DOLLAR, &b, &a), 0);
	CHECK_INT(move_to(f.cache, 1, LEDGER_SENT), 0);
	CHECK_INT(move_with(f.cache, 1, &m, NULL), 0);
	CHECK(money_is(f.cache, 2 * DOLLAR, 0, 0));
	CHECK_INT(buy(&f, 2, 1000, 1, &b, &a), -EDQUOT);
	CHECK(strstr(a.err.why, " 0.00 USD of today's budget is left") != NULL);
	CHECK_INT(buy(&f, 2, 1000, 0, &b, &a), 0);
	fixture_end(&f);
}

/* Setting the clock back buys no second day, also not over a restart. */
static void the_clock_never_goes_back(void)
{
	struct ledger_limit day = {.period = LEDGER_DAY, .udollars = DOLLAR};
	struct ledger_budget b = ONE(&day, -1);
	struct ledger_sums sums[LEDGER_PERIODS];
	struct ledger_row r = {0};
	struct fixture f;
	struct answer a;
	struct err err = {0};

	ledger_start(&f);
	CHECK_INT(buy(&f, 1, 1000, DOLLAR, &b, &a), 0);
	test_now = NOON - DAY_MS;
	CHECK_INT(buy(&f, 2, 1000, 1, &b, &a), -EDQUOT);
	CHECK_INT(fixture_reopen(&f), 0);
	CHECK_INT(buy(&f, 2, 1000, 1, &b, &a), -EDQUOT);
	CHECK_INT(ledger_sums(f.cache, LEDGER_ANY_UID, sums), 0);
	CHECK_INT(sums[LEDGER_DAY].reserved_ud, DOLLAR);
	CHECK_INT(buy(&f, 2, 1000, 0, &b, &a), 0);
	CHECK_INT(ledger_find(f.cache, a.id[0], &r, &err), 0);
	CHECK_INT(r.created_ms, NOON);
	ledger_row_finish(&r);
	test_now = NOON + 5;
	CHECK_INT(move_to(f.cache, 1, LEDGER_SENT), 0);
	test_now = NOON;
	CHECK_INT(move_to(f.cache, 1, LEDGER_RESERVED), 0);
	CHECK_INT(ledger_find(f.cache, 1, &r, &err), 0);
	CHECK_INT(r.changed_ms, NOON + 5);
	ledger_row_finish(&r);
	fixture_end(&f);
}

/* What a call costs belongs to the day of its reservation, whenever it ends. */
static void money_stays_in_its_day(void)
{
	struct ledger_sums sums[LEDGER_PERIODS];
	struct fixture f;
	struct answer a;

	ledger_start(&f);
	CHECK_INT(buy(&f, 1, 1000, 25000, NULL, &a), 0);
	CHECK_INT(move_to(f.cache, 1, LEDGER_SENT), 0);
	test_now = NOON + DAY_MS;
	CHECK_INT(move_to(f.cache, 1, LEDGER_SETTLED), 0);
	CHECK_INT(ledger_sums(f.cache, LEDGER_ANY_UID, sums), 0);
	CHECK_INT(sums[LEDGER_DAY].spent_ud, 0);
	CHECK_INT(sums[LEDGER_DAY].reserved_ud, 0);
	CHECK_INT(sums[LEDGER_MONTH].spent_ud, 20000);
	CHECK_INT(sums[LEDGER_TOTAL].spent_ud, 20000);
	fixture_end(&f);
}

static void a_month_and_all_time(void)
{
	struct ledger_limit month = {.period = LEDGER_MONTH, .udollars = DOLLAR},
			    all = {.period = LEDGER_TOTAL, .udollars = 3 * DOLLAR / 2};
	struct ledger_budget m = ONE(&month, -1), t = ONE(&all, -1);
	struct fixture f;
	struct answer a;

	ledger_start(&f);
	CHECK_INT(buy(&f, 1, 1000, DOLLAR, &m, &a), 0);
	test_now = NOON + 5 * DAY_MS; /* the last of November */
	CHECK_INT(buy(&f, 2, 1000, 500000, &m, &a), -EDQUOT);
	CHECK_STR(a.err.why,
		"this would cost 0.50 USD and 0.00 USD of this month's budget is left; "
		"raise it with -o budget=...");
	test_now = NOON + 6 * DAY_MS;
	CHECK_INT(buy(&f, 2, 1000, 250000, &m, &a), 0);
	CHECK_INT(buy(&f, 3, 1000, 250001, &t, &a), -EDQUOT);
	CHECK_STR(a.err.why,
		"this would cost 0.250001 USD and 0.25 USD of the total budget is "
		"left; raise it with -o budget=...");
	CHECK_INT(buy(&f, 3, 1000, 250000, &t, &a), 0);
	test_now = NOON + 4000 * DAY_MS;
	CHECK_INT(buy(&f, 4, 1000, 1, &t, &a), -EDQUOT);
	fixture_end(&f);
}

static void each_user_by_himself(void)
{
	struct ledger_limit each = {.period = LEDGER_DAY,
		.udollars = DOLLAR,
		.is_per_user = true,
		.uid = LEDGER_ANY_UID};
	struct ledger_limit his = {.period = LEDGER_TOTAL,
		.udollars = 2 * DOLLAR,
		.is_per_user = true,
		.uid = 1001};
	struct ledger_budget b = ONE(&each, -1), h = ONE(&his, -1);
	struct ledger_sums sums[LEDGER_PERIODS];
	struct fixture f;
	struct answer a;

	ledger_start(&f);
	CHECK_INT(buy(&f, 1, 1000, 900000, &b, &a), 0);
	CHECK_INT(buy(&f, 2, 1001, DOLLAR, &b, &a), 0);
	CHECK_INT(buy(&f, 3, 1000, 200000, &b, &a), -EDQUOT);
	CHECK_STR(a.err.why,
		"this would cost 0.20 USD and 0.10 USD of your own budget for today is "
		"left; raise it with -o budget_uid=...");
	CHECK_INT(ledger_sums(f.cache, 1001, sums), 0);
	for (int i = 0; i < LEDGER_PERIODS; i++)
		CHECK_INT(sums[i].reserved_ud, DOLLAR);
	CHECK_INT(ledger_sums(f.cache, 1002, sums), 0);
	CHECK_INT(sums[LEDGER_TOTAL].reserved_ud, 0);
	/* The limit of one user is none for the others. */
	CHECK_INT(buy(&f, 4, 1000, 5 * DOLLAR, &h, &a), 0);
	CHECK_INT(buy(&f, 5, 1001, DOLLAR + 1, &h, &a), -EDQUOT);
	CHECK(strstr(a.err.why, "of your own total budget is left") != NULL);
	CHECK_INT(buy(&f, 5, 1001, DOLLAR, &h, &a), 0);
	each.period = LEDGER_MONTH;
	CHECK_INT(buy(&f, 6, 1001, 1, &b, &a), -EDQUOT);
	CHECK(strstr(a.err.why, "of your own budget for this month is left") != NULL);
	fixture_end(&f);
}

/* The sentence is about the limit of which least is left. */
static void the_tightest_limit_is_told(void)
{
	struct ledger_limit limit[] = {
		{.period = LEDGER_TOTAL, .udollars = 300000},
		{.period = LEDGER_DAY, .udollars = 100000},
		{.period = LEDGER_MONTH, .udollars = 200000},
	};
	struct ledger_budget b = {.limit = limit, .n = 3, .file_udollars = -1};
	struct fixture f;
	struct answer a;

	ledger_start(&f);
	CHECK_INT(buy(&f, 1, 1000, 400000, &b, &a), -EDQUOT);
	CHECK(strstr(a.err.why, "0.10 USD of today's budget") != NULL);
	CHECK_INT(buy(&f, 1, 1000, 100000, &b, &a), 0);
	CHECK_INT(buy(&f, 2, 1000, 150000, &b, &a), -EDQUOT);
	fixture_end(&f);
}

static void a_file_may_cost_so_much(void)
{
	struct ledger_budget b = {.file_udollars = 5 * DOLLAR};
	struct ledger_part parts[] = {{0, 8, 3 * DOLLAR}, {1, 8, 2 * DOLLAR + 1}};
	struct ledger_order order;
	struct fixture f;
	struct answer a;
	struct spot s;

	ledger_start(&f);
	spot_init(&s, "a fox", "veo-2", "16s.mp4");
	order = order_of(&s.place, parts, 2);
	CHECK_INT(reserve_all(f.cache, &order, 1, &b, &a), -EDQUOT);
	CHECK_STR(a.err.why,
		"this would cost 5.000001 USD and a file may cost 5.00 USD; raise it "
		"with -o max_cost=...");
	CHECK_INT(open_rows(f.cache, NULL), 0);
	parts[1].held_ud--;
	CHECK_INT(reserve_all(f.cache, &order, 1, &b, &a), 0);
	CHECK_INT(a.n, 2);
	CHECK(money_is(f.cache, 0, 5 * DOLLAR, 0));
	fixture_end(&f);
}

/* Paid parts count for the file's own limit; the rest can be bought beside them. */
static void paid_parts_count_for_the_file(void)
{
	struct ledger_budget b = {.file_udollars = 5 * DOLLAR};
	struct ledger_part parts[] = {{0, 8, 2 * DOLLAR}, {1, 8, 2 * DOLLAR}};
	struct ledger_order order;
	struct fixture f;
	struct answer a;
	struct spot s;
	struct err err = {0};
	struct blob_writer *w;

	ledger_start(&f);
	spot_init(&s, "a fox", "veo-2", "16s.mp4");
	order = order_of(&s.place, parts, 2);
	CHECK_INT(reserve_all(f.cache, &order, 1, &b, &a), 0);
	CHECK_INT(move_to(f.cache, 1, LEDGER_SENT), 0);
	w = blob_writer_new(f.cache, &err);
	CHECK_INT(blob_writer_write(w, "part", 4, &err), 0);
	CHECK_INT(ledger_keep_part(f.cache, 1, 2 * DOLLAR, w, NULL, &err), 0);
	blob_writer_free(w);
	CHECK_INT(move_to(f.cache, 2, LEDGER_RELEASED), 0);
	order.part = &parts[1];
	order.n = 1;
	parts[1].held_ud = 3 * DOLLAR + 1;
	CHECK_INT(reserve_all(f.cache, &order, 1, &b, &a), -EDQUOT);
	CHECK_STR(a.err.why,
		"this would cost 3.000001 USD beside the 2.00 USD that its other parts "
		"cost, and a file may cost 5.00 USD; raise it with -o max_cost=...");
	parts[1].held_ud = 3 * DOLLAR;
	CHECK_INT(reserve_all(f.cache, &order, 1, &b, &a), 0);
	fixture_end(&f);
}

static void all_orders_or_none(void)
{
	struct ledger_limit day = {.period = LEDGER_DAY, .udollars = DOLLAR};
	struct ledger_budget b = ONE(&day, 600000);
	struct ledger_part part[] = {{0, 0, 400000}, {0, 0, 600000}, {0, 0, 1}};
	struct ledger_order order[3];
	struct fixture f;
	struct answer a;
	struct spot s[3];
	uint64_t dir;

	ledger_start(&f);
	spot_init(&s[0], "a fox", "imagen-3", "1.png");
	spot_init(&s[1], "a fox", "imagen-3", "2.png");
	spot_init(&s[2], "a cat", "imagen-3", "1.png");
	for (int i = 0; i < 3; i++)
		order[i] = order_of(&s[i].place, &part[i], 1);
	CHECK_INT(reserve_all(f.cache, order, 3, &b, &a), -EDQUOT);
	CHECK_INT(open_rows(f.cache, NULL), 0);
	CHECK_INT(cache_dir_find(f.cache, s[0].name, 1, &dir), -ENOENT);
	part[2].held_ud = 0;
	CHECK_INT(reserve_all(f.cache, order, 3, &b, &a), 0);
	CHECK_INT(a.n, 3);
	CHECK(a.id[0] == 1 && a.id[1] == 2 && a.id[2] == 3);
	for (int i = 0; i < 3; i++)
		CHECK_INT(open_rows(f.cache, &s[i].key), 1);
	order[2].draw = 1;
	order[1] = order[2];
	CHECK_INT(reserve_all(f.cache, order + 1, 2, &b, &a), -EINVAL); /* twice */
	CHECK_INT(reserve_all(f.cache, order, 0, &b, &a), -EINVAL);
	order[2].n = 0;
	CHECK_INT(reserve_all(f.cache, order + 2, 1, &b, &a), -EINVAL);
	order[2].n = 1;
	part[2].held_ud = -1;
	CHECK_INT(reserve_all(f.cache, order + 2, 1, &b, &a), -EINVAL);
	part[2].held_ud = 1;
	day.udollars = -1;
	CHECK_INT(reserve_all(f.cache, order + 2, 1, &b, &a), -EINVAL);
	s[2].place.n = CACHE_DEPTH_MAX + 1;
	CHECK_INT(reserve_all(f.cache, order + 2, 1, NULL, &a), -EINVAL);
	CHECK_INT(open_rows(f.cache, NULL), 3);
	fixture_end(&f);
}

/* Reserving shows nothing in a listing: looking must tell what exists. */
static int count_entry(void *user, const struct cache_entry *e)
{
	(void)e;
	++*(int *)user;
	return 0;
}

static void reserving_lists_nothing(void)
{
	struct fixture f;
	struct answer a;
	int n = 0;

	ledger_start(&f);
	CHECK_INT(buy(&f, 1, 1000, 25000, NULL, &a), 0);
	CHECK_INT(cache_list(f.cache, 1, 0, count_entry, &n), 0);
	CHECK_INT(n, 0);
	fixture_end(&f);
}

static void what_is_not_over_is_in_the_way(void)
{
	static const enum ledger_state way[] = {
		LEDGER_SENT, LEDGER_ACCEPTED, LEDGER_UNKNOWN};
	struct ledger_part part = {.held_ud = 25000};
	struct ledger_order order;
	struct fixture f;
	struct answer a;
	struct spot s;

	ledger_start(&f);
	spot_init(&s, "a fox", "imagen-3", "1.png");
	order = order_of(&s.place, &part, 1);
	CHECK_INT(reserve_all(f.cache, &order, 1, NULL, &a), 0);
	CHECK_INT(reserve_all(f.cache, &order, 1, NULL, &a), -EIO);
	CHECK_STR(a.err.why, "call 1 for this file is not over yet");
	for (size_t i = 0; i < ARRAY_SIZE(way); i++) {
		CHECK_INT(move_to(f.cache, 1, way[i]), 0);
		CHECK_INT(reserve_all(f.cache, &order, 1, NULL, &a), -EIO);
	}
	CHECK_STR(a.err.why,
		"call 1 for this file may have been paid and its outcome is not known; "
		"rm writes it off, `promptfs unknown` lists it");
	order.draw = 1;
	CHECK_INT(reserve_all(f.cache, &order, 1, NULL, &a), 0);
	order.draw = 0;
	CHECK_INT(move_to(f.cache, 1, LEDGER_SETTLED), 0);
	CHECK_INT(reserve_all(f.cache, &order, 1, NULL, &a), 0);
	fixture_end(&f);
}

/* A plan gives way to another, and its money is there for it. */
static void one_plan_instead_of_another(void)
{
	struct ledger_limit day = {.period = LEDGER_DAY, .udollars = DOLLAR};
	struct ledger_budget b = ONE(&day, DOLLAR);
	struct ledger_part parts[] = {{0, 8, 500000}, {1, 8, 500000}};
	uint64_t instead[2] = {1, 2};
	struct ledger_order order;
	struct fixture f;
	struct answer a;
	struct spot s;

	ledger_start(&f);
	spot_init(&s, "a fox", "veo-2", "16s.mp4");
	order = order_of(&s.place, parts, 2);
	CHECK_INT(reserve_all(f.cache, &order, 1, &b, &a), 0);
	order.instead = instead;
	order.n_instead = 2;
	parts[1].held_ud = 500001; /* does not fit: the old plan stays */
	CHECK_INT(reserve_all(f.cache, &order, 1, &b, &a), -EDQUOT);
	CHECK_INT(state_of(f.cache, 1), LEDGER_RESERVED);
	CHECK(money_is(f.cache, 0, DOLLAR, 0));
	parts[1].held_ud = 400000;
	CHECK_INT(reserve_all(f.cache, &order, 1, &b, &a), 0);
	CHECK_INT(a.id[0], 3);
	CHECK_INT(state_of(f.cache, 1), LEDGER_RELEASED);
	CHECK_INT(state_of(f.cache, 2), LEDGER_RELEASED);
	CHECK(money_is(f.cache, 0, 900000, 0));
	instead[0] = 3;
	instead[1] = 4;
	CHECK_INT(move_to(f.cache, 4, LEDGER_SENT), 0);
	CHECK_INT(reserve_all(f.cache, &order, 1, &b, &a), -EINVAL);
	CHECK_STR(a.err.why, "call 4 is sent and cannot give way");
	CHECK_INT(state_of(f.cache, 3), LEDGER_RESERVED);
	order.n_instead = 1; /* one of two gives way, and the other is in the way */
	CHECK_INT(reserve_all(f.cache, &order, 1, &b, &a), -EIO);
	CHECK_INT(state_of(f.cache, 3), LEDGER_RESERVED);
	fixture_end(&f);
}

/* ---- many at once ---- */

#define BUYERS 100

struct buyer {
	struct fixture *f;
	const struct ledger_budget *budget;
	int n, result;
	pthread_t thread;
};

static void *buyer_main(void *arg)
{
	struct buyer *b = arg;
	struct answer a;

	b->result = buy(b->f, b->n, 1000, 40000, b->budget, &a);
	return NULL;
}

static void money_for_25_of_100(void)
{
	static struct buyer b[BUYERS];
	struct ledger_limit day = {.period = LEDGER_DAY, .udollars = DOLLAR};
	struct ledger_budget budget = ONE(&day, -1);
	struct fixture f;
	int bought = 0, refused = 0;

	ledger_start(&f);
	for (int i = 0; i < BUYERS; i++) {
		b[i] = (struct buyer){.f = &f, .budget = &budget, .n = i};
		CHECK_INT(pthread_create(&b[i].thread, NULL, buyer_main, &b[i]), 0);
	}
	for (int i = 0; i < BUYERS; i++) {
		pthread_join(b[i].thread, NULL);
		bought += b[i].result == 0;
		refused += b[i].result == -EDQUOT;
	}
	CHECK_INT(bought, 25);
	CHECK_INT(refused, 75);
	CHECK_INT(open_rows(f.cache, NULL), 25);
	CHECK(money_is(f.cache, 0, DOLLAR, 0));
	fixture_end(&f);
}

/* The same without threads: one batch of the store thread holds them all. */
static void money_for_25_in_one_batch(void)
{
	static struct answer a[BUYERS];
	struct ledger_limit day = {.period = LEDGER_DAY, .udollars = DOLLAR};
	struct ledger_budget budget = ONE(&day, -1);
	struct ledger_part part = {.held_ud = 40000};
	struct fixture f;
	int bought = 0;

	ledger_start(&f);
	for (int i = 0; i < BUYERS; i++) {
		struct spot s;
		struct ledger_order order;
		char name[16];

		snprintf(name, sizeof(name), "%d.png", i);
		spot_init(&s, "budget", "imagen-3", name);
		order = order_of(&s.place, &part, 1);
		answer_init(&a[i]);
		CHECK_INT(
			ledger_reserve(f.cache, &order, 1, &budget, on_reserved, &a[i]),
			0);
	}
	for (int i = 0; i < BUYERS; i++)
		bought += answer_wait(&a[i]) == 0;
	CHECK_INT(bought, 25);
	CHECK(money_is(f.cache, 0, DOLLAR, 0));
	fixture_end(&f);
}

TAP_MAIN(TAP_CASE(a_day_ends_at_midnight), TAP_CASE(what_is_free_passes),
	TAP_CASE(the_clock_never_goes_back), TAP_CASE(money_stays_in_its_day),
	TAP_CASE(a_month_and_all_time), TAP_CASE(each_user_by_himself),
	TAP_CASE(the_tightest_limit_is_told), TAP_CASE(a_file_may_cost_so_much),
	TAP_CASE(paid_parts_count_for_the_file), TAP_CASE(all_orders_or_none),
	TAP_CASE(reserving_lists_nothing), TAP_CASE(what_is_not_over_is_in_the_way),
	TAP_CASE(one_plan_instead_of_another), TAP_CASE(money_for_25_of_100),
	TAP_CASE(money_for_25_in_one_batch))
