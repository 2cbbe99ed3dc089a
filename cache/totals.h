// SPDX-License-Identifier: MIT
#pragma once
/* Totals inside write transactions. A change is a struct totals that is added field by
 * field; what it takes away is added as the negative number (wrapping). */
#include "cache/tree.h"

/* The letters in the keys. The last four are money alone. */
enum totals_scope {
	SCOPE_PROGRAM = 'p',
	SCOPE_USER = 'u',
	SCOPE_DAY = 'd',
	SCOPE_MONTH = 'm',
	SCOPE_ALL = 'a',
	SCOPE_USER_DAY = 'x',
	SCOPE_USER_MONTH = 'y',
};

void totals_add(struct totals *to, const struct totals *delta);
void totals_negate(struct totals *t);
/* Adds to the model's totals in each directory of the chain. */
int totals_apply(struct cache *c, MDB_txn *txn, const struct dir_chain *chain,
	const char *model, const struct totals *delta);
int totals_apply_scope(struct cache *c, MDB_txn *txn, enum totals_scope scope,
	const char *name, const struct totals *delta);
/* Zeros where nothing was counted. -EBADMSG. */
int totals_get_scope(struct cache *c, MDB_txn *txn, enum totals_scope scope,
	const char *name, struct totals *ret);
/* In place of a row that cannot be read. */
int totals_put_scope(struct cache *c, MDB_txn *txn, enum totals_scope scope,
	const char *name, const struct totals *t);
/* Of a row found by a scan of the scopes. -EBADMSG. */
int totals_decode(struct rd *in, struct totals *ret);
