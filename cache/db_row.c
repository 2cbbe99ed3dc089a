// SPDX-License-Identifier: MIT
/* Rows with their sums, scans, and the numbers in meta. Within a transaction of the
 * caller. */
#include <errno.h>
#include <string.h>

#include "cache/db.h"

#define ROW_SUM 4

static uint32_t row_sum(const void *key, size_t klen, const void *value, size_t vlen)
{
	return crc32c(crc32c(0, key, klen), value, vlen);
}

int row_check(const MDB_val *key, const MDB_val *value, struct rd *ret)
{
	const uint8_t *p = value->mv_data;
	size_t len = value->mv_size;
	struct rd sum;

	if (len < ROW_SUM)
		return -EBADMSG;
	len -= ROW_SUM;
	sum = (struct rd){.p = p + len, .end = p + len + ROW_SUM};
	if (row_sum(key->mv_data, key->mv_size, p, len) != rd_u32(&sum))
		return -EBADMSG;
	*ret = (struct rd){.p = p, .end = p + len};
	return 0;
}

int row_get(MDB_txn *txn, MDB_dbi table, const struct key *k, struct rd *ret)
{
	MDB_val key = {key_len(k), (void *)k->b}, value;
	int rc = mdb_get(txn, table, &key, &value);

	return rc ? db_errno(rc) : row_check(&key, &value, ret);
}

int row_put(
	MDB_txn *txn, MDB_dbi table, const struct key *k, const void *value, size_t len)
{
	MDB_val key = {key_len(k), (void *)k->b}, v = {len + ROW_SUM, NULL};
	uint32_t sum = row_sum(k->b, key_len(k), value, len);
	int rc = mdb_put(txn, table, &key, &v, MDB_RESERVE);
	struct wr w;

	if (rc)
		return db_errno(rc);
	w.p = v.mv_data;
	wr_bytes(&w, value, len);
	wr_u32(&w, sum);
	return 0;
}

int row_del(MDB_txn *txn, MDB_dbi table, const struct key *k)
{
	MDB_val key = {key_len(k), (void *)k->b};

	return db_errno(mdb_del(txn, table, &key, NULL));
}

int scan_begin(struct scan *s, MDB_txn *txn, MDB_dbi table, const struct key *from,
	size_t prefix)
{
	size_t len = key_len(from);

	memcpy(s->from.b, from->b, len);
	s->from.w.p = s->from.b + len;
	s->prefix = prefix;
	s->is_started = false;
	s->cursor = NULL;
	return db_errno(mdb_cursor_open(txn, table, &s->cursor));
}

int scan_next(struct scan *s)
{
	MDB_cursor_op op = MDB_NEXT;
	int rc;

	if (!s->is_started) {
		s->key = (MDB_val){key_len(&s->from), s->from.b};
		op = s->key.mv_size ? MDB_SET_RANGE : MDB_FIRST;
		s->is_started = true;
	}
	rc = mdb_cursor_get(s->cursor, &s->key, &s->value, op);
	if (rc == MDB_NOTFOUND)
		return 0;
	if (rc)
		return db_errno(rc);
	if (s->key.mv_size < s->prefix || memcmp(s->key.mv_data, s->from.b, s->prefix))
		return 0;
	return 1;
}

int scan_next_row(struct scan *s, struct rd *ret)
{
	int r = scan_next(s);

	if (r <= 0)
		return r;
	r = row_check(&s->key, &s->value, ret);
	return r < 0 ? r : 1;
}

void scan_end(struct scan *s)
{
	if (s->cursor)
		mdb_cursor_close(s->cursor);
	s->cursor = NULL;
}

static void meta_key(struct key *k, const char *name)
{
	wr_bytes(key_start(k), name, strnlen(name, KEY_MAX));
}

int meta_get(MDB_txn *txn, const struct db *db, const char *name, uint64_t *ret)
{
	struct key k;
	struct rd in = {0};
	int r;

	meta_key(&k, name);
	r = row_get(txn, db->table[DB_META], &k, &in);
	if (r < 0 && r != -ENOENT)
		return r;
	*ret = r < 0 ? 0 : rd_u64(&in);
	return 0;
}

int meta_put(MDB_txn *txn, const struct db *db, const char *name, uint64_t v)
{
	struct key k;
	uint8_t b[8];
	struct wr w = {b};

	meta_key(&k, name);
	wr_u64(&w, v);
	return row_put(txn, db->table[DB_META], &k, b, sizeof(b));
}

int meta_next(MDB_txn *txn, const struct db *db, const char *name, uint64_t *ret)
{
	uint64_t v;
	int r = meta_get(txn, db, name, &v);

	if (r < 0)
		return r;
	r = meta_put(txn, db, name, v + 1);
	if (!r)
		*ret = v + 1;
	return r;
}
