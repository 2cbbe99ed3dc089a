// SPDX-License-Identifier: MIT
#pragma once
/* How media are made on this machine, one step at a time; what is bought across a
 * network is remote.h's.
 *
 * A provider does no I/O on the loop: it is handed the job and how its last step ended,
 * and says what to do next. The engine does it: it waits, runs work on the pool, stores
 * what was made, and decides about retries and slots. A provider keeps nothing per job;
 * what it must know stands in the job. */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "backend/model/catalogue.h"
#include "backend/request/request.h"
#include "cache/base/err.h"

enum output_state {
	OUTPUT_WANTED,   /* not made yet */
	OUTPUT_MADE,     /* all its bytes went to the sink */
	OUTPUT_REFUSED,  /* this one was filtered out: `err` */
	OUTPUT_UNUSABLE, /* paid, and nothing can be served: `err` */
	OUTPUT_UNKNOWN,  /* may be paid, did not reach us: `err` */
};

#define SEED_UNKNOWN UINT64_MAX

/* One file that the job makes. The fields after `state` are set by the provider's work
 * together with it. */
struct output {
	uint16_t take;
	uint32_t draw;
	enum output_state state;
	uint64_t seed;               /* SEED_UNKNOWN if nobody told */
	uint32_t width, height, fps; /* 0: does not apply */
	int64_t charged_ud;
	struct err err; /* REFUSED, UNUSABLE, UNKNOWN */
};

struct provider_job {
	const struct request *req; /* of all outputs but for the take */
	const struct model_row *row;
	const char *prompt;   /* as sent, after the optimiser */
	const char *negative; /* "" if none */
	struct output **output;
	uint32_t n_outputs;
	atomic_int permille; /* progress of the output in work; -1: not known */
};

/* Where work puts bytes, in order, one output after the other. Pool threads only. */
struct sink {
	/* 0, or what the store said (-ENOSPC, ...). -ECANCELED: the job is over. */
	int (*write)(struct sink *s, struct output *o, const void *data, size_t len,
		struct err *err);
};

/* Runs on a pool thread; returns soon after `stop` was set, with -ECANCELED. Makes one
 * output or several; those it finished stay made if it fails later. */
typedef int (*provider_work_fn)(void *ctx, struct provider_job *job, struct sink *sink,
	const atomic_bool *stop, struct err *err);

enum step_kind { STEP_WAIT, STEP_WORK, STEP_DONE, STEP_FAILED };

struct step {
	enum step_kind kind;
	union {
		int64_t until_ms; /* STEP_WAIT: CLOCK_MONOTONIC */
		provider_work_fn work;
		struct {                /* STEP_FAILED */
			struct err err; /* transient: it was certainly not accepted */
			int64_t retry_after_ms; /* < 0: not told */
			bool is_refusal;        /* about the content: remember it */
		} failed;
	};
};

enum outcome_kind { OUTCOME_BEGIN, OUTCOME_WAITED, OUTCOME_WORKED };

struct outcome {
	enum outcome_kind kind;
	int64_t now_ms;        /* CLOCK_MONOTONIC */
	int result;            /* OUTCOME_WORKED: what work or the store returned */
	const struct err *err; /* if result < 0 */
};

struct provider_ops {
	const char *name; /* as in -o backend= */
	bool is_paid;
	const char *note; /* stands in every record, e.g. "not AI"; "" for none */

	/* Any thread, before a job is made. -EOPNOTSUPP with a sentence: never this
	 * kind. */
	int (*can_make)(void *ctx, const struct model_row *row,
		const struct request *req, struct err *err);
	/* The loop thread. Also begins again after a retry: OUTCOME_BEGIN with the
	 * outputs that are made already. */
	void (*next)(void *ctx, struct provider_job *job, const struct outcome *last,
		struct step *ret);
	void (*free)(void *ctx); /* after the last job; may be NULL */
};

struct provider {
	const struct provider_ops *ops;
	void *ctx;
};
