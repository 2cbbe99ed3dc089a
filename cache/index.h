// SPDX-License-Identifier: MIT
#pragma once
/* One row per file: its current draw in short, for lookup and stat, and what ties it to
 * listing and totals. The whole record is in another table. */
#include "cache/totals.h"
#include "cache/tree.h"

#define ENTRY_EMPTY 0 /* state: nothing is recorded for the current draw */

enum entry_flags {
	ENTRY_PINNED = 1, /* its history is never pruned */
	ENTRY_KEPT = 2,   /* counts among the refs of its directory */
};

struct entry {
	uint8_t state; /* enum record_state, or ENTRY_EMPTY */
	enum media_type type;
	uint8_t grade, flags;
	uint32_t draw;    /* current, or what the next generation will be */
	uint32_t removed; /* removals so far: the ~N of the last one */
	uint64_t size, blob_id;
	int64_t created_ms, retry_at_ms;
	uint64_t dir;    /* 0: none yet */
	uint64_t cookie; /* in its listing; 0: not listed */
	double score;
};

/* -ENOENT, -EBADMSG */
int entry_get(
	struct cache *c, MDB_txn *txn, const struct digest *key, struct entry *ret);
int entry_put(
	struct cache *c, MDB_txn *txn, const struct digest *key, const struct entry *e);
static inline bool grade_is_letter(uint8_t grade)
{
	return grade >= 'A' && grade <= 'D';
}

static inline struct best best_of(const struct entry *e)
{
	return (struct best){.dir = e->dir,
		.cookie = e->cookie,
		.type = e->type,
		.grade = e->grade,
		.score = e->score};
}

/* The text of the place's prompt, once. */
int prompt_keep(struct cache *c, MDB_txn *txn, const struct cache_place *place);
/* What lookup and stat answer of a record; not listed. */
void entry_fill(struct entry *e, const struct record *rec);
/* Adds n to the number of files of this namespace. */
int files_count(struct cache *c, MDB_txn *txn, int n);
void files_name(const struct cache *c, char ret[static 32]);

int record_get(struct cache *c, MDB_txn *txn, const struct digest *key, uint32_t draw,
	struct record *ret, struct err *err);
int record_put(struct cache *c, MDB_txn *txn, const struct digest *key,
	const struct record *rec);
int record_del(struct cache *c, MDB_txn *txn, const struct digest *key, uint32_t draw);
/* The sentence of an operation on a file. Returns r. */
int file_tell(int r, const char *what, struct err *err);

/* ---- removed draws (cache/history.c) ---- */

struct removal {
	uint32_t draw;
	int64_t removed_ms;
};
/* <ns> key, then a number: of a record the draw, of a removal its n. */
void numbered_key(
	const struct cache *c, struct key *k, const struct digest *key, uint32_t n);
int removal_decode(struct rd *in, struct removal *ret);
/* The draw of `e` becomes removal number e->removed; `name` is the file's. */
int history_add(struct cache *c, MDB_txn *txn, const struct digest *key,
	const struct entry *e, const char *name);
/* Forgets removal n of a file in `dir`. -ENOENT. */
int history_del(struct cache *c, MDB_txn *txn, const struct digest *key, uint64_t dir,
	uint32_t n);
/* Whether any removed draw of the file is left. 1, 0, <0. */
int history_is_left(struct cache *c, MDB_txn *txn, const struct digest *key);
