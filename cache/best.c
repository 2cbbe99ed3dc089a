// SPDX-License-Identifier: MIT
/* The best file of each directory, as a row that sorts by grade and score. Store
 * thread; cache_best: any. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cache/tree.h"

/* Doubles as integers that sort the other way round: the best comes first. */
static uint64_t score_falling(double score)
{
	uint64_t bits;

	if (score != score) /* NaN is the worst */
		return UINT64_MAX;
	memcpy(&bits, &score, sizeof(bits));
	bits = bits >> 63 ? ~bits : bits | UINT64_C(1) << 63;
	return ~bits;
}

static void best_prefix(
	const struct cache *c, struct key *k, uint64_t dir, enum media_type type)
{
	struct wr *w = key_start(k);

	wr_be32(w, c->ns);
	wr_be64(w, dir);
	wr_u8(w, (uint8_t)type);
}

static void best_key(const struct cache *c, struct key *k, const struct best *b)
{
	best_prefix(c, k, b->dir, b->type);
	wr_u8(&k->w, b->grade);
	wr_be64(&k->w, score_falling(b->score));
	wr_be64(&k->w, b->cookie);
}

int best_put(struct cache *c, MDB_txn *txn, const struct best *b, const char *name)
{
	struct key k;

	best_key(c, &k, b);
	return row_put(txn, table_of(c, DB_BEST), &k, name, strlen(name));
}

int best_del(struct cache *c, MDB_txn *txn, const struct best *b)
{
	struct key k;

	best_key(c, &k, b);
	return row_del(txn, table_of(c, DB_BEST), &k);
}

int cache_best(struct cache *c, uint64_t dir, enum media_type type, char **ret_name)
{
	struct db_read *read;
	struct scan s;
	struct rd in = {0};
	struct key from;
	char *name = NULL;
	int r = db_read_begin(&c->db, &read);

	if (r < 0)
		return r;
	best_prefix(c, &from, dir, type);
	r = scan_begin(&s, read->txn, table_of(c, DB_BEST), &from, key_len(&from));
	if (!r)
		r = scan_next_row(&s, &in);
	if (r > 0 && in.p)
		name = strndup((const char *)in.p, rd_left(&in));
	scan_end(&s);
	db_read_end(&c->db, read);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	if (!name)
		return -ENOMEM;
	*ret_name = name;
	return 0;
}
