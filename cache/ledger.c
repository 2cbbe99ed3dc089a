// SPDX-License-Identifier: MIT
#include "cache/ledger.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cache/base/mem.h"
#include "cache/ledger_txn.h"

/* ---- the picture in ledger.h ---- */

#define BIT(state) (1u << (state))

bool ledger_is_arrow(enum ledger_state from, enum ledger_state to)
{
	static const uint8_t arrows[] = {
		[LEDGER_RESERVED] = BIT(LEDGER_SENT) | BIT(LEDGER_RELEASED),
		[LEDGER_SENT] = BIT(LEDGER_ACCEPTED) | BIT(LEDGER_SETTLED) |
				BIT(LEDGER_RESERVED) | BIT(LEDGER_RELEASED) |
				BIT(LEDGER_UNKNOWN),
		[LEDGER_ACCEPTED] = BIT(LEDGER_SETTLED) | BIT(LEDGER_UNKNOWN),
		[LEDGER_UNKNOWN] = BIT(LEDGER_SETTLED),
	};

	return from < ARRAY_SIZE(arrows) && to <= LEDGER_UNKNOWN &&
	       arrows[from] & BIT(to);
}

static void drop_text(char **at)
{
	free(*at);
	*at = NULL;
}

int ledger_set_text(char **at, const char *text)
{
	char *copy;

	if (!text)
		return 0;
	copy = strdup(text);
	if (!copy)
		return -ENOMEM;
	free(*at);
	*at = copy;
	return 0;
}

void ledger_become(
	struct ledger_row *r, enum ledger_state to, int64_t charged_ud, int64_t now_ms)
{
	if (to == LEDGER_SENT) {
		r->sends++;
		r->sent_ms = now_ms;
	}
	if (to == LEDGER_SETTLED)
		r->charged_ud = charged_ud;
	if (to == LEDGER_SETTLED || to == LEDGER_RELEASED) {
		drop_text(&r->request);
		drop_text(&r->operation);
		drop_text(&r->prefix);
	}
	r->state = to;
	r->changed_ms = now_ms;
}

int ledger_tell(int r, const char *what, struct err *err)
{
	if (r >= 0 || !err || err->code == -r)
		return r;
	if (r == -ENOSPC)
		return err_set(err, ENOSPC, "%s: the store is full", what);
	if (r == -EBADMSG)
		return err_set(err, EBADMSG,
			"%s: the store is damaged; `promptfs verify` lists what is",
			what);
	return err_errno(err, -r, "%s", what);
}

/* ---- ledger_move ---- */

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
	struct ledger_row was;
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
	was = k;
	ledger_become(&k, o->m.to, o->m.charged_ud, now);
	return ledger_put(o->cache, txn, &was, &k);
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
