// SPDX-License-Identifier: MIT
#pragma once
/* The commands of the control socket, apart from sockets and threads.
 *
 *	status			the members of /.promptfs/status.json, as "status"
 *	quote path		the members of <file>.cost, as "cost"; "allowed":false
 *				with "why" where it cannot be made. Spends nothing
 *	submit path [wait]	generates; the answer comes when done, or at once with
 *				"wait":false. Goes after the opens of the mount
 *	jobs			the submits of this connection still running, as "jobs"
 *	pin path [on]		"on":false undoes it
 *	prune [older_than_ms at_most_bytes dry_run]	each draw as "file", "bytes"
 *	verify			each damage as "damage"; then the counts
 *	unknown			each call that may be paid as "call" with "held_usd",
 *				"sent_ms", "model", "path", "why"; then how many
 *	settle call paid [usd]	"paid":false: it was not; else how much it was, by
 *				default all that was held
 *
 * Paths start at the root of the tree; links of auto, best and cheap are followed. */
#include "fs/mount/promptfs.h"

struct control_peer;

/* How a command answers. `emit` takes over `answer`; -EPIPE: the peer has gone. */
struct control_sink {
	int (*emit)(struct control_peer *peer, cJSON *answer);
	/* The request becomes asynchronous: returns what control_submitted gets, NULL:
	 * too many. Only for submit. */
	void *(*defer)(struct control_peer *peer, int64_t id, const struct digest *key);
	/* The deferred request has ended. `answer` is taken over, may be NULL (no
	 * memory). Any thread, never blocks. */
	void (*deferred_done)(void *deferred, cJSON *answer);
	/* Adds the deferred requests' ids and states to `list`. */
	int (*list_deferred)(struct control_peer *peer, cJSON *list);
};

struct control_call {
	struct promptfs *fs;
	struct control_peer *peer;
	const struct control_sink *sink;
	const struct engine_who *who;
	const _Atomic bool *stop; /* the peer has gone, or we stop */
	const cJSON *request;
	int64_t id;
};

/* Runs one request and emits all its answers, or defers the last one.
 * May block on the store: for a thread of the connection. */
void control_command(const struct control_call *call);

/* An answer with its id; NULL: out of memory. */
cJSON *control_answer(int64_t id, bool is_done);
/* The last answer of a request that failed. */
cJSON *control_failure(int64_t id, const struct err *err);
