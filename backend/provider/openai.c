// SPDX-License-Identifier: MIT
#include "backend/provider/openai.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "backend/net/filter.h"
#include "backend/policy/limits.h"
#include "backend/provider/google.h"
#include "cache/base/str.h"

int openai_url(const char *base, enum model_kind kind, struct buf *ret, struct err *err)
{
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
		r = buf_adds(ret, kind == MODEL_TEXT ? "/chat/completions"
						     : "/images/generations");
	return r < 0 ? err_oom(err) : 0;
}

static void picture_body(const struct wire_job *j, cJSON *o)
{
	uint32_t w, h;
	char size[32];

	cJSON_AddStringToObject(o, "prompt", j->prompt);
	cJSON_AddNumberToObject(o, "n", j->n_takes);
	cJSON_AddStringToObject(o, "response_format", "b64_json");
	if (limits_pixels(j->row, j->req, &w, &h) == 0) {
		snprintf(size, sizeof(size), "%ux%u", w, h);
		cJSON_AddStringToObject(o, "size", size);
	}
}

static void chat_body(const struct wire_job *j, cJSON *o)
{
	cJSON *list = cJSON_AddArrayToObject(o, "messages");
	cJSON *message = cJSON_CreateObject();
	double v;

	cJSON_AddStringToObject(message, "role", "user");
	cJSON_AddStringToObject(message, "content", j->prompt);
	cJSON_AddItemToArray(list, message);
	if (limits_number(j->row, j->req, OPT_TEMPERATURE, &v))
		cJSON_AddNumberToObject(o, "temperature", v);
	if (limits_number(j->row, j->req, OPT_MAX_TOKENS, &v))
		cJSON_AddNumberToObject(o, "max_tokens", v);
}

int openai_body(const struct wire_job *job, struct buf *ret)
{
	scoped_json cJSON *o = cJSON_CreateObject();

	cJSON_AddStringToObject(o, "model", job->row->wire[BACKEND_OPENAI]);
	if (job->row->kind == MODEL_TEXT)
		chat_body(job, o);
	else
		picture_body(job, o);
	if (job->has_seed)
		json_add_int(o, "seed", (int64_t)job->seed);
	return o ? json_print_line(ret, o) : -ENOMEM;
}

/* The statuses mean what Google's do; the bodies differ: {"error":{"message","code"}}.
 */
static bool read_error(const struct wire_answer *a, struct verdict *v)
{
	const cJSON *error = cJSON_GetObjectItemCaseSensitive(a->json, "error");
	const char *code = json_str(error, "code", json_str(error, "type", ""));
	char words[140];

	if (a->status == 200 && cJSON_IsObject(a->json))
		return false;
	google_words(json_str(error, "message", ""), words, sizeof(words));
	if (strstr(code, "content_policy") || strstr(code, "moderation"))
		verdict_set(v, VERDICT_REFUSED, EPERM,
			"the provider refused the prompt: %s", words);
	else if (a->status == 429 && !strcmp(code, "insufficient_quota")) {
		verdict_set(v, VERDICT_BUSY, EBUSY,
			"the account's quota at the provider is used up");
		v->is_final = true;
	} else {
		google_error(a, v);
	}
	return true;
}

void openai_read_picture(
	const struct wire_job *job, const struct wire_answer *a, struct verdict *v)
{
	const cJSON *e;
	uint32_t usable = 0;

	if (read_error(a, v))
		return;
	cJSON_ArrayForEach(e, cJSON_GetObjectItemCaseSensitive(a->json, "data"))
	{
		uint32_t index;

		if (v->n_results == WIRE_MEDIA_MAX ||
			filter_media_index(json_str(e, "b64_json", ""), &index) < 0 ||
			index >= a->n_media)
			continue;
		v->result[v->n_results++] =
			(struct wire_result){.media = (int32_t)index};
		usable += a->media[index].is_valid &&
			  (a->media[index].type == MEDIA_PNG ||
				  a->media[index].type == MEDIA_JPEG);
	}
	v->usage.images = v->n_results;
	if (usable)
		v->kind = VERDICT_DONE;
	else
		verdict_set(v, VERDICT_UNUSABLE, EPROTO,
			"the server's answer holds no PNG or JPEG picture");
}

void openai_read_text(
	const struct wire_job *job, const struct wire_answer *a, struct verdict *v)
{
	const cJSON *choice, *usage;
	const char *text;

	if (read_error(a, v))
		return;
	choice = cJSON_GetArrayItem(
		cJSON_GetObjectItemCaseSensitive(a->json, "choices"), 0);
	usage = cJSON_GetObjectItemCaseSensitive(a->json, "usage");
	text = json_str(
		cJSON_GetObjectItemCaseSensitive(choice, "message"), "content", "");
	v->usage.tokens_in = json_int(usage, "prompt_tokens", 0);
	v->usage.tokens_out = json_int(usage, "completion_tokens", 0);
	google_words(json_str(choice, "finish_reason", ""), v->finish_reason,
		sizeof(v->finish_reason));
	if (!strcmp(v->finish_reason, "content_filter"))
		verdict_set(v, VERDICT_REFUSED, EPERM,
			"the provider's safety filter withheld the answer");
	else if (!*text)
		verdict_set(v, VERDICT_UNUSABLE, EPROTO,
			"the server's answer holds no text");
	else if (buf_adds(&v->text, text) < 0)
		verdict_set(v, VERDICT_UNUSABLE, ENOMEM, "out of memory");
	else
		v->kind = VERDICT_DONE;
}
