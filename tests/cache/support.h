// SPDX-License-Identifier: MIT
#pragma once
/* A store in a fresh directory, and short ways to put files into it. */
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cache/base/mem.h"
#include "cache/cache.h"
#include "tests/support/commit_file.h"
#include "tests/support/tap.h"

struct fixture {
	char dir[64];
	struct cache *cache;
	struct cache_config config;
};

static inline int fixture_reopen(struct fixture *f)
{
	struct err err = {0};
	int r;

	cache_close(f->cache);
	f->cache = NULL;
	r = cache_open(&f->config, &f->cache, &err);
	if (r < 0)
		printf("# open: %s\n", err.why);
	return r;
}

/* map_size 0 is a terabyte, which sanitizers may not have: the store copes. */
static inline void fixture_start(struct fixture *f, uint64_t map_size)
{
	*f = (struct fixture){0};
	strcpy(f->dir, "/tmp/promptfs-store-XXXXXX");
	if (!mkdtemp(f->dir))
		abort();
	f->config = (struct cache_config){.dir = f->dir,
		.ns = "local",
		.map_size = map_size,
		.reserve_bytes = 64u << 10};
	CHECK_INT(fixture_reopen(f), 0);
}

static inline int remove_one(
	const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static inline void fixture_end(struct fixture *f)
{
	cache_close(f->cache);
	nftw(f->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	f->cache = NULL;
}

/* A place below prompts/<prompt>/<model>/<file>; owns nothing but itself. */
struct spot {
	const char *name[4];
	struct digest key, prompt_id;
	struct cache_place place;
};

static inline struct cache_place *spot_init(
	struct spot *s, const char *prompt, const char *model, const char *file)
{
	*s = (struct spot){.name = {"prompts", prompt, model, file}};
	digest_of_strings(&s->key, prompt, model, file, NULL);
	digest_of(&s->prompt_id, prompt, strlen(prompt));
	s->place = (struct cache_place){.key = &s->key,
		.name = s->name,
		.n = 4,
		.prompt_id = &s->prompt_id,
		.prompt = prompt,
		.program = "test",
		.uid = 1000};
	return &s->place;
}

static inline struct record generated(const char *model)
{
	return (struct record){.state = RECORD_GENERATED,
		.type = MEDIA_PNG,
		.created_ms = INT64_C(1795392000000),
		.seed = UINT64_MAX,
		.latency_ms = 40,
		.estimate_ud = 25000,
		.charged_ud = 20000,
		.model = (char *)model,
		.served_by = (char *)model};
}

/* Bytes that differ by seed, cheap to make and to check. */
static inline void fill(uint8_t *p, size_t len, uint64_t seed)
{
	uint64_t x = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;

	for (size_t i = 0; i < len; i += 8) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		memcpy(p + i, &x, len - i < 8 ? len - i : 8);
	}
}

static inline int put_bytes(struct cache *c, const struct cache_place *place,
	const void *data, size_t len, struct record *rec, struct err *err)
{
	struct blob_writer *w = blob_writer_new(c, err);
	int r = w ? blob_writer_write(w, data, len, err) : -ENOMEM;

	if (!r)
		r = commit_file(c, place, rec, w, NULL, err);
	blob_writer_free(w);
	return r;
}

/* A generated file of `size` bytes that `seed` decides. */
static inline int put_file(
	struct cache *c, const struct cache_place *place, size_t size, uint64_t seed)
{
	struct record rec = generated(place->name[2]);
	struct err err = {0};
	uint8_t *data = malloc(size + 1);
	int r;

	fill(data, size, seed);
	r = put_bytes(c, place, data, size, &rec, &err);
	free(data);
	return r;
}

/* Whether a file is there with exactly those bytes. */
static inline bool file_is(
	struct cache *c, const struct cache_place *place, size_t size, uint64_t seed)
{
	struct file_brief b;
	struct err err = {0};
	uint8_t *want, *got;
	bool same;

	if (cache_brief(c, place->key, &b, NULL) < 0 || b.size != size)
		return false;
	want = malloc(size + 1);
	got = malloc(size + 1);
	fill(want, size, seed);
	same = !cache_read(c, b.blob_id, size, 0, got, size, &err) &&
	       !memcmp(want, got, size);
	free(want);
	free(got);
	return same;
}
