// SPDX-License-Identifier: MIT
/* What stands in the index and the records of one file. Within a transaction of the
 * caller; cache_find and cache_brief: any thread. */
#include "cache/index.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cache/base/buf.h"
#include "cache/base/mem.h"

#define ENTRY_BYTES (4 + 2 * 4 + 2 * 8 + 2 * 8 + 2 * 8 + 8)

static void index_key(const struct cache *c, struct key *k, const struct digest *key)
{
	struct wr *w = key_start(k);

	wr_be32(w, c->ns);
	wr_bytes(w, key->b, sizeof(key->b));
}

void numbered_key(
	const struct cache *c, struct key *k, const struct digest *key, uint32_t n)
{
	index_key(c, k, key);
	wr_be32(&k->w, n);
}

int entry_get(
	struct cache *c, MDB_txn *txn, const struct digest *key, struct entry *ret)
{
	struct key k;
	struct rd in = {0};
	uint64_t score;
	int r;

	index_key(c, &k, key);
	r = row_get(txn, table_of(c, DB_INDEX), &k, &in);
	if (r < 0)
		return r;
	ret->state = rd_u8(&in);
	ret->type = (enum media_type)rd_u8(&in);
	ret->grade = rd_u8(&in);
	ret->flags = rd_u8(&in);
	ret->draw = rd_u32(&in);
	ret->removed = rd_u32(&in);
	ret->size = rd_u64(&in);
	ret->blob_id = rd_u64(&in);
	ret->created_ms = (int64_t)rd_u64(&in);
	ret->retry_at_ms = (int64_t)rd_u64(&in);
	ret->dir = rd_u64(&in);
	ret->cookie = rd_u64(&in);
	score = rd_u64(&in);
	memcpy(&ret->score, &score, sizeof(score));
	return in.bad ? -EBADMSG : 0;
}

int entry_put(
	struct cache *c, MDB_txn *txn, const struct digest *key, const struct entry *e)
{
	uint8_t b[ENTRY_BYTES];
	struct wr w = {b};
	struct key k;
	uint64_t score;

	index_key(c, &k, key);
	memcpy(&score, &e->score, sizeof(score));
	wr_u8(&w, e->state);
	wr_u8(&w, (uint8_t)e->type);
	wr_u8(&w, e->grade);
	wr_u8(&w, e->flags);
	wr_u32(&w, e->draw);
	wr_u32(&w, e->removed);
	wr_u64(&w, e->size);
	wr_u64(&w, e->blob_id);
	wr_u64(&w, (uint64_t)e->created_ms);
	wr_u64(&w, (uint64_t)e->retry_at_ms);
	wr_u64(&w, e->dir);
	wr_u64(&w, e->cookie);
	wr_u64(&w, score);
	return row_put(txn, table_of(c, DB_INDEX), &k, b, sizeof(b));
}

void entry_fill(struct entry *e, const struct record *rec)
{
	e->state = (uint8_t)rec->state;
	e->type = rec->type;
	e->grade = rec->state == RECORD_GENERATED ? rec->grade : 0;
	e->size = rec->size;
	e->blob_id = rec->blob_id;
	e->created_ms = rec->created_ms;
	e->retry_at_ms = rec->retry_at_ms;
	e->cookie = 0;
	e->score = 0;
}

void files_name(const struct cache *c, char ret[static 32])
{
	snprintf(ret, 32, "files %u", c->ns);
}

int files_count(struct cache *c, MDB_txn *txn, int n)
{
	char name[32];
	uint64_t v;
	int r;

	files_name(c, name);
	r = meta_get(txn, &c->db, name, &v);
	return r < 0 ? r : meta_put(txn, &c->db, name, v + (uint64_t)(int64_t)n);
}

/* ---- records ---- */

int record_get(struct cache *c, MDB_txn *txn, const struct digest *key, uint32_t draw,
	struct record *ret, struct err *err)
{
	struct key k;
	MDB_val v, name;
	int rc;

	numbered_key(c, &k, key, draw);
	name = (MDB_val){key_len(&k), k.b};
	rc = mdb_get(txn, table_of(c, DB_RECORDS), &name, &v);
	if (rc)
		return err_set(err, -db_errno(rc), "a record is missing");
	return record_decode(v.mv_data, v.mv_size, ret, err);
}

int record_put(struct cache *c, MDB_txn *txn, const struct digest *key,
	const struct record *rec)
{
	scoped(buf_finish) struct buf b = {0};
	MDB_val name, v;
	struct key k;
	int r = record_encode(rec, &b);

	if (r < 0)
		return r;
	numbered_key(c, &k, key, rec->draw);
	name = (MDB_val){key_len(&k), k.b};
	v = (MDB_val){b.len, b.data};
	return db_errno(mdb_put(txn, table_of(c, DB_RECORDS), &name, &v, 0));
}

int record_del(struct cache *c, MDB_txn *txn, const struct digest *key, uint32_t draw)
{
	struct key k;

	numbered_key(c, &k, key, draw);
	return row_del(txn, table_of(c, DB_RECORDS), &k);
}

int file_tell(int r, const char *what, struct err *err)
{
	switch (-r) {
	case 0:
		return 0;
	case ENOENT:
		return err_set(err, ENOENT, "%s: nothing is recorded", what);
	case ENOSPC:
		return err_set(err, ENOSPC, "%s: the store is full", what);
	case EBADMSG:
		return err_set(err, EBADMSG,
			"%s: the store is damaged; `promptfs verify` lists what is",
			what);
	default:
		return err_errno(err, -r, "%s", what);
	}
}

/* ---- what others ask ---- */

int cache_brief(struct cache *c, const struct digest *key, struct file_brief *ret,
	uint32_t *ret_draw)
{
	struct db_read *read;
	struct entry e = {0};
	int r = db_read_begin(&c->db, &read);

	if (r < 0)
		return r;
	r = entry_get(c, read->txn, key, &e);
	db_read_end(&c->db, read);
	if (r < 0 && r != -ENOENT)
		return r;
	if (ret_draw)
		*ret_draw = e.draw;
	if (r < 0 || e.state == ENTRY_EMPTY)
		return -ENOENT;
	if (ret)
		*ret = (struct file_brief){
			.state = (enum record_state)e.state,
			.type = e.type,
			.draw = e.draw,
			.grade = e.grade,
			.size = e.size,
			.blob_id = e.blob_id,
			.created_ms = e.created_ms,
			.retry_at_ms = e.retry_at_ms,
		};
	return 0;
}

static int entry_damaged(struct err *err)
{
	return err_set(err, EBADMSG, "the store's index is damaged");
}

int cache_find(struct cache *c, const struct digest *key, struct record *ret,
	uint32_t *ret_draw, struct err *err)
{
	struct db_read *read;
	struct entry e = {0};
	int r = db_read_begin(&c->db, &read);

	if (r < 0)
		return err_errno(err, -r, "cannot read the store");
	r = entry_get(c, read->txn, key, &e);
	if (r < 0 && r != -ENOENT)
		r = entry_damaged(err);
	else if (r < 0 || e.state == ENTRY_EMPTY)
		r = err_set(err, ENOENT, "nothing is recorded");
	else if (ret)
		r = record_get(c, read->txn, key, e.draw, ret, err);
	db_read_end(&c->db, read);
	/* A record the index promises and the store lost is damage, not absence. */
	if (r == -ENOENT && e.state != ENTRY_EMPTY)
		r = entry_damaged(err);
	if (ret_draw && r != -EBADMSG)
		*ret_draw = e.draw;
	return r;
}
