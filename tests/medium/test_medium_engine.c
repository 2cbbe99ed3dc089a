// SPDX-License-Identifier: MIT
/* The engine makes a medium that it has never heard of, and the store keeps it. */
#include "tests/backend/engine/fake.h"
#include "tests/medium/sample.h"

static struct request sample(void)
{
	struct request r = {.tree = TREE_TESTS,
		.model = "veo-1.5",
		.type = MEDIA_SAMPLE,
		.take = 2,
		.seconds = 10};

	if (prompt_from_text("a red fox", 9, &r.prompt) < 0)
		bail_out("bad prompt");
	return r;
}

static int submit_sample(struct bench *b, struct seen *s, struct err *err)
{
	scoped(request_finish) struct request r = sample();

	return engine_submit(
		b->engine, &r, NULL, NULL, PRIORITY_OPEN, saw, s, NULL, err);
}

static struct bench *bench_of_samples(void)
{
	struct bench *b = bench_begin();

	(void)sample_row(b->catalogue);
	return b;
}

/* Closed and opened again: what is on the disk, not what is remembered. */
static void reopen(struct bench *b)
{
	struct err err = {0};

	engine_stop(b->engine);
	engine_free(b->engine);
	b->engine = NULL;
	cache_close(b->cache);
	b->cache = NULL;
	if (cache_open(&b->cache_config, &b->cache, &err) < 0)
		bail_out(err.why);
}

static void is_made_and_kept(void)
{
	static const char *const dir[] = {"tests", "a red fox", "veo-1.5"};
	struct bench *b = bench_of_samples();
	scoped(request_finish) struct request r = sample();
	scoped(record_finish) struct record rec = {0};
	char text[64] = {0};
	struct seen s = {0};
	struct digest key;
	struct err err = {0};
	uint64_t id;

	CHECK_INT(submit_sample(b, &s, &err), 0);
	CHECK_STR(err.why, "");
	CHECK(wait_for(&s.done, 1));
	CHECK_INT(s.ok, 1);
	CHECK_INT(submit_sample(b, &s, NULL), 0);
	CHECK(wait_for(&s.done, 2));
	CHECK_INT(b->fake.worked, 1);
	reopen(b);
	CHECK_INT(request_key(&r, "local", &key), 0);
	CHECK_INT(cache_find(b->cache, &key, &rec, NULL, &err), 0);
	CHECK_INT(rec.state, RECORD_GENERATED);
	CHECK_INT(rec.type, MEDIA_SAMPLE);
	CHECK_INT(rec.size, sizeof(text));
	CHECK_INT(cache_read(
			  b->cache, rec.blob_id, rec.size, 0, text, sizeof(text), &err),
		0);
	CHECK_STR(text, "a red fox take 2 draw 0");
	CHECK_INT(cache_dir_find(b->cache, dir, ARRAY_SIZE(dir), &id), 0);
	bench_end(b);
}

static void has_its_models_limits(void)
{
	struct bench *b = bench_of_samples();
	scoped(request_finish) struct request r = sample();
	struct seen s = {0};
	struct err err = {0};

	r.seconds = 99999;
	CHECK_INT(engine_submit(b->engine, &r, NULL, NULL, PRIORITY_OPEN, saw, &s, NULL,
			  &err),
		-EINVAL);
	CHECK(strstr(err.why, "samples of at most"));
	CHECK_INT(s.done, 0);
	bench_end(b);
}

TAP_MAIN(TAP_CASE(is_made_and_kept), TAP_CASE(has_its_models_limits))
