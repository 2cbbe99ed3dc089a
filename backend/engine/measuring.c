// SPDX-License-Identifier: MIT
/* See measuring.h. */
#define LOG_TAG "measure"
#include "backend/engine/measuring.h"

#include <errno.h>

#include "backend/engine/place.h"
#include "backend/quality/report.h"
#include "backend/sandbox/sandbox.h"
#include "cache/base/log.h"
#include "cache/base/mem.h"

#define MEASURE_PENDING_MAX 4096
#define MEASURE_TEXT_MAX (16u * 1024u * 1024u)
#define MEASURE_TIMEOUT_MS 600000 /* it leaves others most of the time */
#define MEASURE_FAILED '!'

struct measuring {
	struct pool_item item;
	struct flight flight; /* in e->measuring */
	struct engine *e;
	struct request req;
	struct engine_who who;
};

struct stored_bytes {
	struct cache *cache;
	const struct record *rec;
};

static int read_stored(void *user, uint64_t off, void *buf, size_t len, struct err *err)
{
	const struct stored_bytes *s = user;

	return cache_read(s->cache, s->rec->blob_id, s->rec->size, off, buf, len, err);
}

static int measure_text(
	struct stored_bytes *bytes, struct quality *ret, struct err *err)
{
	scoped_free char *text = NULL;
	size_t len = (size_t)bytes->rec->size;
	int r;

	if (bytes->rec->size > MEASURE_TEXT_MAX)
		return err_set(err, EFBIG, "too long to be counted");
	text = malloc(len + 1);
	if (!text)
		return err_oom(err);
	r = len ? read_stored(bytes, 0, text, len, err) : 0;
	if (r == 0) {
		r = quality_measure_text(text, len, NULL, ret);
		if (r < 0)
			err_set(err, -r, "not UTF-8");
	}
	return r;
}

static int measure_bytes(struct measuring *m, const struct record *rec,
	struct quality *ret, struct err *err)
{
	struct stored_bytes bytes = {.cache = m->e->cache, .rec = rec};
	struct sandbox_source src = {.type = rec->type,
		.size = rec->size,
		.read = read_stored,
		.user = &bytes};
	int r;

	if (media_traits(rec->type)->is_text)
		r = measure_text(&bytes, ret, err);
	else
		r = sandbox_measure(
			m->e->exe, &src, MEASURE_TIMEOUT_MS, &m->item.stop, ret, err);
	if (r == 0)
		ret->size_bytes = rec->size;
	return r;
}

static cJSON *failed_json(const struct err *err)
{
	cJSON *o = cJSON_CreateObject();

	if (o && cJSON_AddStringToObject(o, "state", "failed") &&
		cJSON_AddStringToObject(o, "reason", err->why))
		return o;
	cJSON_Delete(o);
	return NULL;
}

static void keep(struct measuring *m, const struct request_place *place,
	const struct record *rec, const struct quality *q, const struct err *failure)
{
	scoped_json cJSON *o = q ? quality_to_json(q) : failed_json(failure);
	scoped(buf_finish) struct buf text = {0};
	uint8_t grade = q ? (uint8_t)q->grade : MEASURE_FAILED;
	struct err err = {0};
	int r;

	if (!o || json_print_line(&text, o) < 0)
		return; /* not measured: it can be asked for again */
	r = cache_set_quality(m->e->cache, &place->place, rec->draw, text.data, grade,
		q ? q->sharpness : 0, &err);
	if (r < 0 && r != -ENOENT)
		log_warn("cannot keep the quality of a file: %s", err.why);
}

/* Another try would end the same way; anything else may be measured later. */
static bool is_about_the_bytes(int r)
{
	return r == -EPROTO || r == -EIO || r == -ETIMEDOUT || r == -EILSEQ ||
	       r == -EFBIG || r == -EBADMSG;
}

static void measure_work(struct pool_item *i)
{
	struct measuring *m = container_of(i, struct measuring, item);
	struct request_place place = {0};
	struct record rec = {0};
	struct quality q = {0};
	struct err err = {0};
	int r = request_place_init(&place, &m->req, &m->flight.key, &m->who);

	if (r == 0)
		r = cache_find(m->e->cache, &place.key, &rec, NULL, &err);
	if (r == 0 && rec.state == RECORD_GENERATED && !rec.quality) {
		r = measure_bytes(m, &rec, &q, &err);
		if (r < 0 && r != -ECANCELED)
			log_warn("a file could not be measured: %s", err.why);
		if (r == 0 || is_about_the_bytes(r))
			keep(m, &place, &rec, r == 0 ? &q : NULL, &err);
	}
	record_finish(&rec);
	request_place_finish(&place);
}

static void measure_done(struct pool_item *i)
{
	struct measuring *m = container_of(i, struct measuring, item);

	pthread_mutex_lock(&m->e->lock);
	flights_remove(&m->e->measuring, &m->flight);
	pthread_mutex_unlock(&m->e->lock);
	request_finish(&m->req);
	free(m);
}

static struct measuring *measuring_new(struct engine *e, const struct request *req,
	const struct digest *key, uint32_t uid)
{
	struct measuring *m = new0(struct measuring);

	if (!m)
		return NULL;
	m->e = e;
	m->who.uid = uid;
	m->flight = (struct flight){.key = *key, .owner = m};
	if (request_copy(&m->req, req) < 0) {
		free(m);
		return NULL;
	}
	return m;
}

void measure_start(struct engine *e, const struct request *req,
	const struct digest *key, uint32_t uid)
{
	struct measuring *m = measuring_new(e, req, key, uid);

	if (!m)
		return;
	pthread_mutex_lock(&e->lock);
	/* Too many: the rest is measured when somebody asks. The pool takes it inside
	 * the lock, so that engine_stop cannot end the pool in between. */
	if (e->stopping.is_wanted || e->measuring.n >= MEASURE_PENDING_MAX ||
		flights_find(&e->measuring, &m->flight.key)) {
		pthread_mutex_unlock(&e->lock);
		request_finish(&m->req);
		free(m);
		return;
	}
	flights_add(&e->measuring, &m->flight);
	pool_submit(e->pool, POOL_BACKGROUND, &m->item, measure_work, measure_done);
	pthread_mutex_unlock(&e->lock);
}

void engine_measure(struct engine *e, const struct request *req)
{
	struct digest key;

	if (request_is_file(req) && request_key(req, e->ns, &key) == 0)
		measure_start(e, req, &key, 0);
}
