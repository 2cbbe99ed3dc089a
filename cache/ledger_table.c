// SPDX-License-Identifier: MIT
/* The ledger's tables and totals inside transactions. Writing: store thread; reading:
 * any. */
#define LOG_TAG "ledger"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache/base/buf.h"
#include "cache/base/clk.h"
#include "cache/base/log.h"
#include "cache/base/mem.h"
#include "cache/base/money.h"
#include "cache/ledger_txn.h"
#include "cache/totals.h"

void ledger_key(const struct cache *c, struct key *k, uint64_t id)
{
	struct wr *w = key_start(k);

	wr_be32(w, c->ns);
	wr_be64(w, id);
}

static void open_key(const struct cache *c, struct key *k, const struct ledger_row *r)
{
	struct wr *w = key_start(k);

	wr_be32(w, c->ns);
	wr_bytes(w, r->key.b, sizeof(r->key.b));
	wr_be64(w, r->id);
}

int ledger_get(struct cache *c, MDB_txn *txn, uint64_t id, struct ledger_row *ret,
	struct err *err)
{
	struct key k;
	struct rd in = {0};
	int r;

	ledger_key(c, &k, id);
	r = row_get(txn, table_of(c, DB_LEDGER), &k, &in);
	if (!r)
		r = ledger_row_decode(&in, id, ret);
	if (r == -ENOENT)
		return err_set(err, ENOENT, "there is no call %" PRIu64, id);
	if (r == -EBADMSG)
		return err_set(
			err, EBADMSG, "row %" PRIu64 " of the ledger is damaged", id);
	return r;
}

int ledger_get_open(struct cache *c, MDB_txn *txn, uint64_t id, struct ledger_row *ret,
	struct err *err)
{
	int r = ledger_get(c, txn, id, ret, err);

	return r == -ENOENT ? err_set(err, EBADMSG,
				      "row %" PRIu64 " of the ledger is missing", id)
			    : r;
}

int ledger_store(struct cache *c, MDB_txn *txn, const struct ledger_row *was,
	const struct ledger_row *k)
{
	bool was_open = was && ledger_is_open(was), is_open = ledger_is_open(k);
	scoped(buf_finish) struct buf b = {0};
	struct key key;
	int r = ledger_row_encode(k, &b);

	if (r < 0)
		return r;
	ledger_key(c, &key, k->id);
	r = row_put(txn, table_of(c, DB_LEDGER), &key, b.data, b.len);
	if (r < 0 || was_open == is_open)
		return r;
	open_key(c, &key, k);
	if (is_open)
		return row_put(txn, table_of(c, DB_OPEN), &key, NULL, 0);
	r = row_del(txn, table_of(c, DB_OPEN), &key);
	return r == -ENOENT ? -EBADMSG : r;
}

/* ---- totals ---- */

void ledger_when(int64_t ms, char ret_day[static LEDGER_WHEN],
	char ret_month[static LEDGER_WHEN])
{
	clk_format_day(ms, ret_day);
	snprintf(ret_month, LEDGER_WHEN, "%.7s", ret_day);
}

static int apply_scopes(struct cache *c, MDB_txn *txn, const struct ledger_row *r,
	const struct totals *delta)
{
	char day[LEDGER_WHEN], month[LEDGER_WHEN], user[16];
	char user_day[16 + LEDGER_WHEN], user_month[16 + LEDGER_WHEN];
	const struct {
		enum totals_scope scope;
		const char *name;
	} to[] = {
		{SCOPE_PROGRAM, r->program ? r->program : ""},
		{SCOPE_USER, user},
		{SCOPE_DAY, day},
		{SCOPE_MONTH, month},
		{SCOPE_ALL, ""},
		{SCOPE_USER_DAY, user_day},
		{SCOPE_USER_MONTH, user_month},
	};
	int e = 0;

	ledger_when(r->created_ms, day, month);
	snprintf(user, sizeof(user), "%" PRIu32, r->uid);
	snprintf(user_day, sizeof(user_day), "%s %s", user, day);
	snprintf(user_month, sizeof(user_month), "%s %s", user, month);
	for (size_t i = 0; !e && i < ARRAY_SIZE(to); i++)
		if (to[i].scope == SCOPE_ALL || *to[i].name)
			e = totals_apply_scope(c, txn, to[i].scope, to[i].name, delta);
	return e;
}

int ledger_apply(struct cache *c, MDB_txn *txn, const struct ledger_row *r,
	const struct totals *delta)
{
	struct dir_chain chain;
	int e;

	if (!delta->spent_ud && !delta->reserved_ud && !delta->unknown_ud)
		return 0;
	e = tree_chain(c, txn, r->dir, &chain);
	if (!e)
		e = totals_apply(c, txn, &chain, r->model, delta);
	return e < 0 ? e : apply_scopes(c, txn, r, delta);
}

/* Prices are ours, and the provider's bill may be another: that is to be known. */
static void warn_above(const struct ledger_row *was, const struct ledger_row *r)
{
	char held[MONEY_TEXT], charged[MONEY_TEXT];

	if (r->state != LEDGER_SETTLED || r->charged_ud <= r->held_ud ||
		(was && was->charged_ud == r->charged_ud))
		return;
	money_format(r->held_ud, held);
	money_format(r->charged_ud, charged);
	log_warn("a call cost more than was held for it id=%" PRIu64
		 " model=%s held_usd=%s charged_usd=%s",
		r->id, r->model, held, charged);
}

int ledger_put(struct cache *c, MDB_txn *txn, const struct ledger_row *was,
	const struct ledger_row *k)
{
	struct totals delta = {0}, share = ledger_share(k);
	int r = ledger_store(c, txn, was, k);

	if (r < 0)
		return r;
	if (was) {
		delta = ledger_share(was);
		totals_negate(&delta);
	}
	totals_add(&delta, &share);
	warn_above(was, k);
	return ledger_apply(c, txn, k, &delta);
}

/* ---- the calls that matter still ---- */

void ledger_ids_finish(struct ledger_ids *l)
{
	free(l->id);
	*l = (struct ledger_ids){0};
}

static int rising(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static int ids_add(struct ledger_ids *l, uint64_t id)
{
	if (l->n == l->cap) {
		size_t cap = l->cap ? 2 * l->cap : 16;
		uint64_t *p = reallocarray(l->id, cap, sizeof(*p));

		if (!p)
			return -ENOMEM;
		l->id = p;
		l->cap = cap;
	}
	l->id[l->n++] = id;
	return 0;
}

int ledger_open_ids(
	struct cache *c, MDB_txn *txn, const struct digest *key, struct ledger_ids *ret)
{
	struct key from;
	struct scan s;
	struct rd in = {0};
	int r;

	wr_be32(key_start(&from), c->ns);
	if (key)
		wr_bytes(&from.w, key->b, sizeof(key->b));
	r = scan_begin(&s, txn, table_of(c, DB_OPEN), &from, key_len(&from));
	while (!r && (r = scan_next_row(&s, &in)) > 0) {
		struct rd k = {s.key.mv_data, (uint8_t *)s.key.mv_data + s.key.mv_size};

		rd_bytes(&k, 4 + sizeof(struct digest));
		r = ids_add(ret, rd_be(&k, 8));
		if (!r && k.bad)
			r = -EBADMSG;
	}
	scan_end(&s);
	if (!r && ret->n)
		qsort(ret->id, ret->n, sizeof(*ret->id), rising);
	return r;
}

/* ---- the clock ---- */

static void clock_name(const struct cache *c, char ret[static 32])
{
	snprintf(ret, 32, "clock %" PRIu32, c->ns);
}

static int clock_get(struct cache *c, MDB_txn *txn, int64_t *ret_kept, int64_t *ret)
{
	int64_t now = c->now_ms();
	char name[32];
	uint64_t kept;
	int r;

	clock_name(c, name);
	r = meta_get(txn, &c->db, name, &kept);
	if (r < 0)
		return r;
	*ret_kept = (int64_t)kept;
	*ret = now > *ret_kept ? now : *ret_kept;
	return 0;
}

int ledger_now(struct cache *c, MDB_txn *txn, int64_t *ret)
{
	int64_t kept;

	return clock_get(c, txn, &kept, ret);
}

int ledger_tick(struct cache *c, MDB_txn *txn, int64_t *ret)
{
	int64_t kept;
	char name[32];
	int r = clock_get(c, txn, &kept, ret);

	if (r < 0 || *ret == kept)
		return r;
	clock_name(c, name);
	return meta_put(txn, &c->db, name, (uint64_t)*ret);
}
