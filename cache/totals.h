// SPDX-License-Identifier: MIT
#pragma once
/* Totals inside write transactions. A change is a struct totals that is added field by
 * field; what it takes away is added as the negative number (wrapping). */
#include "cache/tree.h"

enum totals_scope { SCOPE_PROGRAM = 'p', SCOPE_USER = 'u', SCOPE_DAY = 'd' };

void totals_add(struct totals *to, const struct totals *delta);
void totals_negate(struct totals *t);
/* Adds to the model's totals in each directory of the chain. */
int totals_apply(struct cache *c, MDB_txn *txn, const struct dir_chain *chain,
	const char *model, const struct totals *delta);
int totals_apply_scope(struct cache *c, MDB_txn *txn, enum totals_scope scope,
	const char *name, const struct totals *delta);
