// SPDX-License-Identifier: MIT
/* What a call is booked at, and how its parts share it. */
#include "backend/engine/paid/paid_book.h"

#include "cache/base/mem.h"
#include "tests/support/dice.h"
#include "tests/backend/policy/make_request.h"

static struct catalogue *cat;

/* ---- what a call has cost ---- */

struct charge_case {
	const char *model, *file, *options;
	uint32_t seconds, n_parts;
	struct usage usage;
	int64_t want;
	bool may_extend;
};

static bool charge(const struct model_row *row, const struct charge_case *c,
	enum verdict_charge how, int64_t *ret)
{
	struct verdict *v = new0(struct verdict);
	struct request r;
	struct booking b = {.row = row,
		.req = &r,
		.seconds = c->seconds,
		.n_parts = c->n_parts,
		.may_extend = c->may_extend};
	bool is_known;

	test_request(&r, "a red fox", c->file, c->options);
	v->charge = how;
	v->usage = c->usage;
	is_known = book_charge(&b, v, ret);
	request_finish(&r);
	free(v);
	return is_known;
}

static void check_charges(
	const struct charge_case *c, size_t n, enum verdict_charge how, bool is_known)
{
	for (size_t i = 0; i < n; i++) {
		int64_t ud = -1;
		bool ok;

		ok = CHECK_INT(charge(catalogue_find(cat, c[i].model), &c[i], how, &ud),
			is_known);
		ok &= CHECK_INT(ud, c[i].want);
		if (!ok)
			printf("# %s %s %s\n", c[i].model, c[i].file, c[i].options);
	}
}

/* Even where an answer tells of usage. */
static void nothing_is_nothing(void)
{
	static const struct charge_case rows[] = {
		{"imagen-4", "1.png", "", 0, 1, {.images = 1}, 0},
		{"veo-3.1", "8s.mp4", "", 8, 1, {.seconds = 8}, 0},
		{"gemini-3.8-flash", "1.txt", "", 0, 1, {.tokens_in = 1000000}, 0},
	};

	check_charges(rows, ARRAY_SIZE(rows), CHARGE_NOTHING, true);
}

static void usage_is_paid_at_the_price_of_its_row(void)
{
	static const struct charge_case rows[] = {
		{"imagen-4", "1.png", "", 0, 1, {.images = 1}, 40000},
		/* of all parts, as many as came */
		{"imagen-4", "1.png", "count=4", 0, 4, {.images = 3}, 120000},
		{"gemini-3-pro-image", "1.png", "size=4K", 0, 1, {.images = 1}, 240000},
		{"veo-3.1", "30s.mp4", "", 8, 1, {.seconds = 8}, 3200000},
		{"veo-3.1", "30s.mp4", "audio=off", 8, 1, {.seconds = 8}, 1600000},
		/* told, not as planned */
		{"veo-3.1", "30s.mp4", "", 8, 1, {.seconds = 6}, 2400000},
		{"gemini-3.1-flash-lite", "1.txt", "", 0, 1,
			{.tokens_in = 100, .tokens_out = 200}, 325},
		{"gemini-3.1-flash-lite", "1.txt", "", 0, 1, {.tokens_in = 1}, 1},
		{"imagen-4", "1.png", "", 0, 1, {0}, 0},
	};

	check_charges(rows, ARRAY_SIZE(rows), CHARGE_USAGE, true);
}

/* All that is held is booked then. */
static void usage_that_cannot_be_counted_is_not_known(void)
{
	static const struct charge_case rows[] = {
		{"gemini-3.8-flash", "1.txt", "", 0, 1, {.tokens_out = INT64_MAX}, 0},
		{"gemini-3.8-flash", "1.txt", "", 0, 1, {.tokens_in = -1}, 0},
	};
	static const struct charge_case one = {
		"imagen-4", "1.png", "", 0, 1, {.images = 1}, 0};
	struct model_row row = *catalogue_find(cat, one.model);
	int64_t ud = -1;

	check_charges(rows, ARRAY_SIZE(rows), CHARGE_USAGE, false);
	row.price = (struct row_price){0};
	CHECK(!charge(&row, &one, CHARGE_USAGE, &ud));
	CHECK_INT(ud, 0);
}

/* Nothing where the row says so, else what the file would have cost. */
static void a_refusal_costs_what_the_row_says(void)
{
	static const struct charge_case rows[] = {
		{"imagen-4", "1.png", "", 0, 1, {0}, 0},
		{"imagen-4", "1.png", "count=4", 0, 4, {0}, 0},
		{"gemini-nano-banana-2.1", "1.png", "", 0, 1, {0}, 33600},
		{"gemini-nano-banana-2.1", "1.png", "", 0, 3, {0}, 100800},
		{"gemini-3-pro-image", "1.png", "size=4K", 0, 1, {0}, 240000},
		/* of one call, not of the whole video */
		{"veo-3.1", "30s.mp4", "", 8, 1, {0}, 3200000},
		{"veo-3.1", "30s.mp4", "audio=off", 8, 1, {0}, 1600000},
		{"veo-3.1", "9s.mp4", "res=720p", 4, 1, {0}, 1600000},
		{"veo-2", "30s.mp4", "", 7, 1, {0}, 175000},
		{"veo-3.1", "8s.mp4", "", 8, 4, {0}, 12800000},
		/* of the whole file, where the call has no length of its own */
		{"veo-3.1", "15s.mp4", "", 0, 1, {0}, 6400000},
		{"veo-3.1", "15s.mp4", "", 0, 1, {0}, 6000000, .may_extend = true},
	};

	check_charges(rows, ARRAY_SIZE(rows), CHARGE_REFUSAL, true);
}

static void a_refusal_may_have_a_price_of_its_own(void)
{
	static const struct charge_case rows[] = {
		{"imagen-4", "1.png", "", 0, 1, {0}, 1500},
		{"imagen-4", "1.png", "count=4", 0, 4, {0}, 6000},
		{"veo-3.1", "30s.mp4", "", 8, 1, {0}, 1500},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct model_row row = *catalogue_find(cat, rows[i].model);
		int64_t ud = -1;

		row.refusal_is_full = false;
		row.refusal_udollars = 1500;
		CHECK(charge(&row, &rows[i], CHARGE_REFUSAL, &ud));
		CHECK_INT(ud, rows[i].want);
	}
}

/* Words that were read are paid, where they cost more than the refusal. */
static void a_refusal_is_never_below_what_was_read(void)
{
	static const struct charge_case rows[] = {
		{"gemini-3.1-flash-lite", "1.txt", "", 0, 1, {0}, 0},
		{"gemini-3.1-flash-lite", "1.txt", "", 0, 1, {.tokens_in = 100}, 25},
		{"gemini-3.1-flash-lite", "1.txt", "", 0, 1,
			{.tokens_in = 100, .tokens_out = 200}, 325},
		{"gemini-nano-banana-2.1", "1.png", "", 0, 1, {.tokens_in = 100},
			33600},
		{"gemini-nano-banana-2.1", "1.png", "", 0, 1, {.images = 2}, 67200},
		/* what cannot be counted raises nothing */
		{"gemini-nano-banana-2.1", "1.png", "", 0, 1, {.tokens_in = -1}, 33600},
	};

	check_charges(rows, ARRAY_SIZE(rows), CHARGE_REFUSAL, true);
}

static void reserved_is_not_known(void)
{
	static const struct charge_case rows[] = {
		{"imagen-4", "1.png", "", 0, 1, {.images = 1}, 0},
		{"veo-3.1", "30s.mp4", "", 8, 1, {.seconds = 8}, 0},
	};

	check_charges(rows, ARRAY_SIZE(rows), CHARGE_RESERVED, false);
}

/* ---- what each part is booked at ---- */

#define PARTS_MAX 4

static void parts_share_a_charge(void)
{
	static const struct {
		int64_t charged;
		uint32_t n;
		bool has[PARTS_MAX];
		int64_t held[PARTS_MAX], want[PARTS_MAX];
		bool is_above;
	} rows[] = {
		{40000, 1, {1}, {40000}, {40000}, false},
		{40001, 1, {1}, {40000}, {40001}, true},
		{39999, 1, {1}, {40000}, {39999}, false},
		{0, 2, {1, 1}, {5, 5}, {0, 0}, false},
		{80000, 2, {1, 1}, {40000, 40000}, {40000, 40000}, false},
		/* odd micro-dollars are the first ones' */
		{11, 3, {1, 1, 1}, {4, 4, 4}, {4, 4, 3}, false},
		{10, 3, {1, 1, 1}, {4, 4, 4}, {4, 3, 3}, false},
		{11, 4, {0, 1, 1, 1}, {4, 4, 4, 4}, {0, 4, 4, 3}, false},
		/* who brought nothing pays nothing */
		{80000, 3, {1, 0, 1}, {40000, 40000, 40000}, {40000, 0, 40000}, false},
		{80000, 2, {0, 1}, {40000, 40000}, {0, 80000}, true},
		/* unless nobody has brought anything */
		{9, 2, {0, 0}, {5, 5}, {5, 4}, false},
		{1, 3, {0, 0, 0}, {5, 5, 5}, {1, 0, 0}, false},
		/* one above what it held is enough, whichever it is */
		{12, 3, {1, 1, 1}, {3, 4, 4}, {4, 4, 4}, true},
		{12, 3, {1, 1, 1}, {4, 4, 3}, {4, 4, 4}, true},
		{12, 3, {0, 0, 0}, {4, 3, 4}, {4, 4, 4}, true},
		/* not known: what is held, of all */
		{-1, 1, {1}, {40000}, {40000}, false},
		{-1, 3, {1, 0, 1}, {3, 4, 5}, {3, 4, 5}, false},
		{-1, 2, {0, 0}, {3, 0}, {3, 0}, false},
		{7, 0, {0}, {0}, {0}, false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct book_share part[PARTS_MAX];
		bool ok;

		for (uint32_t k = 0; k < rows[i].n; k++)
			part[k] = (struct book_share){
				rows[i].has[k], rows[i].held[k], -1};
		ok = CHECK_INT(
			book_parts(rows[i].charged, part, rows[i].n), rows[i].is_above);
		for (uint32_t k = 0; k < rows[i].n; k++) {
			ok &= CHECK_INT(part[k].charged_ud, rows[i].want[k]);
			ok &= CHECK_INT(part[k].held_ud, rows[i].held[k]);
		}
		if (!ok)
			printf("# row %zu\n", i);
	}
}

/* Returns how many of them have bytes. */
static uint32_t roll_parts(struct dice *d, struct book_share *part, uint32_t n)
{
	uint32_t often = 1 + dice_below(d, 4), with = 0;

	for (uint32_t i = 0; i < n; i++) {
		part[i] = (struct book_share){.has_bytes = !dice_below(d, often),
			.held_ud = dice_money(d),
			.charged_ud = -1};
		with += part[i].has_bytes;
	}
	return with;
}

/* Any charge: the sum is the charge, no share is more than one micro-dollar above
 * another, and no share comes before a larger one. */
static void shares_are_the_charge(void)
{
	static const int64_t sums[] = {0, 1, 63, 64, 1000003, INT64_MAX - 1, INT64_MAX};
	struct dice d = {.state = 8};

	for (int round = 0; round < 2000; round++) {
		struct book_share part[WIRE_MEDIA_MAX];
		uint32_t n = 1 + dice_below(&d, WIRE_MEDIA_MAX);
		uint32_t with = roll_parts(&d, part, n);
		int64_t charged =
			round % 3 ? dice_money(&d) : sums[round / 3 % ARRAY_SIZE(sums)];
		int64_t left = charged, first = -1, last = -1;
		bool is_above = book_parts(charged, part, n), above = false;

		for (uint32_t i = 0; i < n; i++) {
			int64_t v = part[i].charged_ud;

			above |= v > part[i].held_ud;
			if (!CHECK(v >= 0 && v <= left))
				return;
			left -= v;
			if (with && !part[i].has_bytes) {
				CHECK_INT(v, 0);
				continue;
			}
			first = first < 0 ? v : first;
			CHECK(last < 0 || v <= last);
			last = v;
		}
		CHECK_INT(left, 0);
		CHECK(first - last <= 1);
		CHECK_INT(is_above, above);
	}
}

static void everything_held_is_booked_when_nothing_is_known(void)
{
	struct dice d = {.state = 88};

	for (int round = 0; round < 500; round++) {
		struct book_share part[WIRE_MEDIA_MAX];
		uint32_t n = 1 + dice_below(&d, WIRE_MEDIA_MAX);

		roll_parts(&d, part, n);
		CHECK(!book_parts(-1, part, n));
		for (uint32_t i = 0; i < n; i++)
			CHECK_INT(part[i].charged_ud, part[i].held_ud);
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

TAP_MAIN(TAP_CASE(begin), TAP_CASE(nothing_is_nothing),
	TAP_CASE(usage_is_paid_at_the_price_of_its_row),
	TAP_CASE(usage_that_cannot_be_counted_is_not_known),
	TAP_CASE(a_refusal_costs_what_the_row_says),
	TAP_CASE(a_refusal_may_have_a_price_of_its_own),
	TAP_CASE(a_refusal_is_never_below_what_was_read),
	TAP_CASE(reserved_is_not_known), TAP_CASE(parts_share_a_charge),
	TAP_CASE(shares_are_the_charge),
	TAP_CASE(everything_held_is_booked_when_nothing_is_known), TAP_CASE(end))
