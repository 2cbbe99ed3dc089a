// SPDX-License-Identifier: MIT
/* The chunks of dropped blobs are deleted piece by piece, on the store thread. */
#include <errno.h>

#include "cache/base/mem.h"
#include "cache/blob.h"

#define CHUNKS_PER_COMMIT 64

/* Deletes up to *left chunks of a blob; the pending row goes with the last one. */
static int blob_collect(struct cache *c, MDB_txn *txn, uint64_t blob_id, int *left)
{
	struct key from;
	struct scan s;
	int r;

	wr_be64(key_start(&from), blob_id);
	r = scan_begin(&s, txn, table_of(c, DB_CHUNKS), &from, 8);
	while (!r && *left > 0) {
		s.is_started = false; /* a deletion moves the cursor */
		r = scan_next(&s);
		if (r <= 0)
			break;
		r = db_errno(mdb_cursor_del(s.cursor, 0));
		(*left)--;
	}
	scan_end(&s);
	if (r < 0 || !*left)
		return r;
	return row_del(txn, table_of(c, DB_PENDING), &from);
}

/* The next blob to collect. 1, 0 none, <0. */
static int garbage_next(struct cache *c, MDB_txn *txn, uint64_t *ret)
{
	struct key from;
	struct scan s;
	struct rd in = {0};
	int r;

	key_start(&from);
	r = scan_begin(&s, txn, table_of(c, DB_PENDING), &from, 0);
	while (r >= 0 && (r = scan_next_row(&s, &in)) > 0) {
		struct rd key = {
			s.key.mv_data, (uint8_t *)s.key.mv_data + s.key.mv_size};

		if (rd_u8(&in) != PENDING_GARBAGE)
			continue;
		*ret = rd_be(&key, 8);
		break;
	}
	scan_end(&s);
	return r;
}

static int collect_run(struct op *op, MDB_txn *txn)
{
	struct collector *k = container_of(op, struct collector, op);
	int left = CHUNKS_PER_COMMIT, r = 1;
	uint64_t id;

	k->is_more = false;
	while (left > 0 && (r = garbage_next(k->cache, txn, &id)) > 0) {
		r = blob_collect(k->cache, txn, id, &left);
		if (r < 0)
			return r;
	}
	k->is_more = left <= 0;
	return r < 0 ? r : 0;
}

/* What fails now is tried at the next start. */
static void collect_done(struct op *op)
{
	struct collector *k = container_of(op, struct collector, op);
	bool again;

	pthread_mutex_lock(&k->lock);
	again = !op->result && k->is_more && !k->cache->is_closing;
	k->is_queued = again;
	pthread_cond_broadcast(&k->idle);
	pthread_mutex_unlock(&k->lock);
	if (again)
		writer_submit(&k->cache->writer, op);
}

static int turn_run(struct op *op, MDB_txn *txn)
{
	struct collector *k = container_of(op, struct collector, op);
	uint64_t turn;

	return meta_next(txn, &k->cache->db, "turn", &turn);
}

/* What a commit frees can be used by the second one after it, so two follow. */
void collector_reclaim(void *cache)
{
	struct cache *c = cache;
	struct collector k = {
		.cache = c, .op = {.run = collect_run, .is_freeing = true}};
	int r;

	do {
		r = writer_run_now(&c->writer, &k.op);
	} while (!r && k.is_more);
	k.op.run = turn_run;
	k.op.is_freeing = false;
	for (int i = 0; !r && i < 2; i++)
		r = writer_run_now(&c->writer, &k.op);
}

void collector_init(struct collector *k, struct cache *c)
{
	k->cache = c;
	k->op = (struct op){
		.run = collect_run, .done = collect_done, .is_freeing = true};
	pthread_mutex_init(&k->lock, NULL);
	pthread_cond_init(&k->idle, NULL);
}

void collector_finish(struct collector *k)
{
	pthread_mutex_destroy(&k->lock);
	pthread_cond_destroy(&k->idle);
}

void collector_start(struct cache *c)
{
	struct collector *k = &c->collector;
	bool is_mine;

	pthread_mutex_lock(&k->lock);
	is_mine = !k->is_queued && !c->is_closing;
	if (is_mine)
		k->is_queued = true;
	pthread_mutex_unlock(&k->lock);
	if (is_mine)
		writer_submit(&c->writer, &k->op);
}

void collector_wait(struct cache *c)
{
	struct collector *k = &c->collector;

	pthread_mutex_lock(&k->lock);
	while (k->is_queued)
		pthread_cond_wait(&k->idle, &k->lock);
	pthread_mutex_unlock(&k->lock);
}
