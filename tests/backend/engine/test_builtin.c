// SPDX-License-Identifier: MIT
/* The engine with the provider that it really has. */
#include "tests/backend/engine/fake.h"

static void a_picture_is_drawn_and_stored(void)
{
	struct bench *b = bench_new();
	struct request r = ask("a red fox in snow", 1);
	struct record rec = {0};
	struct seen s = {0};
	struct digest key;
	struct err err = {0};
	char magic[MEDIA_SNIFF_BYTES] = {0};

	CHECK_INT(cache_open(&b->cache_config, &b->cache, NULL), 0);
	b->config.cache = b->cache;
	b->config.latency_ms = 20;
	CHECK_INT(engine_start(&b->config, &b->engine, &err), 0);
	CHECK_INT(engine_submit(b->engine, &r, NULL, NULL, PRIORITY_OPEN, saw, &s, NULL,
			  &err),
		0);
	CHECK(wait_for(&s.done, 1));
	CHECK_INT(s.ok, 1);
	request_key(&r, "local", &key);
	CHECK_INT(cache_find(b->cache, &key, &rec, NULL, NULL), 0);
	CHECK_INT(cache_read(b->cache, rec.blob_id, rec.size, 0, magic, sizeof(magic),
			  NULL),
		0);
	CHECK_INT(media_sniff(magic, sizeof(magic)), MEDIA_PNG);
	CHECK(rec.latency_ms >= 20);
	CHECK(rec.seed != SEED_UNKNOWN);
	CHECK(strstr(rec.detail, "drawn by the built-in renderer; not AI"));
	record_finish(&rec);
	request_finish(&r);
	bench_end(b);
}

static void an_unknown_backend_is_refused(void)
{
	struct bench *b = bench_new();
	struct err err = {0};

	b->config.backend = "nobody";
	CHECK_INT(engine_start(&b->config, &b->engine, &err), -EOPNOTSUPP);
	CHECK(strstr(err.why, "nobody"));
	bench_end(b);
}

TAP_MAIN(TAP_CASE(a_picture_is_drawn_and_stored),
	TAP_CASE(an_unknown_backend_is_refused))
