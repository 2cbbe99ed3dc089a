// SPDX-License-Identifier: MIT
#pragma once
/* The listed tree inside write transactions. A directory has a node (and an id, and
 * totals) from the first record below it; it is listed while something in it is listed
 * or kept in the history, or while it is pinned. Store thread only. */
#include "cache/store.h"

/* A directory and those above it, from the root down. */
struct dir_chain {
	size_t n;
	uint64_t id[CACHE_DEPTH_MAX];
};

/* -EINVAL, -ENAMETOOLONG; any thread. */
int place_check(const struct cache_place *place, struct err *err);

/* The directories of a place, made where they are missing. n_dirs: how many names. */
int tree_make(struct cache *c, MDB_txn *txn, const struct cache_place *place,
	size_t n_dirs, struct dir_chain *ret);
/* The chain that ends with `dir`. */
int tree_chain(struct cache *c, MDB_txn *txn, uint64_t dir, struct dir_chain *ret);
/* One more, one fewer thing that keeps `dir` listed. */
int tree_ref(struct cache *c, MDB_txn *txn, uint64_t dir);
int tree_unref(struct cache *c, MDB_txn *txn, uint64_t dir);
int tree_pin(struct cache *c, MDB_txn *txn, uint64_t dir, bool on);

/* A file's line in the listing of `dir`; its cookie. */
int tree_list_file(struct cache *c, MDB_txn *txn, uint64_t dir, const char *name,
	const struct digest *key, uint64_t *ret_cookie);
int tree_unlist(struct cache *c, MDB_txn *txn, uint64_t dir, uint64_t cookie);

/* The best file of a directory; score and type decide the order. */
struct best {
	uint64_t dir, cookie;
	enum media_type type;
	uint8_t grade;
	double score;
};
int best_put(struct cache *c, MDB_txn *txn, const struct best *b, const char *name);
int best_del(struct cache *c, MDB_txn *txn, const struct best *b);
/* The name of a listed file, owned by the caller. */
int tree_name(struct cache *c, MDB_txn *txn, uint64_t dir, uint64_t cookie, char **ret);
