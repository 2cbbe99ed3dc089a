// SPDX-License-Identifier: MIT
/* See paid_fetch.h. */
#define LOG_TAG "engine"
#include "backend/engine/paid/paid_fetch.h"

#include <errno.h>
#include <stdio.h>

#include "cache/base/clk.h"
#include "cache/base/log.h"
#include "cache/base/mem.h"

#define TRIES_MAX 5
#define REDIRECTS_MAX 5
#define PAUSE_MS 500 /* times the tries so far */

static struct wire_result *result_of(const struct paid *p)
{
	return &p->call.verdict->result[p->asking.result];
}

static enum paid_state failed(struct paid *p, const struct err *err)
{
	if (++p->asking.fetches < TRIES_MAX) {
		log_info("fetching a result failed, once more: %s", err->why);
		return PAID_REFETCH;
	}
	/* It is the journal's: the next open asks again. */
	if (p->part[p->cur[0]].state == LEDGER_ACCEPTED)
		return paid_failsf(p, EIO,
			"the result is made, and fetching it failed: %s", err->why);
	return paid_unknown(
		p, "the result is paid, and fetching it failed: %s", err->why);
}

enum paid_state paid_refetch(struct job *j)
{
	job_timer(j, clk_mono_ms() + PAUSE_MS * paid_of(j)->asking.fetches);
	return PAID_WAITS;
}

/* The next result that has an address. */
static bool find_next(struct paid *p)
{
	const struct verdict *v = p->call.verdict;
	uint32_t n = v->n_results < p->n_cur ? v->n_results : p->n_cur;

	for (p->asking.result = 0; p->asking.result < n; p->asking.result++)
		if (result_of(p)->is_usable && result_of(p)->uri[0])
			return true;
	return false;
}

enum paid_state paid_fetch(struct job *j)
{
	struct paid *p = paid_of(j);
	struct err err = {0};

	if (!find_next(p))
		return PAID_TAKE;
	exchange_reset(&p->http);
	if (remote_fetch(p->net->remote, result_of(p)->uri, &p->http.request, &err) <
		0) {
		p->asking.fetches = TRIES_MAX; /* it will say the same again */
		return failed(p, &err);
	}
	return exchange_run(&p->http, j->e->rules.timeout_ms) < 0 ? PAID_FETCHED
								  : PAID_WAITS;
}

static enum paid_state take(struct paid *p)
{
	const struct wire_response *w = response_wire(p->http.response, p->http.answer);
	struct part *part = &p->part[p->cur[p->asking.result]];
	bool is_video = row_is_timed(p->job->run->served);
	struct wire_result *r = result_of(p);

	part->bytes = response_take(p->http.response, 0);
	r->uri[0] = '\0';
	if (!(is_video ? wire_is_video(w, 0) : wire_is_picture(w, 0))) {
		blob_writer_free(steal_ptr(part->bytes));
		r->is_usable = false;
		snprintf(r->reason, sizeof(r->reason),
			"what the provider sent is no %s",
			is_video ? "MP4" : "PNG or JPEG");
	}
	p->asking.fetches = 0;
	return PAID_FETCH;
}

/* The key goes to the service itself only: remote_fetch sees to that. */
static bool follow(struct paid *p)
{
	const struct http_response *a = p->http.answer;

	return a->status >= 301 && a->status <= 308 && a->location &&
	       p->asking.fetches < REDIRECTS_MAX &&
	       wire_uri(a->location, result_of(p)->uri);
}

enum paid_state paid_fetched(struct job *j)
{
	struct paid *p = paid_of(j);
	const struct http_response *a = p->http.answer;
	struct err err = p->http.err;

	if (!a || a->fate != HTTP_ANSWERED)
		return failed(p, &err);
	if (a->status == 200)
		return take(p);
	if (follow(p)) {
		p->asking.fetches++;
		return PAID_FETCH;
	}
	if (a->status == 401)
		exchange_renew(&p->http);
	err_set(&err, EIO, "the server answered %d", a->status);
	return failed(p, &err);
}
