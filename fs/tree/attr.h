// SPDX-License-Identifier: MIT
#pragma once
/* Inode numbers and stat: what a place looks like, at no cost. Any thread. */
#include <sys/stat.h>

#include "fs/tree/node.h"

/* st_ino: 64-bit hash of the canonical path (and draw); never 0, the same after a
 * remount. For media files `key` is request_key's result. */
ino_t ino_of_file(const struct digest *key, uint32_t draw);
/* Any other place; `name` is the name as looked up (used where a place has no
 * canonical form of its own). -EINVAL: media and inputs have their own. -ENOMEM. */
int ino_of_place(const struct place *p, const char *name, ino_t *ret);
/* An input: `number` is the store's, which a rename keeps and a new file does not. */
ino_t ino_of_input(uint64_t number);
/* A listed directory below `parent_ino`: the same value as ino_of_place gives. */
ino_t ino_of_child(ino_t parent_ino, const void *component, size_t len);

/* Upper bound of what the file can weigh, below 2 GiB: the size before generation. */
#define PLACEHOLDER_SIZE (INT64_C(64) << 20)
#define PLACEHOLDER_MAX ((INT64_C(2) << 30) - 4096)
off_t placeholder_size(const struct request *req);

#define STORED_TIMEOUT 3600.0
#define DIR_TIMEOUT 1.0

/* st of a node and for how many seconds it holds. Never spends, never waits for a
 * generation. 0, -ENOENT (an input that is gone), -ESTALE, -ENOMEM, -EIO. */
int node_attr(
	struct promptfs *fs, struct node *n, struct stat *st, double *ret_timeout);
