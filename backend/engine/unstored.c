// SPDX-License-Identifier: MIT
/* Results that were paid for and that the store had no room for, though it was asked
 * before: they are served from memory, and stored as soon as there is room. Their rows
 * of the ledger stay as they are until then. */
#define LOG_TAG "engine"
#include "backend/engine/unstored.h"

#include <errno.h>
#include <string.h>

#include "backend/engine/place.h"
#include "cache/base/clk.h"
#include "cache/base/log.h"
#include "cache/base/mem.h"

#define AGAIN_MS 10000

struct unstored {
	struct unstored *next;
	struct pool_item item;
	struct engine *e;
	struct request req;
	struct engine_who who;
	struct digest key;
	struct record rec;
	struct ledger_close close;
	int result; /* of the last try to store it */
};

static void unstored_free(struct unstored *u)
{
	request_finish(&u->req);
	record_finish(&u->rec);
	free(u);
}

/* ---- storing, off the loop ---- */

static int store(struct unstored *u, struct err *err)
{
	struct blob_writer *w = blob_writer_new(u->e->cache, err);
	scoped(record_finish) struct record rec = {0};
	struct request_place place = {0};
	struct cache_item item = {.rec = &rec, .w = w, .close = u->close};
	bool is_new;
	int r = w ? cache_copy(u->e->cache, u->rec.blob_id, u->rec.size, w, err)
		  : -ENOMEM;

	if (r == 0 &&
		(record_copy(&rec, &u->rec) < 0 ||
			request_place_init(&place, &u->req, &u->key, &u->who) < 0))
		r = err_oom(err);
	item.place = &place.place;
	if (r == 0)
		r = cache_commit_all(u->e->cache, &item, 1, &is_new, err);
	request_place_finish(&place);
	blob_writer_free(w);
	return r;
}

static void store_work(struct pool_item *i)
{
	struct unstored *u = container_of(i, struct unstored, item);
	struct err err = {0};

	u->result = store(u, &err);
}

/* ---- on the loop ---- */

static void on_timer(struct timer *t);

static void again(struct engine *e)
{
	if (e->unstored)
		loop_timer_set(e->loop, &e->unstored_timer, clk_mono_ms() + AGAIN_MS,
			on_timer);
}

static void store_done(struct pool_item *i)
{
	struct unstored *u = container_of(i, struct unstored, item);
	struct engine *e = u->e;
	struct unstored **at = &e->unstored;

	if (i->was_run && u->result == 0) {
		while (*at != u)
			at = &(*at)->next;
		*at = u->next;
		log_info("a result that was held in memory is stored now");
		errors_forget(e->errors, &u->key);
		unstored_free(u);
	}
	again(e);
}

static void on_timer(struct timer *t)
{
	struct engine *e = container_of(t, struct engine, unstored_timer);

	if (e->unstored && !engine_is_stopping(e))
		pool_submit(e->pool, POOL_BACKGROUND, &e->unstored->item, store_work,
			store_done);
}

static struct unstored *unstored_new(const struct run *r, const struct made *m)
{
	struct unstored *u = new0(struct unstored);

	if (!u)
		return NULL;
	u->e = r->e;
	u->who = r->who;
	u->close = m->close;
	u->close.why = NULL;
	u->key = m->key;
	if (request_copy(&u->req, &m->req) < 0 || record_copy(&u->rec, &m->rec) < 0) {
		unstored_free(u);
		return NULL;
	}
	return u;
}

bool unstored_take(struct run *r, struct made *m)
{
	struct engine *e = r->e;
	struct unstored *u = unstored_new(r, m);

	if (!u)
		return false;
	u->rec.size = blob_writer_size(m->bytes);
	if (cache_lodge(e->cache, m->bytes, &u->rec.blob_id) < 0) {
		unstored_free(u);
		return false;
	}
	m->bytes = NULL;
	m->rec.size = u->rec.size;
	m->rec.blob_id = u->rec.blob_id;
	u->next = e->unstored;
	e->unstored = u;
	again(e);
	return true;
}

const struct record *unstored_find(const struct engine *e, const struct digest *key)
{
	for (const struct unstored *u = e->unstored; u; u = u->next)
		if (!memcmp(&u->key, key, sizeof(*key)))
			return &u->rec;
	return NULL;
}

void unstored_end(struct engine *e)
{
	while (e->unstored) {
		struct unstored *u = e->unstored;
		struct err err = {0};

		e->unstored = u->next;
		if (store(u, &err) < 0)
			log_error(
				"a paid result is lost, the store has no room for it: "
				"%s; it counts as spent",
				err.why);
		unstored_free(u);
	}
}
