// SPDX-License-Identifier: MIT
#pragma once
/* Which model `auto`, `best` and `cheap` stand for. Pure but for the callback. */
#include <stdbool.h>
#include <stddef.h>

#include "backend/model/catalogue.h"
#include "backend/request/request.h"

enum selector { SELECT_NONE, SELECT_AUTO, SELECT_BEST, SELECT_CHEAP };

const char *selector_name(enum selector s); /* "auto", ...; "" for SELECT_NONE */
enum selector selector_find(const char *name, size_t len); /* SELECT_NONE if unknown */

struct select_env {
	const struct catalogue *catalogue;
	enum backend_id backend;
	const char *today; /* YYYY-MM-DD, UTC */
	void *user;
	/* Is this very file generated? May be NULL: then nothing is. */
	bool (*exists)(void *user, const struct request *req);
};

/* Rows that can make the file, preferred first; at most max. `req` names a file but no
 * model. Returns how many. */
size_t select_candidates(const struct select_env *env, enum selector s,
	const struct request *req, const struct model_row **ret, size_t max);

/* The candidate with which this take exists already, else the first. -ENOENT: none can
 * make it. -ENOMEM. */
int select_model(const struct select_env *env, enum selector s,
	const struct request *req, const struct model_row **ret);

/* The text of the symbolic link at `req` (without model) to the same file of `row`:
 * "../../imagen-2/aspect=16:9/1.png", with `suffix` (".cost" or "") at its end.
 * -ENOMEM. */
int select_link(const struct request *req, const struct model_row *row,
	const char *suffix, struct buf *ret);
