// SPDX-License-Identifier: MIT
/* What responses mean, and where media would be fetched from. */
#include "backend/provider/remote.h"

#include "tests/backend/provider/remote_case.h"

static void lists(void)
{
	static const struct {
		int status;
		const char *body;
		int n; /* or -errno */
		const char *first;
	} cases[] = {
		{200, "{}", 0, NULL},
		{200, "{\"items\":[]}", 0, NULL},
		{200, "{\"items\":[{\"name\":\"a/1/sample_0.mp4\",\"size\":\"5\"}]}", 1,
			"gs://b/a/1/sample_0.mp4"},
		{200,
			"{\"items\":[{\"name\":\"a/\",\"size\":\"0\"},"
			"{\"name\":\"a/1/\",\"size\":\"3\"},{\"name\":\"a/e\",\"size\":"
			"\"0\"},{\"name\":\"b/x\",\"size\":\"5\"},{\"name\":\"a\","
			"\"size\":\"5\"},{\"name\":7,\"size\":\"5\"},7,null,"
			"{\"name\":\"a/c\\nd\",\"size\":\"5\"},{\"name\":\"a/n\"},"
			"{\"name\":\"a/../y\",\"size\":\"5\"},{\"name\":\"a/z\","
			"\"size\":\"5\"}],\"nextPageToken\":\"t\"}",
			2, "gs://b/a/../y"},
		{200,
			"{\"items\":[{\"name\":\"a/1\",\"size\":\"1\"},{\"name\":\"a/"
			"2\","
			"\"size\":\"1\"},{\"name\":\"a/3\",\"size\":\"1\"},{\"name\":"
			"\"a/4\",\"size\":\"1\"}]}",
			3, "gs://b/a/1"},
		{200, "{\"nextPageToken\":\"t\"}", -EPROTO, NULL},
		{200, "[]", -EPROTO, NULL},
		{200, "<html>", -EPROTO, NULL},
		{401, "{}", -EACCES, NULL},
		{403, "{\"error\":{\"code\":403,\"message\":\"x\"}}", -EACCES, NULL},
		{404, "No such bucket", -ENOENT, NULL},
		{429, "", -EBUSY, NULL},
		{503, "", -EBUSY, NULL},
		{302, "", -EPROTO, NULL},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		scoped_json cJSON *json = cJSON_Parse(cases[i].body);
		struct wire_response a = {.status = cases[i].status, .json = json};
		char uri[3][WIRE_URI_MAX];
		struct err err = {0};
		int n = remote_read_list(&a, "gs://b/a/", uri, 3, &err);

		if (!CHECK_INT(n, cases[i].n))
			printf("# case %zu: %s\n", i, err.why);
		CHECK((*err.why != '\0') == (n < 0));
		if (cases[i].first && n > 0)
			CHECK_STR(uri[0], cases[i].first);
	}
}

/* Each protocol's answer gets to its own reader, of the right API. */
static const struct remote *reader;

static void read_it(
	const struct wire_job *j, const struct wire_response *a, struct verdict *v)
{
	memset(v, 0x55, sizeof(*v));
	remote_read(reader, j, a, v);
}

static void read_poll(
	const struct wire_job *j, const struct wire_response *a, struct verdict *v)
{
	memset(v, 0x55, sizeof(*v));
	remote_read_poll(reader, j, a, v);
}

static void answers(void)
{
	static const struct {
		enum backend_id backend;
		const char *model, *file;
		bool is_poll;
		struct wire_response_case c;
	} cases[] = {
		{BACKEND_VERTEX, "imagen-3", "1.png", false,
			{200,
				"{\"predictions\":[{\"bytesBase64Encoded\":\"" PNG64
				"\"}]}",
				VERDICT_DONE, CHARGE_USAGE, 0, 1, NULL}},
		{BACKEND_GEMINI, "gemini-3-pro-image", "1.png", false,
			{200,
				"{\"candidates\":[{\"content\":{\"parts\":["
				"{\"inlineData\":{\"data\":\"" PNG64 "\"}}]}}]}",
				VERDICT_DONE, CHARGE_USAGE, 0, 1, NULL}},
		{BACKEND_VERTEX, "gemini-3.8-flash", "1.txt", false,
			{200,
				"{\"candidates\":[{\"content\":{\"parts\":[{\"text\":"
				"\"hm\"}]}}],\"usageMetadata\":{}}",
				VERDICT_DONE, CHARGE_USAGE, 0, 0, NULL}},
		{BACKEND_VERTEX, "veo-3.1", "8s.mp4", false,
			{200, "{\"name\":\"" OP "\"}", VERDICT_OPERATION,
				CHARGE_NOTHING, 0, 0, NULL}},
		{BACKEND_VERTEX, "veo-3.1", "8s.mp4", true,
			{200,
				"{\"name\":\"" OP "\",\"done\":true,\"response\":{"
				"\"videos\":[{\"gcsUri\":\"gs://b/x.mp4\"}]}}",
				VERDICT_DONE, CHARGE_USAGE, 0, 1, NULL}},
		{BACKEND_GEMINI, "veo-3.1", "8s.mp4", true,
			{200, "{\"name\":\"models/v/operations/1\"}", VERDICT_PENDING,
				CHARGE_NOTHING, 0, 0, NULL}},
		{BACKEND_OPENAI, "sd", "1.png", false,
			{200, "{\"data\":[{\"b64_json\":\"" PNG64 "\"}]}", VERDICT_DONE,
				CHARGE_USAGE, 0, 1, NULL}},
		{BACKEND_OPENAI, "llama", "1.txt", false,
			{200,
				"{\"choices\":[{\"message\":{\"content\":\"hm\"}}],"
				"\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":"
				"1}}",
				VERDICT_DONE, CHARGE_USAGE, 0, 0, NULL}},
		{BACKEND_VERTEX, "veo-3.1", "8s.mp4", false,
			{200, "{\"name\":\"models/v/operations/1\"}", VERDICT_UNKNOWN,
				CHARGE_RESERVED, EIO, 0, "no operation of its own"}},
		{BACKEND_GEMINI, "veo-3.1", "8s.mp4", false,
			{200, "{\"name\":\"" OP "\"}", VERDICT_UNKNOWN, CHARGE_RESERVED,
				EIO, 0, "no operation of its own"}},
		/* Somewhere we would not go for it. */
		{BACKEND_VERTEX, "veo-3.1", "8s.mp4", true,
			{200,
				"{\"done\":true,\"response\":{\"videos\":[{\"gcsUri\":"
				"\"http://localhost/a\"},{\"gcsUri\":\"gs://b/x\"},"
				"{\"gcsUri\":\"gs://b\"},{\"gcsUri\":\"gs://b/y\"}]}}",
				VERDICT_DONE, CHARGE_USAGE, 0, 2, NULL}},
		{BACKEND_GEMINI, "veo-3.1", "8s.mp4", true,
			{200,
				"{\"done\":true,\"response\":{\"videos\":[{\"gcsUri\":"
				"\"gs://b/x\"}]}}",
				VERDICT_UNUSABLE, CHARGE_USAGE, EPROTO, 0,
				"cannot be fetched"}},
		{BACKEND_OPENAI, "sd", "1.png", false,
			{200, "{\"data\":[{\"url\":\"http://127.0.0.1:631/a\"}]}",
				VERDICT_UNUSABLE, CHARGE_USAGE, EPROTO, 0,
				"cannot be fetched"}},
		{BACKEND_OPENAI, "sd", "1.png", true,
			{200, "{}", VERDICT_UNKNOWN, CHARGE_RESERVED, EIO, 0,
				"no operations"}},
		{BACKEND_OPENAI, "sd", "1.png", false,
			{502, "<html>", VERDICT_UNKNOWN, CHARGE_RESERVED, EIO, 0,
				"502"}},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct remote *r = test_remote_of(cases[i].backend);
		struct wire_fixture f;

		reader = r;
		remote_fixture(&f, cases[i].model, cases[i].file, "");
		wire_check_answers(
			cases[i].is_poll ? read_poll : read_it, &f.job, &cases[i].c, 1);
		wire_fixture_finish(&f);
		remote_free(r);
	}
}

TAP_MAIN(TAP_CASE(lists), TAP_CASE(answers))
