// SPDX-License-Identifier: MIT
#pragma once
/* Limits of what may be spent, as settings name them and ledger_reserve keeps them.
 * Plain values. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ledger_period { LEDGER_DAY, LEDGER_MONTH, LEDGER_TOTAL, LEDGER_PERIODS };
#define LEDGER_ANY_UID UINT32_MAX

struct ledger_limit {
	enum ledger_period period;
	int64_t udollars; /* spent + reserved may reach it, not pass it */
	bool is_per_user; /* of each user by himself: */
	uint32_t uid;     /* of this one only, or LEDGER_ANY_UID; else not looked at */
};

struct ledger_budget {
	const struct ledger_limit *limit;
	size_t n;
	int64_t file_udollars; /* max_cost: of one file with all its parts; <0: none */
};

/* From 80 % on a limit is worth an alert; so is one of nothing. used: spent and
 * reserved, micro-USD. */
static inline bool ledger_is_nearly_used(int64_t used_ud, int64_t limit_ud)
{
	return (__int128)used_ud * 5 >= (__int128)limit_ud * 4;
}
