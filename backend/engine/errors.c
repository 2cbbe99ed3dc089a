// SPDX-License-Identifier: MIT
/* See errors.h. */
#include "backend/engine/errors.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "backend/engine/flight.h"
#include "cache/base/clk.h"
#include "cache/base/mem.h"

struct failure {
	struct flight by_key;
	bool is_last; /* of its file: in the table */
	int64_t when_ms;
	struct err err;
	char *path;
};

struct errors {
	pthread_mutex_t lock; /* everything */
	struct flights table;
	struct failure *ring[ERRORS_MAX];
	size_t next; /* where the next one goes */
};

struct errors *errors_new(void)
{
	struct errors *e = new0(struct errors);

	if (e && flights_init(&e->table) < 0) {
		free(e);
		return NULL;
	}
	if (e)
		pthread_mutex_init(&e->lock, NULL);
	return e;
}

static void unlist(struct errors *e, struct failure *f)
{
	if (f->is_last)
		flights_remove(&e->table, &f->by_key);
	f->is_last = false;
}

static void failure_free(struct errors *e, struct failure *f)
{
	if (!f)
		return;
	unlist(e, f);
	free(f->path);
	free(f);
}

void errors_free(struct errors *e)
{
	if (!e)
		return;
	for (size_t i = 0; i < ERRORS_MAX; i++)
		failure_free(e, e->ring[i]);
	flights_finish(&e->table);
	pthread_mutex_destroy(&e->lock);
	free(e);
}

/* One line, whatever the prompt holds. */
static char *clean_path(const char *path)
{
	char *s = strndup(path, ERRORS_PATH_MAX);

	for (char *p = s; p && *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = ' ';
	return s;
}

static struct failure *find(struct errors *e, const struct digest *key)
{
	struct flight *f = flights_find(&e->table, key);

	return f ? f->owner : NULL;
}

void errors_add(struct errors *e, const struct digest *key, const char *path,
	const struct err *err, int64_t now_ms)
{
	struct failure *f = new0(struct failure), *old;
	char *clean = clean_path(path);

	if (!f || !clean) {
		free(f);
		free(clean);
		return;
	}
	*f = (struct failure){.by_key = {.key = *key, .owner = f},
		.is_last = true,
		.when_ms = now_ms,
		.err = *err,
		.path = clean};
	pthread_mutex_lock(&e->lock);
	old = find(e, key);
	if (old)
		unlist(e, old);
	failure_free(e, e->ring[e->next]);
	e->ring[e->next] = f;
	e->next = (e->next + 1) % ERRORS_MAX;
	flights_add(&e->table, &f->by_key);
	pthread_mutex_unlock(&e->lock);
}

bool errors_find(struct errors *e, const struct digest *key, struct err *ret,
	int64_t *ret_when_ms)
{
	struct failure *f;

	pthread_mutex_lock(&e->lock);
	f = find(e, key);
	if (f && ret)
		*ret = f->err;
	if (f && ret_when_ms)
		*ret_when_ms = f->when_ms;
	pthread_mutex_unlock(&e->lock);
	return f;
}

bool errors_forget(struct errors *e, const struct digest *key)
{
	struct failure *f;

	pthread_mutex_lock(&e->lock);
	f = find(e, key);
	if (f)
		unlist(e, f);
	pthread_mutex_unlock(&e->lock);
	return f;
}

int errors_print(struct errors *e, struct buf *out)
{
	int r = 0;

	pthread_mutex_lock(&e->lock);
	for (size_t i = 1; i <= ERRORS_MAX && r == 0; i++) {
		const struct failure *f =
			e->ring[(e->next + ERRORS_MAX - i) % ERRORS_MAX];
		const char *name;
		char when[25];

		if (!f)
			break;
		clk_format(f->when_ms, when);
		name = strerrorname_np(f->err.code);
		r = buf_addf(out, "%s %s %s: %s\n", when, name ? name : "?", f->path,
			f->err.why);
	}
	pthread_mutex_unlock(&e->lock);
	return r;
}
