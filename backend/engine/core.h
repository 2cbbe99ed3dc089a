// SPDX-License-Identifier: MIT
#pragma once
/* The engine from inside: what its files share. Nobody else includes this but tests,
 * which give it a provider of their own.
 *
 * Threads: everything belongs to the loop thread, with these exceptions. `lock` is held
 * by the loop thread where it changes what queries read (flights, slots, the fields of
 * a job marked L) and by others where they read it; never around a callback, a provider
 * or the store. A run's outputs belong to the pool while an item of it is there. No
 * other lock is taken inside `lock`. */
#include <pthread.h>
#include <stdatomic.h>

#include "backend/engine/engine.h"
#include "backend/engine/errors.h"
#include "backend/engine/flight.h"
#include "backend/engine/slots.h"
#include "backend/net/loop.h"
#include "backend/net/pool.h"
#include "backend/policy/retry.h"
#include "backend/policy/safety.h"
#include "backend/provider/provider.h"
#include "cache/ledger.h"

#define ENGINE_TAKES_MAX 64                /* of count=N: a bit each */
#define ENGINE_REFUSAL_MS (10 * 60 * 1000) /* a provider's refusal is remembered */

/* What tests replace. The engine owns the provider from the call on. */
struct engine_parts {
	struct provider provider;
	struct retry_rule retry;
};
int engine_start_with(const struct engine_config *config,
	const struct engine_parts *parts, struct engine **ret, struct err *err);

struct job;
struct run;
struct paid;
struct route;
struct remote;
struct http;
struct token_source;
struct network;
struct lodged;

/* Which limits were said to be nearly used up: by period, the last one said. */
struct alerts {
	int64_t said_day[LEDGER_PERIODS]; /* days since 1970, of the last alert */
};

struct engine {
	/* immutable after start */
	struct cache *cache;
	const struct catalogue *catalogue;
	char *ns, *exe;
	int max_concurrent, stop_timeout_ms, timeout_ms;
	bool offline, enhance, fallback;
	char **deny;
	size_t n_deny;
	struct safety *safety;
	struct provider provider;
	struct retry_rule retry;
	struct loop *loop;
	struct pool *pool;
	struct errors *errors; /* its own lock */

	/* a provider across a network; immutable after start but for routes */
	struct remote *remote; /* NULL: `provider` makes everything */
	enum backend_id backend;
	char *bucket; /* NULL: none */
	struct ledger_budget budget;
	struct ledger_limit *limits;
	struct err no_credentials; /* why nothing can be bought; code 0: it can */

	pthread_mutex_t lock;
	pthread_cond_t idle; /* n_tickets, n_jobs or n_measures fell to 0, or opened */
	bool is_stopping;    /* no new tickets */
	bool is_stopped;
	bool is_opening;  /* what an earlier mount left is being looked at */
	size_t n_tickets; /* whose `done` has not run */
	size_t n_jobs;
	struct flights flights; /* job keys and keys of files */
	struct slots slots;
	struct job *jobs, *jobs_last; /* oldest first */
	int n_active;                 /* jobs that hold a slot */
	struct flights measuring;     /* files whose quality is being measured */

	/* the loop thread's */
	uint64_t room_bytes; /* expected of the jobs that hold a slot */
	bool is_dispatching;
	uint64_t random;
	struct network *network;
	struct post start_post, close_post;
	struct http *http;
	struct token_source *tokens;
	struct route *routes;
	struct alerts alerts;
	struct lodged *lodged;
	struct timer lodged_timer;
	struct pool_item check; /* of the ledger */
	struct post stop_post;
	struct timer stop_timer;
};

/* ---- one who waits ---- */

enum ticket_state {
	TICKET_SUBMITTED, /* on its way to the loop */
	TICKET_PARKED,    /* with a job, or being completed */
	TICKET_CANCELLED, /* by its owner; the loop completes it */
	TICKET_DONE,
};

struct submission; /* what a ticket brings along until a job has it */

struct ticket {
	struct engine *e;
	struct post post;
	struct job *job; /* loop: NULL unless parked with one */
	struct ticket *next, *prev;
	struct submission *sub;
	engine_done_fn done;
	void *user;
	_Atomic uint8_t state;
	_Atomic uint8_t refs;
	uint16_t take;
};

struct submission {
	struct request req;
	struct engine_who who;
	struct digest key, job_key;
	enum engine_priority priority;
	bool is_admitted; /* passed admit() */
};

/* Takes the request out; frees the rest. NULL is fine. */
void submission_free(struct submission *s);

/* Loop: calls `done` unless the ticket was cancelled, whose completion is under way.
 * The ticket is gone afterwards. It must not be linked to a job any more. */
void ticket_complete(struct ticket *t, const struct record *rec, const struct err *err);

/* ---- admit.c: any thread ---- */

/* May it be generated? *ret_row is its model. Errors as engine_submit. `rec` is what is
 * recorded (FAILED or UNKNOWN), or NULL. */
int admit(const struct engine *e, const struct request *req,
	const struct engine_who *who, const struct record *rec, int64_t now_ms,
	const struct model_row **ret_row, struct err *err);
/* Upper bound of the bytes of `takes` files, for the store's room. */
uint64_t room_needed(
	const struct model_row *row, const struct request *req, uint32_t takes);

/* ---- job.c: the loop thread ---- */

enum job_phase {
	PHASE_RESERVING, /* the ledger is asked; without a slot */
	PHASE_QUEUED,    /* for a slot */
	PHASE_WAITING,   /* the provider's time to wait; holds a slot, as all below */
	PHASE_CALLING,   /* a call across the network, and what belongs to it */
	PHASE_WORKING,   /* the provider's work is with the pool */
	PHASE_STORING,   /* the store's commit is with the pool */
	PHASE_BACKOFF,   /* until the next try; without a slot */
	PHASE_ENDED,
};

enum job_event {
	EVENT_SLOT,  /* it may start */
	EVENT_TIMER, /* its timer fired */
	EVENT_POOL,  /* its pool item is back */
	EVENT_STOP,  /* end as soon as possible, -ECANCELED */
};

struct job {
	struct engine *e;
	struct request req; /* the take is the first submitter's */
	const struct model_row *row;
	struct flight flight;   /* by job key */
	struct flight *by_take; /* count=N: N keys of files; else NULL */
	uint32_t n_takes;
	uint64_t wanted, settled; /* L: a bit per take; bit 0 unless count=N */
	enum job_phase phase;     /* L */
	enum engine_priority priority;
	uint32_t uid, pid;
	uint32_t readers; /* L */
	uint32_t attempts;
	int64_t since_ms;   /* Unix time of submission */
	int64_t granted_ms; /* L: CLOCK_MONOTONIC, of the first slot; 0 before */
	char *program;
	struct slot_entry slot;
	struct job *next, *prev; /* L: e->jobs */
	struct ticket *tickets;
	struct run *run; /* L: from its slot, or its reservation, to its end */
};

/* `sub` is copied. mask 0: the takes that are missing; else those to go on with, from
 * an earlier mount. -ENOMEM, and what the provider says, with a sentence. */
int job_start(struct engine *e, const struct submission *sub,
	const struct model_row *row, uint64_t mask, struct job **ret, struct err *err);
void job_join(struct job *j, struct ticket *t, enum engine_priority priority);
void job_leave(struct job *j, struct ticket *t);
void job_advance(struct job *j, enum job_event event);
void engine_dispatch(struct engine *e); /* gives free slots to who waits */
uint32_t job_bit(const struct job *j, uint16_t take);
const char *job_phase_name(enum job_phase phase);

/* For the files of the engine that move a job on. */
void job_set_phase(struct job *j, enum job_phase phase);
void job_on_timer(struct timer *t); /* of a run */
void job_queue(struct job *j);      /* for a slot, then gives out what is free */
int job_enqueue(struct job *j);     /* for a slot. -ENOMEM */
void job_release_slot(struct job *j);
/* The run of the takes in `mask`. -ENOMEM with a sentence. */
int job_make_run(struct job *j, uint64_t mask, struct err *err);
/* All takes of a count=N directory that is new; else those that somebody wants. */
uint64_t job_takes_to_make(const struct job *j);
void job_count_failure(struct job *j, const struct err *err);
void job_store(struct job *j);
/* Waits without a slot, then queues again. */
void job_back_off(struct job *j, int64_t delay_ms, const struct err *err);
void job_pause(struct job *j, int64_t delay_ms);
void job_end(struct job *j, const struct err *err); /* fails what is not settled */
void job_close(struct job *j);
uint32_t job_random(struct engine *e);
void job_settle(
	struct job *j, uint16_t take, const struct record *rec, const struct err *err);
bool engine_is_stopping(struct engine *e);
/* A line in the log when 80 % of a limit are spent or reserved. */
void budget_alert(struct engine *e, uint32_t uid);
void routes_free(struct route *r);

/* ---- run.c: one stay of a job in the slots, and what the pool does for it ---- */

struct made {
	struct request req;        /* borrows everything but the take */
	struct blob_writer *bytes; /* pool */
	struct blob_writer *orig;  /* the provider's own, if `bytes` were converted */
	struct ledger_close close; /* what was paid; id 0: nothing, or settled before */
	struct record rec;         /* once stored */
	int stored;                /* 1: yes; <0: failed, `err` */
	bool is_settled;           /* loop: those who wait for it were told */
	struct err err;
};

struct run {
	struct job *job;
	struct pool_item item;
	struct timer timer;
	struct sink sink;
	struct provider_job pj;
	struct buf prompt, negative;
	provider_work_fn work;
	int result; /* of the last work */
	struct err err;
	bool is_last;    /* end after storing */
	bool is_granted; /* holds a slot */
	bool is_stopped;
	bool is_counted;    /* the store has counted this job as a request */
	int64_t started_ms; /* CLOCK_MONOTONIC */
	uint64_t room_bytes;
	struct engine_who who;
	struct paid *paid; /* NULL: the provider works on this machine */
	struct output *output;
	struct made *made; /* one per output */
};

/* The outputs are the takes in `mask`. -ENOMEM; *ret is untouched then. */
int run_new(struct job *j, uint64_t mask, struct run **ret);
void run_free(struct run *r); /* NULL is fine */
/* For pool_submit. */
void run_work(struct pool_item *i);
void run_store(struct pool_item *i);
bool run_has_unstored(const struct run *r);

/* ---- detail.c ---- */

/* What <file>.json shows, one line of JSON, owned by the caller. NULL: out of memory.
 */
char *detail_json(
	const struct run *r, const struct output *o, const struct record *rec);

/* ---- assess.c ---- */

/* Any thread: queues the measuring of a stored file, unless it is under way. */
void measure_start(struct engine *e, const struct request *req, uint32_t uid);
