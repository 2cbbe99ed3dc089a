// SPDX-License-Identifier: MIT
#pragma once
/* Which model serves a request, and how often it may be asked: what is known of models
 * beyond their rows, for as long as the mount lives. The loop thread. */
#include "backend/engine/paid/network.h"

/* The row that is tried first for a named one; NULL with a sentence: the provider no
 * longer has it, and nobody may stand in. */
const struct model_row *route_first(struct network *n, const struct model_row *named,
	const struct request *req, struct err *err);
/* Who comes after `row` answered "no such model", which is remembered for an hour;
 * NULL: nobody. */
const struct model_row *route_missing(struct network *n, const struct model_row *row,
	const struct request *req, struct err *err);
/* Who may stand in for an overloaded one; NULL: nobody. */
const struct model_row *route_overloaded(
	struct network *n, const struct model_row *row, const struct request *req);
/* Requests per minute: 0, and the request is counted; else the milliseconds to wait. */
int64_t route_pace(struct network *n, const struct model_row *row, int64_t now_ms);

/* Adds to a sentence what would fit instead: to a budget that is too small, the price;
 * to an overload, the name. */
void route_name_cheaper(struct network *n, const struct model_row *row,
	const struct request *req, struct err *err);
void route_name_other(struct network *n, const struct model_row *row,
	const struct request *req, struct err *err);

void routes_free(struct route *r); /* NULL is fine */
