// SPDX-License-Identifier: MIT
/* Results that were paid for and that the store had no room for, though it was asked
 * before: they are served from memory, and stored as soon as there is room. Their rows
 * of the ledger stay as they are until then. */
#define LOG_TAG "engine"
#include "backend/engine/unstored.h"

#include <errno.h>
#include <string.h>

#include "cache/base/clk.h"
#include "cache/base/log.h"
#include "cache/base/mem.h"

#define AGAIN_MS 10000
#define COPY_BYTES (256u * 1024u)

struct lodged {
	struct lodged *next;
	struct pool_item item;
	struct engine *e;
	struct request req;
	struct engine_who who;
	struct digest key;
	struct record rec;
	struct ledger_close close;
	int result; /* of the last try to store it */
};

static void lodged_free(struct lodged *l)
{
	request_finish(&l->req);
	record_finish(&l->rec);
	free(l);
}

/* ---- storing, off the loop ---- */

static int copy_bytes(struct lodged *l, struct blob_writer *w, struct err *err)
{
	scoped_free char *b = malloc(COPY_BYTES);
	int r = b ? 0 : err_oom(err);

	for (uint64_t off = 0; off < l->rec.size && r == 0;) {
		size_t n = l->rec.size - off < COPY_BYTES ? (size_t)(l->rec.size - off)
							  : COPY_BYTES;

		r = cache_read(
			l->e->cache, l->rec.blob_id, l->rec.size, off, b, n, err);
		if (r == 0)
			r = blob_writer_write(w, b, n, err);
		off += n;
	}
	return r;
}

static int store(struct lodged *l, struct err *err)
{
	struct blob_writer *w = blob_writer_new(l->e->cache, err);
	scoped(record_finish) struct record rec = {0};
	struct request_place place = {0};
	struct cache_item item = {.rec = &rec, .w = w, .close = l->close};
	bool is_new;
	int r = w ? copy_bytes(l, w, err) : -ENOMEM;

	if (r == 0 &&
		(record_copy(&rec, &l->rec) < 0 ||
			request_place_init(&place, &l->req, l->e->ns, &l->who) < 0))
		r = err_oom(err);
	item.place = &place.place;
	if (r == 0)
		r = cache_commit_all(l->e->cache, &item, 1, &is_new, err);
	request_place_finish(&place);
	blob_writer_free(w);
	return r;
}

static void store_work(struct pool_item *i)
{
	struct lodged *l = container_of(i, struct lodged, item);
	struct err err = {0};

	l->result = store(l, &err);
}

/* ---- on the loop ---- */

static void on_timer(struct timer *t);

static void again(struct engine *e)
{
	if (e->lodged)
		loop_timer_set(
			e->loop, &e->lodged_timer, clk_mono_ms() + AGAIN_MS, on_timer);
}

static void store_done(struct pool_item *i)
{
	struct lodged *l = container_of(i, struct lodged, item);
	struct engine *e = l->e;
	struct lodged **at = &e->lodged;

	if (i->was_run && l->result == 0) {
		while (*at != l)
			at = &(*at)->next;
		*at = l->next;
		log_info("a result that was held in memory is stored now");
		errors_forget(e->errors, &l->key);
		lodged_free(l);
	}
	again(e);
}

static void on_timer(struct timer *t)
{
	struct engine *e = container_of(t, struct engine, lodged_timer);

	if (e->lodged && !engine_is_stopping(e))
		pool_submit(e->pool, POOL_BACKGROUND, &e->lodged->item, store_work,
			store_done);
}

static struct lodged *lodged_new(const struct run *r, const struct made *m)
{
	struct lodged *l = new0(struct lodged);

	if (!l)
		return NULL;
	l->e = r->job->e;
	l->who = r->who;
	l->close = m->close;
	l->close.why = NULL;
	if (request_copy(&l->req, &m->req) < 0 || record_copy(&l->rec, &m->rec) < 0 ||
		request_key(&l->req, l->e->ns, &l->key) < 0) {
		lodged_free(l);
		return NULL;
	}
	return l;
}

bool lodged_take(struct run *r, struct made *m)
{
	struct engine *e = r->job->e;
	struct lodged *l = lodged_new(r, m);

	if (!l)
		return false;
	l->rec.size = blob_writer_size(m->bytes);
	if (cache_lodge(e->cache, m->bytes, &l->rec.blob_id) < 0) {
		lodged_free(l);
		return false;
	}
	m->bytes = NULL;
	m->rec.size = l->rec.size;
	m->rec.blob_id = l->rec.blob_id;
	l->next = e->lodged;
	e->lodged = l;
	again(e);
	return true;
}

const struct record *lodged_find(const struct engine *e, const struct digest *key)
{
	for (const struct lodged *l = e->lodged; l; l = l->next)
		if (!memcmp(&l->key, key, sizeof(*key)))
			return &l->rec;
	return NULL;
}

void lodged_end(struct engine *e)
{
	while (e->lodged) {
		struct lodged *l = e->lodged;
		struct err err = {0};

		e->lodged = l->next;
		if (store(l, &err) < 0)
			log_error(
				"a paid result is lost, the store has no room for it: "
				"%s; it counts as spent",
				err.why);
		lodged_free(l);
	}
}
