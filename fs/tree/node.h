// SPDX-License-Identifier: MIT
#pragma once
/* What the kernel knows of the tree: node ids and what they stand for.
 *
 * A node id is a counter and never reused. A directory, link or virtual file has one
 * per (parent node, name as looked up), because the kernel gives a directory one name.
 * A media file has one per (key, draw), shared by all spellings like hard links, so
 * that a new size reaches every opener; removed draws seen in .history have their own.
 *
 * Any thread; one mutex inside. A node is valid while the kernel holds it (during any
 * request on it) or while it is pinned. */
#include "fs/mount/libfuse.h"
#include "fs/mount/promptfs.h"
#include "fs/virtual/vfile.h"

struct scratch; /* fs/tree/input.c */

struct node_alias {
	fuse_ino_t parent;
	char *name;
	struct node_alias *next;
};

struct node {
	/* Immutable. */
	fuse_ino_t id;
	ino_t ino; /* st_ino, stable across mounts */
	struct place place;
	bool by_key, is_history;
	struct digest key; /* by_key; the file's also for sidecars */
	uint32_t draw;

	/* Under the table's mutex. */
	uint64_t lookups;
	uint32_t pins;
	struct node_alias
		alias; /* by name: the name; by key: the first of those seen */
	/* It has names that are not remembered: the kernel may keep none for long. */
	_Atomic bool has_more_names;
	struct node *next_id, *next_ident;
	struct scratch *scratch;

	struct vfile vfile; /* has its own lock */

	/* Media: written once, before is_stored is set. */
	_Atomic bool is_stored;
	uint64_t size, blob_id;
	int64_t created_ms;
	_Atomic int64_t estimate_ud; /* < 0: not read yet */
	/* The kernel was told the placeholder size and not yet the true one. */
	_Atomic bool placeholder_told;
};

int nodes_new(const struct place *root, ino_t root_ino, struct nodes **ret);
void nodes_free(struct nodes *t);

struct node *node_get(struct nodes *t, fuse_ino_t id);

/* One kernel reference more on the node for a name below `parent`; made if new. `place`
 * is taken over, whatever the result. NULL: out of memory. */
struct node *nodes_name(struct nodes *t, fuse_ino_t parent, const char *name,
	struct place *take_place, ino_t ino);
/* The same for a media file. */
struct node *nodes_file(struct nodes *t, const struct digest *key, uint32_t draw,
	bool is_history, fuse_ino_t parent, const char *name, struct place *take_place,
	ino_t ino);
/* Names remembered of one media file, so that they can be told gone. */
#define NODE_NAMES_MAX 32
void nodes_forget(struct nodes *t, fuse_ino_t id, uint64_t n);
void node_pin(struct nodes *t, struct node *n);
void node_unpin(struct nodes *t, struct node *n);

/* The bytes are in the store: from now on is_stored. Idempotent. */
void node_stored(struct nodes *t, struct node *n, uint64_t size, uint64_t blob_id,
	int64_t created_ms, int64_t estimate_ud);

/* (parent, from) is (parent, to) from now on, as rename(2) does for the kernel. */
int nodes_rename(struct nodes *t, fuse_ino_t parent, const char *from, const char *to);

/* The name is gone; the node lives on for those who have it open. */
void nodes_unlink(struct nodes *t, fuse_ino_t parent, const char *name);
/* A copy of the name it has now (renames change it); NULL: it has none any more, or out
 * of memory. */
char *node_name(struct nodes *t, struct node *n);

/* The names under which a media node was looked up, except (parent, name); for telling
 * the kernel that they are gone. The list is the caller's. */
struct node_alias *nodes_aliases(
	struct nodes *t, struct node *n, fuse_ino_t parent, const char *name);
void node_aliases_free(struct node_alias *list);

pthread_mutex_t *nodes_mutex(struct nodes *t);
