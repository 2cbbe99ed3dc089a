// SPDX-License-Identifier: MIT
/* See paid.h: what all rooms share. */
#include "backend/engine/paid/paid.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "cache/base/mem.h"

struct paid *paid_new(struct job *j, struct network *n, bool is_resumed)
{
	struct paid *p = new0(struct paid);

	if (!p)
		return NULL;
	p->job = j;
	p->net = n;
	p->is_resumed = is_resumed;
	exchange_init(&p->http, j, n);
	return p;
}

static void parts_free(struct part *part, uint32_t n)
{
	for (uint32_t i = 0; part && i < n; i++) {
		free(part[i].uri);
		free(part[i].operation);
		free(part[i].prefix);
		blob_writer_free(part[i].bytes);
	}
	free(part);
}

static void inputs_finish(struct paid_inputs *in)
{
	for (uint32_t i = 0; i < in->n_images; i++)
		free((void *)in->image[i].data);
	free((void *)in->last.data);
	free((void *)in->frame.data);
}

void paid_free(struct paid *p)
{
	if (!p)
		return;
	paid_call_clear(p);
	parts_free(p->part, p->n_parts);
	inputs_finish(&p->in);
	buf_finish(&p->call.sent);
	free(p->commit.ids);
	free(p->stale);
	free(p);
}

bool paid_is_stopping(const struct paid *p)
{
	return p->is_stopping || engine_is_stopping(p->job->e);
}

bool paid_is_free(const struct paid *p)
{
	for (uint32_t i = 0; i < p->n_cur; i++)
		if (p->part[p->cur[i]].held_ud)
			return false;
	return true;
}

struct made *paid_made(const struct paid *p, const struct part *part)
{
	return &p->job->run->made[part->out];
}

void paid_call_drop(struct paid *p)
{
	exchange_drop(&p->http);
	if (p->call.verdict)
		verdict_finish(p->call.verdict);
	free(steal_ptr(p->call.verdict));
}

void paid_call_clear(struct paid *p)
{
	paid_call_drop(p);
	for (uint32_t i = 0; i < p->n_cur; i++)
		blob_writer_free(steal_ptr(p->part[p->cur[i]].bytes));
	p->http.is_renewed = false;
}

bool paid_new_verdict(struct paid *p)
{
	struct paid_call *c = &p->call;

	if (!c->verdict)
		c->verdict = new0(struct verdict);
	if (!c->verdict)
		return false;
	verdict_finish(c->verdict);
	*c->verdict = (struct verdict){.retry_after_ms = -1};
	return true;
}

/* ---- when it cannot go on ---- */

__attribute__((format(printf, 3, 0))) static void set_why(
	struct paid *p, int code, const char *fmt, va_list ap)
{
	struct err err = {.code = code};

	vsnprintf(err.why, sizeof(err.why), fmt, ap);
	p->why = err;
}

enum paid_state paid_fails(struct paid *p, const struct err *err)
{
	struct err own = *err;

	p->why = own;
	if (!p->why.code) /* it failed, whoever forgot to say how */
		p->why.code = EIO;
	return PAID_GIVE_BACK;
}

enum paid_state paid_failsf(struct paid *p, int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	set_why(p, code, fmt, ap);
	va_end(ap);
	return PAID_GIVE_BACK;
}

enum paid_state paid_stops(struct paid *p)
{
	return paid_failsf(p, ECANCELED, "promptfs is stopping");
}

enum paid_state paid_not_sent(struct paid *p, const struct err *err)
{
	paid_fails(p, err);
	return PAID_UNSEND;
}

enum paid_state paid_unknown(struct paid *p, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	set_why(p, EIO, fmt, ap);
	va_end(ap);
	return PAID_UNKNOWN;
}
