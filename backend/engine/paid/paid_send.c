// SPDX-License-Identifier: MIT
#define LOG_TAG "engine"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "backend/engine/paid/paid.h"
#include "cache/base/clk.h"
#include "cache/base/log.h"
#include "cache/base/mem.h"
#include "cache/base/str.h"

#define AUTH_HEADER_MAX (TOKEN_ANSWER_MAX + 64)
#define PROJECT_HEADER_MAX 256

void paid_call_drop(struct paid *p)
{
	if (p->call)
		http_cancel(steal_ptr(p->call));
	answer_free(steal_ptr(p->answer));
	if (p->verdict)
		verdict_finish(p->verdict);
	free(steal_ptr(p->verdict));
	remote_call_finish(&p->request);
	if (p->bearer)
		explicit_bzero(p->bearer, strlen(p->bearer));
	free(steal_ptr(p->bearer));
}

void paid_call_clear(struct paid *p)
{
	paid_call_drop(p);
	for (uint32_t i = 0; i < p->n_cur; i++) {
		struct part *part = &p->part[p->cur[i]];

		blob_writer_free(steal_ptr(part->bytes));
	}
	p->was_renewed = false;
}

/* ---- one HTTP call, whatever it is for ---- */

int paid_on_data(void *user, const void *data, size_t len, int status, struct err *err)
{
	struct paid *p = user;

	(void)status;
	return answer_feed(p->answer, p->call, data, len, err);
}

static void on_paid_done(
	void *user, const struct http_answer *a, const struct err *err);
static const struct http_ops paid_ops = {paid_on_data, on_paid_done};

/* The secret lives in `auth` for this call only. */
static void add_headers(
	const struct paid *p, struct http_request *req, char *auth, char *project)
{
	bool is_key = p->request.auth == AUTH_GOOGLE_KEY;

	if (req->body_len)
		req->header[req->n_headers++] = "Content-Type: application/json";
	if (p->request.auth != AUTH_NONE && p->bearer && *p->bearer) {
		snprintf(auth, AUTH_HEADER_MAX, "%s%s",
			is_key ? "x-goog-api-key: " : "Authorization: Bearer ",
			p->bearer);
		req->header[req->n_headers++] = auth;
	}
	if (p->request.user_project) {
		snprintf(project, PROJECT_HEADER_MAX, "x-goog-user-project: %s",
			p->request.user_project);
		req->header[req->n_headers++] = project;
	}
}

int paid_http(
	struct job *j, const struct http_ops *ops, int64_t timeout_ms, struct err *err)
{
	struct paid *p = j->run->paid;
	struct http_request req = {.method = p->request.method,
		.url = p->request.url.data,
		.body = p->request.body.data,
		.body_len = p->request.body.len,
		.is_once = p->request.is_paid,
		.timeout_ms = timeout_ms,
		.answer_max = p->request.answer_max};
	char *auth = new_array(char, AUTH_HEADER_MAX), project[PROJECT_HEADER_MAX];

	answer_free(p->answer);
	p->answer = answer_new(j->e->loop, j->e->cache, p->request.is_media);
	if (!auth || !p->answer) {
		free(auth);
		return err_oom(err);
	}
	add_headers(p, &req, auth, project);
	p->call = http_start(j->e->http, &req, ops, p, err);
	explicit_bzero(auth, AUTH_HEADER_MAX);
	free(auth);
	return p->call ? 0 : -(err->code ? err->code : ENOMEM);
}

/* ---- tokens ---- */

void paid_got_token(struct job *j, const char *bearer, const struct err *err,
	paid_then_fn then, void (*failed)(struct job *j, const struct err *err))
{
	struct paid *p = j->run->paid;
	struct err own = {0};

	p->step = PAID_IDLE;
	if (p->is_stopping) {
		err_set(&own, ECANCELED, "promptfs is stopping");
		failed(j, &own);
		return;
	}
	free(steal_ptr(p->bearer));
	p->bearer = bearer ? strdup(bearer) : NULL;
	if (p->bearer) {
		then(j);
		return;
	}
	if (bearer)
		err_oom(&own);
	failed(j, bearer ? &own : err);
}

struct paid *paid_of_wait(struct token_wait *w)
{
	return container_of(w, struct paid, token);
}

/* ---- the call that is paid ---- */

static const struct wire_input *first_frame(const struct paid *p)
{
	return p->has_frame ? &p->frame : p->n_images ? &p->image[0] : NULL;
}

static void make_prefix(struct job *j)
{
	struct paid *p = j->run->paid;
	uint64_t id[2] = {0};
	const char *slash = str_ends(j->e->bucket, "/") ? "" : "/";

	if (getrandom(id, sizeof(id), 0) != sizeof(id))
		id[0] = (uint64_t)clk_mono_us();
	snprintf(p->prefix, sizeof(p->prefix), "%s%s%spromptfs/%016llx%016llx/",
		str_starts(j->e->bucket, "gs://") ? "" : "gs://", j->e->bucket, slash,
		(unsigned long long)id[0], (unsigned long long)id[1]);
}

static const struct part *before(const struct paid *p, const struct part *part)
{
	for (uint32_t i = 0; part->seg && i < p->n_parts; i++)
		if (p->part[i].out == part->out && p->part[i].seg + 1 == part->seg)
			return &p->part[i];
	return NULL;
}

void paid_fill_wire(struct job *j)
{
	struct paid *p = j->run->paid;
	const struct part *part = &p->part[p->cur[0]], *prev = before(p, part);
	struct request req = j->req; /* borrows */
	const struct wire_input *frame = first_frame(p);

	req.take = paid_output(p, part)->take;
	p->wire = (struct wire_job){.req = &j->run->made[part->out].req,
		.row = p->row,
		.prompt = j->run->pj.prompt,
		.negative = j->run->pj.negative,
		.n_takes = p->n_cur,
		.seconds = part->seconds,
		.is_developer_api = j->e->backend == BACKEND_GEMINI};
	p->wire.has_seed = limits_seed(&req, &p->wire.seed);
	p->wire.image = p->has_frame ? frame : p->image;
	p->wire.n_images = p->has_frame ? 1 : p->n_images;
	p->wire.last = p->has_last && part->seg + 1u == p->plan.n ? &p->last : NULL;
	if (p->plan.is_extension && prev)
		p->wire.video_uri = prev->uri;
	p->prefix[0] = '\0';
	if (j->e->bucket && p->row->kind == MODEL_VIDEO) {
		make_prefix(j);
		p->wire.storage_uri = p->prefix;
	}
}

static void note_seeds(struct paid *p)
{
	uint64_t seed;

	for (uint32_t i = 0; i < p->n_cur; i++) {
		struct output *o = paid_output(p, &p->part[p->cur[i]]);

		o->seed = p->n_cur == 1 && wire_seed(&p->wire, &seed) ? seed
								      : SEED_UNKNOWN;
	}
}

/* For .json; pictures in it would be too much. */
static void note_body(struct paid *p)
{
	buf_clear(&p->sent);
	if (!p->n_images && !p->has_frame && !p->has_last)
		buf_add(&p->sent, p->request.body.data, p->request.body.len);
}

static void post_now(struct job *j)
{
	struct paid *p = j->run->paid;
	struct err err = {0};

	if (p->commit_err.code) {
		paid_fail(j, &p->commit_err);
		return;
	}
	if (paid_is_stopping(p)) {
		err_set(&err, ECANCELED, "promptfs is stopping");
		paid_not_sent(j, &err);
		return;
	}
	p->step = PAID_CALL;
	note_body(p);
	p->sends++;
	j->attempts++;
	if (paid_http(j, &paid_ops, j->e->timeout_ms, &err) < 0) {
		p->step = PAID_IDLE;
		paid_not_sent(j, &err);
	}
}

static void commit_sent(struct job *j)
{
	struct paid *p = j->run->paid;
	struct ledger_move sent = {.to = LEDGER_SENT,
		.charged_ud = -1,
		.served_by = p->row->name,
		.prefix = p->prefix[0] ? p->prefix : NULL};

	paid_move(j, &sent, post_now);
}

static void token_failed(struct job *j, const struct err *err)
{
	/* Its rows are reserved still. */
	paid_not_sent(j, err);
}

static void on_paid_token(
	struct token_wait *w, const char *bearer, const struct err *err)
{
	paid_got_token(paid_of_wait(w)->job, bearer, err, commit_sent, token_failed);
}

static void with_token(struct job *j)
{
	struct paid *p = j->run->paid;
	struct err err = {0};

	remote_call_finish(&p->request);
	paid_fill_wire(j);
	note_seeds(p);
	if (remote_make(j->e->remote, &p->wire, p->place, &p->request, &err) < 0) {
		paid_fail(j, &err);
		return;
	}
	if (p->request.auth == AUTH_NONE) {
		commit_sent(j);
		return;
	}
	p->step = PAID_TOKEN;
	p->token = (struct token_wait){.done = on_paid_token};
	token_get(j->e->tokens, &p->token);
}

static void send_again(struct job *j)
{
	struct paid *p = j->run->paid;

	if (p->work_err.code)
		paid_fail(j, &p->work_err);
	else
		paid_send(j);
}

void paid_send(struct job *j)
{
	struct paid *p = j->run->paid;
	const struct part *part = &p->part[p->cur[0]];
	int64_t wait;

	if (paid_is_stopping(p)) {
		paid_failf(j, ECANCELED, "promptfs is stopping");
		return;
	}
	if (paid_needs_inputs(p)) {
		paid_load_inputs(j, send_again);
		return;
	}
	if (paid_needs_frame(p, part)) {
		paid_load_frame(j, before(p, part), send_again);
		return;
	}
	wait = route_pace(j->e, p->row, clk_mono_ms());
	if (wait > 0) {
		log_debug("%s: as many requests a minute as it takes", p->row->name);
		job_pause(j, wait);
		return;
	}
	with_token(j);
}

bool paid_new_verdict(struct paid *p)
{
	if (!p->verdict)
		p->verdict = new0(struct verdict);
	if (!p->verdict)
		return false;
	verdict_finish(p->verdict);
	*p->verdict = (struct verdict){.retry_after_ms = -1};
	return true;
}

/* What our own side made of a body that came. */
static void not_taken(struct job *j, const struct err *err)
{
	struct paid *p = j->run->paid;

	if (answer_failed(p->answer)) {
		paid_unknown(
			j, EIO, "the answer came and could not be kept: %s", err->why);
		return;
	}
	verdict_set(p->verdict, VERDICT_UNUSABLE, EPROTO,
		"the provider's answer cannot be used: %s", err->why);
	paid_judge(j);
}

static void on_paid_done(void *user, const struct http_answer *a, const struct err *err)
{
	struct paid *p = user;
	struct job *j = p->job;

	p->step = PAID_IDLE;
	p->call = NULL;
	answer_end(p->answer);
	if (!paid_new_verdict(p))
		paid_unknown(j, EIO, "out of memory when the answer came");
	else if (a->fate == HTTP_NOT_SENT)
		paid_not_sent(j, err);
	else if (a->was_stopped)
		not_taken(j, err);
	else if (a->fate == HTTP_SENT || (a->fate == HTTP_CUT && a->status == 200))
		paid_unknown(j, EIO,
			"the request was sent and its answer was lost (%.120s); it may "
			"be "
			"paid",
			err ? err->why : "cut");
	else {
		remote_read(
			j->e->remote, &p->wire, answer_wire(p->answer, a), p->verdict);
		paid_judge(j);
	}
}
