// SPDX-License-Identifier: MIT
/* See place.h. */
#include "backend/engine/place.h"

#include <string.h>

_Static_assert(REQUEST_COMPONENTS_MAX <= CACHE_DEPTH_MAX, "a request fits a place");

int request_place_init(struct request_place *ret, const struct request *req,
	const struct digest *key, const struct engine_who *who)
{
	int r;

	memset(ret, 0, sizeof(*ret));
	ret->key = *key;
	r = request_components(req, &ret->comp);
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < ret->comp.n; i++)
		ret->name[i] = ret->comp.name[i];
	ret->place = (struct cache_place){.key = &ret->key,
		.name = ret->name,
		.n = ret->comp.n,
		.prompt_id = req->prompt ? &req->prompt->id : NULL,
		.prompt = req->prompt ? req->prompt->text : NULL,
		.program = who && who->program[0] ? who->program : NULL,
		.uid = who ? who->uid : 0};
	return 0;
}

void request_place_finish(struct request_place *p)
{
	if (p)
		components_finish(&p->comp);
}
