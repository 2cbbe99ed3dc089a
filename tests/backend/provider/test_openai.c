// SPDX-License-Identifier: MIT
/* Addresses, bodies and responses of openai-image and openai-chat. */
#include "backend/provider/openai.h"

#include "tests/backend/provider/wire_case.h"

static void addresses(void)
{
	static const struct {
		const char *base;
		const char *method;
		const char *url;
	} cases[] = {
		{"http://127.0.0.1:8080", "images/generations",
			"http://127.0.0.1:8080/v1/images/generations"},
		{"https://api.openai.com/v1/", "chat/completions",
			"https://api.openai.com/v1/chat/completions"},
		{"ftp://x", "chat/completions", NULL},
		{"", "chat/completions", NULL},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct wire_endpoint to = {.base = cases[i].base};
		scoped(buf_finish) struct buf b = {0};

		CHECK_INT(openai_url(&to, "m", cases[i].method, &b, NULL),
			cases[i].url ? 0 : -EINVAL);
		if (cases[i].url)
			CHECK_STR(b.data, cases[i].url);
	}
}

/* Rows of a user's catalogue, as far as they matter here. */
static struct model_row picture = {.name = "p",
	.kind = MODEL_PICTURE,
	.protocol = "openai-image",
	.wire = {[BACKEND_OPENAI] = "local-sd"},
	.option = {[OPT_SEED] = {.is_taken = true, .form = FORM_INTEGER, .max = 99}}};
static struct pixel_size sizes[] = {{"1K", "1:1", 1536, 1024}};
static struct model_row gpt = {.name = "g",
	.kind = MODEL_PICTURE,
	.protocol = "openai-image",
	.pixels = sizes,
	.n_pixels = 1,
	.wire = {[BACKEND_OPENAI] = "gpt-image-1"}};
static struct model_row chat = {.name = "c",
	.kind = MODEL_TEXT,
	.protocol = "openai-chat",
	.wire = {[BACKEND_OPENAI] = "llama"},
	.option = {[OPT_TEMPERATURE] = {.is_taken = true,
			   .form = FORM_NUMBER,
			   .preset = 0.5},
		[OPT_MAX_TOKENS] = {
			.is_taken = true, .form = FORM_INTEGER, .preset = 64}}};

static void bodies(void)
{
	static const struct wire_input input = {MEDIA_JPEG, "foo", 3};
	static const struct {
		struct model_row *row;
		const char *file, *options;
		uint32_t images;
		const char *want;
	} cases[] = {
		{&picture, "2.png", "seed=10", 0,
			"{\"model\":\"local-sd\",\"prompt\":\"a fox\",\"n\":1,"
			"\"response_format\":\"b64_json\",\"seed\":11}"},
		{&picture, "1.png", "seed=100", 0,
			"{\"model\":\"local-sd\",\"prompt\":\"a fox\",\"n\":1,"
			"\"response_format\":\"b64_json\"}"},
		{&gpt, "1.png", "seed=10", 0,
			"{\"model\":\"gpt-image-1\",\"prompt\":\"a fox\",\"n\":1,"
			"\"output_format\":\"png\",\"size\":\"1536x1024\"}"},
		{&chat, "1.txt", NULL, 0,
			"{\"model\":\"llama\",\"temperature\":0.5,\"max_tokens\":64,"
			"\"messages\":[{\"role\":\"user\",\"content\":\"a fox\"}]}"},
		{&chat, "1.txt", NULL, 1,
			"{\"model\":\"llama\",\"temperature\":0.5,\"max_tokens\":64,"
			"\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":"
			"\"text\","
			"\"text\":\"a fox\"},{\"type\":\"image_url\",\"image_url\":{"
			"\"url\":\"data:image/jpeg;base64,Zm9v\"}}]}]}"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		scoped(buf_finish) struct buf b = {0};
		struct request req;
		struct wire_job job = {.req = &req,
			.row = cases[i].row,
			.backend = BACKEND_OPENAI,
			.prompt = "a fox",
			.negative = "",
			.n_takes = 1,
			.image = &input,
			.n_images = cases[i].images};

		test_request(&req, "a fox", cases[i].file, cases[i].options);
		job.has_seed = limits_seed(&req, &job.seed);
		CHECK_INT(protocol_of(job.row)->body(&job, &b), 0);
		wire_check_body(cases[i].row->name, &b, cases[i].want);
		request_finish(&req);
	}
}

/* Later models of OpenAI refuse the name that all other servers know. */
static void the_name_of_the_limit(void)
{
	static const struct {
		const char *id, *name;
	} cases[] = {
		{"llama", "\"max_tokens\":64"},
		{"olmo", "\"max_tokens\":64"},
		{"gpt-4o-mini", "\"max_tokens\":64"},
		{"o3-mini", "\"max_completion_tokens\":64"},
		{"gpt-5.1", "\"max_completion_tokens\":64"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		scoped(buf_finish) struct buf b = {0};
		struct model_row row = chat;
		struct request req;
		struct wire_job job = {.req = &req,
			.row = &row,
			.backend = BACKEND_OPENAI,
			.prompt = "a fox",
			.negative = ""};

		row.wire[BACKEND_OPENAI] = cases[i].id;
		test_request(&req, "a fox", "1.txt", NULL);
		CHECK_INT(protocol_openai_chat.body(&job, &b), 0);
		if (!CHECK(strstr(b.data, cases[i].name)))
			printf("# %s\n", b.data);
		request_finish(&req);
	}
}

#define E(code, message)                                                               \
	"{\"error\":{\"code\":\"" code "\",\"message\":\"" message "\",\"type\":"      \
	"\"x\"}}"

static void answers_with_pictures(void)
{
	static const struct wire_response_case cases[] = {
		{200,
			"{\"data\":[{\"b64_json\":\"" PNG64
			"\"},{\"b64_json\":\"" JPEG64 "\"}]}",
			VERDICT_DONE, CHARGE_USAGE, 0, 2, NULL},
		{200, "{\"data\":[{\"b64_json\":\"" PNG64 "\"}]}", VERDICT_DONE,
			CHARGE_USAGE, 0, 1, NULL},
		{200, "{\"data\":[{\"url\":\"https://x/y.png\"}]}", VERDICT_DONE,
			CHARGE_USAGE, 0, 1, NULL},
		{200, "{\"data\":[{\"url\":\"http://10.0.0.1/y.png\"}]}",
			VERDICT_UNUSABLE, CHARGE_RESERVED, EPROTO, 0, NULL},
		{200, "{\"data\":[{\"b64_json\":\"" TEXT64 "\"}]}", VERDICT_UNUSABLE,
			CHARGE_RESERVED, EPROTO, 0, NULL},
		{200, "{}", VERDICT_UNUSABLE, CHARGE_RESERVED, EPROTO, 0, NULL},
		{200, "{\"data\":\"Zm9v\"}", VERDICT_UNUSABLE, CHARGE_RESERVED, EPROTO,
			0, NULL},
		{200, E("x", "late"), VERDICT_UNKNOWN, CHARGE_RESERVED, EIO, 0, "late"},
		{400, E("content_policy_violation", "no"), VERDICT_REFUSED,
			CHARGE_NOTHING, EPERM, 0, "no"},
		{400, E("moderation_blocked", "no"), VERDICT_REFUSED, CHARGE_NOTHING,
			EPERM, 0, NULL},
		{400, E("invalid_value", "size"), VERDICT_REJECTED, CHARGE_NOTHING,
			EINVAL, 0, "size"},
		{401, E("invalid_api_key", "sk-123"), VERDICT_AUTH, CHARGE_NOTHING,
			EACCES, 0, NULL},
		{404, E("model_not_found", "gone"), VERDICT_NO_MODEL, CHARGE_NOTHING,
			ENOENT, 0, "gone"},
		{404, "{\"error\":\"model 'x' not found\"}", VERDICT_NO_MODEL,
			CHARGE_NOTHING, ENOENT, 0, "model 'x'"},
		{404, "{\"detail\":\"Not Found\"}", VERDICT_REJECTED, CHARGE_NOTHING,
			ENOENT, 0, "endpoint"},
		{422, "{\"detail\":[]}", VERDICT_REJECTED, CHARGE_NOTHING, EINVAL, 0,
			NULL},
		{429, E("insufficient_quota", "x"), VERDICT_BUSY, CHARGE_NOTHING, EBUSY,
			0, "used up"},
		{429, E("rate_limit_exceeded", "x"), VERDICT_BUSY, CHARGE_NOTHING,
			EBUSY, 0, NULL},
		{503, E("unavailable_error", "Loading model"), VERDICT_BUSY,
			CHARGE_NOTHING, EBUSY, 0, "Loading model"},
		{503, "<html>", VERDICT_UNKNOWN, CHARGE_RESERVED, EIO, 0, NULL},
		{500, E("server_error", "x"), VERDICT_UNKNOWN, CHARGE_RESERVED, EIO, 0,
			NULL},
	};
	struct wire_job job = {.row = &picture, .n_takes = 2};

	WIRE_CHECK_ANSWERS(protocol_openai_image.read, &job, cases);
}

#define SAYS(reason, message, usage)                                                   \
	"{\"model\":\"m\",\"choices\":[{\"finish_reason\":\"" reason                   \
	"\",\"message\":{" message "}}]" usage "}"
#define USED ",\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4}"

static void answers_in_words(void)
{
	static const struct wire_response_case cases[] = {
		{200, SAYS("stop", "\"content\":\"hi\"", USED), VERDICT_DONE,
			CHARGE_USAGE, 0, 0, NULL},
		{200, SAYS("stop", "\"content\":\"hi\"", ""), VERDICT_DONE,
			CHARGE_RESERVED, 0, 0, NULL},
		{200, SAYS("length", "\"content\":\"\"", USED), VERDICT_UNUSABLE,
			CHARGE_USAGE, EPROTO, 0, "max_tokens"},
		{200, SAYS("content_filter", "\"content\":null", USED), VERDICT_REFUSED,
			CHARGE_USAGE, EPERM, 0, NULL},
		{200, SAYS("stop", "\"content\":null,\"refusal\":\"I won't\"", USED),
			VERDICT_REFUSED, CHARGE_USAGE, EPERM, 0, "I won't"},
		{200, "{\"choices\":[]}", VERDICT_UNUSABLE, CHARGE_RESERVED, EPROTO, 0,
			NULL},
	};
	struct wire_job job = {.row = &chat, .n_takes = 1};

	WIRE_CHECK_ANSWERS(protocol_openai_chat.read, &job, cases);
}

TAP_MAIN(TAP_CASE(addresses), TAP_CASE(bodies), TAP_CASE(the_name_of_the_limit),
	TAP_CASE(answers_with_pictures), TAP_CASE(answers_in_words))
