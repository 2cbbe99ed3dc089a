// SPDX-License-Identifier: MIT
/* Commit 1 of a paid job: does it fit, and then it is held. Asked from any thread, done
 * and told on the store thread. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache/base/mem.h"
#include "cache/base/money.h"
#include "cache/index.h"
#include "cache/ledger_order.h"
#include "cache/ledger_txn.h"
#include "cache/totals.h"

struct reserve_op {
	struct op op;
	struct cache *cache;
	struct order *order;
	size_t n;
	uint64_t *id; /* of the new rows */
	size_t n_ids;
	struct ledger_limit *limit;
	size_t n_limits;
	int64_t file_udollars;
	int64_t now_ms;
	ledger_reserved_fn done;
	void *user;
	struct err err;
};

/* ---- the sentences ---- */

#define USD_TEXT (MONEY_TEXT + 3)

/* At least two decimals, as people write money. */
static void usd(int64_t ud, char ret[static USD_TEXT])
{
	char text[MONEY_TEXT];
	const char *dot;

	money_format(ud > 0 ? ud : 0, text);
	dot = strchr(text, '.');
	snprintf(ret, USD_TEXT, "%s%s", text, !dot ? ".00" : !dot[2] ? "0" : "");
}

static int over_budget(struct reserve_op *o, const struct ledger_limit *l,
	int64_t cost_ud, int64_t left)
{
	static const char *const whose[][2] = {
		[LEDGER_DAY] = {"today's budget", "your own budget for today"},
		[LEDGER_MONTH] = {"this month's budget",
			"your own budget for this month"},
		[LEDGER_TOTAL] = {"the total budget", "your own total budget"},
	};
	char cost[USD_TEXT], rest[USD_TEXT];

	usd(cost_ud, cost);
	usd(left, rest);
	return err_set(&o->err, EDQUOT,
		"this would cost %s USD and %s USD of %s is left; "
		"raise it with -o %s=...",
		cost, rest, whose[l->period][l->is_per_user],
		l->is_per_user ? "budget_uid" : "budget");
}

static int over_file(struct reserve_op *o, int64_t cost_ud, int64_t before)
{
	char cost[USD_TEXT], had[USD_TEXT], most[USD_TEXT];

	usd(cost_ud, cost);
	usd(before, had);
	usd(o->file_udollars, most);
	if (!before)
		return err_set(&o->err, EDQUOT,
			"this would cost %s USD and a file may cost %s USD; raise it "
			"with -o max_cost=...",
			cost, most);
	return err_set(&o->err, EDQUOT,
		"this would cost %s USD beside the %s USD that its other parts cost, "
		"and a file may cost %s USD; raise it with -o max_cost=...",
		cost, had, most);
}

/* ---- does it make sense ---- */

static bool is_same_file(const struct order *a, const struct order *b)
{
	return a->row.draw == b->row.draw &&
	       !memcmp(a->key.b, b->key.b, sizeof(a->key.b));
}

static int order_check(struct reserve_op *o, size_t at)
{
	struct order *d = &o->order[at];
	int r = place_check(&d->place, &o->err);

	if (r < 0)
		return r;
	if (!d->n || d->n > LEDGER_PARTS_MAX)
		return err_set(&o->err, EINVAL, "an order has from 1 to %d parts",
			LEDGER_PARTS_MAX);
	d->cost_ud = 0;
	for (size_t i = 0; i < d->n; i++) {
		if (d->part[i].held_ud < 0 || d->part[i].held_ud > LEDGER_AMOUNT_MAX)
			return err_set(&o->err, EINVAL, "a price makes no sense");
		d->cost_ud += d->part[i].held_ud;
	}
	for (size_t i = 0; i < at; i++)
		if (is_same_file(&o->order[i], d))
			return err_set(&o->err, EINVAL, "a file is ordered twice");
	return 0;
}

static int orders_check(struct reserve_op *o)
{
	int r = o->n ? 0 : err_set(&o->err, EINVAL, "nothing is ordered");

	for (size_t i = 0; !r && i < o->n; i++)
		r = order_check(o, i);
	for (size_t i = 0; !r && i < o->n_limits; i++)
		if ((unsigned int)o->limit[i].period >= LEDGER_PERIODS ||
			o->limit[i].udollars < 0)
			r = err_set(&o->err, EINVAL, "a budget makes no sense");
	return r;
}

/* What was spent is not known, so nothing more is. */
static int health_check(struct reserve_op *o)
{
	const struct ledger_checked *k = &o->cache->ledger;

	return k->health == LEDGER_DAMAGED ? ledger_damaged(k->damaged_id, &o->err) : 0;
}

/* ---- does it fit ---- */

/* Calls of the same file that are not over; *ret_had is what its parts cost. */
static int others_check(
	struct reserve_op *o, MDB_txn *txn, const struct order *d, int64_t *ret_had)
{
	scoped(ledger_ids_finish) struct ledger_ids ids = {0};
	int r = ledger_open_ids(o->cache, txn, &d->key, &ids);

	*ret_had = 0;
	for (size_t i = 0; !r && i < ids.n; i++) {
		scoped(ledger_row_finish) struct ledger_row k = {0};

		r = ledger_get_open(o->cache, txn, ids.id[i], &k, &o->err);
		if (r < 0 || k.draw != d->row.draw)
			continue;
		if (ledger_is_kept_part(&k))
			*ret_had = money_add(*ret_had, k.charged_ud);
		else if (k.state == LEDGER_UNKNOWN)
			r = err_set(&o->err, EIO,
				"call %" PRIu64 " for this file may have been paid and "
				"its outcome is not known; rm writes it off, "
				"`promptfs unknown` lists it",
				k.id);
		else
			r = err_set(&o->err, EIO,
				"call %" PRIu64 " for this file is not over yet", k.id);
	}
	return r;
}

/* Where the index knows nothing of a file and its record is there all the same, the
 * index is damaged, and it must not be bought again. */
static int bought_check(struct reserve_op *o, MDB_txn *txn, const struct order *d)
{
	scoped(record_finish) struct record rec = {0};
	struct entry e;
	int r = entry_get(o->cache, txn, &d->key, &e);

	if (r != -ENOENT)
		return r;
	r = record_get(o->cache, txn, &d->key, d->row.draw, &rec, NULL);
	if (r == -ENOENT || (r == 0 && rec.state != RECORD_GENERATED))
		return 0;
	if (r < 0 && r != -EBADMSG)
		return r;
	return err_set(&o->err, EBADMSG,
		"this file was bought, and what the store says of it is damaged; it is "
		"not bought again; `promptfs verify` lists what is damaged");
}

static int file_check(struct reserve_op *o, MDB_txn *txn, const struct order *d)
{
	int64_t had;
	int r = others_check(o, txn, d, &had);

	if (r == 0)
		r = bought_check(o, txn, d);
	if (r < 0 || o->file_udollars < 0 || !d->cost_ud ||
		money_add(had, d->cost_ud) <= o->file_udollars)
		return r;
	return over_file(o, d->cost_ud, had);
}

/* What the orders of one user cost, or of all. */
static int64_t cost_of(const struct reserve_op *o, uint32_t uid)
{
	int64_t sum = 0;

	for (size_t i = 0; i < o->n; i++)
		if (uid == LEDGER_ANY_UID || o->order[i].row.uid == uid)
			sum = money_add(sum, o->order[i].cost_ud);
	return sum;
}

/* The limit that is passed and of which least is left. */
struct tightest {
	const struct ledger_limit *limit;
	int64_t cost_ud, left_ud;
};

static int limit_check(struct reserve_op *o, MDB_txn *txn, const struct ledger_limit *l,
	uint32_t uid, struct tightest *t)
{
	struct ledger_sums s;
	int64_t cost = cost_of(o, uid), left;
	int r = ledger_sums_in(o->cache, txn, uid, l->period, o->now_ms, &s);

	if (r < 0)
		return err_set(&o->err, -r,
			"what was spent cannot be read; `promptfs verify` tells more");
	left = l->udollars - s.spent_ud - s.reserved_ud;
	/* What costs nothing passes no limit. */
	if (cost && cost > left && (!t->limit || left < t->left_ud))
		*t = (struct tightest){.limit = l, .cost_ud = cost, .left_ud = left};
	return 0;
}

static int budget_check(struct reserve_op *o, MDB_txn *txn)
{
	struct tightest t = {0};
	int r = 0;

	for (size_t i = 0; !r && i < o->n_limits; i++) {
		const struct ledger_limit *l = &o->limit[i];

		if (!l->is_per_user) {
			r = limit_check(o, txn, l, LEDGER_ANY_UID, &t);
			continue;
		}
		for (size_t k = 0; !r && k < o->n; k++) {
			uint32_t uid = o->order[k].row.uid;

			if (l->uid == LEDGER_ANY_UID || l->uid == uid)
				r = limit_check(o, txn, l, uid, &t);
		}
	}
	if (r < 0 || !t.limit)
		return r;
	return over_budget(o, t.limit, t.cost_ud, t.left_ud);
}

/* ---- then it is held ---- */

static int instead_release(struct reserve_op *o, MDB_txn *txn, const struct order *d)
{
	int r = 0;

	for (size_t i = 0; !r && i < d->n_instead; i++) {
		scoped(ledger_row_finish) struct ledger_row k = {0};

		r = ledger_get(o->cache, txn, d->instead[i], &k, &o->err);
		if (r < 0 || k.state == LEDGER_RELEASED)
			continue;
		if (k.state != LEDGER_RESERVED)
			return err_set(&o->err, EINVAL,
				"call %" PRIu64 " is %s and cannot give way", k.id,
				ledger_state_name(k.state));
		r = ledger_change(o->cache, txn, &k, LEDGER_RELEASED, 0, o->now_ms);
	}
	return r;
}

/* The rows of an order, and once what they hold together. */
static int rows_add(struct reserve_op *o, MDB_txn *txn, struct order *d, uint64_t *id)
{
	struct totals delta = {.reserved_ud = d->cost_ud};
	struct ledger_row row = d->row; /* strings borrowed */
	struct dir_chain chain;
	int r = tree_make(o->cache, txn, &d->place, d->place.n - 1, &chain);

	if (r < 0)
		return r;
	row.state = LEDGER_RESERVED;
	row.dir = chain.id[chain.n - 1];
	row.created_ms = row.changed_ms = o->now_ms;
	for (size_t i = 0; !r && i < d->n; i++) {
		row.id = id[i];
		row.part = d->part[i].part;
		row.seconds = d->part[i].seconds;
		row.held_ud = d->part[i].held_ud;
		r = ledger_store(o->cache, txn, NULL, &row);
	}
	return r < 0 ? r : ledger_apply(o->cache, txn, &row, &delta);
}

static int ids_take(struct reserve_op *o, MDB_txn *txn)
{
	char counter[32];
	uint64_t last;
	int r;

	ledger_counter(o->cache, counter);
	r = meta_get(txn, &o->cache->db, counter, &last);
	if (r < 0)
		return r;
	for (size_t i = 0; i < o->n_ids; i++)
		o->id[i] = last + 1 + i;
	return meta_put(txn, &o->cache->db, counter, last + o->n_ids);
}

static int orders_hold(struct reserve_op *o, MDB_txn *txn)
{
	uint64_t *id = o->id;
	int r = ledger_tick(o->cache, txn, &o->now_ms);

	if (!r)
		r = ids_take(o, txn);
	for (size_t i = 0; !r && i < o->n; i++) {
		r = rows_add(o, txn, &o->order[i], id);
		id += o->order[i].n;
	}
	return r;
}

static int reserve_run(struct op *op, MDB_txn *txn)
{
	struct reserve_op *o = container_of(op, struct reserve_op, op);
	bool is_touched = false;
	int r;

	o->err = (struct err){0};
	r = orders_check(o);
	if (!r)
		r = health_check(o);
	if (!r)
		r = ledger_now(o->cache, txn, &o->now_ms);
	for (size_t i = 0; !r && i < o->n; i++) {
		is_touched = is_touched || o->order[i].n_instead;
		r = instead_release(o, txn, &o->order[i]);
	}
	for (size_t i = 0; !r && i < o->n; i++)
		r = file_check(o, txn, &o->order[i]);
	if (!r)
		r = budget_check(o, txn);
	if (r < 0) {
		op->is_untouched = !is_touched;
		return r;
	}
	return orders_hold(o, txn);
}

/* ---- ledger_reserve ---- */

static void reserve_free(struct reserve_op *o)
{
	if (!o)
		return;
	for (size_t i = 0; o->order && i < o->n; i++)
		order_finish(&o->order[i]);
	free(o->order);
	free(o->id);
	free(o->limit);
	free(o);
}

static void reserve_done(struct op *op)
{
	struct reserve_op *o = container_of(op, struct reserve_op, op);

	if (op->result < 0) {
		ledger_tell(op->result, "cannot reserve the money", &o->err);
		o->done(o->user, NULL, 0, &o->err);
	} else {
		o->done(o->user, o->id, o->n_ids, NULL);
	}
	reserve_free(o);
}

static bool budget_copy(struct reserve_op *o, const struct ledger_budget *budget)
{
	o->file_udollars = budget ? budget->file_udollars : -1;
	o->n_limits = budget ? budget->n : 0;
	if (!o->n_limits)
		return true;
	o->limit = new_array(struct ledger_limit, o->n_limits);
	if (!o->limit)
		return false;
	memcpy(o->limit, budget->limit, o->n_limits * sizeof(*o->limit));
	return true;
}

static bool orders_copy(struct reserve_op *o, const struct ledger_order *orders)
{
	bool ok = true;

	o->order = new_array(struct order, o->n + 1);
	if (!o->order)
		return false;
	for (size_t i = 0; ok && i < o->n; i++) {
		ok = order_copy(&o->order[i], &orders[i]) == 0;
		o->n_ids += orders[i].n;
	}
	o->id = new_array(uint64_t, o->n_ids + 1);
	return ok && o->id;
}

int ledger_reserve(struct cache *c, const struct ledger_order *orders, size_t n,
	const struct ledger_budget *budget, ledger_reserved_fn done, void *user)
{
	struct reserve_op *o = new0(struct reserve_op);

	if (!o)
		return -ENOMEM;
	/* What is reserved is worth nothing until `sent` is durable. */
	o->op = (struct op){.run = reserve_run, .done = reserve_done, .is_draft = true};
	o->cache = c;
	o->n = n;
	o->done = done;
	o->user = user;
	if (!orders_copy(o, orders) || !budget_copy(o, budget)) {
		reserve_free(o);
		return -ENOMEM;
	}
	writer_submit(&c->writer, &o->op);
	return 0;
}
