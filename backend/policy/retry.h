// SPDX-License-Identifier: MIT
#pragma once
/* When to try again what was certainly not accepted. Pure: time and chance are given.
 */
#include <stdbool.h>
#include <stdint.h>

struct retry_rule {
	uint32_t tries;  /* in all, the first one too; >= 1 */
	int64_t base_ms; /* the first pause is at most this, each next one twice that */
	int64_t cap_ms;  /* no pause of our own choice is longer */
	int64_t total_ms; /* no try begins later than this after the first one */
};

/* design.md, section 5. */
#define RETRY_RULE ((struct retry_rule){3, 1000, 60000, 300000})

/* After the `attempts`th try has failed, `elapsed_ms` after the first one began.
 * hint_ms	the provider's Retry-After; < 0: none. Never shortened
 * random	uniform in 0..UINT32_MAX ("full jitter": the pause is uniform in
 * 0..bound) False: give up. */
bool retry_delay(const struct retry_rule *rule, uint32_t attempts, int64_t elapsed_ms,
	int64_t hint_ms, uint32_t random, int64_t *ret_ms);

/* Can the same call, a little later, end otherwise? Not where a person must act first
 * (ENOSPC, EDQUOT, EACCES, ...) or where the answer was about the request. */
bool retry_may_help(int code);
