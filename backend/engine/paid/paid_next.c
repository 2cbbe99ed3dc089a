// SPDX-License-Identifier: MIT
/* See paid_next.h. */
#include "backend/engine/paid/paid_next.h"

#include <errno.h>
#include <string.h>

static struct part *first_unkept(struct paid *p, uint32_t out)
{
	for (uint32_t i = 0; i < p->n_parts; i++)
		if (p->part[i].out == out && !p->part[i].is_kept)
			return &p->part[i];
	return NULL;
}

static bool same_text(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

/* In the same state as the first one, and of another file. */
static bool goes_along(
	const struct paid *p, const struct part *q, const struct part *first)
{
	return q->state == first->state && run_is_open(p->job->run, q->out) &&
	       !q->is_kept && q->seg == first->seg &&
	       same_text(q->operation, first->operation) &&
	       same_text(q->prefix, first->prefix);
}

static uint32_t takes_max(const struct paid *p, const struct part *first)
{
	uint64_t seed;

	if (first->state == LEDGER_ACCEPTED || first->state == LEDGER_SENT)
		return WIRE_MEDIA_MAX;
	if (p->plan.n > 1 || limits_seed(&p->job->req, &seed))
		return 1;
	return remote_takes_max(p->net->remote, p->job->run->served);
}

/* Takes that one call makes. */
static void choose(struct paid *p, const struct part *first)
{
	uint32_t max = takes_max(p, first);

	if (max > WIRE_MEDIA_MAX)
		max = WIRE_MEDIA_MAX;
	p->n_cur = 0;
	p->cur[p->n_cur++] = (uint32_t)(first - p->part);
	for (uint32_t i = p->cur[0] + 1; i < p->n_parts && p->n_cur < max; i++)
		if (goes_along(p, &p->part[i], first))
			p->cur[p->n_cur++] = i;
}

static enum paid_state next_of_part(struct paid *p, const struct part *part)
{
	bool can_search = part->prefix && p->net->bucket;

	choose(p, part);
	switch (part->state) {
	case LEDGER_SENT:
		if (!can_search)
			return paid_unknown(p, "the answer to an earlier call was "
					       "lost; it may be paid");
		return PAID_ASK;
	case LEDGER_ACCEPTED:
		return PAID_ASK;
	case LEDGER_RESERVED:
		return PAID_PREPARE;
	default:
		break;
	}
	/* What was under way is here; the rest is bought when somebody asks. */
	if (p->is_resumed && !p->job->tickets)
		return paid_failsf(p, ECANCELED, "nobody waits for the rest");
	return PAID_CHECK;
}

enum paid_state paid_next(struct job *j)
{
	struct paid *p = paid_of(j);

	if (paid_is_stopping(p))
		return paid_stops(p);
	for (uint32_t o = 0; o < j->run->pj.n_outputs; o++) {
		const struct part *part;

		if (!run_is_open(j->run, o))
			continue;
		part = first_unkept(p, o);
		if (part)
			return next_of_part(p, part);
		p->finishing = o;
		return PAID_FINISH;
	}
	p->why = (struct err){0};
	return PAID_GIVE_BACK;
}
