// SPDX-License-Identifier: MIT
/* See response.h. */
#include "backend/engine/response.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include "backend/net/filter.h"
#include "cache/base/json.h"
#include "cache/base/mem.h"

_Static_assert(FILTER_MEDIA_MAX == WIRE_MEDIA_MAX, "every string has its medium");

struct medium {
	struct blob_writer *bytes;
	uint8_t head[MEDIA_SNIFF_BYTES];
};

struct response {
	struct loop *loop;
	struct cache *cache;
	struct filter *filter; /* NULL: the body is the media */
	struct medium medium[WIRE_MEDIA_MAX];
	struct wire_media wire_media[WIRE_MEDIA_MAX];
	struct wire_response wire;
	cJSON *json;
	struct http_call *call; /* while it is paused */
	struct post room;
	atomic_bool is_posted;
	bool is_dead; /* freed as soon as its post has run */
	int failed;
};

/* ---- bytes ---- */

static void destroy(struct response *a)
{
	filter_free(a->filter);
	cJSON_Delete(a->json);
	free(a);
}

static struct blob_writer *last_bytes(const struct response *a)
{
	return a->wire.n_media ? a->medium[a->wire.n_media - 1].bytes : NULL;
}

static void on_posted(struct post *p)
{
	struct response *a = container_of(p, struct response, room);
	struct http_call *call = a->call;

	atomic_store(&a->is_posted, false);
	if (a->is_dead) {
		destroy(a);
	} else if (call && !(last_bytes(a) && blob_writer_is_full(last_bytes(a)))) {
		a->call = NULL;
		http_pause(call, false);
	}
}

/* The store thread. */
static void on_room(void *user)
{
	struct response *a = user;

	if (!atomic_exchange(&a->is_posted, true))
		loop_post(a->loop, &a->room, on_posted);
}

static int on_begin(void *user, uint32_t index, struct err *err)
{
	struct response *a = user;
	struct medium *m = &a->medium[index];

	m->bytes = blob_writer_new(a->cache, err);
	if (!m->bytes)
		return a->failed = -ENOMEM;
	blob_writer_keep(m->bytes);
	blob_writer_notify(m->bytes, on_room, a);
	a->wire.n_media = index + 1;
	return 0;
}

static int on_bytes(
	void *user, uint32_t index, const void *data, size_t len, struct err *err)
{
	struct response *a = user;
	struct medium *m = &a->medium[index];
	struct wire_media *w = &a->wire_media[index];
	int r = blob_writer_write(m->bytes, data, len, err);

	if (r < 0)
		return a->failed = r;
	if (w->size < sizeof(m->head)) {
		size_t room = sizeof(m->head) - w->size;

		memcpy(m->head + w->size, data, len < room ? len : room);
	}
	w->size += len;
	return 0;
}

static int on_end(void *user, uint32_t index, bool valid, struct err *err)
{
	struct response *a = user;
	struct wire_media *w = &a->wire_media[index];
	size_t n = w->size < MEDIA_SNIFF_BYTES ? w->size : MEDIA_SNIFF_BYTES;

	w->is_valid = valid && w->size;
	w->type = media_sniff(a->medium[index].head, n);
	return 0;
}

int response_feed(struct response *a, struct http_call *call, const void *data,
	size_t len, struct err *err)
{
	int r = 0;

	if (a->filter)
		r = filter_feed(a->filter, data, len, err);
	else if (!a->wire.n_media)
		r = on_begin(a, 0, err);
	if (r == 0 && !a->filter)
		r = on_bytes(a, 0, data, len, err);
	if (r == 0 && last_bytes(a) && blob_writer_is_full(last_bytes(a))) {
		a->call = call;
		http_pause(call, true);
	}
	return r;
}

/* ---- life ---- */

struct response *response_new(struct loop *loop, struct cache *cache, bool is_media)
{
	static const struct filter_ops ops = {on_begin, on_bytes, on_end};
	struct response *a = new0(struct response);

	if (!a)
		return NULL;
	a->loop = loop;
	a->cache = cache;
	if (!is_media)
		a->filter = filter_new(&ops, a);
	if (!is_media && !a->filter) {
		free(a);
		return NULL;
	}
	return a;
}

void response_free(struct response *a)
{
	if (!a)
		return;
	for (uint32_t i = 0; i < WIRE_MEDIA_MAX; i++)
		blob_writer_free(response_take(a, i));
	a->call = NULL;
	a->is_dead = true;
	if (!atomic_load(&a->is_posted))
		destroy(a);
}

void response_end(struct response *a)
{
	a->call = NULL;
}

const struct wire_response *response_wire(
	struct response *a, const struct http_response *http)
{
	const struct buf *text;

	if (!a->filter && a->wire.n_media)
		on_end(a, 0, true, NULL);
	a->wire.status = http->status;
	a->wire.retry_after_ms = http->retry_after_ms;
	a->wire.media = a->wire_media;
	if (!a->filter || a->json)
		return &a->wire;
	/* A body that ended too early is no JSON either. */
	text = filter_json(a->filter);
	if (filter_end(a->filter, NULL) == 0 && text->len)
		a->json = json_parse(text->data, text->len, NULL);
	a->wire.json = a->json;
	return &a->wire;
}

struct blob_writer *response_take(struct response *a, uint32_t media)
{
	struct blob_writer *w = a->medium[media].bytes;

	if (w)
		blob_writer_notify(w, NULL, NULL);
	a->medium[media].bytes = NULL;
	return w;
}

int response_failed(const struct response *a)
{
	return a->failed;
}
