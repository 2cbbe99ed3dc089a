// SPDX-License-Identifier: MIT
/* avcC, and what stands in parameter sets that we need: their numbers. */
#include <errno.h>
#include <string.h>

#include "backend/media/join_internal.h"

#define HEAD 5 /* version, profile, compatibility, level, size of lengths */
#define PROFILE_HIGH 100
#define SETS_MAX 31
#define NUMBER_MAX 15
#define NAL_SPS 7
#define NAL_PPS 8

/* An Exp-Golomb number at bit `at`; -1: not within the bytes, or larger than any. */
static int golomb(const uint8_t *p, size_t len, size_t at)
{
	unsigned zeros = 0, v = 0;

	while (at < 8 * len && !(p[at / 8] >> (7 - at % 8) & 1)) {
		at++;
		zeros++;
	}
	if (zeros > 8 || at + zeros >= 8 * len)
		return -1;
	for (unsigned i = 0; i <= zeros; i++, at++)
		v = v << 1 | (p[at / 8] >> (7 - at % 8) & 1u);
	return (int)v - 1;
}

struct sets {
	const uint8_t *p;
	size_t len;
	size_t at; /* of the next set */
};

/* The next set with 2 bytes of length before it. */
static const uint8_t *next_set(struct sets *s, size_t *len)
{
	const uint8_t *p;

	if (s->len - s->at < 2)
		return NULL;
	*len = (size_t)s->p[s->at] << 8 | s->p[s->at + 1];
	s->at += 2;
	if (*len < 2 || *len > s->len - s->at)
		return NULL;
	p = s->p + s->at;
	s->at += *len;
	return p;
}

/* Where the PPS count stands, and where what follows the sets begins. */
static int walk(
	const uint8_t *p, size_t len, size_t *pps_at, size_t *end, uint32_t *numbers)
{
	struct sets s = {.p = p, .len = len, .at = HEAD + 1};
	int count, first;

	if (len < HEAD + 2 || p[0] != 1)
		return -EINVAL;
	count = p[HEAD] & SETS_MAX;
	first = count;
	for (int i = 0; i < count; i++) {
		size_t n;
		const uint8_t *set = next_set(&s, &n);
		int number = set && n > 4 ? golomb(set + 4, n - 4, 0) : -1;

		if (number < 0)
			return -EINVAL;
		*numbers |= number <= NUMBER_MAX ? 1u << number : 0;
	}
	if (s.at >= len)
		return -EINVAL;
	*pps_at = s.at;
	count = p[s.at++];
	for (int i = 0; i < count; i++) {
		size_t n;
		const uint8_t *set = next_set(&s, &n);
		int number = set ? golomb(set + 1, n - 1, 0) : -1;

		if (number < 0)
			return -EINVAL;
		*numbers |= number <= NUMBER_MAX ? 1u << number : 0;
	}
	*end = s.at;
	return first > 0 && count > 0 ? 0 : -EINVAL;
}

/* Baseline, Main, Extended and High: 8 bits, 4:2:0. */
static bool is_common_profile(int profile)
{
	return profile == 66 || profile == 77 || profile == 88 ||
	       profile == PROFILE_HIGH;
}

int join_config_free_set(const uint8_t *avcc, size_t len)
{
	size_t pps_at, end;
	uint32_t numbers = 0;

	if (walk(avcc, len, &pps_at, &end, &numbers) < 0 ||
		!is_common_profile(avcc[1]) || (avcc[4] & 3) != 3)
		return 0;
	if ((avcc[HEAD] & SETS_MAX) == SETS_MAX || avcc[pps_at] == UINT8_MAX)
		return 0;
	for (int i = 1; i <= NUMBER_MAX; i++)
		if (!(numbers & 1u << i))
			return i;
	return 0;
}

/* The next NAL unit with 4 bytes of length before it. */
static const uint8_t *next_unit(const uint8_t **p, const uint8_t *end, size_t *len)
{
	const uint8_t *unit;

	if (end - *p < 4)
		return NULL;
	*len = (size_t)(*p)[0] << 24 | (size_t)(*p)[1] << 16 | (size_t)(*p)[2] << 8 |
	       (*p)[3];
	unit = *p + 4;
	if (*len < 4 || *len > UINT16_MAX || *len > (size_t)(end - unit))
		return NULL;
	*p = unit + *len;
	return unit;
}

static int insert(struct join_config *c, size_t at, const uint8_t *set, size_t n)
{
	if (n + 2 > sizeof(c->bytes) - c->len)
		return -EINVAL;
	memmove(c->bytes + at + 2 + n, c->bytes + at, c->len - at);
	c->bytes[at] = (uint8_t)(n >> 8);
	c->bytes[at + 1] = (uint8_t)n;
	memcpy(c->bytes + at + 2, set, n);
	c->len += n + 2;
	return 0;
}

/* The newcomer's profile holds for all, where it is the higher one. */
static void raise_profile(struct join_config *c, const uint8_t *sps)
{
	if (c->bytes[1] != sps[1])
		c->bytes[2] = 0;
	c->bytes[1] = c->bytes[1] > sps[1] ? c->bytes[1] : sps[1];
	c->bytes[3] = c->bytes[3] > sps[3] ? c->bytes[3] : sps[3];
}

/* What High adds to avcC: 4:2:0, 8 bits, no extension. */
static int add_high(struct join_config *c, size_t end)
{
	static const uint8_t more[] = {0xfd, 0xf8, 0xf8, 0};

	if (c->bytes[1] != PROFILE_HIGH || end < c->len)
		return 0;
	if (sizeof(more) > sizeof(c->bytes) - c->len)
		return -EINVAL;
	memcpy(c->bytes + c->len, more, sizeof(more));
	c->len += sizeof(more);
	return 0;
}

int join_config_add(struct join_config *c, const uint8_t *extra, size_t len)
{
	const uint8_t *p = extra, *end = extra + len, *unit;
	size_t n, pps_at, sets_end;
	uint32_t numbers = 0;

	while ((unit = next_unit(&p, end, &n))) {
		bool is_sps = (unit[0] & 0x1f) == NAL_SPS;
		int r;

		if (!is_sps && (unit[0] & 0x1f) != NAL_PPS)
			continue;
		if (walk(c->bytes, c->len, &pps_at, &sets_end, &numbers) < 0)
			return -EINVAL;
		r = insert(c, is_sps ? pps_at : sets_end, unit, n);
		if (r < 0)
			return r;
		if (is_sps) {
			c->bytes[HEAD]++;
			raise_profile(c, unit);
		} else {
			c->bytes[pps_at]++;
			r = add_high(c, sets_end + n + 2);
			if (r < 0)
				return r;
		}
	}
	return 0;
}

/* One SPS and one PPS, as libx264 gives them. */
static int from_units(struct join_config *ret, const uint8_t *extra, size_t len)
{
	const uint8_t *p = extra, *end = extra + len, *unit;
	size_t n;

	unit = next_unit(&p, end, &n);
	if (!unit || (unit[0] & 0x1f) != NAL_SPS)
		return -EINVAL;
	memcpy(ret->bytes, (const uint8_t[]){1, unit[1], unit[2], unit[3], 0xff, 0xe0},
		HEAD + 1);
	ret->len = HEAD + 1;
	if (insert(ret, ret->len, unit, n) < 0)
		return -EINVAL;
	ret->bytes[HEAD]++;
	unit = next_unit(&p, end, &n);
	if (!unit || (unit[0] & 0x1f) != NAL_PPS || ret->len == sizeof(ret->bytes))
		return -EINVAL;
	ret->bytes[ret->len++] = 1;
	if (insert(ret, ret->len, unit, n) < 0)
		return -EINVAL;
	return add_high(ret, ret->len);
}

int join_config_new(struct join_config *ret, const uint8_t *extra, size_t len)
{
	size_t pps_at, end;
	uint32_t numbers = 0;

	*ret = (struct join_config){0};
	if (len > 0 && extra[0] == 1) {
		if (len > sizeof(ret->bytes) ||
			walk(extra, len, &pps_at, &end, &numbers) < 0)
			return -EINVAL;
		memcpy(ret->bytes, extra, len);
		ret->len = len;
		return 0;
	}
	return from_units(ret, extra, len);
}
