// SPDX-License-Identifier: MIT
#pragma once
/* What can be told to be wrong before anything is started. One thread. */
#include "fs/config/config.h"

/* FUSE is there; `mountpoint` is a directory, nothing of ours is mounted on it, and it
 * is not inside the store, whose directory is as state_dir.h wants it (c->state becomes
 * its real path). *ret: the real path of the mount point, owned by the caller.
 * Sentences say what to do. */
int precheck_mount(
	struct config *c, const char *mountpoint, char **ret, struct err *err);
