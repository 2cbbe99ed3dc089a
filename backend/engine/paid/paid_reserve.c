// SPDX-License-Identifier: MIT
/* See paid_reserve.h. */
#include "backend/engine/paid/paid_reserve.h"

#include <errno.h>

#include "backend/engine/paid/paid_rows.h"
#include "backend/engine/paid/route.h"
#include "cache/base/clk.h"
#include "cache/base/mem.h"

#define CHECK_AGAIN_MS 20

/* Nothing is bought before the ledger's totals were checked against its rows. */
enum paid_state paid_check(struct job *j)
{
	if (ledger_health(j->e->cache) != LEDGER_UNCHECKED)
		return PAID_RESERVE;
	job_timer(j, clk_mono_ms() + CHECK_AGAIN_MS);
	return PAID_WAITS;
}

enum paid_state paid_reserve(struct job *j)
{
	struct paid *p = paid_of(j);

	rows_reserve(j, p->stale, p->n_stale);
	return PAID_WAITS;
}

enum paid_state paid_ready(struct job *j)
{
	rows_keep(paid_of(j));
	return PAID_WAITS;
}

enum paid_state paid_reserved(struct job *j)
{
	struct paid *p = paid_of(j);

	if (p->commit.err.code) {
		route_name_cheaper(p->net, j->row, &j->req, &p->commit.err);
		return paid_fails(p, &p->commit.err);
	}
	if (p->commit.n_ids)
		p->n_stale = 0;
	rows_take(p);
	network_alert(p->net, j->uid);
	if (paid_is_stopping(p))
		return paid_stops(p);
	return j->run->is_granted ? PAID_NEXT : PAID_QUEUE;
}

enum paid_state paid_give_back(struct job *j)
{
	struct paid *p = paid_of(j);
	scoped_free uint64_t *ids = new_array(uint64_t, p->n_parts + 1);
	size_t n = ids ? rows_reserved(p, ids) : 0;

	paid_call_clear(p);
	p->commit.err = (struct err){0};
	if (!n)
		return PAID_END;
	rows_release(p, ids, n);
	return PAID_WAITS;
}

/* Another model takes over with a plan of its own: what it holds together is the same
 * worst case. */
enum paid_state paid_replan(struct job *j)
{
	struct paid *p = paid_of(j);
	scoped_free uint64_t *ids = new_array(uint64_t, p->n_parts + 1);
	size_t n = ids ? rows_reserved(p, ids) : 0;
	struct err err = {0};

	for (uint32_t i = 0; i < p->n_parts; i++)
		if (p->part[i].is_kept || p->part[i].state != LEDGER_RESERVED)
			return paid_failsf(p, EBUSY,
				"a part of this video is paid and %s makes no more of "
				"it; open it again later to go on",
				j->req.model);
	p->n_cur = 0;
	p->n_parts = 0;
	free(steal_ptr(p->part));
	if (!ids)
		err_oom(&err);
	else if (rows_plan(p, &err) == 0) {
		rows_reserve(j, ids, n);
		return PAID_WAITS;
	}
	return paid_fails(p, &err);
}

enum paid_state paid_replanned(struct job *j)
{
	struct paid *p = paid_of(j);

	if (p->commit.err.code)
		return paid_fails(p, &p->commit.err);
	rows_take(p);
	return PAID_NEXT;
}
