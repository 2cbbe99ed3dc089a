// SPDX-License-Identifier: MIT
#pragma once
/* Numbers that look like chance and are the same in every run, for tests that try many
 * sums. On the stack of its test. */
#include <stdint.h>

struct dice {
	uint64_t state; /* the seed */
};

/* SplitMix64, https://prng.di.unimi.it/splitmix64.c. */
static inline uint64_t dice_roll(struct dice *d)
{
	uint64_t z = d->state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static inline uint32_t dice_below(struct dice *d, uint32_t n)
{
	return (uint32_t)(dice_roll(d) % n);
}

/* A sum of any size: small ones are as likely as large ones. */
static inline int64_t dice_money(struct dice *d)
{
	uint32_t shift = 1 + dice_below(d, 63);

	return (int64_t)(dice_roll(d) >> shift);
}
