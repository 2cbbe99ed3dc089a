// SPDX-License-Identifier: MIT
#pragma once
/* From an open store to a serving mount and back: the FUSE session, its signals, the
 * order in which it ends. Main thread, which becomes the session loop. */
#include "fs/mount/promptfs.h"

/* Mounts and serves until unmounted or signalled. Called in the process that will
 * serve (after the fork, before any thread). `ready` is called once, when the mount
 * serves. Returns 0 or <0 with a sentence. */
int promptfs_serve(struct promptfs *fs, const char *mountpoint, bool debug,
	void (*ready)(void *user), void *user, struct err *err);
