// SPDX-License-Identifier: MIT
/* See paid_retry.h. */
#define LOG_TAG "engine"
#include "backend/engine/paid/paid_retry.h"

#include <errno.h>

#include "backend/engine/plan.h"
#include "backend/engine/paid/paid_rows.h"
#include "backend/engine/paid/route.h"
#include "cache/base/log.h"

#define SWITCHES_MAX 4 /* to other models, in one job */

static bool may_retry(const struct paid *p, const struct err *err,
	int64_t retry_after_ms, int64_t *delay)
{
	return job_may_retry(
		p->job, err, p->sends ? p->sends : 1, retry_after_ms, delay);
}

/* ---- it did not leave, or did not arrive ---- */

enum paid_state paid_unsend(struct job *j)
{
	struct paid *p = paid_of(j);

	if (p->part[p->cur[0]].state == LEDGER_SENT) {
		rows_unsend(p);
		return PAID_WAITS;
	}
	p->commit.err = (struct err){0};
	p->sends++; /* a try, though nothing left the machine */
	return PAID_RETRY;
}

/* The rows are reserved again. */
enum paid_state paid_retry(struct job *j)
{
	struct paid *p = paid_of(j);
	int64_t delay;

	if (p->commit.err.code) {
		log_warn("the ledger could not be changed: %s", p->commit.err.why);
		return PAID_GIVE_BACK;
	}
	paid_call_clear(p);
	if (p->is_stopping || p->why.code == EACCES ||
		!may_retry(p, &p->why, -1, &delay))
		return PAID_GIVE_BACK;
	job_back_off(j, delay, &p->why);
	return PAID_WAITS;
}

/* ---- it was turned away ---- */

static enum paid_state renew(struct paid *p)
{
	bool is_first = exchange_renew(&p->http);
	struct err err = p->call.verdict->err;

	paid_call_clear(p);
	if (!is_first)
		return paid_fails(p, &err);
	p->http.is_renewed = true;
	return PAID_PREPARE;
}

static enum paid_state to_other(
	struct paid *p, const struct model_row *to, const struct err *why)
{
	paid_fails(p, why);
	p->to = to;
	return PAID_SWITCH;
}

static enum paid_state missing(struct paid *p)
{
	struct job *j = p->job;
	struct err err = {0};
	const struct model_row *to =
		route_missing(p->net, j->run->served, &j->req, &err);

	return to ? to_other(p, to, &p->call.verdict->err) : paid_fails(p, &err);
}

static bool next_region(struct paid *p)
{
	if (p->region + 1 >= remote_regions(p->net->remote, p->job->run->served) ||
		p->sends >= p->job->e->rules.retry.tries)
		return false;
	p->region++;
	return true;
}

static enum paid_state overloaded(struct paid *p)
{
	const struct verdict *v = p->call.verdict;
	struct job *j = p->job;
	const struct model_row *row = j->run->served, *other;
	struct err err = v->err;
	int64_t delay;

	if (!v->is_final && next_region(p)) {
		log_info("%s; trying %s", err.why,
			remote_region(p->net->remote, row, p->region));
		paid_call_clear(p);
		return PAID_PREPARE;
	}
	if (!v->is_final && may_retry(p, &err, v->retry_after_ms, &delay)) {
		p->region = 0;
		paid_call_clear(p);
		job_back_off(j, delay, &err);
		return PAID_WAITS;
	}
	other = route_overloaded(p->net, row, &j->req);
	if (other && other != row)
		return to_other(p, other, &err);
	route_name_other(p->net, j->row, &j->req, &err);
	return paid_fails(p, &err);
}

/* The rows are reserved again. */
enum paid_state paid_rejected(struct job *j)
{
	struct paid *p = paid_of(j);
	const struct verdict *v = p->call.verdict;

	if (p->commit.err.code)
		return paid_fails(p, &p->commit.err);
	if (paid_is_stopping(p))
		return paid_fails(p, &v->err);
	switch (v->kind) {
	case VERDICT_AUTH:
		return renew(p);
	case VERDICT_NO_MODEL:
		return missing(p);
	case VERDICT_BUSY:
		return overloaded(p);
	default:
		return paid_fails(p, &v->err);
	}
}

/* ---- another model ---- */

enum paid_state paid_switch(struct job *j)
{
	struct paid *p = paid_of(j);
	struct segments plan = {.n = 1};
	bool is_timed = media_traits(j->req.type)->is_timed;

	if (++p->switches > SWITCHES_MAX)
		return PAID_GIVE_BACK;
	if (is_timed &&
		limits_segments(p->to, &j->req,
			limits_may_extend(p->net->backend, p->net->bucket), &plan) < 0)
		return PAID_GIVE_BACK;
	log_warn("%s; %s serves it instead of %s", p->why.why, p->to->name,
		j->req.model);
	j->run->served = p->to;
	p->region = p->sends = 0;
	paid_call_clear(p);
	return !is_timed || plan_is_same(&plan, &p->plan) ? PAID_NEXT : PAID_REPLAN;
}
