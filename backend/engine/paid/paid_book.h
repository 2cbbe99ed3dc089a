// SPDX-License-Identifier: MIT
#pragma once
/* What a call has cost, and how its parts share it. Pure; integer micro-dollars. */
#include "backend/provider/wire.h"

struct booking {
	const struct model_row *row; /* who served it */
	const struct request *req;
	uint32_t seconds; /* of a video's call; 0: no video */
	uint32_t n_parts; /* of the call */
	bool may_extend;
};

/* Of all parts together. false: not known, then everything that is held is booked. */
bool book_charge(const struct booking *b, const struct verdict *v, int64_t *ret_ud);

/* One part's share of a call. */
struct book_share {
	bool has_bytes;
	int64_t held_ud;
	int64_t charged_ud; /* set */
};
/* charged < 0: not known. Equal shares among those that have something, or all if none
 * has; odd micro-dollars go to the first. Returns whether one is above what it held. */
bool book_parts(int64_t charged_ud, struct book_share *part, uint32_t n);
