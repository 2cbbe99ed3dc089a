// SPDX-License-Identifier: MIT
/* The store thread: the queue and the group commit of cache/writer.h. */
#include "cache/writer.h"

#include <errno.h>
#include <signal.h>
#include <time.h>

#include "cache/base/clk.h"

#define BATCH_BYTES_MAX (8u * 1024 * 1024)
#define BATCH_OPS_MAX 512
#define GROW_TRIES_MAX 24

/* Drafts (chunks whose manifest is to come) save one of the two flushes of a commit:
 * the header is left to the next flush. A power cut may then undo the last such commit,
 * wholly, and LMDB's file stays sound; what was promised to anybody is not among it. */
static int batch_commit(struct writer *w, MDB_txn *txn, bool is_draft)
{
	mdb_env_set_flags(w->db->env, MDB_NOMETASYNC, is_draft);
	return db_errno(mdb_txn_commit(txn));
}

/* Runs the operations of a batch on one transaction. Results of a failed batch mean
 * nothing unless it holds a single operation. */
static int batch_try(struct writer *w, struct op *list)
{
	bool is_draft = true;
	MDB_txn *txn;
	int r = db_errno(mdb_txn_begin(w->db->env, NULL, 0, &txn));

	if (r < 0)
		return r;
	for (struct op *op = list; op; op = op->next) {
		is_draft = is_draft && op->is_draft;
		op->is_untouched = false;
		op->result = op->run(op, txn);
		if (op->result < 0 && !op->is_untouched) {
			mdb_txn_abort(txn);
			return op->result;
		}
	}
	return batch_commit(w, txn, is_draft);
}

static int batch_run(struct writer *w, struct op *list)
{
	bool is_freeing = !list->next && list->is_freeing;
	int r = batch_try(w, list);

	for (int i = 0; r == -ENOSPC && i < GROW_TRIES_MAX; i++) {
		if (db_grow(w->db, is_freeing) < 0)
			break;
		r = batch_try(w, list);
	}
	return r;
}

int writer_run_now(struct writer *w, struct op *op)
{
	int r;

	op->next = NULL;
	r = batch_run(w, op);
	if (r == -ENOSPC && !w->is_reclaiming) {
		w->is_reclaiming = true;
		w->reclaim(w->user);
		w->is_reclaiming = false;
		r = batch_run(w, op);
	}
	if (r < 0)
		op->result = r;
	return op->result;
}

/* Tells those who wait, all at once: an operation is its caller's again as soon as it
 * is finished. */
static void batch_tell(struct writer *w, struct op *list)
{
	struct op *waiting = NULL, *next;

	for (struct op *op = list; op; op = next) {
		next = op->next;
		if (op->done) {
			op->done(op);
			continue;
		}
		op->next = waiting;
		waiting = op;
	}
	if (!waiting)
		return;
	pthread_mutex_lock(&w->lock);
	for (struct op *op = waiting; op; op = op->next)
		op->is_finished = true;
	pthread_cond_broadcast(&w->finished);
	pthread_mutex_unlock(&w->lock);
}

/* One that is done alone is told at once, because the next may ask what came of it. */
static void batch_finish(struct writer *w, struct op *list)
{
	if (list->next && batch_run(w, list) == 0) {
		batch_tell(w, list);
		return;
	}
	while (list) {
		struct op *op = list;

		list = op->next;
		writer_run_now(w, op);
		batch_tell(w, op);
	}
}

static struct op *batch_take(struct writer *w)
{
	struct op *list = w->head, *op = list;
	size_t bytes = op->bytes;

	for (int n = 1; op->next && n < BATCH_OPS_MAX; n++) {
		bytes += op->next->bytes;
		if (bytes > BATCH_BYTES_MAX)
			break;
		op = op->next;
	}
	w->head = op->next;
	if (!w->head)
		w->tail = &w->head;
	op->next = NULL;
	return list;
}

static bool is_due(const struct writer *w)
{
	return w->due_ms && (w->is_stopping || clk_mono_ms() >= w->due_ms);
}

static void wait_for_work(struct writer *w)
{
	struct timespec until = {
		.tv_sec = w->due_ms / 1000,
		.tv_nsec = w->due_ms % 1000 * 1000000,
	};

	if (w->due_ms)
		pthread_cond_timedwait(&w->wake, &w->lock, &until);
	else
		pthread_cond_wait(&w->wake, &w->lock);
}

static void *writer_main(void *arg)
{
	struct writer *w = arg;
	struct op *list;

	pthread_mutex_lock(&w->lock);
	for (;;) {
		if (is_due(w)) {
			w->due_ms = 0;
			pthread_mutex_unlock(&w->lock);
			w->tick(w->user);
			pthread_mutex_lock(&w->lock);
		} else if (w->head) {
			list = batch_take(w);
			pthread_mutex_unlock(&w->lock);
			batch_finish(w, list);
			pthread_mutex_lock(&w->lock);
		} else if (w->is_stopping) {
			break;
		} else {
			wait_for_work(w);
		}
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

int writer_start(struct writer *w, struct db *db, void (*tick)(void *user),
	void (*reclaim)(void *user), void *user, struct err *err)
{
	pthread_condattr_t attr;
	sigset_t all, old;
	int rc;

	*w = (struct writer){.db = db, .tick = tick, .reclaim = reclaim, .user = user};
	w->tail = &w->head;
	pthread_mutex_init(&w->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&w->wake, &attr);
	pthread_cond_init(&w->finished, NULL);
	pthread_condattr_destroy(&attr);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(&w->thread, NULL, writer_main, w);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (rc) {
		pthread_cond_destroy(&w->wake);
		pthread_cond_destroy(&w->finished);
		pthread_mutex_destroy(&w->lock);
		return err_errno(err, rc, "cannot start the store thread");
	}
	w->is_running = true;
	return 0;
}

void writer_stop(struct writer *w)
{
	if (!w->is_running)
		return;
	pthread_mutex_lock(&w->lock);
	w->is_stopping = true;
	pthread_cond_signal(&w->wake);
	pthread_mutex_unlock(&w->lock);
	pthread_join(w->thread, NULL);
	pthread_cond_destroy(&w->wake);
	pthread_cond_destroy(&w->finished);
	pthread_mutex_destroy(&w->lock);
	w->is_running = false;
}

void writer_submit(struct writer *w, struct op *op)
{
	op->next = NULL;
	pthread_mutex_lock(&w->lock);
	*w->tail = op;
	w->tail = &op->next;
	pthread_cond_signal(&w->wake);
	pthread_mutex_unlock(&w->lock);
}

int writer_call(struct writer *w, struct op *op)
{
	op->done = NULL;
	op->is_finished = false;
	writer_submit(w, op);
	pthread_mutex_lock(&w->lock);
	while (!op->is_finished)
		pthread_cond_wait(&w->finished, &w->lock);
	pthread_mutex_unlock(&w->lock);
	return op->result;
}

void writer_wake_in(struct writer *w, int64_t ms)
{
	int64_t due = clk_mono_ms() + ms;

	pthread_mutex_lock(&w->lock);
	if (!w->due_ms || due < w->due_ms) {
		w->due_ms = due;
		pthread_cond_signal(&w->wake);
	}
	pthread_mutex_unlock(&w->lock);
}
