// SPDX-License-Identifier: MIT
#define LOG_TAG "engine"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "backend/engine/paid.h"
#include "cache/base/clk.h"
#include "cache/base/log.h"
#include "cache/base/mem.h"
#include "cache/base/str.h"

#define POLL_TIMEOUT_MS 60000
#define POLL_FIRST_MS 500
#define POLL_LAST_MS 10000
#define SEARCH_EVERY_MS 5000
#define REDIRECTS_MAX 5
#define AUTH_HEADER_MAX (TOKEN_ANSWER_MAX + 64)
#define PROJECT_HEADER_MAX 256

static void clear_call(struct paid *p)
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
	clear_call(p);
	for (uint32_t i = 0; i < p->n_cur; i++) {
		struct part *part = &p->part[p->cur[i]];

		blob_writer_free(steal_ptr(part->bytes));
	}
	p->was_renewed = false;
}

/* ---- one HTTP call, whatever it is for ---- */

typedef void (*answered_fn)(
	struct job *j, const struct http_answer *a, const struct err *err);

static int on_data(void *user, const void *data, size_t len, int status,
	struct err *err)
{
	struct paid *p = user;

	(void)status;
	return answer_feed(p->answer, p->call, data, len, err);
}

static void on_paid_done(
	void *user, const struct http_answer *a, const struct err *err);
static void on_poll_done(
	void *user, const struct http_answer *a, const struct err *err);
static void on_fetch_done(
	void *user, const struct http_answer *a, const struct err *err);

static const struct http_ops paid_ops = {on_data, on_paid_done};
static const struct http_ops poll_ops = {on_data, on_poll_done};
static const struct http_ops fetch_ops = {on_data, on_fetch_done};

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

static int start(struct job *j, const struct http_ops *ops, int64_t timeout_ms,
	struct err *err)
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

static void got_token(struct job *j, const char *bearer, const struct err *err,
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

static struct paid *waiter(struct token_wait *w)
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

static void fill_wire(struct job *j)
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
	if (p->is_stopping) {
		err_set(&err, ECANCELED, "promptfs is stopping");
		paid_not_sent(j, &err);
		return;
	}
	p->step = PAID_CALL;
	note_body(p);
	p->sends++;
	j->attempts++;
	if (start(j, &paid_ops, j->e->timeout_ms, &err) < 0) {
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
	got_token(waiter(w)->job, bearer, err, commit_sent, token_failed);
}

static void with_token(struct job *j)
{
	struct paid *p = j->run->paid;
	struct err err = {0};

	remote_call_finish(&p->request);
	fill_wire(j);
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

static bool keep_verdict(struct paid *p)
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
		paid_unknown(j, EIO, "the answer came and could not be kept: %s",
			err->why);
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
	if (!keep_verdict(p))
		paid_unknown(j, EIO, "out of memory when the answer came");
	else if (a->fate == HTTP_NOT_SENT)
		paid_not_sent(j, err);
	else if (a->was_stopped)
		not_taken(j, err);
	else if (a->fate == HTTP_SENT || (a->fate == HTTP_CUT && a->status == 200))
		paid_unknown(j, EIO,
			"the request was sent and its answer was lost (%.120s); it may be "
			"paid",
			err ? err->why : "cut");
	else {
		remote_read(j->e->remote, &p->wire, answer_wire(p->answer, a),
			p->verdict);
		paid_judge(j);
	}
}

/* ---- polling ---- */

static void poll_later(struct job *j, int64_t delay_ms)
{
	struct paid *p = j->run->paid;

	clear_call(p);
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

	fill_wire(j);
	remote_read_poll(j->e->remote, &p->wire, answer_wire(p->answer, a), v);
	if (v->kind == VERDICT_AUTH && !p->was_renewed) {
		token_refused(j->e->tokens, p->bearer);
		p->was_renewed = true;
		clear_call(p);
		paid_poll(j);
	} else if (v->kind == VERDICT_PENDING || v->kind == VERDICT_AUTH) {
		if (v->err.code)
			log_info("an operation goes on: %s", v->err.why);
		if (asked_for_ms(p, part) > PAID_OPERATION_MS && p->polls > 10)
			paid_failf(j, EIO,
				"the provider has been at it for an hour; open the file "
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
	if (!keep_verdict(p) || a->fate != HTTP_ANSWERED) {
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
	struct paid *p = j->run->paid;
	struct err err = {0};

	p->step = PAID_POLL;
	if (start(j, &poll_ops, POLL_TIMEOUT_MS, &err) < 0)
		poll_failed(j, &err);
}

static void on_poll_token(
	struct token_wait *w, const char *bearer, const struct err *err)
{
	got_token(waiter(w)->job, bearer, err, poll_now, poll_failed);
}

void paid_poll(struct job *j)
{
	struct paid *p = j->run->paid;
	const struct part *part = &p->part[p->cur[0]];
	struct err err = {0};
	int r;

	job_set_phase(j, PHASE_WAITING);
	remote_call_finish(&p->request);
	r = is_search(p) ? remote_list(j->e->remote, part->prefix, &p->request, &err)
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
		blob_writer_free(
			steal_ptr(p->part[p->cur[p->fetching]].bytes));
		r->is_usable = false;
		snprintf(r->reason, sizeof(r->reason),
			"what the provider sent is no %s", video ? "MP4" : "PNG or JPEG");
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
	struct err err = {0};

	j->run->paid->step = PAID_FETCH;
	if (start(j, &fetch_ops, j->e->timeout_ms, &err) < 0)
		fetch_failed(j, &err);
}

static void on_fetch_token(
	struct token_wait *w, const char *bearer, const struct err *err)
{
	got_token(waiter(w)->job, bearer, err, fetch_now, fetch_failed);
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
