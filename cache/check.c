// SPDX-License-Identifier: MIT
/* verify: every page, record and blob, in short read transactions. The caller's
 * thread, which is not the loop's. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache/base/mem.h"
#include "cache/blob.h"
#include "cache/index.h"
#include "cache/ledger_txn.h"
#include "cache/pages.h"

#define ROWS_PER_READ 256 /* so that no read transaction lives long */
#define HEADER_TRIES 100

struct check {
	struct cache *cache;
	const _Atomic bool *stop;
	void (*fn)(void *user, const char *sentence);
	void *user;
	struct verify_result result;
};

static void bad(struct check *k, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
static void bad(struct check *k, const char *fmt, ...)
{
	char sentence[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(sentence, sizeof(sentence), fmt, ap);
	va_end(ap);
	k->result.bad++;
	if (k->fn)
		k->fn(k->user, sentence);
}

static bool is_stopped(const struct check *k)
{
	return k->stop && *k->stop;
}

/* ---- pages ---- */

static void page_bad(void *user, const char *sentence)
{
	bad(user, "%s", sentence);
}

static int check_pages(struct check *k)
{
	struct pages_report report = {.fn = page_bad, .user = k, .stop = k->stop};
	struct cache *c = k->cache;
	int r = -EAGAIN;

	for (int i = 0; r == -EAGAIN && i < HEADER_TRIES; i++) {
		struct db_read *read;

		r = db_read_begin(&c->db, &read);
		if (r < 0)
			return r;
		r = pages_check_all(c->db.path, mdb_txn_id(read->txn), &report);
		db_read_end(&c->db, read);
	}
	if (r == -EBADMSG)
		bad(k, "the header of %s is damaged", c->db.path);
	return k->result.bad ? -EBADMSG : r;
}

/* ---- rows ---- */

/* What is looked at in each value of a table. */
typedef int (*check_row_fn)(struct check *k, MDB_txn *txn, const struct scan *s);

/* Up to ROWS_PER_READ values from `from` on, which becomes the next. 1: there is more.
 */
static int check_some(
	struct check *k, enum db_table table, struct key *from, check_row_fn fn)
{
	struct cache *c = k->cache;
	struct db_read *read;
	struct scan s;
	int n = 0, r = db_read_begin(&c->db, &read);

	if (r < 0)
		return r;
	r = scan_begin(&s, read->txn, table_of(c, table), from, 0);
	while (!r && n < ROWS_PER_READ && (r = scan_next(&s)) > 0) {
		n++;
		r = fn(k, read->txn, &s);
	}
	if (!r && n == ROWS_PER_READ) {
		wr_bytes(key_start(from), s.key.mv_data, s.key.mv_size);
		if (s.key.mv_size < KEY_MAX)
			wr_u8(&from->w, 0); /* the next possible key */
		r = 1;
	}
	scan_end(&s);
	db_read_end(&c->db, read);
	return r;
}

static int check_table(struct check *k, enum db_table table, check_row_fn fn)
{
	struct key from;
	int r;

	key_start(&from);
	do {
		r = is_stopped(k) ? -ECANCELED : check_some(k, table, &from, fn);
	} while (r > 0);
	return r;
}

static int check_row(struct check *k, MDB_txn *txn, const struct scan *s)
{
	struct rd in = {0};

	(void)txn;
	if (row_check(&s->key, &s->value, &in) < 0)
		bad(k, "a row of the index or the listing is damaged");
	return 0;
}

static int check_prompt(struct check *k, MDB_txn *txn, const struct scan *s)
{
	struct digest sum;
	struct rd in = {0};

	(void)txn;
	if (row_check(&s->key, &s->value, &in) < 0) {
		bad(k, "the text of a prompt is damaged");
		return 0;
	}
	digest_of(&sum, in.p, rd_left(&in));
	if (s->key.mv_size != sizeof(sum.b) ||
		memcmp(sum.b, s->key.mv_data, sizeof(sum.b)))
		bad(k, "the text of a prompt is not its own");
	return 0;
}

static void check_ref(struct check *k, MDB_txn *txn, const struct digest *sha,
	uint64_t id, uint64_t size, const char *what)
{
	struct manifest m;
	int r = manifest_get(k->cache, txn, sha, &m);

	if (r < 0)
		bad(k, "%s: its bytes are not in the store", what);
	else if (m.blob_id != id || m.size != size)
		bad(k, "%s: its bytes are not where the record says", what);
}

static int check_record(struct check *k, MDB_txn *txn, const struct scan *s)
{
	scoped(record_finish) struct record rec = {0};
	struct err err = {0};
	const char *path;
	int r = record_decode(s->value.mv_data, s->value.mv_size, &rec, &err);

	k->result.records++;
	if (r == -ENOMEM)
		return r;
	if (r < 0) {
		bad(k, "%s", err.why);
		return 0;
	}
	path = rec.path ? rec.path : "a file";
	if (rec.state != RECORD_GENERATED)
		return 0;
	check_ref(k, txn, &rec.blob, rec.blob_id, rec.size, path);
	if (rec.orig_size)
		check_ref(k, txn, &rec.orig, rec.orig_id, rec.orig_size, path);
	return 0;
}

static int check_call(struct check *k, MDB_txn *txn, const struct scan *s)
{
	scoped(ledger_row_finish) struct ledger_row row = {0};
	struct rd in = {0},
		  key = {s->key.mv_data, (uint8_t *)s->key.mv_data + s->key.mv_size};
	char what[64];
	uint64_t id;
	int r;

	rd_bytes(&key, 4);
	id = rd_be(&key, 8);
	r = row_check(&s->key, &s->value, &in);
	if (!r)
		r = ledger_row_decode(&in, id, &row);
	if (r == -ENOMEM)
		return r;
	if (r < 0 || key.bad || rd_left(&key)) {
		bad(k, "row %" PRIu64 " of the ledger is damaged", id);
		return 0;
	}
	if (!ledger_is_kept_part(&row))
		return 0;
	snprintf(what, sizeof(what), "part %u of call %" PRIu64, row.part, id);
	check_ref(k, txn, &row.blob, row.blob_id, row.blob_size, what);
	return 0;
}

/* Each must have its row, or nobody would see what it tells of. */
static int check_open(struct check *k, MDB_txn *txn, const struct scan *s)
{
	struct rd in = {0},
		  key = {s->key.mv_data, (uint8_t *)s->key.mv_data + s->key.mv_size};
	MDB_val name, v;
	struct key row;

	if (row_check(&s->key, &s->value, &in) < 0 ||
		s->key.mv_size != 4 + sizeof(struct digest) + 8) {
		bad(k, "a row of the open calls is damaged");
		return 0;
	}
	wr_be32(key_start(&row), (uint32_t)rd_be(&key, 4));
	rd_bytes(&key, sizeof(struct digest));
	wr_bytes(&row.w, key.p, 8);
	name = (MDB_val){key_len(&row), row.b};
	if (mdb_get(txn, table_of(k->cache, DB_LEDGER), &name, &v))
		bad(k, "row %" PRIu64 " of the ledger is missing", rd_be(&key, 8));
	return 0;
}

/* An index row that promises a record which is not there. */
static int check_entry(struct check *k, MDB_txn *txn, const struct scan *s)
{
	struct rd in,
		key = {s->key.mv_data, (uint8_t *)s->key.mv_data + s->key.mv_size};
	MDB_val name, v;
	struct key rec;
	uint32_t draw;
	uint8_t state;

	if (row_check(&s->key, &s->value, &in) < 0) {
		bad(k, "a row of the index is damaged");
		return 0;
	}
	state = rd_u8(&in);
	rd_bytes(&in, 3);
	draw = rd_u32(&in);
	if (state == ENTRY_EMPTY)
		return 0;
	wr_bytes(key_start(&rec), key.p, rd_left(&key));
	wr_be32(&rec.w, draw);
	name = (MDB_val){key_len(&rec), rec.b};
	if (rd_left(&key) != 4 + 32 ||
		mdb_get(txn, table_of(k->cache, DB_RECORDS), &name, &v))
		bad(k, "the record of a file is missing");
	return 0;
}

/* ---- blobs ---- */

struct blob_check {
	struct digest sha;
	struct manifest m;
	struct hasher *hasher;
	uint64_t off;
};

/* The next blob after *sha. 1, 0, <0. */
static int blob_next(struct check *k, bool is_first, struct blob_check *b)
{
	struct cache *c = k->cache;
	struct db_read *read;
	struct key from;
	struct scan s;
	struct rd in = {0};
	int r = db_read_begin(&c->db, &read);

	if (r < 0)
		return r;
	key_start(&from);
	if (!is_first) {
		wr_bytes(&from.w, b->sha.b, sizeof(b->sha.b));
		wr_u8(&from.w, 0);
	}
	r = scan_begin(&s, read->txn, table_of(c, DB_BLOBS), &from, 0);
	if (!r)
		r = scan_next(&s);
	if (r > 0 && s.key.mv_size != sizeof(b->sha.b)) {
		bad(k, "the table of blobs is damaged");
		r = -EBADMSG;
	}
	if (r > 0) {
		memcpy(b->sha.b, s.key.mv_data, sizeof(b->sha.b));
		b->off = 0;
		if (row_check(&s.key, &s.value, &in) < 0 ||
			manifest_decode(&in, &b->m) < 0) {
			bad(k, "the description of a blob is damaged");
			b->m = (struct manifest){0};
		}
	}
	scan_end(&s);
	db_read_end(&c->db, read);
	return r;
}

/* Hashes the next pieces in place. -ENOENT: removed meanwhile. */
static int blob_hash_some(struct check *k, struct blob_check *b)
{
	struct cache *c = k->cache;
	struct manifest now;
	struct cache_view *v;
	struct iovec iov[4];
	size_t len = 0;
	int n = ARRAY_SIZE(iov), r = cache_view_begin(c, &v);

	if (r < 0)
		return r;
	r = manifest_get(c, ((struct db_read *)v)->txn, &b->sha, &now);
	if (!r && now.blob_id != b->m.blob_id)
		r = -ENOENT;
	if (!r)
		r = cache_view_iov(v, b->m.blob_id, b->m.size, b->off,
			(size_t)ARRAY_SIZE(iov) * CACHE_CHUNK, iov, &n, &len);
	for (int i = 0; !r && i < n; i++)
		hasher_add(b->hasher, iov[i].iov_base, iov[i].iov_len);
	cache_view_end(c, v);
	b->off += len;
	return r;
}

static int blob_check(struct check *k, struct blob_check *b)
{
	char hex[DIGEST_HEX];
	struct digest sum;
	int r = 0;

	b->hasher = hasher_new();
	if (!b->hasher)
		return -ENOMEM;
	while (!r && b->off < b->m.size)
		r = is_stopped(k) ? -ECANCELED : blob_hash_some(k, b);
	hasher_end(b->hasher, &sum);
	hasher_free(b->hasher);
	if (r == -ENOENT)
		return 0;
	if (r < 0 && r != -EBADMSG)
		return r;
	k->result.blobs++;
	k->result.bytes += b->m.size;
	if (r < 0 || memcmp(sum.b, b->sha.b, sizeof(sum.b))) {
		digest_hex(&b->sha, hex);
		bad(k, "the bytes with SHA-256 %.16s... are damaged", hex);
	}
	return 0;
}

static int check_blobs(struct check *k)
{
	struct blob_check b = {0};
	int r = blob_next(k, true, &b);

	while (r > 0) {
		r = b.m.blob_id ? blob_check(k, &b) : 0;
		if (!r)
			r = blob_next(k, false, &b);
	}
	return r;
}

static int check_all(struct check *k)
{
	static const struct {
		enum db_table table;
		check_row_fn fn;
	} tables[] = {
		{DB_META, check_row},
		{DB_INDEX, check_entry},
		{DB_RECORDS, check_record},
		{DB_HISTORY, check_row},
		{DB_GONE, check_row},
		{DB_DIRS, check_row},
		{DB_NODES, check_row},
		{DB_LIST, check_row},
		{DB_BEST, check_row},
		{DB_TOTALS, check_row},
		{DB_SCOPES, check_row},
		{DB_PENDING, check_row},
		{DB_PROMPTS, check_prompt},
		{DB_INPUTS, check_row},
		{DB_LEDGER, check_call},
		{DB_OPEN, check_open},
	};
	/* LMDB itself is asked only when its trees are known to be sound. */
	int r = check_pages(k);

	for (size_t i = 0; !r && i < ARRAY_SIZE(tables); i++)
		r = check_table(k, tables[i].table, tables[i].fn);
	return r < 0 ? r : check_blobs(k);
}

int cache_verify(struct cache *c, const _Atomic bool *stop,
	void (*fn)(void *user, const char *sentence), void *user,
	struct verify_result *ret, struct err *err)
{
	struct check k = {.cache = c, .stop = stop, .fn = fn, .user = user};
	int r = check_all(&k);

	if (ret)
		*ret = k.result;
	if (r == -ECANCELED)
		return err_set(err, ECANCELED, "stopped before the end");
	if (k.result.bad)
		return err_set(err, EBADMSG, "the store is damaged in %llu places",
			(unsigned long long)k.result.bad);
	return r < 0 ? err_errno(err, -r, "cannot check the store") : 0;
}
