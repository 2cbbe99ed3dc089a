// SPDX-License-Identifier: MIT
#include "backend/policy/limits.h"

#include <errno.h>

#include "cache/base/buf.h"
#include "cache/base/mem.h"
#include "tests/backend/policy/make_request.h"

static struct catalogue *cat;

static void accepts(void)
{
	static const struct {
		const char *model, *file, *options;
	} rows[] = {
		{"imagen-3", "1.png", ""},
		{"imagen-3", "2.png", "aspect=16:9 seed=5 guidance=7.5 style=anime"},
		{"imagen-2", "1.png", "watermark=off seed=1 negative=rain"},
		{"imagen-3", "4.png", "count=4"},
		{"imagen-3", "1.png", "safety=block_few person=dont_allow enhance=on"},
		{"veo-2", "30s.mp4", "res=4K aspect=9:16"},
		{"veo-2", "90s.mp4", ""},
		{"veo-2", "300s.mp4", ""},
		{"veo-1.5", "1s.mp4", "fps=30"},
		{"veo-3.1", "8s.mp4", ""},
		{"veo-3.1", "6s.mp4", "res=720p audio=off"},
		{"veo-3.1", "30s.mp4", "image=a.png last=b.png"},
		{"gemini-pro", "1.txt", "temperature=0.2 max_tokens=100"},
		{"gemini-pro-vision", "1.txt", "image=a.png+b.png"},
		{"gemini-nano-banana-2.1", "1.png", "size=4K aspect=8:1"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct request r;
		struct err err = {0};

		test_request(&r, "a red fox", rows[i].file, rows[i].options);
		CHECK_INT(
			limits_check(catalogue_find(cat, rows[i].model), &r, &err), 0);
		CHECK_STR(err.why, "");
		CHECK(limits_can_make(catalogue_find(cat, rows[i].model), &r));
		request_finish(&r);
	}
}

static void refuses_with_a_sentence(void)
{
	static const struct {
		const char *model, *file, *options, *why;
	} rows[] = {
		{"imagen-3", "1.png", "aspect=2:1",
			"aspect=2:1 is not possible with imagen-3; use 1:1, 3:4, 4:3, "
			"9:16 "
			"or 16:9"},
		{"imagen-3", "1.png", "seed=abc",
			"seed=abc is not possible with imagen-3; use a whole number "
			"from 1 to 2147483647"},
		{"imagen-2", "1.png", "seed=0",
			"seed=0 is not possible with imagen-2; use a whole number "
			"from 1 to 2147483647"},
		{"imagen-3", "1.png", "guidance=51",
			"guidance=51 is not possible with imagen-3; use a number from "
			"0 to "
			"50"},
		{"imagen-3", "1.png", "style=baroque",
			"style=baroque is not possible with imagen-3; use "
			"photographic, "
			"artistic, cinematic, minimalist, digital-art, anime or "
			"sketch"},
		{"imagen-3", "1.png", "watermark=on seed=1",
			"imagen-3 takes a seed only with watermark=off; leave "
			"watermark=on "
			"out"},
		{"imagen-3", "2.png", "seed=2147483647",
			"take 2 of seed=2147483647 would be above the largest seed "
			"2147483647; use a smaller one"},
		{"imagen-3", "1.png", "count=5",
			"count=5 is not possible with imagen-3; use a whole number "
			"from 1 "
			"to 4"},
		{"imagen-3", "1.png", "size=2K",
			"imagen-3 does not take the option size"},
		{"imagen-3", "1.txt", "",
			"imagen-3 is a picture model and does not make a .txt"},
		{"veo-2", "301s.mp4", "",
			"veo-2 makes videos of at most 300 s, not 301; use 300s.mp4"},
		{"veo-3.1", "6s.mp4", "",
			"veo-3.1 cannot make a video of 6 s at 1080p; use 8s, or up to "
			"300s in parts, or another res="},
		{"veo-3.1", "5s.mp4", "res=720p",
			"veo-3.1 cannot make a video of 5 s at 720p; use 4s, 6s or 8s, "
			"or "
			"up to 300s in parts"},
		{"veo-3.1", "8s.mp4", "last=b.png",
			"last= needs a first picture: add image=NAME to the path"},
		{"gemini-pro-vision", "1.txt", "",
			"gemini-pro-vision needs a picture of /inputs: add image=NAME "
			"to "
			"the path"},
		{"veo-2", "8s.mp4", "image=a+b",
			"image=a+b is not possible with veo-2; use at most 1 names of "
			"/inputs, joined with +"},
		{"gemini-pro-vision", "1.txt", "image=a++b",
			"image=a++b is not possible with gemini-pro-vision; use at "
			"most 16 "
			"names of /inputs, joined with +"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct request r;
		struct err err = {0};

		test_request(&r, "a red fox", rows[i].file, rows[i].options);
		CHECK_INT(limits_check(catalogue_find(cat, rows[i].model), &r, &err),
			-EINVAL);
		CHECK_STR(err.why, rows[i].why);
		request_finish(&r);
	}
}

static void prompt_length_counts_code_points(void)
{
	static const struct {
		const char *unit;
		size_t n;
		int r;
	} rows[] = {
		{"x", 4, -EINVAL},
		{"x", 5, 0},
		{"\xf0\x9f\xa6\x8a", 4, -EINVAL},
		{"\xf0\x9f\xa6\x8a", 5, 0},
		{"\xf0\x9f\xa6\x8a", 1000, 0},
		{"x", 1001, -EINVAL},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		scoped(buf_finish) struct buf b = {0};
		struct request r;

		for (size_t k = 0; k < rows[i].n; k++)
			CHECK_INT(buf_adds(&b, rows[i].unit), 0);
		test_request(&r, b.data, "1.png", "");
		CHECK_INT(limits_check(catalogue_find(cat, "imagen-3"), &r, NULL),
			rows[i].r);
		request_finish(&r);
	}
}

static void values_in_effect(void)
{
	const struct model_row *i3 = catalogue_find(cat, "imagen-3");
	const struct model_row *veo = catalogue_find(cat, "veo-2");
	const struct model_row *text = catalogue_find(cat, "gemini-pro");
	struct request r;
	double v = 0;
	uint64_t seed = 0;

	test_request(&r, "a red fox", "3.png", "seed=7");
	CHECK_STR(limits_value(i3, &r, OPT_ASPECT), "1:1");
	CHECK_STR(limits_value(i3, &r, OPT_WATERMARK), "off");
	CHECK_STR(limits_value(i3, &r, OPT_SAFETY), "block_most");
	CHECK_STR(limits_wire(i3, &r, OPT_SAFETY), "block_low_and_above");
	CHECK_STR(limits_value(i3, &r, OPT_PERSON), "allow_adult");
	CHECK_STR(limits_value(i3, &r, OPT_SIZE), NULL);
	CHECK(limits_number(i3, &r, OPT_GUIDANCE, &v) && v == 7.5);
	CHECK(limits_seed(&r, &seed));
	CHECK_INT(seed, 9);
	free(r.opt[OPT_SEED]);
	r.opt[OPT_SEED] = NULL;
	CHECK_STR(limits_value(i3, &r, OPT_WATERMARK), "on");
	CHECK(!limits_seed(&r, &seed));
	request_finish(&r);

	test_request(&r, "a red fox", "8s.mp4", "");
	CHECK_STR(limits_value(veo, &r, OPT_RES), "1080p");
	CHECK(limits_number(veo, &r, OPT_FPS, &v) && v == 24);
	CHECK(!limits_number(veo, &r, OPT_TEMPERATURE, &v));
	request_finish(&r);

	test_request(&r, "a red fox", "1.txt", "temperature=0.25");
	CHECK(limits_number(text, &r, OPT_TEMPERATURE, &v) && v == 0.25);
	CHECK(limits_number(text, &r, OPT_MAX_TOKENS, &v) && v == 8192);
	request_finish(&r);
}

static void pixels(void)
{
	static const struct {
		const char *model, *file, *options;
		uint32_t w, h;
	} rows[] = {
		{"imagen-3", "1.png", "", 1536, 1536},
		{"imagen-3", "1.png", "aspect=16:9", 1536, 864},
		{"imagen-2", "1.png", "aspect=9:16", 576, 1024},
		{"veo-2", "8s.mp4", "", 1920, 1080},
		{"veo-2", "8s.mp4", "res=4K aspect=9:16", 2160, 3840},
		{"gemini-nano-banana-2.1", "1.png", "size=2K aspect=16:9", 2752, 1536},
		{"gemini-3.1-flash-image", "1.png", "size=512", 512, 512},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct request r;
		uint32_t w = 0, h = 0;

		test_request(&r, "a red fox", rows[i].file, rows[i].options);
		CHECK_INT(limits_pixels(catalogue_find(cat, rows[i].model), &r, &w, &h),
			0);
		CHECK_INT(w, rows[i].w);
		CHECK_INT(h, rows[i].h);
		request_finish(&r);
	}
}

static void segments(void)
{
	static const struct {
		const char *model, *file, *options;
		uint32_t n, billed, first, last;
	} rows[] = {
		{"veo-2", "8s.mp4", "", 1, 8, 8, 8},
		{"veo-2", "9s.mp4", "", 2, 9, 5, 4},
		{"veo-2", "30s.mp4", "", 4, 30, 8, 7},
		{"veo-2", "90s.mp4", "", 12, 90, 8, 7},
		{"veo-3.1", "30s.mp4", "", 4, 32, 8, 8},
		{"veo-3.1", "30s.mp4", "res=720p", 4, 30, 8, 6},
		{"veo-3.1", "9s.mp4", "res=720p", 2, 10, 6, 4},
		{"veo-3.1", "16s.mp4", "res=720p", 2, 16, 8, 8},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct request r;
		struct segments s = {0};
		uint32_t sum = 0;

		test_request(&r, "a red fox", rows[i].file, rows[i].options);
		CHECK_INT(limits_segments(
				  catalogue_find(cat, rows[i].model), &r, false, &s),
			0);
		CHECK_INT(s.n, rows[i].n);
		CHECK_INT(s.billed, rows[i].billed);
		for (uint32_t k = 0; k < s.n; k++)
			sum += s.seconds[k];
		CHECK_INT(sum, s.billed);
		if (s.n > 0) {
			CHECK_INT(s.seconds[0], rows[i].first);
			CHECK_INT(s.seconds[s.n - 1], rows[i].last);
		}
		request_finish(&r);
	}
}

/* Never less than asked, never more than one shortest call too much, every call one
 * that the model makes. */
static void segments_of_every_length(void)
{
	static const char *const models[] = {"veo-2", "veo-3.1", "veo-3.1-lite"};

	for (size_t m = 0; m < ARRAY_SIZE(models); m++) {
		const struct model_row *row = catalogue_find(cat, models[m]);
		struct request r;

		test_request(&r, "a red fox", "9s.mp4", "res=720p");
		for (r.seconds = 9; r.seconds <= row->seconds_max; r.seconds++) {
			const struct seconds_rule *rule = limits_seconds(row, &r);
			struct segments s = {0};

			CHECK_INT(limits_segments(row, &r, false, &s), 0);
			CHECK(s.billed >= r.seconds &&
				s.billed < r.seconds + rule->seconds[0]);
			for (uint32_t k = 0; k < s.n; k++)
				CHECK(s.seconds[k] >= rule->seconds[0] &&
					s.seconds[k] <= rule->seconds[rule->n - 1]);
		}
		request_finish(&r);
	}
}

/* A model that stands in may make more than is asked, to be cut; the named one may
 * not. */
static void a_stand_in_cuts(void)
{
	const struct model_row *row = catalogue_find(cat, "veo-3.1-lite");
	struct request r;
	struct segments s = {0};

	test_request(&r, "a red fox", "5s.mp4", "res=720p");
	CHECK(limits_can_shape(row, &r));
	CHECK(!limits_can_make(row, &r));
	CHECK_INT(limits_check(row, &r, NULL), -EINVAL);
	CHECK_INT(limits_segments(row, &r, false, &s), 0);
	CHECK_INT(s.n, 1);
	CHECK_INT(s.seconds[0], 6);
	CHECK_INT(s.billed, 6);
	request_finish(&r);
}

static void extensions(void)
{
	static const struct {
		const char *model, *file, *options;
		bool may_extend, is_extension;
		uint32_t n, billed, first;
	} rows[] = {
		{"veo-3.1", "15s.mp4", "", true, true, 2, 15, 8},
		{"veo-3.1", "15s.mp4", "", false, false, 2, 16, 8},
		{"veo-3.1", "22s.mp4", "", true, true, 3, 22, 8},
		{"veo-3.1", "29s.mp4", "", true, true, 4, 29, 8},
		{"veo-3.1", "30s.mp4", "", true, false, 4, 32, 8},
		{"veo-3.1", "36s.mp4", "", true, true, 5, 36, 8},
		{"veo-3.1", "37s.mp4", "", true, false, 5, 40, 8},
		{"veo-3.1", "11s.mp4", "res=720p", true, true, 2, 11, 4},
		{"veo-3.1", "12s.mp4", "res=720p", true, false, 2, 12, 6},
		/* 10 s either way */
		{"veo-3.1", "9s.mp4", "res=720p", true, false, 2, 10, 6},
		{"veo-3.1", "8s.mp4", "", true, false, 1, 8, 8},
		{"veo-3.1", "300s.mp4", "", true, false, 38, 304, 8},
		{"veo-3.1-fast", "15s.mp4", "", true, true, 2, 15, 8},
		{"veo-3.1-lite", "15s.mp4", "", true, true, 2, 15, 8},
		{"veo-3.1", "15s.mp4", "image=a last=b", true, false, 2, 16, 8},
		{"veo-3.1", "15s.mp4", "image=a", true, true, 2, 15, 8},
		{"veo-2", "15s.mp4", "", true, false, 2, 15, 8},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct request r;
		struct segments s = {0};

		test_request(&r, "a red fox", rows[i].file, rows[i].options);
		CHECK_INT(limits_segments(catalogue_find(cat, rows[i].model), &r,
				  rows[i].may_extend, &s),
			0);
		CHECK_INT(s.is_extension, rows[i].is_extension);
		CHECK_INT(s.n, rows[i].n);
		CHECK_INT(s.billed, rows[i].billed);
		CHECK_INT(s.seconds[0], rows[i].first);
		if (s.is_extension)
			CHECK_INT(s.seconds[s.n - 1], 7);
		request_finish(&r);
	}
}

/* The least that `total` seconds or more bill, by trying everything. */
static uint32_t least_chain(const struct seconds_rule *rule, uint32_t total)
{
	uint32_t best = UINT32_MAX;

	for (uint32_t i = 0; i < rule->n; i++) {
		uint32_t s = rule->seconds[i];
		uint32_t v = s >= total ? s : s + least_chain(rule, total - s);

		best = v < best ? v : best;
	}
	return best;
}

static uint32_t least_extended(
	const struct seconds_rule *rule, const struct extend_rule *e, uint32_t total)
{
	uint32_t best = UINT32_MAX;

	for (uint32_t i = 0; i < rule->n; i++)
		for (uint32_t v = rule->seconds[i]; v <= e->max; v += e->seconds) {
			if (v >= total && v < best)
				best = v;
			if (v > e->input_max)
				break;
		}
	return best;
}

static void check_extension(const struct segments *s, const struct extend_rule *e,
	const struct seconds_rule *rule)
{
	uint32_t length = s->seconds[0];
	bool found = false;

	for (uint32_t i = 0; i < rule->n; i++)
		found |= rule->seconds[i] == length;
	CHECK(found);
	for (uint32_t k = 1; k < s->n; k++) {
		CHECK(length <= e->input_max);
		CHECK_INT(s->seconds[k], e->seconds);
		length += s->seconds[k];
	}
	CHECK(length <= e->max);
}

/* Enough for every length, never dearer for being allowed to extend, the cheapest of
 * all where all can be tried, and within what the model extends. */
static void plans_of_every_length(void)
{
	static const char *const resolutions[] = {"res=720p", "res=1080p"};
	const struct model_row *row = catalogue_find(cat, "veo-3.1");

	for (size_t i = 0; i < ARRAY_SIZE(resolutions); i++) {
		const struct seconds_rule *rule;
		struct request r;

		test_request(&r, "a red fox", "1s.mp4", resolutions[i]);
		rule = limits_seconds(row, &r);
		for (r.seconds = 1; r.seconds <= row->seconds_max; r.seconds++) {
			struct segments may = {0}, chain = {0};
			uint32_t sum = 0, best;
			int got = limits_segments(row, &r, true, &may);

			CHECK_INT(limits_segments(row, &r, false, &chain), got);
			if (got < 0)
				continue;
			for (uint32_t k = 0; k < may.n; k++)
				sum += may.seconds[k];
			CHECK(sum >= r.seconds && sum == may.billed);
			CHECK(!chain.is_extension && may.billed <= chain.billed);
			CHECK_INT(may.is_extension, may.billed < chain.billed);
			if (may.is_extension)
				check_extension(&may, &row->extend, rule);
			if (r.seconds > 40)
				continue;
			best = least_chain(rule, r.seconds);
			CHECK_INT(chain.billed, best);
			if (r.seconds > rule->seconds[rule->n - 1] &&
				least_extended(rule, &row->extend, r.seconds) < best)
				best = least_extended(rule, &row->extend, r.seconds);
			CHECK_INT(may.billed, best);
		}
		request_finish(&r);
	}
}

static void shape_ignores_advice(void)
{
	const struct model_row *nano = catalogue_find(cat, "gemini-nano-banana-2.1");
	struct request r;

	test_request(&r, "a red fox", "1.png", "guidance=5 aspect=16:9");
	CHECK(!limits_can_make(nano, &r));
	CHECK(limits_can_shape(nano, &r));
	request_finish(&r);
	test_request(&r, "a red fox", "1.png", "aspect=7:5");
	CHECK(!limits_can_shape(nano, &r));
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

TAP_MAIN(TAP_CASE(begin), TAP_CASE(accepts), TAP_CASE(refuses_with_a_sentence),
	TAP_CASE(prompt_length_counts_code_points), TAP_CASE(values_in_effect),
	TAP_CASE(pixels), TAP_CASE(segments), TAP_CASE(segments_of_every_length),
	TAP_CASE(a_stand_in_cuts), TAP_CASE(extensions),
	TAP_CASE(plans_of_every_length), TAP_CASE(shape_ignores_advice), TAP_CASE(end))
