// SPDX-License-Identifier: MIT
/* Which calls a file takes, what is held for all of them, and what for each. */
#include "backend/engine/plan.h"

#include <errno.h>

#include "cache/base/mem.h"
#include "tests/support/dice.h"
#include "tests/backend/policy/make_request.h"

#define TODAY "2026-11-23"
#define UNTOUCHED 12345

static struct catalogue *cat;

static struct price_scope scope(bool fallback, bool may_extend)
{
	return (struct price_scope){.catalogue = cat,
		.backend = BACKEND_VERTEX,
		.fallback = fallback,
		.may_extend = may_extend,
		.today = TODAY};
}

/* ---- the calls ---- */

#define CALLS_MAX 5

struct plan_case {
	const char *named, *served, *file, *options;
	bool fallback, may_extend;
	uint32_t n, billed;
	uint16_t seconds[CALLS_MAX];
	bool is_extension;
	int64_t worst;
};

static void check_plan(const struct plan_case *c)
{
	struct price_scope s = scope(c->fallback, c->may_extend);
	struct plan_rule rule = {.scope = &s,
		.named = catalogue_find(cat, c->named),
		.served = catalogue_find(cat, c->served)};
	struct segments plan = {0}, calls = {0};
	struct request r;
	struct err err = {0};
	int64_t worst = 0;
	bool ok;

	test_request(&r, "a red fox", c->file, c->options);
	rule.req = &r;
	ok = CHECK_INT(plan_make(&rule, &plan, &worst, &err), 0);
	ok &= CHECK_STR(err.why, "");
	ok &= CHECK_INT(plan_calls(&rule, &calls, &err), 0);
	ok &= CHECK(plan_is_same(&calls, &plan) && calls.billed == plan.billed);
	ok &= CHECK_INT(plan.n, c->n);
	ok &= CHECK_INT(plan.billed, c->billed);
	ok &= CHECK_INT(plan.is_extension, c->is_extension);
	for (uint32_t i = 0; i < plan.n && i < CALLS_MAX; i++)
		ok &= CHECK_INT(plan.seconds[i], c->seconds[i]);
	ok &= CHECK_INT(worst, c->worst);
	if (!ok)
		printf("# %s by %s %s %s\n", c->file, c->named, c->served, c->options);
	request_finish(&r);
}

static void check_plans(const struct plan_case *c, size_t n)
{
	for (size_t i = 0; i < n; i++)
		check_plan(&c[i]);
}

/* What has no seconds is one call. */
static void pictures_and_texts_are_one_call(void)
{
	static const struct plan_case rows[] = {
		{"imagen-4", "imagen-4", "1.png", "", .n = 1, .worst = 40000},
		{"imagen-4", "imagen-4", "3.png", "count=4", .n = 1, .worst = 40000},
		{"gemini-3-pro-image", "gemini-3-pro-image", "1.png", "size=4K", .n = 1,
			.worst = 240000},
		{"gemini-3.8-flash", "gemini-3.8-flash", "1.txt", "", .n = 1,
			.worst = 61550},
	};

	check_plans(rows, ARRAY_SIZE(rows));
}

static void long_videos_are_several(void)
{
	static const struct plan_case rows[] = {
		{"veo-3.1", "veo-3.1", "8s.mp4", "", .n = 1, .billed = 8,
			.seconds = {8}, .worst = 3200000},
		{"veo-3.1", "veo-3.1", "30s.mp4", "", .n = 4, .billed = 32,
			.seconds = {8, 8, 8, 8}, .worst = 12800000},
		{"veo-3.1", "veo-3.1", "30s.mp4", "audio=off", .n = 4, .billed = 32,
			.seconds = {8, 8, 8, 8}, .worst = 6400000},
		{"veo-3.1", "veo-3.1", "9s.mp4", "res=720p", .n = 2, .billed = 10,
			.seconds = {6, 4}, .worst = 4000000},
		{"veo-2", "veo-2", "30s.mp4", "", .n = 4, .billed = 30,
			.seconds = {8, 8, 7, 7}, .worst = 750000},
	};

	check_plans(rows, ARRAY_SIZE(rows));
}

static void extensions_where_there_is_a_place_for_them(void)
{
	static const struct plan_case rows[] = {
		{"veo-3.1", "veo-3.1", "15s.mp4", "", .may_extend = true, .n = 2,
			.billed = 15, .seconds = {8, 7}, .is_extension = true,
			.worst = 6000000},
		{"veo-3.1", "veo-3.1", "15s.mp4", "", .n = 2, .billed = 16,
			.seconds = {8, 8}, .worst = 6400000},
		{"veo-3.1", "veo-3.1", "22s.mp4", "", .may_extend = true, .n = 3,
			.billed = 22, .seconds = {8, 7, 7}, .is_extension = true,
			.worst = 8800000},
		/* what bills no less is no extension */
		{"veo-3.1", "veo-3.1", "30s.mp4", "", .may_extend = true, .n = 4,
			.billed = 32, .seconds = {8, 8, 8, 8}, .worst = 12800000},
		/* nor is what the model cannot, or a last frame rules out */
		{"veo-2", "veo-2", "15s.mp4", "", .may_extend = true, .n = 2,
			.billed = 15, .seconds = {8, 7}, .worst = 375000},
		{"veo-3.1", "veo-3.1", "15s.mp4", "image=a last=b", .may_extend = true,
			.n = 2, .billed = 16, .seconds = {8, 8}, .worst = 6400000},
	};

	check_plans(rows, ARRAY_SIZE(rows));
}

/* Veo 2 makes no less than five seconds, whatever its row promises. What is sent is
 * billed, so that is held. */
static void calls_are_held_as_long_as_they_are_sent(void)
{
	static const struct plan_case rows[] = {
		{"veo-2", "veo-2", "1s.mp4", "", .n = 1, .billed = 5, .seconds = {5},
			.worst = 125000},
		{"veo-2", "veo-2", "4s.mp4", "", .n = 1, .billed = 5, .seconds = {5},
			.worst = 125000},
		{"veo-2", "veo-2", "5s.mp4", "", .n = 1, .billed = 5, .seconds = {5},
			.worst = 125000},
		{"veo-2", "veo-2", "9s.mp4", "", .n = 2, .billed = 10,
			.seconds = {5, 5}, .worst = 250000},
		{"veo-1.5", "veo-1.5", "1s.mp4", "", .n = 1, .billed = 1,
			.seconds = {1}, .worst = 15000},
		/* the worst case of the named one is higher, and stays */
		{"veo-2", "veo-2", "1s.mp4", "", .fallback = true, .n = 1, .billed = 5,
			.seconds = {5}, .worst = 640000},
	};

	check_plans(rows, ARRAY_SIZE(rows));
}

/* What is added to a clip is as long as asked, however short. */
static void extensions_are_sent_as_they_are(void)
{
	struct model_row row = *catalogue_find(cat, "veo-2");
	struct price_scope s = scope(false, true);
	struct segments plan = {0};
	struct request r;
	struct plan_rule rule = {.scope = &s, .named = &row, .served = &row, .req = &r};
	int64_t worst = 0;

	row.n_seconds = 1;
	row.seconds[0] = (struct seconds_rule){.res = "", .n = 1, .seconds = {4}};
	row.extend = (struct extend_rule){.seconds = 3, .input_max = 30, .max = 37};
	test_request(&r, "a red fox", "7s.mp4", "");
	CHECK_INT(plan_make(&rule, &plan, &worst, NULL), 0);
	CHECK(plan.is_extension);
	CHECK_INT(plan.n, 2);
	CHECK_INT(plan.seconds[0], 5);
	CHECK_INT(plan.seconds[1], 3);
	CHECK_INT(plan.billed, 8);
	CHECK_INT(worst, 200000);
	request_finish(&r);
}

/* It is held for the dearest one that may serve the file, and never for less than the
 * one that does. */
static void others_may_serve(void)
{
	static const struct plan_case rows[] = {
		{"imagen-3", "imagen-3", "1.png", "", .fallback = true, .n = 1,
			.worst = 33600},
		{"imagen-3", "imagen-3", "1.png", "", .n = 1, .worst = 25000},
		{"imagen-3", "imagen-2", "1.png", "", .fallback = true, .n = 1,
			.worst = 33600},
		{"veo-2", "veo-2", "30s.mp4", "", .fallback = true, .n = 4,
			.billed = 30, .seconds = {8, 8, 7, 7}, .worst = 2560000},
		{"veo-2", "veo-1.5", "30s.mp4", "", .fallback = true, .n = 4,
			.billed = 30, .seconds = {8, 8, 7, 7}, .worst = 2560000},
		{"veo-2", "veo-3.1-lite", "30s.mp4", "", .fallback = true, .n = 4,
			.billed = 32, .seconds = {8, 8, 8, 8}, .worst = 2560000},
		{"veo-2", "veo-3.1-lite", "30s.mp4", "", .n = 4, .billed = 32,
			.seconds = {8, 8, 8, 8}, .worst = 2560000},
		/* cut from a longer one */
		{"veo-2", "veo-3.1-lite", "5s.mp4", "", .n = 1, .billed = 8,
			.seconds = {8}, .worst = 640000},
		/* the length is that of the one that serves it, not of the named */
		{"veo-3.1", "veo-1.5", "9s.mp4", "res=720p", .n = 2, .billed = 9,
			.seconds = {5, 4}, .worst = 4000000},
	};

	check_plans(rows, ARRAY_SIZE(rows));
}

static void a_row_may_want_more_held(void)
{
	struct model_row row = *catalogue_find(cat, "veo-2");
	struct price_scope s = scope(false, false);
	struct segments plan = {0};
	struct request r;
	struct plan_rule rule = {.scope = &s, .named = &row, .served = &row, .req = &r};
	int64_t worst = 0;

	row.reserve_udollars = 5000000;
	test_request(&r, "a red fox", "30s.mp4", "");
	CHECK_INT(plan_make(&rule, &plan, &worst, NULL), 0);
	CHECK_INT(plan.billed, 30);
	CHECK_INT(worst, 5000000);
	request_finish(&r);
}

/* ---- what cannot be planned ---- */

static void refuse(const struct model_row *named, const struct model_row *served,
	const char *file, int code, const char *why)
{
	struct price_scope s = scope(true, true);
	struct segments plan = {.n = UNTOUCHED};
	struct request r;
	struct plan_rule rule = {
		.scope = &s, .named = named, .served = served, .req = &r};
	int64_t worst = UNTOUCHED;
	struct err err = {0};

	test_request(&r, "a red fox", file, "");
	CHECK_INT(plan_make(&rule, &plan, &worst, &err), -code);
	CHECK_INT(err.code, code);
	if (!CHECK(strstr(err.why, why)))
		printf("# %s\n", err.why);
	CHECK_INT(plan.n, UNTOUCHED);
	CHECK_INT(worst, UNTOUCHED);
	CHECK_INT(plan_make(&rule, &plan, &worst, NULL), -code);
	request_finish(&r);
}

static void without_a_price_there_is_no_budget(void)
{
	struct model_row picture = *catalogue_find(cat, "imagen-4");
	struct model_row video = *catalogue_find(cat, "veo-3.1");

	picture.price = (struct row_price){0};
	video.price.n_classes = 0;
	refuse(&picture, &picture, "1.png", EDQUOT, "no price, no budget");
	refuse(&picture, &picture, "1.png", EDQUOT, "imagen-4 has no price");
	refuse(&video, &video, "30s.mp4", EDQUOT, "no price, no budget");
}

/* The calls are what they are without one. */
static void calls_need_no_price(void)
{
	struct model_row row = *catalogue_find(cat, "veo-3.1");
	struct price_scope s = scope(true, false);
	struct segments plan = {0};
	struct request r;
	struct plan_rule rule = {.scope = &s, .named = &row, .served = &row, .req = &r};

	row.price = (struct row_price){0};
	test_request(&r, "a red fox", "30s.mp4", "");
	CHECK_INT(plan_calls(&rule, &plan, NULL), 0);
	CHECK_INT(plan.n, 4);
	CHECK_INT(plan.billed, 32);
	r.seconds = 301;
	plan.n = UNTOUCHED;
	CHECK_INT(plan_calls(&rule, &plan, NULL), -EINVAL);
	CHECK_INT(plan.n, UNTOUCHED);
	request_finish(&r);
}

static void lengths_that_nobody_makes(void)
{
	const struct model_row *veo = catalogue_find(cat, "veo-3.1");
	struct model_row shorter = *veo;

	shorter.name = "veo-short";
	shorter.seconds_max = 20;
	refuse(veo, veo, "301s.mp4", EINVAL, "veo-3.1 cannot make a video of 301 s");
	refuse(veo, veo, "0s.mp4", EINVAL, "veo-3.1 cannot make a video of 0 s");
	refuse(veo, &shorter, "30s.mp4", EINVAL,
		"veo-short cannot make a video of 30 s");
}

static void what_cannot_be_counted(void)
{
	struct model_row row = *catalogue_find(cat, "veo-2");

	row.price.classes[0].udollars = INT64_MAX / 2;
	row.price.classes[0].silent_udollars = INT64_MAX / 2;
	refuse(&row, &row, "30s.mp4", EOVERFLOW, "cannot be counted");
}

/* ---- every length ---- */

static void check_length(const struct plan_rule *rule)
{
	struct segments plan = {0};
	int64_t worst = 0, sum = 0, v = 0, held[LIMITS_SEGMENTS_MAX];
	uint32_t seconds = 0;

	if (!CHECK_INT(plan_make(rule, &plan, &worst, NULL), 0))
		return;
	CHECK(plan.n >= 1 && plan.n <= LIMITS_SEGMENTS_MAX);
	for (uint32_t i = 0; i < plan.n; i++) {
		CHECK_INT(price_segment(
				  rule->served, rule->req, plan.seconds[i], &v, NULL),
			0);
		sum += v;
		seconds += plan.seconds[i];
	}
	CHECK_INT(plan.billed, seconds);
	CHECK(seconds >= rule->req->seconds);
	CHECK(worst >= sum); /* all calls are covered */
	plan_share(&plan, worst, held);
	for (uint32_t i = 0; i < plan.n; i++) {
		price_segment(rule->served, rule->req, plan.seconds[i], &v, NULL);
		CHECK(held[i] >= v); /* and each of them */
		worst -= held[i];
	}
	CHECK_INT(worst, 0);
}

/* Whoever serves it: the calls are long enough, and what is held covers each of them at
 * its price. */
static void every_length_is_covered(void)
{
	static const struct {
		const char *named, *served;
	} rows[] = {{"veo-2", "veo-2"}, {"veo-2", "veo-1.5"}, {"veo-2", "veo-3.1-lite"},
		{"veo-3.1", "veo-3.1"}, {"veo-3.1", "veo-3.1-fast"}};

	for (size_t i = 0; i < ARRAY_SIZE(rows) * 4; i++) {
		struct price_scope s = scope(i & 1, i & 2);
		struct request r;
		struct plan_rule rule = {.scope = &s,
			.named = catalogue_find(cat, rows[i / 4].named),
			.served = catalogue_find(cat, rows[i / 4].served),
			.req = &r};

		test_request(&r, "a red fox", "1s.mp4", "res=1080p");
		for (; r.seconds <= rule.served->seconds_max; r.seconds++)
			check_length(&rule);
		request_finish(&r);
	}
}

/* ---- what each call holds ---- */

static void shares_by_seconds(void)
{
	static const struct {
		struct segments plan;
		int64_t worst, held[CALLS_MAX];
	} rows[] = {
		{{.n = 1}, 40000, {40000}},
		{{.n = 1}, 0, {0}},
		{{.n = 1, .billed = 8, .seconds = {8}}, 3200000, {3200000}},
		{{.n = 2, .billed = 15, .seconds = {8, 7}}, 6000000,
			{3200000, 2800000}},
		{{.n = 4, .billed = 30, .seconds = {8, 8, 7, 7}}, 750000,
			{200000, 200000, 175000, 175000}},
		/* odd micro-dollars are the last one's */
		{{.n = 3, .billed = 24, .seconds = {8, 8, 8}}, 100, {33, 33, 34}},
		{{.n = 3, .billed = 24, .seconds = {8, 8, 8}}, 2, {0, 0, 2}},
		{{.n = 3, .billed = 24, .seconds = {8, 8, 8}}, 0, {0, 0, 0}},
		/* what nothing is billed for is the first one's */
		{{.n = 2}, 100, {100, 0}},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int64_t held[CALLS_MAX] = {0};

		plan_share(&rows[i].plan, rows[i].worst, held);
		for (uint32_t k = 0; k < rows[i].plan.n; k++)
			CHECK_INT(held[k], rows[i].held[k]);
	}
}

static void check_shares(const struct segments *plan, int64_t worst)
{
	int64_t held[LIMITS_SEGMENTS_MAX], left = worst;
	uint32_t last = plan->n - 1;

	plan_share(plan, worst, held);
	for (uint32_t i = 0; i < plan->n; i++) {
		if (!CHECK(held[i] >= 0 && held[i] <= left))
			return;
		left -= held[i];
		/* equal seconds, equal shares; but for odd ones, all the last one's */
		for (uint32_t k = 0; k < i && i < last; k++)
			if (plan->seconds[k] == plan->seconds[i])
				CHECK_INT(held[k], held[i]);
		if (i < last && plan->seconds[i] == plan->seconds[last])
			CHECK(held[last] - held[i] >= 0 &&
				held[last] - held[i] <= last);
	}
	CHECK_INT(left, 0);
}

/* Any split of any sum: together the sum to the last micro-dollar, none negative. */
static void shares_are_the_whole(void)
{
	static const int64_t sums[] = {
		0, 1, 2, 511, 512, 1000003, INT64_MAX - 1, INT64_MAX};
	struct dice d = {.state = 8};

	for (int round = 0; round < 500; round++) {
		struct segments plan = {0};

		plan.n = 1 + dice_below(&d, round % 50 ? 12 : LIMITS_SEGMENTS_MAX);
		for (uint32_t i = 0; i < plan.n; i++) {
			plan.seconds[i] = (uint16_t)(1 + dice_below(&d, 8));
			plan.billed += plan.seconds[i];
		}
		for (size_t i = 0; i < ARRAY_SIZE(sums); i++)
			check_shares(&plan, sums[i]);
		check_shares(&plan, dice_money(&d));
	}
}

/* ---- the same plan? ---- */

static void plans_that_are_the_same(void)
{
	static const struct segments base = {
		.n = 2, .billed = 15, .seconds = {8, 7, 1}, .is_extension = true};
	static const struct {
		struct segments other;
		bool is_same;
	} rows[] = {
		{{2, 15, {8, 7, 1}, true}, true},
		{{2, 15, {8, 7, 9}, true}, true}, /* beyond the last call */
		{{2, 99, {8, 7}, true}, true},    /* told by the seconds */
		{{2, 15, {8, 7}, false}, false},
		{{2, 15, {7, 8}, true}, false},
		{{2, 16, {8, 8}, true}, false},
		{{1, 8, {8, 7}, true}, false},
		{{3, 16, {8, 7, 1}, true}, false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CHECK_INT(plan_is_same(&base, &rows[i].other), rows[i].is_same);
		CHECK_INT(plan_is_same(&rows[i].other, &base), rows[i].is_same);
	}
}

static void begin(void)
{
	cat = test_catalogue();
}

static void end(void)
{
	catalogue_free(cat);
}

TAP_MAIN(TAP_CASE(begin), TAP_CASE(pictures_and_texts_are_one_call),
	TAP_CASE(long_videos_are_several),
	TAP_CASE(extensions_where_there_is_a_place_for_them),
	TAP_CASE(calls_are_held_as_long_as_they_are_sent),
	TAP_CASE(extensions_are_sent_as_they_are), TAP_CASE(others_may_serve),
	TAP_CASE(a_row_may_want_more_held),
	TAP_CASE(without_a_price_there_is_no_budget), TAP_CASE(calls_need_no_price),
	TAP_CASE(lengths_that_nobody_makes), TAP_CASE(what_cannot_be_counted),
	TAP_CASE(every_length_is_covered), TAP_CASE(shares_by_seconds),
	TAP_CASE(shares_are_the_whole), TAP_CASE(plans_that_are_the_same),
	TAP_CASE(end))
