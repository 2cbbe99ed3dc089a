// SPDX-License-Identifier: MIT
#pragma once
/* The body of an answer on its way into the store, as it arrives: through the response
 * filter, its media into blob writers. Memory does not grow with the media: while the
 * disk is behind, the flow of the call is paused. The loop thread only. */
#include "backend/net/http.h"
#include "backend/net/loop.h"
#include "backend/provider/wire.h"
#include "cache/cache.h"

struct answer;

/* is_media: the body is the media itself; else JSON with media in it. NULL: no memory.
 */
struct answer *answer_new(struct loop *loop, struct cache *cache, bool is_media);
void answer_free(struct answer *a); /* NULL is fine */

/* For on_data of the call. -EPROTO, -EMSGSIZE the body cannot be used; what the store
 * said (-ENOSPC, ...). */
int answer_feed(struct answer *a, struct http_call *call, const void *data, size_t len,
	struct err *err);
/* For on_done: the call is gone. */
void answer_end(struct answer *a);
/* What the wire functions read; valid until answer_free. After answer_end. */
const struct wire_answer *answer_wire(struct answer *a, const struct http_answer *http);
/* The bytes of a media string, owned by the caller from then on; NULL: taken already,
 * or there are none. */
struct blob_writer *answer_take(struct answer *a, uint32_t media);
/* What the store said, if it did not take everything: 0, or -errno. */
int answer_failed(const struct answer *a);
