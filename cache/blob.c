// SPDX-License-Identifier: MIT
/* Bytes on their way into the store, chunk by chunk, and the manifests of those that
 * are there. A writer belongs to one thread at a time; the chunks are committed by the
 * store thread. */
#include "cache/blob.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cache/base/mem.h"

#define MANIFEST_BYTES (8 + 8 + 4 + 1)
/* Chunks handed over and not durable yet bound the memory: of one writer, and together
 * where many write at once. */
#define IN_FLIGHT_MAX 8
#define IN_FLIGHT_ALL_MAX 32

#define KEPT_MAX                                                                       \
	(512u << 20) /* bytes kept of a writer that the store has no room for */

/* A full chunk on its way to the store thread. */
struct chunk_op {
	struct op op;
	struct blob_writer *w;
	struct chunk_op *next; /* among those kept */
	uint32_t index;
	size_t len;
	uint8_t data[];
};

struct blob_writer {
	struct cache *cache;
	struct hasher *hasher;
	struct digest sha;
	struct chunk_op *tail; /* being filled */
	uint64_t size;
	uint32_t n_chunks; /* handed over */
	bool is_finished, is_adopted, keeps;
	uint8_t head[MEDIA_SNIFF_BYTES];

	/* store thread */
	uint64_t blob_id;
	struct op drop;

	pthread_mutex_t lock; /* guards: */
	pthread_cond_t room;
	void (*on_room)(void *user); /* NULL: write waits */
	void *on_room_user;
	bool wants_room;
	struct chunk_op *kept; /* what could not be stored, if it keeps */
	uint64_t kept_bytes;
	int in_flight;
	int failed; /* -errno of the first chunk that could not be stored */
};

/* ---- manifests ---- */

static void manifest_key(struct key *k, const struct digest *sha)
{
	wr_bytes(key_start(k), sha->b, sizeof(sha->b));
}

int manifest_decode(struct rd *in, struct manifest *ret)
{
	ret->blob_id = rd_u64(in);
	ret->size = rd_u64(in);
	ret->refs = rd_u32(in);
	ret->type = (enum media_type)rd_u8(in);
	return in->bad ? -EBADMSG : 0;
}

int manifest_get(
	struct cache *c, MDB_txn *txn, const struct digest *sha, struct manifest *ret)
{
	struct key k;
	struct rd in = {0};
	int r;

	manifest_key(&k, sha);
	r = row_get(txn, table_of(c, DB_BLOBS), &k, &in);
	return r < 0 ? r : manifest_decode(&in, ret);
}

static int manifest_put(struct cache *c, MDB_txn *txn, const struct digest *sha,
	const struct manifest *m)
{
	uint8_t b[MANIFEST_BYTES];
	struct wr w = {b};
	struct key k;

	manifest_key(&k, sha);
	wr_u64(&w, m->blob_id);
	wr_u64(&w, m->size);
	wr_u32(&w, m->refs);
	wr_u8(&w, (uint8_t)m->type);
	return row_put(txn, table_of(c, DB_BLOBS), &k, b, sizeof(b));
}

/* ---- pending ---- */

static void pending_key(struct key *k, uint64_t blob_id)
{
	wr_be64(key_start(k), blob_id);
}

static int pending_put(
	struct cache *c, MDB_txn *txn, uint64_t blob_id, enum pending what)
{
	uint8_t b = (uint8_t)what;
	struct key k;

	pending_key(&k, blob_id);
	return row_put(txn, table_of(c, DB_PENDING), &k, &b, 1);
}

static int pending_del(struct cache *c, MDB_txn *txn, uint64_t blob_id)
{
	struct key k;
	int r;

	pending_key(&k, blob_id);
	r = row_del(txn, table_of(c, DB_PENDING), &k);
	return r == -ENOENT ? 0 : r;
}

int pending_sweep(struct cache *c, MDB_txn *txn, bool is_open)
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
		uint64_t id = rd_be(&key, 8);
		uint8_t what = rd_u8(&in);

		if (what == PENDING_LATER || (is_open && what == PENDING_WRITING))
			r = pending_put(c, txn, id, PENDING_GARBAGE);
	}
	scan_end(&s);
	return r;
}

/* ---- chunks ---- */

static void chunk_key(struct key *k, uint64_t blob_id, uint32_t index)
{
	struct wr *w = key_start(k);

	wr_be64(w, blob_id);
	wr_be32(w, index);
}

static int chunk_put(struct cache *c, MDB_txn *txn, uint64_t blob_id, uint32_t index,
	const void *data, size_t len)
{
	struct key k;
	MDB_val key, value = {len, (void *)data};

	chunk_key(&k, blob_id, index);
	key = (MDB_val){key_len(&k), k.b};
	return db_errno(mdb_put(txn, table_of(c, DB_CHUNKS), &key, &value, 0));
}

static int chunk_run(struct op *op, MDB_txn *txn)
{
	struct chunk_op *chunk = container_of(op, struct chunk_op, op);
	struct blob_writer *w = chunk->w;
	int r = 0;

	pthread_mutex_lock(&w->lock);
	r = w->failed;
	pthread_mutex_unlock(&w->lock);
	if (r < 0) {
		op->is_untouched = true;
		return r;
	}
	if (chunk->index == 0) {
		r = meta_next(txn, &w->cache->db, "blob", &w->blob_id);
		if (!r)
			r = pending_put(w->cache, txn, w->blob_id, PENDING_WRITING);
	}
	if (!r)
		r = chunk_put(w->cache, txn, w->blob_id, chunk->index, chunk->data,
			chunk->len);
	return r;
}

/* Under its lock. */
static void keep(struct blob_writer *w, struct chunk_op *chunk)
{
	chunk->next = w->kept;
	w->kept = chunk;
	w->kept_bytes += chunk->len;
}

static int in_flight_max(const struct blob_writer *w)
{
	int n = IN_FLIGHT_ALL_MAX / (atomic_load(&w->cache->n_writers) + 1);

	return n > IN_FLIGHT_MAX ? IN_FLIGHT_MAX : n > 1 ? n : 1;
}

/* Under its lock. After a failure there is always room: to be told of it. */
static bool is_full(const struct blob_writer *w)
{
	return w->in_flight >= in_flight_max(w) && !w->failed;
}

static void chunk_done(struct op *op)
{
	struct chunk_op *chunk = container_of(op, struct chunk_op, op);
	struct blob_writer *w = chunk->w;

	pthread_mutex_lock(&w->lock);
	w->in_flight--;
	if (op->result < 0 && !w->failed)
		w->failed = op->result;
	if (op->result < 0 && w->keeps)
		keep(w, steal_ptr(chunk));
	pthread_cond_signal(&w->room);
	if (w->wants_room && w->on_room && !is_full(w)) {
		w->wants_room = false;
		w->on_room(w->on_room_user);
	}
	pthread_mutex_unlock(&w->lock);
	free(chunk);
}

/* ---- the writer ---- */

struct blob_writer *blob_writer_new(struct cache *c, struct err *err)
{
	struct blob_writer *w = new0(struct blob_writer);

	if (w)
		w->hasher = hasher_new();
	if (!w || !w->hasher) {
		free(w);
		err_oom(err);
		return NULL;
	}
	w->cache = c;
	atomic_fetch_add(&c->n_writers, 1);
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->room, NULL);
	return w;
}

void blob_writer_notify(struct blob_writer *w, void (*on_room)(void *user), void *user)
{
	pthread_mutex_lock(&w->lock);
	w->on_room = on_room;
	w->on_room_user = user;
	pthread_mutex_unlock(&w->lock);
}

void blob_writer_keep(struct blob_writer *w)
{
	pthread_mutex_lock(&w->lock);
	w->keeps = true;
	pthread_mutex_unlock(&w->lock);
}

int blob_writer_chunk(struct blob_writer *w, uint32_t index, const uint8_t **ret,
	size_t *ret_len, uint64_t *ret_id)
{
	const struct chunk_op *chunk = w->tail && index == w->n_chunks ? w->tail : NULL;

	for (const struct chunk_op *k = w->kept; k && !chunk; k = k->next)
		chunk = k->index == index ? k : NULL;
	*ret_id = w->blob_id;
	if (!chunk)
		return -ENOENT;
	*ret = chunk->data;
	*ret_len = chunk->len;
	return 0;
}

bool blob_writer_is_full(struct blob_writer *w)
{
	bool full;

	pthread_mutex_lock(&w->lock);
	full = is_full(w);
	w->wants_room = full;
	pthread_mutex_unlock(&w->lock);
	return full;
}

static int tail_new(struct blob_writer *w, struct err *err)
{
	struct chunk_op *chunk = malloc(sizeof(*chunk) + CACHE_CHUNK);

	if (!chunk)
		return err_oom(err);
	chunk->op = (struct op){
		.run = chunk_run,
		.done = chunk_done,
		.bytes = CACHE_CHUNK,
		.is_draft = true,
	};
	chunk->w = w;
	chunk->len = 0;
	w->tail = chunk;
	return 0;
}

static int tail_hand_over(struct blob_writer *w, struct err *err)
{
	struct chunk_op *chunk = w->tail;
	int r;

	pthread_mutex_lock(&w->lock);
	while (!w->on_room && is_full(w))
		pthread_cond_wait(&w->room, &w->lock);
	r = w->failed;
	if (!r)
		w->in_flight++;
	if (r < 0 && w->keeps && w->kept_bytes < KEPT_MAX) {
		chunk->index = w->n_chunks++;
		keep(w, steal_ptr(w->tail));
	}
	pthread_mutex_unlock(&w->lock);
	if (r < 0)
		return w->tail ? err_errno(err, -r, "cannot store the bytes") : 0;
	chunk->index = w->n_chunks++;
	w->tail = NULL;
	writer_submit(&w->cache->writer, &chunk->op);
	return 0;
}

int blob_writer_write(
	struct blob_writer *w, const void *data, size_t len, struct err *err)
{
	const uint8_t *p = data;

	if (w->is_finished)
		return err_set(err, EINVAL, "the blob is finished already");
	hasher_add(w->hasher, data, len);
	while (len) {
		size_t n;
		int r = 0;

		if (w->tail && w->tail->len == CACHE_CHUNK)
			r = tail_hand_over(w, err);
		if (!r && !w->tail)
			r = tail_new(w, err);
		if (r < 0)
			return r;
		assert(w->tail);
		n = CACHE_CHUNK - w->tail->len;
		n = len < n ? len : n;
		memcpy(w->tail->data + w->tail->len, p, n);
		if (w->size < sizeof(w->head))
			memcpy(w->head + w->size, p,
				n < sizeof(w->head) - w->size
					? n
					: sizeof(w->head) - w->size);
		w->tail->len += n;
		w->size += n;
		p += n;
		len -= n;
	}
	return 0;
}

uint64_t blob_writer_size(const struct blob_writer *w)
{
	return w->size;
}

enum media_type blob_writer_type(const struct blob_writer *w)
{
	return media_sniff(
		w->head, w->size < sizeof(w->head) ? w->size : sizeof(w->head));
}

uint64_t blob_writer_tail(const struct blob_writer *w)
{
	return w->tail ? w->tail->len : 0;
}

static void writer_destroy(struct blob_writer *w)
{
	struct chunk_op *next;

	atomic_fetch_sub(&w->cache->n_writers, 1);
	for (; w->kept; w->kept = next) {
		next = w->kept->next;
		free(w->kept);
	}
	hasher_free(w->hasher);
	free(w->tail);
	pthread_mutex_destroy(&w->lock);
	pthread_cond_destroy(&w->room);
	free(w);
}

static int drop_run(struct op *op, MDB_txn *txn)
{
	struct blob_writer *w = container_of(op, struct blob_writer, drop);

	if (!w->blob_id || w->is_adopted)
		return 0;
	return pending_put(w->cache, txn, w->blob_id, PENDING_GARBAGE);
}

/* What could not be marked is collected at the next start. */
static void drop_done(struct op *op)
{
	struct blob_writer *w = container_of(op, struct blob_writer, drop);

	if (w->blob_id)
		collector_start(w->cache);
	writer_destroy(w);
}

/* By way of the store thread, because chunks in flight still point to the writer. */
void blob_writer_free(struct blob_writer *w)
{
	if (!w)
		return;
	if (!w->n_chunks) {
		writer_destroy(w);
		return;
	}
	w->drop = (struct op){.run = drop_run, .done = drop_done, .is_freeing = true};
	writer_submit(&w->cache->writer, &w->drop);
}

void blob_writer_finish(struct blob_writer *w)
{
	if (!w->is_finished)
		hasher_end(w->hasher, &w->sha);
	w->is_finished = true;
}

void blob_writer_adopted(struct blob_writer *w)
{
	w->is_adopted = true;
}

static int blob_store_new(
	struct cache *c, MDB_txn *txn, struct blob_writer *w, struct manifest *m)
{
	uint64_t id = w->blob_id;
	int r = 0;

	if (w->n_chunks)
		r = pending_del(c, txn, id);
	else
		r = meta_next(txn, &c->db, "blob", &id);
	if (!r && w->tail)
		r = chunk_put(c, txn, id, w->n_chunks, w->tail->data, w->tail->len);
	*m = (struct manifest){
		.blob_id = id,
		.size = w->size,
		.type = blob_writer_type(w),
	};
	return r;
}

int blob_adopt(
	struct cache *c, MDB_txn *txn, struct blob_writer *w, struct blob_ref *ret)
{
	struct manifest m;
	int r;

	pthread_mutex_lock(&w->lock);
	r = w->failed;
	pthread_mutex_unlock(&w->lock);
	if (r < 0)
		return r;
	r = manifest_get(c, txn, &w->sha, &m);
	if (r == -ENOENT)
		r = blob_store_new(c, txn, w, &m);
	else if (!r && w->n_chunks)
		r = pending_put(c, txn, w->blob_id, PENDING_GARBAGE);
	if (r < 0)
		return r;
	m.refs++;
	*ret = (struct blob_ref){.sha = w->sha, .id = m.blob_id, .size = m.size};
	return manifest_put(c, txn, &w->sha, &m);
}

int blob_unref(struct cache *c, MDB_txn *txn, const struct digest *sha,
	enum pending how, uint64_t *ret_freed)
{
	struct manifest m;
	struct key k;
	int r = manifest_get(c, txn, sha, &m);

	*ret_freed = 0;
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	if (m.refs > 1) {
		m.refs--;
		return manifest_put(c, txn, sha, &m);
	}
	manifest_key(&k, sha);
	r = row_del(txn, table_of(c, DB_BLOBS), &k);
	if (!r && m.size)
		r = pending_put(c, txn, m.blob_id, how);
	*ret_freed = m.size;
	return r;
}
