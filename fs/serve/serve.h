// SPDX-License-Identifier: MIT
#pragma once
/* From a configuration to a serving mount and back. */
#include "fs/mount/promptfs.h"

/* Store, catalogue and engine without a mount: for commands on an unmounted store, and
 * the first half of a mount. The caller holds the store's lock. */
int promptfs_open(struct promptfs *fs, struct config *config, struct err *err);
void promptfs_close(struct promptfs *fs);

/* Mounts and serves until unmounted or signalled. Called in the process that will
 * serve (after the fork, before any thread). `ready` is called once, when the mount
 * serves. Returns 0 or <0 with a sentence. */
int promptfs_serve(struct promptfs *fs, const char *mountpoint, bool debug,
	void (*ready)(void *user), void *user, struct err *err);
