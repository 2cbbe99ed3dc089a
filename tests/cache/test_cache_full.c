// SPDX-License-Identifier: MIT
#include "tests/cache/support.h"

#define FILE_BYTES 700000u
#define MAP_BYTES (16u << 20)

/* Puts files until the store says no; how many went in. */
static int fill_up(struct fixture *f, int first, size_t bytes)
{
	int n = first, r;

	do {
		struct spot s;
		char name[16];

		snprintf(name, sizeof(name), "%d.png", n);
		spot_init(&s, "full", "imagen-3", name);
		r = put_file(f->cache, &s.place, bytes, (uint64_t)n);
	} while (!r && ++n < 100000);
	CHECK_INT(r, -ENOSPC);
	return n;
}

static bool all_are_there(struct fixture *f, int from, int to, size_t bytes)
{
	for (int i = from; i < to; i++) {
		struct spot s;
		char name[16];

		snprintf(name, sizeof(name), "%d.png", i);
		spot_init(&s, "full", "imagen-3", name);
		if (!file_is(f->cache, &s.place, bytes, (uint64_t)i))
			return false;
	}
	return true;
}

static void remove_files(struct fixture *f, int from, int to)
{
	for (int i = from; i < to; i++) {
		struct spot s;
		struct err err = {0};
		char name[16];

		snprintf(name, sizeof(name), "%d.png", i);
		spot_init(&s, "full", "imagen-3", name);
		CHECK_INT(cache_remove(f->cache, &s.place, &err), 0);
	}
}

static void a_full_store_keeps_what_it_has(void)
{
	struct prune_rule rule = {
		.older_than_ms = INT64_MAX, .at_most_bytes = UINT64_MAX};
	struct prune_result res;
	struct fixture f;
	struct err err = {0};
	int n, more;

	fixture_start(&f, MAP_BYTES);
	n = fill_up(&f, 0, FILE_BYTES);
	CHECK(n > 10 && n < 24);
	CHECK(all_are_there(&f, 0, n, FILE_BYTES));
	CHECK_INT(cache_room_for(f.cache, 4u << 20, &err), -ENOSPC);
	CHECK_INT(fixture_reopen(&f), 0);
	CHECK(all_are_there(&f, 0, n, FILE_BYTES));
	remove_files(&f, 0, 8);
	CHECK_INT(cache_prune(f.cache, &rule, NULL, NULL, &res, &err), 0);
	CHECK_INT(res.files, 8);
	more = fill_up(&f, 1000, FILE_BYTES) - 1000;
	CHECK(more >= 5);
	CHECK(all_are_there(&f, 8, n, FILE_BYTES));
	CHECK(all_are_there(&f, 1000, 1000 + more, FILE_BYTES));
	CHECK_INT(cache_verify(f.cache, NULL, NULL, NULL, NULL, &err), 0);
	fixture_end(&f);
}

static void a_full_store_works_again_with_a_larger_map(void)
{
	struct fixture f;
	struct spot s;
	int n;

	fixture_start(&f, MAP_BYTES);
	n = fill_up(&f, 0, FILE_BYTES);
	f.config.map_size = 2 * MAP_BYTES;
	CHECK_INT(fixture_reopen(&f), 0);
	spot_init(&s, "full", "imagen-3", "more.png");
	CHECK_INT(put_file(f.cache, &s.place, 5000000, 1), 0);
	CHECK(all_are_there(&f, 0, n, FILE_BYTES));
	fixture_end(&f);
}

/* A blob larger than the map fails on the way, and its chunks are collected. */
static void a_blob_that_does_not_fit_leaves_nothing(void)
{
	struct fixture f;
	struct spot s;
	struct err err = {0};

	fixture_start(&f, MAP_BYTES);
	spot_init(&s, "full", "imagen-3", "1.png");
	for (int i = 0; i < 3; i++) {
		CHECK_INT(put_file(f.cache, &s.place, 40u << 20, 1), -ENOSPC);
		CHECK_INT(cache_brief(f.cache, &s.key, NULL, NULL), -ENOENT);
	}
	CHECK_INT(fixture_reopen(&f), 0);
	CHECK_INT(put_file(f.cache, &s.place, 8u << 20, 2), 0);
	CHECK(file_is(f.cache, &s.place, 8u << 20, 2));
	CHECK_INT(cache_verify(f.cache, NULL, NULL, NULL, NULL, &err), 0);
	fixture_end(&f);
}

/* Small rows fill the last pages too; then removing must still be possible. */
static void a_store_full_of_rows_can_be_emptied(void)
{
	struct prune_rule rule = {
		.older_than_ms = INT64_MAX, .at_most_bytes = UINT64_MAX};
	struct prune_result res;
	struct fixture f;
	struct err err = {0};
	int n;

	fixture_start(&f, 1u << 20);
	n = fill_up(&f, 0, 3000);
	CHECK(n > 20);
	CHECK(all_are_there(&f, 0, n, 3000));
	remove_files(&f, 0, n);
	CHECK_INT(cache_prune(f.cache, &rule, NULL, NULL, &res, &err), 0);
	CHECK_INT(res.files, n);
	CHECK(fill_up(&f, 5000, 3000) > 5020);
	CHECK_INT(cache_verify(f.cache, NULL, NULL, NULL, NULL, &err), 0);
	fixture_end(&f);
}

TAP_MAIN(TAP_CASE(a_full_store_keeps_what_it_has),
	TAP_CASE(a_full_store_works_again_with_a_larger_map),
	TAP_CASE(a_blob_that_does_not_fit_leaves_nothing),
	TAP_CASE(a_store_full_of_rows_can_be_emptied))
