// SPDX-License-Identifier: MIT
#pragma once
/* The calls that a file takes, and what each may cost at most: what .cost shows and
 * what is reserved come from here. Pure, any thread: no store, no clock, no job. */
#include "backend/policy/limits.h"
#include "backend/policy/price.h"

struct plan_rule {
	const struct price_scope *scope;
	const struct model_row *named, *served; /* who is asked for, who is to serve */
	const struct request *req;
};

/* The calls, with their lengths as they are sent and billed: they may be longer than
 * what is asked, and the file is cut then. -EINVAL: `served` cannot make it. */
int plan_calls(const struct plan_rule *rule, struct segments *ret, struct err *err);
/* The same, and the micro-USD that the whole file costs at most, whoever serves it.
 * -EDQUOT: no price, no budget. */
int plan_make(const struct plan_rule *rule, struct segments *ret, int64_t *ret_worst_ud,
	struct err *err);
/* What each call holds, by its seconds: together the worst case, to the last
 * micro-dollar. held: plan->n. */
void plan_share(const struct segments *plan, int64_t worst_ud, int64_t *held_ud);
bool plan_is_same(const struct segments *a, const struct segments *b);
