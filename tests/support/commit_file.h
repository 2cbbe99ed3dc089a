// SPDX-License-Identifier: MIT
#pragma once
/* Stores one file as cache_commit_all does; -EEXIST where it is there already. */
#include <errno.h>

#include "cache/ledger.h"

static inline int commit_file(struct cache *c, const struct cache_place *place,
	struct record *rec, struct blob_writer *w, struct blob_writer *orig,
	struct err *err)
{
	struct cache_item item = {.place = place, .rec = rec, .w = w, .orig = orig};
	bool is_new = false;
	int r = cache_commit_all(c, &item, 1, &is_new, err);

	return r < 0 || is_new ? r : err_set(err, EEXIST, "it is generated already");
}
