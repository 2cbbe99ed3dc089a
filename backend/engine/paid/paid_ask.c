// SPDX-License-Identifier: MIT
/* Asking what became of a call, and fetching what it made. */
#define LOG_TAG "engine"
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "backend/engine/paid/paid.h"
#include "cache/base/clk.h"
#include "cache/base/log.h"
#include "cache/base/mem.h"

#define POLL_TIMEOUT_MS 60000
#define POLL_FIRST_MS 500
#define POLL_LAST_MS 10000
#define SEARCH_EVERY_MS 5000
#define REDIRECTS_MAX 5

/* ---- polling ---- */

static void poll_later(struct job *j, int64_t delay_ms)
{
	struct paid *p = j->run->paid;

	paid_call_drop(p);
	job_set_phase(j, PHASE_WAITING);
	p->step = PAID_PAUSE;
	loop_timer_set(
		j->e->loop, &j->run->timer, clk_mono_ms() + delay_ms, job_on_timer);
}

static int64_t poll_delay(struct paid *p, int64_t told)
{
	int64_t delay = POLL_FIRST_MS;

	for (uint32_t i = 0; i < p->polls && delay < POLL_LAST_MS; i++)
		delay = delay * 3 / 2;
	p->polls++;
	if (delay > POLL_LAST_MS)
		delay = POLL_LAST_MS;
	return told > delay && told < PAID_OPERATION_MS ? told : delay;
}

static void poll_failed(struct job *j, const struct err *err)
{
	log_info("asking for an operation failed, asking again: %s", err->why);
	poll_later(j, poll_delay(j->run->paid, -1));
}

static bool is_search(const struct paid *p)
{
	return p->part[p->cur[0]].state == LEDGER_SENT;
}

/* How long a call has been asked for: by its row, and where the clock was set back, by
 * this mount alone. */
static int64_t asked_for_ms(const struct paid *p, const struct part *part)
{
	int64_t by_row = clk_real_ms() - part->sent_ms;
	int64_t here = clk_mono_ms() - p->asking_ms;

	return by_row > here ? by_row : here;
}

static void read_search(struct job *j, const struct http_answer *a)
{
	struct paid *p = j->run->paid;
	const struct part *part = &p->part[p->cur[0]];
	char(*uri)[WIRE_URI_MAX] = calloc(p->n_cur, sizeof(*uri));
	bool is_late = asked_for_ms(p, part) > PAID_SEARCH_MS;
	struct err err = {0};
	int n = uri ? remote_read_list(answer_wire(p->answer, a), part->prefix, uri,
			      p->n_cur, &err)
		    : 0;

	for (int i = 0; i < n; i++) {
		struct wire_result *r = wire_result_add(p->verdict);

		r->is_usable = true;
		memcpy(r->uri, uri[i], sizeof(r->uri));
	}
	free(uri);
	/* They may appear one after the other. */
	if (n == (int)p->n_cur || (n > 0 && is_late)) {
		verdict_ok(p->verdict, VERDICT_DONE);
		p->verdict->charge = CHARGE_RESERVED;
		paid_judge(j);
	} else if (is_late) {
		paid_unknown(j, EIO,
			"the answer to the request was lost, and its result is not in "
			"the bucket; it may be paid");
	} else {
		poll_later(j, SEARCH_EVERY_MS);
	}
}

static void read_poll(struct job *j, const struct http_answer *a)
{
	struct paid *p = j->run->paid;
	const struct part *part = &p->part[p->cur[0]];
	struct verdict *v = p->verdict;

	paid_fill_wire(j);
	remote_read_poll(j->e->remote, &p->wire, answer_wire(p->answer, a), v);
	if (v->kind == VERDICT_AUTH && !p->was_renewed) {
		token_refused(j->e->tokens, p->bearer);
		p->was_renewed = true;
		paid_call_drop(p);
		paid_poll(j);
	} else if (v->kind == VERDICT_PENDING || v->kind == VERDICT_AUTH) {
		if (v->err.code)
			log_info("an operation goes on: %s", v->err.why);
		if (asked_for_ms(p, part) > PAID_OPERATION_MS && p->polls > 10)
			paid_failf(j, EIO,
				"the provider has been at it for an hour; open the "
				"file "
				"again to go on waiting");
		else
			poll_later(j, poll_delay(p, v->retry_after_ms));
	} else {
		paid_judge(j);
	}
}

static void on_poll_done(void *user, const struct http_answer *a, const struct err *err)
{
	struct paid *p = user;
	struct job *j = p->job;

	p->call = NULL;
	p->step = PAID_IDLE;
	answer_end(p->answer);
	if (!paid_new_verdict(p) || a->fate != HTTP_ANSWERED) {
		/* Nothing that happens to a poll changes what was accepted. */
		static const struct err oom = {.why = "out of memory"};

		poll_failed(j, err ? err : &oom);
	} else if (is_search(p)) {
		read_search(j, a);
	} else {
		read_poll(j, a);
	}
}

static void poll_now(struct job *j)
{
	static const struct http_ops ops = {paid_on_data, on_poll_done};
	struct paid *p = j->run->paid;
	struct err err = {0};

	p->step = PAID_POLL;
	if (paid_http(j, &ops, POLL_TIMEOUT_MS, &err) < 0)
		poll_failed(j, &err);
}

static void on_poll_token(
	struct token_wait *w, const char *bearer, const struct err *err)
{
	paid_got_token(paid_of_wait(w)->job, bearer, err, poll_now, poll_failed);
}

void paid_poll(struct job *j)
{
	struct paid *p = j->run->paid;
	const struct part *part = &p->part[p->cur[0]];
	struct err err = {0};
	int r;

	job_set_phase(j, PHASE_WAITING);
	remote_call_finish(&p->request);
	r = is_search(p)
		    ? remote_list(j->e->remote, part->prefix, &p->request, &err)
		    : remote_poll(j->e->remote, part->operation, &p->request, &err);
	if (r < 0) {
		paid_fail(j, &err);
		return;
	}
	if (p->request.auth == AUTH_NONE) {
		poll_now(j);
		return;
	}
	p->step = PAID_TOKEN;
	p->token = (struct token_wait){.done = on_poll_token};
	token_get(j->e->tokens, &p->token);
}

void paid_ask(struct job *j)
{
	struct paid *p = j->run->paid;

	p->polls = p->fetches = 0;
	p->asking_ms = clk_mono_ms();
	paid_poll(j);
}

/* ---- fetching ---- */

static void fetch_failed(struct job *j, const struct err *err)
{
	struct paid *p = j->run->paid;

	p->step = PAID_IDLE;
	if (++p->fetches < PAID_FETCHES_MAX) {
		log_info("fetching a result failed, once more: %s", err->why);
		p->step = PAID_FETCH;
		job_set_phase(j, PHASE_WAITING);
		loop_timer_set(j->e->loop, &j->run->timer,
			clk_mono_ms() + POLL_FIRST_MS * p->fetches, job_on_timer);
	} else if (p->part[p->cur[0]].state == LEDGER_ACCEPTED) {
		/* It is the journal's: the next open asks again. */
		paid_failf(j, EIO, "the result is made, and fetching it failed: %s",
			err->why);
	} else {
		paid_unknown(j, EIO, "the result is paid, and fetching it failed: %s",
			err->why);
	}
}

static void take_fetched(struct job *j, const struct http_answer *a)
{
	struct paid *p = j->run->paid;
	struct wire_result *r = &p->verdict->result[p->fetching];
	const struct wire_answer *w = answer_wire(p->answer, a);
	bool video = p->row->kind == MODEL_VIDEO;

	p->part[p->cur[p->fetching]].bytes = answer_take(p->answer, 0);
	r->uri[0] = '\0';
	if (!(video ? wire_is_video(w, 0) : wire_is_picture(w, 0))) {
		blob_writer_free(steal_ptr(p->part[p->cur[p->fetching]].bytes));
		r->is_usable = false;
		snprintf(r->reason, sizeof(r->reason),
			"what the provider sent is no %s",
			video ? "MP4" : "PNG or JPEG");
	}
	p->fetches = 0;
	paid_fetch(j);
}

/* The key goes to the service itself only: remote_fetch sees to that. */
static bool follow(struct job *j, const struct http_answer *a)
{
	struct paid *p = j->run->paid;
	struct wire_result *r = &p->verdict->result[p->fetching];

	return a->status >= 301 && a->status <= 308 && a->location &&
	       p->fetches < REDIRECTS_MAX && wire_uri(a->location, r->uri);
}

static void on_fetch_done(
	void *user, const struct http_answer *a, const struct err *err)
{
	struct paid *p = user;
	struct job *j = p->job;
	struct err own = {0};

	p->call = NULL;
	answer_end(p->answer);
	if (a->fate == HTTP_ANSWERED && a->status == 200) {
		take_fetched(j, a);
	} else if (a->fate == HTTP_ANSWERED && follow(j, a)) {
		p->fetches++;
		paid_fetch(j);
	} else {
		if (a->fate == HTTP_ANSWERED && a->status == 401 && p->bearer)
			token_refused(j->e->tokens, p->bearer);
		if (a->fate == HTTP_ANSWERED)
			err_set(&own, EIO, "the server answered %d", a->status);
		fetch_failed(j, own.code ? &own : err);
	}
}

static void fetch_now(struct job *j)
{
	static const struct http_ops ops = {paid_on_data, on_fetch_done};
	struct err err = {0};

	j->run->paid->step = PAID_FETCH;
	if (paid_http(j, &ops, j->e->timeout_ms, &err) < 0)
		fetch_failed(j, &err);
}

static void on_fetch_token(
	struct token_wait *w, const char *bearer, const struct err *err)
{
	paid_got_token(paid_of_wait(w)->job, bearer, err, fetch_now, fetch_failed);
}

void paid_fetch(struct job *j)
{
	struct paid *p = j->run->paid;
	struct verdict *v = p->verdict;
	struct err err = {0};

	p->step = PAID_IDLE;
	for (p->fetching = 0; p->fetching < v->n_results && p->fetching < p->n_cur;
		p->fetching++)
		if (v->result[p->fetching].is_usable && v->result[p->fetching].uri[0])
			break;
	if (p->fetching >= v->n_results || p->fetching >= p->n_cur) {
		paid_take_results(j);
		return;
	}
	job_set_phase(j, PHASE_CALLING);
	remote_call_finish(&p->request);
	if (remote_fetch(j->e->remote, v->result[p->fetching].uri, &p->request, &err) <
		0) {
		p->fetches = PAID_FETCHES_MAX;
		fetch_failed(j, &err);
	} else if (p->request.auth == AUTH_NONE) {
		fetch_now(j);
	} else {
		p->step = PAID_TOKEN;
		p->token = (struct token_wait){.done = on_fetch_token};
		token_get(j->e->tokens, &p->token);
	}
}
