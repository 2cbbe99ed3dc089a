// SPDX-License-Identifier: MIT
/* Addresses and errors that Google's services share. */
#include "backend/provider/google.h"

#include "cache/base/str.h"
#include "tests/backend/provider/wire_case.h"

#define R "/publishers/google/models/"

static void addresses(void)
{
	static const struct {
		const char *endpoint, *project, *location, *model, *url;
		int r;
	} cases[] = {
		{NULL, "p", "us-central1", "m",
			"https://us-central1-aiplatform.googleapis.com/v1/projects/p/"
			"locations/us-central1" R "m:predict"},
		{NULL, "p", "global", "m",
			"https://aiplatform.googleapis.com/v1/projects/p/locations/"
			"global" R "m:predict"},
		{NULL, "123", "eu", "imagegeneration@006",
			"https://aiplatform.eu.rep.googleapis.com/v1/projects/123/"
			"locations/eu" R "imagegeneration@006:predict"},
		{"http://127.0.0.1:9//", "p", "us", "m",
			"http://127.0.0.1:9/v1/projects/p/locations/us" R "m:predict"},
		{NULL, "", "us", "m", NULL, -EACCES},
		{NULL, NULL, "us", "m", NULL, -EACCES},
		{NULL, "p", "us/x", "m", NULL, -EINVAL},
		{NULL, "p", "evil.org", "m", NULL, -EINVAL},
		{NULL, "p", "us", "../m", NULL, -EINVAL},
		{NULL, "p", "us", "m?x", NULL, -EINVAL},
		{NULL, "p", "us", "", NULL, -EINVAL},
		{"ftp://x", "p", "us", "m", NULL, -EINVAL},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		scoped(buf_finish) struct buf b = {0};
		struct wire_endpoint p = {
			cases[i].endpoint, cases[i].project, cases[i].location};
		struct err err = {0};

		CHECK_INT(google_vertex_url(&p, cases[i].model, "predict", &b, &err),
			cases[i].r);
		if (cases[i].r == 0)
			CHECK_STR(b.data, cases[i].url);
		else
			CHECK(*err.why);
	}
}

static void addresses_of_operations(void)
{
#define OP "projects/p/locations/europe-west4" R "veo/operations/12-ab"
	static const struct {
		const char *name, *vertex, *developer;
	} cases[] = {
		{OP,
			"https://europe-west4-aiplatform.googleapis.com/v1/projects/p/"
			"locations/europe-west4" R "veo:fetchPredictOperation",
			NULL},
		{"models/veo/operations/x1", NULL,
			"https://generativelanguage.googleapis.com/v1beta/models/veo/"
			"operations/x1"},
		{"projects/p/locations/a.b" R "veo/operations/1", NULL, NULL},
		{"projects/p/locations/a@b" R "veo/operations/1", NULL, NULL},
		{"projects/p/locations/us" R "veo/operations/", NULL, NULL},
		{"projects/p/locations/us" R "veo/operations/../1", NULL, NULL},
		{"projects/p/locations/us" R "veo/operations/1?x", NULL, NULL},
		{"https://evil.org/locations/us/operations/1", NULL, NULL},
		{"/operations/1/locations/us", NULL, NULL},
		{"", NULL, NULL},
	};
	/* Whatever the configuration says by now. */
	struct wire_endpoint p = {NULL, "other", "us-central1"};
	struct wire_endpoint d = {.base = GOOGLE_DEVELOPER_BASE};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		scoped(buf_finish) struct buf a = {0}, b = {0};

		CHECK_INT(google_operation_url(&p, cases[i].name, &a, NULL),
			cases[i].vertex ? 0 : -EINVAL);
		if (cases[i].vertex)
			CHECK_STR(a.data, cases[i].vertex);
		CHECK_INT(google_developer_operation_url(&d, cases[i].name, &b, NULL),
			cases[i].developer ? 0 : -EINVAL);
		if (cases[i].developer)
			CHECK_STR(b.data, cases[i].developer);
	}
}

static void addresses_of_objects(void)
{
	static const struct {
		const char *uri, *url;
	} cases[] = {
		{"gs://b/a/x 1+%.mp4",
			"https://storage.googleapis.com/storage/v1/b/b/o/"
			"a%2Fx%201%2B%25.mp4?alt=media"},
		{"gs://b/\xc3\xa9", "https://storage.googleapis.com/storage/v1/b/b/o/"
				    "%C3%A9?alt=media"},
		{"gs://b//..", "https://storage.googleapis.com/storage/v1/b/b/o/"
			       "%2F..?alt=media"},
		{"gs://b/", NULL},
		{"gs://b", NULL},
		{"gs:///x", NULL},
		{"gs://b?x/y", NULL},
		{"https://x/y", NULL},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		scoped(buf_finish) struct buf b = {0};

		CHECK_INT(google_storage_url(NULL, cases[i].uri, &b, NULL),
			cases[i].url ? 0 : -EINVAL);
		if (cases[i].url)
			CHECK_STR(b.data, cases[i].url);
	}
}

static void read_error(
	const struct wire_job *job, const struct wire_response *a, struct verdict *v)
{
	google_error(a, v);
}

#define E(status, message, details)                                                    \
	"{\"error\":{\"code\":1,\"status\":\"" status "\",\"message\":\"" message      \
	"\",\"details\":[" details "]}}"
#define INFO(reason)                                                                   \
	"{\"@type\":\"type.googleapis.com/google.rpc.ErrorInfo\",\"reason\":\"" reason \
	"\"}"
#define VIOLATION                                                                      \
	"{\"@type\":\"type.googleapis.com/"                                            \
	"google.rpc.BadRequest\",\"fieldViolations\":[]}"
#define QUOTA(id, value)                                                               \
	"{\"@type\":\"type.googleapis.com/google.rpc.QuotaFailure\",\"violations\":[{" \
	"\"quotaId\":\"" id "\",\"quotaValue\":\"" value "\"}]}"

static void every_error(void)
{
	static const struct wire_response_case cases[] = {
		{400, E("INVALID_ARGUMENT", "bad aspect", ""), VERDICT_REJECTED,
			CHARGE_NOTHING, EINVAL, 0, "bad aspect"},
		{400,
			E("INVALID_ARGUMENT", "Invalid safety_settings: violates x",
				VIOLATION),
			VERDICT_REJECTED, CHARGE_NOTHING, EINVAL, 0, NULL},
		{400,
			E("INVALID_ARGUMENT",
				"Image generation failed with the following error: x "
				"61493863",
				""),
			VERDICT_REFUSED, CHARGE_NOTHING, EPERM, 0, "(violence)"},
		{400, E("INVALID_ARGUMENT", "Error Code: 58061214", ""),
			VERDICT_REFUSED, CHARGE_NOTHING, EPERM, 0, "(children)"},
		{400, E("INVALID_ARGUMENT", "Gemini cannot be accessed", ""),
			VERDICT_REJECTED, CHARGE_NOTHING, EINVAL, 0, NULL},
		{400, E("INVALID_ARGUMENT", "not valid", INFO("API_KEY_INVALID")),
			VERDICT_REJECTED, CHARGE_NOTHING, EACCES, 0, "API key"},
		{400, E("FAILED_PRECONDITION", "User location", ""), VERDICT_REJECTED,
			CHARGE_NOTHING, EACCES, 0, "User location"},
		{400, "[" E("INVALID_ARGUMENT", "in a list", "") "]", VERDICT_REJECTED,
			CHARGE_NOTHING, EINVAL, 0, "in a list"},
		{400, "<html>", VERDICT_REJECTED, CHARGE_NOTHING, EINVAL, 0, NULL},
		{401, E("UNAUTHENTICATED", "x", ""), VERDICT_AUTH, CHARGE_NOTHING,
			EACCES, 0, NULL},
		{401, "", VERDICT_AUTH, CHARGE_NOTHING, EACCES, 0, NULL},
		{403, E("PERMISSION_DENIED", "Permission 'x' denied", ""),
			VERDICT_REJECTED, CHARGE_NOTHING, EACCES, 0, "Permission 'x'"},
		{403, E("PERMISSION_DENIED", "x", INFO("SERVICE_DISABLED")),
			VERDICT_REJECTED, CHARGE_NOTHING, EACCES, 0, "not enabled"},
		{403, E("PERMISSION_DENIED", "x", INFO("BILLING_DISABLED")),
			VERDICT_REJECTED, CHARGE_NOTHING, EACCES, 0, "billing"},
		{403, "", VERDICT_REJECTED, CHARGE_NOTHING, EACCES, 0, NULL},
		{404, E("NOT_FOUND", "Publisher Model `x` was not found", ""),
			VERDICT_NO_MODEL, CHARGE_NOTHING, ENOENT, 0, "Publisher"},
		{404, "<html>nginx", VERDICT_REJECTED, CHARGE_NOTHING, ENOENT, 0,
			"endpoint"},
		{404, E("NOT_FOUND", "gs://b/x", ""), VERDICT_REJECTED, CHARGE_NOTHING,
			ENOENT, 0, "input"},
		{429, E("RESOURCE_EXHAUSTED", "x", ""), VERDICT_BUSY, CHARGE_NOTHING,
			EBUSY, 0, "overloaded"},
		{429, "", VERDICT_BUSY, CHARGE_NOTHING, EBUSY, 0, NULL},
		{429, E("RESOURCE_EXHAUSTED", "x", QUOTA("PerDayPerProject", "10")),
			VERDICT_BUSY, CHARGE_NOTHING, EBUSY, 0, "today"},
		{429, E("RESOURCE_EXHAUSTED", "x", QUOTA("PerMinute", "0")),
			VERDICT_BUSY, CHARGE_NOTHING, EBUSY, 0, "no quota"},
		{503, E("UNAVAILABLE", "x", ""), VERDICT_BUSY, CHARGE_NOTHING, EBUSY, 0,
			NULL},
		{503, "<html>", VERDICT_UNKNOWN, CHARGE_RESERVED, EIO, 0, "503"},
		{500, E("INTERNAL", "x", ""), VERDICT_UNKNOWN, CHARGE_RESERVED, EIO, 0,
			NULL},
		{502, "<html>", VERDICT_UNKNOWN, CHARGE_RESERVED, EIO, 0, NULL},
		{504, E("DEADLINE_EXCEEDED", "x", ""), VERDICT_UNKNOWN, CHARGE_RESERVED,
			EIO, 0, NULL},
		{408, "", VERDICT_UNKNOWN, CHARGE_RESERVED, EIO, 0, NULL},
		{501, E("UNIMPLEMENTED", "x", ""), VERDICT_REJECTED, CHARGE_NOTHING,
			EINVAL, 0, NULL},
		{413, "", VERDICT_REJECTED, CHARGE_NOTHING, EINVAL, 0, "413"},
		{307, "", VERDICT_REJECTED, CHARGE_NOTHING, EPROTO, 0, "307"},
		{302, "", VERDICT_UNKNOWN, CHARGE_RESERVED, EIO, 0, NULL},
		{202, "{}", VERDICT_UNKNOWN, CHARGE_RESERVED, EIO, 0, NULL},
		{200, "{\"a\":", VERDICT_UNUSABLE, CHARGE_RESERVED, EPROTO, 0, "JSON"},
		{200, E("INTERNAL", "late", ""), VERDICT_UNKNOWN, CHARGE_RESERVED, EIO,
			0, "late"},
	};
	struct wire_job none = {.row = &(struct model_row){.kind = MODEL_TEXT}};

	WIRE_CHECK_ANSWERS(read_error, &none, cases);
}

static void hints(void)
{
#define RETRY(delay)                                                                   \
	E("RESOURCE_EXHAUSTED", "x",                                                   \
		"{\"@type\":\"type.googleapis.com/"                                    \
		"google.rpc.RetryInfo\",\"retryDelay\":\"" delay "\"}")
	static const struct {
		const char *body;
		int64_t header_ms, want_ms;
		bool final;
	} cases[] = {
		{RETRY("37s"), -1, 37000},
		{RETRY("0.847s"), -1, 847},
		{RETRY("2s"), 9000, 9000},
		{RETRY("20s"), 9000, 20000},
		{RETRY("s"), -1, -1},
		{RETRY("-3s"), -1, -1},
		{RETRY("infs"), -1, -1},
		{RETRY("1e3s"), -1, -1},
		{RETRY("99999999s"), -1, -1},
		{RETRY("3"), -1, -1},
		{"", 5000, 5000},
		{E("RESOURCE_EXHAUSTED", "x", QUOTA("RequestsPerDay", "5")), -1, -1,
			true},
	};
	struct wire_job none = {0};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct verdict v;

		wire_read(read_error, &none, 429, cases[i].header_ms, cases[i].body,
			strlen(cases[i].body), &v);
		CHECK_INT(v.kind, VERDICT_BUSY);
		CHECK_INT(v.retry_after_ms, cases[i].want_ms);
		CHECK_INT(v.is_final, cases[i].final);
	}
}

static void support_codes(void)
{
	static const struct {
		const char *text, *means;
	} cases[] = {
		{"Support codes: 39322892", "a person or face"},
		{"x 1 codes: 99999999, 90789179.", "sexual content"},
		{"161493863", ""},
		{"6149386", ""},
		{"", ""},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		CHECK_STR(google_support_code(cases[i].text), cases[i].means);
}

static void words_are_one_line_of_utf8(void)
{
	static const struct {
		const char *from, *to;
		size_t size;
	} cases[] = {
		{"a\r\nb\x01", "a  b ", 20},
		{"abcdef", "abc", 4},
		{"ab\xc3\xa9", "ab", 4},
		{"ab\xc3\xa9", "ab\xc3\xa9", 5},
		{"a\xff\xc3", "a??", 20},
		{NULL, "", 20},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char to[20];

		google_words(cases[i].from, to, cases[i].size);
		CHECK_STR(to, cases[i].to);
	}
}

TAP_MAIN(TAP_CASE(addresses), TAP_CASE(addresses_of_operations),
	TAP_CASE(addresses_of_objects), TAP_CASE(every_error), TAP_CASE(hints),
	TAP_CASE(support_codes), TAP_CASE(words_are_one_line_of_utf8))
