// SPDX-License-Identifier: MIT
#pragma once
/* Makes what is asked, once: single-flight, slots, a fair queue, retries, the record.
 *
 * The engine owns the loop thread and the pool. engine_submit and the queries may be
 * called from any thread and never wait for a generation; completions run exactly once,
 * on the loop thread, never from inside submit, also after a cancel and at shutdown
 * (-ECANCELED). A completion must not block. The engine knows nothing of FUSE. */
#include <stdbool.h>
#include <stdint.h>

#include "backend/model/catalogue.h"
#include "backend/request/request.h"
#include "cache/base/json.h"
#include "cache/cache.h"

struct engine;
struct ticket;
struct ledger_budget;

/* A paid or remote backend. Lives as long as the engine. Keys are not in here: the
 * engine finds them as backend/auth does. */
struct engine_remote {
	enum backend_id backend;
	const char *endpoint, *storage_endpoint; /* NULL: the service's own */
	const char *project, *location, *bucket; /* NULL: not given */
	const char *credentials, *token_command; /* NULL: as credentials.h searches */
	bool is_self_signed;
	int tries; /* sends in all, >= 1 */
	const struct ledger_budget *budget;
};

struct engine_config {
	struct cache *cache;
	const struct catalogue *catalogue;
	const char *ns;                     /* namespace of the store */
	const char *backend;                /* "local" */
	const struct engine_remote *remote; /* NULL: the built-in renderer */
	const char *exe;     /* for the sandbox, normally "/proc/self/exe" */
	const char *tmp_dir; /* for unlinked temporary files: the state directory */
	int max_concurrent;  /* slots, >= 1; normally 10 */
	int stop_timeout_ms; /* engine_stop waits this long for calls in flight */
	int timeout_ms;      /* bounds one call of a provider */
	int latency_ms;   /* the built-in renderer waits this long, like a real one */
	int pool_threads; /* 0: as many as processors, at least 2 */
	bool fallback, offline;
	bool enhance;                     /* treat every prompt as enhance=on */
	const char *const *blocked_words; /* the safety filter's list */
	size_t n_blocked_words;
	const char *const *deny_programs; /* never start a generation */
	size_t n_deny_programs;
};

int engine_start(
	const struct engine_config *config, struct engine **ret, struct err *err);
/* Refuses new work, waits up to stop_timeout for jobs in flight, completes the rest
 * with -ECANCELED, ends the threads. */
void engine_stop(struct engine *e);
void engine_free(struct engine *e); /* after engine_stop; NULL is fine */

enum engine_priority { PRIORITY_OPEN, PRIORITY_BATCH };

/* Who asks. */
struct engine_who {
	uint32_t uid;
	uint32_t pid;     /* the process, not the thread; 0 unknown */
	bool may_spend;   /* the mounting user, and whom spenders= names */
	char program[64]; /* basename of the executable, "" unknown */
};

/* `rec` (borrowed, GENERATED) on success; NULL on failure, then `err` says why. */
typedef void (*engine_done_fn)(
	void *user, const struct record *rec, const struct err *err);

/* Asks for a complete request. Joins the running job for the same file if there is one.
 * Refused at once, with the sentence also kept for engine_last_error: -EINVAL outside
 * the model's limits, -EPERM blocked word or remembered refusal, -EACCES program not
 * allowed, -EIO earlier outcome unknown, -EOPNOTSUPP backend cannot make this kind,
 * -ENOENT no such model. 0: `done` will run once. `req` is copied. A file that is
 * generated already completes with its record. `key`: request_key of
 * it; NULL: computed here. `ret` may be NULL. */
int engine_submit(struct engine *e, const struct request *req, const struct digest *key,
	const struct engine_who *who, enum engine_priority priority,
	engine_done_fn done, void *user, struct ticket **ret, struct err *err);

/* The submitter no longer waits: `done` runs soon with -ECANCELED unless it ran
 * already. The job goes on and its result is kept. The ticket is freed by ticket_free,
 * which may be called at any time, from any thread. */
void ticket_cancel(struct ticket *t);
void ticket_free(struct ticket *t); /* NULL is fine */

/* ---- queries, any thread, short locks only ---- */

enum job_state { JOB_NONE, JOB_QUEUED, JOB_GENERATING };

/* What runs for this file now. permille: 0..1000 where the provider tells, else -1.
 * position: in the queue, from 1. */
struct job_brief {
	enum job_state state;
	int permille;
	uint32_t position, readers;
	int64_t since_ms; /* Unix time of submission */
};
void engine_job(struct engine *e, const struct digest *key, struct job_brief *ret);

/* The sentence of the last failed open of this file. false: none known. Bounded memory:
 * the oldest are forgotten; those that matter for money are in the store. */
bool engine_last_error(struct engine *e, const struct digest *key, struct err *ret,
	int64_t *ret_when_ms);
/* Used by rm: forgets the failure that is remembered in memory; true if there was one.
 */
bool engine_forget_error(struct engine *e, const struct digest *key);

/* Everything for status.json: adds "jobs", "slots" and "backend" to `o`. -ENOMEM. */
int engine_status(struct engine *e, cJSON *o);
/* Adds the counters of metrics.json to `o` (from the store's totals). -ENOMEM. */
int engine_metrics(struct engine *e, cJSON *o);
/* The last failures, newest first, one line each: "<time> <errno> <path>: <why>\n". */
int engine_errors(struct engine *e, struct buf *out);

/* Measures the quality of a stored file in the background if that was not done; for
 * files whose measuring was cut short. Never waits. */
void engine_measure(struct engine *e, const struct request *req);
