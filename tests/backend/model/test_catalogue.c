// SPDX-License-Identifier: MIT
#include "backend/model/catalogue.h"

#include <errno.h>
#include <string.h>

#include "cache/base/json.h"
#include "cache/base/mem.h"
#include "tests/support/tap.h"

static struct catalogue *built_in(void)
{
	struct catalogue *c = NULL;
	struct err err = {0};

	CHECK_INT(catalogue_new(&c, &err), 0);
	CHECK_STR(err.why, "");
	if (!c)
		exit(1);
	return c;
}

static void aliases(void)
{
	static const struct {
		const char *alias, *name;
	} rows[] = {
		{"imagen-3", "imagen-3"},
		{"imagen-3.0-generate-001", "imagen-3"},
		{"imagegeneration@006", "imagen-2"},
		{"imagen-2.0", "imagen-2"},
		{"veo-2.0-001", "veo-2"},
		{"veo-1.5-001", "veo-1.5"},
		{"gemini-pro", "gemini-pro"},
		{"gemini-pro-vision", "gemini-pro-vision"},
		{"imagen-4.0-generate-001", "imagen-4"},
		{"veo-3.1-generate-001", "veo-3.1"},
	};
	struct catalogue *c = built_in();

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct model_row *row = catalogue_find(c, rows[i].alias);

		CHECK_STR(row ? row->name : NULL, rows[i].name);
	}
	CHECK(!catalogue_find(c, "imagen"));
	CHECK(!catalogue_find(c, ""));
	catalogue_free(c);
}

static void specified_prices(void)
{
	static const struct {
		const char *name;
		int64_t udollars;
	} rows[] = {
		{"imagen-3", 25000},
		{"imagen-2", 20000},
		{"veo-2", 25000},
		{"veo-1.5", 15000},
	};
	struct catalogue *c = built_in();

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct model_row *row = catalogue_find(c, rows[i].name);

		CHECK_INT(row->price.n_classes, 1);
		CHECK_INT(row->price.classes[0].udollars, rows[i].udollars);
	}
	catalogue_free(c);
}

static void every_row_is_whole(void)
{
	struct catalogue *c = built_in();

	CHECK(catalogue_count(c) > 20);
	for (size_t i = 0; i < catalogue_count(c); i++) {
		const struct model_row *row = catalogue_at(c, i);

		CHECK(row->price.is_known && row->source[0] &&
			strlen(row->as_of) == 10);
		CHECK(row->quality > 0 && row->title[0]);
		CHECK(row->wire[BACKEND_VERTEX] || row->wire[BACKEND_GEMINI]);
		CHECK(!row->retired || row->n_successors > 0);
		CHECK(row->kind == MODEL_TEXT || row->n_pixels > 0);
		CHECK_INT(row_is_offered(row, BACKEND_LOCAL), row->kind != MODEL_TEXT);
		for (size_t k = 0; k < row->n_successors; k++)
			CHECK(!catalogue_find(c, row->successors[k])->retired);
	}
	CHECK(!catalogue_at(c, catalogue_count(c)));
	catalogue_free(c);
}

/* Each size and resolution that a row allows has pixels for each aspect, and a price.
 */
static void every_shape_has_pixels(void)
{
	struct catalogue *c = built_in();

	for (size_t i = 0; i < catalogue_count(c); i++) {
		const struct model_row *row = catalogue_at(c, i);
		bool video = row->kind == MODEL_VIDEO;
		const struct option_rule *size =
			&row->option[video ? OPT_RES : OPT_SIZE];
		const struct option_rule *aspect = &row->option[OPT_ASPECT];

		for (size_t s = 0; s < size->n_choices; s++) {
			for (size_t a = 0; a < aspect->n_choices; a++) {
				bool found = false;

				for (size_t k = 0; k < row->n_pixels && !found; k++)
					found = !strcmp(row->pixels[k].size_class,
							size->choices[s].value) &&
						!strcmp(row->pixels[k].aspect,
							aspect->choices[a].value);
				CHECK(found);
			}
		}
	}
	catalogue_free(c);
}

static void liveness(void)
{
	struct catalogue *c = built_in();
	const struct model_row *old = catalogue_find(c, "imagen-3");

	CHECK(row_is_live(old, BACKEND_VERTEX, "2026-08-16"));
	CHECK(!row_is_live(old, BACKEND_VERTEX, "2026-08-17"));
	CHECK(row_is_live(old, BACKEND_LOCAL, "2026-11-23"));
	CHECK(row_is_live(catalogue_find(c, "veo-3.1"), BACKEND_VERTEX, "2026-11-23"));
	catalogue_free(c);
}

static void row_as_json(void)
{
	struct catalogue *c = built_in();
	scoped(buf_finish) struct buf b = {0};
	struct err err = {0};
	cJSON *j;

	CHECK_INT(catalogue_row_json(c, catalogue_find(c, "imagen-3"), &b), 0);
	j = json_parse(b.data, b.len, &err);
	CHECK_STR(json_str(j, "name", NULL), "imagen-3");
	CHECK_STR(json_str(j, "as_of", NULL), "2026-11-23");
	CHECK(json_str(j, "source", NULL));
	CHECK_STR(json_str(j, "retired", NULL), "2026-08-17");
	CHECK(b.data[b.len - 1] == '\n');
	buf_clear(&b);
	CHECK_INT(catalogue_row_json(c, catalogue_find(c, "veo-3.1"), &b), 0);
	CHECK(strstr(b.data, "\"extend\""));
	CHECK_INT(catalogue_find(c, "veo-3.1")->extend.seconds, 7);
	CHECK_INT(catalogue_find(c, "veo-3.1")->extend.input_max, 30);
	CHECK_INT(catalogue_find(c, "veo-3.1")->extend.max, 37);
	CHECK_INT(catalogue_find(c, "veo-2")->extend.seconds, 0);
	cJSON_Delete(j);
	catalogue_free(c);
}

static int merge(struct catalogue *c, const char *json, struct err *err)
{
	*err = (struct err){0};
	return catalogue_merge(c, "mine.json", json, strlen(json), err);
}

static void merges_rows(void)
{
	struct catalogue *c = built_in();
	const struct model_row *row;
	struct err err;
	size_t n = catalogue_count(c);

	CHECK_INT(merge(c,
			  "{\"models\":{\"imagen-3\":{\"price\":{\"image\":0.03}},"
			  "\"sd\":{\"kind\":\"picture\",\"protocol\":\"openai-image\","
			  "\"wire\":{\"openai\":\"stabilityai/sd\"},\"price\":0}}}",
			  &err),
		0);
	CHECK_STR(err.why, "");
	CHECK_INT(catalogue_count(c), n + 1);
	row = catalogue_find(c, "imagen-3");
	CHECK_INT(row->price.classes[0].udollars, 30000);
	CHECK_STR(row->source, "mine.json");
	CHECK_STR(row->as_of, "");
	CHECK(row->option[OPT_SEED].is_taken);
	row = catalogue_find(c, "sd");
	CHECK_STR(row->wire[BACKEND_OPENAI], "stabilityai/sd");
	CHECK_INT(row->price.classes[0].udollars, 0);
	CHECK(!row_is_offered(row, BACKEND_VERTEX));
	CHECK_INT(merge(c, "{\"models\":{\"imagen-3\":{\"retired\":null}}}", &err), 0);
	CHECK(!catalogue_find(c, "imagen-3")->retired);
	catalogue_free(c);
}

/* The file that the documentation points to. */
static void the_example(void)
{
	struct catalogue *c = built_in();
	const struct model_row *row;
	struct err err = {0};

	if (!CHECK_INT(catalogue_merge_file(c, EXAMPLE, &err), 0))
		printf("# %s\n", err.why);
	row = catalogue_find(c, "sd");
	CHECK_STR(row->wire[BACKEND_OPENAI], "sd-v1-5");
	CHECK(row->price.is_known && row->price.n_classes == 1);
	CHECK_INT(row->price.classes[0].udollars, 0);
	CHECK_INT(row->n_pixels, 3);
	CHECK_STR(row->source, "mine");
	CHECK_STR(row->as_of, "2026-11-26");
	CHECK(row_is_offered(row, BACKEND_OPENAI));
	row = catalogue_find(c, "llama");
	CHECK(row->price.is_known && !row->price.in_udollars &&
		!row->price.out_udollars);
	row = catalogue_find(c, "dall-e-3");
	CHECK_INT(row->price.classes[0].udollars, 40000);
	row = catalogue_find(c, "gemini-3.8-flash");
	CHECK_INT(row->price.in_udollars, 750000);
	CHECK_STR(row->wire[BACKEND_VERTEX], "gemini-3.8-flash");
	catalogue_free(c);
}

/* What Google documents of the models, so that no path is accepted and then refused
 * with a 400: docs.cloud.google.com/vertex-ai, as read on 2026-11-23. */
static void documented_limits(void)
{
	struct catalogue *c = built_in();

	for (size_t i = 0; i < catalogue_count(c); i++) {
		const struct model_row *row = catalogue_at(c, i);
		const struct option_rule *seed = &row->option[OPT_SEED];

		if (!strcmp(row->protocol, "imagen")) {
			CHECK(seed->min == 1 && seed->max == 2147483647);
			CHECK(!row->option[OPT_IMAGE].is_taken);
		}
		if (seed->is_taken)
			CHECK(seed->max <=
				(row->kind == MODEL_VIDEO ? 4294967295.0 : 2147483647));
		/* Veo 3 and later, the only ones with sound. */
		if (!row->option[OPT_AUDIO].is_taken)
			continue;
		CHECK(row->option[OPT_FPS].min == 24 && row->option[OPT_FPS].max == 24);
		for (size_t k = 0; k < row->n_seconds; k++) {
			const struct seconds_rule *rule = &row->seconds[k];
			const uint32_t *s = rule->seconds;

			if (!*rule->res || !strcmp(rule->res, "720p"))
				CHECK(rule->n == 3 && s[0] == 4 && s[1] == 6 &&
					s[2] == 8);
			else
				CHECK(rule->n == 1 && s[0] == 8);
		}
		/* 1080p, and 4K where there is one. */
		CHECK_INT(row->n_seconds, row->option[OPT_RES].n_choices);
	}
	catalogue_free(c);
}

static void refuses_rows(void)
{
#define ROW                                                                            \
	"\"kind\":\"picture\",\"protocol\":\"openai-image\",\"wire\":{\"openai\":"     \
	"\"x\"}"
#define VIDEO                                                                          \
	"{\"kind\":\"video\",\"protocol\":\"veo\",\"price\":0,"                        \
	"\"wire\":{\"vertex\":\"a\"},\"seconds\":{\"call\":[4,8],\"max\":9}"
	static const struct {
		const char *row, *part;
	} rows[] = {
		{"{" ROW "}", "\"price\" is missing"},
		{"{" ROW ",\"price\":0,\"colour\":1}", "unknown member \"colour\""},
		{"{" ROW ",\"price\":0,\"rpm\":1,\"rpm\":2}",
			"\"rpm\" stands there twice"},
		{"{" ROW ",\"price\":1}", "price is neither 0 nor an object"},
		{"{" ROW ",\"price\":{\"image\":-1}}", "no number of dollars"},
		{"{" ROW ",\"price\":{\"image\":1e999}}", "no number of dollars"},
		{"{" ROW ",\"price\":{\"image\":0.0000001}}", "more than six decimals"},
		{"{" ROW ",\"price\":{\"second\":1}}", "no unit of a picture"},
		{"{" ROW ",\"price\":{}}", "price has no \"image\""},
		{"{" ROW ",\"price\":0,\"kind\":\"video\"}", "twice"},
		{"{\"price\":0}", "\"kind\" is missing"},
		{"[]", "not an object"},
		{"{" ROW ",\"price\":0,\"quality\":1.5}",
			"quality is not a whole number"},
		{"{" ROW ",\"price\":0,\"retired\":\"soon\"}", "not a date"},
		{"{" ROW ",\"price\":0,\"successors\":[\"nobody\"]}", "\"nobody\""},
		{"{" ROW ",\"price\":0,\"fallback\":\"x\"}", "its fallback \"x\""},
		{"{" ROW ",\"price\":0,\"aliases\":[\"imagen-2\"]}", "another model's"},
		{"{" ROW ",\"price\":0,\"aliases\":[\"best\"]}",
			"cannot be a directory"},
		{"{" ROW ",\"price\":0,\"seconds\":{\"call\":[1],\"max\":9}}",
			"a video model"},
		{"{" ROW ",\"price\":0,\"options\":{\"zoom\":true}}",
			"unknown option \"zoom\""},
		{"{" ROW ",\"price\":0,\"options\":{\"aspect\":[\"16x9\"]}}",
			"how a path says"},
		{"{" ROW ",\"price\":0,\"options\":{\"seed\":{\"min\":5,\"max\":1}}}",
			"option seed is not"},
		{"{" ROW ",\"price\":0,\"options\":{\"seed\":{\"mni\":5}}}",
			"option seed is not"},
		{"{" ROW ",\"price\":0,\"options\":{\"style\":1}}",
			"option style is not true"},
		{"{" ROW ",\"price\":0,\"options\":{\"size\":[]}}",
			"not a list of values"},
		{"{" ROW ",\"price\":0,\"pixels\":{\"1K\":{\"1:1\":[0,9]}}}",
			"a width"},
		{"{" ROW ",\"price\":0,\"pixels\":{\"1K\":2}}",
			"pixels is not an object"},
		{"{" ROW
		 ",\"price\":0,\"pixels\":{\"1K\":{\"1:1\":[64,64]},\"2K\":-1}}",
			"no multiple"},
		{"{" ROW ",\"price\":0,\"wire\":{}}", "twice"},
		{"{\"kind\":\"text\",\"protocol\":\"gemini-text\",\"price\":0,"
		 "\"wire\":{\"vertex\":\"a/../b\"}}",
			"cannot stand in a URL"},
		{"{\"kind\":\"text\",\"protocol\":\"telex\",\"price\":0,"
		 "\"wire\":{\"vertex\":\"a\"}}",
			"protocol is none of imagen, gemini-image, veo, gemini-text, "
			"openai-image, openai-chat"},
		{"{\"kind\":\"text\",\"protocol\":\"veo\",\"price\":0,"
		 "\"wire\":{\"vertex\":\"a\"}}",
			"does not make a text"},
		{"{\"kind\":\"video\",\"protocol\":\"veo\",\"price\":0,"
		 "\"wire\":{\"vertex\":\"a\"},\"seconds\":{\"call\":[8,4],\"max\":9}}",
			"do not ascend"},
		{VIDEO ",\"extend\":7}", "extend is not an object"},
		{VIDEO ",\"extend\":{\"seconds\":7,\"input_max\":30}}", "once each"},
		{VIDEO ",\"extend\":{\"seconds\":7,\"input_max\":30,\"max\":37,"
		       "\"max\":37}}",
			"once each"},
		{VIDEO ",\"extend\":{\"seconds\":7,\"input_max\":30,\"max\":37,\"by\":"
		       "1}}",
			"unknown member \"by\""},
		{VIDEO ",\"extend\":{\"seconds\":0,\"input_max\":30,\"max\":37}}",
			"extend.seconds"},
		{VIDEO ",\"extend\":{\"seconds\":7,\"input_max\":30,\"max\":7}}",
			"extend.max"},
		{"{" ROW ",\"price\":0,\"extend\":{\"seconds\":7,\"input_max\":30,"
		 "\"max\":37}}",
			"only a video model"},
	};
	struct catalogue *c = built_in();
	size_t n = catalogue_count(c);

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char json[512];
		struct err err;

		snprintf(json, sizeof(json), "{\"models\":{\"x\":%s}}", rows[i].row);
		if (!CHECK_INT(merge(c, json, &err), -EINVAL) ||
			!CHECK(strstr(err.why, rows[i].part)) ||
			!CHECK(strstr(err.why, "mine.json: model \"x\"")))
			printf("# %s: %s\n", rows[i].row, err.why);
		CHECK_INT(catalogue_count(c), n);
		CHECK(!catalogue_find(c, "x"));
	}
	catalogue_free(c);
}

static void refuses_files(void)
{
#define CHAT                                                                           \
	"\"kind\":\"text\",\"protocol\":\"openai-chat\",\"wire\":{\"openai\":\"m\"},"  \
	"\"price\":0"
	static const char *const texts[] = {"", "[]", "{}", "{\"models\":[]}",
		"{\"models\":", "{\"models\":{},\"more\":1}", "{\"models\":{}} x",
		("{\"models\":{\"best\":{" CHAT "}}}")};
	struct catalogue *c = built_in();

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct err err;

		CHECK_INT(merge(c, texts[i], &err), -EINVAL);
		CHECK(strstr(err.why, "mine.json"));
	}
	CHECK(catalogue_merge_file(c, "/nonexistent/models.json", NULL) == -ENOENT);
	catalogue_free(c);
}

TAP_MAIN(TAP_CASE(aliases), TAP_CASE(specified_prices), TAP_CASE(every_row_is_whole),
	TAP_CASE(every_shape_has_pixels), TAP_CASE(liveness), TAP_CASE(row_as_json),
	TAP_CASE(merges_rows), TAP_CASE(the_example), TAP_CASE(documented_limits),
	TAP_CASE(refuses_rows), TAP_CASE(refuses_files))
