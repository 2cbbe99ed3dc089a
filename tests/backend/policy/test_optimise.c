// SPDX-License-Identifier: MIT
#include "backend/policy/optimise.h"

#include "cache/base/mem.h"
#include "tests/backend/policy/make_request.h"

static void prompts(void)
{
	static const struct {
		const char *prompt, *options;
		bool setting;
		const char *want;
	} rows[] = {
		{"a fox,, in snow", "", false, "a fox,, in snow"},
		{"a fox,, in snow ,", "enhance=on", false,
			"a fox, in snow, high quality, detailed, sharp focus"},
		{"a fox", "style=anime", false,
			"a fox, anime style, cel shading, expressive lines"},
		{"a fox", "style=photographic enhance=on", false,
			"a fox, professional photography, high resolution, detailed, "
			"high quality, detailed, sharp focus"},
		{"a fox", "", true, "a fox, high quality, detailed, sharp focus"},
		{"a fox", "enhance=off", true, "a fox"},
		{"a , b", "style=unknown", false, "a, b"},
		{",", "enhance=on", false, "high quality, detailed, sharp focus"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		scoped(buf_finish) struct buf b = {0};
		struct request r;

		test_request(&r, rows[i].prompt, "1.png", rows[i].options);
		CHECK_INT(optimise_prompt(&r, rows[i].setting, &b), 0);
		CHECK_STR(b.data, rows[i].want);
		request_finish(&r);
	}
}

static void negatives(void)
{
#define UNWANTED                                                                       \
	"blurry, low quality, pixelated, distorted, watermark, text, logo, signature"
	static const struct {
		const char *value, *want;
	} rows[] = {
		{"default", UNWANTED},
		{"default,rain", UNWANTED ", rain"},
		{"rain,,fog", "rain, fog"},
		{"defaults", "defaults"},
	};
	scoped(buf_finish) struct buf none = {0};
	struct request r;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		scoped(buf_finish) struct buf b = {0};

		test_request(&r, "a fox", "1.png", "");
		r.opt[OPT_NEGATIVE] = strdup(rows[i].value);
		CHECK_INT(optimise_negative(&r, &b), 0);
		CHECK_STR(b.data, rows[i].want);
		request_finish(&r);
	}
	test_request(&r, "a fox", "1.png", "");
	CHECK_INT(optimise_negative(&r, &none), 0);
	CHECK_INT(none.len, 0);
	request_finish(&r);
}

static void every_style_has_modifiers(void)
{
	size_t n = 0;
	const char *const *styles = optimise_styles(&n);

	CHECK_INT(n, 7);
	for (size_t i = 0; i < n; i++)
		CHECK(optimise_style_is_known(styles[i]));
	CHECK(!optimise_style_is_known("Anime"));
}

TAP_MAIN(TAP_CASE(prompts), TAP_CASE(negatives), TAP_CASE(every_style_has_modifiers))
