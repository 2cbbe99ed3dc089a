// SPDX-License-Identifier: MIT
/* Removed draws of files. Writing: store thread; listing: any. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cache/base/clk.h"
#include "cache/index.h"

#define GONE_FIXED 4

/* The listing's side of a removal. */
static void gone_key(const struct cache *c, struct key *k, uint64_t dir,
	const struct digest *key, uint32_t n)
{
	struct wr *w = key_start(k);

	wr_be32(w, c->ns);
	wr_be64(w, dir);
	wr_bytes(w, key->b, sizeof(key->b));
	wr_be32(w, n);
}

int removal_decode(struct rd *in, struct removal *ret)
{
	ret->draw = rd_u32(in);
	ret->removed_ms = (int64_t)rd_u64(in);
	return in->bad ? -EBADMSG : 0;
}

int history_add(struct cache *c, MDB_txn *txn, const struct digest *key,
	const struct entry *e, const char *name)
{
	uint8_t b[12], gone[GONE_FIXED + CACHE_NAME_MAX];
	size_t len = strnlen(name, CACHE_NAME_MAX);
	struct wr w = {b};
	struct key k;
	int r;

	wr_u32(&w, e->draw);
	wr_u64(&w, (uint64_t)clk_real_ms());
	numbered_key(c, &k, key, e->removed);
	r = row_put(txn, table_of(c, DB_HISTORY), &k, b, sizeof(b));
	if (r < 0)
		return r;
	w.p = gone;
	wr_u32(&w, e->draw);
	wr_bytes(&w, name, len);
	gone_key(c, &k, e->dir, key, e->removed);
	return row_put(txn, table_of(c, DB_GONE), &k, gone, GONE_FIXED + len);
}

int history_del(struct cache *c, MDB_txn *txn, const struct digest *key, uint64_t dir,
	uint32_t n)
{
	struct key k;
	int r;

	numbered_key(c, &k, key, n);
	r = row_del(txn, table_of(c, DB_HISTORY), &k);
	if (r < 0)
		return r;
	gone_key(c, &k, dir, key, n);
	r = row_del(txn, table_of(c, DB_GONE), &k);
	return r == -ENOENT ? -EBADMSG : r;
}

int history_is_left(struct cache *c, MDB_txn *txn, const struct digest *key)
{
	struct key from;
	struct scan s;
	int r;

	numbered_key(c, &from, key, 0);
	r = scan_begin(&s, txn, table_of(c, DB_HISTORY), &from, key_len(&from) - 4);
	if (!r)
		r = scan_next(&s);
	scan_end(&s);
	return r;
}

/* ---- what others ask ---- */

static int history_damaged(struct err *err)
{
	return err_set(err, EBADMSG, "the store's history is damaged");
}

int cache_history(struct cache *c, const struct digest *key, uint32_t n,
	struct record *ret, struct err *err)
{
	struct db_read *read;
	struct removal gone = {0};
	struct key k;
	struct rd in = {0};
	int r = db_read_begin(&c->db, &read);

	if (r < 0)
		return err_errno(err, -r, "cannot read the store");
	numbered_key(c, &k, key, n);
	r = row_get(read->txn, table_of(c, DB_HISTORY), &k, &in);
	if (!r)
		r = removal_decode(&in, &gone);
	if (r == -ENOENT)
		r = err_set(err, ENOENT, "there is no such removed file");
	else if (r < 0)
		r = history_damaged(err);
	else
		r = record_get(c, read->txn, key, gone.draw, ret, err)
			    ? history_damaged(err)
			    : 0;
	db_read_end(&c->db, read);
	return r;
}

struct gone {
	struct digest key;
	uint32_t n, draw;
	char name[CACHE_NAME_MAX + 16]; /* with "~n" */
};

static int gone_decode(const struct scan *s, struct rd *in, struct gone *ret)
{
	struct rd k = {s->key.mv_data, (uint8_t *)s->key.mv_data + s->key.mv_size};
	size_t len;

	rd_bytes(&k, 4 + 8);
	rd_copy(&k, ret->key.b, sizeof(ret->key.b));
	ret->n = (uint32_t)rd_be(&k, 4);
	ret->draw = rd_u32(in);
	len = rd_left(in);
	if (k.bad || in->bad || len > CACHE_NAME_MAX)
		return -EBADMSG;
	snprintf(ret->name, sizeof(ret->name), "%.*s~%u", (int)len, (const char *)in->p,
		ret->n);
	return 0;
}

int cache_history_list(struct cache *c, uint64_t dir,
	int (*fn)(
		void *user, const char *name, const struct digest *key, uint32_t draw),
	void *user)
{
	struct db_read *read;
	struct key from;
	struct scan s;
	struct rd in = {0};
	int r = db_read_begin(&c->db, &read);

	if (r < 0)
		return r;
	wr_be32(key_start(&from), c->ns);
	wr_be64(&from.w, dir);
	r = scan_begin(&s, read->txn, table_of(c, DB_GONE), &from, key_len(&from));
	while (!r && (r = scan_next_row(&s, &in)) > 0) {
		struct gone g = {0};

		r = gone_decode(&s, &in, &g);
		if (!r)
			r = fn(user, g.name, &g.key, g.draw);
	}
	scan_end(&s);
	db_read_end(&c->db, read);
	return r;
}
