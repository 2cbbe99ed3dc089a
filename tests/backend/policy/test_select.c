// SPDX-License-Identifier: MIT
#include "backend/policy/select.h"

#include <errno.h>

#include "backend/policy/limits.h"
#include "cache/base/buf.h"
#include "cache/base/mem.h"
#include "tests/backend/policy/make_request.h"

static struct catalogue *cat;

static const char *chosen(const struct select_env *env, enum selector s,
	const char *prompt, const char *file, const char *options)
{
	const struct model_row *row = NULL;
	struct request r;
	int e;

	test_request(&r, prompt, file, options);
	e = select_model(env, s, &r, &row);
	request_finish(&r);
	return e < 0 ? "none" : row->name;
}

static void rules(void)
{
	static const char longest[] =
		"0123456789012345678901234567890123456789012345678901"
		"2345678901234567890123456789012345678901234567890";
	static const struct {
		enum selector s;
		enum backend_id backend;
		const char *prompt, *file, *options, *want;
	} rows[] = {
		{SELECT_AUTO, BACKEND_LOCAL, "a red fox", "1.png", "", "imagen-2"},
		{SELECT_AUTO, BACKEND_LOCAL, longest + 1, "1.png", "", "imagen-2"},
		{SELECT_AUTO, BACKEND_LOCAL, longest, "1.png", "", "imagen-3"},
		{SELECT_AUTO, BACKEND_VERTEX, "a red fox", "1.png", "", "imagen-2"},
		{SELECT_AUTO, BACKEND_LOCAL, "a red fox", "60s.mp4", "", "veo-1.5"},
		{SELECT_AUTO, BACKEND_LOCAL, "a red fox", "61s.mp4", "", "veo-2"},
		{SELECT_AUTO, BACKEND_LOCAL, "a red fox", "8s.mp4", "res=4K", "veo-2"},
		{SELECT_AUTO, BACKEND_LOCAL, "a red fox", "1.png", "size=4K",
			"gemini-nano-banana-2.1"},
		{SELECT_AUTO, BACKEND_VERTEX, "a red fox", "1.txt", "", "gemini-pro"},
		{SELECT_AUTO, BACKEND_LOCAL, "a red fox", "1.txt", "", "none"},
		{SELECT_CHEAP, BACKEND_LOCAL, "a red fox", "1.png", "seed=1 negative=x",
			"imagen-2"},
		{SELECT_CHEAP, BACKEND_VERTEX, "a red fox", "1.png", "",
			"gemini-nano-banana-2.1"},
		{SELECT_CHEAP, BACKEND_LOCAL, "a red fox", "8s.mp4", "", "veo-1.5"},
		{SELECT_BEST, BACKEND_LOCAL, "a red fox", "1.png", "",
			"gemini-3-pro-image"},
		{SELECT_BEST, BACKEND_LOCAL, "a red fox", "1.png", "guidance=7",
			"imagen-3"},
		{SELECT_BEST, BACKEND_VERTEX, "a red fox", "8s.mp4", "", "veo-3.1"},
		{SELECT_BEST, BACKEND_OPENAI, "a red fox", "1.png", "", "none"},
		{SELECT_BEST, BACKEND_LOCAL, "a red fox", "1.png", "aspect=7:5",
			"none"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct select_env env = {.catalogue = cat,
			.backend = rows[i].backend,
			.today = "2026-11-23"};

		CHECK_STR(chosen(&env, rows[i].s, rows[i].prompt, rows[i].file,
				  rows[i].options),
			rows[i].want);
	}
}

static bool is_model(void *user, const struct request *req)
{
	return !strcmp(req->model, user);
}

static void an_existing_take_wins(void)
{
	struct select_env env = {.catalogue = cat,
		.today = "2026-11-23",
		.user = (char[]){"imagen-3"},
		.exists = is_model};

	CHECK_STR(chosen(&env, SELECT_AUTO, "a red fox", "1.png", ""), "imagen-3");
	CHECK_STR(chosen(&env, SELECT_BEST, "a red fox", "1.png", ""), "imagen-3");
	CHECK_STR(chosen(&env, SELECT_CHEAP, "a red fox", "1.png", ""), "imagen-3");
	env.user = (char[]){"veo-2"};
	CHECK_STR(chosen(&env, SELECT_AUTO, "a red fox", "1.png", ""), "imagen-2");
}

static void links(void)
{
	static const struct {
		const char *model, *file, *options, *suffix, *want;
	} rows[] = {
		{"imagen-2", "1.png", "aspect=16:9", "",
			"../../imagen-2/aspect=16:9/1.png"},
		{"imagen-2", "3.png", "", ".cost", "../imagen-2/3.png.cost"},
		{"veo-2", "30s.mp4", "seed=1 aspect=9:16", "",
			"../../../veo-2/aspect=9:16/seed=1/30s.mp4"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		scoped(buf_finish) struct buf b = {0};
		struct request r;

		test_request(&r, "a red fox", rows[i].file, rows[i].options);
		CHECK_INT(select_link(&r, catalogue_find(cat, rows[i].model),
				  rows[i].suffix, &b),
			0);
		CHECK_STR(b.data, rows[i].want);
		request_finish(&r);
	}
}

static void names(void)
{
	CHECK_INT(selector_find("auto", 4), SELECT_AUTO);
	CHECK_INT(selector_find("best", 4), SELECT_BEST);
	CHECK_INT(selector_find("cheap", 5), SELECT_CHEAP);
	CHECK_INT(selector_find("cheapest", 8), SELECT_NONE);
	CHECK_INT(selector_find("", 0), SELECT_NONE);
	CHECK_STR(selector_name(SELECT_BEST), "best");
}

static void begin(void)
{
	cat = test_catalogue();
}

static void end(void)
{
	catalogue_free(cat);
}

TAP_MAIN(TAP_CASE(begin), TAP_CASE(rules), TAP_CASE(an_existing_take_wins),
	TAP_CASE(links), TAP_CASE(names), TAP_CASE(end))
