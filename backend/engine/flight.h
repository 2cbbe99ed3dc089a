// SPDX-License-Identifier: MIT
#pragma once
/* What is being made now, by key: single-flight is one lookup here. Entries live in
 * their owners' structs. No lock inside: the engine's lock is held around every call.
 */
#include <stddef.h>

#include "cache/base/digest.h"

struct flight {
	struct flight *next;
	struct digest key;
	void *owner;
};

struct flights {
	struct flight **bucket;
	size_t n_buckets, n;
};

int flights_init(struct flights *f); /* -ENOMEM */
void flights_finish(struct flights *f);
struct flight *flights_find(const struct flights *f, const struct digest *key);
/* The key must not be there. A table that cannot grow only gets slower. */
void flights_add(struct flights *f, struct flight *e);
void flights_remove(struct flights *f, struct flight *e);
