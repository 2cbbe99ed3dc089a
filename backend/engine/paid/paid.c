// SPDX-License-Identifier: MIT
#define LOG_TAG "engine"
#include "backend/engine/paid/paid.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cache/base/clk.h"
#include "cache/base/log.h"
#include "cache/base/mem.h"
#include "cache/base/money.h"

/* ---- small things ---- */

struct price_scope paid_scope(const struct engine *e, char today[static 11])
{
	clk_format_day(clk_real_ms(), today);
	return (struct price_scope){.catalogue = e->catalogue,
		.backend = e->backend,
		.fallback = e->fallback,
		.may_extend = e->bucket != NULL,
		.today = today};
}

struct output *paid_output(const struct paid *p, const struct part *part)
{
	return &p->job->run->output[part->out];
}

bool paid_is_open(const struct paid *p, uint32_t out)
{
	return p->job->run->output[out].state == OUTPUT_WANTED &&
	       !p->job->run->made[out].is_settled;
}

/* Calls that are sent are waited for; nothing new is begun. */
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

static void part_finish(struct part *part)
{
	free(part->uri);
	free(part->operation);
	free(part->prefix);
	free(part->served_by);
	blob_writer_free(part->bytes);
	*part = (struct part){0};
}

static void parts_free(struct part *part, uint32_t n)
{
	for (uint32_t i = 0; part && i < n; i++)
		part_finish(&part[i]);
	free(part);
}

void paid_free(struct paid *p)
{
	if (!p)
		return;
	paid_call_clear(p);
	parts_free(p->part, p->n_parts);
	for (uint32_t i = 0; i < p->n_images; i++)
		free((void *)p->image[i].data);
	free((void *)p->last.data);
	free((void *)p->frame.data);
	buf_finish(&p->bound);
	buf_finish(&p->sent);
	free(p->ids);
	free(p->stale);
	free(p);
}

/* ---- changes of the ledger ---- */

static void on_committed(struct post *post)
{
	struct paid *p = container_of(post, struct paid, post);

	p->step = PAID_IDLE;
	/* What did not become durable did not happen. */
	for (uint32_t i = 0; p->commit_err.code && p->moved_from && i < p->n_cur; i++)
		p->part[p->cur[i]].state = p->moved_from;
	p->moved_from = 0;
	p->then(p->job);
}

/* The store thread. */
void paid_on_commit(void *user, const struct err *err)
{
	struct paid *p = user;

	p->commit_err = err ? *err : (struct err){0};
	loop_post(p->job->e->loop, &p->post, on_committed);
}

void paid_begin_commit(struct paid *p, paid_then_fn then)
{
	p->step = PAID_COMMIT;
	p->then = then;
	p->commit_err = (struct err){0};
}

static void move_ids(struct job *j, const uint64_t *ids, size_t n,
	const struct ledger_move *m, paid_then_fn then)
{
	struct paid *p = j->run->paid;
	struct err err = {0};

	paid_begin_commit(p, then);
	if (n && ledger_move(j->e->cache, ids, n, m, paid_on_commit, p) == 0)
		return;
	if (n)
		err_oom(&err);
	paid_on_commit(p, n ? &err : NULL);
}

static void note_move(struct paid *p, const struct ledger_move *m)
{
	for (uint32_t i = 0; i < p->n_cur; i++) {
		struct part *part = &p->part[p->cur[i]];

		part->state = m->to;
		if (m->to == LEDGER_SENT)
			part->sent_ms = clk_real_ms();
	}
}

void paid_move(struct job *j, const struct ledger_move *m, paid_then_fn then)
{
	struct paid *p = j->run->paid;
	uint64_t ids[WIRE_MEDIA_MAX];

	for (uint32_t i = 0; i < p->n_cur; i++)
		ids[i] = p->part[p->cur[i]].id;
	p->moved_from = p->part[p->cur[0]].state;
	note_move(p, m);
	move_ids(j, ids, p->n_cur, m, then);
}

/* ---- the order of things ---- */

void paid_begin(struct job *j)
{
	job_set_phase(j, PHASE_CALLING);
	paid_next(j);
}

static struct part *first_unkept(struct paid *p, uint32_t out)
{
	for (uint32_t i = 0; i < p->n_parts; i++)
		if (p->part[i].out == out && !p->part[i].is_kept)
			return &p->part[i];
	return NULL;
}

static bool same_text(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

/* Takes that one call makes: those of other files that are in the same state. */
static void choose(struct job *j, const struct part *first)
{
	struct paid *p = j->run->paid;
	uint32_t max = remote_takes_max(j->e->remote, p->row);
	uint64_t seed;

	p->n_cur = 0;
	p->cur[p->n_cur++] = (uint32_t)(first - p->part);
	if (p->plan.n > 1 || limits_seed(&j->req, &seed))
		max = 1;
	if (first->state == LEDGER_ACCEPTED || first->state == LEDGER_SENT)
		max = WIRE_MEDIA_MAX;
	for (uint32_t i = p->cur[0] + 1; i < p->n_parts && p->n_cur < max; i++) {
		const struct part *q = &p->part[i];

		if (p->n_cur < WIRE_MEDIA_MAX && q->state == first->state &&
			paid_is_open(p, q->out) && !q->is_kept &&
			q->seg == first->seg &&
			same_text(q->operation, first->operation) &&
			same_text(q->prefix, first->prefix))
			p->cur[p->n_cur++] = i;
	}
}

/* It stays held until somebody opens the file again, or until the next mount. */
static void tell_release(const struct paid *p)
{
	if (p->commit_err.code)
		log_warn("what was reserved could not be released: %s",
			p->commit_err.why);
}

/* Rows of files that ended otherwise are given back; then the job is over. */
static void close_now(struct job *j)
{
	tell_release(j->run->paid);
	job_close(j);
}

static size_t reserved_ids(const struct paid *p, uint64_t *ids)
{
	size_t n = 0;

	for (uint32_t i = 0; i < p->n_parts; i++)
		if (p->part[i].state == LEDGER_RESERVED)
			ids[n++] = p->part[i].id;
	return n;
}

static void release_rest(struct job *j, paid_then_fn then)
{
	static const struct ledger_move release = {
		.to = LEDGER_RELEASED, .charged_ud = -1};
	struct paid *p = j->run->paid;
	scoped_free uint64_t *ids = new_array(uint64_t, p->n_parts + 1);
	size_t n = ids ? reserved_ids(p, ids) : 0;

	for (uint32_t i = 0; ids && i < p->n_parts; i++)
		if (p->part[i].state == LEDGER_RESERVED)
			p->part[i].state = LEDGER_RELEASED;
	p->commit_err = (struct err){0};
	if (n)
		move_ids(j, ids, n, &release, then);
	else
		then(j);
}

static void next_part(struct job *j, uint32_t out)
{
	struct paid *p = j->run->paid;
	struct part *part = first_unkept(p, out);

	if (!part) {
		paid_finish(j, out);
		return;
	}
	choose(j, part);
	if (part->state == LEDGER_SENT && !(part->prefix && j->e->bucket)) {
		paid_unknown(j, EIO,
			"the answer to an earlier call was lost; it may be paid");
	} else if (part->state == LEDGER_ACCEPTED || part->state == LEDGER_SENT) {
		paid_ask(j);
	} else if (part->state == LEDGER_RESERVED) {
		paid_send(j);
	} else if (p->is_resumed && !j->tickets) {
		/* What was under way is here; the rest is bought when somebody asks. */
		paid_failf(j, ECANCELED, "nobody waits for the rest");
	} else {
		paid_reserve_checked(j);
	}
}

void paid_next(struct job *j)
{
	struct paid *p = j->run->paid;

	if (paid_is_stopping(p)) {
		paid_failf(j, ECANCELED, "promptfs is stopping");
		return;
	}
	for (uint32_t o = 0; o < j->run->pj.n_outputs; o++) {
		if (paid_is_open(p, o)) {
			next_part(j, o);
			return;
		}
	}
	release_rest(j, close_now);
}

void paid_timer(struct job *j)
{
	struct paid *p = j->run->paid;

	switch (p->step) {
	case PAID_CHECK:
		if (p->is_stopping)
			paid_failf(j, ECANCELED, "promptfs is stopping");
		else
			paid_reserve_checked(j);
		break;
	case PAID_FETCH:
		paid_fetch(j);
		break;
	default:
		p->step = PAID_IDLE;
		paid_poll(j);
		break;
	}
}

/* ---- ends ---- */

static void end_now(struct job *j)
{
	struct paid *p = j->run->paid;
	struct err err = p->end_err;

	tell_release(p);
	job_end(j, &err);
}

void paid_fail(struct job *j, const struct err *err)
{
	struct paid *p = j->run->paid;

	p->end_err = *err;
	paid_call_clear(p);
	release_rest(j, end_now);
}

void paid_failf(struct job *j, int code, const char *fmt, ...)
{
	struct err err = {0};
	va_list ap;

	err.code = code;
	va_start(ap, fmt);
	vsnprintf(err.why, sizeof(err.why), fmt, ap);
	va_end(ap);
	paid_fail(j, &err);
}

void paid_store(struct job *j)
{
	job_store(j);
}

void paid_stored(struct job *j)
{
	struct paid *p = j->run->paid;

	for (uint32_t i = 0; i < p->n_cur; i++) {
		struct part *part = &p->part[p->cur[i]];
		const struct made *m = &j->run->made[part->out];

		if (m->stored > 0 && m->close.id == part->id)
			part->state = m->close.to;
	}
	paid_call_clear(p);
	job_set_phase(j, PHASE_CALLING);
	paid_next(j);
}

/* A named operation is the journal's at once; a call that is sent is not, and is waited
 * for until engine_stop loses patience and comes here. */
void paid_stop(struct job *j)
{
	struct paid *p = j->run->paid;
	struct err err = {0};
	bool was_sent;

	p->is_stopping = true;
	if (j->phase == PHASE_STORING)
		return;
	switch (p->step) {
	case PAID_COMMIT:
	case PAID_POOL:
		return;
	case PAID_TOKEN:
		token_forget(j->e->tokens, &p->token);
		break;
	case PAID_CALL:
		was_sent = p->call && http_was_sent(p->call);
		paid_call_clear(p);
		if (was_sent) {
			paid_unknown(j, EIO,
				"promptfs was stopped before the provider answered; "
				"the "
				"request may be paid");
			return;
		}
		err_set(&err, ECANCELED, "promptfs is stopping");
		paid_not_sent(j, &err);
		return;
	default:
		break;
	}
	loop_timer_clear(j->e->loop, &j->run->timer);
	p->step = PAID_IDLE;
	paid_failf(j, ECANCELED, "promptfs is stopping");
}
