// SPDX-License-Identifier: MIT
#pragma once
/* One go at the files of a job, from its first slot (or its reservation) to its end:
 * what is to come, what came, and how it was stored. A run belongs to the loop thread,
 * its outputs to the pool while an item of it is there. */
#include "backend/engine/core.h"
#include "cache/ledger.h"

/* One file of it. */
struct made {
	struct output out;         /* what its maker says of it */
	struct request req;        /* borrows everything but the take */
	struct digest key;         /* of the file */
	struct blob_writer *bytes; /* pool */
	struct blob_writer *orig;  /* the provider's own, if `bytes` were converted */
	struct ledger_close close; /* what was paid; id 0: nothing, or settled before */
	struct record rec;         /* once stored */
	int stored;                /* 1: yes; <0: failed, `err` */
	bool is_told;              /* loop: those who wait for it know how it ended */
	struct err err;
};

struct run {
	struct job *job; /* whose it is; for its maker */
	struct engine *e;
	struct engine_who who;
	struct pool_item item;
	struct timer timer;
	struct provider_job pj;
	struct buf prompt, negative;
	struct buf
		inputs; /* JSON: names and digests as read; whole once its maker says */
	bool dropped[OPT_COUNT_]; /* options that the call did not honour */
	const struct model_row
		*served; /* who serves it: the named model or a stand-in */
	uint32_t attempts;
	int64_t granted_ms; /* CLOCK_MONOTONIC, of the first slot; 0 before */
	bool is_granted;    /* holds a slot */
	bool is_counted;    /* the store has counted this job as a request */
	uint64_t room_bytes;
	struct made *made; /* pj.n_outputs of them */
	void *making;      /* the maker's */
};

/* `n` outputs are to be added; req and row are borrowed until run_free. -ENOMEM; *ret
 * is untouched then. */
int run_new(struct engine *e, struct job *j, const struct request *req,
	const struct model_row *row, const struct engine_who *who, uint32_t n,
	struct run **ret);
void run_add(struct run *r, uint16_t take, const struct digest *key);
void run_free(struct run *r); /* NULL is fine */

/* Whether nothing has been decided about an output. */
bool run_is_open(const struct run *r, uint32_t out);
/* Whether an output has ended and the store does not know. */
bool run_has_unstored(const struct run *r);
void made_drop_bytes(struct made *m);
