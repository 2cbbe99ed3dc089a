// SPDX-License-Identifier: MIT
/* See exchange.h. */
#include "backend/engine/paid/exchange.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "backend/engine/job.h"
#include "cache/base/mem.h"

#define AUTH_HEADER_MAX (TOKEN_ANSWER_MAX + 64)
#define PROJECT_HEADER_MAX 256

void exchange_init(struct exchange *x, struct job *j, struct network *n)
{
	*x = (struct exchange){.job = j, .net = n};
}

static void forget_bearer(struct exchange *x)
{
	if (x->bearer)
		explicit_bzero(x->bearer, strlen(x->bearer));
	free(steal_ptr(x->bearer));
}

void exchange_reset(struct exchange *x)
{
	remote_call_finish(&x->request);
	x->request = (struct remote_call){0};
	x->answer = NULL;
	x->err = (struct err){0};
}

void exchange_drop(struct exchange *x)
{
	if (x->waits_for_token)
		token_forget(x->net->tokens, &x->token);
	x->waits_for_token = false;
	if (x->call)
		http_cancel(steal_ptr(x->call));
	response_free(steal_ptr(x->response));
	forget_bearer(x);
	exchange_reset(x);
}

/* ---- the call ---- */

static int on_data(
	void *user, const void *data, size_t len, int status, struct err *err)
{
	struct exchange *x = user;

	(void)status;
	return response_feed(x->response, x->call, data, len, err);
}

static void on_done(void *user, const struct http_response *a, const struct err *err)
{
	struct exchange *x = user;

	x->call = NULL;
	x->answer = a;
	x->err = err ? *err : (struct err){0};
	response_end(x->response);
	job_advance(x->job, EVENT_DONE);
}

/* The secret lives in `auth` for this call only. */
static void add_headers(
	const struct exchange *x, struct http_request *req, char *auth, char *project)
{
	bool is_key = x->request.auth == AUTH_GOOGLE_KEY;

	if (req->body_len)
		req->header[req->n_headers++] = "Content-Type: application/json";
	if (x->request.auth != AUTH_NONE && x->bearer && *x->bearer) {
		snprintf(auth, AUTH_HEADER_MAX, "%s%s",
			is_key ? "x-goog-api-key: " : "Authorization: Bearer ",
			x->bearer);
		req->header[req->n_headers++] = auth;
	}
	if (x->request.user_project) {
		snprintf(project, PROJECT_HEADER_MAX, "x-goog-user-project: %s",
			x->request.user_project);
		req->header[req->n_headers++] = project;
	}
}

int exchange_send(struct exchange *x, int64_t timeout_ms)
{
	static const struct http_ops ops = {on_data, on_done};
	struct http_request req = {.method = x->request.method,
		.url = x->request.url.data,
		.body = x->request.body.data,
		.body_len = x->request.body.len,
		.is_once = x->request.is_paid,
		.timeout_ms = timeout_ms,
		.response_max = x->request.response_max};
	char *auth = new_array(char, AUTH_HEADER_MAX), project[PROJECT_HEADER_MAX];

	response_free(x->response);
	x->response =
		response_new(x->net->e->loop, x->net->e->cache, x->request.is_media);
	if (!auth || !x->response) {
		free(auth);
		return err_oom(&x->err);
	}
	add_headers(x, &req, auth, project);
	x->call = http_start(x->net->http, &req, &ops, x, &x->err);
	explicit_bzero(auth, AUTH_HEADER_MAX);
	free(auth);
	return x->call ? 0 : -(x->err.code ? x->err.code : ENOMEM);
}

bool exchange_was_sent(const struct exchange *x)
{
	return x->call && http_was_sent(x->call);
}

/* ---- the token ---- */

static void on_token(struct token_wait *w, const char *bearer, const struct err *err)
{
	struct exchange *x = container_of(w, struct exchange, token);

	x->waits_for_token = false;
	forget_bearer(x);
	x->bearer = bearer ? strdup(bearer) : NULL;
	if (!bearer)
		x->err = *err;
	else if (!x->bearer)
		err_oom(&x->err);
	else if (x->sends && exchange_send(x, x->timeout_ms) == 0)
		return;
	job_advance(x->job, EVENT_DONE);
}

static bool authorize(struct exchange *x, bool sends)
{
	if (x->request.auth == AUTH_NONE)
		return false;
	x->sends = sends;
	x->waits_for_token = true;
	x->token = (struct token_wait){.done = on_token};
	token_get(x->net->tokens, &x->token);
	return true;
}

bool exchange_authorize(struct exchange *x)
{
	return authorize(x, false);
}

int exchange_run(struct exchange *x, int64_t timeout_ms)
{
	x->timeout_ms = timeout_ms;
	return authorize(x, true) ? 0 : exchange_send(x, timeout_ms);
}

bool exchange_renew(struct exchange *x)
{
	bool was = x->is_renewed;

	if (x->bearer)
		token_refused(x->net->tokens, x->bearer);
	x->is_renewed = true;
	return !was;
}
