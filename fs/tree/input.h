// SPDX-License-Identifier: MIT
#pragma once
/* /inputs: small writable files, kept in the store.
 *
 * While a file is open its content is an unlinked temporary file (the scratch), shared
 * by all who have it open; flush, fsync and the last close put what changed into the
 * store. Replies of these operations wait for that commit, as on any filesystem.
 * FUSE workers; a scratch has its own lock. */
#include "fs/tree/node.h"

#define INPUT_NAME_MAX 255

/* Not a name an input can have (too long; looks like a prompt's hash; .cost): -EINVAL,
 * -ENAMETOOLONG. */
int input_name_check(const char *name);

/* size and times. -ENOENT where it was removed and nobody has it open. */
int input_attr(struct promptfs *fs, struct node *n, struct stat *st);

/* Makes the file, empty, in the store. -EEXIST. */
int input_create(struct promptfs *fs, const char *name);

/* A handle. truncate: starts empty. */
struct input_handle;
int input_open(
	struct promptfs *fs, struct node *n, bool truncate, struct input_handle **ret);
/* Bytes at off into buf; the count or <0. */
ssize_t input_read(struct input_handle *h, void *buf, size_t len, off_t off);
ssize_t input_write(struct input_handle *h, const void *buf, size_t len, off_t off);
/* Puts unsaved bytes into the store. */
int input_sync(struct input_handle *h);
void input_close(struct input_handle *h);

int input_truncate(struct promptfs *fs, struct node *n, off_t size);
int input_touch(struct promptfs *fs, struct node *n, int64_t mtime_ms);
int input_rename(struct promptfs *fs, fuse_ino_t dir, const char *from, const char *to,
	bool replace);
int input_unlink(struct promptfs *fs, fuse_ino_t dir, const char *name);
