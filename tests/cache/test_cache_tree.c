// SPDX-License-Identifier: MIT
#include <pthread.h>
#include <stdatomic.h>

#include "cache/base/clk.h"
#include "cache/tree.h"
#include "tests/cache/support.h"

struct listing {
	size_t n, max;
	uint64_t last;
	char names[8][64];
	struct digest prompt_id;
	bool is_rising, has_dirs;
};

static int list_one(void *user, const struct cache_entry *e)
{
	struct listing *l = user;

	if (e->cookie <= l->last)
		l->is_rising = false;
	l->last = e->cookie;
	if (l->n < 8)
		snprintf(l->names[l->n], sizeof(l->names[0]), "%s", e->name);
	l->n++;
	l->has_dirs |= e->is_dir;
	l->prompt_id = e->prompt_id;
	return l->max && l->n >= l->max ? 7 : 0;
}

static struct listing list_dir(
	struct cache *c, uint64_t dir, uint64_t cookie, size_t max)
{
	struct listing l = {.last = cookie, .is_rising = true, .max = max};
	int r = cache_list(c, dir, cookie, list_one, &l);

	CHECK(r == 0 || r == 7);
	return l;
}

static void directories_appear_with_files(void)
{
	struct fixture f;
	struct spot s;
	struct listing l;
	uint64_t dir = 0;
	struct record rec = {.state = RECORD_FAILED, .model = (char *)"imagen-3"};
	struct err err = {0};

	fixture_start(&f, 0);
	spot_init(&s, "a fox", "imagen-3", "1.png");
	CHECK_INT(list_dir(f.cache, 1, 0, 0).n, 0);
	CHECK_INT(cache_dir_find(f.cache, s.name, 2, &dir), -ENOENT);
	CHECK_INT(commit_file(f.cache, &s.place, &rec, NULL, NULL, &err), 0);
	CHECK_INT(list_dir(f.cache, 1, 0, 0).n, 0);
	CHECK_INT(put_file(f.cache, &s.place, 10, 1), 0);
	CHECK_INT(cache_dir_find(f.cache, NULL, 0, &dir), 0);
	CHECK_INT(dir, 1);
	CHECK_STR(list_dir(f.cache, 1, 0, 0).names[0], "prompts");
	CHECK_INT(cache_dir_find(f.cache, s.name, 1, &dir), 0);
	l = list_dir(f.cache, dir, 0, 0);
	CHECK_INT(l.n, 1);
	CHECK_STR(l.names[0], "a fox");
	CHECK(l.has_dirs && !memcmp(&l.prompt_id, &s.prompt_id, sizeof(s.prompt_id)));
	CHECK_INT(cache_dir_find(f.cache, s.name, 3, &dir), 0);
	l = list_dir(f.cache, dir, 0, 0);
	CHECK_INT(l.n, 1);
	CHECK_STR(l.names[0], "1.png");
	CHECK(!l.has_dirs);
	fixture_end(&f);
}

static int is_never_called(
	void *user, const char *name, const struct digest *key, uint32_t draw)
{
	(void)user;
	(void)key;
	(void)draw;
	CHECK_STR(name, "");
	return 1;
}

static void removed_files_leave_and_history_keeps_the_directory(void)
{
	struct fixture f;
	struct spot s, other;
	struct prune_result res;
	struct err err = {0};
	uint64_t dir = 0, again = 0;
	struct prune_rule rule = {
		.older_than_ms = INT64_MAX, .at_most_bytes = UINT64_MAX};

	fixture_start(&f, 0);
	spot_init(&s, "a fox", "imagen-3", "1.png");
	spot_init(&other, "a cat", "imagen-3", "1.png");
	CHECK_INT(put_file(f.cache, &s.place, 10, 1), 0);
	CHECK_INT(put_file(f.cache, &other.place, 10, 2), 0);
	CHECK_INT(cache_dir_find(f.cache, s.name, 3, &dir), 0);
	CHECK_INT(cache_remove(f.cache, &s.place, &err), 0);
	CHECK_INT(list_dir(f.cache, dir, 0, 0).n, 0);
	CHECK_INT(cache_dir_find(f.cache, s.name, 1, &dir), 0);
	CHECK_INT(list_dir(f.cache, dir, 0, 0).n, 2);
	CHECK_INT(cache_prune(f.cache, &rule, NULL, NULL, &res, &err), 0);
	CHECK_INT(res.files, 1);
	CHECK_INT(res.bytes, 10);
	CHECK_INT(list_dir(f.cache, dir, 0, 0).n, 1);
	CHECK_STR(list_dir(f.cache, dir, 0, 0).names[0], "a cat");
	CHECK_INT(cache_dir_find(f.cache, s.name, 3, &dir), 0);
	CHECK_INT(cache_history_list(f.cache, dir, is_never_called, NULL), 0);
	CHECK_INT(put_file(f.cache, &s.place, 10, 3), 0);
	CHECK_INT(cache_dir_find(f.cache, s.name, 3, &again), 0);
	CHECK_INT(again, dir);
	CHECK_INT(list_dir(f.cache, dir, 0, 0).n, 1);
	fixture_end(&f);
}

static void pins_list_a_prompt(void)
{
	struct fixture f;
	struct spot s;
	struct err err = {0};
	uint64_t dir = 0;
	char hex[DIGEST_HEX], *text = NULL;

	fixture_start(&f, 0);
	spot_init(&s, "a fox", "imagen-3", "1.png");
	s.place.n = 2;
	CHECK_INT(cache_pin(f.cache, &s.place, true, &err), 0);
	CHECK_INT(cache_pin(f.cache, &s.place, true, &err), 0);
	CHECK_INT(cache_dir_find(f.cache, s.name, 1, &dir), 0);
	CHECK_STR(list_dir(f.cache, dir, 0, 0).names[0], "a fox");
	digest_hex(&s.prompt_id, hex);
	hex[16] = '\0';
	CHECK_INT(cache_prompt_by_hash(f.cache, hex, &text, NULL), 0);
	free(text);
	s.place.n = 4;
	CHECK_INT(put_file(f.cache, &s.place, 10, 1), 0);
	s.place.n = 2;
	CHECK_INT(cache_pin(f.cache, &s.place, false, &err), 0);
	CHECK_INT(list_dir(f.cache, dir, 0, 0).n, 1);
	fixture_end(&f);
}

static int count_record(void *user, const struct record *rec)
{
	(void)rec;
	++*(int *)user;
	return 0;
}

static void pinned_files_are_not_pruned(void)
{
	struct fixture f;
	struct spot s[3];
	static const char *const names[] = {"1.png", "2.png", "3.png"};
	struct prune_rule rule = {.older_than_ms = INT64_MAX,
		.at_most_bytes = UINT64_MAX,
		.dry_run = true};
	struct prune_result res;
	struct record rec = {0};
	struct err err = {0};
	int seen = 0;

	fixture_start(&f, 0);
	for (size_t i = 0; i < 3; i++) {
		spot_init(&s[i], "a fox", "imagen-3", names[i]);
		CHECK_INT(put_file(f.cache, &s[i].place, 1000, i), 0);
		CHECK_INT(cache_remove(f.cache, &s[i].place, &err), 0);
	}
	CHECK_INT(cache_pin(f.cache, &s[0].place, true, &err), 0);
	CHECK_INT(cache_prune(f.cache, &rule, count_record, &seen, &res, &err), 0);
	CHECK_INT(res.files, 2);
	CHECK_INT(res.bytes, 2000);
	CHECK_INT(seen, 2);
	rule.dry_run = false;
	rule.older_than_ms = 1;
	CHECK_INT(cache_prune(f.cache, &rule, NULL, NULL, &res, &err), 0);
	CHECK_INT(res.files, 0);
	rule.older_than_ms = clk_real_ms() + 1000;
	rule.at_most_bytes = 1;
	CHECK_INT(cache_prune(f.cache, &rule, NULL, NULL, &res, &err), 0);
	CHECK_INT(res.files, 1);
	rule.at_most_bytes = UINT64_MAX;
	CHECK_INT(cache_prune(f.cache, &rule, NULL, NULL, &res, &err), 0);
	CHECK_INT(res.files, 1);
	CHECK_INT(cache_history(f.cache, &s[0].key, 1, &rec, &err), 0);
	record_finish(&rec);
	CHECK_INT(cache_history(f.cache, &s[1].key, 1, &rec, &err), -ENOENT);
	CHECK_INT(cache_pin(f.cache, &s[0].place, false, &err), 0);
	CHECK_INT(cache_prune(f.cache, &rule, NULL, NULL, &res, &err), 0);
	CHECK_INT(res.files, 1);
	CHECK_INT(cache_verify(f.cache, NULL, NULL, NULL, NULL, &err), 0);
	fixture_end(&f);
}

#define INSERTS 400

struct inserter {
	struct cache *cache;
	_Atomic bool is_done;
};

static void *insert_main(void *arg)
{
	struct inserter *in = arg;

	for (int i = 0; i < INSERTS; i++) {
		struct spot s;
		char name[16];

		snprintf(name, sizeof(name), "%d.png", i + 100);
		spot_init(&s, "many", "imagen-3", name);
		CHECK_INT(put_file(in->cache, &s.place, 10, (uint64_t)i), 0);
	}
	in->is_done = true;
	return NULL;
}

/* Paging by cookie while files are added: each one exactly once, none lost. */
static void cookies_hold_under_inserts(void)
{
	struct fixture f;
	struct spot s;
	struct inserter in = {0};
	pthread_t t;
	uint64_t dir = 0, cookie = 0;
	size_t total = 0;
	bool was_done;

	fixture_start(&f, 0);
	spot_init(&s, "many", "imagen-3", "1.png");
	CHECK_INT(put_file(f.cache, &s.place, 10, 1), 0);
	CHECK_INT(cache_dir_find(f.cache, s.name, 3, &dir), 0);
	in.cache = f.cache;
	CHECK_INT(pthread_create(&t, NULL, insert_main, &in), 0);
	do {
		struct listing l;

		was_done = in.is_done;
		l = list_dir(f.cache, dir, cookie, 3);
		CHECK(l.is_rising);
		total += l.n;
		cookie = l.last;
		was_done = was_done && !l.n;
	} while (!was_done);
	pthread_join(t, NULL);
	CHECK_INT(total, INSERTS + 1);
	CHECK_INT(list_dir(f.cache, dir, UINT64_MAX, 0).n, 0);
	fixture_end(&f);
}

#define LARGE 100000

struct large_op {
	struct op op;
	struct cache *cache;
	struct spot *spot;
};

static int large_run(struct op *op, MDB_txn *txn)
{
	struct large_op *l = container_of(op, struct large_op, op);
	struct dir_chain chain;
	int r = tree_make(l->cache, txn, &l->spot->place, 3, &chain);

	for (uint64_t i = 0; !r && i < LARGE; i++) {
		struct digest key = {0};
		uint64_t cookie;
		char name[32];

		memcpy(key.b, &i, sizeof(i));
		snprintf(name, sizeof(name), "%llu.png", (unsigned long long)i);
		r = tree_list_file(l->cache, txn, chain.id[3], name, &key, &cookie);
	}
	return r;
}

/* In pieces of 128, as readdir asks: no piece may cost more than a piece. */
static void a_hundred_thousand_entries(void)
{
	struct fixture f;
	struct spot s;
	struct large_op l = {.op = {.run = large_run}, .spot = &s};
	uint64_t dir = 0, cookie = 0;
	size_t total = 0, n;
	int64_t from;

	fixture_start(&f, 256u << 20);
	spot_init(&s, "large", "imagen-3", "x");
	l.cache = f.cache;
	CHECK_INT(writer_call(&f.cache->writer, &l.op), 0);
	CHECK_INT(cache_dir_find(f.cache, s.name, 3, &dir), 0);
	from = clk_mono_ms();
	do {
		struct listing part = list_dir(f.cache, dir, cookie, 128);

		CHECK(part.is_rising);
		cookie = part.last;
		n = part.n;
		total += n;
	} while (n);
	printf("# %d entries in %lld ms\n", LARGE, (long long)(clk_mono_ms() - from));
	CHECK_INT(total, LARGE);
	fixture_end(&f);
}

TAP_MAIN(TAP_CASE(directories_appear_with_files),
	TAP_CASE(removed_files_leave_and_history_keeps_the_directory),
	TAP_CASE(pins_list_a_prompt), TAP_CASE(pinned_files_are_not_pruned),
	TAP_CASE(cookies_hold_under_inserts), TAP_CASE(a_hundred_thousand_entries))
