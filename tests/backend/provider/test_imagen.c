// SPDX-License-Identifier: MIT
/* Bodies and responses of imagen. */
#include "backend/provider/protocol.h"

#include "tests/backend/provider/wire_case.h"

#define HEAD "{\"instances\":[{\"prompt\":\"a red \\\"fox\\\"\"}],\"parameters\":{"
#define COMMON                                                                         \
	"\"personGeneration\":\"allow_adult\",\"safetySetting\":\"block_low_and_"      \
	"above\","                                                                     \
	"\"includeRaiReason\":true,"
#define PNG "\"outputOptions\":{\"mimeType\":\"image/png\"}"
#define TAIL "}}"

static void bodies(void)
{
	static const struct {
		const char *model, *file, *options;
		bool developer;
		const char *want;
	} cases[] = {
		{"imagen-3", "1.png", NULL, false,
			HEAD COMMON PNG ",\"sampleCount\":1,\"aspectRatio\":\"1:1\","
					"\"addWatermark\":true,"
					"\"enhancePrompt\":false" TAIL},
		{"imagen-3", "1.jpg",
			"aspect=16:9 count=4 negative=rain safety=block_few", false,
			HEAD "\"personGeneration\":\"allow_adult\",\"safetySetting\":"
			     "\"block_only_high\",\"includeRaiReason\":true,"
			     "\"outputOptions\":{\"mimeType\":\"image/jpeg\"},"
			     "\"sampleCount\":4,\"aspectRatio\":\"16:9\","
			     "\"addWatermark\":true,\"negativePrompt\":\"rain\","
			     "\"enhancePrompt\":false" TAIL},
		{"imagen-3", "3.png", "seed=2147483000", false,
			HEAD COMMON PNG
			",\"sampleCount\":1,\"aspectRatio\":\"1:1\",\"addWatermark\":"
			"false,"
			"\"seed\":2147483002,\"enhancePrompt\":false" TAIL},
		{"imagen-3", "1.png",
			"seed=7 watermark=off negative=rain safety=block_few", true,
			HEAD
			"\"personGeneration\":\"allow_adult\",\"includeRaiReason\":"
			"true," PNG ",\"sampleCount\":1,\"aspectRatio\":\"1:1\"" TAIL},
		{"imagen-4", "1.png", "size=2K", true,
			HEAD COMMON PNG ",\"sampleCount\":1,\"aspectRatio\":\"1:1\","
					"\"sampleImageSize\":\"2K\"" TAIL},
		{"imagen-2", "1.png", "guidance=12.5 negative=fog", false,
			HEAD COMMON PNG
			",\"sampleCount\":1,\"aspectRatio\":\"1:1\",\"addWatermark\":"
			"true,"
			"\"negativePrompt\":\"fog\",\"guidanceScale\":12.5" TAIL},
		{"imagen-4", "1.png", "size=2K watermark=off", false,
			HEAD COMMON PNG
			",\"sampleCount\":1,\"aspectRatio\":\"1:1\",\"addWatermark\":"
			"false,"
			"\"sampleImageSize\":\"2K\",\"enhancePrompt\":false" TAIL},
		{"imagen-4-fast", "1.png", NULL, false,
			HEAD COMMON PNG ",\"sampleCount\":1,\"aspectRatio\":\"1:1\","
					"\"addWatermark\":true,"
					"\"enhancePrompt\":false" TAIL},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		scoped(wire_fixture_finish) struct wire_fixture f;
		scoped(buf_finish) struct buf b = {0};

		wire_fixture(&f, cases[i].model, cases[i].file, cases[i].options,
			cases[i].developer);
		CHECK_INT(protocol_imagen.body(&f.job, &b), 0);
		wire_check_body(cases[i].model, &b, cases[i].want);
	}
}

/* Whatever is asked: no row, no option brings a seed together with a watermark. */
static void never_a_seed_with_a_watermark(void)
{
	static const char *const models[] = {
		"imagen-2", "imagen-3", "imagen-4", "imagen-4-ultra", "imagen-4-fast"};
	static const char *const options[] = {"seed=5", "seed=5 watermark=on",
		"seed=5 watermark=off", "watermark=on", ""};

	for (size_t m = 0; m < ARRAY_SIZE(models); m++) {
		for (size_t o = 0; o < 2 * ARRAY_SIZE(options); o++) {
			scoped(wire_fixture_finish) struct wire_fixture f;
			scoped(buf_finish) struct buf b = {0};

			wire_fixture(&f, models[m], "1.png", options[o / 2], o % 2);
			CHECK_INT(protocol_imagen.body(&f.job, &b), 0);
			CHECK(!strstr(b.data, "\"seed\"") ||
				strstr(b.data, "\"addWatermark\":false"));
			CHECK(strstr(b.data, "\"includeRaiReason\":true"));
			CHECK(!strstr(b.data, "\"enhancePrompt\":true"));
		}
	}
}

#define PIC(bytes) "{\"mimeType\":\"image/png\",\"bytesBase64Encoded\":\"" bytes "\"}"
#define RAI "{\"raiFilteredReason\":\"Filtered. Support codes: 39322892\"}"
#define LIST(list) "{\"predictions\":[" list "]}"

static void answers(void)
{
	static const struct wire_response_case cases[] = {
		{200, LIST(PIC(PNG64) "," PIC(PNG64)), VERDICT_DONE, CHARGE_USAGE, 0, 2,
			NULL},
		{200, LIST(PIC(JPEG64) "," PIC(PNG64)), VERDICT_DONE, CHARGE_USAGE, 0,
			2, NULL},
		{200, LIST(RAI "," PIC(PNG64)), VERDICT_DONE, CHARGE_USAGE, 0, 1, NULL},
		{200, LIST(PIC(PNG64)), VERDICT_DONE, CHARGE_USAGE, 0, 1, NULL},
		{200, LIST(PIC(BROKEN64) "," PIC(PNG64)), VERDICT_DONE, CHARGE_USAGE, 0,
			1, NULL},
		{200,
			LIST("{\"contentType\":\"Positive Prompt\","
			     "\"safetyAttributes\":{}}," PIC(PNG64)),
			VERDICT_DONE, CHARGE_USAGE, 0, 1, NULL},
		{200, LIST("{\"gcsUri\":\"gs://b/x.png\"}"), VERDICT_DONE, CHARGE_USAGE,
			0, 1, NULL},
		{200, LIST("{\"gcsUri\":\"file:///etc/passwd\"}"), VERDICT_REFUSED,
			CHARGE_REFUSAL, EPERM, 0, NULL},
		{200, LIST(RAI "," RAI), VERDICT_REFUSED, CHARGE_REFUSAL, EPERM, 0,
			"(a person or face)"},
		{200, "{}", VERDICT_REFUSED, CHARGE_REFUSAL, EPERM, 0, "safety filter"},
		{200, LIST(""), VERDICT_REFUSED, CHARGE_REFUSAL, EPERM, 0, NULL},
		{200, LIST(PIC(BROKEN64)), VERDICT_UNUSABLE, CHARGE_USAGE, EPROTO, 0,
			NULL},
		{200, LIST(PIC(TEXT64)), VERDICT_UNUSABLE, CHARGE_USAGE, EPROTO, 0,
			NULL},
		{200, LIST(PIC("")), VERDICT_UNUSABLE, CHARGE_USAGE, EPROTO, 0, NULL},
		{200, "{\"predictions\":[", VERDICT_UNUSABLE, CHARGE_RESERVED, EPROTO,
			0, NULL},
		{200, "[]", VERDICT_UNUSABLE, CHARGE_RESERVED, EPROTO, 0, NULL},
		{200, "{\"predictions\":7}", VERDICT_REFUSED, CHARGE_REFUSAL, EPERM, 0,
			NULL},
		{500, "{}", VERDICT_UNKNOWN, CHARGE_RESERVED, EIO, 0, NULL},
	};
	scoped(wire_fixture_finish) struct wire_fixture f;

	wire_fixture(&f, "imagen-3", "1.png", "count=2", false);
	WIRE_CHECK_ANSWERS(protocol_imagen.read, &f.job, cases);
}

static void each_take_has_its_result(void)
{
	static const char body[] = LIST(RAI "," PIC(PNG64) "," PIC(JPEG64) "," RAI);
	scoped(wire_fixture_finish) struct wire_fixture f;
	struct verdict v;

	wire_fixture(&f, "imagen-3", "1.png", "count=4", false);
	wire_read(protocol_imagen.read, &f.job, 200, -1, body, strlen(body), &v);
	CHECK_INT(v.kind, VERDICT_DONE);
	CHECK_INT(v.n_results, 4);
	CHECK_INT(v.result[0].media, 0);
	CHECK_INT(v.result[1].media, 1);
	CHECK_INT(v.result[2].media, -1);
	CHECK(strstr(v.result[3].reason, "39322892"));
	CHECK_INT(v.usage.images, 2);
}

TAP_MAIN(TAP_CASE(bodies), TAP_CASE(never_a_seed_with_a_watermark), TAP_CASE(answers),
	TAP_CASE(each_take_has_its_result))
