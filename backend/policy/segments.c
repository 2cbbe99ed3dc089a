// SPDX-License-Identifier: MIT
/* How a long video is divided into calls. Pure. */
#include <errno.h>
#include <string.h>

#include "backend/policy/limits.h"
#include "cache/base/mem.h"

const struct seconds_rule *limits_seconds(
	const struct model_row *row, const struct request *req)
{
	const char *res = limits_value(row, req, OPT_RES);
	const struct seconds_rule *any = NULL;

	for (size_t i = 0; i < row->n_seconds; i++) {
		if (!row->seconds[i].res[0])
			any = &row->seconds[i];
		else if (res && !strcmp(row->seconds[i].res, res))
			return &row->seconds[i];
	}
	return any;
}

static bool makes(const struct seconds_rule *rule, uint32_t seconds)
{
	for (uint32_t i = 0; i < rule->n; i++) {
		if (rule->seconds[i] == seconds)
			return true;
	}
	return false;
}

/* As few calls as the longest one allows, all about as long: only where that adds up
 * exactly with lengths that the model makes. */
static bool split_evenly(
	const struct seconds_rule *rule, uint32_t total, struct segments *ret)
{
	uint32_t longest = rule->seconds[rule->n - 1];
	uint32_t n = (total + longest - 1) / longest;
	uint32_t low = total / n, longer = total % n;

	if (n > LIMITS_SEGMENTS_MAX || !makes(rule, low) ||
		(longer && !makes(rule, low + 1)))
		return false;
	ret->n = n;
	ret->billed = total;
	for (uint32_t i = 0; i < n; i++)
		ret->seconds[i] = (uint16_t)(low + (i < longer));
	return true;
}

/* best[t]: the least that t seconds or more cost in seconds, then in calls. */
struct cell {
	uint32_t billed;
	uint16_t calls, last;
};

static void fill(const struct seconds_rule *rule, struct cell *best, uint32_t total)
{
	best[0] = (struct cell){0};
	for (uint32_t t = 1; t <= total; t++) {
		best[t] = (struct cell){.billed = UINT32_MAX};
		for (uint32_t i = 0; i < rule->n; i++) {
			uint32_t s = rule->seconds[i];
			const struct cell *rest = &best[t > s ? t - s : 0];
			uint32_t billed = rest->billed + s;

			if (billed < best[t].billed ||
				(billed == best[t].billed &&
					rest->calls + 1 <= best[t].calls))
				best[t] = (struct cell){billed,
					(uint16_t)(rest->calls + 1), (uint16_t)s};
		}
	}
}

static int split_cheaply(
	const struct seconds_rule *rule, uint32_t total, struct segments *ret)
{
	scoped_free struct cell *best = new_array(struct cell, (size_t)total + 1);

	if (!best)
		return -ENOMEM;
	fill(rule, best, total);
	if (best[total].calls > LIMITS_SEGMENTS_MAX)
		return -EINVAL;
	ret->billed = best[total].billed;
	ret->n = 0;
	for (uint32_t t = total; t > 0;) {
		uint16_t s = best[t].last;

		ret->seconds[ret->n++] = s;
		t = t > s ? t - s : 0;
	}
	return 0;
}

bool limits_may_extend(enum backend_id backend, const char *bucket)
{
	return backend == BACKEND_VERTEX && bucket && *bucket;
}

/* One clip and as many extensions as it takes, if that bills less than `ret`. */
static void try_extension(const struct extend_rule *extend,
	const struct seconds_rule *rule, uint32_t total, struct segments *ret)
{
	for (uint32_t i = 0; i < rule->n; i++) {
		uint32_t base = rule->seconds[i], n = 1, length = base;

		while (length < total && length <= extend->input_max &&
			length + extend->seconds <= extend->max &&
			n < LIMITS_SEGMENTS_MAX) {
			length += extend->seconds;
			n++;
		}
		if (length < total || length > ret->billed ||
			(length == ret->billed && (!ret->is_extension || n >= ret->n)))
			continue;
		*ret = (struct segments){
			.n = n, .billed = length, .is_extension = true};
		ret->seconds[0] = (uint16_t)base;
		for (uint32_t k = 1; k < n; k++)
			ret->seconds[k] = (uint16_t)extend->seconds;
	}
}

static int chain(const struct seconds_rule *rule, uint32_t total, struct segments *ret)
{
	if (total <= rule->seconds[rule->n - 1]) {
		uint32_t i = 0;

		while (rule->seconds[i] < total) /* ascending */
			i++;
		ret->n = 1;
		ret->billed = rule->seconds[i];
		ret->seconds[0] = (uint16_t)rule->seconds[i];
		return 0;
	}
	if (split_evenly(rule, total, ret))
		return 0;
	return split_cheaply(rule, total, ret);
}

bool limits_seconds_are_whole(const struct model_row *row, const struct request *req)
{
	const struct seconds_rule *rule = limits_seconds(row, req);

	return rule &&
	       (req->seconds > rule->seconds[rule->n - 1] || makes(rule, req->seconds));
}

int limits_segments(const struct model_row *row, const struct request *req,
	bool may_extend, struct segments *ret)
{
	const struct seconds_rule *rule = limits_seconds(row, req);
	uint32_t total = req->seconds;
	struct segments s = {0};
	int r;

	if (!rule || total == 0 || total > row->seconds_max)
		return -EINVAL;
	r = chain(rule, total, &s);
	if (r < 0)
		return r;
	if (s.n > 1 && may_extend && row->extend.seconds && !req->opt[OPT_LAST])
		try_extension(&row->extend, rule, total, &s);
	*ret = s;
	return 0;
}
