// SPDX-License-Identifier: MIT
/* The wire formats "gemini-image" and "gemini-text", `:generateContent`: pictures (one
 * a call) and text, with pictures as input. Pure: any thread. */
#include <errno.h>
#include <string.h>

#include "backend/provider/google.h"
#include "cache/base/mem.h"
#include "cache/base/str.h"

#define TOKENS_MAX (INT64_C(1) << 32)

/* ---- request ---- */

static bool sends(const struct wire_job *j, enum option_id id)
{
	return id != OPT_LAST && (id != OPT_PERSON || !google_is_developer(j->backend));
}

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

static void add_image_config(bool *ok, const struct wire_job *j, cJSON *config)
{
	cJSON *modes = wire_list(ok, config, "responseModalities");
	cJSON *image = wire_obj(ok, config, "imageConfig");

	*ok &= cJSON_AddItemToArray(modes, cJSON_CreateString("IMAGE"));
	wire_str(ok, image, "aspectRatio", wire_choice(j, OPT_ASPECT));
	wire_str(ok, image, "imageSize", wire_choice(j, OPT_SIZE));
	if (google_is_developer(j->backend)) /* it rejects the rest */
		return;
	wire_str(ok, wire_obj(ok, image, "imageOutputOptions"), "mimeType",
		media_mime(j->req->type));
	wire_str(ok, image, "personGeneration", wire_choice(j, OPT_PERSON));
}

static cJSON *generation_config(const struct wire_job *j)
{
	cJSON *c = cJSON_CreateObject();
	bool ok = c;
	uint64_t seed;
	double v;

	wire_int(&ok, c, "candidateCount", 1);
	if (wire_number(j, OPT_TEMPERATURE, &v))
		wire_num(&ok, c, "temperature", v);
	if (wire_number(j, OPT_MAX_TOKENS, &v))
		wire_num(&ok, c, "maxOutputTokens", v);
	if (wire_seed(j, &seed))
		wire_int(&ok, c, "seed", (int64_t)seed);
	if (j->row->kind == MODEL_PICTURE)
		add_image_config(&ok, j, c);
	if (!ok) {
		cJSON_Delete(c);
		return NULL;
	}
	return c;
}

static cJSON *safety_settings(const char *threshold)
{
	static const char *const categories[] = {"HARM_CATEGORY_HARASSMENT",
		"HARM_CATEGORY_HATE_SPEECH", "HARM_CATEGORY_SEXUALLY_EXPLICIT",
		"HARM_CATEGORY_DANGEROUS_CONTENT"};
	cJSON *list = cJSON_CreateArray();
	bool ok = list;

	for (size_t i = 0; i < ARRAY_SIZE(categories); i++) {
		cJSON *o = wire_obj(&ok, list, NULL);

		wire_str(&ok, o, "category", categories[i]);
		wire_str(&ok, o, "threshold", threshold);
	}
	if (!ok) {
		cJSON_Delete(list);
		return NULL;
	}
	return list;
}

static int body(const struct wire_job *job, struct buf *ret)
{
	const char *safety = wire_choice(job, OPT_SAFETY);
	scoped_json cJSON *config = generation_config(job);
	scoped_json cJSON *settings = safety ? safety_settings(safety) : NULL;
	bool ok = config && (settings || !safety);
	int r = ok ? buf_adds(ret, "{\"contents\":[{\"role\":\"user\",\"parts\":")
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

/* ---- response ---- */

static const cJSON *member(const cJSON *o, const char *name)
{
	return cJSON_GetObjectItemCaseSensitive(o, name);
}

static bool take_count(const cJSON *usage, const char *name, int64_t *sum)
{
	int64_t n = json_int(usage, name, 0);

	if (n < 0 || n > TOKENS_MAX)
		return false;
	*sum += n;
	return true;
}

/* Thoughts are billed as output. Counts of zero are omitted; without any the price of a
 * text is not known. */
static bool read_usage(const cJSON *json, struct verdict *v)
{
	const cJSON *u = member(json, "usageMetadata");
	bool ok = cJSON_IsObject(u) &&
		  take_count(u, "promptTokenCount", &v->usage.tokens_in) &&
		  take_count(u, "toolUsePromptTokenCount", &v->usage.tokens_in) &&
		  take_count(u, "candidatesTokenCount", &v->usage.tokens_out) &&
		  take_count(u, "thoughtsTokenCount", &v->usage.tokens_out);

	google_words(json_str(json, "modelVersion", ""), v->model_version,
		sizeof(v->model_version));
	if (!ok)
		v->usage = (struct usage){0};
	return ok;
}

/* Appends what the model said in words, and takes the first picture that is one;
 * thoughts, and the drafts in them, apart. */
static int read_parts(
	const struct wire_response *a, const cJSON *parts, struct verdict *v)
{
	const cJSON *p;

	cJSON_ArrayForEach(p, parts)
	{
		int32_t media = wire_media_of(a, member(p, "inlineData"), "data");
		const char *text = json_str(p, "text", NULL);

		if (json_bool(p, "thought", false))
			continue;
		if (text && buf_adds(&v->text, text) < 0)
			return -ENOMEM;
		if (media < 0 || (v->n_results && v->result[0].is_usable))
			continue;
		v->result[0] = (struct wire_result){
			.media = media, .is_usable = wire_is_picture(a, media)};
		v->n_results = 1;
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
		"the provider refused the prompt (%s)%s%s", code, *words ? ": " : "",
		words);
	return true;
}

static bool is_safety(const char *finish)
{
	static const char *const names[] = {"SAFETY", "BLOCKLIST", "PROHIBITED_CONTENT",
		"SPII", "RECITATION", "IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT",
		"IMAGE_RECITATION"};

	return str_in(finish, names, ARRAY_SIZE(names));
}

static void refused(const cJSON *candidate, const char *what, struct verdict *v)
{
	const char *message = json_str(candidate, "finishMessage", "");

	if (!*message)
		message = v->finish_reason;
	google_withheld(what, message, v);
}

/* Common to both kinds; false: the verdict is given. */
static bool read_common(
	const struct wire_response *a, const char *what, struct verdict *v)
{
	const cJSON *candidate;

	if (google_failed(a, v))
		return false;
	v->charge = read_usage(a->json, v) ? CHARGE_USAGE : CHARGE_RESERVED;
	candidate = cJSON_GetArrayItem(member(a->json, "candidates"), 0);
	if (is_blocked(a->json, v))
		return false;
	google_words(json_str(candidate, "finishReason", ""), v->finish_reason,
		sizeof(v->finish_reason));
	if (read_parts(a, member(member(candidate, "content"), "parts"), v) < 0) {
		verdict_set(v, VERDICT_UNUSABLE, ENOMEM, "out of memory");
		return false;
	}
	if (is_safety(v->finish_reason)) {
		refused(candidate, what, v);
		return false;
	}
	return true;
}

static void no_picture(struct verdict *v)
{
	char words[140];

	google_words(v->text.data, words, sizeof(words));
	if (*words) {
		verdict_set(v, VERDICT_REFUSED, EPERM,
			"the model answered in words instead of a picture: %s", words);
		return;
	}
	verdict_set(v, VERDICT_UNUSABLE, EPROTO,
		"the provider's answer holds no picture (%s)",
		*v->finish_reason ? v->finish_reason : "no reason given");
	v->charge = CHARGE_REFUSAL;
}

/* A picture is paid as a picture: its tokens are in that price. */
static void read_picture(
	const struct wire_job *job, const struct wire_response *a, struct verdict *v)
{
	bool go_on = read_common(a, "picture", v);

	v->usage = (struct usage){.images = go_on && v->n_results};
	if (!go_on)
		return;
	if (!v->n_results) {
		no_picture(v);
	} else if (v->result[0].is_usable) {
		verdict_ok(v, VERDICT_DONE);
		for (uint32_t n = v->n_results; n < job->n_takes; n++)
			wire_withheld_add(
				v, job->n_takes, "the model makes one picture a call");
	} else {
		verdict_set(v, VERDICT_UNUSABLE, EPROTO,
			"the provider sent a picture that is neither PNG nor JPEG");
		v->charge = CHARGE_USAGE;
	}
}

static void read_text(
	const struct wire_job *job, const struct wire_response *a, struct verdict *v)
{
	enum verdict_charge charge;

	if (!read_common(a, "answer", v)) {
		/* Its tokens are billed, whatever became of them. */
		if (v->kind == VERDICT_REFUSED && v->charge == CHARGE_REFUSAL &&
			v->usage.tokens_in)
			v->charge = CHARGE_USAGE;
		return;
	}
	charge = v->charge;
	if (v->text.len)
		verdict_ok(v, VERDICT_DONE);
	else
		verdict_set(v, VERDICT_UNUSABLE, EPROTO,
			"the provider's answer holds no text (%s)%s",
			*v->finish_reason ? v->finish_reason : "no reason given",
			!strcmp(v->finish_reason, "MAX_TOKENS") ? "; raise max_tokens="
								: "");
	v->charge = charge;
}

const struct protocol_ops protocol_gemini_image = {
	.family = "google",
	.method = "generateContent",
	.response_max = RESPONSE_PICTURES_MAX,
	.takes_image = true,
	.is_marked = true,
	.sends = sends,
	.body = body,
	.read = read_picture,
};

const struct protocol_ops protocol_gemini_text = {
	.family = "google",
	.method = "generateContent",
	.response_max = RESPONSE_SMALL_MAX,
	.takes_image = true,
	.is_marked = true,
	.sends = sends,
	.body = body,
	.read = read_text,
};
