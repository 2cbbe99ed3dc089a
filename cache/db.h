// SPDX-License-Identifier: MIT
#pragma once
/* The LMDB environment of the store: tables, read transactions, growth, rows.
 *
 * Write transactions belong to the store thread (cache/writer.h). Read transactions
 * come from a pool, any thread; they may nest, and must end before the thread waits. A
 * row is a value of ours followed by CRC32C over key and value; the chunks and the
 * records are not rows, they carry their own sums.
 *
 * Schema 1. Keys, where <ns> u32 and all other numbers are big-endian:
 *	meta      text                        row: number (little-endian)
 *	index     <ns> key[32]                row: struct entry (cache/index.h)
 *	records   <ns> key[32] draw u32       record_encode
 *	history   <ns> key[32] n u32          row: draw u32, removed_ms u64
 *	gone      <ns> dir u64, key[32] n u32 row: draw u32, name
 *	dirs      <ns> parent u64, name       row: id u64
 *	nodes     <ns> id u64                 row: struct node (cache/tree.c)
 *	list      <ns> dir u64, cookie u64    row: kind u8, id[32], prompt[32], name
 *	best      <ns> dir u64, type, rank, score  row: name
 *	totals    <ns> dir u64, model         row: struct totals
 *	scopes    <ns> scope u8, name         row: struct totals
 *	blobs     sha256[32]                  row: struct manifest (cache/blob.h)
 *	chunks    blob id u64, index u32      CACHE_CHUNK bytes, the last one fewer
 *	pending   blob id u64                 row: enum pending
 *	prompts   prompt id[32]               row: text
 *	inputs    name                        row: struct input_brief
 *	ledger    <ns> id u64                 row: a paid call (cache/ledger_row.c)
 *	open      <ns> key[32] id u64         row: empty; the calls that matter still
 *
 * A store of schema 1 that was made before there was a ledger lacks the last two
 * tables; they are made when it is opened. In meta stand, per namespace, "ledger <ns>"
 * (the last id) and "clock <ns>" (the ledger's clock, which never goes back). In scopes
 * are: p program, u uid, d day, and what budgets rest on besides: m month, a all (no
 * name), x "uid day", y "uid month".
 */
#include <lmdb.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "cache/base/enc.h"
#include "cache/base/err.h"

#define DB_SCHEMA 1

enum db_table {
	DB_META,
	DB_INDEX,
	DB_RECORDS,
	DB_HISTORY,
	DB_GONE,
	DB_DIRS,
	DB_NODES,
	DB_LIST,
	DB_BEST,
	DB_TOTALS,
	DB_SCOPES,
	DB_BLOBS,
	DB_CHUNKS,
	DB_PENDING,
	DB_PROMPTS,
	DB_INPUTS,
	DB_LEDGER,
	DB_OPEN,
	DB_TABLES, /* how many there are */
};

struct db;

struct db_read {
	MDB_txn *txn;
	struct db *db;
	struct db_read *next;
};

struct db {
	MDB_env *env;
	MDB_dbi table[DB_TABLES];
	char *path;
	uint64_t map_size;
	bool can_grow; /* false: the caller fixed the size of the map */
	pthread_rwlock_t
		map_lock; /* read: a read transaction is open; write: growing */
	pthread_mutex_t pool_lock; /* innermost */
	struct db_read *pool;
};

/* Opens DIR/store.mdb, made if it is not there. As cache_open. db is zeroed. */
int db_open(struct db *db, const char *dir, uint64_t map_size, struct err *err);
void db_close(struct db *db); /* fine on a zeroed or half-opened one */

/* -errno for what LMDB returned; 0 for success. */
int db_errno(int rc);

/* -ENOMEM; -EBADMSG. */
int db_read_begin(struct db *db, struct db_read **ret);
void db_read_end(struct db *db, struct db_read *r);

/* A larger map; store thread, no write transaction open. A fixed map grows only where
 * is_freeing: by the little that a removal needs before it can free anything. -ENOSPC.
 */
int db_grow(struct db *db, bool is_freeing);

/* Pages of the map: in use, and free in runs that can hold a chunk. */
struct db_usage {
	uint64_t page_bytes, end_pages, free_pages, chunk_pages;
};
int db_usage(struct db *db, struct db_usage *ret);

/* ---- keys and rows ---- */

#define KEY_MAX 511
struct key {
	struct wr w;
	uint8_t b[KEY_MAX];
};

static inline struct wr *key_start(struct key *k)
{
	k->w.p = k->b;
	return &k->w;
}

static inline size_t key_len(const struct key *k)
{
	return (size_t)(k->w.p - k->b);
}

/* -ENOENT; -EBADMSG. The bytes live as long as the transaction (or the next write). */
int row_get(MDB_txn *txn, MDB_dbi table, const struct key *k, struct rd *ret);
int row_put(MDB_txn *txn, MDB_dbi table, const struct key *k, const void *value,
	size_t len);
int row_del(MDB_txn *txn, MDB_dbi table, const struct key *k); /* -ENOENT */
/* Checks the sum of a value read otherwise. -EBADMSG. */
int row_check(const MDB_val *key, const MDB_val *value, struct rd *ret);

/* A walk over the keys that start with the first `prefix` bytes of `from`, beginning at
 * the first key >= from. next: 1, 0 at the end, <0. */
struct scan {
	MDB_cursor *cursor;
	MDB_val key, value;
	struct key from;
	size_t prefix;
	bool is_started;
};
int scan_begin(struct scan *s, MDB_txn *txn, MDB_dbi table, const struct key *from,
	size_t prefix);
int scan_next(struct scan *s);                     /* the raw value in s->value */
int scan_next_row(struct scan *s, struct rd *ret); /* its sum is checked */
void scan_end(struct scan *s);

/* A number in the meta table: 0 where absent. */
int meta_get(MDB_txn *txn, const struct db *db, const char *name, uint64_t *ret);
int meta_put(MDB_txn *txn, const struct db *db, const char *name, uint64_t v);
/* Adds 1 and returns the new value: 1, 2, ... */
int meta_next(MDB_txn *txn, const struct db *db, const char *name, uint64_t *ret);
