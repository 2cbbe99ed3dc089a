// SPDX-License-Identifier: MIT
/* See paid_send.h. */
#define LOG_TAG "engine"
#include "backend/engine/paid/paid_send.h"

#include <errno.h>

#include "backend/engine/paid/paid_inputs.h"
#include "backend/engine/paid/paid_rows.h"
#include "backend/engine/paid/paid_wire.h"
#include "backend/engine/paid/route.h"
#include "cache/base/clk.h"
#include "cache/base/log.h"

enum paid_state paid_prepare(struct job *j)
{
	struct paid *p = paid_of(j);
	const struct model_row *row = j->run->served;
	int64_t wait;

	if (paid_is_stopping(p))
		return paid_stops(p);
	if (inputs_are_missing(p))
		return PAID_INPUTS;
	if (inputs_lack_frame(p))
		return PAID_FRAME;
	wait = route_pace(p->net, row, clk_mono_ms());
	if (wait <= 0)
		return PAID_TOKEN;
	log_debug("%s: as many requests a minute as it takes", row->name);
	job_pause(j, wait);
	return PAID_WAITS;
}

enum paid_state paid_loaded(struct job *j)
{
	struct paid *p = paid_of(j);

	return p->why.code ? paid_fails(p, &p->why) : PAID_PREPARE;
}

static void note_seeds(struct paid *p)
{
	uint64_t seed;

	for (uint32_t i = 0; i < p->n_cur; i++) {
		struct output *o = &paid_made(p, &p->part[p->cur[i]])->out;

		o->seed = p->n_cur == 1 && wire_seed(&p->call.wire, &seed)
				  ? seed
				  : SEED_UNKNOWN;
	}
}

enum paid_state paid_token(struct job *j)
{
	struct paid *p = paid_of(j);
	struct err err = {0};

	exchange_reset(&p->http);
	wire_fill(p);
	note_seeds(p);
	if (remote_make(p->net->remote, &p->call.wire, p->region, &p->http.request,
		    &err) < 0)
		return paid_fails(p, &err);
	return exchange_authorize(&p->http) ? PAID_WAITS : PAID_MARK;
}

enum paid_state paid_mark(struct job *j)
{
	struct paid *p = paid_of(j);
	struct ledger_move sent = {.to = LEDGER_SENT,
		.charged_ud = -1,
		.served_by = j->run->served->name,
		.prefix = p->call.prefix[0] ? p->call.prefix : NULL};

	/* Without a token its rows are reserved still. */
	if (p->http.request.auth != AUTH_NONE && !p->http.bearer)
		return paid_not_sent(p, &p->http.err);
	rows_move(p, &sent);
	return PAID_WAITS;
}

/* For .json; pictures in it would be too much. */
static void note_body(struct paid *p)
{
	const struct buf *body = &p->http.request.body;
	const struct wire_job *w = &p->call.wire;

	buf_clear(&p->call.sent);
	if (!w->n_images && !w->last)
		buf_add(&p->call.sent, body->data, body->len);
}

enum paid_state paid_post(struct job *j)
{
	struct paid *p = paid_of(j);

	if (p->commit.err.code)
		return paid_fails(p, &p->commit.err);
	if (paid_is_stopping(p)) {
		paid_stops(p);
		return PAID_UNSEND;
	}
	note_body(p);
	p->sends++;
	j->run->attempts++;
	if (exchange_send(&p->http, j->e->rules.timeout_ms) < 0)
		return paid_not_sent(p, &p->http.err);
	return PAID_WAITS;
}

/* What our own side made of a body that came. */
static enum paid_state not_taken(struct paid *p)
{
	const struct err *err = &p->http.err;

	if (response_failed(p->http.response))
		return paid_unknown(
			p, "the answer came and could not be kept: %s", err->why);
	verdict_set(p->call.verdict, VERDICT_UNUSABLE, EPROTO,
		"the provider's answer cannot be used: %s", err->why);
	return PAID_JUDGE;
}

enum paid_state paid_answered(struct job *j)
{
	struct paid *p = paid_of(j);
	const struct http_response *a = p->http.answer;

	if (!paid_new_verdict(p))
		return paid_unknown(p, "out of memory when the answer came");
	if (a->fate == HTTP_NOT_SENT)
		return paid_not_sent(p, &p->http.err);
	if (a->was_stopped)
		return not_taken(p);
	if (a->fate == HTTP_SENT || (a->fate == HTTP_CUT && a->status == 200))
		return paid_unknown(p,
			"the request was sent and its answer was lost (%.120s); "
			"it may be paid",
			p->http.err.code ? p->http.err.why : "cut");
	remote_read(p->net->remote, &p->call.wire, response_wire(p->http.response, a),
		p->call.verdict);
	return PAID_JUDGE;
}

enum paid_state paid_give_up(struct job *j)
{
	struct paid *p = paid_of(j);
	bool was_sent = exchange_was_sent(&p->http);

	paid_call_clear(p);
	if (was_sent)
		return paid_unknown(p, "promptfs was stopped before the provider "
				       "answered; the request may be paid");
	paid_stops(p);
	return PAID_UNSEND;
}
