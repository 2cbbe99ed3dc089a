// SPDX-License-Identifier: MIT
#pragma once
/* The ledger, which is the journal too: what paid calls hold and have cost.
 *
 * One row per file and paid call: a take, or one part of a long video. A call that
 * makes several takes (count=N) has a row for each of them; they move together.
 * What a row contributes to the totals is a pure function of the row, and every change
 * of a row changes the totals in the same commit: a counter cannot leak.
 *
 *	reserved -> sent -> settled                 an answer in one call
 *	            sent -> accepted -> settled     a named operation that is polled
 *	            sent -> reserved                proven not to be accepted: once more
 *	reserved, sent -> released                  nothing was sent; proven rejected
 *	sent, accepted -> unknown                   may be paid, did not reach us
 *	unknown -> settled                          adopted, or written off: stays spent
 *
 * reserved, sent and accepted hold `held_ud` (totals: reserved); unknown counts it as
 * spent and as unknown; settled counts `charged_ud` as spent; released nothing.
 *
 * Money is integer micro-US-dollars. Days and months are UTC, of the row's creation;
 * the ledger's clock never goes back, also over restarts. Everything is per namespace
 * of the store. Tables: see cache/db.h. */
#include "cache/cache.h"
#include "cache/ledger_limit.h"

enum ledger_state {
	LEDGER_RESERVED = 1,
	LEDGER_SENT,
	LEDGER_ACCEPTED,
	LEDGER_SETTLED,
	LEDGER_RELEASED,
	LEDGER_UNKNOWN,
};
const char *ledger_state_name(enum ledger_state s);

#define LEDGER_PARTS_MAX 512

struct ledger_row {
	uint64_t id; /* 1, 2, ... in the order of reservation */
	enum ledger_state state;
	struct digest key; /* of the file: request_key */
	uint32_t draw;
	uint16_t part, n_parts; /* 0 of 1, unless it is part of a long video */
	uint32_t sends;         /* how often it was sent */
	int64_t held_ud;        /* the worst case; never changes */
	int64_t charged_ud;     /* settled */
	uint32_t uid, pid;
	uint32_t seconds; /* of this call, videos */
	uint64_t dir;     /* the listing's directory, for its totals */
	int64_t created_ms, sent_ms, changed_ms; /* Unix time; sent_ms 0: never */
	struct digest blob; /* a paid part that waits to be joined, else zeros */
	uint64_t blob_id, blob_size;
	char *program, *model, *served_by; /* "" not known; as named; who serves */
	char *path;                        /* as a user would type it, for listings */
	char *operation;                   /* accepted: its name; else NULL */
	char *prefix;  /* gs://bucket/prefix/ of this send, or NULL */
	char *uri;     /* where the provider keeps a settled part, or NULL */
	char *request; /* what is needed to go on after a restart, the engine's JSON;
			    gone once settled or released */
	char *why;     /* a sentence about an outcome that is not the usual one */
};
void ledger_row_finish(struct ledger_row *r);

/* ---- budgets ---- */

struct ledger_sums {
	int64_t spent_ud, reserved_ud, unknown_ud; /* unknown is in spent too */
};
/* Now: of the day, the month, and all time. uid LEDGER_ANY_UID: of all users. -EBADMSG
 * damaged. Any thread. */
int ledger_sums(struct cache *c, uint32_t uid, struct ledger_sums ret[LEDGER_PERIODS]);

/* ---- changes ----
 *
 * Asynchronous: they copy what they need, and `done` runs exactly once, on the store
 * thread, when the change is durable or has failed; it must not block. 0, or -ENOMEM
 * and then `done` never runs. Any thread. (A reservation is durable against crashes of
 * promptfs, and with the next commit, such as `sent`, against power cuts too.) */

/* One call. */
struct ledger_part {
	uint16_t part;
	uint32_t seconds;
	int64_t held_ud;
};

/* What one file needs. */
struct ledger_order {
	const struct cache_place *place; /* of the file: its key, directory and owner */
	uint32_t draw, pid;
	const char *model, *path, *request;
	const char *served_by; /* the row that is to serve it first */
	uint16_t n_parts;      /* of the whole video, 1 else */
	const struct ledger_part *part;
	size_t n;
	/* Released in the same commit; a plan gives way to another. */
	const uint64_t *instead;
	size_t n_instead;
};

/* All orders or none, in one transaction. ids: of the new rows, in the order of the
 * orders and their parts; borrowed. err NULL: done.
 * -EDQUOT with a sentence that says what it would cost, what is left of the limit of
 * which least is left, and how to raise it; also above file_udollars, where the paid
 * parts of the file count too. What costs nothing passes no limit. -EIO an unknown
 * outcome, or a call under way, of the same key and draw is in the way (paid parts are
 * not). -EINVAL an order that makes no sense, or `instead` of what is not reserved.
 * -EBADMSG damaged; -ENOSPC. Does not wait for ledger_check: see ledger_health. */
typedef void (*ledger_reserved_fn)(
	void *user, const uint64_t *ids, size_t n, const struct err *err);
int ledger_reserve(struct cache *c, const struct ledger_order *orders, size_t n,
	const struct ledger_budget *budget, ledger_reserved_fn done, void *user);

/* NULL strings leave what is there. */
struct ledger_move {
	enum ledger_state to;
	int64_t charged_ud; /* SETTLED: >= 0; more than was held is booked in full */
	const char *served_by, *operation, *prefix, *why; /* ACCEPTED: an operation */
};
/* All or none. -EINVAL: not an arrow of the picture above; -ENOENT; -EBADMSG. */
typedef void (*ledger_moved_fn)(void *user, const struct err *err);
int ledger_move(struct cache *c, const uint64_t *ids, size_t n,
	const struct ledger_move *m, ledger_moved_fn done, void *user);

/* ---- commits that store and settle together; any thread but the loop's ---- */

struct ledger_close {
	uint64_t id;          /* 0: none */
	enum ledger_state to; /* SETTLED, UNKNOWN, RELEASED */
	int64_t charged_ud;   /* SETTLED */
	const char *why;      /* may be NULL */
	bool drops_parts;     /* the paid parts of the file and draw are joined now */
};
/* A row that was written off before its result came after all takes the higher charge,
 * and the result is stored. */

/* One file of a job, and the end of what was paid for it. GENERATED takes over the
 * bytes of `w`, and the provider's own of `orig` (or NULL), which are finished by the
 * call and freed by the caller, and sets the blob fields of `rec`; FAILED and UNKNOWN
 * take w == NULL. A FAILED record is replaced by any later one. Money is not counted
 * here: charged_ud is for people, totals follow the rows. */
struct cache_item {
	const struct cache_place *place;
	struct record *rec;
	struct blob_writer *w, *orig;
	struct ledger_close close;
};
/* Stores the files of a job (index, listing, totals) and ends what was paid for them,
 * in one durable commit. Files that are generated already (somebody else's store of
 * the same draw) are left as they are and do not fail the others, and what was paid for
 * them ends all the same: is_new (may be NULL) says which were stored. Any other
 * failure stores nothing: -ENOSPC, -EINVAL, and those of ledger_move. */
int cache_commit_all(struct cache *c, struct cache_item *items, size_t n, bool *is_new,
	struct err *err);

/* A part of a long video: its bytes are kept with its row, which is settled. `uri` may
 * be NULL. The writer is finished by the call, freed by the caller. -ENOENT, -EINVAL
 * not a call under way, -ENOSPC, -EBADMSG. */
int ledger_keep_part(struct cache *c, uint64_t id, int64_t charged_ud,
	struct blob_writer *w, const char *uri, struct err *err);

/* promptfs settle: an unknown row of which the user says that it was not paid, or that
 * it was. charged_ud 0..held. Its file's UNKNOWN record goes in the same commit (with
 * the last such row of it), so that it can be opened again. -ENOENT, -EINVAL not
 * unknown. Any thread but the loop's. */
int ledger_settle(struct cache *c, uint64_t id, int64_t charged_ud, const char *why,
	struct err *err);

/* ---- reading; any thread ---- */

/* -ENOENT, -EBADMSG. */
int ledger_find(struct cache *c, uint64_t id, struct ledger_row *ret, struct err *err);
typedef int (*ledger_row_fn)(void *user, const struct ledger_row *row);
/* The rows that matter still: reserved, sent, accepted, unknown, and paid parts; of one
 * file, or key == NULL, of all; by id; those of the moment of the call, while they are
 * open. fn's nonzero result stops and is returned; it may take its time.
 * -EBADMSG: rows that cannot be read were passed over. */
int ledger_each_open(
	struct cache *c, const struct digest *key, ledger_row_fn fn, void *user);

/* ---- the check of the totals against the rows ---- */

enum ledger_health {
	LEDGER_UNCHECKED, /* under way: paid calls wait */
	LEDGER_SOUND,
	LEDGER_DAMAGED, /* a row cannot be read: paid calls are refused */
};
/* Reads all rows in one snapshot, compares every total that a budget rests on, and adds
 * what is missing where one does not match, with a warning; what changes meanwhile is
 * counted once. Blocks (1,000,000 rows: seconds): from a pool thread. stop (may be
 * NULL): -ECANCELED. -EBADMSG with a sentence that names the row. */
int ledger_check(struct cache *c, const _Atomic bool *stop, struct err *err);
enum ledger_health ledger_health(struct cache *c);
