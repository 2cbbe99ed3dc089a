// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cache/base/mem.h"
#include "cache/index.h"

static void gone_key(const struct cache *c, struct key *k, uint64_t dir,
	const struct digest *key, uint32_t n)
{
	struct wr *w = key_start(k);

	wr_be32(w, c->ns);
	wr_be64(w, dir);
	if (!key)
		return;
	wr_bytes(w, key->b, sizeof(key->b));
	wr_be32(w, n);
}

static int put_gone(struct cache *c, MDB_txn *txn, const struct digest *key, uint32_t n,
	uint64_t dir, const char *name, uint32_t draw)
{
	uint8_t b[4 + CACHE_NAME_MAX];
	size_t len = strlen(name);
	struct wr w = {b};
	struct key k;

	if (len > CACHE_NAME_MAX)
		return -ENAMETOOLONG;
	wr_u32(&w, draw);
	wr_bytes(&w, name, len);
	gone_key(c, &k, dir, key, n);
	return row_put(txn, table_of(c, DB_GONE), &k, b, 4 + len);
}

int history_put(struct cache *c, MDB_txn *txn, const struct digest *key, uint32_t n,
	uint64_t dir, const char *name, const struct removal *gone)
{
	uint8_t b[12];
	struct wr w = {b};
	struct key k;
	int r;

	wr_u32(&w, gone->draw);
	wr_u64(&w, (uint64_t)gone->removed_ms);
	history_key(c, &k, key, n);
	r = row_put(txn, table_of(c, DB_HISTORY), &k, b, sizeof(b));
	return r < 0 ? r : put_gone(c, txn, key, n, dir, name, gone->draw);
}

int history_del(struct cache *c, MDB_txn *txn, const struct digest *key, uint32_t n,
	uint64_t dir)
{
	struct key k;
	int r;

	history_key(c, &k, key, n);
	r = row_del(txn, table_of(c, DB_HISTORY), &k);
	if (r < 0)
		return r;
	gone_key(c, &k, dir, key, n);
	r = row_del(txn, table_of(c, DB_GONE), &k);
	return r == -ENOENT ? -EBADMSG : r;
}

/* "1.png~2" and its key out of one line. */
static int gone_decode(const struct scan *s, struct rd *in, char *name, size_t size,
	struct digest *ret_key, uint32_t *ret_draw)
{
	struct rd k = {s->key.mv_data, (uint8_t *)s->key.mv_data + s->key.mv_size};
	size_t len;
	uint32_t n;

	rd_bytes(&k, 4 + 8);
	rd_copy(&k, ret_key->b, sizeof(ret_key->b));
	n = (uint32_t)rd_be(&k, 4);
	*ret_draw = rd_u32(in);
	len = (size_t)(in->end - in->p);
	if (k.bad || in->bad || len > CACHE_NAME_MAX)
		return -EBADMSG;
	snprintf(name, size, "%.*s~%u", (int)len, (const char *)in->p, n);
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
	struct rd in;
	int r = db_read_begin(&c->db, &read);

	if (r < 0)
		return r;
	gone_key(c, &from, dir, NULL, 0);
	r = scan_begin(&s, read->txn, table_of(c, DB_GONE), &from, key_len(&from));
	while (!r && (r = scan_next_row(&s, &in)) > 0) {
		char name[CACHE_NAME_MAX + 16];
		struct digest key;
		uint32_t draw;

		r = gone_decode(&s, &in, name, sizeof(name), &key, &draw);
		if (!r)
			r = fn(user, name, &key, draw);
	}
	scan_end(&s);
	db_read_end(&c->db, read);
	return r;
}
