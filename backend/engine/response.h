// SPDX-License-Identifier: MIT
#pragma once
/* The body of a response on its way into the store, as it arrives: through the response
 * filter, its media into blob writers. Memory does not grow with the media: while the
 * disk is behind, the flow of the call is paused. The loop thread only. */
#include "backend/net/http.h"
#include "backend/net/loop.h"
#include "backend/provider/wire.h"
#include "cache/cache.h"

struct response;

/* is_media: the body is the media itself; else JSON with media in it. NULL: no memory.
 */
struct response *response_new(struct loop *loop, struct cache *cache, bool is_media);
void response_free(struct response *a); /* NULL is fine */

/* For on_data of the call. -EPROTO, -EMSGSIZE the body cannot be used; what the store
 * said (-ENOSPC, ...). */
int response_feed(struct response *a, struct http_call *call, const void *data,
	size_t len, struct err *err);
/* For on_done: the call is gone. */
void response_end(struct response *a);
/* What the wire functions read; valid until response_free. After response_end. */
const struct wire_response *response_wire(
	struct response *a, const struct http_response *http);
/* The bytes of a media string, owned by the caller from then on; NULL: taken already,
 * or there are none. */
struct blob_writer *response_take(struct response *a, uint32_t media);
/* What the store said, if it did not take everything: 0, or -errno. */
int response_failed(const struct response *a);
