// SPDX-License-Identifier: MIT
/* Answers of anybody's to what a remote has asked. The first byte chooses service,
 * protocol and question, the second the status, the rest is the body, through the
 * response filter. Whatever comes: a verdict whose charge fits its kind, results that
 * can be fetched, an operation that can be polled, words that are one line of UTF-8,
 * and no list with names from elsewhere. */
#include <assert.h>
#include <ctype.h>

#include "backend/net/http.h"
#include "backend/provider/remote.h"
#include "cache/base/str.h"
#include "tests/backend/provider/wire_case.h"

#define PREFIX "gs://b/p/"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum question { MAKE, POLL, LIST };

static const struct {
	enum backend_id backend;
	const char *protocol;
	enum model_kind kind;
	enum question question;
} asked[] = {
	{BACKEND_VERTEX, "imagen", MODEL_PICTURE, MAKE},
	{BACKEND_VERTEX, "gemini-image", MODEL_PICTURE, MAKE},
	{BACKEND_VERTEX, "gemini-text", MODEL_TEXT, MAKE},
	{BACKEND_VERTEX, "veo", MODEL_VIDEO, MAKE},
	{BACKEND_VERTEX, "veo", MODEL_VIDEO, POLL},
	{BACKEND_GEMINI, "imagen", MODEL_PICTURE, MAKE},
	{BACKEND_GEMINI, "gemini-image", MODEL_PICTURE, MAKE},
	{BACKEND_GEMINI, "gemini-text", MODEL_TEXT, MAKE},
	{BACKEND_GEMINI, "veo", MODEL_VIDEO, MAKE},
	{BACKEND_GEMINI, "veo", MODEL_VIDEO, POLL},
	{BACKEND_OPENAI, "openai-image", MODEL_PICTURE, MAKE},
	{BACKEND_OPENAI, "openai-chat", MODEL_TEXT, MAKE},
	{BACKEND_OPENAI, "openai-image", MODEL_PICTURE, POLL},
	{BACKEND_VERTEX, "veo", MODEL_VIDEO, LIST},
};

static const int statuses[] = {200, 200, 200, 200, 400, 401, 403, 404, 429, 500, 501,
	502, 503, 504, 302, 0, 422, 206};

static struct remote *remote_of(enum backend_id backend)
{
	static struct remote *made[BACKEND_COUNT_];

	if (!made[backend]) {
		struct remote_config c = {.backend = backend, .project = "p"};

		if (remote_new(&c, &made[backend], NULL) < 0)
			abort();
	}
	return made[backend];
}

/* ---- what must hold ---- */

static void check_line(const char *s, size_t size)
{
	size_t n = strnlen(s, size), count;

	assert(n < size);
	assert(str_utf8_count(s, n, &count) == 0);
	for (; *s; s++)
		assert(!iscntrl((unsigned char)*s));
}

static bool fits(enum verdict_kind kind, enum verdict_charge charge)
{
	static const unsigned allowed[] = {
		[VERDICT_DONE] = 1u << CHARGE_USAGE | 1u << CHARGE_RESERVED,
		[VERDICT_OPERATION] = 1u << CHARGE_NOTHING,
		[VERDICT_PENDING] = 1u << CHARGE_NOTHING,
		[VERDICT_REJECTED] = 1u << CHARGE_NOTHING,
		[VERDICT_AUTH] = 1u << CHARGE_NOTHING,
		[VERDICT_NO_MODEL] = 1u << CHARGE_NOTHING,
		[VERDICT_BUSY] = 1u << CHARGE_NOTHING,
		[VERDICT_REFUSED] = 15, /* any: a status, a row, tokens, or unknown */
		[VERDICT_UNUSABLE] = 1u << CHARGE_USAGE | 1u << CHARGE_REFUSAL |
				     1u << CHARGE_RESERVED,
		[VERDICT_UNKNOWN] = 1u << CHARGE_RESERVED,
	};

	return (unsigned)kind < ARRAY_SIZE(allowed) && allowed[kind] & 1u << charge;
}

static void check_result(const struct remote *r, const struct wire_result *x)
{
	scoped(remote_call_finish) struct remote_call call = {0};

	check_line(x->reason, sizeof(x->reason));
	check_line(x->uri, sizeof(x->uri));
	assert(x->media >= -1 && x->media < (int32_t)FILTER_MEDIA_MAX);
	assert(!x->is_usable || x->media >= 0 || *x->uri);
	assert(x->is_usable || *x->reason || x->media >= 0);
	if (!x->is_usable || !*x->uri)
		return;
	assert(remote_fetch(r, x->uri, &call, NULL) == 0);
	assert(http_is_secure_url(call.url.data) && call.is_media && !call.is_paid);
}

static void check(
	const struct remote *r, const struct wire_job *job, const struct verdict *v)
{
	scoped(remote_call_finish) struct remote_call call = {0};
	bool quiet = v->kind == VERDICT_DONE || v->kind == VERDICT_OPERATION ||
		     v->kind == VERDICT_PENDING;
	uint32_t usable = 0;

	assert(fits(v->kind, v->charge));
	assert(quiet || (v->err.code > 0 && *v->err.why));
	check_line(v->err.why, sizeof(v->err.why));
	check_line(v->operation, sizeof(v->operation));
	check_line(v->finish_reason, sizeof(v->finish_reason));
	check_line(v->model_version, sizeof(v->model_version));
	assert(v->retry_after_ms >= -1);
	assert((v->kind == VERDICT_OPERATION) == (*v->operation != '\0'));
	assert(!*v->operation ||
		remote_poll(r, job->row, v->operation, &call, NULL) == 0);
	assert(v->n_results <= WIRE_MEDIA_MAX);
	for (uint32_t i = 0; i < v->n_results; i++) {
		check_result(r, &v->result[i]);
		assert(!v->result[i].is_usable || usable == i); /* these come first */
		usable += v->result[i].is_usable;
	}
	if (v->kind == VERDICT_DONE && job->row->kind != MODEL_TEXT)
		assert(usable && v->n_results >= job->n_takes);
	if (v->kind == VERDICT_DONE && job->row->kind == MODEL_TEXT)
		assert(v->text.len);
	assert(v->usage.tokens_in >= 0 && v->usage.tokens_out >= 0);
}

/* ---- what is asked ---- */

static const struct remote *reader;
static enum question question;

static void read_verdict(
	const struct wire_job *j, const struct wire_response *a, struct verdict *v)
{
	memset(v, 0x55, sizeof(*v));
	if (question == POLL)
		remote_read_poll(reader, j, a, v);
	else
		remote_read(reader, j, a, v);
}

static void read_list(
	const struct wire_job *j, const struct wire_response *a, struct verdict *v)
{
	static char uri[4][WIRE_URI_MAX];
	struct err err = {0};
	int n;

	memset(uri, 0x55, sizeof(uri));
	n = remote_read_list(a, PREFIX, uri, ARRAY_SIZE(uri), &err);
	assert(n <= (int)ARRAY_SIZE(uri) && (n < 0) == (*err.why != '\0'));
	assert(n >= 0 || err.code == -n);
	for (int i = 0; i < n; i++) {
		scoped(remote_call_finish) struct remote_call call = {0};

		check_line(uri[i], sizeof(uri[i]));
		assert(str_starts(uri[i], PREFIX) && uri[i][strlen(PREFIX)]);
		assert(remote_fetch(reader, uri[i], &call, NULL) == 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct verdict v; /* large */
	struct request req = {.take = 1};
	struct model_row row = {
		.name = "x", .wire = {NULL, "veo-3.1-x", "veo-3.1-x", "x"}};
	struct wire_job job = {.req = &req, .row = &row, .n_takes = 2, .seconds = 8};
	size_t which, status;

	if (len < 2)
		return 0;
	which = data[0] % ARRAY_SIZE(asked);
	status = data[1] % ARRAY_SIZE(statuses);
	row.kind = asked[which].kind;
	row.protocol = asked[which].protocol;
	question = asked[which].question;
	reader = remote_of(asked[which].backend);
	wire_read(question == LIST ? read_list : read_verdict, &job, statuses[status],
		-1, (const char *)data + 2, len - 2, &v);
	if (question == LIST)
		return 0;
	check(reader, &job, &v);
	verdict_finish(&v);
	return 0;
}
