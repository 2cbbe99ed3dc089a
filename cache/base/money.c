// SPDX-License-Identifier: MIT
/* What cache/base/money.h says. Pure, any thread. */
#include "cache/base/money.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void money_format(int64_t udollars, char ret[static MONEY_TEXT])
{
	uint64_t v = udollars < 0 ? 0 - (uint64_t)udollars : (uint64_t)udollars;
	char frac[8];
	int n = 6;

	snprintf(frac, sizeof(frac), "%06" PRIu64, v % 1000000);
	while (n && frac[n - 1] == '0')
		n--;
	frac[n] = '\0';
	snprintf(ret, MONEY_TEXT, "%s%" PRIu64 "%s%s", udollars < 0 ? "-" : "",
		v / 1000000, n ? "." : "", frac);
}

int money_parse(const char *text, int64_t *ret, struct err *err)
{
	const char *p = text;
	int64_t v = 0;
	int digits = 0, decimals = -1;

	for (; *p; p++) {
		if (*p == '.' && decimals < 0) {
			decimals = 0;
			continue;
		}
		if (*p < '0' || *p > '9' || decimals == 6)
			return err_set(err, EINVAL,
				"\"%s\" is not an amount such as 5 or 0.25", text);
		v = v * 10 + (*p - '0');
		digits++;
		if (decimals >= 0)
			decimals++;
		if (v > INT64_C(1000000000) * MONEY_DOLLAR)
			return err_set(err, ERANGE, "the amount %s is too large", text);
	}
	if (!digits)
		return err_set(
			err, EINVAL, "\"%s\" is not an amount such as 5 or 0.25", text);
	for (int i = decimals < 0 ? 0 : decimals; i < 6; i++)
		v *= 10;
	if (v > INT64_C(1000000000) * MONEY_DOLLAR)
		return err_set(err, ERANGE, "the amount %s is too large", text);
	*ret = v;
	return 0;
}

int64_t money_add(int64_t a, int64_t b)
{
	int64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}
