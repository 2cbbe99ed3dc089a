// SPDX-License-Identifier: MIT
/* Bytes that the store had no room for, served from memory. */
#include <errno.h>
#include <stdlib.h>

#include "cache/base/mem.h"
#include "cache/blob.h"
#include "cache/lodge.h"

struct lodger {
	struct lodger *next;
	struct blob_writer *w;
	uint64_t id;
};

void lodging_init(struct lodging *l)
{
	pthread_mutex_init(&l->lock, NULL);
}

void lodging_finish(struct lodging *l)
{
	while (l->first) {
		struct lodger *next = l->first->next;

		blob_writer_free(l->first->w);
		free(l->first);
		l->first = next;
	}
	pthread_mutex_destroy(&l->lock);
}

int cache_lodge(struct cache *c, struct blob_writer *w, uint64_t *ret_blob_id)
{
	struct lodger *l = new0(struct lodger);

	if (!l)
		return -ENOMEM;
	blob_writer_finish(w);
	l->w = w;
	pthread_mutex_lock(&c->lodging.lock);
	l->id = LODGED | ++c->lodging.last;
	l->next = c->lodging.first;
	c->lodging.first = l;
	pthread_mutex_unlock(&c->lodging.lock);
	*ret_blob_id = l->id;
	return 0;
}

int lodging_chunk(struct lodging *l, uint64_t id, uint32_t index, const uint8_t **ret,
	size_t *ret_len, uint64_t *ret_id)
{
	struct lodger *at;

	pthread_mutex_lock(&l->lock);
	for (at = l->first; at && at->id != id;)
		at = at->next;
	pthread_mutex_unlock(&l->lock);
	/* They go with the store only, and are not written to any more. */
	return at ? blob_writer_chunk(at->w, index, ret, ret_len, ret_id) : -EBADMSG;
}
