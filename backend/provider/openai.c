// SPDX-License-Identifier: MIT
/* The wire formats "openai-image" and "openai-chat". Pure: any thread. */
#include "backend/provider/openai.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "backend/policy/limits.h"
#include "backend/provider/google.h"
#include "cache/base/mem.h"
#include "cache/base/str.h"

#define TOKENS_MAX (INT64_C(1) << 32)

/* ---- request ---- */

int openai_url(const struct wire_endpoint *to, const char *model, const char *method,
	struct buf *ret, struct err *err)
{
	const char *base = to->base;
	size_t n = strlen(base);
	int r;

	if (!str_starts(base, "https://") && !str_starts(base, "http://"))
		return err_set(err, EINVAL,
			"the endpoint must begin with https:// or http://");
	while (n && base[n - 1] == '/')
		n--;
	r = buf_add(ret, base, n);
	if (r == 0 && !str_ends(ret->data, "/v1"))
		r = buf_adds(ret, "/v1");
	if (r == 0)
		r = buf_addf(ret, "/%s", method);
	return r < 0 ? err_oom(err) : 0;
}

static bool sends(const struct wire_job *j, enum option_id id)
{
	bool chat = j->row->kind == MODEL_TEXT;

	switch (id) {
	case OPT_SEED:
	case OPT_COUNT:
		return true;
	case OPT_SIZE:
	case OPT_ASPECT:
		return !chat;
	case OPT_TEMPERATURE:
	case OPT_MAX_TOKENS:
	case OPT_IMAGE:
		return chat;
	default:
		return false;
	}
}

static void add_picture_members(bool *ok, const struct wire_job *j, cJSON *o)
{
	const char *id = wire_id(j);
	uint32_t w, h;
	char size[32];

	wire_str(ok, o, "prompt", j->prompt);
	wire_int(ok, o, "n", j->n_takes);
	/* OpenAI's own models know only one of the two; all other servers know this. */
	if (str_starts(id, "gpt-image") || str_starts(id, "chatgpt-image"))
		wire_str(ok, o, "output_format",
			j->req->type == MEDIA_JPEG ? "jpeg" : "png");
	else
		wire_str(ok, o, "response_format", "b64_json");
	/* A row without a table leaves the size to the server. */
	if (j->row->n_pixels && limits_pixels(j->row, j->req, &w, &h) == 0) {
		snprintf(size, sizeof(size), "%ux%u", w, h);
		wire_str(ok, o, "size", size);
	}
}

/* OpenAI's later models refuse the name that all other servers know.
 * https://platform.openai.com/docs/api-reference/chat/create, read 2026-11-26. */
static const char *tokens_name(const char *id)
{
	bool later = (id[0] == 'o' && id[1] >= '1' && id[1] <= '9') ||
		     (str_starts(id, "gpt-") && id[4] >= '5' && id[4] <= '9');

	return later ? "max_completion_tokens" : "max_tokens";
}

static void add_chat_members(bool *ok, const struct wire_job *j, cJSON *o)
{
	double v;

	if (wire_number(j, OPT_TEMPERATURE, &v))
		wire_num(ok, o, "temperature", v);
	if (wire_number(j, OPT_MAX_TOKENS, &v))
		wire_num(ok, o, tokens_name(wire_id(j)), v);
}

/* By hand: pictures may be long, and cJSON would copy them twice. */
static int add_messages(const struct wire_job *j, struct buf *b)
{
	scoped_json cJSON *text = cJSON_CreateString(j->prompt);
	int r = text ? buf_adds(b, ",\"messages\":[{\"role\":\"user\",\"content\":")
		     : -ENOMEM;

	if (r == 0 && j->n_images)
		r = buf_adds(b, "[{\"type\":\"text\",\"text\":");
	if (r == 0)
		r = json_print_line(b, text);
	for (uint32_t i = 0; i < j->n_images && r == 0; i++) {
		r = buf_addf(b,
			"},{\"type\":\"image_url\",\"image_url\":{\"url\":"
			"\"data:%s;base64,",
			media_mime(j->image[i].type));
		if (r == 0)
			r = wire_add_base64(b, j->image[i].data, j->image[i].len);
		if (r == 0)
			r = buf_adds(b, "\"}");
	}
	if (r == 0 && j->n_images)
		r = buf_adds(b, "}]");
	return r < 0 ? r : buf_adds(b, "}]}");
}

static int body(const struct wire_job *job, struct buf *ret)
{
	scoped_json cJSON *o = cJSON_CreateObject();
	bool ok = o, chat = job->row->kind == MODEL_TEXT;
	uint64_t seed;
	int r;

	wire_str(&ok, o, "model", wire_id(job));
	if (chat)
		add_chat_members(&ok, job, o);
	else
		add_picture_members(&ok, job, o);
	if (wire_seed(job, &seed))
		wire_int(&ok, o, "seed", (int64_t)seed);
	r = ok ? json_print_line(ret, o) : -ENOMEM;
	if (r < 0 || !chat)
		return r;
	ret->data[--ret->len] = '\0'; /* its brace: the messages follow */
	return add_messages(job, ret);
}

/* ---- response ---- */

static bool is_one_of(const char *code, const char *const *marks, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (strstr(code, marks[i]))
			return true;
	}
	return false;
}

/* The statuses mean what Google's do; the bodies differ: {"error":{"message","code"}}.
 * A 503 in that shape comes from before the model, as while it is loaded. */
static bool read_error(const struct wire_response *a, struct verdict *v)
{
	static const char *const refusals[] = {
		"content_policy", "moderation", "content_filter"};
	static const char *const quotas[] = {
		"insufficient_quota", "billing_hard_limit_reached"};
	const cJSON *error = cJSON_GetObjectItemCaseSensitive(a->json, "error");
	const char *code = json_str(error, "code", json_str(error, "type", ""));
	bool is_client = a->status >= 400 && a->status < 500;
	char words[140];

	google_words(json_str(error, "message", ""), words, sizeof(words));
	if (is_client && is_one_of(code, refusals, ARRAY_SIZE(refusals))) {
		verdict_set(v, VERDICT_REFUSED, EPERM,
			"the provider refused the prompt: %s", words);
		v->charge = CHARGE_NOTHING;
	} else if (is_client && is_one_of(code, quotas, ARRAY_SIZE(quotas))) {
		verdict_set(v, VERDICT_BUSY, EBUSY,
			"the account's quota at the provider is used up");
		v->is_final = true;
	} else if (is_client && strstr(code, "model_not_found")) {
		verdict_set(v, VERDICT_NO_MODEL, ENOENT,
			"the provider has no such model: %s", words);
	} else if (a->status == 503 && cJSON_IsObject(error)) {
		verdict_set(v, VERDICT_BUSY, EBUSY, "the server is overloaded%s%s",
			*words ? ": " : "", words);
	} else {
		return google_failed(a, v);
	}
	v->retry_after_ms = a->retry_after_ms;
	return true;
}

static void read_picture(const struct wire_response *a, const cJSON *e,
	struct verdict *v, bool want_usable)
{
	int32_t media = wire_media_of(a, e, "b64_json");
	const char *url = media < 0 ? json_str(e, "url", "") : "";
	char from[WIRE_URI_MAX] = "";
	bool usable = wire_is_picture(a, media) || (*url && wire_uri(url, from));

	if (usable != want_usable || (media < 0 && !*url))
		return;
	v->usage.images++;
	wire_result_put(
		v, media, from, usable ? NULL : "the server sent neither PNG nor JPEG");
}

static void read_pictures(
	const struct wire_job *job, const struct wire_response *a, struct verdict *v)
{
	const cJSON *e, *list = cJSON_GetObjectItemCaseSensitive(a->json, "data");

	if (read_error(a, v))
		return;
	for (int usable = 1; usable >= 0; usable--) {
		cJSON_ArrayForEach(e, list)
		{
			read_picture(a, e, v, usable);
		}
	}
	if (v->n_results && v->result[0].is_usable) {
		for (uint32_t n = v->n_results; n < job->n_takes; n++)
			wire_withheld_add(
				v, job->n_takes, "the server sent fewer pictures");
		verdict_ok(v, VERDICT_DONE);
		return;
	}
	verdict_set(v, VERDICT_UNUSABLE, EPROTO,
		"the server's answer holds no PNG or JPEG picture");
}

static bool read_usage(const cJSON *json, struct verdict *v)
{
	const cJSON *u = cJSON_GetObjectItemCaseSensitive(json, "usage");
	int64_t in = json_int(u, "prompt_tokens", -1);
	int64_t out = json_int(u, "completion_tokens", -1);

	if (in < 0 || out < 0 || in > TOKENS_MAX || out > TOKENS_MAX)
		return false;
	v->usage.tokens_in = in;
	v->usage.tokens_out = out;
	return true;
}

static void read_text(
	const struct wire_job *job, const struct wire_response *a, struct verdict *v)
{
	const cJSON *choice, *message;
	const char *text, *refusal;
	char words[140];
	bool is_counted;

	if (read_error(a, v))
		return;
	choice = cJSON_GetArrayItem(
		cJSON_GetObjectItemCaseSensitive(a->json, "choices"), 0);
	message = cJSON_GetObjectItemCaseSensitive(choice, "message");
	text = json_str(message, "content", "");
	refusal = json_str(message, "refusal", "");
	is_counted = read_usage(a->json, v);
	google_words(json_str(a->json, "model", ""), v->model_version,
		sizeof(v->model_version));
	google_words(json_str(choice, "finish_reason", ""), v->finish_reason,
		sizeof(v->finish_reason));
	google_words(refusal, words, sizeof(words));
	if (!strcmp(v->finish_reason, "content_filter") || *words)
		verdict_set(v, VERDICT_REFUSED, EPERM,
			"the provider's safety filter withheld the answer%s%s",
			*words ? ": " : "", words);
	else if (!*text)
		verdict_set(v, VERDICT_UNUSABLE, EPROTO,
			"the server's answer holds no text%s",
			!strcmp(v->finish_reason, "length") ? "; raise max_tokens="
							    : "");
	else if (buf_adds(&v->text, text) < 0)
		verdict_set(v, VERDICT_UNUSABLE, ENOMEM, "out of memory");
	else
		verdict_ok(v, VERDICT_DONE);
	v->charge = is_counted ? CHARGE_USAGE : CHARGE_RESERVED;
}

const struct protocol_ops protocol_openai_image = {
	.family = "openai",
	.method = "images/generations",
	.response_max = RESPONSE_PICTURES_MAX,
	.sends = sends,
	.takes_max = wire_count_max,
	.body = body,
	.read = read_pictures,
};

const struct protocol_ops protocol_openai_chat = {
	.family = "openai",
	.method = "chat/completions",
	.response_max = RESPONSE_SMALL_MAX,
	.takes_image = true,
	.sends = sends,
	.body = body,
	.read = read_text,
};
