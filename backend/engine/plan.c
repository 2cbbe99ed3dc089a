// SPDX-License-Identifier: MIT
/* See plan.h. */
#include "backend/engine/plan.h"

#include <errno.h>
#include <string.h>

#include "backend/provider/wire.h"

/* As they are sent and billed, which may be longer than asked. */
static void as_sent(const struct plan_rule *rule, struct segments *plan)
{
	plan->billed = 0;
	for (uint32_t i = 0; i < plan->n; i++) {
		struct wire_job w = {.req = rule->req,
			.row = rule->served,
			.seconds = plan->seconds[i],
			.video_uri = plan->is_extension && i ? "" : NULL,
			.backend = rule->scope->backend};

		plan->seconds[i] = (uint16_t)wire_seconds(&w);
		plan->billed += plan->seconds[i];
	}
}

int plan_calls(const struct plan_rule *rule, struct segments *ret, struct err *err)
{
	struct segments plan = {.n = 1};

	if (media_traits(rule->req->type)->is_timed) {
		if (limits_segments(rule->served, rule->req, rule->scope->may_extend,
			    &plan) < 0)
			return err_set(err, EINVAL, "%s cannot make a video of %u s",
				rule->served->name, rule->req->seconds);
		as_sent(rule, &plan);
	}
	*ret = plan;
	return 0;
}

static int64_t sum_of(const struct plan_rule *rule, const struct segments *plan)
{
	int64_t sum = 0, v;

	for (uint32_t i = 0; plan->billed && i < plan->n; i++)
		if (price_segment(
			    rule->served, rule->req, plan->seconds[i], &v, NULL) == 0)
			sum += v;
	return sum;
}

int plan_make(const struct plan_rule *rule, struct segments *ret, int64_t *ret_worst_ud,
	struct err *err)
{
	struct segments plan = {0};
	int64_t worst = 0, sum;
	int r = price_worst(rule->scope, rule->named, rule->req, 1, &worst, err);

	if (r == -ENOENT) {
		if (err)
			err->code = EDQUOT;
		return err_wrap(err, -EDQUOT, "no price, no budget");
	}
	if (r < 0)
		return r;
	r = plan_calls(rule, &plan, err);
	if (r < 0)
		return r;
	sum = sum_of(rule, &plan);
	*ret = plan;
	*ret_worst_ud = sum > worst ? sum : worst;
	return 0;
}

void plan_share(const struct segments *plan, int64_t worst_ud, int64_t *held_ud)
{
	int64_t left = worst_ud;

	for (uint32_t i = 0; i < plan->n; i++) {
		held_ud[i] = i + 1 == plan->n || !plan->billed
				     ? left
				     : (int64_t)((__int128)worst_ud * plan->seconds[i] /
						 plan->billed);
		left -= held_ud[i];
	}
}

bool plan_is_same(const struct segments *a, const struct segments *b)
{
	return a->n == b->n && a->is_extension == b->is_extension &&
	       !memcmp(a->seconds, b->seconds, a->n * sizeof(a->seconds[0]));
}
