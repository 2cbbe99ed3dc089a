// SPDX-License-Identifier: MIT
/* From an open that waits to its one late reply: see pending.h. */
#include "fs/tree/pending.h"

#include <errno.h>

#include "cache/base/mem.h"
#include "fs/mount/who.h"
#include "fs/tree/notify.h"

enum { WAITER_REG, WAITER_EARLY, WAITER_PARKED, WAITER_CLAIMED };

void waiter_unref(struct waiter *w)
{
	if (atomic_fetch_sub(&w->refs, 1) != 1)
		return;
	ticket_free(atomic_load(&w->ticket));
	node_unpin(w->fs->nodes, w->node);
	free(w);
}

bool waiter_claim(struct waiter *w)
{
	int parked = WAITER_PARKED;

	return atomic_compare_exchange_strong(&w->state, &parked, WAITER_CLAIMED);
}

bool waiter_is_over(const struct waiter *w)
{
	return atomic_load(&w->state) == WAITER_CLAIMED;
}

void waiter_reply(struct waiter *w, int error)
{
	struct fuse_file_info fi = {.keep_cache = 1, .noflush = 1};

	/* Waits for a running callback; none starts after it. */
	fuse_req_interrupt_func(w->req, NULL, NULL);
	if (error)
		fuse_reply_err(w->req, error);
	else
		fuse_reply_open(w->req, &fi);
}

/* Runs inside libfuse, maybe inside the registration below: only takes a note. */
static void on_interrupt(fuse_req_t req, void *data)
{
	struct waiter *w = data;
	int reg = WAITER_REG;

	if (atomic_compare_exchange_strong(&w->state, &reg, WAITER_EARLY))
		return;
	if (atomic_load(&w->state) == WAITER_PARKED &&
		!atomic_exchange(&w->interrupted, true)) {
		atomic_fetch_add(&w->refs, 1);
		notifier_watch(w->fs->notifier, w);
	}
}

static void on_done(void *user, const struct record *rec, const struct err *err)
{
	struct waiter *w = user;

	if (!rec)
		w->result = err->code ? err->code : EIO;
	else if (w->node->by_key && rec->draw != w->node->draw)
		w->result = ESTALE; /* removed meanwhile: the kernel looks again */
	else
		node_stored(w->fs->nodes, w->node, rec->size, rec->blob_id,
			rec->created_ms, rec->estimate_ud);
	notifier_completed(w->fs->notifier, w);
}

void pending_open(struct promptfs *fs, fuse_req_t req, struct node *n)
{
	const struct fuse_ctx *ctx = fuse_req_ctx(req);
	struct waiter *w = new0(struct waiter);
	struct ticket *ticket = NULL;
	struct engine_who who;
	struct err err = {0};
	int r, reg = WAITER_REG;

	if (!w) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	who_of(fs, ctx->pid, ctx->uid, &who);
	*w = (struct waiter){.fs = fs, .node = n, .req = req, .tid = ctx->pid};
	atomic_init(&w->state, WAITER_REG);
	atomic_init(&w->refs,
		2); /* the engine's and, until the end of this function, ours */
	node_pin(fs->nodes, n);
	fuse_req_interrupt_func(req, on_interrupt, w);
	if (!atomic_compare_exchange_strong(&w->state, &reg, WAITER_PARKED)) {
		atomic_store(&w->state, WAITER_PARKED);
		if (!atomic_exchange(&w->interrupted, true)) {
			atomic_fetch_add(&w->refs, 1);
			notifier_watch(fs->notifier, w);
		}
	}
	r = engine_submit(fs->engine, &n->place.req, &n->key, &who, PRIORITY_OPEN,
		on_done, w, &ticket, &err);
	if (r < 0) {
		if (waiter_claim(w))
			waiter_reply(w, -r);
		waiter_unref(w); /* the engine will not call */
	} else {
		atomic_store(&w->ticket, ticket);
		if (atomic_load(&w->interrupted) && waiter_is_over(w))
			ticket_cancel(ticket);
	}
	waiter_unref(w);
}
