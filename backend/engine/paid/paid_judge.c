// SPDX-License-Identifier: MIT
/* See paid_judge.h. */
#define LOG_TAG "engine"
#include "backend/engine/paid/paid_judge.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "backend/engine/paid/paid_book.h"
#include "backend/engine/paid/paid_part.h"
#include "backend/engine/paid/paid_rows.h"
#include "cache/base/log.h"
#include "cache/base/mem.h"

enum paid_state judge_verdict(enum verdict_kind kind, bool was_sent)
{
	switch (kind) {
	case VERDICT_DONE:
		return PAID_RESULTS;
	case VERDICT_OPERATION:
		return PAID_ACCEPT;
	case VERDICT_REFUSED:
	case VERDICT_UNUSABLE:
		return PAID_REFUSED;
	case VERDICT_REJECTED:
	case VERDICT_AUTH:
	case VERDICT_NO_MODEL:
	case VERDICT_BUSY:
		/* What was accepted cannot be unsaid by a poll. */
		return was_sent ? PAID_REJECT : PAID_UNKNOWN;
	default:
		return PAID_UNKNOWN;
	}
}

enum paid_state paid_judge(struct job *j)
{
	struct paid *p = paid_of(j);
	const struct verdict *v = p->call.verdict;
	bool was_sent = p->part[p->cur[0]].state == LEDGER_SENT;
	enum paid_state next = judge_verdict(v->kind, was_sent);

	if (next == PAID_UNKNOWN)
		paid_unknown(p, "%s",
			v->err.code ? v->err.why
				    : "the provider's answer makes no sense; the "
				      "request may be paid");
	return next;
}

enum paid_state paid_reject(struct job *j)
{
	rows_unsend(paid_of(j));
	return PAID_WAITS;
}

/* ---- money ---- */

static void book(struct paid *p)
{
	const struct model_row *row = p->job->run->served;
	struct booking b = {.row = row,
		.req = &p->job->req,
		.seconds = row_is_timed(row) ? p->part[p->cur[0]].seconds : 0,
		.n_parts = p->n_cur,
		.may_extend = limits_may_extend(p->net->backend, p->net->bucket)};
	struct book_share share[WIRE_MEDIA_MAX];
	int64_t sum;

	if (!book_charge(&b, p->call.verdict, &sum))
		sum = -1;
	for (uint32_t i = 0; i < p->n_cur; i++)
		share[i] = (struct book_share){
			.has_bytes = p->part[p->cur[i]].bytes != NULL,
			.held_ud = p->part[p->cur[i]].held_ud};
	if (book_parts(sum, share, p->n_cur))
		log_warn("a call cost more than was reserved for it; model=%s",
			row->name);
	for (uint32_t i = 0; i < p->n_cur; i++)
		p->part[p->cur[i]].charged_ud = share[i].charged_ud;
}

/* ---- ends of the outputs of the call ---- */

static void end_output(struct paid *p, const struct part *part, enum output_state state,
	enum ledger_state to, const struct err *err)
{
	struct made *m = paid_made(p, part);
	struct output *o = &m->out;

	o->state = state;
	o->charged_ud = to == LEDGER_UNKNOWN ? part->held_ud : part->charged_ud;
	o->err = err ? *err : (struct err){0};
	m->close = (struct ledger_close){.id = part->id,
		.to = to,
		.charged_ud = part->charged_ud,
		.why = err ? o->err.why : NULL};
}

static enum paid_state end_all(struct paid *p, enum output_state state,
	enum ledger_state to, const struct err *err)
{
	for (uint32_t i = 0; i < p->n_cur; i++)
		end_output(p, &p->part[p->cur[i]], state, to, err);
	return PAID_STORE;
}

enum paid_state paid_refused(struct job *j)
{
	struct paid *p = paid_of(j);
	const struct verdict *v = p->call.verdict;

	book(p);
	return end_all(p, v->kind == VERDICT_REFUSED ? OUTPUT_REFUSED : OUTPUT_UNUSABLE,
		LEDGER_SETTLED, &v->err);
}

/* Nothing to pay is nothing to lose: nobody needs to be asked about it. */
enum paid_state paid_end_unknown(struct job *j)
{
	struct paid *p = paid_of(j);

	if (paid_is_free(p))
		return PAID_SETTLE;
	return end_all(p, OUTPUT_UNKNOWN, LEDGER_UNKNOWN, &p->why);
}

enum paid_state paid_settle(struct job *j)
{
	static const struct ledger_move settle = {.to = LEDGER_SETTLED};

	rows_move(paid_of(j), &settle);
	return PAID_WAITS;
}

/* ---- results ---- */

static void take_inline(struct paid *p)
{
	const struct verdict *v = p->call.verdict;

	for (uint32_t i = 0; i < p->n_cur && i < v->n_results; i++) {
		const struct wire_result *r = &v->result[i];

		if (r->is_usable && !r->uri[0] && r->media >= 0)
			p->part[p->cur[i]].bytes =
				response_take(p->http.response, (uint32_t)r->media);
	}
}

static void copy_uris(struct paid *p)
{
	const struct verdict *v = p->call.verdict;

	for (uint32_t i = 0; i < p->n_cur && i < v->n_results; i++) {
		const struct wire_result *r = &v->result[i];

		if (!r->uri[0])
			continue;
		free(p->part[p->cur[i]].uri);
		p->part[p->cur[i]].uri = strdup(r->uri);
	}
}

/* A text is a file of one part. */
static int take_text(struct paid *p)
{
	struct part *part = &p->part[p->cur[0]];
	const struct buf *text = &p->call.verdict->text;
	struct err err = {0};
	int r;

	part->bytes = blob_writer_new(p->job->e->cache, &err);
	if (!part->bytes)
		return -ENOMEM;
	r = blob_writer_write(part->bytes, text->data, text->len, &err);
	if (r < 0)
		blob_writer_free(steal_ptr(part->bytes));
	return r;
}

enum paid_state paid_results(struct job *j)
{
	struct paid *p = paid_of(j);
	const struct verdict *v = p->call.verdict;
	int failed = p->http.response ? response_failed(p->http.response) : 0;

	snprintf(p->call.model_version, sizeof(p->call.model_version), "%s",
		v->model_version);
	snprintf(p->call.finish_reason, sizeof(p->call.finish_reason), "%s",
		v->finish_reason);
	if (failed)
		return paid_unknown(p, "the answer came and could not be stored: %s",
			strerror(-failed));
	if (row_is_text(j->run->served))
		return take_text(p) < 0 ? paid_unknown(p, "the answer came and could "
							  "not be stored")
					: PAID_TAKE;
	take_inline(p);
	copy_uris(p);
	p->asking.fetches = 0;
	return PAID_FETCH;
}

static void withheld(const struct paid *p, uint32_t i, struct err *err)
{
	const struct verdict *v = p->call.verdict;

	err_set(err, EPERM, "%s",
		i < v->n_results && v->result[i].reason[0]
			? v->result[i].reason
			: "the provider made fewer than it was asked for");
}

/* A part that brought nothing. What was looked for in the bucket may be there later, or
 * have been filtered: nobody knows, so it is not sold again. */
static void end_without(struct paid *p, uint32_t i, bool any)
{
	const struct part *part = &p->part[p->cur[i]];
	struct err err = {0};

	if (row_is_timed(p->job->run->served) && part->state == LEDGER_SENT) {
		err_set(&err, EIO,
			"the answer to the request was lost, and the bucket holds only "
			"a part of its results; it may be paid");
		end_output(p, part, OUTPUT_UNKNOWN, LEDGER_UNKNOWN, &err);
		return;
	}
	withheld(p, i, &err);
	end_output(
		p, part, any ? OUTPUT_REFUSED : OUTPUT_UNUSABLE, LEDGER_SETTLED, &err);
}

enum paid_state paid_take(struct job *j)
{
	struct paid *p = paid_of(j);
	bool keeps = false, any = false;

	book(p);
	for (uint32_t i = 0; i < p->n_cur; i++)
		any |= p->part[p->cur[i]].bytes != NULL;
	for (uint32_t i = 0; i < p->n_cur; i++) {
		struct part *part = &p->part[p->cur[i]];

		if (!part->bytes) {
			end_without(p, i, any);
		} else if (part_needs_work(p, part)) {
			keeps = true;
		} else {
			end_output(p, part, OUTPUT_MADE, LEDGER_SETTLED, NULL);
			paid_made(p, part)->bytes = steal_ptr(part->bytes);
		}
	}
	/* What must be worked on is kept first, so that it is there after a crash. */
	return keeps ? PAID_KEEP : PAID_STORE;
}
