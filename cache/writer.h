// SPDX-License-Identifier: MIT
#pragma once
/* The store thread: the only one that writes. Operations queue up and share a commit
 * (group commit); where one of a batch fails, the batch is undone and each runs alone,
 * so that only the guilty one fails. Results are told after the commit is durable. */
#include <lmdb.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cache/base/err.h"
#include "cache/db.h"

struct op {
	/* Store thread; may run more than once, each time on a fresh transaction, so it
	 * must not depend on what an earlier run left behind. 0 or -errno. */
	int (*run)(struct op *op, MDB_txn *txn);
	/* Store thread, once, when result is final. NULL: writer_call waits for it. The
	 * op may be freed in it. Must not wait for the writer. */
	void (*done)(struct op *op);
	size_t bytes;      /* of bulk data, for the size of a batch */
	bool is_freeing;   /* frees room: may use the slack of a full map */
	bool is_draft;     /* worth nothing until a later commit: see batch_commit */
	bool is_untouched; /* set by run beside an error: nothing was written */
	int result;
	/* the writer's own */
	struct op *next;
	bool is_finished;
};

struct writer {
	struct db *db;
	void (*tick)(void *user); /* store thread, when writer_wake_in is due */
	/* Store thread: an operation found the map full and it cannot grow; frees what
	 * can be freed, by writer_run_now. Then the operation is tried once more. */
	void (*reclaim)(void *user);
	void *user;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake, finished;
	struct op *head, **tail;
	int64_t due_ms; /* monotonic; 0: none */
	bool is_running, is_stopping;
	bool is_reclaiming; /* store thread */
};

int writer_start(struct writer *w, struct db *db, void (*tick)(void *user),
	void (*reclaim)(void *user), void *user, struct err *err);
/* Finishes what is queued, runs tick once more, ends the thread. */
void writer_stop(struct writer *w);

void writer_submit(
	struct writer *w, struct op *op);         /* any thread; op->done is called */
int writer_call(struct writer *w, struct op *op); /* any thread but the store's */
/* tick runs in about that time, unless it is due earlier. */
void writer_wake_in(struct writer *w, int64_t ms);
/* For tick and reclaim: runs one operation at once. Store thread. */
int writer_run_now(struct writer *w, struct op *op);
