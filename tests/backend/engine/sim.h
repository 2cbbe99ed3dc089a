// SPDX-License-Identifier: MIT
#pragma once
/* The simulation: the real engine, store, policies and wire code in one process, with
 * a provider, a clock, a disk and a thread scheduler of the test's own.
 *
 * A history is what happens to one store: several epochs, each a process of its own
 * that opens the store, does some random things and is killed, loses power or ends in
 * order. Everything comes from the history's seed, the order of the threads too: the
 * same seed gives the same history. What the provider did and what was promised to
 * clients lives in memory that is shared with the processes and outlives them: struct
 * sim_world.
 *
 *	sim_sched.c   threads, one at a time; time passes when all of them wait
 *	sim_net.c     http_*, instead of backend/net/http.c
 *	sim_server.c  the provider: what it answers, and its log of charges
 *	sim_disk.c    what LMDB writes with: killed there, refused, lost
 *	sim_media.c   sandbox_*, instead of a process that decodes
 *	sim_files.c   the files that a history is about
 *	sim_epoch.c   one process: random acts
 *	sim_check.c   the store against the provider's log
 *	test_sim.c    histories */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backend/engine/paid/paid.h"
#include "backend/engine/place.h"

/* ---- chance ---- */

struct dice {
	uint64_t state;
};
struct dice dice_of(uint64_t seed, uint64_t which);
uint64_t dice_roll(struct dice *d);
/* 0..n-1; n >= 1 */
uint32_t dice_below(struct dice *d, uint32_t n);
/* in percent */
bool dice_is(struct dice *d, uint32_t percent);

/* ---- what outlives the processes ---- */

#define SIM_FILES_MAX 12
#define SIM_CALLS_MAX 4000
#define SIM_EPOCHS_MAX 12
#define SIM_TAKES_MAX 8
#define SIM_DRAWS_MAX 64
#define SIM_WHY_MAX 2000
#define SIM_UNDO_BYTES (8u << 20)

/* What an accepted call is to bring. */
enum sim_result {
	SIM_NOTHING,  /* not accepted */
	SIM_GOOD,     /* media that can be served */
	SIM_REFUSED,  /* accepted and filtered */
	SIM_UNUSABLE, /* accepted, and the answer is rubbish */
};

enum sim_where { SIM_INLINE, SIM_BUCKET, SIM_DOWNLOAD };

/* One paid request that arrived at the provider. */
struct sim_call {
	uint32_t epoch, n;           /* n: of takes */
	uint64_t row[SIM_TAKES_MAX]; /* of the ledger */
	int16_t file[SIM_TAKES_MAX];
	uint32_t draw[SIM_TAKES_MAX];
	uint16_t part[SIM_TAKES_MAX];
	uint32_t permit[SIM_TAKES_MAX]; /* of the file, when it was sent */
	int64_t billed_ud[SIM_TAKES_MAX];
	uint32_t n_made; /* takes that are not filtered, the first ones */
	enum sim_result result;
	enum sim_where where;
	bool is_jpeg, is_large;
	bool is_ambiguous; /* the answer does not tell, or did not come */
	bool is_answered;  /* the answer arrived whole, or the operation's name */
	bool is_delivered; /* and so did all bytes of the result */
	bool is_operation;
	bool was_listed;     /* it was found in the bucket */
	bool was_journalled; /* its row was seen with the operation's name */
	int64_t done_at_ms, arrived_real_ms, refused_real_ms;
	int rpc_error;
	bool is_lost; /* the provider forgets the operation */
	char prefix[120];
	char what[32]; /* what was chosen, for people */
};

struct sim_file {
	struct request req;
	struct request_place place;
	uint32_t permit;    /* raised by rm and by settling: it may be bought again */
	bool is_permitting; /* while that is under way */
	/* What was promised to a client: these bytes, for ever. */
	bool is_acked[SIM_DRAWS_MAX];
	struct digest acked[SIM_DRAWS_MAX];
	uint32_t removed_draws; /* how many went to the history */
};

enum sim_death { SIM_ALIVE, SIM_KILLED, SIM_POWER_CUT };

struct sim_epoch {
	enum sim_death death;
	bool was_stopped_hard; /* calls in flight were given up */
	bool had_disk_fault;
};

struct sim_world {
	uint64_t seed;
	uint32_t epoch;
	struct sim_epoch past[SIM_EPOCHS_MAX];
	int64_t mono_us, real_offset_ms, max_real_ms;
	uint32_t n_calls, n_files;
	struct sim_file file[SIM_FILES_MAX];
	uint64_t steps, durable_steps; /* of this epoch */
	uint64_t n_sends, n_acks, n_unknown, n_settled, n_denied;
	bool has_failed, is_over;
	char why[SIM_WHY_MAX];
	/* The disk: what a power cut may undo. */
	size_t undo_len, undo_n;
	/* Not cleared between histories. */
	struct sim_call call[SIM_CALLS_MAX];
	uint8_t undo[SIM_UNDO_BYTES];
};

/* How this history is. Chosen from the seed alone. */
struct sim_plan {
	enum backend_id backend;
	bool has_bucket, has_fallback, is_small_disk, has_disk_faults, is_calm,
		is_video;
	int64_t day_ud, total_ud, user_ud;
	uint32_t n_files, n_epochs,
		trouble; /* percent of calls that do not just work */
	uint32_t max_concurrent;
	uint64_t map_size;
};

struct sim {
	struct sim_world *world;
	struct sim_plan plan;
	char dir[64];
	bool is_last; /* epoch: nothing goes wrong any more */
	bool is_loud;
	struct catalogue *catalogue;
	struct cache *cache;
	struct engine *engine;
	struct dice act, net, disk;
};
extern struct sim sim;

/* Ends this process: an invariant does not hold. */
void sim_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));
/* A line for people, when one seed is replayed. */
void sim_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* ---- sim_sched.c ---- */

/* From now on the process has one thread at a time. kill_at: steps of the scheduler
 * after which the process ends by SIGKILL; 0: never. */
void sched_begin(uint64_t seed, uint64_t kill_at);
void sched_sleep_ms(int64_t ms);
void sched_yield_here(void);
void sim_die(enum sim_death how) __attribute__((noreturn));

/* ---- sim_disk.c ---- */

/* The store is opened from now on. die_at: the durable step at which the process ends,
 * before or after it; 0: never. */
void disk_begin(uint64_t die_at, bool is_after, enum sim_death how);
/* After a power cut, before the next process: what was not flushed is partly undone. */
void disk_undo(struct sim_world *w, const char *dir);

/* ---- sim_server.c ---- */

enum sim_fate { FATE_NOT_SENT, FATE_SENT, FATE_ANSWERED, FATE_CUT, FATE_SILENT };

struct sim_answer {
	enum sim_fate fate;
	int status;
	int64_t retry_after_ms, delay_ms;
	bool is_json;
	struct buf body;
	size_t cut_at;
	struct sim_call *call; /* NULL: nobody waits for its end */
	bool ends_call;        /* the answer brings the result of the call */
};
void server_answer(const struct http_request *req, void *user, struct sim_answer *ret);
/* The answer was handed over to its end. */
void server_delivered(const struct sim_answer *a);
/* What the medium of a take begins with: also found in what is stored. */
#define SIM_TAG_MAX 48
void server_tag(const struct sim_call *c, uint32_t take, char ret[static SIM_TAG_MAX]);

/* ---- sim_files.c ---- */

void files_make(struct sim *s);
void files_free(struct sim *s);
int file_of_key(const struct digest *key); /* -1: none */

/* ---- sim_epoch.c, sim_check.c ---- */

void epoch_run(void) __attribute__((noreturn));
/* Of an open store without an engine. is_after: the engine ended in order; is_end: and
 * everything was waited for. */
void check_store(bool is_after, bool is_end);
