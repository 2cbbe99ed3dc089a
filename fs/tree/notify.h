// SPDX-License-Identifier: MIT
#pragma once
/* The two threads that tell the kernel.
 *
 * The notify thread drops the placeholder size (inval_inode), asks the stat thread for
 * a forced stat of the file, and only then replies to those who wait; it also watches
 * interrupted opens. The stat thread has left the descriptor table: a thread that has
 * /dev/fuse open and is killed inside its own statx would keep the connection, and with
 * it every client, alive (kernel behaviour, measured). Neither is ever waited for by
 * the loop thread. */
#include "fs/tree/pending.h"

/* Before the session loop; the session is mounted. */
int notifier_start(struct promptfs *fs, struct notifier **ret, struct err *err);
/* Waits until every completion handed over so far was replied to. */
void notifier_drain(struct notifier *t);
/* Ends the notify thread once nobody waits; then the session may close. NULL is fine.
 */
void notifier_stop(struct notifier *t);
/* Ends the stat thread, which an unanswered stat holds until the session is closed. */
void notifier_free(struct notifier *t);

/* The engine has a result (w->result). Takes over the engine's reference. Any thread.
 */
void notifier_completed(struct notifier *t, struct waiter *w);
/* An interrupt came: takes over a reference. Any thread, never waits. */
void notifier_watch(struct notifier *t, struct waiter *w);

/* The kernel forgets the name; best effort, from the notify thread. */
void notifier_forget_names(struct notifier *t, struct node_alias *take_list);
