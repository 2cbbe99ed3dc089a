// SPDX-License-Identifier: MIT
/* How calls end together with what is stored or removed in the same commit. Store
 * thread; ledger_keep_part: any but the loop's. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cache/base/mem.h"
#include "cache/blob.h"
#include "cache/index.h"
#include "cache/ledger_txn.h"

/* ---- a call ends ---- */

/* What arrives for a call that was written off meanwhile is welcome, and booked where
 * it cost more than was assumed. */
static bool is_late(const struct ledger_row *r, enum ledger_state to)
{
	return r->state == LEDGER_SETTLED && to == LEDGER_SETTLED &&
	       !ledger_is_kept_part(r);
}

/* Whether a row may end so, and what it has cost then, in *charged_ud. -EINVAL. */
static int end_check(const struct ledger_row *r, enum ledger_state to,
	int64_t *charged_ud, struct err *err)
{
	bool late = is_late(r, to);

	if (to != LEDGER_SETTLED && to != LEDGER_UNKNOWN && to != LEDGER_RELEASED)
		return err_set(err, EINVAL, "%s is not how a call ends",
			ledger_state_name(to));
	if (!late && !ledger_is_arrow(r->state, to))
		return err_set(err, EINVAL, "call %" PRIu64 " is %s and cannot be %s",
			r->id, ledger_state_name(r->state), ledger_state_name(to));
	if (to == LEDGER_SETTLED &&
		(*charged_ud < 0 || *charged_ud > LEDGER_AMOUNT_MAX))
		return err_set(err, EINVAL, "a settled call needs what it cost");
	if (late && *charged_ud < r->charged_ud)
		*charged_ud = r->charged_ud;
	return 0;
}

/* ---- parts ---- */

static int part_drop(struct cache *c, MDB_txn *txn, struct ledger_row *k, int64_t now)
{
	struct ledger_row was = *k;
	uint64_t freed;
	int r = blob_unref(c, txn, &k->blob, PENDING_GARBAGE, &freed);

	if (r < 0)
		return r;
	k->blob = (struct digest){0};
	k->blob_id = k->blob_size = 0;
	k->changed_ms = now;
	return ledger_put(c, txn, &was, k);
}

static int parts_drop(struct cache *c, MDB_txn *txn, const struct digest *key,
	uint32_t draw, int64_t now)
{
	scoped(ledger_ids_finish) struct ledger_ids ids = {0};
	int r = ledger_open_ids(c, txn, key, &ids);

	for (size_t i = 0; !r && i < ids.n; i++) {
		scoped(ledger_row_finish) struct ledger_row k = {0};

		r = ledger_get_open(c, txn, ids.id[i], &k, NULL);
		if (!r && k.draw == draw && ledger_is_kept_part(&k))
			r = part_drop(c, txn, &k, now);
	}
	return r;
}

int ledger_close_in(struct cache *c, MDB_txn *txn, const struct ledger_close *close,
	const struct digest *key, uint32_t draw, struct err *err)
{
	scoped(ledger_row_finish) struct ledger_row k = {0};
	int64_t now, charged = close->charged_ud;
	int r = ledger_tick(c, txn, &now);

	if (!r && close->id) {
		r = ledger_get(c, txn, close->id, &k, err);
		if (!r)
			r = ledger_set_text(&k.why, close->why);
		if (!r)
			r = end_check(&k, close->to, &charged, err);
		if (!r)
			r = ledger_change(c, txn, &k, close->to, charged, now);
	}
	if (!r && close->drops_parts && close->id)
		r = parts_drop(c, txn, &k.key, k.draw, now);
	else if (!r && close->drops_parts)
		r = parts_drop(c, txn, key, draw, now);
	return r;
}

struct keep_op {
	struct op op;
	struct cache *cache;
	uint64_t id;
	int64_t charged_ud;
	struct blob_writer *w;
	const char *uri;
	struct err err;
};

static int keep_run(struct op *op, MDB_txn *txn)
{
	struct keep_op *o = container_of(op, struct keep_op, op);
	struct cache *c = o->cache;
	scoped(ledger_row_finish) struct ledger_row k = {0};
	struct ledger_row was = {0};
	struct blob_ref ref = {0};
	int64_t now, charged = o->charged_ud;
	int r;

	o->err = (struct err){0};
	r = ledger_get(c, txn, o->id, &k, &o->err);
	if (!r)
		r = ledger_set_text(&k.uri, o->uri);
	if (!r)
		r = end_check(&k, LEDGER_SETTLED, &charged, &o->err);
	if (r < 0) {
		op->is_untouched = true;
		return r;
	}
	r = ledger_tick(c, txn, &now);
	if (!r)
		r = blob_adopt(c, txn, o->w, &ref);
	if (r < 0)
		return r;
	was = k;
	ledger_become(&k, LEDGER_SETTLED, charged, now);
	k.blob = ref.sha;
	k.blob_id = ref.id;
	k.blob_size = ref.size;
	return ledger_put(c, txn, &was, &k);
}

int ledger_keep_part(struct cache *c, uint64_t id, int64_t charged_ud,
	struct blob_writer *w, const char *uri, struct err *err)
{
	struct keep_op o = {
		.op = {.run = keep_run},
		.cache = c,
		.id = id,
		.charged_ud = charged_ud,
		.w = w,
		.uri = uri,
	};
	int r;

	blob_writer_finish(w);
	o.op.bytes = blob_writer_tail(w);
	r = writer_call(&c->writer, &o.op);
	if (r < 0) {
		ledger_tell(r, "cannot keep a part", &o.err);
		if (err)
			*err = o.err;
		return r;
	}
	blob_writer_adopted(w);
	return 0;
}
