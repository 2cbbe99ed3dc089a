// SPDX-License-Identifier: MIT
/* Totals of directories, models and scopes. Writing: store thread; reading: any. */
#include "cache/totals.h"

#include <errno.h>
#include <string.h>

#define TOTALS_BYTES (12 * 8)
#define TOTALS_NAME_MAX 255

void totals_add(struct totals *to, const struct totals *delta)
{
	to->generated += delta->generated;
	to->failed += delta->failed;
	to->requests += delta->requests;
	for (int i = 0; i < 4; i++)
		to->grades[i] += delta->grades[i];
	to->spent_ud += delta->spent_ud;
	to->reserved_ud += delta->reserved_ud;
	to->unknown_ud += delta->unknown_ud;
	to->saved_ud += delta->saved_ud;
	to->duration_ms += delta->duration_ms;
}

void totals_negate(struct totals *t)
{
	struct totals r = {
		.generated = -t->generated,
		.failed = -t->failed,
		.requests = -t->requests,
		.spent_ud = -t->spent_ud,
		.reserved_ud = -t->reserved_ud,
		.unknown_ud = -t->unknown_ud,
		.saved_ud = -t->saved_ud,
		.duration_ms = -t->duration_ms,
	};

	for (int i = 0; i < 4; i++)
		r.grades[i] = -t->grades[i];
	*t = r;
}

int totals_decode(struct rd *in, struct totals *ret)
{
	struct totals t;

	t.generated = rd_u64(in);
	t.failed = rd_u64(in);
	t.requests = rd_u64(in);
	for (int i = 0; i < 4; i++)
		t.grades[i] = rd_u64(in);
	t.spent_ud = (int64_t)rd_u64(in);
	t.reserved_ud = (int64_t)rd_u64(in);
	t.unknown_ud = (int64_t)rd_u64(in);
	t.saved_ud = (int64_t)rd_u64(in);
	t.duration_ms = rd_u64(in);
	if (in->bad)
		return -EBADMSG;
	*ret = t;
	return 0;
}

static void totals_encode(struct wr *w, const struct totals *t)
{
	wr_u64(w, t->generated);
	wr_u64(w, t->failed);
	wr_u64(w, t->requests);
	for (int i = 0; i < 4; i++)
		wr_u64(w, t->grades[i]);
	wr_u64(w, (uint64_t)t->spent_ud);
	wr_u64(w, (uint64_t)t->reserved_ud);
	wr_u64(w, (uint64_t)t->unknown_ud);
	wr_u64(w, (uint64_t)t->saved_ud);
	wr_u64(w, t->duration_ms);
}

static int totals_get(
	MDB_txn *txn, MDB_dbi table, const struct key *k, struct totals *ret)
{
	struct rd in = {0};
	int r = row_get(txn, table, k, &in);

	if (r == -ENOENT) {
		*ret = (struct totals){0};
		return 0;
	}
	return r < 0 ? r : totals_decode(&in, ret);
}

static int totals_put(
	MDB_txn *txn, MDB_dbi table, const struct key *k, const struct totals *t)
{
	uint8_t b[TOTALS_BYTES];
	struct wr w = {b};

	totals_encode(&w, t);
	return row_put(txn, table, k, b, sizeof(b));
}

static int totals_change(
	MDB_txn *txn, MDB_dbi table, const struct key *k, const struct totals *delta)
{
	struct totals t = {0};
	int r = totals_get(txn, table, k, &t);

	if (r < 0)
		return r;
	totals_add(&t, delta);
	return totals_put(txn, table, k, &t);
}

static void totals_key(
	const struct cache *c, struct key *k, uint64_t dir, const char *model)
{
	struct wr *w = key_start(k);

	wr_be32(w, c->ns);
	wr_be64(w, dir);
	wr_bytes(w, model, strnlen(model, TOTALS_NAME_MAX));
}

int totals_apply(struct cache *c, MDB_txn *txn, const struct dir_chain *chain,
	const char *model, const struct totals *delta)
{
	struct key k;
	int r = 0;

	for (size_t i = 0; !r && i < chain->n; i++) {
		totals_key(c, &k, chain->id[i], model ? model : "");
		r = totals_change(txn, table_of(c, DB_TOTALS), &k, delta);
	}
	return r;
}

static void scope_key(
	const struct cache *c, struct key *k, enum totals_scope scope, const char *name)
{
	struct wr *w = key_start(k);

	wr_be32(w, c->ns);
	wr_u8(w, (uint8_t)scope);
	wr_bytes(w, name, strnlen(name, TOTALS_NAME_MAX));
}

int totals_apply_scope(struct cache *c, MDB_txn *txn, enum totals_scope scope,
	const char *name, const struct totals *delta)
{
	struct key k;

	scope_key(c, &k, scope, name);
	return totals_change(txn, table_of(c, DB_SCOPES), &k, delta);
}

int totals_get_scope(struct cache *c, MDB_txn *txn, enum totals_scope scope,
	const char *name, struct totals *ret)
{
	struct key k;

	scope_key(c, &k, scope, name);
	return totals_get(txn, table_of(c, DB_SCOPES), &k, ret);
}

int totals_put_scope(struct cache *c, MDB_txn *txn, enum totals_scope scope,
	const char *name, const struct totals *t)
{
	struct key k;

	scope_key(c, &k, scope, name);
	return totals_put(txn, table_of(c, DB_SCOPES), &k, t);
}

typedef int (*totals_fn)(void *user, const char *name, const struct totals *t);

/* Each row whose key starts with `from`; the rest of the key is its name. */
static int totals_each(struct cache *c, enum db_table table, const struct key *from,
	totals_fn fn, void *user)
{
	size_t prefix = key_len(from);
	struct db_read *read;
	struct scan s;
	struct rd in = {0};
	int r = db_read_begin(&c->db, &read);

	if (r < 0)
		return r;
	r = scan_begin(&s, read->txn, table_of(c, table), from, prefix);
	while (!r && (r = scan_next_row(&s, &in)) > 0) {
		char name[TOTALS_NAME_MAX + 1] = "";
		size_t len = s.key.mv_size - prefix;
		struct totals t;

		r = len > TOTALS_NAME_MAX ? -EBADMSG : totals_decode(&in, &t);
		if (r < 0)
			break;
		memcpy(name, (char *)s.key.mv_data + prefix, len);
		r = fn(user, name, &t);
	}
	scan_end(&s);
	db_read_end(&c->db, read);
	return r;
}

static int sum_one(void *user, const char *name, const struct totals *t)
{
	(void)name;
	totals_add(user, t);
	return 0;
}

int cache_totals(struct cache *c, uint64_t dir, const char *model, struct totals *ret)
{
	struct totals sum = {0};
	struct db_read *read;
	struct key k;
	int r;

	totals_key(c, &k, dir, model ? model : "");
	if (!model) {
		r = totals_each(c, DB_TOTALS, &k, sum_one, &sum);
	} else {
		r = db_read_begin(&c->db, &read);
		if (r < 0)
			return r;
		r = totals_get(read->txn, table_of(c, DB_TOTALS), &k, &sum);
		db_read_end(&c->db, read);
	}
	if (!r)
		*ret = sum;
	return r;
}

int cache_totals_by_model(struct cache *c, uint64_t dir, totals_fn fn, void *user)
{
	struct key k;

	totals_key(c, &k, dir, "");
	return totals_each(c, DB_TOTALS, &k, fn, user);
}

int cache_totals_by(struct cache *c, const char *scope, totals_fn fn, void *user)
{
	struct key k;
	enum totals_scope s;

	if (!strcmp(scope, "program"))
		s = SCOPE_PROGRAM;
	else if (!strcmp(scope, "user"))
		s = SCOPE_USER;
	else if (!strcmp(scope, "day"))
		s = SCOPE_DAY;
	else
		return -EINVAL;
	scope_key(c, &k, s, "");
	return totals_each(c, DB_SCOPES, &k, fn, user);
}
