// SPDX-License-Identifier: MIT
/* See paid_ask.h. */
#define LOG_TAG "engine"
#include "backend/engine/paid/paid_ask.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backend/engine/paid/paid_rows.h"
#include "backend/engine/paid/paid_wire.h"
#include "cache/base/clk.h"
#include "cache/base/log.h"

#define POLL_TIMEOUT_MS 60000
#define POLL_FIRST_MS 500
#define POLL_LAST_MS 10000
#define OPERATION_MS (60 * 60 * 1000) /* then an open gives up waiting */
#define SEARCH_MS (15 * 60 * 1000)    /* for what a lost call left */
#define SEARCH_EVERY_MS 5000

/* ---- accepted ---- */

enum paid_state paid_accept(struct job *j)
{
	struct paid *p = paid_of(j);
	struct ledger_move m = {.to = LEDGER_ACCEPTED,
		.charged_ud = -1,
		.operation = p->call.verdict->operation};

	for (uint32_t i = 0; i < p->n_cur; i++) {
		struct part *part = &p->part[p->cur[i]];

		free(part->operation);
		part->operation = strdup(m.operation);
		if (!part->operation)
			return paid_unknown(p, "out of memory");
	}
	rows_move(p, &m);
	return PAID_WAITS;
}

enum paid_state paid_accepted(struct job *j)
{
	struct paid *p = paid_of(j);

	/* It is accepted all the same; the journal lacks its name. */
	if (p->commit.err.code)
		return paid_unknown(p,
			"the operation could not be written down: %.150s",
			p->commit.err.why);
	paid_call_clear(p);
	return paid_is_stopping(p) ? paid_stops(p) : PAID_ASK;
}

/* ---- asking ---- */

/* Else for an operation by its name. */
static bool is_search(const struct paid *p)
{
	return p->part[p->cur[0]].state == LEDGER_SENT;
}

enum paid_state paid_ask(struct job *j)
{
	struct paid *p = paid_of(j);

	p->asking.polls = p->asking.fetches = 0;
	p->asking.since_ms = clk_mono_ms();
	return PAID_POLL;
}

enum paid_state paid_poll(struct job *j)
{
	struct paid *p = paid_of(j);
	const struct part *part = &p->part[p->cur[0]];
	const struct remote *remote = p->net->remote;
	struct err err = {0};
	int r;

	exchange_reset(&p->http);
	r = is_search(p) ? remote_list(remote, part->prefix, &p->http.request, &err)
			 : remote_poll(remote, p->job->run->served, part->operation,
				   &p->http.request, &err);
	if (r < 0)
		return paid_fails(p, &err);
	return exchange_run(&p->http, POLL_TIMEOUT_MS) < 0 ? PAID_POLLED : PAID_WAITS;
}

enum paid_state paid_pause(struct job *j)
{
	struct paid *p = paid_of(j);

	paid_call_drop(p);
	job_timer(j, clk_mono_ms() + p->delay_ms);
	return PAID_WAITS;
}

static enum paid_state later(struct paid *p, int64_t told_ms)
{
	int64_t delay = POLL_FIRST_MS;

	for (uint32_t i = 0; i < p->asking.polls && delay < POLL_LAST_MS; i++)
		delay = delay * 3 / 2;
	p->asking.polls++;
	if (delay > POLL_LAST_MS)
		delay = POLL_LAST_MS;
	p->delay_ms = told_ms > delay && told_ms < OPERATION_MS ? told_ms : delay;
	return PAID_PAUSE;
}

/* ---- reading ---- */

/* How long a call has been asked for: by its row, and where the clock was set back, by
 * this mount alone. */
static int64_t asked_for_ms(const struct paid *p)
{
	int64_t by_row = clk_real_ms() - p->part[p->cur[0]].sent_ms;
	int64_t here = clk_mono_ms() - p->asking.since_ms;

	return by_row > here ? by_row : here;
}

static uint32_t read_list(struct paid *p)
{
	char(*uri)[WIRE_URI_MAX] = calloc(p->n_cur, sizeof(*uri));
	struct err err = {0};
	int n = uri ? remote_read_list(response_wire(p->http.response, p->http.answer),
			      p->part[p->cur[0]].prefix, uri, p->n_cur, &err)
		    : 0;

	for (int i = 0; i < n; i++) {
		struct wire_result *r = wire_result_add(p->call.verdict);

		r->is_usable = true;
		memcpy(r->uri, uri[i], sizeof(r->uri));
	}
	free(uri);
	return n > 0 ? (uint32_t)n : 0;
}

static enum paid_state read_search(struct paid *p)
{
	bool is_late = asked_for_ms(p) > SEARCH_MS;
	uint32_t n = read_list(p);

	/* They may appear one after the other. */
	if (n == p->n_cur || (n > 0 && is_late)) {
		verdict_ok(p->call.verdict, VERDICT_DONE);
		p->call.verdict->charge = CHARGE_RESERVED;
		return PAID_JUDGE;
	}
	if (is_late)
		return paid_unknown(p,
			"the answer to the request was lost, and its result is not in "
			"the bucket; it may be paid");
	p->delay_ms = SEARCH_EVERY_MS;
	return PAID_PAUSE;
}

static enum paid_state read_poll(struct paid *p)
{
	struct verdict *v = p->call.verdict;

	wire_fill(p);
	remote_read_poll(p->net->remote, &p->call.wire,
		response_wire(p->http.response, p->http.answer), v);
	if (v->kind == VERDICT_AUTH && !p->http.is_renewed) {
		exchange_renew(&p->http);
		paid_call_drop(p);
		return PAID_POLL;
	}
	if (v->kind != VERDICT_PENDING && v->kind != VERDICT_AUTH)
		return PAID_JUDGE;
	if (v->err.code)
		log_info("an operation goes on: %s", v->err.why);
	if (asked_for_ms(p) > OPERATION_MS && p->asking.polls > 10)
		return paid_failsf(p, EIO,
			"the provider has been at it for an hour; open the file again "
			"to go on waiting");
	return later(p, v->retry_after_ms);
}

enum paid_state paid_polled(struct job *j)
{
	struct paid *p = paid_of(j);
	const struct http_response *a = p->http.answer;

	if (!a || a->fate != HTTP_ANSWERED || !paid_new_verdict(p)) {
		log_info("asking for an operation failed, asking again: %s",
			p->http.err.code ? p->http.err.why : "out of memory");
		return later(p, -1);
	}
	return is_search(p) ? read_search(p) : read_poll(p);
}
