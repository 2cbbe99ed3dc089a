// SPDX-License-Identifier: MIT
#pragma once
/* Money is integer micro-US-dollars; nothing else is ever added up. */
#include <stdint.h>

#include "cache/base/err.h"

#define MONEY_DOLLAR INT64_C(1000000)

/* "0.025", "5", "0": at most six decimals, no trailing zeros, '-' if negative. */
#define MONEY_TEXT 24
void money_format(int64_t udollars, char ret[static MONEY_TEXT]);

/* The inverse: digits with at most six decimals, >= 0. -EINVAL, -ERANGE (above 1e9). */
int money_parse(const char *text, int64_t *ret, struct err *err);

/* Sum that stays at INT64_MAX instead of overflowing. Both >= 0. */
int64_t money_add(int64_t a, int64_t b);
