// SPDX-License-Identifier: MIT
/* See flight.h. */
#include "backend/engine/flight.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "cache/base/mem.h"

#define FLIGHTS_MIN 256

int flights_init(struct flights *f)
{
	*f = (struct flights){.n_buckets = FLIGHTS_MIN};
	f->bucket = new_array(struct flight *, f->n_buckets);
	return f->bucket ? 0 : -ENOMEM;
}

void flights_finish(struct flights *f)
{
	assert(f->n == 0);
	free(f->bucket);
	*f = (struct flights){0};
}

static struct flight **slot_of(const struct flights *f, const struct digest *key)
{
	return &f->bucket[digest_u64(key) & (f->n_buckets - 1)];
}

struct flight *flights_find(const struct flights *f, const struct digest *key)
{
	struct flight *e = *slot_of(f, key);

	while (e && memcmp(&e->key, key, sizeof(*key)) != 0)
		e = e->next;
	return e;
}

static void grow(struct flights *f)
{
	struct flights big = {.n_buckets = 2 * f->n_buckets, .n = f->n};

	big.bucket = new_array(struct flight *, big.n_buckets);
	if (!big.bucket)
		return;
	for (size_t i = 0; i < f->n_buckets; i++) {
		struct flight *e, *next;

		for (e = f->bucket[i]; e; e = next) {
			struct flight **to = slot_of(&big, &e->key);

			next = e->next;
			e->next = *to;
			*to = e;
		}
	}
	free(f->bucket);
	*f = big;
}

void flights_add(struct flights *f, struct flight *e)
{
	struct flight **to;

	if (f->n >= f->n_buckets)
		grow(f);
	to = slot_of(f, &e->key);
	e->next = *to;
	*to = e;
	f->n++;
}

void flights_remove(struct flights *f, struct flight *e)
{
	struct flight **at = slot_of(f, &e->key);

	while (*at != e)
		at = &(*at)->next;
	*at = e->next;
	f->n--;
}
