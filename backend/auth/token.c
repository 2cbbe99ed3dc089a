// SPDX-License-Identifier: MIT
#define LOG_TAG "token"
#include "backend/auth/token.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cache/base/clk.h"
#include "cache/base/json.h"
#include "cache/base/log.h"
#include "cache/base/mem.h"

#define SCOPE "https://www.googleapis.com/auth/cloud-platform"
#define GRANT_JWT "urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer"
#define LIFETIME_S 3600
#define CLOCK_SLACK_S 10

struct token_source {
	struct loop *loop;
	struct http *http;
	struct pool *pool;
	struct credentials cred;
	char *token;        /* NULL: none yet */
	int64_t expires_ms; /* Unix time; a machine resumed from sleep must see it pass
			     */
	struct err failed;  /* of the refresh that just ended */
	struct token_wait *waiting, *ready;
	struct timer timer;
	struct http_call *call;
	struct buf body, answer;
	int64_t clock_offset_s; /* of the token server, where it told */
	bool is_retried;
	uint32_t refreshes;
	struct pool_item item; /* token_command */
	bool is_running;
	int command_result;
};

static void wipe_buf(struct buf *b)
{
	if (b->data)
		explicit_bzero(b->data, b->cap);
	buf_finish(b);
}

static void wipe_token(struct token_source *t)
{
	if (t->token)
		explicit_bzero(t->token, strlen(t->token));
	free(t->token);
	t->token = NULL;
}

static int64_t left_ms(const struct token_source *t)
{
	return t->token ? t->expires_ms - clk_real_ms() : 0;
}

/* ---- answering ---- */

/* A timer, not a post: it can be cleared when the source or a waiter goes. */
static void deliver(struct timer *timer)
{
	struct token_source *t = container_of(timer, struct token_source, timer);

	while (t->ready) {
		struct token_wait *w = t->ready;

		t->ready = w->next;
		w->done(w, t->failed.code ? NULL : t->token,
			t->failed.code ? &t->failed : NULL);
	}
}

static void make_ready(struct token_source *t, struct token_wait *w)
{
	w->next = t->ready;
	t->ready = w;
	loop_timer_set(t->loop, &t->timer, clk_mono_ms(), deliver);
}

static void refresh_ended(struct token_source *t, const struct err *err)
{
	struct token_wait *w = steal_ptr(t->waiting), *next;

	wipe_buf(&t->body);
	wipe_buf(&t->answer);
	t->failed = err ? *err : (struct err){0};
	if (err)
		log_warn("no access token: %s", err->why);
	for (; w; w = next) {
		next = w->next;
		make_ready(t, w);
	}
}

/* ---- reading an answer ---- */

static bool is_token(const char *s)
{
	size_t n = strlen(s);

	if (!n || n > 16384)
		return false;
	for (; *s; s++) {
		if ((unsigned char)*s <= 0x20 || (unsigned char)*s >= 0x7f)
			return false;
	}
	return true;
}

static int take_token(
	struct token_source *t, const char *token, int64_t seconds, struct err *err)
{
	char *copy;

	if (!token || !is_token(token) || seconds <= 0)
		return err_set(err, EPROTO, "the token server's answer holds no token");
	copy = strdup(token);
	if (!copy)
		return err_oom(err);
	wipe_token(t);
	t->token = copy;
	t->expires_ms = clk_real_ms() + (seconds < 86400 ? seconds : 86400) * 1000;
	return 0;
}

static void clean_word(const char *from, char *to, size_t size)
{
	size_t n = 0;

	for (; *from && n + 1 < size; from++) {
		if (strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-",
			    *from))
			to[n++] = *from;
	}
	to[n] = '\0';
}

static int refused(struct token_source *t, int status, const cJSON *o, struct err *err)
{
	char word[48];
	const char *advice = "";

	clean_word(json_str(o, "error", ""), word, sizeof(word));
	if (t->cred.kind == CREDENTIALS_USER && !strcmp(word, "invalid_grant"))
		advice = "; log in again with gcloud auth application-default login";
	if (status == 429 || status >= 500) {
		err_set(err, ENETUNREACH, "the token server answered %d", status);
		if (err)
			err->transient = true;
		return -ENETUNREACH;
	}
	return err_set(err, EACCES,
		"the token server refused the credentials (%d %s)%s", status, word,
		advice);
}

static int read_answer(struct token_source *t, int status, struct err *err)
{
	scoped_json cJSON *o =
		json_parse(t->answer.data ? t->answer.data : "", t->answer.len, NULL);

	if (status != 200)
		return refused(t, status, o, err);
	if (!o)
		return err_set(err, EPROTO, "the token server's answer is not JSON");
	return take_token(t, json_str(o, "access_token", NULL),
		json_int(o, "expires_in", 0), err);
}

/* ---- asking ---- */

static int start_refresh(struct token_source *t, struct err *err);

/* A wrong clock here is the one refusal that can be cured: sign with theirs, once. */
static bool may_be_clock(const struct token_source *t, const struct http_answer *a)
{
	int64_t off = a->server_time_ms ? a->server_time_ms - clk_real_ms() : 0;

	return t->cred.kind == CREDENTIALS_SERVICE_ACCOUNT && !t->is_retried &&
	       (a->status == 400 || a->status == 401) && (off > 30000 || off < -30000);
}

static int on_data(
	void *user, const void *data, size_t len, int status, struct err *err)
{
	struct token_source *t = user;

	return buf_add(&t->answer, data, len) < 0 ? err_oom(err) : 0;
}

static void on_done(void *user, const struct http_answer *a, const struct err *failed)
{
	struct token_source *t = user;
	struct err err = {0};

	t->call = NULL;
	if (a->fate != HTTP_ANSWERED) {
		err = *failed;
		err.transient = true;
		err_wrap(&err, -err.code, "token server");
	} else if (may_be_clock(t, a)) {
		t->is_retried = true;
		t->clock_offset_s = (a->server_time_ms - clk_real_ms()) / 1000;
		log_warn("this machine's clock differs from the token server's; "
			 "seconds=%lld",
			(long long)t->clock_offset_s);
		if (start_refresh(t, &err) == 0)
			return;
	} else {
		read_answer(t, a->status, &err);
	}
	refresh_ended(t, err.code ? &err : NULL);
}

static const struct http_ops ops = {on_data, on_done};

static int post_form(struct token_source *t, const char *uri, struct err *err)
{
	struct http_request req = {.method = "POST",
		.url = uri,
		.header = {"Content-Type: application/x-www-form-urlencoded"},
		.n_headers = 1,
		.body = t->body.data,
		.body_len = t->body.len,
		.timeout_ms = TOKEN_TIMEOUT_MS,
		.answer_max = TOKEN_ANSWER_MAX};

	t->call = http_start(t->http, &req, &ops, t, err);
	return t->call ? 0 : -ENOMEM;
}

static int sign(
	struct token_source *t, bool for_endpoint, struct buf *ret, struct err *err)
{
	int64_t now = clk_real_ms() / 1000 + t->clock_offset_s - CLOCK_SLACK_S;
	struct jwt_claims claims = {.key_id = t->cred.key_id,
		.issuer = t->cred.email,
		.subject = for_endpoint ? NULL : t->cred.email,
		.audience = for_endpoint ? t->cred.token_uri : NULL,
		.scope = SCOPE,
		.issued_s = now,
		.expires_s = now + LIFETIME_S};

	return jwt_sign(t->cred.key, &claims, ret, err);
}

static int ask_account(struct token_source *t, struct err *err)
{
	int r = buf_adds(&t->body, "grant_type=" GRANT_JWT "&assertion=");

	if (r == 0)
		r = sign(t, true, &t->body, err);
	return r < 0 ? r : post_form(t, t->cred.token_uri, err);
}

static int add_encoded(struct buf *b, const char *name, const char *value)
{
	int r = buf_addf(b, "&%s=", name);

	for (; *value && r == 0; value++) {
		unsigned char c = (unsigned char)*value;
		bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
			     (c >= 'a' && c <= 'z') || strchr("-._~", c);

		r = plain ? buf_addc(b, (char)c) : buf_addf(b, "%%%02X", c);
	}
	return r;
}

static int ask_user(struct token_source *t, struct err *err)
{
	int r = buf_adds(&t->body, "grant_type=refresh_token");

	if (r == 0)
		r = add_encoded(&t->body, "client_id", t->cred.client_id);
	if (r == 0)
		r = add_encoded(&t->body, "client_secret", t->cred.client_secret);
	if (r == 0)
		r = add_encoded(&t->body, "refresh_token", t->cred.refresh_token);
	return r < 0 ? err_oom(err) : post_form(t, t->cred.token_uri, err);
}

static int ask_metadata(struct token_source *t, struct err *err)
{
	char url[512];
	struct http_request req = {.method = "GET",
		.url = url,
		.header = {"Metadata-Flavor: Google"},
		.n_headers = 1,
		.no_proxy = true,
		.timeout_ms = TOKEN_TIMEOUT_MS,
		.answer_max = TOKEN_ANSWER_MAX};

	snprintf(url, sizeof(url),
		"http://%.300s/computeMetadata/v1/instance/service-accounts/default/"
		"token",
		t->cred.metadata_host);
	t->call = http_start(t->http, &req, &ops, t, err);
	return t->call ? 0 : -ENOMEM;
}

/* Without a network, and so without a server's opinion of the clock. */
static int self_sign(struct token_source *t, struct err *err)
{
	scoped(wipe_buf) struct buf b = {0};
	int r = sign(t, false, &b, err);

	return r < 0 ? r : take_token(t, b.data, LIFETIME_S - CLOCK_SLACK_S, err);
}

/* ---- token_command: prints a token, or JSON with access_token and expires_in ---- */

static void run_command(struct pool_item *i)
{
	struct token_source *t = container_of(i, struct token_source, item);
	FILE *f = popen(t->cred.command, "re");
	char block[4096];
	size_t n;
	int status;

	t->command_result = -EACCES;
	if (!f)
		return;
	while ((n = fread(block, 1, sizeof(block), f)) > 0) {
		if (t->answer.len + n > TOKEN_ANSWER_MAX ||
			buf_add(&t->answer, block, n) < 0)
			break;
	}
	explicit_bzero(block, sizeof(block));
	status = pclose(f);
	t->command_result = status == 0 ? 0 : -EACCES;
}

static int read_command(struct token_source *t, struct err *err)
{
	scoped_json cJSON *o = NULL;

	if (t->command_result < 0 || !t->answer.len)
		return err_set(
			err, EACCES, "token_command failed; run it by hand to see why");
	if (t->answer.data[0] == '{')
		o = json_parse(t->answer.data, t->answer.len, NULL);
	if (o)
		return take_token(t, json_str(o, "access_token", NULL),
			json_int(o, "expires_in", LIFETIME_S), err);
	t->answer.data[strcspn(t->answer.data, "\r\n")] = '\0';
	return take_token(t, t->answer.data, LIFETIME_S, err);
}

static void command_done(struct pool_item *i)
{
	struct token_source *t = container_of(i, struct token_source, item);
	struct err err = {0};

	t->is_running = false;
	read_command(t, &err);
	refresh_ended(t, err.code ? &err : NULL);
}

static int start_refresh(struct token_source *t, struct err *err)
{
	wipe_buf(&t->body);
	wipe_buf(&t->answer);
	t->refreshes++;
	switch (t->cred.kind) {
	case CREDENTIALS_SERVICE_ACCOUNT:
		return t->cred.is_self_signed ? self_sign(t, err) : ask_account(t, err);
	case CREDENTIALS_USER:
		return ask_user(t, err);
	case CREDENTIALS_METADATA:
		return ask_metadata(t, err);
	case CREDENTIALS_COMMAND:
		t->is_running = true;
		pool_submit(t->pool, POOL_JOB, &t->item, run_command, command_done);
		return 0;
	default:
		return err_set(err, EACCES, "no credentials");
	}
}

/* ---- ours ---- */

int token_source_new(struct loop *loop, struct http *http, struct pool *pool,
	struct credentials *take_c, struct token_source **ret, struct err *err)
{
	struct token_source *t = new0(struct token_source);

	if (!t) {
		credentials_finish(take_c);
		return err_oom(err);
	}
	t->loop = loop;
	t->http = http;
	t->pool = pool;
	t->cred = *take_c;
	*take_c = (struct credentials){0};
	*ret = t;
	return 0;
}

static void cancel_all(struct token_source *t, struct token_wait *w)
{
	struct err err = {0};

	err_set(&err, ECANCELED, "stopping");
	while (w) {
		struct token_wait *next = w->next;

		w->done(w, NULL, &err);
		w = next;
	}
}

void token_source_free(struct token_source *t)
{
	if (!t)
		return;
	if (t->call)
		http_cancel(t->call);
	loop_timer_clear(t->loop, &t->timer);
	cancel_all(t, steal_ptr(t->waiting));
	cancel_all(t, steal_ptr(t->ready));
	wipe_token(t);
	wipe_buf(&t->body);
	wipe_buf(&t->answer);
	credentials_finish(&t->cred);
	free(t);
}

static bool is_refreshing(const struct token_source *t)
{
	return t->call || t->is_running;
}

void token_get(struct token_source *t, struct token_wait *w)
{
	struct err err = {0};
	int64_t left = left_ms(t);

	if (t->cred.kind == CREDENTIALS_KEY && !t->token)
		t->token = strdup(t->cred.api_key);
	if (t->cred.kind == CREDENTIALS_KEY || t->cred.kind == CREDENTIALS_ANONYMOUS) {
		make_ready(t, w);
		return;
	}
	if (left > 0 && (left > TOKEN_EARLY_MS || is_refreshing(t))) {
		t->failed = (struct err){0};
		make_ready(t, w);
		return;
	}
	w->next = t->waiting;
	t->waiting = w;
	if (is_refreshing(t))
		return;
	t->is_retried = false;
	if (start_refresh(t, &err) < 0)
		refresh_ended(t, &err);
	else if (!is_refreshing(t))
		refresh_ended(t, NULL);
}

static bool unlink_wait(struct token_wait **list, struct token_wait *w)
{
	for (; *list; list = &(*list)->next) {
		if (*list == w) {
			*list = w->next;
			return true;
		}
	}
	return false;
}

void token_forget(struct token_source *t, struct token_wait *w)
{
	if (!unlink_wait(&t->waiting, w))
		unlink_wait(&t->ready, w);
}

void token_refused(struct token_source *t, const char *bearer)
{
	if (t->token && !strcmp(t->token, bearer))
		t->expires_ms = 0;
}

const struct credentials *token_credentials(const struct token_source *t)
{
	return &t->cred;
}

uint32_t token_refreshes(const struct token_source *t)
{
	return t->refreshes;
}
