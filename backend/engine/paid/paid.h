// SPDX-License-Identifier: MIT
#pragma once
/* Jobs whose files are bought from a provider across a network: what their files share.
 * Nobody else includes this. Everything belongs to the loop thread, but what the pool
 * works on while an item of the run is there.
 *
 * A file is made of parts, one but for long videos; a part is one row of the ledger and
 * one call, or with count=N one of several takes of a call. The order is that of
 * design.md, section 8: reserve, durable; slot; sent, durable; send; settle and store
 * in one commit. Nothing is sent that is not in the ledger, and nothing twice that may
 * have been accepted. */
#include "backend/auth/token.h"
#include "backend/engine/response.h"
#include "backend/engine/core.h"
#include "backend/net/http.h"
#include "backend/policy/limits.h"
#include "backend/policy/price.h"
#include "backend/provider/remote.h"
#include "cache/ledger.h"

#define PAID_SWITCHES_MAX 4                   /* to other models, in one job */
#define PAID_OPERATION_MS (60 * 60 * 1000)    /* then an open gives up waiting */
#define PAID_SEARCH_MS (15 * 60 * 1000)       /* for what a lost call left */
#define PAID_MISSING_MS (60 * 60 * 1000)      /* "no such model" is remembered */
#define PAID_FETCHES_MAX 5                    /* tries to fetch a result */
#define PAID_INPUT_MAX (20u * 1024u * 1024u)  /* bytes of one picture sent along */
#define PAID_INPUTS_MAX (64u * 1024u * 1024u) /* of all */
#define PAID_PREFIX_MAX 256

struct part {
	uint32_t out;            /* index of its output */
	uint16_t seg, seconds;   /* of a video: which call, how long */
	enum ledger_state state; /* 0: no row yet */
	bool is_kept;            /* settled, and its bytes are in the store */
	uint64_t id;             /* its row */
	int64_t held_ud, charged_ud, sent_ms;
	uint64_t blob_id, blob_size;
	char *uri, *operation, *prefix, *served_by;
	struct blob_writer *bytes; /* arrived, not stored yet */
};

/* What the one asynchronous thing under way is. */
enum paid_step {
	PAID_IDLE,   /* none: also while waiting for a slot */
	PAID_COMMIT, /* a change of the ledger */
	PAID_CHECK,  /* the ledger's check at the start of the mount */
	PAID_TOKEN,  /* an access token */
	PAID_CALL,   /* the HTTP call that is paid */
	PAID_POLL,   /* an HTTP call about an operation or a lost result */
	PAID_PAUSE,  /* until the next poll */
	PAID_FETCH,  /* an HTTP call that fetches a result */
	PAID_POOL,   /* work on the pool */
};

typedef void (*paid_then_fn)(struct job *j);

struct paid {
	struct job *job;
	enum paid_step step;
	bool is_stopping; /* end as soon as possible */
	bool is_resumed; /* from an earlier mount: buys nothing unless somebody waits */

	/* who serves it */
	const struct model_row *row;
	uint32_t place, sends, switches;
	bool was_renewed; /* the token, because of a 401 to this call */

	/* what is bought */
	struct segments plan;
	struct part *part;
	uint32_t n_parts;
	uint32_t cur[WIRE_MEDIA_MAX], n_cur; /* the parts of the call under way */
	uint64_t *stale; /* rows of an earlier job that could not be released */
	size_t n_stale;

	/* a change of the ledger */
	struct post post;
	enum ledger_state moved_from; /* of the parts of the call; 0: not moved */
	paid_then_fn then;
	struct err commit_err;
	uint64_t *ids;
	size_t n_ids;

	/* a call */
	struct wire_job wire;
	struct remote_call request;
	struct token_wait token;
	char *bearer;
	struct http_call *call;
	struct answer *answer;
	struct verdict *verdict;
	char prefix[PAID_PREFIX_MAX];
	uint32_t polls, fetches;
	int64_t asking_ms; /* CLOCK_MONOTONIC, of the first poll */
	uint32_t fetching; /* index of the result */
	char model_version[80], finish_reason[48];

	/* what goes along with it */
	struct wire_input image[WIRE_INPUTS_MAX], last, frame;
	uint32_t n_images;
	bool has_last, has_inputs, has_frame;
	uint32_t frame_of, finishing; /* indexes of a part and an output */
	struct buf sent;              /* the last paid body, as it went out */
	struct buf bound; /* JSON: the inputs' names and digests, as first read */

	/* pool */
	int (*work)(struct paid *p, struct err *err);
	paid_then_fn worked;
	int result;
	struct err work_err;

	struct err end_err; /* why it ends, while rows are being released */
};

/* ---- paid.c: the order of things ---- */

void paid_free(struct paid *p); /* NULL is fine */
void paid_begin(struct job *j); /* it has its slot */
void paid_next(struct job *j);  /* the next thing to do */
void paid_timer(struct job *j);
void paid_stop(struct job *j);
void paid_stored(struct job *j);
/* Gives back what was not sent, then the job ends. */
void paid_fail(struct job *j, const struct err *err);
void paid_failf(struct job *j, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Stores outputs that are not WANTED any more, settling what was paid for them. */
void paid_store(struct job *j);
struct price_scope paid_scope(const struct engine *e, char today[static 11]);
bool paid_is_free(const struct paid *p);
bool paid_is_stopping(const struct paid *p);
/* Whether nothing has been decided about an output. */
bool paid_is_open(const struct paid *p, uint32_t out);
struct output *paid_output(const struct paid *p, const struct part *part);

/* Changes the rows of the call under way, then goes on; `then` looks at commit_err. */
void paid_move(struct job *j, const struct ledger_move *m, paid_then_fn then);
/* For other changes of the ledger: begins one, whose end is told to paid_on_commit, on
 * the store thread. */
void paid_begin_commit(struct paid *p, paid_then_fn then);
void paid_on_commit(void *user, const struct err *err);

/* ---- paid_plan.c: what is bought, and the money for it ---- */

/* Begins a job whose run is there: finds what an earlier attempt left, plans, reserves.
 * <0 with a sentence: nothing was begun. */
int paid_start(struct job *j, bool is_resumed, struct err *err);
/* All parts of the outputs for the serving row; those that are there stay. -ENOMEM,
 * -EINVAL. */
int paid_plan(struct paid *p, struct err *err);
/* Rows for all parts that have none; `instead` are released in the same commit. */
void paid_reserve(struct job *j, const uint64_t *instead, size_t n, paid_then_fn then);
/* The same once the ledger is checked, then queues or goes on. */
void paid_reserve_checked(struct job *j);

/* ---- paid_call.c: the call that is paid ---- */

void paid_send(struct job *j); /* the call of p->cur */
/* Drops the call and its answer; clear: also what it brought. */
void paid_call_drop(struct paid *p);
void paid_call_clear(struct paid *p);
/* For all HTTP calls: p->request goes out with p->bearer, the body into p->answer. */
int paid_http(
	struct job *j, const struct http_ops *ops, int64_t timeout_ms, struct err *err);
int paid_on_data(void *user, const void *data, size_t len, int status, struct err *err);
/* For token_wait.done. */
void paid_got_token(struct job *j, const char *bearer, const struct err *err,
	paid_then_fn then, void (*failed)(struct job *j, const struct err *err));
struct paid *paid_of_wait(struct token_wait *w);
bool paid_new_verdict(struct paid *p); /* false: no memory */
void paid_fill_wire(struct job *j);

/* ---- paid_poll.c: what became of it ---- */

/* Of p->cur: its operation, or a lost result. ask: from its beginning. */
void paid_ask(struct job *j);
void paid_poll(struct job *j);
void paid_fetch(struct job *j); /* results that are elsewhere */

/* ---- paid_verdict.c: what an answer means ---- */

void paid_judge(struct job *j); /* p->verdict, of a paid call or a poll */
void paid_not_sent(struct job *j, const struct err *err);
void paid_unknown(struct job *j, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void paid_take_results(struct job *j); /* everything was fetched */
void paid_switch(struct job *j, const struct model_row *to, const struct err *why);

/* ---- paid_work.c: what blocks ---- */

bool paid_needs_inputs(const struct paid *p);
void paid_load_inputs(struct job *j, paid_then_fn then);
bool paid_needs_frame(const struct paid *p, const struct part *part);
void paid_load_frame(struct job *j, const struct part *part, paid_then_fn then);
bool paid_needs_finish(const struct paid *p, const struct part *part);
void paid_keep(struct job *j); /* the bytes of p->cur, with their rows */
void paid_finish(struct job *j, uint32_t out); /* a file from its kept parts */

/* ---- route.c: which model ---- */

/* The row that is tried first for a named one; NULL with a sentence: the provider no
 * longer has it, and nobody may stand in. */
const struct model_row *route_first(struct engine *e, const struct model_row *named,
	const struct request *req, struct err *err);
/* Who comes after `row` answered "no such model", which is remembered; NULL: nobody. */
const struct model_row *route_missing(struct engine *e, const struct model_row *row,
	const struct request *req, struct err *err);
/* Who may stand in for an overloaded one; NULL: nobody. */
const struct model_row *route_overloaded(
	struct engine *e, const struct model_row *row, const struct request *req);
/* Requests per minute: 0, and the request is counted; else the milliseconds to wait. */
int64_t route_pace(struct engine *e, const struct model_row *row, int64_t now_ms);

/* ---- resume.c: at the start of a mount ---- */

/* What an earlier mount reserved is released, and calls that were sent and of which
 * nothing can be learned become unknown. Before the engine serves anybody, on the
 * thread that starts it. */
void resume_lost(struct engine *e);
/* Goes on with what an earlier mount left in the ledger. On the loop, before anything
 * is submitted. */
void resume_all(struct engine *e);
