// SPDX-License-Identifier: MIT
#pragma once
/* All rows of a ledger, newest first; the product asks for the open ones only. */
#include <errno.h>
#include <stdbool.h>

#include "cache/ledger.h"

#define ROWS_GAP 16 /* ids in a row that are not there: it was the end */

static inline uint64_t last_row_id(struct cache *c)
{
	uint64_t last = 0;

	for (uint64_t id = 1; id <= last + ROWS_GAP; id++) {
		struct ledger_row row = {0};

		if (ledger_find(c, id, &row, NULL) != -ENOENT)
			last = id;
		ledger_row_finish(&row);
	}
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
		if (!r)
			r = fn(user, &row);
		else if (r == -EBADMSG || r == -ENOENT) {
			is_damaged = is_damaged || r == -EBADMSG;
			r = 0;
		}
		ledger_row_finish(&row);
	}
	return r ? r : is_damaged ? -EBADMSG : 0;
}
