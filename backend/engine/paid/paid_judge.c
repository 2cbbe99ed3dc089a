// SPDX-License-Identifier: MIT
#define LOG_TAG "engine"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "backend/engine/paid/paid.h"
#include "cache/base/clk.h"
#include "cache/base/log.h"
#include "cache/base/mem.h"

static bool is_video(const struct paid *p)
{
	return p->row->kind == MODEL_VIDEO;
}

/* ---- what it costs ---- */

static int64_t refusal_price(const struct paid *p)
{
	const struct request *req = &p->job->req;
	int64_t v = 0;

	if (!p->row->refusal_is_full)
		return p->row->refusal_udollars;
	if (is_video(p))
		price_segment(p->row, req, p->part[p->cur[0]].seconds, &v, NULL);
	else
		price_refusal(p->row, req, 1, p->job->e->bucket != NULL, &v, NULL);
	return v;
}

/* Of all parts of the call together; false: not known, all that was reserved. */
static bool charge(const struct paid *p, int64_t *ret)
{
	const struct verdict *v = p->verdict;
	int64_t told = 0;

	*ret = 0;
	switch (v->charge) {
	case CHARGE_NOTHING:
		return true;
	case CHARGE_USAGE:
		return price_actual(p->row, &p->job->req, &v->usage, ret, NULL) == 0;
	case CHARGE_REFUSAL:
		/* Words that were read are paid, whatever became of them. */
		*ret = refusal_price(p) * p->n_cur;
		if (price_actual(p->row, &p->job->req, &v->usage, &told, NULL) == 0 &&
			told > *ret)
			*ret = told;
		return true;
	case CHARGE_RESERVED:
		break;
	}
	return false;
}

/* Equal shares among those that have something, or all if none has. */
static void book(struct paid *p)
{
	int64_t sum;
	bool is_known = charge(p, &sum);
	uint32_t n = 0, seen = 0;

	for (uint32_t i = 0; i < p->n_cur; i++)
		n += p->part[p->cur[i]].bytes != NULL;
	for (uint32_t i = 0; i < p->n_cur; i++) {
		struct part *part = &p->part[p->cur[i]];
		uint32_t shares = n ? n : p->n_cur;

		part->charged_ud = is_known ? 0 : part->held_ud;
		if (!is_known || (n && !part->bytes))
			continue;
		part->charged_ud = sum / shares + (seen < sum % shares ? 1 : 0);
		seen++;
		if (part->charged_ud > part->held_ud)
			log_warn("a call cost more than was reserved for it; model=%s",
				p->row->name);
	}
}

/* ---- ends of the outputs of the call ---- */

static void end_output(struct paid *p, struct part *part, enum output_state state,
	enum ledger_state to, const struct err *err)
{
	struct made *m = &p->job->run->made[part->out];
	struct output *o = paid_output(p, part);

	o->state = state;
	o->charged_ud = to == LEDGER_UNKNOWN ? part->held_ud : part->charged_ud;
	o->err = err ? *err : (struct err){0};
	m->close = (struct ledger_close){.id = part->id,
		.to = to,
		.charged_ud = part->charged_ud,
		.why = err ? o->err.why : NULL};
}

static void end_all(struct job *j, enum output_state state, enum ledger_state to,
	const struct err *err)
{
	struct paid *p = j->run->paid;

	for (uint32_t i = 0; i < p->n_cur; i++)
		end_output(p, &p->part[p->cur[i]], state, to, err);
	paid_store(j);
}

static void fail_after_commit(struct job *j)
{
	paid_fail(j, &j->run->paid->work_err);
}

/* Nothing to pay, nothing to lose: nobody needs to be asked about it. */
static void fail_free(struct job *j, const struct err *err)
{
	static const struct ledger_move settle = {.to = LEDGER_SETTLED};
	struct paid *p = j->run->paid;

	p->work_err = *err;
	paid_move(j, &settle, fail_after_commit);
}

void paid_unknown(struct job *j, int code, const char *fmt, ...)
{
	struct paid *p = j->run->paid;
	struct err err = {.code = code};
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(err.why, sizeof(err.why), fmt, ap);
	va_end(ap);
	if (paid_is_free(p))
		fail_free(j, &err);
	else
		end_all(j, OUTPUT_UNKNOWN, LEDGER_UNKNOWN, &err);
}

/* ---- results ---- */

static void take_inline(struct paid *p)
{
	struct verdict *v = p->verdict;

	for (uint32_t i = 0; i < p->n_cur && i < v->n_results; i++) {
		struct wire_result *r = &v->result[i];

		if (r->is_usable && !r->uri[0] && r->media >= 0)
			p->part[p->cur[i]].bytes =
				answer_take(p->answer, (uint32_t)r->media);
	}
}

static void copy_uri(struct paid *p)
{
	for (uint32_t i = 0; i < p->n_cur && i < p->verdict->n_results; i++) {
		const struct wire_result *r = &p->verdict->result[i];

		if (!r->uri[0])
			continue;
		free(p->part[p->cur[i]].uri);
		p->part[p->cur[i]].uri = strdup(r->uri);
	}
}

/* A text is a file of one part. */
static int take_text(struct job *j)
{
	struct paid *p = j->run->paid;
	struct part *part = &p->part[p->cur[0]];
	struct err err = {0};
	int r;

	part->bytes = blob_writer_new(j->e->cache, &err);
	if (!part->bytes)
		return -ENOMEM;
	r = blob_writer_write(
		part->bytes, p->verdict->text.data, p->verdict->text.len, &err);
	if (r < 0) {
		blob_writer_free(steal_ptr(part->bytes));
		return r;
	}
	return 0;
}

static void withheld(struct paid *p, uint32_t i, struct err *err)
{
	const struct verdict *v = p->verdict;

	err_set(err, EPERM, "%s",
		i < v->n_results && v->result[i].reason[0]
			? v->result[i].reason
			: "the provider made fewer than it was asked for");
}

/* A part that brought nothing. What was looked for in the bucket may be there later, or
 * have been filtered: nobody knows, so it is not sold again. */
static void end_without(struct paid *p, uint32_t i, bool any)
{
	struct part *part = &p->part[p->cur[i]];
	struct err err = {0};

	if (is_video(p) && part->state == LEDGER_SENT) {
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

void paid_take_results(struct job *j)
{
	struct paid *p = j->run->paid;
	bool keeps = false, any = false;

	book(p);
	for (uint32_t i = 0; i < p->n_cur; i++)
		any |= p->part[p->cur[i]].bytes != NULL;
	for (uint32_t i = 0; i < p->n_cur; i++) {
		struct part *part = &p->part[p->cur[i]];

		if (!part->bytes) {
			end_without(p, i, any);
		} else if (paid_needs_finish(p, part)) {
			keeps = true;
		} else {
			end_output(p, part, OUTPUT_MADE, LEDGER_SETTLED, NULL);
			j->run->made[part->out].bytes = steal_ptr(part->bytes);
		}
	}
	/* What must be worked on is kept first, so that it is there after a crash. */
	if (keeps)
		paid_keep(j);
	else
		paid_store(j);
}

static void done(struct job *j)
{
	struct paid *p = j->run->paid;
	struct verdict *v = p->verdict;

	snprintf(p->model_version, sizeof(p->model_version), "%s", v->model_version);
	snprintf(p->finish_reason, sizeof(p->finish_reason), "%s", v->finish_reason);
	if (answer_failed(p->answer)) {
		paid_unknown(j, EIO, "the answer came and could not be stored: %s",
			strerror(-answer_failed(p->answer)));
	} else if (p->row->kind == MODEL_TEXT) {
		if (take_text(j) < 0)
			paid_unknown(j, EIO, "the answer came and could not be stored");
		else
			paid_take_results(j);
	} else {
		take_inline(p);
		copy_uri(p);
		p->fetches = 0;
		paid_fetch(j);
	}
}

static void after_accepted(struct job *j)
{
	struct paid *p = j->run->paid;

	if (p->commit_err.code) {
		/* It is accepted all the same; the journal lacks its name. */
		paid_unknown(j, EIO, "the operation could not be written down: %.150s",
			p->commit_err.why);
		return;
	}
	paid_call_clear(p);
	if (paid_is_stopping(p))
		paid_failf(j, ECANCELED, "promptfs is stopping");
	else
		paid_ask(j);
}

static void accepted(struct job *j)
{
	struct paid *p = j->run->paid;
	struct ledger_move m = {.to = LEDGER_ACCEPTED,
		.charged_ud = -1,
		.operation = p->verdict->operation};

	for (uint32_t i = 0; i < p->n_cur; i++) {
		struct part *part = &p->part[p->cur[i]];

		free(part->operation);
		part->operation = strdup(p->verdict->operation);
		if (!part->operation) {
			paid_unknown(j, EIO, "out of memory");
			return;
		}
	}
	paid_move(j, &m, after_accepted);
}

/* ---- not accepted: once more, elsewhere, or not at all ---- */

static bool next_place(struct paid *p)
{
	struct engine *e = p->job->e;

	if (p->place + 1 >= remote_places(e->remote, p->row) ||
		p->sends >= e->retry.tries)
		return false;
	p->place++;
	return true;
}

static bool may_retry(
	struct job *j, const struct err *err, int64_t retry_after_ms, int64_t *delay)
{
	struct paid *p = j->run->paid;

	return retry_may_help(err->code) &&
	       retry_delay(&j->e->retry, p->sends ? p->sends : 1,
		       clk_mono_ms() - j->granted_ms, retry_after_ms, job_random(j->e),
		       delay);
}

/* After the rows are reserved again. */
static void retry_not_sent(struct job *j)
{
	struct paid *p = j->run->paid;
	struct err err = p->work_err;
	int64_t delay;

	if (p->commit_err.code) {
		log_warn("the ledger could not be changed: %s", p->commit_err.why);
		paid_fail(j, &err);
		return;
	}
	paid_call_clear(p);
	if (!paid_is_stopping(p) && err.code != EACCES &&
		may_retry(
			j, &err, p->verdict ? p->verdict->retry_after_ms : -1, &delay))
		job_back_off(j, delay, &err);
	else
		paid_fail(j, &err);
}

void paid_not_sent(struct job *j, const struct err *err)
{
	static const struct ledger_move back = {
		.to = LEDGER_RESERVED, .charged_ud = -1};
	struct paid *p = j->run->paid;

	p->work_err = *err;
	if (p->part[p->cur[0]].state == LEDGER_SENT) {
		paid_move(j, &back, retry_not_sent);
		return;
	}
	p->commit_err = (struct err){0};
	if (!p->sends)
		p->sends = 1; /* a try, though nothing left the machine */
	else
		p->sends++;
	retry_not_sent(j);
}

/* Another model takes over with a plan of its own: what it holds together is the same
 * worst case. */
static void replanned(struct job *j)
{
	struct paid *p = j->run->paid;
	size_t n = 0;

	if (p->commit_err.code) {
		paid_fail(j, &p->commit_err);
		return;
	}
	for (uint32_t i = 0; i < p->n_parts && n < p->n_ids; i++)
		if (!p->part[i].state) {
			p->part[i].id = p->ids[n++];
			p->part[i].state = LEDGER_RESERVED;
		}
	paid_next(j);
}

static bool is_same_plan(const struct segments *a, const struct segments *b)
{
	return a->n == b->n && a->is_extension == b->is_extension &&
	       !memcmp(a->seconds, b->seconds, a->n * sizeof(a->seconds[0]));
}

static void replan(struct job *j)
{
	struct paid *p = j->run->paid;
	scoped_free uint64_t *ids = new_array(uint64_t, p->n_parts);
	size_t n = 0;
	struct err err = {0};

	for (uint32_t i = 0; ids && i < p->n_parts; i++)
		if (p->part[i].state == LEDGER_RESERVED)
			ids[n++] = p->part[i].id;
	for (uint32_t i = 0; i < p->n_parts; i++) {
		if (p->part[i].is_kept || p->part[i].state != LEDGER_RESERVED) {
			paid_failf(j, EBUSY,
				"a part of this video is paid and %s makes no more of "
				"it; open it again later to go on",
				j->req.model);
			return;
		}
	}
	p->n_cur = 0;
	p->n_parts = 0;
	free(steal_ptr(p->part));
	if (!ids)
		err_oom(&err);
	else if (paid_plan(p, &err) == 0) {
		paid_reserve(j, ids, n, replanned);
		return;
	}
	paid_fail(j, &err);
}

void paid_switch(struct job *j, const struct model_row *to, const struct err *why)
{
	struct paid *p = j->run->paid;
	struct segments plan = {.n = 1};

	if (++p->switches > PAID_SWITCHES_MAX) {
		paid_fail(j, why);
		return;
	}
	if (j->req.type == MEDIA_MP4 &&
		limits_segments(to, &j->req, j->e->bucket != NULL, &plan) < 0) {
		paid_fail(j, why);
		return;
	}
	log_warn("%s; %s serves it instead of %s", why->why, to->name, j->req.model);
	p->row = to;
	p->place = p->sends = 0;
	paid_call_clear(p);
	if (j->req.type != MEDIA_MP4 || is_same_plan(&plan, &p->plan))
		paid_next(j);
	else
		replan(j);
}

static void name_other(struct job *j, struct err *err)
{
	struct price_alternative alt;
	char today[11];
	struct price_scope scope = paid_scope(j->e, today);
	size_t len = strlen(err->why);

	if (price_alternatives(&scope, j->row, &j->req, 1, &alt, 1))
		snprintf(err->why + len, sizeof(err->why) - len, "%s use %s",
			strstr(err->why, "try again") ? " or" : ";", alt.row->name);
}

static void overloaded(struct job *j, const struct err *err)
{
	struct paid *p = j->run->paid;
	const struct verdict *v = p->verdict;
	const struct model_row *other;
	struct err own = *err;
	int64_t delay;

	if (!v->is_final && next_place(p)) {
		log_info("%s; trying %s", err->why,
			remote_place(j->e->remote, p->row, p->place));
		paid_call_clear(p);
		paid_send(j);
		return;
	}
	if (!v->is_final && may_retry(j, err, v->retry_after_ms, &delay)) {
		p->place = 0;
		paid_call_clear(p);
		job_back_off(j, delay, err);
		return;
	}
	other = route_overloaded(j->e, p->row, &j->req);
	if (other && other != p->row) {
		paid_switch(j, other, err);
		return;
	}
	name_other(j, &own);
	paid_fail(j, &own);
}

static void missing(struct job *j)
{
	struct paid *p = j->run->paid;
	struct err err = {0};
	const struct model_row *to = route_missing(j->e, p->row, &j->req, &err);
	struct err why = p->verdict->err;

	if (to)
		paid_switch(j, to, &why);
	else
		paid_fail(j, &err);
}

static void renew(struct job *j)
{
	struct paid *p = j->run->paid;
	struct err err = p->verdict->err;
	bool again = p->was_renewed;

	if (p->bearer)
		token_refused(j->e->tokens, p->bearer);
	paid_call_clear(p);
	if (again) {
		paid_fail(j, &err);
		return;
	}
	p->was_renewed = true;
	paid_send(j);
}

/* The rows are reserved again. */
static void not_accepted(struct job *j)
{
	struct paid *p = j->run->paid;
	struct verdict *v = p->verdict;
	struct err err = v->err;

	if (p->commit_err.code || paid_is_stopping(p)) {
		paid_fail(j, p->commit_err.code ? &p->commit_err : &err);
		return;
	}
	switch (v->kind) {
	case VERDICT_AUTH:
		renew(j);
		break;
	case VERDICT_NO_MODEL:
		missing(j);
		break;
	case VERDICT_BUSY:
		overloaded(j, &err);
		break;
	default:
		paid_fail(j, &err);
		break;
	}
}

static bool is_not_accepted(enum verdict_kind kind)
{
	return kind == VERDICT_REJECTED || kind == VERDICT_AUTH ||
	       kind == VERDICT_NO_MODEL || kind == VERDICT_BUSY;
}

static void judge_refusal(struct job *j)
{
	struct paid *p = j->run->paid;
	struct verdict *v = p->verdict;
	bool is_refused = v->kind == VERDICT_REFUSED;

	book(p);
	end_all(j, is_refused ? OUTPUT_REFUSED : OUTPUT_UNUSABLE, LEDGER_SETTLED,
		&v->err);
}

void paid_judge(struct job *j)
{
	static const struct ledger_move back = {
		.to = LEDGER_RESERVED, .charged_ud = -1};
	struct paid *p = j->run->paid;
	struct verdict *v = p->verdict;
	bool was_sent = p->part[p->cur[0]].state == LEDGER_SENT;

	if (is_not_accepted(v->kind) && was_sent) {
		paid_move(j, &back, not_accepted);
		return;
	}
	switch (v->kind) {
	case VERDICT_DONE:
		done(j);
		break;
	case VERDICT_OPERATION:
		accepted(j);
		break;
	case VERDICT_REFUSED:
	case VERDICT_UNUSABLE:
		judge_refusal(j);
		break;
	default:
		paid_unknown(j, EIO, "%s",
			v->err.code ? v->err.why
				    : "the provider's answer makes no sense; the "
				      "request may be paid");
		break;
	}
}
