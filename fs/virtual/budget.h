// SPDX-License-Identifier: MIT
#pragma once
/* What is left of the budget, as .cost, status.json and the commands tell it. Sums come
 * from the ledger at the moment of asking. Any thread. */
#include "cache/ledger.h"
#include "fs/mount/promptfs.h"

/* One limit and what counts against it. A limit of each user stands once per user. */
struct budget_line {
	enum ledger_period period;
	int64_t limit_ud;
	uint32_t uid; /* LEDGER_ANY_UID: of all together */
	int64_t spent_ud, reserved_ud;
};

struct budget_view {
	struct budget_line *line; /* owned */
	size_t n;
	/* Least is left of it, among those of all and of the mounting user; NULL: no
	 * limit. */
	const struct budget_line *tightest;
	struct ledger_sums sums[LEDGER_PERIODS]; /* of all users */
	bool is_alert;                           /* some limit is used up by 80 % */
};

/* -EBADMSG: the ledger is damaged; -ENOMEM. */
int budget_view_get(struct promptfs *fs, struct budget_view *ret);
void budget_view_finish(struct budget_view *v);

/* Adds "budget": the tightest limit, and for paid backends all of them as "limits".
 * Amounts are null where the ledger is damaged. -ENOMEM. */
int budget_add(struct promptfs *fs, cJSON *o);
/* Adds "money", for paid backends only. -ENOMEM. */
int budget_add_money(struct promptfs *fs, cJSON *o);
