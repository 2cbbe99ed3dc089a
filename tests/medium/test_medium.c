// SPDX-License-Identifier: MIT
/* A medium is added by a row: its paths, its key, its limits and its price follow. */
#include <errno.h>
#include <string.h>

#include "backend/policy/limits.h"
#include "backend/policy/price.h"
#include "cache/base/json.h"
#include "cache/base/mem.h"
#include "cache/base/str.h"
#include "fs/grammar/grammar.h"
#include "tests/medium/sample.h"
#include "tests/support/tap.h"

static struct catalogue *cat;

static int walk(const char *path, struct place *ret)
{
	struct grammar_env env = {.catalogue = cat};

	return grammar_walk(&env, path, ret);
}

static void paths_follow_the_grammar(void)
{
	static const struct {
		const char *path;
		int r;
		enum place_kind kind;
		uint32_t seconds, take;
	} rows[] = {
		{"/tests", 0, PLACE_TREE},
		{"/tests/a red fox", 0, PLACE_PROMPT},
		{"/tests/a red fox/veo-1.5", 0, PLACE_MODEL},
		{"/tests/a red fox/veo-1.5/10s.tst", 0, PLACE_MEDIA, 10, 1},
		{"/tests/a red fox/veo-1.5/10s-2.tst", 0, PLACE_MEDIA, 10, 2},
		{"/tests/a red fox/veo-1.5/10s-2.tst.cost", 0, PLACE_SIDECAR, 10, 2},
		{"/tests/a red fox/veo-1.5/seed=7/6s.tst", 0, PLACE_MEDIA, 6, 1},
		{"/tests/a red fox/veo-1.5/.history/6s.tst~1", 0, PLACE_HISTORY_FILE, 6,
			1},
		{"/tests/a red fox/veo-1.5/best.tst", 0, PLACE_BEST},
		{"/tests/a red fox/auto/10s.tst", 0, PLACE_SELECT_LINK, 10, 1},
		{"/tests/a red fox/veo-1.5/1.tst", -ENOENT},
		{"/tests/a red fox/veo-1.5/10s.mp4", -ENOENT},
		{"/tests/a red fox/veo-1.5/1.png", -ENOENT},
		{"/tests/a red fox/veo-2/10s.tst", -ENOENT},
		{"/tests/a red fox/imagen-3", -ENOENT},
		{"/videos/a red fox/veo-1.5", -ENOENT},
		{"/videos/a red fox/veo-2/10s.tst", -ENOENT},
		{"/videos/a red fox/auto/10s.tst", -ENOENT},
		{"/prompts/a red fox/imagen-3/10s.tst", -ENOENT},
		{"/videos/a red fox/veo-2/10s.mp4", 0, PLACE_MEDIA, 10, 1},
		{"/prompts/a red fox/imagen-3/2.png", 0, PLACE_MEDIA, 0, 2},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		scoped(place_finish) struct place p = {0};

		if (!CHECK_INT(walk(rows[i].path, &p), rows[i].r))
			printf("# %s\n", rows[i].path);
		CHECK_INT(p.kind, rows[i].kind);
		CHECK_INT(p.req.seconds, rows[i].seconds);
		CHECK_INT(p.req.take, rows[i].take);
	}
}

static struct request ask(const char *path)
{
	struct place p = {0};

	CHECK_INT(walk(path, &p), 0);
	return p.req;
}

static void it_has_a_key(void)
{
	scoped(request_finish) struct request r =
		ask("/tests/a red fox/veo-1.5/count=2/10s-2.tst");
	scoped(request_finish) struct request first =
		ask("/tests/a red fox/veo-1.5/count=2/10s.tst");
	scoped(buf_finish) struct buf path = {0}, shown = {0};
	struct digest key, other;

	CHECK_INT(request_path(&r, &path), 0);
	CHECK(str_starts(path.data, "tests/"));
	CHECK(str_ends(path.data, "/veo-1.5/count=2/10s-2.tst"));
	CHECK_INT(request_display(&r, &shown), 0);
	CHECK_STR(shown.data, "/tests/a red fox/veo-1.5/count=2/10s-2.tst");
	CHECK_INT(request_key(&r, "local", &key), 0);
	CHECK_INT(request_key(&first, "local", &other), 0);
	CHECK(memcmp(&key, &other, sizeof(key)) != 0);
	CHECK_INT(request_job_key(&r, "local", &key), 0);
	CHECK_INT(request_job_key(&first, "local", &other), 0);
	CHECK(memcmp(&key, &other, sizeof(key)) == 0);
}

static void the_ledger_keeps_it(void)
{
	scoped(request_finish) struct request r =
		ask("/tests/a red fox/veo-1.5/10s-2.tst");
	scoped(request_finish) struct request back = {0};
	scoped_json cJSON *o = cJSON_CreateObject(), *again = NULL;
	scoped(buf_finish) struct buf line = {0}, was = {0}, is = {0};

	CHECK_INT(request_to_json(&r, o), 0);
	CHECK_INT(json_print_line(&line, o), 0);
	again = json_parse(line.data, line.len, NULL);
	CHECK_INT(request_from_json(again, &back), 0);
	CHECK_INT(request_path(&r, &was), 0);
	CHECK_INT(request_path(&back, &is), 0);
	CHECK_STR(is.data, was.data);
	cJSON_ReplaceItemInObject(again, "tree", cJSON_CreateString("trees"));
	request_finish(&back);
	CHECK_INT(request_from_json(again, &back), -EBADMSG);
}

static void seconds_limit_it(void)
{
	const struct model_row *row = catalogue_find(cat, "veo-1.5");
	scoped(request_finish) struct request r =
		ask("/tests/a red fox/veo-1.5/10s.tst");
	struct err err = {0};

	CHECK(limits_can_make(row, &r));
	CHECK_INT(limits_check(row, &r, &err), 0);
	CHECK_INT(limits_check(catalogue_find(cat, "veo-2"), &r, &err), -EINVAL);
	CHECK_STR(err.why, "veo-2 is a video model and does not make a .tst");
	r.seconds = 99999;
	CHECK_INT(limits_check(row, &r, &err), -EINVAL);
	CHECK(strstr(err.why, "veo-1.5 makes samples of at most "));
	CHECK(str_ends(err.why, "s.tst"));
}

static void seconds_price_it(void)
{
	const struct model_row *row = catalogue_find(cat, "veo-1.5");
	struct price_scope s =
		price_scope_of(cat, BACKEND_LOCAL, NULL, false, "2026-11-23");
	scoped(request_finish) struct request r =
		ask("/tests/a red fox/veo-1.5/10s.tst");
	struct usage used = {.seconds = 10, .images = 3};
	struct price_estimate e = {0};
	int64_t v = 0;

	CHECK_INT(price_estimate(row, &r, 2, false, &e, NULL), 0);
	CHECK_STR(e.unit, "second");
	CHECK_INT(e.units, 20);
	CHECK_INT(e.total_udollars, 20 * e.unit_udollars);
	CHECK_INT(price_worst(&s, row, &r, 1, &v, NULL), 0);
	CHECK_INT(v, 10 * e.unit_udollars);
	CHECK_INT(price_actual(row, &r, &used, &v, NULL), 0);
	CHECK_INT(v, 10 * e.unit_udollars);
}

static void bytes_tell_it(void)
{
	CHECK_INT(media_sniff("TST1\0\1\2\3data...", 16), MEDIA_SAMPLE);
	CHECK_INT(media_sniff("TST1\0\1\2\3dat", 11), MEDIA_NONE);
	CHECK_STR(media_mime(MEDIA_SAMPLE), "audio/x-test");
}

/* It is chosen among its like, by no rule for others. */
static void selectors_find_it(void)
{
	struct select_env env = {
		.catalogue = cat, .backend = BACKEND_VERTEX, .today = "2026-11-23"};
	scoped(request_finish) struct request r = ask("/tests/a red fox/auto/10s.tst");
	const struct model_row *found[4];

	CHECK_INT(select_candidates(&env, SELECT_AUTO, &r, found, 4), 1);
	CHECK_STR(found[0]->name, "veo-1.5");
}

static void begin(void)
{
	CHECK_INT(catalogue_new(&cat, NULL), 0);
	CHECK_STR(model_kind_name(sample_row(cat)->kind), "sample");
}

static void end(void)
{
	catalogue_free(cat);
}

TAP_MAIN(TAP_CASE(begin), TAP_CASE(paths_follow_the_grammar), TAP_CASE(it_has_a_key),
	TAP_CASE(the_ledger_keeps_it), TAP_CASE(seconds_limit_it),
	TAP_CASE(seconds_price_it), TAP_CASE(bytes_tell_it),
	TAP_CASE(selectors_find_it), TAP_CASE(end))
