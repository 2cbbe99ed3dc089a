// SPDX-License-Identifier: MIT
/* ledger_move: rows go along an arrow of the picture, all or none. Asked from any
 * thread, done and told on the store thread. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cache/base/mem.h"
#include "cache/ledger_txn.h"

struct move_op {
	struct op op;
	struct cache *cache;
	struct ledger_move m; /* its strings are owned */
	ledger_moved_fn done;
	void *user;
	struct err err;
	size_t n;
	uint64_t id[];
};

static void move_free(struct move_op *o)
{
	if (!o)
		return;
	free((char *)o->m.served_by);
	free((char *)o->m.operation);
	free((char *)o->m.prefix);
	free((char *)o->m.why);
	free(o);
}

static int move_check(
	const struct ledger_move *m, const struct ledger_row *r, struct err *err)
{
	if (!ledger_is_arrow(r->state, m->to))
		return err_set(err, EINVAL, "call %" PRIu64 " is %s and cannot be %s",
			r->id, ledger_state_name(r->state), ledger_state_name(m->to));
	if (m->to == LEDGER_ACCEPTED && !m->operation && !r->operation)
		return err_set(
			err, EINVAL, "an accepted call needs the operation's name");
	if (m->to == LEDGER_SETTLED &&
		(m->charged_ud < 0 || m->charged_ud > LEDGER_AMOUNT_MAX))
		return err_set(err, EINVAL, "a settled call needs what it cost");
	return 0;
}

static int move_one(struct move_op *o, MDB_txn *txn, uint64_t id, int64_t now)
{
	scoped(ledger_row_finish) struct ledger_row k = {0};
	int r = ledger_get(o->cache, txn, id, &k, &o->err);

	if (!r)
		r = move_check(&o->m, &k, &o->err);
	if (!r)
		r = ledger_set_text(&k.served_by, o->m.served_by);
	if (!r)
		r = ledger_set_text(&k.operation, o->m.operation);
	if (!r)
		r = ledger_set_text(&k.prefix, o->m.prefix);
	if (!r)
		r = ledger_set_text(&k.why, o->m.why);
	if (r < 0)
		return r;
	return ledger_change(o->cache, txn, &k, o->m.to, o->m.charged_ud, now);
}

static int move_run(struct op *op, MDB_txn *txn)
{
	struct move_op *o = container_of(op, struct move_op, op);
	int64_t now;
	int r = ledger_tick(o->cache, txn, &now);

	o->err = (struct err){0};
	for (size_t i = 0; !r && i < o->n; i++)
		r = move_one(o, txn, o->id[i], now);
	return r;
}

static void move_done(struct op *op)
{
	struct move_op *o = container_of(op, struct move_op, op);

	if (op->result < 0)
		ledger_tell(op->result, "cannot change the ledger", &o->err);
	o->done(o->user, op->result < 0 ? &o->err : NULL);
	move_free(o);
}

static int move_copy(struct ledger_move *to, const struct ledger_move *from)
{
	char *served_by = NULL, *operation = NULL, *prefix = NULL, *why = NULL;
	int r = ledger_set_text(&served_by, from->served_by);

	if (!r)
		r = ledger_set_text(&operation, from->operation);
	if (!r)
		r = ledger_set_text(&prefix, from->prefix);
	if (!r)
		r = ledger_set_text(&why, from->why);
	*to = (struct ledger_move){
		.to = from->to,
		.charged_ud = from->charged_ud,
		.served_by = served_by,
		.operation = operation,
		.prefix = prefix,
		.why = why,
	};
	return r;
}

int ledger_move(struct cache *c, const uint64_t *ids, size_t n,
	const struct ledger_move *m, ledger_moved_fn done, void *user)
{
	struct move_op *o;

	if (n > (SIZE_MAX - sizeof(*o)) / sizeof(*ids))
		return -ENOMEM;
	o = calloc(1, sizeof(*o) + n * sizeof(*ids));
	if (!o)
		return -ENOMEM;
	if (move_copy(&o->m, m) < 0) {
		move_free(o);
		return -ENOMEM;
	}
	o->op = (struct op){.run = move_run, .done = move_done};
	o->cache = c;
	o->done = done;
	o->user = user;
	o->n = n;
	memcpy(o->id, ids, n * sizeof(*ids));
	writer_submit(&c->writer, &o->op);
	return 0;
}
