// SPDX-License-Identifier: MIT
/* Fills a store with files as if they had been generated, for bench_mount.py.
 * usage: fill_store STATE PROMPTS TAKES SIZE [PROMPT-PREFIX]
 * Prompts "PREFIX 0".. with takes 1..TAKES of imagen-3, SIZE bytes each. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/engine/place.h"
#include "backend/engine/engine.h"
#include "cache/base/clk.h"
#include "cache/base/mem.h"
#include "tests/support/commit_file.h"

#define BLOCK (1u << 20)

/* Different bytes in each file, or they would be one blob. */
static int write_bytes(
	struct blob_writer *w, uint64_t size, uint64_t id, struct err *err)
{
	static unsigned char block[BLOCK];
	uint64_t x = id * UINT64_C(0x9e3779b97f4a7c15) + 1;

	for (size_t i = 0; i + 8 <= BLOCK; i += 8) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		memcpy(block + i, &x, 8);
	}
	while (size) {
		size_t n = size < BLOCK ? (size_t)size : BLOCK;
		int r = blob_writer_write(w, block, n, err);

		if (r < 0)
			return r;
		size -= n;
	}
	return 0;
}

static int add(struct cache *c, struct prompt *prompt, int take, uint64_t size,
	uint64_t id, struct err *err)
{
	struct request req = {.tree = TREE_PROMPTS,
		.prompt = prompt,
		.model = "imagen-3",
		.type = MEDIA_PNG,
		.take = (uint16_t)take};
	scoped(request_place_finish) struct request_place rp = {0};
	scoped(record_finish) struct record rec = {.state = RECORD_GENERATED,
		.type = MEDIA_PNG,
		.attempts = 1,
		.seed = UINT64_MAX,
		.created_ms = clk_real_ms(),
		.estimate_ud = 25000};
	scoped(buf_finish) struct buf path = {0};
	struct digest key;
	struct blob_writer *w = blob_writer_new(c, err);
	int r = w ? request_key(&req, "local", &key) : -1;

	if (r == 0)
		r = request_place_init(&rp, &req, &key, NULL);

	if (r == 0)
		r = request_path(&req, &path);
	if (r == 0)
		r = write_bytes(w, size, id, err);
	rec.path = buf_detach(&path);
	rec.model = strdup(req.model);
	rec.served_by = strdup(req.model);
	rec.detail = strdup("{}");
	rec.quality = strdup("{}");
	if (r == 0)
		r = commit_file(c, &rp.place, &rec, w, NULL, err);
	blob_writer_free(w);
	return r;
}

int main(int argc, char **argv)
{
	struct cache_config cc = {.dir = argc > 1 ? argv[1] : "", .ns = "local"};
	struct err err = {0};
	struct cache *c;
	int r;

	if (argc < 5) {
		fprintf(stderr,
			"usage: fill_store STATE PROMPTS TAKES SIZE [PREFIX]\n");
		return 2;
	}
	r = cache_open(&cc, &c, &err);
	for (int i = 0; i < atoi(argv[2]) && r == 0; i++) {
		char text[64];
		struct prompt *prompt;

		snprintf(text, sizeof(text), "%s %d", argc > 5 ? argv[5] : "bench", i);
		r = prompt_from_name(text, strlen(text), &prompt);
		for (int take = 1; take <= atoi(argv[3]) && r == 0; take++)
			r = add(c, prompt, take, strtoull(argv[4], NULL, 10),
				(uint64_t)i * 1000 + (uint64_t)take, &err);
		prompt_unref(prompt);
	}
	if (r < 0) {
		fprintf(stderr, "fill_store: %s\n", err.why);
		return 1;
	}
	cache_close(c);
	return 0;
}
