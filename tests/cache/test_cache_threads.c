// SPDX-License-Identifier: MIT
#include <pthread.h>
#include <stdatomic.h>

#include "cache/store.h"
#include "tests/cache/support.h"

#define WRITERS 4
#define READERS 6
#define FILES 60

struct shared {
	struct cache *cache;
	_Atomic bool stop;
	_Atomic int files, bad;
};

struct worker {
	struct shared *shared;
	int id;
	pthread_t thread;
};

static void spot_of(struct spot *s, char name[16], int writer, int n)
{
	static const char *const models[] = {"imagen-3", "imagen-2"};

	snprintf(name, 16, "%d-%d.png", writer, n);
	spot_init(s, "threads", models[writer % 2], name);
}

static size_t size_of(int writer, int n)
{
	return n % 20 == 7 ? 1300000 : 100 + (size_t)(writer * 31 + n);
}

static void *writer_main(void *arg)
{
	struct worker *w = arg;
	struct cache *c = w->shared->cache;

	for (int n = 0; n < FILES; n++) {
		struct spot s;
		struct err err = {0};
		char name[16];
		uint64_t seed = (uint64_t)w->id * 1000 + (uint64_t)n;

		spot_of(&s, name, w->id, n);
		w->shared->bad += put_file(c, &s.place, size_of(w->id, n), seed) != 0;
		w->shared->bad +=
			cache_set_quality(c, &s.place, 0, "{}", 'A', n, &err) != 0;
		cache_count_saved(c, &s.place, s.name[2], 25000);
		cache_count_failed(c, "veo-2");
		if (n % 5 == 0)
			w->shared->bad += cache_remove(c, &s.place, &err) != 0;
		w->shared->files++;
	}
	return NULL;
}

static int count_one(void *user, const struct cache_entry *e)
{
	struct shared *s = user;
	struct file_brief b;

	/* A nested read sees the present: the file may be gone by now. */
	if (!e->is_dir && cache_brief(s->cache, &e->key, &b, NULL) == -EBADMSG)
		s->bad++;
	return 0;
}

static void *reader_main(void *arg)
{
	struct worker *w = arg;
	struct shared *s = w->shared;
	const char *path[] = {
		"prompts", "threads", w->id % 2 ? "imagen-2" : "imagen-3"};

	for (int n = 0; !s->stop; n = (n + 1) % FILES) {
		struct spot spot;
		struct file_brief b;
		struct totals t;
		char name[16];
		int writer = n % WRITERS;
		uint64_t seed = (uint64_t)writer * 1000 + (uint64_t)n, dir;

		spot_of(&spot, name, writer, n);
		if (!cache_brief(s->cache, &spot.key, &b, NULL) && n % 5 != 0)
			s->bad += !file_is(
				s->cache, &spot.place, size_of(writer, n), seed);
		if (!cache_dir_find(s->cache, path, 3, &dir))
			s->bad += cache_list(s->cache, dir, 0, count_one, s) != 0;
		s->bad += cache_totals(s->cache, 1, NULL, &t) != 0;
	}
	return NULL;
}

static void *verify_main(void *arg)
{
	struct worker *w = arg;
	struct prune_rule rule = {
		.older_than_ms = INT64_MAX, .at_most_bytes = UINT64_MAX};

	while (!w->shared->stop) {
		struct err err = {0};

		if (cache_verify(w->shared->cache, &w->shared->stop, NULL, NULL, NULL,
			    &err) == -EBADMSG)
			w->shared->bad++;
		w->shared->bad += cache_prune(w->shared->cache, &rule, NULL, NULL, NULL,
					  &err) != 0;
	}
	return NULL;
}

static void check_outcome(struct fixture *f)
{
	struct totals t;
	struct cache_stat st;
	struct err err = {0};

	for (int w = 0; w < WRITERS; w++) {
		for (int n = 0; n < FILES; n++) {
			struct spot s;
			char name[16];

			spot_of(&s, name, w, n);
			if (n % 5)
				CHECK(file_is(f->cache, &s.place, size_of(w, n),
					(uint64_t)w * 1000 + (uint64_t)n));
		}
	}
	CHECK_INT(cache_totals(f->cache, 1, NULL, &t), 0);
	CHECK_INT(t.generated, WRITERS * FILES);
	CHECK_INT(t.failed, WRITERS * FILES);
	CHECK_INT(t.requests, 2 * WRITERS * FILES);
	CHECK_INT(t.grades[0], WRITERS * FILES * 4 / 5);
	CHECK_INT(t.duration_ms, 40 * WRITERS * FILES);
	CHECK_INT(t.saved_ud, 25000 * WRITERS * FILES);
	CHECK_INT(cache_stat(f->cache, &st), 0);
	CHECK_INT(st.files, WRITERS * FILES * 4 / 5);
	CHECK_INT(cache_verify(f->cache, NULL, NULL, NULL, NULL, &err), 0);
}

static void readers_and_writers_at_once(void)
{
	struct fixture f;
	struct shared s = {0};
	struct worker w[WRITERS + READERS + 1];

	fixture_start(&f, 512u << 20);
	s.cache = f.cache;
	for (int i = 0; i < WRITERS + READERS + 1; i++) {
		void *(*fn)(void *) = i < WRITERS             ? writer_main
				      : i < WRITERS + READERS ? reader_main
							      : verify_main;

		w[i] = (struct worker){.shared = &s, .id = i};
		CHECK_INT(pthread_create(&w[i].thread, NULL, fn, &w[i]), 0);
	}
	for (int i = 0; i < WRITERS; i++)
		pthread_join(w[i].thread, NULL);
	s.stop = true;
	for (int i = WRITERS; i < WRITERS + READERS + 1; i++)
		pthread_join(w[i].thread, NULL);
	CHECK_INT(s.bad, 0);
	CHECK_INT(s.files, WRITERS * FILES);
	CHECK_INT(fixture_reopen(&f), 0); /* writes the pending sums */
	check_outcome(&f);
	fixture_end(&f);
}

/* The map is made larger under readers that come and go. */
static void the_map_grows_under_readers(void)
{
	struct fixture f;
	struct shared s = {0};
	struct worker w[3];
	struct spot spot;
	struct cache_stat st;
	struct err err = {0};

	fixture_start(&f, 1u << 20);
	s.cache = f.cache;
	spot_init(&spot, "threads", "imagen-2", "first.png");
	CHECK_INT(put_file(f.cache, &spot.place, 10000, 1), 0);
	for (int i = 0; i < 3; i++) {
		w[i] = (struct worker){.shared = &s, .id = i};
		CHECK_INT(pthread_create(&w[i].thread, NULL, reader_main, &w[i]), 0);
	}
	for (int i = 0; i < 100; i++) {
		char name[16];

		snprintf(name, sizeof(name), "%d.png", i);
		spot_init(&spot, "grow", "imagen-2", name);
		CHECK(put_file(f.cache, &spot.place, 10000, 1) >= -ENOSPC);
		CHECK_INT(cache_remove(f.cache, &spot.place, &err), 0);
		if (i % 10 ==
			9) /* the store thread is idle: nothing is being written */
			CHECK_INT(db_grow(&f.cache->db, true), 0);
	}
	s.stop = true;
	for (int i = 0; i < 3; i++)
		pthread_join(w[i].thread, NULL);
	CHECK_INT(s.bad, 0);
	CHECK_INT(cache_stat(f.cache, &st), 0);
	CHECK_INT(st.map_bytes, 11u << 20);
	spot_init(&spot, "threads", "imagen-2", "first.png");
	CHECK(file_is(f.cache, &spot.place, 10000, 1));
	fixture_end(&f);
}

TAP_MAIN(TAP_CASE(readers_and_writers_at_once), TAP_CASE(the_map_grows_under_readers))
