// SPDX-License-Identifier: MIT
#pragma once
/* Parked opens: the only place that replies late. A parked open costs a waiter and a
 * ticket, never a thread.
 *
 * A waiter's state says who may reply. REG: the handler still registers. PARKED: with
 * the engine. CLAIMED: whoever made the change replies, once. libfuse may call the
 * interrupt callback in the middle of its registration and must not be answered from
 * inside it; the callback therefore only notes the interrupt, and the notify thread
 * decides (who.h). */
#include "fs/tree/node.h"

struct waiter;

/* Takes over the request `req` to open the media node `n`. Called by a FUSE worker,
 * returns at once; the reply comes later, or at once where the engine refuses. */
void pending_open(struct promptfs *fs, fuse_req_t req, struct node *n);

/* ---- for the notify thread ---- */

struct waiter {
	_Atomic int state;
	_Atomic uint32_t refs;    /* engine's completion, notify thread's watch list */
	_Atomic bool interrupted; /* is or will be on the watch list */
	pid_t tid;
	int result; /* 0 or errno, valid once completed */
	struct promptfs *fs;
	struct node *node; /* pinned */
	fuse_req_t req;
	struct ticket *_Atomic ticket; /* NULL until the engine gave it */
	struct waiter *next;           /* completions */
	struct waiter *next_watch;     /* interrupted ones */
};

/* PARKED -> CLAIMED; true for the one caller who must then reply with waiter_reply. */
bool waiter_claim(struct waiter *w);
/* Sends the one reply: opened (0) or an errno. */
void waiter_reply(struct waiter *w, int error);
bool waiter_is_over(const struct waiter *w);
void waiter_unref(struct waiter *w);
