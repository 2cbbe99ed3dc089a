// SPDX-License-Identifier: MIT
#pragma once
/* An order of ledger_reserve on its way to the store thread: a copy that owns what it
 * points to. */
#include "cache/ledger.h"

struct order {
	struct ledger_row row; /* what its rows have in common */
	struct cache_place place;
	struct digest key, prompt_id;
	char *name[CACHE_DEPTH_MAX];
	struct ledger_part *part;
	size_t n;
	uint64_t *instead;
	size_t n_instead;
	int64_t cost_ud; /* of all parts; the store thread's */
};

/* -ENOMEM; finish it in any case. `ret` must not be moved afterwards. */
int order_copy(struct order *ret, const struct ledger_order *from);
void order_finish(struct order *d);
