// SPDX-License-Identifier: MIT
#include "backend/provider/google.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache/base/mem.h"
#include "cache/base/str.h"

/* ---- addresses ---- */

static bool is_plain(const char *s, const char *more)
{
	if (!s || !*s || strstr(s, ".."))
		return false;
	for (; *s; s++) {
		if (!isalnum((unsigned char)*s) && !strchr(more, *s))
			return false;
	}
	return true;
}

static int add_host(const struct google_place *p, const char *location, struct buf *ret)
{
	if (p->endpoint)
		return buf_adds(ret, p->endpoint);
	if (!strcmp(location, "global"))
		return buf_adds(ret, "https://aiplatform.googleapis.com");
	if (!strcmp(location, "us") || !strcmp(location, "eu"))
		return buf_addf(
			ret, "https://aiplatform.%s.rep.googleapis.com", location);
	return buf_addf(ret, "https://%s-aiplatform.googleapis.com", location);
}

int google_vertex_url(const struct google_place *p, const char *model,
	const char *method, struct buf *ret, struct err *err)
{
	int r;

	if (!is_plain(p->project, "-_:."))
		return err_set(err, EACCES,
			"no Google Cloud project: set project= or "
			"GOOGLE_CLOUD_PROJECT");
	if (!is_plain(p->location, "-") || !is_plain(model, "-_.@"))
		return err_set(err, EINVAL, "malformed location or model id");
	r = add_host(p, p->location, ret);
	if (r == 0)
		r = buf_addf(ret,
			"/%s/projects/%s/locations/%s/publishers/google/models/%s:%s",
			p->version, p->project, p->location, model, method);
	return r < 0 ? err_oom(err) : 0;
}

int google_developer_url(const char *endpoint, const char *model, const char *method,
	struct buf *ret, struct err *err)
{
	if (!is_plain(model, "-_.@"))
		return err_set(err, EINVAL, "malformed model id");
	if (buf_addf(ret, "%s/v1beta/models/%s:%s",
		    endpoint ? endpoint : "https://generativelanguage.googleapis.com",
		    model, method) < 0)
		return err_oom(err);
	return 0;
}

int google_operation_url(const struct google_place *p, const char *operation,
	struct buf *ret, struct err *err)
{
	const char *at = strstr(operation, "/locations/"),
		   *end = strstr(operation, "/operations/");
	char location[64];
	int r;

	if (!at || !end || end < at || !is_plain(operation, "-_:./@"))
		return err_set(err, EINVAL, "malformed name of an operation");
	snprintf(location, sizeof(location), "%.*s", (int)strcspn(at + 11, "/"),
		at + 11);
	r = add_host(p, location, ret);
	if (r == 0)
		r = buf_addf(ret, "/%s/%.*s:fetchPredictOperation", p->version,
			(int)(end - operation), operation);
	return r < 0 ? err_oom(err) : 0;
}

/* ---- words ---- */

void google_words(const char *from, char *to, size_t size)
{
	struct err e;

	err_set(&e, 1, "%s", from ? from : "");
	snprintf(to, size, "%.*s", (int)size - 1, e.why);
}

static const struct {
	const char *codes, *meaning;
} support_codes[] = {
	{"58061214 17301594 64151117", "children"},
	{"29310472 15236754", "a celebrity"},
	{"62263041", "danger"},
	{"57734940 22137204", "hate"},
	{"42876398 29578790 74803281", "other policy"},
	{"39322892", "a person or face"},
	{"92201652", "personal information"},
	{"89371032 49114662 72817394", "prohibited content"},
	{"90789179 63429089 43188360", "sexual content"},
	{"78610348", "toxic language"},
	{"61493863 56562880", "violence"},
	{"32635315", "vulgar language"},
};

const char *google_support_code(const char *text)
{
	for (const char *p = text; *p; p++) {
		size_t n = strspn(p, "0123456789");
		char code[9];

		if (n == 8) {
			memcpy(code, p, 8);
			code[8] = '\0';
			for (size_t i = 0; i < ARRAY_SIZE(support_codes); i++) {
				if (strstr(support_codes[i].codes, code))
					return support_codes[i].meaning;
			}
		}
		if (n)
			p += n - 1;
	}
	return "";
}

/* ---- errors ---- */

static const cJSON *detail(const cJSON *error, const char *type)
{
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(error, "details"), *d;

	cJSON_ArrayForEach(d, list)
	{
		if (str_ends(json_str(d, "@type", ""), type))
			return d;
	}
	return NULL;
}

/* "37s", "0.847s" */
static int64_t duration_ms(const char *text)
{
	char *end;
	double s = strtod(text, &end);

	return strcmp(end, "s") || !(s >= 0 && s < 1e6) ? -1 : (int64_t)ceil(s * 1000);
}

static int64_t retry_delay(const struct wire_answer *a, const cJSON *error)
{
	const cJSON *info = detail(error, ".RetryInfo");
	int64_t told = duration_ms(json_str(info, "retryDelay", ""));

	return told > a->retry_after_ms ? told : a->retry_after_ms;
}

/* A limit per day, or a limit of 0, does not pass while we wait. */
static bool quota_is_final(const cJSON *error)
{
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(
			    detail(error, ".QuotaFailure"), "violations"),
		    *q;

	cJSON_ArrayForEach(q, list)
	{
		if (strstr(json_str(q, "quotaId", ""), "PerDay") ||
			!strcmp(json_str(q, "quotaValue", ""), "0"))
			return true;
	}
	return false;
}

static void quota(const struct wire_answer *a, const cJSON *error, struct verdict *v)
{
	v->retry_after_ms = retry_delay(a, error);
	v->is_final = quota_is_final(error);
	if (v->is_final)
		verdict_set(v, VERDICT_BUSY, EBUSY,
			"the provider's quota for this model is used up for today");
	else if (v->retry_after_ms > 0)
		verdict_set(v, VERDICT_BUSY, EBUSY,
			"the provider's quota is exhausted; try again in %" PRId64 " s",
			(v->retry_after_ms + 999) / 1000);
	else
		verdict_set(v, VERDICT_BUSY, EBUSY,
			"the provider is overloaded or its quota is exhausted");
}

static bool is_content_refusal(const char *message)
{
	static const char *const marks[] = {
		"Image generation failed with the following error", "usage guidelines",
		"Responsible AI", "could not generate videos because", "safety",
		"violate"};

	for (size_t i = 0; i < ARRAY_SIZE(marks); i++) {
		if (strstr(message, marks[i]))
			return true;
	}
	return *google_support_code(message) != '\0';
}

static void refusal(const char *message, struct verdict *v)
{
	const char *about = google_support_code(message);
	char words[120];

	google_words(message, words, sizeof(words));
	if (*about)
		verdict_set(v, VERDICT_REFUSED, EPERM,
			"the provider refused the prompt (%s): %s", about, words);
	else
		verdict_set(v, VERDICT_REFUSED, EPERM,
			"the provider refused the prompt: %s", words);
}

static void denied(const cJSON *error, const char *words, struct verdict *v)
{
	const cJSON *info = detail(error, ".ErrorInfo");
	const char *reason = json_str(info, "reason", "");

	if (!strcmp(reason, "SERVICE_DISABLED"))
		verdict_set(v, VERDICT_REJECTED, EACCES,
			"the API is not enabled in the project: %s", words);
	else if (!strcmp(reason, "BILLING_DISABLED"))
		verdict_set(v, VERDICT_REJECTED, EACCES,
			"billing is not enabled in the project: %s", words);
	else
		verdict_set(v, VERDICT_REJECTED, EACCES,
			"the provider denies access: %s", words);
}

/* `[{"error":...}]` comes from streaming front ends. */
static const cJSON *error_of(const cJSON *json)
{
	if (cJSON_IsArray(json))
		json = cJSON_GetArrayItem(json, 0);
	return cJSON_GetObjectItemCaseSensitive(json, "error");
}

void google_error(const struct wire_answer *a, struct verdict *v)
{
	const cJSON *error = error_of(a->json);
	const char *message = json_str(error, "message", "");
	bool is_rpc = cJSON_IsObject(error) && *json_str(error, "status", "");
	char words[140];

	google_words(message, words, sizeof(words));
	v->retry_after_ms = a->retry_after_ms;
	switch (a->status) {
	case 400:
		if (is_content_refusal(message))
			refusal(message, v);
		else if (strstr(message, "API key"))
			verdict_set(v, VERDICT_REJECTED, EACCES,
				"the provider refused the API key");
		else
			verdict_set(v, VERDICT_REJECTED, EINVAL,
				"the provider rejected the request: %s", words);
		return;
	case 401:
		verdict_set(v, VERDICT_AUTH, EACCES,
			"the provider refused the credentials");
		return;
	case 403:
		denied(error, words, v);
		return;
	case 404:
		verdict_set(v, VERDICT_NO_MODEL, ENOENT,
			"the provider has no such model: %s", words);
		return;
	case 429:
		quota(a, error, v);
		return;
	case 503:
		if (is_rpc) {
			v->retry_after_ms = retry_delay(a, error);
			verdict_set(
				v, VERDICT_BUSY, EBUSY, "the provider is overloaded");
			return;
		}
		break;
	default:
		break;
	}
	if (a->status == 200)
		verdict_set(v, VERDICT_UNUSABLE, EPROTO,
			"the provider's answer is not readable JSON");
	else
		verdict_set(v, VERDICT_UNKNOWN, EIO,
			"the provider answered %d; the request may have been charged",
			a->status);
}

/* google.rpc codes: 3 invalid, 5 not found, 7 denied, 8 exhausted, 13 internal. The
 * call was accepted, so nothing of this is proof that it was not charged, but for
 * refusals, whose price is the row's. */
void google_operation_error(const cJSON *error, struct verdict *v)
{
	const char *message = json_str(error, "message", "");
	char words[140];

	google_words(message, words, sizeof(words));
	if (is_content_refusal(message))
		refusal(message, v);
	else
		verdict_set(v, VERDICT_UNUSABLE, EPROTO,
			"the provider's operation failed (%lld): %s",
			(long long)json_int(error, "code", 0), words);
}
