// SPDX-License-Identifier: MIT
#pragma once
/* What the files of cache/ share about an open store; nobody else includes this. The
 * fields say whose they are. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "cache/cache.h"
#include "cache/db.h"
#include "cache/lodge.h"
#include "cache/saved.h"
#include "cache/writer.h"

/* Collects the chunks of dropped blobs, a piece per commit. `lock` guards is_queued. */
struct collector {
	struct op op;
	struct cache *cache;
	pthread_mutex_t lock;
	pthread_cond_t idle;
	bool is_queued;
	bool is_more; /* store thread */
};

/* What the last check of the ledger found. */
struct ledger_checked {
	pthread_mutex_t one_at_a_time;
	_Atomic int health; /* enum ledger_health */
	_Atomic uint64_t damaged_id;
};

struct cache {
	struct db db;
	struct writer writer;
	struct collector collector;
	struct saved saved;
	struct lodging lodging;
	struct ledger_checked ledger;
	int64_t (*now_ms)(void);
	uint32_t ns;
	uint64_t reserve_bytes;
	atomic_int n_writers; /* blob writers there are: they share the memory */
	bool is_closing;      /* under collector.lock */
};

static inline MDB_dbi table_of(const struct cache *c, enum db_table t)
{
	return c->db.table[t];
}

#define ROOT_DIR 1u
