// SPDX-License-Identifier: MIT
#pragma once
/* What file handles (fi->fh) point to; media files have none (0). Any thread. What the
 * kernel has left open when the mount ends is closed with it. */
#include "fs/tree/node.h"

enum handle_kind { HANDLE_SNAPSHOT, HANDLE_INPUT };

struct handle {
	enum handle_kind kind;
	struct snapshot *snapshot;
	struct input_handle *input;
	struct node *node; /* borrowed: the kernel holds it longer */
	struct handle *next, **pprev;
};

/* NULL: out of memory. What it points to is for the caller to open. */
struct handle *handle_new(struct promptfs *fs, struct node *n, enum handle_kind kind);
/* Not opened after all: frees it only. */
void handle_drop(struct promptfs *fs, struct handle *h);
void handle_close(struct promptfs *fs, struct handle *h); /* NULL is fine */
/* All that are left, when nobody asks any more. */
void handles_close(struct promptfs *fs);
