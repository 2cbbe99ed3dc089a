// SPDX-License-Identifier: MIT
/* http_* without a network: takes the place of backend/net/http.c in this program, and
 * asks sim_server.c for the answers. */
#include <errno.h>
#include <string.h>

#include "cache/base/clk.h"
#include "cache/base/mem.h"
#include "cache/base/str.h"
#include "tests/backend/engine/sim.h"

#define PIECE_DELAY_MS 3
#define PIECES_MAX 5

struct http {
	struct loop *loop;
	struct http_call *first;
};

struct http_call {
	struct http *http;
	struct http_call *next, **pprev;
	const struct http_ops *ops;
	void *user;
	struct sim_answer answer;
	struct timer timer;
	size_t sent; /* of the body */
	int64_t deadline_ms;
	bool is_paused, is_inside, is_dead, is_stopped;
	struct err why;
};

int http_new(struct loop *loop, int connect_ms, struct http **ret, struct err *err)
{
	struct http *h = new0(struct http);

	(void)connect_ms;
	if (!h)
		return err_oom(err);
	h->loop = loop;
	*ret = h;
	return 0;
}

static void destroy(struct http_call *c)
{
	loop_timer_clear(c->http->loop, &c->timer);
	*c->pprev = c->next;
	if (c->next)
		c->next->pprev = c->pprev;
	buf_finish(&c->answer.body);
	free(c);
}

void http_free(struct http *h)
{
	if (!h)
		return;
	while (h->first)
		destroy(h->first);
	free(h);
}

void http_cancel(struct http_call *c)
{
	if (c->is_inside)
		c->is_dead = true;
	else
		destroy(c);
}

bool http_was_sent(const struct http_call *c)
{
	return c->answer.fate != FATE_NOT_SENT;
}

bool http_is_secure_url(const char *url)
{
	return str_starts(url, "https://");
}

/* Where it hurts: before what came is written down, and above all where the name of an
 * operation is. */
static void may_die(const struct http_call *c)
{
	const struct sim_call *call = c->answer.call;
	uint32_t percent = !call                                        ? 1
			   : call->is_operation && !c->answer.ends_call ? 12
									: 3;

	if (!sim.is_last && !sim.plan.is_calm && dice_is(&sim.net, percent))
		sim_die(SIM_KILLED);
}

/* ---- the end ---- */

static void finish(struct http_call *c, enum http_fate fate, int code, const char *why)
{
	struct http_response a = {.fate = fate,
		.status = fate == HTTP_ANSWERED || fate == HTTP_CUT ? c->answer.status
								    : 0,
		.retry_after_ms = c->answer.retry_after_ms,
		.is_json = c->answer.is_json,
		.was_stopped = c->is_stopped};
	struct err err = c->why;

	if (fate != HTTP_ANSWERED && !err.code)
		err_set(&err, code, "%s", why);
	sched_yield_here();
	may_die(c);
	c->is_inside = true;
	if (fate == HTTP_ANSWERED)
		server_delivered(&c->answer);
	c->ops->on_done(c->user, &a, fate == HTTP_ANSWERED ? NULL : &err);
	destroy(c);
	sched_yield_here();
}

/* ---- the body ---- */

static void on_timer(struct timer *t);

static void again(struct http_call *c, int64_t delay_ms)
{
	int64_t at = clk_mono_ms() + delay_ms;

	loop_timer_set(c->http->loop, &c->timer,
		at < c->deadline_ms ? at : c->deadline_ms, on_timer);
}

/* false: the call is over. */
static bool give_piece(struct http_call *c, size_t end)
{
	size_t left = end - c->sent, n = left;
	int r;

	if (left > 64)
		n = left / PIECES_MAX +
		    dice_below(&sim.net, (uint32_t)(left - left / PIECES_MAX)) + 1;
	if (n > left)
		n = left;
	c->is_inside = true;
	r = c->ops->on_data(
		c->user, c->answer.body.data + c->sent, n, c->answer.status, &c->why);
	c->is_inside = false;
	c->sent += n;
	if (c->is_dead) {
		destroy(c);
		return false;
	}
	if (r < 0) {
		c->is_stopped = true;
		finish(c, HTTP_CUT, EIO, "stopped");
		return false;
	}
	return true;
}

static void on_timer(struct timer *t)
{
	struct http_call *c = container_of(t, struct http_call, timer);
	bool is_cut = c->answer.fate == FATE_CUT;
	size_t end = is_cut ? c->answer.cut_at : c->answer.body.len;

	if (clk_mono_ms() >= c->deadline_ms) {
		finish(c, c->sent ? HTTP_CUT : HTTP_SENT, ETIMEDOUT,
			"no answer in time");
	} else if (c->answer.fate == FATE_NOT_SENT) {
		finish(c, HTTP_NOT_SENT, ENETUNREACH, "cannot connect");
	} else if (c->answer.fate == FATE_SENT) {
		finish(c, HTTP_SENT, EPROTO, "the connection was reset");
	} else if (c->answer.fate == FATE_SILENT) {
		again(c, INT32_MAX);
	} else if (c->is_paused) {
		return; /* http_pause comes back here */
	} else if (c->sent < end) {
		if (give_piece(c, end) && !c->is_paused)
			again(c, dice_below(&sim.net, PIECE_DELAY_MS));
	} else if (is_cut) {
		finish(c, HTTP_CUT, EPROTO, "the answer was cut");
	} else {
		finish(c, HTTP_ANSWERED, 0, "");
	}
}

void http_pause(struct http_call *c, bool on)
{
	bool was = c->is_paused;

	c->is_paused = on;
	if (was && !on && !c->is_inside)
		again(c, 0);
}

struct http_call *http_start(struct http *h, const struct http_request *req,
	const struct http_ops *ops, void *user, struct err *err)
{
	struct http_call *c;

	sched_yield_here();
	if (!sim.is_last && !sim.plan.is_calm && dice_below(&sim.net, 300) == 0) {
		err_oom(err);
		return NULL;
	}
	c = new0(struct http_call);
	if (!c) {
		err_oom(err);
		return NULL;
	}
	c->http = h;
	c->ops = ops;
	c->user = user;
	c->next = h->first;
	c->pprev = &h->first;
	if (c->next)
		c->next->pprev = &c->next;
	h->first = c;
	c->answer.retry_after_ms = -1;
	server_answer(req, user, &c->answer);
	c->deadline_ms = req->timeout_ms ? clk_mono_ms() + req->timeout_ms : INT64_MAX;
	again(c, c->answer.delay_ms);
	return c;
}
