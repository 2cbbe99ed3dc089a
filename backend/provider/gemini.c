// SPDX-License-Identifier: MIT
#include "backend/provider/gemini.h"

#include <errno.h>
#include <string.h>

#include "backend/net/filter.h"
#include "backend/policy/limits.h"
#include "backend/provider/google.h"
#include "cache/base/mem.h"
#include "cache/base/str.h"

/* ---- request ---- */

static int add_parts(const struct wire_job *j, struct buf *b)
{
	scoped_json cJSON *text = cJSON_CreateString(j->prompt);
	int r = text ? buf_adds(b, "[{\"text\":") : -ENOMEM;

	if (r == 0)
		r = json_print_line(b, text);
	if (r == 0)
		r = buf_addc(b, '}');
	for (uint32_t i = 0; i < j->n_images && r == 0; i++) {
		r = buf_addf(b, ",{\"inlineData\":{\"mimeType\":\"%s\",\"data\":\"",
			media_mime(j->image[i].type));
		if (r == 0)
			r = wire_add_base64(b, j->image[i].data, j->image[i].len);
		if (r == 0)
			r = buf_adds(b, "\"}}");
	}
	return r < 0 ? r : buf_addc(b, ']');
}

static void add_image_config(const struct wire_job *j, cJSON *config)
{
	const char *aspect = limits_wire(j->row, j->req, OPT_ASPECT);
	const char *size = limits_wire(j->row, j->req, OPT_SIZE);
	const char *person = limits_wire(j->row, j->req, OPT_PERSON);
	cJSON *modes = cJSON_AddArrayToObject(config, "responseModalities");
	cJSON *image = cJSON_AddObjectToObject(config, "imageConfig");

	cJSON_AddItemToArray(modes, cJSON_CreateString("IMAGE"));
	if (aspect)
		cJSON_AddStringToObject(image, "aspectRatio", aspect);
	if (size && j->row->option[OPT_SIZE].is_taken)
		cJSON_AddStringToObject(image, "imageSize", size);
	if (j->is_developer_api) /* it rejects the rest */
		return;
	cJSON_AddStringToObject(cJSON_AddObjectToObject(image, "imageOutputOptions"),
		"mimeType", media_mime(j->req->type));
	if (person)
		cJSON_AddStringToObject(image, "personGeneration", person);
}

static cJSON *generation_config(const struct wire_job *j)
{
	cJSON *c = cJSON_CreateObject();
	double v;

	cJSON_AddNumberToObject(c, "candidateCount", 1);
	if (limits_number(j->row, j->req, OPT_TEMPERATURE, &v))
		cJSON_AddNumberToObject(c, "temperature", v);
	if (limits_number(j->row, j->req, OPT_MAX_TOKENS, &v))
		cJSON_AddNumberToObject(c, "maxOutputTokens", v);
	if (j->has_seed)
		json_add_int(c, "seed", (int64_t)j->seed);
	if (j->row->kind == MODEL_PICTURE)
		add_image_config(j, c);
	return c;
}

static cJSON *safety_settings(const char *threshold)
{
	static const char *const categories[] = {"HARM_CATEGORY_HARASSMENT",
		"HARM_CATEGORY_HATE_SPEECH", "HARM_CATEGORY_SEXUALLY_EXPLICIT",
		"HARM_CATEGORY_DANGEROUS_CONTENT"};
	cJSON *list = cJSON_CreateArray();

	for (size_t i = 0; i < ARRAY_SIZE(categories); i++) {
		cJSON *o = cJSON_CreateObject();

		cJSON_AddStringToObject(o, "category", categories[i]);
		cJSON_AddStringToObject(o, "threshold", threshold);
		cJSON_AddItemToArray(list, o);
	}
	return list;
}

int gemini_body(const struct wire_job *job, struct buf *ret)
{
	const char *safety = limits_wire(job->row, job->req, OPT_SAFETY);
	scoped_json cJSON *config = generation_config(job);
	scoped_json cJSON *settings = safety ? safety_settings(safety) : NULL;
	int r = config ? buf_adds(ret, "{\"contents\":[{\"role\":\"user\",\"parts\":")
		       : -ENOMEM;

	if (r == 0)
		r = add_parts(job, ret);
	if (r == 0)
		r = buf_adds(ret, "}],\"generationConfig\":");
	if (r == 0)
		r = json_print_line(ret, config);
	if (r == 0 && settings)
		r = buf_adds(ret, ",\"safetySettings\":");
	if (r == 0 && settings)
		r = json_print_line(ret, settings);
	return r < 0 ? r : buf_addc(ret, '}');
}

/* ---- answer ---- */

static const cJSON *member(const cJSON *o, const char *name)
{
	return cJSON_GetObjectItemCaseSensitive(o, name);
}

/* Thoughts are billed as output. Counts of zero are omitted. */
static void read_usage(const cJSON *json, struct verdict *v)
{
	const cJSON *u = member(json, "usageMetadata");

	v->usage.tokens_in = json_int(u, "promptTokenCount", 0);
	v->usage.tokens_out = json_int(u, "candidatesTokenCount", 0) +
			      json_int(u, "thoughtsTokenCount", 0);
	if (v->usage.tokens_in < 0 || v->usage.tokens_in > INT64_C(1) << 32)
		v->usage.tokens_in = 0;
	if (v->usage.tokens_out < 0 || v->usage.tokens_out > INT64_C(1) << 32)
		v->usage.tokens_out = 0;
	google_words(json_str(json, "modelVersion", ""), v->model_version,
		sizeof(v->model_version));
}

/* Appends what the model said in words, thoughts apart. */
static int read_parts(
	const struct wire_answer *a, const cJSON *parts, struct verdict *v)
{
	const cJSON *p;

	cJSON_ArrayForEach(p, parts)
	{
		const char *data = json_str(member(p, "inlineData"), "data", "");
		const char *text = json_str(p, "text", NULL);
		uint32_t index;

		if (json_bool(p, "thought", false))
			continue;
		if (text && buf_adds(&v->text, text) < 0)
			return -ENOMEM;
		if (!v->n_results && filter_media_index(data, &index) == 0 &&
			index < a->n_media) {
			v->result[0] = (struct wire_result){.media = (int32_t)index};
			v->n_results = 1;
		}
	}
	return 0;
}

static bool is_blocked(const cJSON *json, struct verdict *v)
{
	const cJSON *feedback = member(json, "promptFeedback");
	const char *reason = json_str(feedback, "blockReason", "");
	char words[120], code[40];

	if (!*reason)
		return false;
	google_words(
		json_str(feedback, "blockReasonMessage", ""), words, sizeof(words));
	google_words(reason, code, sizeof(code));
	verdict_set(v, VERDICT_REFUSED, EPERM,
		"the provider refused the prompt (%s) %s", code, words);
	return true;
}

static bool is_safety(const char *finish)
{
	static const char *const names[] = {"SAFETY", "BLOCKLIST", "PROHIBITED_CONTENT",
		"SPII", "RECITATION", "IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT",
		"IMAGE_RECITATION"};

	return str_in(finish, names, ARRAY_SIZE(names));
}

/* Common to both kinds; false: the verdict is given. */
static bool read_common(const struct wire_answer *a, struct verdict *v)
{
	const cJSON *candidate;

	if (a->status != 200 || !cJSON_IsObject(a->json)) {
		google_error(a, v);
		return false;
	}
	read_usage(a->json, v);
	if (is_blocked(a->json, v))
		return false;
	candidate = cJSON_GetArrayItem(member(a->json, "candidates"), 0);
	google_words(json_str(candidate, "finishReason", ""), v->finish_reason,
		sizeof(v->finish_reason));
	if (read_parts(a, member(member(candidate, "content"), "parts"), v) < 0) {
		verdict_set(v, VERDICT_UNUSABLE, ENOMEM, "out of memory");
		return false;
	}
	if (is_safety(v->finish_reason)) {
		verdict_set(v, VERDICT_REFUSED, EPERM,
			"the provider's safety filter withheld the answer (%s)",
			v->finish_reason);
		return false;
	}
	return true;
}

void gemini_read_picture(
	const struct wire_job *job, const struct wire_answer *a, struct verdict *v)
{
	const struct wire_media *m;
	char words[140];

	if (!read_common(a, v))
		return;
	if (!v->n_results) {
		google_words(v->text.data, words, sizeof(words));
		if (*words)
			verdict_set(v, VERDICT_REFUSED, EPERM,
				"the model answered in words instead of a picture: %s",
				words);
		else
			verdict_set(v, VERDICT_UNUSABLE, EPROTO,
				"the provider's answer holds no picture (%s)",
				*v->finish_reason ? v->finish_reason
						  : "no reason given");
		return;
	}
	v->usage.images = 1;
	m = &a->media[v->result[0].media];
	if (m->is_valid && (m->type == MEDIA_PNG || m->type == MEDIA_JPEG))
		v->kind = VERDICT_DONE;
	else
		verdict_set(v, VERDICT_UNUSABLE, EPROTO,
			"the provider sent a picture that is neither PNG nor JPEG");
}

void gemini_read_text(
	const struct wire_job *job, const struct wire_answer *a, struct verdict *v)
{
	if (!read_common(a, v))
		return;
	if (v->text.len)
		v->kind = VERDICT_DONE;
	else
		verdict_set(v, VERDICT_UNUSABLE, EPROTO,
			"the provider's answer holds no text (%s)",
			*v->finish_reason ? v->finish_reason : "no reason given");
}
