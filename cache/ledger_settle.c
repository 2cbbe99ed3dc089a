// SPDX-License-Identifier: MIT
/* Calls of unknown outcome, and the UNKNOWN records that tell people of them. Store
 * thread; ledger_settle: any but the loop's. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cache/base/mem.h"
#include "cache/base/money.h"
#include "cache/index.h"
#include "cache/ledger_txn.h"

static bool is_unknown_of(const struct ledger_row *k, uint32_t draw)
{
	return k->state == LEDGER_UNKNOWN && k->draw == draw;
}

/* ---- rm ---- */

int ledger_write_off(
	struct cache *c, MDB_txn *txn, const struct digest *key, uint32_t draw)
{
	scoped(ledger_ids_finish) struct ledger_ids ids = {0};
	int64_t now;
	bool any = false;
	int r = ledger_open_ids(c, txn, key, &ids);

	for (size_t i = 0; !r && i < ids.n; i++) {
		scoped(ledger_row_finish) struct ledger_row k = {0};

		r = ledger_get_open(c, txn, ids.id[i], &k, NULL);
		if (r < 0 || !is_unknown_of(&k, draw))
			continue;
		r = ledger_tick(c, txn, &now);
		if (!r)
			r = ledger_set_text(&k.why, "written off by rm");
		if (!r)
			r = ledger_change(c, txn, &k, LEDGER_SETTLED, k.held_ud, now);
		any = true;
	}
	return r < 0 ? r : any;
}

/* ---- promptfs settle ---- */

/* Whether another call says that the outcome is not known: a long video has several
 * parts. 1, 0, <0. */
static int is_unknown_still(
	struct cache *c, MDB_txn *txn, const struct digest *key, uint32_t draw)
{
	scoped(ledger_ids_finish) struct ledger_ids ids = {0};
	bool is = false;
	int r = ledger_open_ids(c, txn, key, &ids);

	for (size_t i = 0; !r && !is && i < ids.n; i++) {
		scoped(ledger_row_finish) struct ledger_row k = {0};

		r = ledger_get_open(c, txn, ids.id[i], &k, NULL);
		is = !r && is_unknown_of(&k, draw);
	}
	return r < 0 ? r : is;
}

static int record_clear(struct cache *c, MDB_txn *txn, const struct digest *key)
{
	struct entry e = {0};
	int r = entry_get(c, txn, key, &e);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	if (e.state != RECORD_UNKNOWN)
		return 0;
	r = is_unknown_still(c, txn, key, e.draw);
	if (r)
		return r < 0 ? r : 0;
	r = record_del(c, txn, key, e.draw);
	if (r < 0)
		return r == -ENOENT ? -EBADMSG : r;
	entry_fill(&e, &(struct record){0});
	return entry_put(c, txn, key, &e);
}

struct settle_op {
	struct op op;
	struct cache *cache;
	uint64_t id;
	int64_t charged_ud;
	const char *why;
	struct err err;
};

static int settle_check(
	const struct settle_op *o, const struct ledger_row *r, struct err *err)
{
	char held[MONEY_TEXT];

	if (r->state != LEDGER_UNKNOWN)
		return err_set(err, EINVAL,
			"call %" PRIu64 " is %s: only an unknown one can be settled",
			r->id, ledger_state_name(r->state));
	money_format(r->held_ud, held);
	if (o->charged_ud < 0 || o->charged_ud > r->held_ud)
		return err_set(err, EINVAL,
			"call %" PRIu64 " can have cost from 0 to %s USD", r->id, held);
	return 0;
}

static int settle_run(struct op *op, MDB_txn *txn)
{
	struct settle_op *o = container_of(op, struct settle_op, op);
	struct cache *c = o->cache;
	scoped(ledger_row_finish) struct ledger_row k = {0};
	int64_t now;
	int r;

	o->err = (struct err){0};
	r = ledger_get(c, txn, o->id, &k, &o->err);
	if (!r)
		r = settle_check(o, &k, &o->err);
	if (!r)
		r = ledger_set_text(&k.why, o->why);
	if (r < 0) {
		op->is_untouched = true;
		return r;
	}
	r = ledger_tick(c, txn, &now);
	if (!r)
		r = ledger_change(c, txn, &k, LEDGER_SETTLED, o->charged_ud, now);
	return r < 0 ? r : record_clear(c, txn, &k.key);
}

int ledger_settle(struct cache *c, uint64_t id, int64_t charged_ud, const char *why,
	struct err *err)
{
	struct settle_op o = {
		.op = {.run = settle_run, .is_freeing = true},
		.cache = c,
		.id = id,
		.charged_ud = charged_ud,
		.why = why,
	};
	int r = writer_call(&c->writer, &o.op);

	if (r < 0) {
		ledger_tell(r, "cannot settle the call", &o.err);
		if (err)
			*err = o.err;
	}
	return r;
}
