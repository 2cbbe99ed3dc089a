// SPDX-License-Identifier: MIT
/* Writers that never wait, and bytes that the store has no room for. */
#include <pthread.h>
#include <stdatomic.h>

#include "cache/store.h"
#include "tests/cache/support.h"

#define MAP_BYTES (8u << 20)
#define BYTES (12u * 1024u * 1024u) /* more than the map holds */
#define PIECE 100000u

static uint8_t byte_at(uint64_t i)
{
	return (uint8_t)(i * 31 + (i >> 12));
}

static int write_bytes(struct blob_writer *w, uint64_t bytes)
{
	uint8_t piece[PIECE];
	int r = 0;

	for (uint64_t at = 0; at < bytes && r == 0;) {
		size_t n = bytes - at < PIECE ? (size_t)(bytes - at) : PIECE;

		for (size_t i = 0; i < n; i++)
			piece[i] = byte_at(at + i);
		r = blob_writer_write(w, piece, n, NULL);
		at += n;
	}
	return r;
}

static bool reads_back(struct cache *c, uint64_t id, uint64_t bytes)
{
	uint8_t piece[PIECE];

	for (uint64_t at = 0; at < bytes;) {
		size_t n = bytes - at < PIECE ? (size_t)(bytes - at) : PIECE;

		if (cache_read(c, id, bytes, at, piece, n, NULL) < 0)
			return false;
		for (size_t i = 0; i < n; i++)
			if (piece[i] != byte_at(at + i))
				return false;
		at += n;
	}
	return true;
}

static int commit(struct cache *c, struct blob_writer *w)
{
	struct record rec = {.state = RECORD_GENERATED,
		.type = MEDIA_PNG,
		.path = (char *)"prompts/x/imagen-3/1.png",
		.model = (char *)"imagen-3",
		.served_by = (char *)"imagen-3"};
	struct spot s;

	spot_init(&s, "full", "imagen-3", "1.png");
	return commit_file(c, &s.place, &rec, w, NULL, NULL);
}

static void a_full_store_serves_from_memory(void)
{
	struct fixture f;
	struct blob_writer *w;
	uint64_t id = 0;

	fixture_start(&f, MAP_BYTES);
	w = blob_writer_new(f.cache, NULL);
	blob_writer_keep(w);
	CHECK_INT(write_bytes(w, BYTES), 0);
	CHECK_INT(commit(f.cache, w), -ENOSPC);
	CHECK_INT(cache_lodge(f.cache, w, &id), 0);
	CHECK(reads_back(f.cache, id, BYTES));
	CHECK(!reads_back(f.cache, id + 1, BYTES)); /* nobody's */
	fixture_end(&f);
}

static void without_keeping_the_write_fails(void)
{
	struct fixture f;
	struct blob_writer *w;

	fixture_start(&f, MAP_BYTES);
	w = blob_writer_new(f.cache, NULL);
	CHECK_INT(write_bytes(w, BYTES * 2), -ENOSPC);
	blob_writer_free(w);
	fixture_end(&f);
}

static void on_room(void *user)
{
	atomic_fetch_add((atomic_int *)user, 1);
}

/* Keeps the store thread until it is opened. */
struct gate {
	struct op op;
	atomic_bool is_open;
};

static int gate_run(struct op *op, MDB_txn *txn)
{
	struct gate *g = container_of(op, struct gate, op);

	(void)txn;
	while (!atomic_load(&g->is_open))
		usleep(200);
	op->is_untouched = true;
	return 0;
}

static void gate_done(struct op *op)
{
	(void)op;
}

/* It never waits, and is told of room once for each time that it asked and there was
 * none. */
static void a_writer_that_does_not_wait(void)
{
	struct gate gate = {.op = {.run = gate_run, .done = gate_done}};
	struct fixture f;
	struct blob_writer *w;
	atomic_int told = 0;

	fixture_start(&f, UINT64_C(512) << 20);
	writer_submit(&f.cache->writer, &gate.op);
	w = blob_writer_new(f.cache, NULL);
	blob_writer_notify(w, on_room, &told);
	CHECK(!blob_writer_is_full(w));
	CHECK_INT(write_bytes(w, 20u << 20), 0);
	CHECK(blob_writer_is_full(w));
	CHECK_INT(atomic_load(&told), 0);
	atomic_store(&gate.is_open, true);
	for (int n = 0; !atomic_load(&told) && n < 40000; n++)
		usleep(500);
	CHECK_INT(atomic_load(&told), 1);
	blob_writer_notify(w, NULL, NULL);
	CHECK_INT(commit(f.cache, w), 0);
	CHECK_INT(atomic_load(&told), 1);
	blob_writer_free(w);
	fixture_end(&f);
}

TAP_MAIN(TAP_CASE(a_full_store_serves_from_memory),
	TAP_CASE(without_keeping_the_write_fails),
	TAP_CASE(a_writer_that_does_not_wait))
