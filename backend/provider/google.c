// SPDX-License-Identifier: MIT
/* Errors and refusals of Google's services, and a provider's words. Pure: any
 * thread. */
#include "backend/provider/google.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cache/base/mem.h"
#include "cache/base/str.h"

/* ---- words ---- */

/* The length of the UTF-8 sequence that begins here; 0: none does. */
static size_t sequence(const char *s)
{
	size_t n, max = strnlen(s, 4), count;

	for (n = 1; n <= max; n++) {
		if (str_utf8_count(s, n, &count) == 0)
			return n;
	}
	return 0;
}

void google_words(const char *from, char *to, size_t size)
{
	size_t used = 0;

	for (; from && *from;) {
		size_t n = sequence(from);

		if (used + (n ? n : 1) >= size)
			break;
		if (n > 1)
			memcpy(to + used, from, n);
		else
			to[used] = n == 0                          ? '?'
				   : iscntrl((unsigned char)*from) ? ' '
								   : *from;
		used += n ? n : 1;
		from += n ? n : 1;
	}
	to[used] = '\0';
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
	size_t n = strlen(text);
	char number[32];
	double s;

	if (n < 2 || n >= sizeof(number) || text[n - 1] != 's')
		return -1;
	memcpy(number, text, n - 1);
	number[n - 1] = '\0';
	if (str_parse_decimal(number, &s) < 0 || s >= 1e6)
		return -1;
	return (int64_t)ceil(s * 1000);
}

static int64_t retry_delay(const struct wire_response *a, const cJSON *error)
{
	const cJSON *info = detail(error, ".RetryInfo");
	int64_t told = duration_ms(json_str(info, "retryDelay", ""));

	return told > a->retry_after_ms ? told : a->retry_after_ms;
}

/* A limit per day, or a limit of 0, does not pass while we wait. */
enum quota_kind { QUOTA_PASSES, QUOTA_DAY, QUOTA_NONE };

static enum quota_kind quota_of(const cJSON *error)
{
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(
			    detail(error, ".QuotaFailure"), "violations"),
		    *meta = cJSON_GetObjectItemCaseSensitive(
			    detail(error, ".ErrorInfo"), "metadata"),
		    *q;

	if (!strcmp(json_str(meta, "quota_limit_value", ""), "0"))
		return QUOTA_NONE;
	cJSON_ArrayForEach(q, list)
	{
		if (!strcmp(json_str(q, "quotaValue", ""), "0"))
			return QUOTA_NONE;
		if (strstr(json_str(q, "quotaId", ""), "PerDay"))
			return QUOTA_DAY;
	}
	return strstr(json_str(meta, "quota_limit", ""), "PerDay") ? QUOTA_DAY
								   : QUOTA_PASSES;
}

static void quota(const struct wire_response *a, const cJSON *error, struct verdict *v)
{
	enum quota_kind kind = quota_of(error);

	v->retry_after_ms = retry_delay(a, error);
	v->is_final = kind != QUOTA_PASSES;
	if (kind == QUOTA_NONE)
		verdict_set(v, VERDICT_BUSY, EBUSY,
			"the project has no quota for this model; ask the provider for "
			"some or use another model");
	else if (kind == QUOTA_DAY)
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

/* Words about what was asked or made; "safety_settings[0] is invalid" is none. */
static bool is_content_refusal(const char *message)
{
	static const char *const marks[] = {
		"Image generation failed with the following error", "usage guidelines",
		"Responsible AI", "could not generate videos because", "safety filter",
		"safety system", "sensitive words", "Prohibited Use", "content policy"};

	for (size_t i = 0; i < ARRAY_SIZE(marks); i++) {
		if (strstr(message, marks[i]))
			return true;
	}
	return *google_support_code(message) != '\0';
}

static void refusal(const char *message, struct verdict *v)
{
	const char *about = google_support_code(message);
	char words[140];

	google_words(message, words, sizeof(words));
	verdict_set(v, VERDICT_REFUSED, EPERM,
		"the provider refused the prompt%s%s%s: %s", *about ? " (" : "", about,
		*about ? ")" : "", words);
}

void google_withheld_words(const char *what, const char *reason, char *to, size_t size)
{
	const char *about = google_support_code(reason);
	char words[140];

	google_words(reason, words, sizeof(words));
	snprintf(to, size, "the provider's safety filter withheld the %s%s%s%s%s%s",
		what, *about ? " (" : "", about, *about ? ")" : "", *words ? ": " : "",
		words);
}

void google_withheld(const char *what, const char *reason, struct verdict *v)
{
	char text[sizeof(v->err.why)];

	google_withheld_words(what, reason, text, sizeof(text));
	verdict_set(v, VERDICT_REFUSED, EPERM, "%s", text);
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
	else if (!strcmp(reason, "ACCESS_TOKEN_SCOPE_INSUFFICIENT"))
		verdict_set(v, VERDICT_REJECTED, EACCES,
			"the credentials lack the cloud-platform scope: %s", words);
	else
		verdict_set(v, VERDICT_REJECTED, EACCES,
			"the provider denies access%s%s", *words ? ": " : "", words);
}

static void bad_request(const cJSON *error, const char *message, struct verdict *v)
{
	const char *status = json_str(error, "status", "");
	const char *reason = json_str(detail(error, ".ErrorInfo"), "reason", "");
	char words[140];

	google_words(message, words, sizeof(words));
	if (!detail(error, ".BadRequest") && is_content_refusal(message)) {
		refusal(message, v);
		v->charge = CHARGE_NOTHING; /* by its status it was never accepted */
	} else if (!strcmp(reason, "API_KEY_INVALID") || strstr(message, "API key")) {
		verdict_set(v, VERDICT_REJECTED, EACCES,
			"the provider refused the API key");
	} else if (!strcmp(status, "FAILED_PRECONDITION") ||
		   !strcmp(reason, "RESOURCE_PROJECT_INVALID") ||
		   !strcmp(reason, "CONSUMER_INVALID")) {
		verdict_set(v, VERDICT_REJECTED, EACCES,
			"the provider does not serve this project: %s", words);
	} else {
		verdict_set(v, VERDICT_REJECTED, EINVAL,
			"the provider rejected the request%s%s", *words ? ": " : "",
			words);
	}
}

/* A 404 of a proxy or of a wrong path says nothing about models. */
static void not_found(const cJSON *error, const char *words, struct verdict *v)
{
	if (!error)
		verdict_set(v, VERDICT_REJECTED, ENOENT,
			"the server does not know this address; "
			"is the endpoint right?");
	else if (strstr(words, "gs://"))
		verdict_set(v, VERDICT_REJECTED, ENOENT,
			"the provider did not find an input: %s", words);
	else
		verdict_set(v, VERDICT_NO_MODEL, ENOENT,
			"the provider has no such model%s%s", *words ? ": " : "",
			words);
}

/* `[{"error":...}]` comes from streaming front ends; some servers say it in a string.
 */
static const cJSON *error_of(const cJSON *json)
{
	const cJSON *error;

	if (cJSON_IsArray(json))
		json = cJSON_GetArrayItem(json, 0);
	error = cJSON_GetObjectItemCaseSensitive(json, "error");
	return cJSON_IsObject(error) || cJSON_IsString(error) ? error : NULL;
}

/* Statuses with which a server turns a request away before it looks at what is asked,
 * besides those below. */
static bool is_turned_away(int status)
{
	return status == 301 || status == 307 || status == 308 || status == 405 ||
	       status == 411 || status == 413 || status == 414 || status == 415 ||
	       status == 422 || status == 431;
}

static void other_status(const struct wire_response *a, const cJSON *error,
	const char *words, struct verdict *v)
{
	if (is_turned_away(a->status) ||
		(a->status == 501 &&
			!strcmp(json_str(error, "status", ""), "UNIMPLEMENTED")))
		verdict_set(v, VERDICT_REJECTED, a->status < 400 ? EPROTO : EINVAL,
			"the provider answered %d%s%s", a->status, *words ? ": " : "",
			words);
	else if (a->status == 200 && error)
		verdict_set(v, VERDICT_UNKNOWN, EIO,
			"the provider reported an error, "
			"and the request may have been charged: %s",
			words);
	else if (a->status == 200)
		verdict_set(v, VERDICT_UNUSABLE, EPROTO,
			"the provider's answer is not readable JSON");
	else
		verdict_set(v, VERDICT_UNKNOWN, EIO,
			"the provider answered %d; the request may have been charged",
			a->status);
}

void google_error(const struct wire_response *a, struct verdict *v)
{
	const cJSON *error = error_of(a->json);
	const char *message = cJSON_IsString(error) ? error->valuestring
						    : json_str(error, "message", "");
	char words[140];

	google_words(message, words, sizeof(words));
	v->retry_after_ms = retry_delay(a, error);
	if (a->status == 400)
		bad_request(error, message, v);
	else if (a->status == 401)
		verdict_set(v, VERDICT_AUTH, EACCES,
			"the provider refused the credentials");
	else if (a->status == 403)
		denied(error, words, v);
	else if (a->status == 404)
		not_found(error, words, v);
	else if (a->status == 429)
		quota(a, error, v);
	else if (a->status == 503 && *json_str(error, "status", ""))
		verdict_set(v, VERDICT_BUSY, EBUSY, "the provider is overloaded");
	else
		other_status(a, error, words, v);
}

bool google_failed(const struct wire_response *a, struct verdict *v)
{
	if (a->status == 200 && cJSON_IsObject(a->json) && !error_of(a->json))
		return false;
	google_error(a, v);
	return true;
}

/* google.rpc codes. The call was accepted, so what it costs is what the row says of an
 * accepted call that brought nothing. */
void google_operation_error(const cJSON *error, struct verdict *v)
{
	static const struct {
		int rpc, code;
	} codes[] = {{3, EINVAL}, {5, ENOENT}, {7, EACCES}, {8, EBUSY}, {9, EINVAL},
		{11, EINVAL}, {14, EBUSY}, {16, EACCES}};
	const char *message = json_str(error, "message", "");
	int64_t rpc = json_int(error, "code", 0);
	int code = EPROTO;
	char words[140];

	if (is_content_refusal(message)) {
		refusal(message, v);
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
		if (codes[i].rpc == rpc)
			code = codes[i].code;
	}
	google_words(message, words, sizeof(words));
	verdict_set(v, VERDICT_UNUSABLE, code,
		"the provider's operation failed (%" PRId64 ")%s%s", rpc,
		*words ? ": " : "", words);
	v->charge = CHARGE_REFUSAL;
}
