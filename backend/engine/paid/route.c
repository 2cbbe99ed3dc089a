// SPDX-License-Identifier: MIT
#define LOG_TAG "engine"
#include <errno.h>
#include <string.h>

#include "backend/engine/paid/paid.h"
#include "cache/base/clk.h"
#include "cache/base/log.h"
#include "cache/base/mem.h"

#define PACE_WINDOW_MS 60000

/* What is known of a model beyond its row: lives as long as the mount. */
struct route {
	struct route *next;
	const struct model_row *row;
	int64_t missing_until_ms; /* CLOCK_MONOTONIC */
	int64_t *sent_ms;         /* the last row->rpm requests, a ring */
	uint32_t at;
};

static struct route *find(struct engine *e, const struct model_row *row, bool make)
{
	struct route *r = e->routes;

	while (r && r->row != row)
		r = r->next;
	if (r || !make)
		return r;
	r = new0(struct route);
	if (!r)
		return NULL;
	r->row = row;
	r->next = e->routes;
	e->routes = r;
	return r;
}

void routes_free(struct route *r)
{
	while (r) {
		struct route *next = r->next;

		free(r->sent_ms);
		free(r);
		r = next;
	}
}

static bool is_missing(struct engine *e, const struct model_row *row)
{
	const struct route *r = find(e, row, false);

	return r && clk_mono_ms() < r->missing_until_ms;
}

/* The sentence for a model that is gone and has nobody in its place. */
static const struct model_row *gone(struct engine *e, const struct model_row *row,
	const struct model_row *successor, struct err *err)
{
	if (successor)
		err_set(err, ENOENT,
			"the provider no longer has %s; use %s, or mount with "
			"fallback=on",
			row->name, successor->name);
	else
		err_set(err, ENOENT,
			"the provider no longer has %s, and no successor in the "
			"catalogue can make this file",
			row->name);
	return NULL;
}

static const struct model_row *successor(
	struct engine *e, const struct model_row *row, const struct request *req)
{
	char today[11];
	struct price_scope s = paid_scope(e, today);
	const struct model_row *to = price_successor(&s, row, req);

	return to && !is_missing(e, to) ? to : NULL;
}

const struct model_row *route_first(struct engine *e, const struct model_row *named,
	const struct request *req, struct err *err)
{
	const struct model_row *to;

	if (!is_missing(e, named))
		return named;
	to = successor(e, named, req);
	return to && e->fallback ? to : gone(e, named, to, err);
}

const struct model_row *route_missing(struct engine *e, const struct model_row *row,
	const struct request *req, struct err *err)
{
	struct route *r = find(e, row, true);
	const struct model_row *to;

	if (r)
		r->missing_until_ms = clk_mono_ms() + PAID_MISSING_MS;
	to = successor(e, row, req);
	return to && e->fallback ? to : gone(e, row, to, err);
}

const struct model_row *route_overloaded(
	struct engine *e, const struct model_row *row, const struct request *req)
{
	char today[11];
	struct price_scope s = paid_scope(e, today);
	const struct model_row *to = e->fallback ? price_fallback(&s, row, req) : NULL;

	return to && is_missing(e, to) ? successor(e, to, req) : to;
}

int64_t route_pace(struct engine *e, const struct model_row *row, int64_t now_ms)
{
	struct route *r = row->rpm ? find(e, row, true) : NULL;
	int64_t oldest;

	if (!r)
		return 0;
	if (!r->sent_ms)
		r->sent_ms = new_array(int64_t, row->rpm);
	if (!r->sent_ms)
		return 0;
	oldest = r->sent_ms[r->at];
	if (oldest && now_ms - oldest < PACE_WINDOW_MS)
		return oldest + PACE_WINDOW_MS - now_ms;
	r->sent_ms[r->at] = now_ms;
	r->at = (r->at + 1) % row->rpm;
	return 0;
}
