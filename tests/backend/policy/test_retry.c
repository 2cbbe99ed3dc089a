// SPDX-License-Identifier: MIT
#include "backend/policy/retry.h"

#include <errno.h>

#include "cache/base/mem.h"
#include "tests/support/tap.h"

static void delays_at_the_edges(void)
{
	static const struct {
		uint32_t attempts;
		int64_t elapsed, hint;
		uint32_t random;
		bool again;
		int64_t delay;
	} cases[] = {
		{1, 0, -1, 0, true, 0},
		{1, 0, -1, UINT32_MAX, true, 1000},
		{2, 5000, -1, UINT32_MAX, true, 2000},
		{1, 0, -1, 1u << 31, true, 500},
		{3, 0, -1, 0, false, 0}, /* three tries in all */
		{1, 0, 7000, UINT32_MAX, true, 7000},
		{1, 0, 300000, 0, true, 300000},
		{1, 0, 300001, 0, false, 0},
		{1, 299000, -1, UINT32_MAX, true, 1000},
		{1, 299001, -1, UINT32_MAX, false, 0},
		{1, 400000, -1, 0, false, 0},
	};
	struct retry_rule rule = RETRY_RULE;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int64_t delay = 0;

		CHECK_INT(retry_delay(&rule, cases[i].attempts, cases[i].elapsed,
				  cases[i].hint, cases[i].random, &delay),
			cases[i].again);
		CHECK_INT(delay, cases[i].delay);
	}
}

static void the_pause_is_capped(void)
{
	struct retry_rule rule = {
		.tries = 100, .base_ms = 1000, .cap_ms = 60000, .total_ms = 1000000};
	int64_t delay = 0;

	CHECK(retry_delay(&rule, 6, 0, -1, UINT32_MAX, &delay));
	CHECK_INT(delay, 32000);
	CHECK(retry_delay(&rule, 7, 0, -1, UINT32_MAX, &delay));
	CHECK_INT(delay, 60000);
	CHECK(retry_delay(&rule, 99, 0, -1, UINT32_MAX, &delay));
	CHECK_INT(delay, 60000);
}

static void what_never_helps(void)
{
	static const int never[] = {ENOSPC, EDQUOT, EPERM, EACCES, EINVAL, ENOENT,
		EOPNOTSUPP, EBADMSG, EPROTO, ECANCELED};
	static const int may[] = {EBUSY, ENETUNREACH, ETIMEDOUT, EAGAIN};

	for (size_t i = 0; i < ARRAY_SIZE(never); i++)
		CHECK(!retry_may_help(never[i]));
	for (size_t i = 0; i < ARRAY_SIZE(may); i++)
		CHECK(retry_may_help(may[i]));
}

TAP_MAIN(TAP_CASE(delays_at_the_edges), TAP_CASE(the_pause_is_capped),
	TAP_CASE(what_never_helps))
