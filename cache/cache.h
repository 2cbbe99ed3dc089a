// SPDX-License-Identifier: MIT
#pragma once
/* The store: everything that was generated, content-addressed, in one LMDB file.
 *
 * Reads: any thread, never blocked by a writer, answered from the map.
 * Writes: any thread but the loop thread and the notify thread; the call hands the
 * operation to the one store thread (group commit) and returns when it is durable.
 * A `struct cache` is made after the last fork and belongs to one process; the lock
 * file in the directory keeps others out. Strings in results are owned by the caller.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "cache/base/digest.h"
#include "cache/base/err.h"
#include "cache/record.h"

struct cache;

struct cache_config {
	const char *dir;   /* absolute; made with 0700 if it is not there */
	const char *ns;    /* namespace: "local", "google", "openai:<origin>" */
	uint64_t map_size; /* bytes; 0: max(1 TiB, twice the file). Tests make it small
			    */
	uint64_t reserve_bytes; /* room that room_for() keeps free; normally 64 MiB */
	/* The ledger's clock, Unix time; NULL: clk_real_ms. Any thread. */
	int64_t (*now_ms)(void);
};

/* Opens or makes the store; the caller holds its lock (cache/lock.h).
 * -EBADMSG damaged (truncated, not ours), -ENOTSUP made by a newer version,
 * -EACCES, -ENOSPC, ... each with a sentence. Fast: never scans the index. */
int cache_open(const struct cache_config *config, struct cache **ret, struct err *err);
void cache_close(struct cache *c); /* finishes what was handed over; NULL is fine */

/* ---- files ---- */

/* The current draw of `key` (request_key). 0; -ENOENT: nothing recorded, then
 * *ret_draw says which draw a generation would be. -EBADMSG. Either may be NULL. */
int cache_find(struct cache *c, const struct digest *key, struct record *ret,
	uint32_t *ret_draw, struct err *err);

/* As cache_find, without strings: for lookup and stat, at map speed. */
struct file_brief {
	enum record_state state;
	enum media_type type;
	uint32_t draw;
	uint8_t grade;
	uint64_t size, blob_id;
	int64_t created_ms, retry_at_ms;
};
int cache_brief(struct cache *c, const struct digest *key, struct file_brief *ret,
	uint32_t *ret_draw);

/* Where a new record goes: the listing's names from the tree root down, the last one is
 * the file. Directories appear in listings with their first file. */
struct cache_place {
	const struct digest *key;
	const char *const *name; /* e.g. "prompts","a red fox","imagen-3","1.png" */
	size_t n;                /* 2..CACHE_DEPTH_MAX */
	const struct digest *prompt_id; /* NULL: no prompt text to keep */
	const char *prompt;             /* its text, kept once per prompt */
	bool is_more;        /* a further file of a job that was counted already */
	const char *program; /* who asked: counted in totals; may be NULL */
	uint32_t uid;
};
#define CACHE_DEPTH_MAX 32
#define CACHE_NAME_MAX 255

/* rm: the current draw goes to the history, the next open is a new one. A FAILED or
 * UNKNOWN record is cleared; calls of unknown outcome for it are written off (they stay
 * spent), also where no record tells of them. -ENOENT nothing recorded. */
int cache_remove(struct cache *c, const struct cache_place *place, struct err *err);

/* Adds the quality report to a GENERATED record (same draw), and to the counters of the
 * directories above. -ENOENT: gone or another draw by now. */
int cache_set_quality(struct cache *c, const struct cache_place *place, uint32_t draw,
	const char *json, uint8_t grade, double score, struct err *err);

/* Draw `n` of a removed file (".history/1.png~n", n counts removals of that file from
 * 1). -ENOENT. */
int cache_history(struct cache *c, const struct digest *key, uint32_t n,
	struct record *ret, struct err *err);

/* What .history of a listed directory holds: names "1.png~1", in no special order. */
int cache_history_list(struct cache *c, uint64_t dir,
	int (*fn)(
		void *user, const char *name, const struct digest *key, uint32_t draw),
	void *user);

/* ---- bytes ---- */

struct blob_writer;
#define CACHE_CHUNK (1024u * 1024u - 16u)

/* A new blob; chunks reach the disk as they are written, in commits of at most 8 MiB;
 * memory is bounded (about 24 MiB for one writer, 2 MiB each for many). One thread at a
 * time. write may wait for the disk, unless it was told to notify. */
struct blob_writer *blob_writer_new(struct cache *c, struct err *err);
int blob_writer_write(
	struct blob_writer *w, const void *data, size_t len, struct err *err);
uint64_t blob_writer_size(const struct blob_writer *w);
enum media_type blob_writer_type(const struct blob_writer *w); /* by its first bytes */
/* For a thread that must not wait: write never does any more. Who finds it full gives
 * it nothing until `on_room` was called, once, on the store thread, where it must not
 * block. NULL ends that: on_room does not run afterwards. */
void blob_writer_notify(struct blob_writer *w, void (*on_room)(void *user), void *user);
bool blob_writer_is_full(struct blob_writer *w);
void blob_writer_free(struct blob_writer *w); /* drops what was not committed */

/* For bytes that are paid for: what the store has no room for stays in memory, and it
 * is the commit that fails. Before the first write. */
void blob_writer_keep(struct blob_writer *w);
/* Serves the bytes of a writer whose commit found the store full until the store is
 * closed: the blob id is good for cache_view_iov and cache_read. Takes the writer.
 * -ENOMEM: it is still the caller's. */
int cache_lodge(struct cache *c, struct blob_writer *w, uint64_t *ret_blob_id);

/* Reading in place. Between begin and end the returned iov point into the map; end it
 * before waiting for anything. begin may fail with -ENOMEM. */
struct cache_view;
int cache_view_begin(struct cache *c, struct cache_view **ret);
void cache_view_end(struct cache *c, struct cache_view *v);
/* Fills at most *n entries for [off, off+len) clipped to `size`; sets *n and *ret_len.
 * -EBADMSG where a chunk is missing or short. */
int cache_view_iov(struct cache_view *v, uint64_t blob_id, uint64_t size, uint64_t off,
	size_t len, struct iovec *iov, int *n, size_t *ret_len);
/* A copy, for pool work. Reads all of len or fails. */
int cache_read(struct cache *c, uint64_t blob_id, uint64_t size, uint64_t off,
	void *buf, size_t len, struct err *err);

/* Appends all bytes of a stored blob to a writer. Pool work. */
int cache_copy(struct cache *c, uint64_t blob_id, uint64_t size, struct blob_writer *to,
	struct err *err);

/* ---- the listed tree ---- */

struct cache_entry {
	const char *name; /* valid during the callback */
	bool is_dir;
	uint64_t cookie;         /* > 0, rising, stable while the entry lives */
	struct digest key;       /* files: cache_brief(key) */
	struct digest prompt_id; /* prompt directories: which prompt; else zeros */
};
typedef int (*cache_list_fn)(void *user, const struct cache_entry *e);

/* The id of a listed directory: name[0..n) from the tree root. -ENOENT. Ids are stable
 * across mounts, never reused; id of the root itself (n == 0) is 1. */
int cache_dir_find(struct cache *c, const char *const *name, size_t n, uint64_t *ret);
/* Entries after `cookie` (0: from the start) until fn returns nonzero, which is
 * returned. */
int cache_list(
	struct cache *c, uint64_t dir, uint64_t cookie, cache_list_fn fn, void *user);

/* A prompt by the first 16 hex digits of its id / by its id: text owned by the caller.
 */
int cache_prompt_by_hash(
	struct cache *c, const char *hex16, char **ret, size_t *ret_len);

/* ---- totals, kept in the commits that change them ---- */

struct totals {
	uint64_t generated;        /* draws made, removed ones too */
	uint64_t failed, requests; /* jobs that ended, over the store's life */
	uint64_t grades[4];        /* A..D of current files */
	int64_t spent_ud, reserved_ud, unknown_ud, saved_ud;
	uint64_t duration_ms; /* sum over generated */
};
/* Of a listed directory (id 1: all), for one model or, model == NULL, all models. */
int cache_totals(struct cache *c, uint64_t dir, const char *model, struct totals *ret);
/* Each model below dir. fn's nonzero result stops and is returned. */
int cache_totals_by_model(struct cache *c, uint64_t dir,
	int (*fn)(void *user, const char *model, const struct totals *t), void *user);
/* scope: "program", "user" (uid in decimal) or "day" (2026-11-23, UTC). */
int cache_totals_by(struct cache *c, const char *scope,
	int (*fn)(void *user, const char *name, const struct totals *t), void *user);
/* The best file directly in `dir`: highest grade, then score. -ENOENT. */
int cache_best(struct cache *c, uint64_t dir, enum media_type type, char **ret_name);

/* An open was answered from the store: adds what it would have cost to saved_usd of the
 * file's model in each directory above. Any thread, never waits: summed in memory and
 * written about once a second and at close. */
void cache_count_saved(struct cache *c, const struct cache_place *place,
	const char *model, int64_t estimate_ud);
/* A job ended without a record (metrics): model, failed. Same rule. */
void cache_count_failed(struct cache *c, const char *model);

/* ---- inputs ---- */

#define CACHE_INPUT_MAX (64u * 1024u * 1024u)
struct input_brief {
	uint64_t size, blob_id;
	int64_t mtime_ms;
	uint64_t ino; /* a counter, stable across mounts */
	struct digest sha;
};
int cache_input_find(struct cache *c, const char *name, struct input_brief *ret);
int cache_input_put(struct cache *c, const char *name, struct blob_writer *w,
	int64_t mtime_ms, struct err *err);
int cache_input_rename(struct cache *c, const char *from, const char *to, bool replace,
	struct err *err); /* -EEXIST unless replace */
int cache_input_remove(struct cache *c, const char *name, struct err *err);
int cache_input_touch(
	struct cache *c, const char *name, int64_t mtime_ms, struct err *err);
int cache_input_list(struct cache *c, const char *after,
	int (*fn)(void *user, const char *name, const struct input_brief *b),
	void *user);

/* ---- upkeep ---- */

/* Lists a prompt (place: tree and spelling only, n == 2) though nothing is generated;
 * for a file's place marks it as never to be pruned. on=false undoes it. */
int cache_pin(
	struct cache *c, const struct cache_place *place, bool on, struct err *err);

struct prune_rule {
	int64_t older_than_ms;  /* removed before this time; INT64_MAX: all */
	uint64_t at_most_bytes; /* stop after freeing this much; UINT64_MAX: no limit */
	bool dry_run;
};
struct prune_result {
	uint64_t files, bytes;
};
/* Frees history (removed draws that are not pinned), and nothing else. */
int cache_prune(struct cache *c, const struct prune_rule *rule,
	int (*fn)(void *user, const struct record *rec), void *user,
	struct prune_result *ret, struct err *err);

struct verify_result {
	uint64_t blobs, bytes, records, bad;
};
/* Reads every blob and record, compares digests; fn gets one sentence per damage.
 * stop may be set by another thread: -ECANCELED. Short transactions only. */
int cache_verify(struct cache *c, const _Atomic bool *stop,
	void (*fn)(void *user, const char *sentence), void *user,
	struct verify_result *ret, struct err *err);

struct cache_stat {
	uint64_t file_bytes; /* length of the store's file */
	uint64_t used_bytes; /* pages in use */
	uint64_t map_bytes;
	uint64_t blobs, files, prompts;
};
int cache_stat(struct cache *c, struct cache_stat *ret);
/* -ENOSPC unless the map and the filesystem have room for `bytes` more. */
int cache_room_for(struct cache *c, uint64_t bytes, struct err *err);
