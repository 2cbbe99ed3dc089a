// SPDX-License-Identifier: MIT
#pragma once
/* All rows of a ledger, newest first; the product asks for the open ones only. */
#include <errno.h>

#include "cache/ledger_txn.h"

static inline uint64_t last_row_id(struct cache *c)
{
	struct db_read *read;
	uint64_t last = 0;
	char name[32];

	if (db_read_begin(&c->db, &read) < 0)
		return 0;
	ledger_counter(c, name);
	if (meta_get(read->txn, &c->db, name, &last) < 0)
		last = 0;
	db_read_end(&c->db, read);
	return last;
}

/* fn's nonzero result stops and is returned. -EBADMSG: rows that cannot be read were
 * passed over. */
static inline int each_row(struct cache *c, ledger_row_fn fn, void *user)
{
	bool is_damaged = false;
	int r = 0;

	for (uint64_t id = last_row_id(c); !r && id; id--) {
		struct ledger_row row = {0};

		r = ledger_find(c, id, &row, NULL);
		if (!r) {
			r = fn(user, &row);
			ledger_row_finish(&row);
		} else if (r == -EBADMSG || r == -ENOENT) {
			is_damaged = is_damaged || r == -EBADMSG;
			r = 0;
		}
	}
	return r ? r : is_damaged ? -EBADMSG : 0;
}
