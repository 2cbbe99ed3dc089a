// SPDX-License-Identifier: MIT
#pragma once
/* Bytes that the store had no room for, inside cache/. See cache_lodge. Any thread; one
 * lock inside. */
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#define LODGED (UINT64_C(1) << 63) /* in a blob id: it is one of these */

struct lodger;

struct lodging {
	pthread_mutex_t lock;
	struct lodger *first;
	uint64_t last;
};

void lodging_init(struct lodging *l);
void lodging_finish(struct lodging *l); /* before the store thread ends */
/* A chunk's memory. -ENOENT: it is in the store, under *ret_id. -EBADMSG: unknown. */
int lodging_chunk(struct lodging *l, uint64_t id, uint32_t index, const uint8_t **ret,
	size_t *ret_len, uint64_t *ret_id);
