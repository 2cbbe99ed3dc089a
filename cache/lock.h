// SPDX-License-Identifier: MIT
#pragma once
/* One process per store: a lock file that names its holder. */
#include "cache/base/err.h"

struct store_lock;

/* Takes DIR/lock (making DIR with 0700; a DIR of ours readable by others is repaired,
 * somebody else's or a symbolic link is refused with -EACCES), waiting at most wait_ms.
 * -EBUSY with a sentence that names the holder's pid and mount point. */
int store_lock_take(
	const char *dir, int wait_ms, struct store_lock **ret, struct err *err);
/* Writes who holds it ("pid\nmountpoint\n"), for others' sentences. */
int store_lock_describe(struct store_lock *l, const char *mountpoint, struct err *err);
void store_lock_release(struct store_lock *l); /* NULL is fine */
