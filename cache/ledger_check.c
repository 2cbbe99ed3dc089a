// SPDX-License-Identifier: MIT
/* The totals that budgets rest on, against the rows.
 *
 * Rows and totals are read in one snapshot, where they must agree by construction. What
 * they differ by stays the same while both go on changing, so the difference is what is
 * added afterwards. The store's file grows by what is overwritten while the snapshot is
 * open: seconds. */
#define LOG_TAG "ledger"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache/base/log.h"
#include "cache/base/mem.h"
#include "cache/base/money.h"
#include "cache/ledger_txn.h"
#include "cache/totals.h"

#define NAME_MAX_BYTES 255
#define ROWS_PER_LOOK 1000 /* between two looks at the flag that stops it */
#define DAY_MS INT64_C(86400000)

/* A total as the rows have it. */
struct sum {
	struct sum *next;
	enum totals_scope scope;
	bool is_seen;       /* the store has it */
	bool is_unreadable; /* and it is damaged there */
	struct totals want, diff;
	char name[];
};

struct check {
	struct cache *cache;
	const _Atomic bool *stop;
	struct err *err;
	uint64_t rows, damaged_id;
	struct sum **bucket;
	size_t n_sums, n_buckets;
	/* Neighbours mostly are of one day, user and program. */
	struct sum *last[7];
	int64_t last_day;
	uint32_t last_uid;
	size_t program_len;
	char program[NAME_MAX_BYTES + 1];
	bool has_last;
};

static void check_finish(struct check *k)
{
	for (size_t i = 0; i < k->n_buckets; i++) {
		while (k->bucket[i]) {
			struct sum *next = k->bucket[i]->next;

			free(k->bucket[i]);
			k->bucket[i] = next;
		}
	}
	free(k->bucket);
}

/* ---- the sums ---- */

static int buckets_grow(struct check *k)
{
	size_t n = k->n_buckets ? 4 * k->n_buckets : 1024;
	struct sum **bucket = new_array(struct sum *, n);

	if (!bucket)
		return -ENOMEM;
	for (size_t i = 0; i < k->n_buckets; i++) {
		while (k->bucket[i]) {
			struct sum *s = k->bucket[i], **to;

			k->bucket[i] = s->next;
			to = &bucket[(crc32c(0, s->name, strlen(s->name)) + s->scope) %
				     n];
			s->next = *to;
			*to = s;
		}
	}
	free(k->bucket);
	k->bucket = bucket;
	k->n_buckets = n;
	return 0;
}

/* Made where it is not there; NULL: out of memory. */
static struct sum *sum_of(struct check *k, enum totals_scope scope, const char *name)
{
	size_t len = strlen(name);
	struct sum **at, *s;

	if (k->n_sums >= k->n_buckets && buckets_grow(k) < 0)
		return NULL;
	at = &k->bucket[(crc32c(0, name, len) + scope) % k->n_buckets];
	for (s = *at; s; s = s->next)
		if (s->scope == scope && !strcmp(s->name, name))
			return s;
	s = calloc(1, sizeof(*s) + len + 1);
	if (!s)
		return NULL;
	s->scope = scope;
	memcpy(s->name, name, len);
	s->next = *at;
	*at = s;
	k->n_sums++;
	return s;
}

/* The sums that a row is in; k->last[0] NULL where no program is known. */
static int sums_find(struct check *k, const struct ledger_row *r)
{
	char day[LEDGER_WHEN], month[LEDGER_WHEN], user[16], text[16 + LEDGER_WHEN];
	bool ok = true;

	ledger_when(r->created_ms, day, month);
	snprintf(user, sizeof(user), "%" PRIu32, r->uid);
	k->last[0] = NULL;
	if (*k->program)
		ok = (k->last[0] = sum_of(k, SCOPE_PROGRAM, k->program));
	ok = ok && (k->last[1] = sum_of(k, SCOPE_USER, user));
	ok = ok && (k->last[2] = sum_of(k, SCOPE_DAY, day));
	ok = ok && (k->last[3] = sum_of(k, SCOPE_MONTH, month));
	ok = ok && (k->last[4] = sum_of(k, SCOPE_ALL, ""));
	snprintf(text, sizeof(text), "%s %s", user, day);
	ok = ok && (k->last[5] = sum_of(k, SCOPE_USER_DAY, text));
	snprintf(text, sizeof(text), "%s %s", user, month);
	ok = ok && (k->last[6] = sum_of(k, SCOPE_USER_MONTH, text));
	k->has_last = ok;
	return ok ? 0 : -ENOMEM;
}

static int row_add(
	struct check *k, const struct ledger_row *r, const char *program, size_t len)
{
	struct totals share = ledger_share(r);
	int64_t day = r->created_ms / DAY_MS;
	int e = 0;

	if (!k->has_last || day != k->last_day || r->uid != k->last_uid ||
		len != k->program_len || (len && memcmp(program, k->program, len))) {
		k->last_day = day;
		k->last_uid = r->uid;
		k->program_len = len;
		memset(k->program, 0, sizeof(k->program));
		if (len)
			memcpy(k->program, program, len);
		e = sums_find(k, r);
	}
	for (size_t i = 0; !e && i < ARRAY_SIZE(k->last); i++)
		if (k->last[i])
			totals_add(&k->last[i]->want, &share);
	return e;
}

/* ---- the rows ---- */

int ledger_damaged(uint64_t id, struct err *err)
{
	if (!id)
		return err_set(err, EBADMSG,
			"the ledger is damaged, so what was spent is not known; paid "
			"calls are refused");
	return err_set(err, EBADMSG,
		"row %" PRIu64 " of the ledger is damaged, so what was spent is not "
		"known; paid calls are refused",
		id);
}

static int damaged(struct check *k, uint64_t id)
{
	k->damaged_id = id;
	return ledger_damaged(id, k->err);
}

static int row_look(struct check *k, const struct scan *s)
{
	struct rd key = {s->key.mv_data, (uint8_t *)s->key.mv_data + s->key.mv_size};
	struct ledger_row row = {0};
	const char *program;
	struct rd in = {0};
	uint64_t id;
	size_t len;

	rd_bytes(&key, 4);
	id = rd_be(&key, 8);
	/* Ids have no gaps: rows are never removed. */
	if (key.bad || rd_left(&key) || id != k->rows + 1)
		return damaged(k, k->rows + 1);
	if (row_check(&s->key, &s->value, &in) < 0 ||
		ledger_row_brief(&in, id, &row, &program, &len) < 0)
		return damaged(k, id);
	k->rows++;
	return row_add(k, &row, program, len);
}

static int rows_read(struct check *k, MDB_txn *txn)
{
	struct cache *c = k->cache;
	struct key from;
	struct scan s;
	int r;

	wr_be32(key_start(&from), c->ns);
	r = scan_begin(&s, txn, table_of(c, DB_LEDGER), &from, key_len(&from));
	while (!r && (r = scan_next(&s)) > 0) {
		r = row_look(k, &s);
		if (!r && k->rows % ROWS_PER_LOOK == 0 && k->stop && *k->stop)
			r = -ECANCELED;
	}
	scan_end(&s);
	return r;
}

/* The last one may be what is missing. */
static int rows_count(struct check *k, MDB_txn *txn)
{
	char name[32];
	uint64_t last;
	int r;

	ledger_counter(k->cache, name);
	r = meta_get(txn, &k->cache->db, name, &last);
	if (r < 0)
		return r;
	return k->rows != last ? damaged(k, k->rows + 1) : 0;
}

/* ---- the totals ---- */

static int total_look(struct check *k, const struct scan *s)
{
	struct rd key = {s->key.mv_data, (uint8_t *)s->key.mv_data + s->key.mv_size};
	char name[NAME_MAX_BYTES + 1] = "";
	struct totals have = {0};
	struct rd in = {0};
	struct sum *sum;
	uint8_t scope;

	rd_bytes(&key, 4);
	scope = rd_u8(&key);
	if (key.bad || rd_left(&key) > NAME_MAX_BYTES)
		return -EBADMSG;
	memcpy(name, key.p, rd_left(&key));
	sum = sum_of(k, (enum totals_scope)scope, name);
	if (!sum)
		return -ENOMEM;
	sum->is_seen = true;
	sum->is_unreadable =
		row_check(&s->key, &s->value, &in) < 0 || totals_decode(&in, &have) < 0;
	sum->diff = (struct totals){
		.spent_ud = sum->want.spent_ud - have.spent_ud,
		.reserved_ud = sum->want.reserved_ud - have.reserved_ud,
		.unknown_ud = sum->want.unknown_ud - have.unknown_ud,
	};
	return 0;
}

static int totals_look(struct check *k, MDB_txn *txn)
{
	struct cache *c = k->cache;
	struct key from;
	struct scan s;
	int r;

	wr_be32(key_start(&from), c->ns);
	r = scan_begin(&s, txn, table_of(c, DB_SCOPES), &from, key_len(&from));
	while (!r && (r = scan_next(&s)) > 0)
		r = total_look(k, &s);
	scan_end(&s);
	for (size_t i = 0; !r && i < k->n_buckets; i++)
		for (struct sum *sum = k->bucket[i]; sum; sum = sum->next)
			if (!sum->is_seen)
				sum->diff = sum->want;
	return r;
}

/* ---- what does not match ---- */

static bool is_wrong(const struct sum *s)
{
	return s->is_unreadable || s->diff.spent_ud || s->diff.reserved_ud ||
	       s->diff.unknown_ud;
}

static void warn_wrong(const struct sum *s)
{
	char spent[MONEY_TEXT], reserved[MONEY_TEXT], unknown[MONEY_TEXT];

	money_format(s->diff.spent_ud, spent);
	money_format(s->diff.reserved_ud, reserved);
	money_format(s->diff.unknown_ud, unknown);
	log_warn("a total did not match the ledger and was put right scope=%c "
		 "name=\"%s\" spent_usd=%s reserved_usd=%s unknown_usd=%s",
		(char)s->scope, s->name, spent, reserved, unknown);
}

struct repair_op {
	struct op op;
	struct check *check;
};

static int sum_repair(struct cache *c, MDB_txn *txn, const struct sum *s)
{
	struct totals now;
	int r = totals_get_scope(c, txn, s->scope, s->name, &now);

	/* Nothing could be added to a row that cannot be read, so what was wanted of it
	 * in the snapshot still is. */
	if (r == -EBADMSG)
		return totals_put_scope(c, txn, s->scope, s->name, &s->want);
	return r < 0 ? r : totals_apply_scope(c, txn, s->scope, s->name, &s->diff);
}

static int repair_run(struct op *op, MDB_txn *txn)
{
	struct check *k = container_of(op, struct repair_op, op)->check;
	int r = 0;

	for (size_t i = 0; !r && i < k->n_buckets; i++)
		for (struct sum *s = k->bucket[i]; !r && s; s = s->next)
			if (is_wrong(s))
				r = sum_repair(k->cache, txn, s);
	return r;
}

static int totals_repair(struct check *k)
{
	struct repair_op o = {.op = {.run = repair_run}, .check = k};
	bool any = false;

	for (size_t i = 0; i < k->n_buckets; i++) {
		for (struct sum *s = k->bucket[i]; s; s = s->next) {
			if (is_wrong(s))
				warn_wrong(s);
			any = any || is_wrong(s);
		}
	}
	return any ? writer_call(&k->cache->writer, &o.op) : 0;
}

/* ---- ledger_check ---- */

static int snapshot_look(struct check *k)
{
	struct db_read *read;
	int r = db_read_begin(&k->cache->db, &read);

	if (r < 0)
		return r;
	r = rows_read(k, read->txn);
	if (!r)
		r = rows_count(k, read->txn);
	if (!r)
		r = totals_look(k, read->txn);
	db_read_end(&k->cache->db, read);
	return r;
}

int ledger_check(struct cache *c, const _Atomic bool *stop, struct err *err)
{
	struct err why = {0};
	scoped(check_finish) struct check k = {.cache = c, .stop = stop, .err = &why};
	int r;

	/* Two at once would add one difference twice. */
	pthread_mutex_lock(&c->ledger.one_at_a_time);
	r = snapshot_look(&k);
	if (!r)
		r = totals_repair(&k);
	c->ledger.damaged_id = k.damaged_id;
	if (!r)
		c->ledger.health = LEDGER_SOUND;
	else if (r == -EBADMSG)
		c->ledger.health = LEDGER_DAMAGED;
	pthread_mutex_unlock(&c->ledger.one_at_a_time);
	if (r == -ECANCELED)
		err_set(&why, ECANCELED, "stopped before the end");
	if (r == -EBADMSG && !k.damaged_id)
		ledger_damaged(0, &why);
	ledger_tell(r, "cannot check the ledger", &why);
	if (r < 0 && err)
		*err = why;
	return r;
}

enum ledger_health ledger_health(struct cache *c)
{
	return (enum ledger_health)c->ledger.health;
}
