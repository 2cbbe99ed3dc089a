// SPDX-License-Identifier: MIT
#pragma once
/* A job whose files are bought: what is known of it, and the states that it goes
 * through. Everything belongs to the loop thread, but what the pool works on while an
 * item of the run is there.
 *
 * A file is made of parts, one but for long videos; a part is one row of the ledger and
 * one call, or with count=N one of several takes of a call. The order is that of the
 * ledger (cache/ledger.h): reserve, durable; slot; sent, durable; send; settle and
 * store in one commit. Nothing is sent that is not in the ledger, and nothing twice
 * that may have been accepted.
 *
 * paid_maker.c has the switch: it enters a state, and the room that the state belongs
 * to returns the next one, or PAID_WAITS. */
#include "backend/engine/job.h"
#include "backend/engine/paid/exchange.h"
#include "backend/engine/paid/network.h"
#include "backend/policy/limits.h"
#include "backend/provider/remote.h"

enum paid_state {
	PAID_WAITS, /* only returned: what was begun comes back as an event, or the job
		       has ended and may be gone */

	/* money before anything is sent: paid_reserve.c */
	PAID_CHECK,    /* the ledger's check at the start of the mount is waited for */
	PAID_RESERVE,  /* rows for all parts that have none */
	PAID_READY,    /* there are rows of an earlier attempt: none are needed now */
	PAID_RESERVED, /* they are durable, or were refused */
	PAID_QUEUE,    /* for a slot */

	PAID_NEXT, /* what the first file that is open needs: paid_next.c */

	/* the call that is paid: paid_send.c */
	PAID_PREPARE,  /* may it be sent, and is all there that goes along? */
	PAID_INPUTS,   /* pictures are read */
	PAID_FRAME,    /* the frame it begins with is taken from the part before */
	PAID_LOADED,   /* one of the two is over */
	PAID_TOKEN,    /* the request is made, its token fetched */
	PAID_MARK,     /* its rows become `sent` */
	PAID_POST,     /* durable: it is sent */
	PAID_ANSWERED, /* or lost */

	/* what a verdict means: paid_judge.c */
	PAID_JUDGE,
	PAID_REJECT,   /* not accepted: its rows become `reserved` again */
	PAID_REJECTED, /* once more, elsewhere, another model, or not at all */
	PAID_REFUSED,  /* accepted, and nothing can be served */
	PAID_RESULTS,  /* they are in the answer, or where it says */
	PAID_UNKNOWN,  /* `why`; it may be paid */

	/* not sent, and its rows may say otherwise: paid_retry.c */
	PAID_UNSEND, /* `why`; rows become `reserved` again */
	PAID_RETRY,  /* later, or not at all */
	PAID_SWITCH, /* the model `to` takes over, because of `why` */
	PAID_REPLAN, /* with another plan, and rows for it: paid_reserve.c */
	PAID_REPLANNED,

	/* an operation, or what a lost call left: paid_ask.c */
	PAID_ACCEPT,   /* the operation's name becomes durable */
	PAID_ACCEPTED, /* or was not written */
	PAID_ASK,      /* for the first time in this mount */
	PAID_POLL,
	PAID_POLLED,
	PAID_PAUSE, /* until the next poll */

	/* results that are elsewhere: paid_fetch.c */
	PAID_FETCH, /* the next one; none: PAID_TAKE */
	PAID_FETCHED,
	PAID_REFETCH, /* after a pause */

	/* from bytes to files: paid_file.c */
	PAID_TAKE,     /* all that comes has come: it is booked */
	PAID_KEEP,     /* parts that must be worked on are kept with their rows */
	PAID_KEPT,     /* or could not be */
	PAID_FINISH,   /* a file from its kept parts */
	PAID_FINISHED, /* or not */
	PAID_STORE,    /* outputs that have ended, and what was paid for them */
	PAID_STORED,

	/* the end: paid_reserve.c */
	PAID_SETTLE,    /* `why`; a lost call that cost nothing */
	PAID_GIVE_BACK, /* what is reserved still; `why`, if something failed */
	PAID_END,
	PAID_STATES_
};

#define PAID_PREFIX_MAX 256

struct part {
	uint32_t out;            /* index of its output */
	uint16_t seg, seconds;   /* of a video: which call, how long */
	enum ledger_state state; /* 0: no row yet */
	bool is_kept;            /* settled, and its bytes are in the store */
	uint64_t id;             /* its row */
	int64_t held_ud, charged_ud, sent_ms;
	uint64_t blob_id, blob_size;
	char *uri, *operation, *prefix;
	struct blob_writer *bytes; /* arrived, not stored yet */
};

/* A change of the ledger, on its way through the store thread. */
struct paid_commit {
	struct post post;
	struct err err;
	enum ledger_state moved_from; /* of the parts of the call; 0: not moved */
	uint64_t *ids;                /* of new rows */
	size_t n_ids;
};

/* One paid call. */
struct paid_call {
	struct wire_job wire;
	struct verdict *verdict; /* large; NULL between calls */
	char prefix[PAID_PREFIX_MAX];
	struct buf sent; /* the body as it went out */
	char model_version[80], finish_reason[48];
};

/* What goes along with it. */
struct paid_inputs {
	struct wire_input image[WIRE_INPUTS_MAX], last, frame;
	uint32_t n_images;
	bool is_read, has_last, has_frame;
	uint32_t frame_of; /* index of the part that `frame` ends */
};

/* Asking what became of it, and fetching. */
struct paid_asking {
	uint32_t polls, fetches, result; /* result: index of the one being fetched */
	int64_t since_ms;                /* CLOCK_MONOTONIC, of the first poll */
};

struct paid {
	struct job *job;
	struct network *net;
	enum paid_state state;
	bool is_stopping; /* end as soon as possible */
	bool is_resumed; /* from an earlier mount: buys nothing unless somebody waits */
	struct err why;  /* for the state that is entered with it: see above */
	int64_t delay_ms;
	const struct model_row *to;

	/* what is bought */
	struct segments plan;
	struct part *part;
	uint32_t n_parts;
	uint32_t cur[WIRE_MEDIA_MAX], n_cur; /* the parts of the call under way */
	uint32_t finishing;                  /* index of an output */
	uint64_t *stale; /* rows of an earlier job that could not be released */
	size_t n_stale;
	uint32_t region, sends, switches; /* of run->served; in this job */

	struct paid_commit commit;
	struct exchange http;
	struct paid_call call;
	struct paid_inputs in;
	struct paid_asking asking;
};

static inline struct paid *paid_of(const struct job *j)
{
	return j->run->making;
}

/* NULL: no memory. */
struct paid *paid_new(struct job *j, struct network *n, bool is_resumed);
void paid_free(struct paid *p); /* NULL is fine */

/* Calls that are sent are waited for; nothing new is begun. */
bool paid_is_stopping(const struct paid *p);
bool paid_is_free(const struct paid *p); /* nothing is held for the call */
struct made *paid_made(const struct paid *p, const struct part *part);
/* Drops the call and its answer; clear: also what it brought. */
void paid_call_drop(struct paid *p);
void paid_call_clear(struct paid *p);
bool paid_new_verdict(struct paid *p); /* false: no memory */

/* ---- what a room returns when it cannot go on ---- */

/* Gives back what was not sent, then the job ends. */
enum paid_state paid_fails(struct paid *p, const struct err *err);
enum paid_state paid_failsf(struct paid *p, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
enum paid_state paid_stops(struct paid *p); /* the same, because promptfs does */
enum paid_state paid_not_sent(struct paid *p, const struct err *err);
/* EIO. */
enum paid_state paid_unknown(struct paid *p, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
