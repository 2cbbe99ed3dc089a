// SPDX-License-Identifier: MIT
#include "tests/cache/support.h"

static void stores_and_finds(void)
{
	struct fixture f;
	struct spot s;
	struct record rec = {0};
	struct err err = {0};
	uint32_t draw = 9;

	fixture_start(&f, 0);
	spot_init(&s, "a red fox", "imagen-3", "1.png");
	CHECK_INT(cache_find(f.cache, &s.key, &rec, &draw, &err), -ENOENT);
	CHECK_INT(draw, 0);
	CHECK_INT(put_file(f.cache, &s.place, 3000000, 1), 0);
	CHECK(file_is(f.cache, &s.place, 3000000, 1));
	CHECK_INT(cache_find(f.cache, &s.key, &rec, &draw, &err), 0);
	CHECK_STR(rec.model, "imagen-3");
	CHECK_INT(rec.size, 3000000);
	record_finish(&rec);
	CHECK_INT(put_file(f.cache, &s.place, 10, 2), -EEXIST);
	CHECK_INT(fixture_reopen(&f), 0);
	CHECK(file_is(f.cache, &s.place, 3000000, 1));
	fixture_end(&f);
}

static void sizes_around_a_chunk(void)
{
	static const size_t sizes[] = {0, 1, CACHE_CHUNK - 1, CACHE_CHUNK,
		CACHE_CHUNK + 1, 2 * (size_t)CACHE_CHUNK, 9 * (size_t)CACHE_CHUNK + 7};
	struct fixture f;
	char name[ARRAY_SIZE(sizes)][16];

	fixture_start(&f, 0);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct spot s;

		snprintf(name[i], sizeof(name[i]), "%zu.png", i);
		spot_init(&s, "sizes", "imagen-3", name[i]);
		CHECK_INT(put_file(f.cache, &s.place, sizes[i], i + 1), 0);
		CHECK(file_is(f.cache, &s.place, sizes[i], i + 1));
	}
	fixture_end(&f);
}

static void a_failure_is_replaced(void)
{
	struct fixture f;
	struct spot s;
	struct record got = {0}, rec = {.state = RECORD_FAILED,
					 .errno_code = EPERM,
					 .retry_at_ms = 77,
					 .created_ms = 5,
					 .model = (char *)"imagen-3",
					 .why = (char *)"refused"};
	struct file_brief b;
	struct totals t;
	uint64_t dir;
	struct err err = {0};

	fixture_start(&f, 0);
	spot_init(&s, "a fox", "imagen-3", "1.png");
	CHECK_INT(commit_file(f.cache, &s.place, &rec, NULL, NULL, &err), 0);
	CHECK_INT(cache_brief(f.cache, &s.key, &b, NULL), 0);
	CHECK_INT(b.state, RECORD_FAILED);
	CHECK_INT(b.retry_at_ms, 77);
	CHECK_INT(cache_find(f.cache, &s.key, &got, NULL, &err), 0);
	CHECK_STR(got.why, "refused");
	record_finish(&got);
	rec.state = RECORD_UNKNOWN;
	rec.estimate_ud = 25000;
	CHECK_INT(commit_file(f.cache, &s.place, &rec, NULL, NULL, &err), 0);
	CHECK_INT(cache_totals(f.cache, 1, NULL, &t), 0);
	CHECK_INT(t.unknown_ud, 0); /* money is the ledger's */
	CHECK_INT(t.spent_ud, 0);
	CHECK_INT(t.failed, 2);
	CHECK_INT(put_file(f.cache, &s.place, 100, 3), 0);
	CHECK(file_is(f.cache, &s.place, 100, 3));
	CHECK_INT(cache_dir_find(f.cache, s.name, 3, &dir), 0);
	CHECK_INT(cache_totals(f.cache, dir, "imagen-3", &t), 0);
	CHECK_INT(t.unknown_ud, 0);
	CHECK_INT(t.spent_ud, 0);
	CHECK_INT(t.generated, 1);
	CHECK_INT(t.requests, 3);
	CHECK_INT(commit_file(f.cache, &s.place, &rec, NULL, NULL, &err), -EEXIST);
	fixture_end(&f);
}

static void an_unknown_one_is_cleared(void)
{
	struct fixture f;
	struct spot s;
	struct record rec = {.state = RECORD_UNKNOWN,
		.estimate_ud = 25000,
		.model = (char *)"imagen-3"};
	struct totals t;
	struct err err = {0};
	uint32_t draw = 9;

	fixture_start(&f, 0);
	spot_init(&s, "a fox", "imagen-3", "1.png");
	CHECK_INT(commit_file(f.cache, &s.place, &rec, NULL, NULL, &err), 0);
	CHECK_INT(cache_remove(f.cache, &s.place, &err), 0);
	CHECK_INT(cache_brief(f.cache, &s.key, NULL, &draw), -ENOENT);
	CHECK_INT(draw, 0);
	CHECK_INT(cache_totals(f.cache, 1, NULL, &t), 0);
	CHECK_INT(t.failed, 1);
	CHECK_INT(t.unknown_ud, 0);
	CHECK_INT(cache_remove(f.cache, &s.place, &err), -ENOENT);
	CHECK(*err.why);
	fixture_end(&f);
}

static int join_gone(
	void *user, const char *name, const struct digest *key, uint32_t draw)
{
	char *to = user;

	(void)key;
	sprintf(to + strlen(to), "%s=%u ", name, draw);
	return draw == 1 ? 5 : 0;
}

static void removal_keeps_history(void)
{
	char names[128] = "";
	uint64_t dir = 0;
	struct fixture f;
	struct spot s;
	struct record rec = {0};
	struct err err = {0};
	uint32_t draw = 9;

	fixture_start(&f, 0);
	spot_init(&s, "a fox", "imagen-3", "1.png");
	CHECK_INT(cache_remove(f.cache, &s.place, &err), -ENOENT);
	for (uint32_t i = 0; i < 3; i++) {
		CHECK_INT(put_file(f.cache, &s.place, 1000 + i, 10 + i), 0);
		CHECK_INT(cache_remove(f.cache, &s.place, &err), 0);
		CHECK_INT(cache_find(f.cache, &s.key, NULL, &draw, &err), -ENOENT);
		CHECK_INT(draw, i + 1);
	}
	CHECK_INT(put_file(f.cache, &s.place, 5000, 20), 0);
	CHECK_INT(cache_history(f.cache, &s.key, 0, &rec, &err), -ENOENT);
	CHECK_INT(cache_history(f.cache, &s.key, 4, &rec, &err), -ENOENT);
	for (uint32_t n = 1; n <= 3; n++) {
		CHECK_INT(cache_history(f.cache, &s.key, n, &rec, &err), 0);
		CHECK_INT(rec.size, 999 + n);
		CHECK_INT(rec.draw, n - 1);
		record_finish(&rec);
	}
	CHECK(file_is(f.cache, &s.place, 5000, 20));
	CHECK_INT(cache_dir_find(f.cache, s.name, 3, &dir), 0);
	CHECK_INT(cache_history_list(f.cache, dir, join_gone, names), 5);
	CHECK_STR(names, "1.png~1=0 1.png~2=1 ");
	CHECK_INT(cache_history_list(f.cache, 1, join_gone, names), 0);
	fixture_end(&f);
}

static void namespaces_are_apart(void)
{
	struct fixture f;
	struct spot s;
	uint64_t dir;
	struct totals t;

	fixture_start(&f, 0);
	spot_init(&s, "a fox", "imagen-3", "1.png");
	CHECK_INT(put_file(f.cache, &s.place, 100, 1), 0);
	f.config.ns = "google";
	CHECK_INT(fixture_reopen(&f), 0);
	CHECK_INT(cache_brief(f.cache, &s.key, NULL, NULL), -ENOENT);
	CHECK_INT(cache_dir_find(f.cache, s.name, 1, &dir), -ENOENT);
	CHECK_INT(cache_totals(f.cache, 1, NULL, &t), 0);
	CHECK_INT(t.generated, 0);
	f.config.ns = "local";
	CHECK_INT(fixture_reopen(&f), 0);
	CHECK(file_is(f.cache, &s.place, 100, 1));
	fixture_end(&f);
}

static void prompts_are_found_by_hash(void)
{
	struct fixture f;
	struct spot s;
	char hex[DIGEST_HEX], *text = NULL;
	size_t len;

	fixture_start(&f, 0);
	spot_init(&s, "a fox in snow", "imagen-3", "1.png");
	CHECK_INT(put_file(f.cache, &s.place, 100, 1), 0);
	digest_hex(&s.prompt_id, hex);
	hex[16] = '\0';
	CHECK_INT(cache_prompt_by_hash(f.cache, hex, &text, &len), 0);
	CHECK_STR(text, "a fox in snow");
	CHECK_INT(len, 13);
	free(text);
	hex[0] = hex[0] == '0' ? '1' : '0';
	CHECK_INT(cache_prompt_by_hash(f.cache, hex, &text, &len), -ENOENT);
	CHECK_INT(cache_prompt_by_hash(f.cache, "xyz", &text, &len), -ENOENT);
	CHECK_INT(cache_prompt_by_hash(f.cache, "zzzzzzzzzzzzzzzz", &text, &len),
		-ENOENT);
	fixture_end(&f);
}

static void quality_grades_and_best(void)
{
	struct fixture f;
	struct spot s[3];
	struct record rec = {0};
	struct totals t;
	struct err err = {0};
	uint64_t dir = 0;
	char *best = NULL;

	fixture_start(&f, 0);
	spot_init(&s[0], "a fox", "imagen-3", "1.png");
	spot_init(&s[1], "a fox", "imagen-3", "2.png");
	spot_init(&s[2], "a fox", "imagen-3", "3.png");
	for (size_t i = 0; i < 3; i++)
		CHECK_INT(put_file(f.cache, &s[i].place, 100 + i, i), 0);
	CHECK_INT(cache_dir_find(f.cache, s[0].name, 3, &dir), 0);
	CHECK_INT(cache_best(f.cache, dir, MEDIA_PNG, &best), -ENOENT);
	CHECK_INT(
		cache_set_quality(f.cache, &s[0].place, 0, "{\"a\":1}", 'B', 900, &err),
		0);
	CHECK_INT(cache_set_quality(f.cache, &s[1].place, 0, "{}", 'A', -3.5, &err), 0);
	CHECK_INT(cache_set_quality(f.cache, &s[2].place, 0, "{}", 'A', 12, &err), 0);
	CHECK_INT(cache_set_quality(f.cache, &s[2].place, 1, "{}", 'A', 12, &err),
		-ENOENT);
	CHECK_INT(cache_set_quality(f.cache, &s[2].place, 0, "{}", 'x', 12, &err),
		-EINVAL);
	CHECK_INT(cache_best(f.cache, dir, MEDIA_PNG, &best), 0);
	CHECK_STR(best, "3.png");
	free(best);
	CHECK_INT(cache_best(f.cache, dir, MEDIA_MP4, &best), -ENOENT);
	CHECK_INT(cache_totals(f.cache, 1, NULL, &t), 0);
	CHECK_INT(t.grades[0], 2);
	CHECK_INT(t.grades[1], 1);
	CHECK_INT(cache_set_quality(f.cache, &s[2].place, 0, "{}", 'D', 12, &err), 0);
	CHECK_INT(cache_set_quality(f.cache, &s[0].place, 0, NULL, '!', 0, &err), 0);
	CHECK_INT(cache_find(f.cache, &s[2].key, &rec, NULL, &err), 0);
	CHECK_STR(rec.quality, "{}");
	CHECK_INT(rec.grade, 'D');
	record_finish(&rec);
	CHECK_INT(cache_best(f.cache, dir, MEDIA_PNG, &best), 0);
	CHECK_STR(best, "2.png");
	free(best);
	CHECK_INT(cache_remove(f.cache, &s[1].place, &err), 0);
	CHECK_INT(cache_best(f.cache, dir, MEDIA_PNG, &best), 0);
	CHECK_STR(best, "3.png");
	free(best);
	CHECK_INT(cache_totals(f.cache, dir, NULL, &t), 0);
	CHECK_INT(t.grades[0], 0);
	CHECK_INT(t.grades[1], 0);
	CHECK_INT(t.grades[3], 1);
	CHECK_INT(t.generated, 3);
	fixture_end(&f);
}

static void bad_places_are_refused(void)
{
	struct fixture f;
	struct spot s;
	char name[300];
	struct err err = {0};
	struct record rec = generated("m");

	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	fixture_start(&f, 0);
	spot_init(&s, "a fox", "imagen-3", "");
	CHECK_INT(put_file(f.cache, &s.place, 10, 1), -EINVAL);
	s.name[3] = name;
	CHECK_INT(put_file(f.cache, &s.place, 10, 1), -ENAMETOOLONG);
	s.name[3] = "1.png";
	s.place.n = 1;
	CHECK_INT(put_file(f.cache, &s.place, 10, 1), -EINVAL);
	s.place.n = 4;
	CHECK_INT(commit_file(f.cache, &s.place, &rec, NULL, NULL, &err), -EINVAL);
	rec.detail = NULL;
	rec.model = name;
	CHECK_INT(put_bytes(f.cache, &s.place, "x", 1, &rec, &err), -E2BIG);
	CHECK_INT(cache_brief(f.cache, &s.key, NULL, NULL), -ENOENT);
	fixture_end(&f);
}

static void stat_and_room(void)
{
	struct fixture f;
	struct spot s;
	struct cache_stat st;
	struct err err = {0};

	fixture_start(&f, 64u << 20);
	spot_init(&s, "a fox", "imagen-3", "1.png");
	CHECK_INT(put_file(f.cache, &s.place, 3000000, 1), 0);
	CHECK_INT(cache_stat(f.cache, &st), 0);
	CHECK_INT(st.blobs, 1);
	CHECK_INT(st.files, 1);
	CHECK_INT(st.prompts, 1);
	CHECK(st.used_bytes > 3000000 && st.used_bytes <= st.file_bytes);
	CHECK_INT(cache_room_for(f.cache, 32u << 20, &err), 0);
	CHECK_INT(cache_room_for(f.cache, 64u << 20, &err), -ENOSPC);
	CHECK(*err.why);
	CHECK_INT(cache_room_for(f.cache, UINT64_MAX, &err), -ENOSPC);
	fixture_end(&f);
}

TAP_MAIN(TAP_CASE(stores_and_finds), TAP_CASE(sizes_around_a_chunk),
	TAP_CASE(a_failure_is_replaced), TAP_CASE(an_unknown_one_is_cleared),
	TAP_CASE(removal_keeps_history), TAP_CASE(namespaces_are_apart),
	TAP_CASE(prompts_are_found_by_hash), TAP_CASE(quality_grades_and_best),
	TAP_CASE(bad_places_are_refused), TAP_CASE(stat_and_room))
