// SPDX-License-Identifier: MIT
/* How a token is asked for: of a token server, of the metadata server, of a command, or
 * signed by ourselves. See token_parts.h. */
#define LOG_TAG "token"
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "backend/auth/jwt.h"
#include "backend/auth/token_internal.h"
#include "cache/base/clk.h"
#include "cache/base/json.h"
#include "cache/base/log.h"
#include "cache/base/mem.h"

#define SCOPE "https://www.googleapis.com/auth/cloud-platform"
#define GRANT_JWT "urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer"
#define LIFETIME_S 3600
#define LIFETIME_MAX_S 86400
#define CLOCK_SLACK_S 10
#define CLOCK_WRONG_MS 30000
#define METADATA_TIMEOUT_MS 5000

#define NO_CREDENTIALS                                                                 \
	"no credentials: set GOOGLE_APPLICATION_CREDENTIALS or -o credentials=, or "   \
	"run gcloud auth application-default login"

static void wipe_buf(struct buf *b)
{
	if (b->data)
		explicit_bzero(b->data, b->cap);
	buf_finish(b);
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

int token_take(
	struct token_source *t, const char *token, int64_t seconds, struct err *err)
{
	char *copy;

	if (!token || !is_token(token) || seconds <= 0)
		return err_set(err, EPROTO, "the token server's answer holds no token");
	copy = strdup(token);
	if (!copy)
		return err_oom(err);
	if (t->token)
		explicit_bzero(t->token, strlen(t->token));
	free(t->token);
	t->token = copy;
	seconds = seconds < LIFETIME_MAX_S ? seconds : LIFETIME_MAX_S;
	t->expires_ms = clk_real_ms() + seconds * 1000;
	/* The metadata server hands out tokens near their end: those would be asked
	 * for again at every call. */
	t->early_ms = seconds * 250 < TOKEN_EARLY_MS ? seconds * 250 : TOKEN_EARLY_MS;
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

static const char *advice(const struct token_source *t, int status, const char *word)
{
	if (t->cred.kind == CREDENTIALS_METADATA)
		return status == 404 ? "; this machine has no service account" : "";
	if (strcmp(word, "invalid_grant") != 0)
		return "";
	return t->cred.kind == CREDENTIALS_USER
		       ? "; log in again with gcloud auth application-default login"
		       : "; is the key deleted, or this machine's clock wrong?";
}

static int refused(struct token_source *t, int status, const cJSON *o, struct err *err)
{
	char word[48];

	clean_word(json_str(o, "error", ""), word, sizeof(word));
	if (status == 429 || status >= 500) {
		err_set(err, ENETUNREACH, "the token server answered %d", status);
		err->transient = true;
		return -ENETUNREACH;
	}
	return err_set(err, EACCES,
		"the token server refused the credentials (%d%s%s)%s", status,
		*word ? " " : "", word, advice(t, status, word));
}

static int read_answer(
	struct token_source *t, const struct http_response *a, struct err *err)
{
	scoped_json cJSON *o =
		json_parse(t->answer.data ? t->answer.data : "", t->answer.len, NULL);
	cJSON *token = cJSON_GetObjectItemCaseSensitive(o, "access_token");
	int r;

	if (t->cred.kind == CREDENTIALS_METADATA && !a->is_metadata)
		return err_set(err, EACCES,
			"what answers at %s is not "
			"the metadata server; " NO_CREDENTIALS,
			t->cred.metadata_host);
	if (a->status != 200)
		return refused(t, a->status, o, err);
	if (!o)
		return err_set(err, EPROTO, "the token server's answer is not JSON");
	r = token_take(t, json_str(o, "access_token", NULL),
		json_int(o, "expires_in", LIFETIME_S), err);
	if (cJSON_IsString(token))
		explicit_bzero(token->valuestring, strlen(token->valuestring));
	return r;
}

/* ---- asking ---- */

static int start(struct token_source *t, struct err *err);

/* A wrong clock here is the one refusal that can be cured: sign with theirs, once. */
static bool may_be_clock(const struct token_source *t, const struct http_response *a)
{
	int64_t off = a->server_time_ms - clk_real_ms() - t->clock_offset_s * 1000;

	return t->cred.kind == CREDENTIALS_SERVICE_ACCOUNT && !t->is_retried &&
	       a->server_time_ms && (a->status == 400 || a->status == 401) &&
	       (off > CLOCK_WRONG_MS || off < -CLOCK_WRONG_MS);
}

static int on_data(
	void *user, const void *data, size_t len, int status, struct err *err)
{
	struct token_source *t = user;

	return buf_add(&t->answer, data, len) < 0 ? err_oom(err) : 0;
}

static void no_answer(const struct token_source *t, const struct http_response *a,
	const struct err *failed, struct err *err)
{
	*err = *failed;
	err->transient = true;
	if (err->code == EMSGSIZE)
		err->code = EPROTO;
	err_wrap(err, -err->code, "token server");
	/* Not one of Google's machines: then what is missing is a key. */
	if (t->cred.kind == CREDENTIALS_METADATA && a->fate <= HTTP_SENT)
		err_set(err, EACCES, NO_CREDENTIALS " (no metadata server answers)");
}

static void on_done(void *user, const struct http_response *a, const struct err *failed)
{
	struct token_source *t = user;
	struct err err = {0};

	t->call = NULL;
	if (a->fate != HTTP_ANSWERED) {
		no_answer(t, a, failed, &err);
	} else if (may_be_clock(t, a)) {
		t->is_retried = true;
		t->clock_offset_s = (a->server_time_ms - clk_real_ms()) / 1000;
		log_warn("this machine's clock differs from the token server's; "
			 "seconds=%lld",
			(long long)t->clock_offset_s);
		if (start(t, &err) == 0)
			return;
	} else {
		read_answer(t, a, &err);
	}
	token_fetched(t, err.code ? &err : NULL);
}

static const struct http_ops ops = {on_data, on_done};

static int send(struct token_source *t, struct http_request *req, struct err *err)
{
	req->response_max = TOKEN_ANSWER_MAX;
	/* Grown now: later growing would leave copies of secrets behind. */
	if (buf_reserve(&t->answer, TOKEN_ANSWER_MAX) < 0)
		return err_oom(err);
	t->call = http_start(t->http, req, &ops, t, err);
	if (!t->call && err->code == EINVAL)
		err->code = EACCES;
	return t->call ? 0 : -err->code;
}

static int post_form(struct token_source *t, struct err *err)
{
	struct http_request req = {.method = "POST",
		.url = t->cred.token_uri,
		.header = {"Content-Type: application/x-www-form-urlencoded"},
		.n_headers = 1,
		.body = t->body.data,
		.body_len = t->body.len,
		.timeout_ms = TOKEN_TIMEOUT_MS};

	return send(t, &req, err);
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

	if (r < 0)
		return err_oom(err);
	r = sign(t, true, &t->body, err);
	return r < 0 ? r : post_form(t, err);
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
	return r < 0 ? err_oom(err) : post_form(t, err);
}

static int ask_metadata(struct token_source *t, struct err *err)
{
	char url[512];
	struct http_request req = {.method = "GET",
		.url = url,
		.header = {"Metadata-Flavor: Google"},
		.n_headers = 1,
		.no_proxy = true,
		.timeout_ms = METADATA_TIMEOUT_MS};

	snprintf(url, sizeof(url),
		"http://%.300s/computeMetadata/v1/"
		"instance/service-accounts/default/token",
		t->cred.metadata_host);
	return send(t, &req, err);
}

/* Without a network, and so without a server's opinion of the clock. */
static int self_sign(struct token_source *t, struct err *err)
{
	scoped(wipe_buf) struct buf b = {0};
	int r = sign(t, false, &b, err);

	if (r == 0)
		r = token_take(t, b.data, LIFETIME_S - CLOCK_SLACK_S, err);
	if (r == 0)
		token_fetched(t, NULL);
	return r;
}

/* ---- token_command: prints a token, or JSON with access_token and expires_in ---- */

static int read_command(
	struct token_source *t, int result, struct buf *out, struct err *err)
{
	scoped_json cJSON *o = NULL;

	if (result == -ETIMEDOUT)
		return err_set(err, ETIMEDOUT, "token_command did not end within %d s",
			TOKEN_COMMAND_MS / 1000);
	if (result < 0 || !out->len)
		return err_set(
			err, EACCES, "token_command failed; run it by hand to see why");
	if (out->data[0] == '{')
		o = json_parse(out->data, out->len, NULL);
	if (!o)
		out->data[strcspn(out->data, "\r\n")] = '\0';
	if (token_take(t, o ? json_str(o, "access_token", NULL) : out->data,
		    json_int(o, "expires_in", LIFETIME_S), err) < 0)
		return err_set(err, EPROTO, "token_command printed no token");
	return 0;
}

static void command_done(void *user, int result, struct buf *out)
{
	struct token_source *t = user;
	struct err err = {0};

	t->command = NULL;
	read_command(t, result, out, &err);
	token_fetched(t, err.code ? &err : NULL);
}

static int start(struct token_source *t, struct err *err)
{
	wipe_buf(&t->body);
	wipe_buf(&t->answer);
	switch (t->cred.kind) {
	case CREDENTIALS_SERVICE_ACCOUNT:
		return t->cred.is_self_signed ? self_sign(t, err) : ask_account(t, err);
	case CREDENTIALS_USER:
		return ask_user(t, err);
	case CREDENTIALS_METADATA:
		return ask_metadata(t, err);
	case CREDENTIALS_COMMAND:
		t->command =
			token_command_start(t->pool, t->cred.command, command_done, t);
		return t->command ? 0 : err_oom(err);
	default:
		return err_set(err, EACCES, NO_CREDENTIALS);
	}
}

void token_fetch(struct token_source *t)
{
	struct err err = {0};

	t->is_retried = false;
	if (start(t, &err) < 0)
		token_fetched(t, &err);
}

void token_fetch_cancel(struct token_source *t)
{
	if (t->call)
		http_cancel(t->call);
	t->call = NULL;
	token_command_cancel(t->command);
	t->command = NULL;
	wipe_buf(&t->body);
	wipe_buf(&t->answer);
}
