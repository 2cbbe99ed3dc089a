// SPDX-License-Identifier: MIT
#pragma once
/* The ledger inside transactions: its tables, and what the operations on files
 * (cache/commit.c, cache/change.c) do with them. What writes is for the store
 * thread only. */
#include "cache/ledger_row.h"
#include "cache/store.h"

void ledger_key(const struct cache *c, struct key *k, uint64_t id);
/* -ENOENT, -EBADMSG, both with a sentence; -ENOMEM. err may be NULL. */
int ledger_get(struct cache *c, MDB_txn *txn, uint64_t id, struct ledger_row *ret,
	struct err *err);
/* Of one that stands in `open`: that it is not there is damage. */
int ledger_get_open(struct cache *c, MDB_txn *txn, uint64_t id, struct ledger_row *ret,
	struct err *err);
/* Row and `open`, without the totals. was: what it replaces; NULL: it is new. */
int ledger_store(struct cache *c, MDB_txn *txn, const struct ledger_row *was,
	const struct ledger_row *r);
/* Adds to the totals that r's share is in: its directories, scopes. */
int ledger_apply(struct cache *c, MDB_txn *txn, const struct ledger_row *r,
	const struct totals *delta);
/* Row, `open` and totals: what every change of a row ends with. */
int ledger_put(struct cache *c, MDB_txn *txn, const struct ledger_row *was,
	const struct ledger_row *r);

/* The ids in `open`, rising, of one file or, key NULL, of all. Any thread. */
struct ledger_ids {
	uint64_t *id;
	size_t n, cap;
};
void ledger_ids_finish(struct ledger_ids *l);
int ledger_open_ids(struct cache *c, MDB_txn *txn, const struct digest *key,
	struct ledger_ids *ret);

/* Now, by the ledger's clock. Any thread. */
int ledger_now(struct cache *c, MDB_txn *txn, int64_t *ret);
/* The same, kept so that it never goes back. */
int ledger_tick(struct cache *c, MDB_txn *txn, int64_t *ret);
/* The names of a time's day and month: "2026-11-26", "2026-11". */
#define LEDGER_WHEN 11
void ledger_when(int64_t ms, char ret_day[static LEDGER_WHEN],
	char ret_month[static LEDGER_WHEN]);

/* Of the period that `now` is in. -EBADMSG. */
int ledger_sums_in(struct cache *c, MDB_txn *txn, uint32_t uid,
	enum ledger_period period, int64_t now, struct ledger_sums *ret);
/* The name in meta of the last id. */
void ledger_counter(const struct cache *c, char ret[static 32]);

/* ---- changes of one row (cache/ledger.c) ---- */

bool ledger_is_arrow(enum ledger_state from, enum ledger_state to);
/* The new state with all that goes with it; strings that ended are freed. */
void ledger_become(
	struct ledger_row *r, enum ledger_state to, int64_t charged_ud, int64_t now_ms);
/* The same, with the row, `open` and totals in the store. */
int ledger_change(struct cache *c, MDB_txn *txn, struct ledger_row *r,
	enum ledger_state to, int64_t charged_ud, int64_t now_ms);
/* -EBADMSG with the sentence about it; id 0: not one row. */
int ledger_damaged(uint64_t id, struct err *err);
/* The sentence for a result that has none yet. Returns r. */
int ledger_tell(int r, const char *what, struct err *err);

/* The end of a call, with the commit of what it was for. key and draw: whose parts are
 * dropped where close->id is 0. */
int ledger_close_in(struct cache *c, MDB_txn *txn, const struct ledger_close *close,
	const struct digest *key, uint32_t draw, struct err *err);
/* rm of a file: 1 if calls of unknown outcome were written off, 0 without any. */
int ledger_write_off(
	struct cache *c, MDB_txn *txn, const struct digest *key, uint32_t draw);
