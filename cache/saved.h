// SPDX-License-Identifier: MIT
#pragma once
/* Counts that opens and failed jobs leave behind without waiting: summed in memory,
 * written by the store thread about once a second and at close. */
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

struct saved_item;

#define SAVED_BUCKETS 256

struct saved {
	pthread_mutex_t lock; /* innermost; guards: */
	struct saved_item *bucket[SAVED_BUCKETS];
	size_t n;
};

void saved_init(struct saved *s);
void saved_finish(struct saved *s);
void saved_flush(void *cache); /* store thread: writes what there is */
