// SPDX-License-Identifier: MIT
/* Bodies and responses of gemini-image and gemini-text. */
#include "backend/provider/protocol.h"

#include "tests/backend/provider/wire_case.h"

static const struct wire_input pictures[] = {
	{MEDIA_PNG, "foob", 4}, {MEDIA_JPEG, "foo", 3}};

#define HEAD                                                                           \
	"{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"a red "              \
	"\\\"fox\\\"\"}"
#define S(name, level)                                                                 \
	"{\"category\":\"HARM_CATEGORY_" name "\",\"threshold\":\"" level "\"}"
#define SAFETY(level)                                                                  \
	"\"safetySettings\":[" S("HARASSMENT", level) "," S(                           \
		"HATE_SPEECH", level) "," S("SEXUALLY_EXPLICIT",                       \
		level) "," S("DANGEROUS_CONTENT", level) "]"

static void bodies(void)
{
	static const struct {
		const char *model, *file, *options;
		bool developer;
		uint32_t images;
		const char *want;
	} cases[] = {
		{"gemini-nano-banana-2.1", "1.jpg", "aspect=16:9 size=2K seed=9", false,
			2,
			HEAD
			",{\"inlineData\":{\"mimeType\":\"image/png\",\"data\":"
			"\"Zm9vYg==\"}},{\"inlineData\":{\"mimeType\":\"image/jpeg\","
			"\"data\":\"Zm9v\"}}]}],\"generationConfig\":{"
			"\"candidateCount\":1,\"seed\":9,\"responseModalities\":"
			"[\"IMAGE\"],\"imageConfig\":{\"aspectRatio\":\"16:9\","
			"\"imageSize\":\"2K\",\"personGeneration\":\"ALLOW_ADULT\","
			"\"imageOutputOptions\":{\"mimeType\":\"image/"
			"jpeg\"}}}," SAFETY("BLOCK_LOW_AND_ABOVE") "}"},
		{"gemini-2.5-flash-image", "1.png", "safety=block_fewest", true, 0,
			HEAD "]}],\"generationConfig\":{\"candidateCount\":1,"
			     "\"responseModalities\":[\"IMAGE\"],\"imageConfig\":{"
			     "\"aspectRatio\":\"1:1\"}}," SAFETY("BLOCK_NONE") "}"},
		{"gemini-3.8-flash", "1.txt", "temperature=0.25 max_tokens=100", true,
			0,
			HEAD "]}],\"generationConfig\":{\"candidateCount\":1,"
			     "\"temperature\":0.25,\"maxOutputTokens\":100}," SAFETY(
				     "BLOCK_LOW_AND_ABOVE") "}"},
		{"gemini-pro-vision", "1.txt", NULL, false, 1,
			HEAD
			",{\"inlineData\":{\"mimeType\":\"image/png\",\"data\":"
			"\"Zm9vYg==\"}}]}],\"generationConfig\":{"
			"\"candidateCount\":1,\"temperature\":0.7,"
			"\"maxOutputTokens\":8192}," SAFETY("BLOCK_LOW_AND_ABOVE") "}"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		scoped(wire_fixture_finish) struct wire_fixture f;
		scoped(buf_finish) struct buf b = {0};

		wire_fixture(&f, cases[i].model, cases[i].file, cases[i].options,
			cases[i].developer);
		f.job.image = pictures;
		f.job.n_images = cases[i].images;
		CHECK_INT(protocol_of(f.job.row)->body(&f.job, &b), 0);
		wire_check_body(cases[i].model, &b, cases[i].want);
	}
}

#define USED                                                                           \
	"\"usageMetadata\":{\"promptTokenCount\":7,\"candidatesTokenCount\":20,"       \
	"\"thoughtsTokenCount\":5},\"modelVersion\":\"m-1\""
#define SAYS(reason, parts)                                                            \
	"{\"candidates\":[{\"finishReason\":\"" reason                                 \
	"\",\"content\":{\"role\":\"model\",\"parts\":[" parts "]}}]," USED "}"
#define PIC(data) "{\"inlineData\":{\"mimeType\":\"image/png\",\"data\":\"" data "\"}}"
#define DRAFT "{\"thought\":true,\"inlineData\":{\"data\":\"" PNG64 "\"}}"
#define TEXT "{\"text\":\"hello \"},{\"text\":\"there\",\"thoughtSignature\":\"x\"}"

static void answers_with_pictures(void)
{
	static const struct wire_response_case cases[] = {
		{200, SAYS("STOP", PIC(PNG64)), VERDICT_DONE, CHARGE_USAGE, 0, 1, NULL},
		{200, SAYS("STOP", TEXT "," PIC(JPEG64)), VERDICT_DONE, CHARGE_USAGE, 0,
			1, NULL},
		{200, SAYS("STOP", PIC(TEXT64) "," PIC(PNG64)), VERDICT_DONE,
			CHARGE_USAGE, 0, 1, NULL},
		{200, SAYS("STOP", DRAFT), VERDICT_UNUSABLE, CHARGE_REFUSAL, EPROTO, 0,
			"STOP"},
		{200, SAYS("STOP", TEXT), VERDICT_REFUSED, CHARGE_REFUSAL, EPERM, 0,
			"hello there"},
		{200, SAYS("NO_IMAGE", ""), VERDICT_UNUSABLE, CHARGE_REFUSAL, EPROTO, 0,
			"NO_IMAGE"},
		{200, SAYS("SOMETHING_NEW", ""), VERDICT_UNUSABLE, CHARGE_REFUSAL,
			EPROTO, 0, "SOMETHING_NEW"},
		{200, SAYS("IMAGE_SAFETY", ""), VERDICT_REFUSED, CHARGE_REFUSAL, EPERM,
			0, "IMAGE_SAFETY"},
		{200,
			"{\"candidates\":[{\"finishReason\":\"IMAGE_PROHIBITED_"
			"CONTENT\","
			"\"finishMessage\":\"Sorry. Support codes: 89371032\"}]}",
			VERDICT_REFUSED, CHARGE_REFUSAL, EPERM, 0,
			"(prohibited content)"},
		{200, SAYS("STOP", PIC(BROKEN64)), VERDICT_UNUSABLE, CHARGE_USAGE,
			EPROTO, 0, NULL},
		{200, "{}", VERDICT_UNUSABLE, CHARGE_REFUSAL, EPROTO, 0, "no reason"},
		{200, "{\"candidates\":[{}]}", VERDICT_UNUSABLE, CHARGE_REFUSAL, EPROTO,
			0, NULL},
		{200,
			"{\"promptFeedback\":{\"blockReason\":\"PROHIBITED_CONTENT\","
			"\"blockReasonMessage\":\"Blocked.\"}," USED "}",
			VERDICT_REFUSED, CHARGE_REFUSAL, EPERM, 0,
			"(PROHIBITED_CONTENT): Blocked."},
		{200, "[]", VERDICT_UNUSABLE, CHARGE_RESERVED, EPROTO, 0, NULL},
		{400,
			"{\"error\":{\"message\":\"Unhandled generated data mime "
			"type\"}}",
			VERDICT_REJECTED, CHARGE_NOTHING, EINVAL, 0, "mime"},
	};
	scoped(wire_fixture_finish) struct wire_fixture f;
	static const char body[] = SAYS("STOP", DRAFT "," TEXT "," PIC(JPEG64));
	struct verdict v;

	wire_fixture(&f, "gemini-nano-banana-2.1", "1.png", NULL, false);
	WIRE_CHECK_ANSWERS(protocol_gemini_image.read, &f.job, cases);
	wire_read(protocol_gemini_image.read, &f.job, 200, -1, body, strlen(body), &v);
	CHECK_INT(v.kind, VERDICT_DONE);
	CHECK_INT(v.result[0].media, 1); /* not the draft */
	CHECK_INT(v.usage.images, 1);
	CHECK_INT(v.usage.tokens_out, 0); /* in the price of the picture */
	CHECK_STR(v.model_version, "m-1");
	verdict_finish(&v);
}

static void answers_in_words(void)
{
	static const struct wire_response_case cases[] = {
		{200, SAYS("STOP", TEXT), VERDICT_DONE, CHARGE_USAGE, 0, 0, NULL},
		{200, SAYS("MAX_TOKENS", TEXT), VERDICT_DONE, CHARGE_USAGE, 0, 0, NULL},
		{200, SAYS("MAX_TOKENS", ""), VERDICT_UNUSABLE, CHARGE_USAGE, EPROTO, 0,
			"max_tokens"},
		{200, "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"x\"}]}}]}",
			VERDICT_DONE, CHARGE_RESERVED, 0, 0, NULL},
		{200,
			"{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"x\"}]}}]"
			","
			"\"usageMetadata\":{\"promptTokenCount\":-5}}",
			VERDICT_DONE, CHARGE_RESERVED, 0, 0, NULL},
		{200, SAYS("SAFETY", TEXT), VERDICT_REFUSED, CHARGE_USAGE, EPERM, 0,
			"SAFETY"},
		{200, "{\"promptFeedback\":{\"blockReason\":\"OTHER\"}}",
			VERDICT_REFUSED, CHARGE_REFUSAL, EPERM, 0, "(OTHER)"},
		{429, "", VERDICT_BUSY, CHARGE_NOTHING, EBUSY, 0, NULL},
	};
	static const char body[] =
		SAYS("STOP", "{\"text\":\"hmm\",\"thought\":true}," TEXT);
	scoped(wire_fixture_finish) struct wire_fixture f;
	struct verdict v;

	wire_fixture(&f, "gemini-3.8-flash", "1.txt", NULL, false);
	WIRE_CHECK_ANSWERS(protocol_gemini_text.read, &f.job, cases);
	wire_read(protocol_gemini_text.read, &f.job, 200, -1, body, strlen(body), &v);
	CHECK_STR(v.text.data, "hello there");
	CHECK_INT(v.usage.tokens_in, 7);
	CHECK_INT(v.usage.tokens_out, 25);
	CHECK_STR(v.finish_reason, "STOP");
	verdict_finish(&v);
}

TAP_MAIN(TAP_CASE(bodies), TAP_CASE(answers_with_pictures), TAP_CASE(answers_in_words))
