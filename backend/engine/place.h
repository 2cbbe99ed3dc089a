// SPDX-License-Identifier: MIT
#pragma once
/* Where a request stands in the tree, in the words of the store. Any thread. */
#include "backend/engine/engine.h"

/* The cache_place of a request, for the store's calls. Owns its strings. */
struct request_place {
	struct components comp;
	const char *name[CACHE_DEPTH_MAX];
	struct digest key;
	struct cache_place place; /* points into this struct: do not move it */
};

/* key: the request's. who may be NULL. -ENOMEM. */
int request_place_init(struct request_place *ret, const struct request *req,
	const struct digest *key, const struct engine_who *who);
void request_place_finish(struct request_place *p);
