// SPDX-License-Identifier: MIT
#include "backend/policy/price.h"

#include <errno.h>

#include "backend/policy/limits.h"
#include "cache/base/mem.h"
#include "tests/backend/policy/make_request.h"

#define TODAY "2026-11-23"

static struct catalogue *cat;

static struct price_scope scope(enum backend_id backend, bool fallback)
{
	return (struct price_scope){.catalogue = cat,
		.backend = backend,
		.fallback = fallback,
		.today = TODAY};
}

static void estimates(void)
{
	static const struct {
		const char *model, *file, *options;
		uint32_t takes;
		const char *unit;
		int64_t units, total;
	} rows[] = {
		{"imagen-3", "1.png", "", 1, "image", 1, 25000},
		{"imagen-3", "1.png", "count=4", 4, "image", 4, 100000},
		{"imagen-2", "1.png", "aspect=16:9", 1, "image", 1, 20000},
		{"veo-2", "30s.mp4", "", 1, "second", 30, 750000},
		{"veo-1.5", "10s.mp4", "res=720p", 1, "second", 10, 150000},
		{"veo-2", "90s.mp4", "", 1, "second", 90, 2250000},
		{"veo-3.1", "8s.mp4", "", 1, "second", 8, 3200000},
		{"veo-3.1", "8s.mp4", "audio=off", 1, "second", 8, 1600000},
		{"veo-3.1", "8s.mp4", "res=4K", 1, "second", 8, 4800000},
		{"veo-3.1", "30s.mp4", "audio=off", 1, "second", 32, 6400000},
		{"gemini-nano-banana-2.1", "1.png", "", 1, "image", 1, 33600},
		{"gemini-3-pro-image", "1.png", "size=4K", 1, "image", 1, 240000},
		{"gemini-2.5-flash-image", "1.png", "", 1, "image", 1, 39000},
		/* (9 + 64) * 1.5 + 8192 * 7.5 = 61549.5: halves up */
		{"gemini-3.8-flash", "1.txt", "", 1, "token", 8265, 61550},
		/* (9 + 64 + 2 * 1120) * 0.5 + 100 * 1.5 */
		{"gemini-pro-vision", "1.txt", "image=a+b max_tokens=100", 1, "token",
			2413, 1307},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct price_estimate e = {0};
		struct request r;
		struct err err = {0};

		test_request(&r, "a red fox", rows[i].file, rows[i].options);
		CHECK_INT(price_estimate(catalogue_find(cat, rows[i].model), &r,
				  rows[i].takes, false, &e, &err),
			0);
		CHECK_STR(err.why, "");
		CHECK_STR(e.unit, rows[i].unit);
		CHECK_INT(e.units, rows[i].units);
		CHECK_INT(e.total_udollars, rows[i].total);
		request_finish(&r);
	}
}

/* A place to extend in makes some lengths cheaper, for all that count with it. */
static void extension_is_cheaper(void)
{
	const struct model_row *row = catalogue_find(cat, "veo-3.1");
	struct price_scope s = scope(BACKEND_VERTEX, false);
	struct price_estimate e = {0};
	struct request r;
	int64_t v = 0;

	test_request(&r, "a red fox", "15s.mp4", "");
	CHECK_INT(price_estimate(row, &r, 1, false, &e, NULL), 0);
	CHECK_INT(e.total_udollars, 6400000);
	CHECK_INT(price_estimate(row, &r, 1, true, &e, NULL), 0);
	CHECK_INT(e.units, 15);
	CHECK_INT(e.total_udollars, 6000000);
	CHECK_INT(price_worst(&s, row, &r, 1, &v, NULL), 0);
	CHECK_INT(v, 6400000);
	s.may_extend = true;
	CHECK_INT(price_worst(&s, row, &r, 1, &v, NULL), 0);
	CHECK_INT(v, 6000000);
	CHECK_INT(price_refusal(row, &r, 1, true, &v, NULL), 0);
	CHECK_INT(v, 6000000);
	CHECK_INT(price_refusal(row, &r, 1, false, &v, NULL), 0);
	CHECK_INT(v, 6400000);
	request_finish(&r);
}

/* One decision for what is shown and what is reserved. */
static void scopes(void)
{
	static const struct {
		enum backend_id backend;
		const char *bucket;
		bool may_extend;
	} rows[] = {
		{BACKEND_VERTEX, "clips", true},
		{BACKEND_VERTEX, "gs://clips/", true},
		{BACKEND_VERTEX, "", false},
		{BACKEND_VERTEX, NULL, false},
		{BACKEND_GEMINI, "clips", false},
		{BACKEND_OPENAI, "clips", false},
		{BACKEND_LOCAL, "clips", false},
		{BACKEND_LOCAL, NULL, false},
	};
	const struct model_row *row = catalogue_find(cat, "veo-3.1");
	struct request r;

	test_request(&r, "a red fox", "15s.mp4", "");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct price_scope s = price_scope_of(
			cat, rows[i].backend, rows[i].bucket, i % 2, TODAY);
		int64_t v = 0;

		CHECK(limits_may_extend(rows[i].backend, rows[i].bucket) ==
			rows[i].may_extend);
		CHECK(s.catalogue == cat && s.backend == rows[i].backend);
		CHECK(s.fallback == i % 2 && s.may_extend == rows[i].may_extend);
		CHECK_STR(s.today, TODAY);
		CHECK_INT(price_worst(&s, row, &r, 1, &v, NULL), 0);
		CHECK_INT(v, rows[i].may_extend ? 6000000 : 6400000);
	}
	request_finish(&r);
}

static void actuals(void)
{
	const struct model_row *text = catalogue_find(cat, "gemini-3.1-flash-lite");
	const struct model_row *picture = catalogue_find(cat, "imagen-3");
	static const struct {
		int64_t in, out, want;
	} rows[] = {
		{0, 0, 0},
		{1, 0, 1}, /* 0.25 */
		{2, 0, 1}, /* 0.5 */
		{1, 1, 2}, /* 1.75 */
		{100, 200, 325},
		{1000000, 1000000, 1750000},
	};
	struct request r;
	int64_t v = 0;

	test_request(&r, "a red fox", "1.txt", "");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct usage u = {.tokens_in = rows[i].in, .tokens_out = rows[i].out};

		CHECK_INT(price_actual(text, &r, &u, &v, NULL), 0);
		CHECK_INT(v, rows[i].want);
	}
	CHECK_INT(price_actual(
			  text, &r, &(struct usage){.tokens_out = INT64_MAX}, &v, NULL),
		-EOVERFLOW);
	request_finish(&r);
	test_request(&r, "a red fox", "1.png", "");
	CHECK_INT(price_actual(picture, &r, &(struct usage){.images = 3}, &v, NULL), 0);
	CHECK_INT(v, 75000);
	request_finish(&r);
}

static void refusals(void)
{
	struct request r;
	int64_t v = -1;

	test_request(&r, "a red fox", "1.png", "");
	CHECK_INT(
		price_refusal(catalogue_find(cat, "imagen-3"), &r, 1, false, &v, NULL),
		0);
	CHECK_INT(v, 0);
	request_finish(&r);
	test_request(&r, "a red fox", "8s.mp4", "");
	CHECK_INT(
		price_refusal(catalogue_find(cat, "veo-2"), &r, 1, false, &v, NULL), 0);
	CHECK_INT(v, 200000);
	request_finish(&r);
}

static void worst_cases(void)
{
	static const struct {
		const char *model, *file, *options;
		enum backend_id backend;
		bool fallback;
		int64_t want;
	} rows[] = {
		{"imagen-3", "1.png", "", BACKEND_VERTEX, true, 33600},
		{"imagen-3", "1.png", "", BACKEND_VERTEX, false, 25000},
		{"imagen-3", "1.png", "", BACKEND_LOCAL, true, 33600},
		{"imagen-2", "1.png", "count=2", BACKEND_VERTEX, true, 33600},
		{"veo-2", "30s.mp4", "", BACKEND_VERTEX, true, 2560000},
		{"veo-2", "30s.mp4", "", BACKEND_VERTEX, false, 750000},
		{"gemini-3-pro-image", "1.png", "", BACKEND_VERTEX, true, 134000},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct price_scope s = scope(rows[i].backend, rows[i].fallback);
		struct request r;
		int64_t v = 0;

		test_request(&r, "a red fox", rows[i].file, rows[i].options);
		CHECK_INT(price_worst(&s, catalogue_find(cat, rows[i].model), &r, 1, &v,
				  NULL),
			0);
		CHECK_INT(v, rows[i].want);
		request_finish(&r);
	}
}

static void successors_and_fallbacks(void)
{
	struct price_scope s = scope(BACKEND_VERTEX, true);
	struct request r;

	test_request(&r, "a red fox", "30s.mp4", "");
	CHECK_STR(price_successor(&s, catalogue_find(cat, "veo-2"), &r)->name,
		"veo-3.1-lite");
	CHECK_STR(
		price_fallback(&s, catalogue_find(cat, "veo-2"), &r)->name, "veo-1.5");
	request_finish(&r);
	/* What the cheapest cannot shape goes to the next. */
	test_request(&r, "a red fox", "8s.mp4", "res=4K");
	CHECK_STR(price_successor(&s, catalogue_find(cat, "veo-2"), &r)->name,
		"veo-3.1-fast");
	CHECK(!price_fallback(&s, catalogue_find(cat, "veo-2"), &r));
	request_finish(&r);
	test_request(&r, "a red fox", "1.png", "");
	CHECK(!price_successor(&s, catalogue_find(cat, "veo-3.1"), &r));
	request_finish(&r);
}

static void alternatives(void)
{
	struct price_scope s = scope(BACKEND_LOCAL, true);
	struct price_alternative a[PRICE_ALTERNATIVES_MAX];
	struct request r;
	size_t n;

	test_request(&r, "a red fox", "1.png", "");
	CHECK_INT(price_alternatives(&s, catalogue_find(cat, "imagen-3"), &r, 1, a,
			  PRICE_ALTERNATIVES_MAX),
		1);
	CHECK_STR(a[0].row->name, "imagen-2");
	CHECK_INT(a[0].estimate_udollars, 20000);
	n = price_alternatives(
		&s, catalogue_find(cat, "gemini-3-pro-image"), &r, 1, a, 2);
	CHECK_INT(n, 2);
	CHECK_STR(a[0].row->name, "gemini-nano-banana-2.1");
	CHECK_STR(a[1].row->name, "gemini-3.1-flash-lite-image");
	CHECK_INT(price_alternatives(&s, catalogue_find(cat, "imagen-2"), &r, 1, a, 2),
		0);
	request_finish(&r);
}

static void begin(void)
{
	cat = test_catalogue();
}

static void end(void)
{
	catalogue_free(cat);
}

TAP_MAIN(TAP_CASE(begin), TAP_CASE(estimates), TAP_CASE(extension_is_cheaper),
	TAP_CASE(scopes), TAP_CASE(actuals), TAP_CASE(refusals), TAP_CASE(worst_cases),
	TAP_CASE(successors_and_fallbacks), TAP_CASE(alternatives), TAP_CASE(end))
