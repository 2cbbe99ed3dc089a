// SPDX-License-Identifier: MIT
/* The switch that leads a paid job from state to state (paid.h), and the table by which
 * jobs know it. */
#define LOG_TAG "engine"
#include "backend/engine/paid/paid_maker.h"

#include <errno.h>

#include "backend/engine/paid/paid_ask.h"
#include "backend/engine/paid/paid_describe.h"
#include "backend/engine/paid/paid_fetch.h"
#include "backend/engine/paid/paid_file.h"
#include "backend/engine/paid/paid_inputs.h"
#include "backend/engine/paid/paid_judge.h"
#include "backend/engine/paid/paid_next.h"
#include "backend/engine/paid/paid_open.h"
#include "backend/engine/paid/paid_reserve.h"
#include "backend/engine/paid/paid_retry.h"
#include "backend/engine/paid/paid_rows.h"
#include "backend/engine/paid/paid_send.h"
#include "backend/engine/paid/route.h"
#include "cache/base/log.h"
#include "cache/base/mem.h"

/* ---- the states ---- */

/* What the one thing is that a state waits for; most states wait for nothing. */
enum waiting {
	WAITS_NOT,
	WAITS_COMMIT, /* of the ledger: never cut short */
	WAITS_POOL,   /* nor this */
	WAITS_CALL,   /* the call that is paid */
	WAITS_OTHER,  /* what can end at once: timer, slot, token, poll, fetch */
};

/* after: the state that follows when it is over. can_wait: nothing is lost if the next
 * mount goes on from here. */
static const struct state {
	const char *name;
	enum waiting waits;
	enum paid_state after;
	bool can_wait;
} states[PAID_STATES_] = {
	[PAID_CHECK] = {"check", WAITS_OTHER, PAID_CHECK, true},
	[PAID_RESERVE] = {"reserve", WAITS_COMMIT, PAID_RESERVED, true},
	[PAID_READY] = {"ready", WAITS_COMMIT, PAID_RESERVED, true},
	[PAID_RESERVED] = {"reserved"},
	[PAID_QUEUE] = {"queue", WAITS_OTHER, PAID_NEXT},
	[PAID_NEXT] = {"next"},
	[PAID_PREPARE] = {"prepare", WAITS_OTHER, PAID_NEXT},
	[PAID_INPUTS] = {"inputs", WAITS_POOL, PAID_LOADED},
	[PAID_FRAME] = {"frame", WAITS_POOL, PAID_LOADED},
	[PAID_LOADED] = {"loaded"},
	[PAID_TOKEN] = {"token", WAITS_OTHER, PAID_MARK},
	[PAID_MARK] = {"mark", WAITS_COMMIT, PAID_POST},
	[PAID_POST] = {"post", WAITS_CALL, PAID_ANSWERED},
	[PAID_ANSWERED] = {"answered"},
	[PAID_JUDGE] = {"judge"},
	[PAID_REJECT] = {"reject", WAITS_COMMIT, PAID_REJECTED},
	[PAID_REJECTED] = {"rejected", WAITS_OTHER, PAID_NEXT},
	[PAID_REFUSED] = {"refused"},
	[PAID_RESULTS] = {"results"},
	[PAID_UNKNOWN] = {"unknown"},
	[PAID_UNSEND] = {"unsend", WAITS_COMMIT, PAID_RETRY},
	[PAID_RETRY] = {"retry", WAITS_OTHER, PAID_NEXT},
	[PAID_SWITCH] = {"switch"},
	[PAID_REPLAN] = {"replan", WAITS_COMMIT, PAID_REPLANNED},
	[PAID_REPLANNED] = {"replanned"},
	[PAID_ACCEPT] = {"accept", WAITS_COMMIT, PAID_ACCEPTED},
	[PAID_ACCEPTED] = {"accepted"},
	[PAID_ASK] = {"ask"},
	[PAID_POLL] = {"poll", WAITS_OTHER, PAID_POLLED, true},
	[PAID_POLLED] = {"polled"},
	[PAID_PAUSE] = {"pause", WAITS_OTHER, PAID_POLL, true},
	[PAID_FETCH] = {"fetch", WAITS_OTHER, PAID_FETCHED},
	[PAID_FETCHED] = {"fetched"},
	[PAID_REFETCH] = {"refetch", WAITS_OTHER, PAID_FETCH, true},
	[PAID_TAKE] = {"take"},
	[PAID_KEEP] = {"keep", WAITS_POOL, PAID_KEPT},
	[PAID_KEPT] = {"kept"},
	[PAID_FINISH] = {"finish", WAITS_POOL, PAID_FINISHED},
	[PAID_FINISHED] = {"finished"},
	[PAID_STORE] = {"store", WAITS_POOL, PAID_STORED},
	[PAID_STORED] = {"stored"},
	[PAID_SETTLE] = {"settle", WAITS_COMMIT, PAID_GIVE_BACK},
	[PAID_GIVE_BACK] = {"give back", WAITS_COMMIT, PAID_END},
	[PAID_END] = {"end"},
};

/* The only place that changes the state. */
static void set_state(struct paid *p, enum paid_state s)
{
	if (log_enabled(LOG_LEVEL_DEBUG)) {
		char hex[DIGEST_HEX];

		digest_hex(&p->job->flight.key, hex);
		log_debug("job %.12s: paid: %s -> %s", hex,
			p->state ? states[p->state].name : "begin", states[s].name);
	}
	p->state = s;
}

/* ---- rooms that need no file ---- */

/* The pool. */
static void work(struct pool_item *i)
{
	struct paid *p = container_of(i, struct run, item)->making;
	struct err err = {0};
	int r;

	switch (p->state) {
	case PAID_INPUTS:
		r = inputs_load(p, &err);
		break;
	case PAID_FRAME:
		r = inputs_load_frame(p, &err);
		break;
	case PAID_KEEP:
		r = file_keep(p, &err);
		break;
	default:
		r = file_finish(p, &err);
		break;
	}
	if (r < 0 && !err.code)
		err_errno(&err, -r, "the work on the file failed");
	p->why = err;
}

static enum paid_state to_pool(struct job *j)
{
	job_work(j, work);
	return PAID_WAITS;
}

static enum paid_state queue(struct job *j)
{
	job_queue(j);
	return PAID_WAITS;
}

static enum paid_state store(struct job *j)
{
	job_store(j);
	return PAID_WAITS;
}

static enum paid_state stored(struct job *j)
{
	struct paid *p = paid_of(j);

	for (uint32_t i = 0; i < p->n_cur; i++) {
		struct part *part = &p->part[p->cur[i]];
		const struct made *m = paid_made(p, part);

		if (m->stored > 0 && m->close.id == part->id)
			part->state = m->close.to;
	}
	paid_call_clear(p);
	return PAID_NEXT;
}

static enum paid_state end(struct job *j)
{
	const struct paid *p = paid_of(j);
	struct err why = p->why;

	/* It stays held until somebody opens the file again, or the next mount. */
	if (p->commit.err.code)
		log_warn("what was reserved could not be released: %s",
			p->commit.err.why);
	if (why.code)
		job_end(j, &why);
	else
		job_close(j);
	return PAID_WAITS;
}

/* ---- the switch ---- */

static enum paid_state enter(struct job *j, enum paid_state s)
{
	switch (s) {
	case PAID_CHECK:
		return paid_check(j);
	case PAID_RESERVE:
		return paid_reserve(j);
	case PAID_READY:
		return paid_ready(j);
	case PAID_RESERVED:
		return paid_reserved(j);
	case PAID_QUEUE:
		return queue(j);
	case PAID_NEXT:
		return paid_next(j);
	case PAID_PREPARE:
		return paid_prepare(j);
	case PAID_INPUTS:
	case PAID_FRAME:
	case PAID_KEEP:
	case PAID_FINISH:
		return to_pool(j);
	case PAID_LOADED:
		return paid_loaded(j);
	case PAID_TOKEN:
		return paid_token(j);
	case PAID_MARK:
		return paid_mark(j);
	case PAID_POST:
		return paid_post(j);
	case PAID_ANSWERED:
		return paid_answered(j);
	case PAID_JUDGE:
		return paid_judge(j);
	case PAID_REJECT:
		return paid_reject(j);
	case PAID_REJECTED:
		return paid_rejected(j);
	case PAID_REFUSED:
		return paid_refused(j);
	case PAID_RESULTS:
		return paid_results(j);
	case PAID_UNKNOWN:
		return paid_end_unknown(j);
	case PAID_UNSEND:
		return paid_unsend(j);
	case PAID_RETRY:
		return paid_retry(j);
	case PAID_SWITCH:
		return paid_switch(j);
	case PAID_REPLAN:
		return paid_replan(j);
	case PAID_REPLANNED:
		return paid_replanned(j);
	case PAID_ACCEPT:
		return paid_accept(j);
	case PAID_ACCEPTED:
		return paid_accepted(j);
	case PAID_ASK:
		return paid_ask(j);
	case PAID_POLL:
		return paid_poll(j);
	case PAID_POLLED:
		return paid_polled(j);
	case PAID_PAUSE:
		return paid_pause(j);
	case PAID_FETCH:
		return paid_fetch(j);
	case PAID_FETCHED:
		return paid_fetched(j);
	case PAID_REFETCH:
		return paid_refetch(j);
	case PAID_TAKE:
		return paid_take(j);
	case PAID_KEPT:
		return paid_kept(j);
	case PAID_FINISHED:
		return paid_finished(j);
	case PAID_STORE:
		return store(j);
	case PAID_STORED:
		return stored(j);
	case PAID_SETTLE:
		return paid_settle(j);
	case PAID_GIVE_BACK:
		return paid_give_back(j);
	case PAID_END:
		return end(j);
	case PAID_WAITS:
	case PAID_STATES_:
		break;
	}
	return PAID_WAITS;
}

/* After a state that waits the job may be gone: nothing here looks at it again. */
static void go(struct job *j, enum paid_state s)
{
	while (s != PAID_WAITS) {
		set_state(paid_of(j), s);
		s = enter(j, s);
	}
}

/* ---- the table ---- */

static int can_make(void *ctx, const struct model_row *row, const struct request *req,
	struct err *err)
{
	const struct network *n = ctx;

	return remote_can_make(n->remote, row, req, err);
}

static int is_ready(void *ctx, struct err *err)
{
	const struct network *n = ctx;

	if (!n->no_credentials.code)
		return 0;
	if (err)
		*err = n->no_credentials;
	return -n->no_credentials.code;
}

static int start(struct job *j, uint64_t mask, struct err *err)
{
	struct network *n = j->e->maker.ctx;
	bool is_resumed = mask != 0;
	struct paid *p;
	int r = job_make_run(j, mask, err);

	if (r < 0)
		return r;
	j->run->making = p = paid_new(j, n, is_resumed);
	if (!p)
		return err_oom(err);
	j->run->served = route_first(n, j->row, &j->req, err);
	if (!j->run->served)
		return -ENOENT;
	r = rows_find(p, err);
	if (r == 0)
		r = rows_plan(p, err);
	if (r < 0)
		return r;
	job_set_phase(j, PHASE_STARTING);
	/* A call under way keeps the ledger from holding more for its file. What is
	 * missing is reserved when its turn comes. */
	go(j, is_resumed || rows_are_under_way(p) || !rows_are_missing(p) ? PAID_READY
									  : PAID_CHECK);
	return 0;
}

static void begin(struct job *j)
{
	go(j, PAID_NEXT);
}

static void event(struct job *j)
{
	struct paid *p = paid_of(j);

	if (states[p->state].waits == WAITS_POOL && !j->run->item.was_run)
		paid_stops(p);
	go(j, states[p->state].after);
}

static void on_stored(struct job *j)
{
	go(j, PAID_STORED);
}

/* A named operation is the journal's at once; a call that is sent is not, and is waited
 * for until engine_stop loses patience and comes here. */
static void stop(struct job *j)
{
	struct paid *p = paid_of(j);

	p->is_stopping = true;
	switch (states[p->state].waits) {
	case WAITS_COMMIT:
	case WAITS_POOL:
		return;
	case WAITS_CALL:
		go(j, paid_give_up(j));
		return;
	default:
		loop_timer_clear(j->e->loop, &j->run->timer);
		go(j, paid_stops(p));
	}
}

static bool can_wait(const struct job *j)
{
	return states[paid_of(j)->state].can_wait;
}

static void fail(struct job *j, const struct err *err)
{
	go(j, paid_fails(paid_of(j), err));
}

static void drop(struct run *r)
{
	paid_free(r->making);
}

/* ---- with the engine ---- */

int paid_maker_new(struct engine *e, const struct engine_remote *c, struct maker *ret,
	struct err *err)
{
	static const struct maker_ops ops = {.is_bought = true,
		.can_make = can_make,
		.is_ready = is_ready,
		.start = start,
		.begin = begin,
		.event = event,
		.stored = on_stored,
		.stop = stop,
		.can_wait = can_wait,
		.fail = fail,
		.describe = paid_describe,
		.drop = drop,
		.open = paid_open,
		.close = paid_close,
		.free = paid_free_network};
	struct network *n;
	int r = network_new(e, c, &n, err);

	if (r < 0)
		return r;
	*ret = (struct maker){.ops = &ops,
		.ctx = n,
		.name = backend_name(c->backend),
		.note = "",
		.is_paid = true};
	return 0;
}
