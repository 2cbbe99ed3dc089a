// SPDX-License-Identifier: MIT
/* How one row changes: the picture in ledger.h, and what goes with a new state. Store
 * thread, but for what is pure. */
#include "cache/ledger.h"

#include <errno.h>
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

int ledger_change(struct cache *c, MDB_txn *txn, struct ledger_row *r,
	enum ledger_state to, int64_t charged_ud, int64_t now_ms)
{
	struct ledger_row was = *r;

	ledger_become(r, to, charged_ud, now_ms);
	return ledger_put(c, txn, &was, r);
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
