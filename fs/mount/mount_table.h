// SPDX-License-Identifier: MIT
#pragma once
/* Which promptfs are mounted, as /proc/self/mountinfo tells, and which paths are
 * theirs. A table belongs to who reads it; any thread. */
#include <stdbool.h>
#include <stddef.h>

#include "cache/base/err.h"

#define MOUNT_TABLE_MAX 256

struct mount_table {
	char *mountpoint[MOUNT_TABLE_MAX]; /* owned */
	size_t n;
};

void mount_table_finish(struct mount_table *t);
/* Those of this mount namespace; other filesystems are left out. */
int mount_table_read(struct mount_table *ret, struct err *err);
/* The same from the text of a mountinfo file. -ENOMEM. */
int mount_table_parse(struct mount_table *ret, const char *text);
/* Is anything of type fuse.promptfs mounted exactly at this absolute path? */
bool mount_table_has(const struct mount_table *t, const char *mountpoint);

/* Splits `path` (relative ones start at `cwd`) into a mount point of the table and the
 * path in its tree, "/prompts/...", without "." and ".."; both owned by the caller.
 * Below the mount nothing is looked up. -ENOENT: in none of them. */
int mount_table_split(const struct mount_table *t, const char *cwd, const char *path,
	char **ret_mountpoint, char **ret_tree, struct err *err);

/* The store's directory of a mount, from its config.json; owned by the caller. */
int mount_state(const char *mountpoint, char **ret, struct err *err);
