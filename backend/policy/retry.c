// SPDX-License-Identifier: MIT
/* How long to wait before the next try. Pure. */
#include "backend/policy/retry.h"

#include <errno.h>

static int64_t backoff_bound(const struct retry_rule *rule, uint32_t attempts)
{
	int64_t bound = rule->base_ms;

	for (uint32_t i = 1; i < attempts && bound < rule->cap_ms; i++)
		bound *= 2;
	return bound < rule->cap_ms ? bound : rule->cap_ms;
}

bool retry_delay(const struct retry_rule *rule, uint32_t attempts, int64_t elapsed_ms,
	int64_t hint_ms, uint32_t random, int64_t *ret_ms)
{
	uint64_t bound = (uint64_t)backoff_bound(rule, attempts);
	int64_t delay = (int64_t)((random * (bound + 1)) >> 32);

	if (attempts >= rule->tries)
		return false;
	if (delay < hint_ms)
		delay = hint_ms;
	if (elapsed_ms > rule->total_ms || delay > rule->total_ms - elapsed_ms)
		return false;
	*ret_ms = delay;
	return true;
}

bool retry_may_help(int code)
{
	switch (code) {
	case EAGAIN:
	case EBUSY:
	case EINTR:
	case EIO:
	case EMFILE:
	case ENFILE:
	case ENETUNREACH:
	case ENOMEM:
	case ETIMEDOUT:
		return true;
	default:
		return false;
	}
}
