// SPDX-License-Identifier: MIT
/* See route.h. */
#include "backend/engine/paid/route.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cache/base/clk.h"
#include "cache/base/mem.h"
#include "cache/base/money.h"

#define PACE_WINDOW_MS 60000
#define MISSING_MS (60 * 60 * 1000) /* "no such model" is remembered */

/* What is known of a model beyond its row: lives as long as the mount. */
struct route {
	struct route *next;
	const struct model_row *row;
	int64_t missing_until_ms; /* CLOCK_MONOTONIC */
	int64_t *sent_ms;         /* the last row->rpm requests, a ring */
	uint32_t at;
};

static struct route *find(struct network *n, const struct model_row *row, bool make)
{
	struct route *r = n->routes;

	while (r && r->row != row)
		r = r->next;
	if (r || !make)
		return r;
	r = new0(struct route);
	if (!r)
		return NULL;
	r->row = row;
	r->next = n->routes;
	n->routes = r;
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

static bool is_missing(struct network *n, const struct model_row *row)
{
	const struct route *r = find(n, row, false);

	return r && clk_mono_ms() < r->missing_until_ms;
}

/* The sentence for a model that is gone and has nobody in its place. */
static const struct model_row *gone(
	const struct model_row *row, const struct model_row *successor, struct err *err)
{
	if (successor)
		err_set(err, ENOENT,
			"the provider no longer has %s; use %s, "
			"or mount with fallback=on",
			row->name, successor->name);
	else
		err_set(err, ENOENT,
			"the provider no longer has %s, and no successor in the "
			"catalogue can make this file",
			row->name);
	return NULL;
}

static const struct model_row *successor(
	struct network *n, const struct model_row *row, const struct request *req)
{
	char today[11];
	struct price_scope s = network_scope(n, today);
	const struct model_row *to = price_successor(&s, row, req);

	return to && !is_missing(n, to) ? to : NULL;
}

const struct model_row *route_first(struct network *n, const struct model_row *named,
	const struct request *req, struct err *err)
{
	const struct model_row *to;

	if (!is_missing(n, named))
		return named;
	to = successor(n, named, req);
	return to && n->e->rules.fallback ? to : gone(named, to, err);
}

const struct model_row *route_missing(struct network *n, const struct model_row *row,
	const struct request *req, struct err *err)
{
	struct route *r = find(n, row, true);
	const struct model_row *to;

	if (r)
		r->missing_until_ms = clk_mono_ms() + MISSING_MS;
	to = successor(n, row, req);
	return to && n->e->rules.fallback ? to : gone(row, to, err);
}

const struct model_row *route_overloaded(
	struct network *n, const struct model_row *row, const struct request *req)
{
	char today[11];
	struct price_scope s = network_scope(n, today);
	const struct model_row *to =
		n->e->rules.fallback ? price_fallback(&s, row, req) : NULL;

	return to && is_missing(n, to) ? successor(n, to, req) : to;
}

int64_t route_pace(struct network *n, const struct model_row *row, int64_t now_ms)
{
	struct route *r = row->rpm ? find(n, row, true) : NULL;
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

/* ---- what would fit instead ---- */

static bool find_alternative(struct network *n, const struct model_row *row,
	const struct request *req, struct price_alternative *ret)
{
	char today[11];
	struct price_scope scope = network_scope(n, today);

	return price_alternatives(&scope, row, req, 1, ret, 1) > 0;
}

void route_name_cheaper(struct network *n, const struct model_row *row,
	const struct request *req, struct err *err)
{
	struct price_alternative alt;
	size_t len = strlen(err->why);
	char usd[MONEY_TEXT];

	if (err->code != EDQUOT || !find_alternative(n, row, req, &alt))
		return;
	money_format(alt.estimate_udollars, usd);
	snprintf(err->why + len, sizeof(err->why) - len, "; %s would cost %s USD",
		alt.row->name, usd);
}

void route_name_other(struct network *n, const struct model_row *row,
	const struct request *req, struct err *err)
{
	struct price_alternative alt;
	size_t len = strlen(err->why);

	if (find_alternative(n, row, req, &alt))
		snprintf(err->why + len, sizeof(err->why) - len, "%s use %s",
			strstr(err->why, "try again") ? " or" : ";", alt.row->name);
}
