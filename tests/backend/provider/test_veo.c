// SPDX-License-Identifier: MIT
/* The start, the polls and the results of veo. */
#include "backend/provider/protocol.h"

#include "tests/backend/provider/wire_case.h"

#define OP                                                                             \
	"projects/p/locations/us-central1/publishers/google/models/veo/operations/1-a"

static const struct wire_input picture = {MEDIA_PNG, "foob", 4};

static void bodies(void)
{
#define HEAD "{\"instances\":[{\"prompt\":\"a red \\\"fox\\\"\""
#define IMAGE "{\"mimeType\":\"image/png\",\"bytesBase64Encoded\":\"Zm9vYg==\"}"
	static const struct {
		const char *model, *file, *options;
		bool developer, image, last;
		const char *storage, *video, *want;
	} cases[] = {
		{"veo-2", "8s.mp4", "seed=4294967295 fps=30", false, false, false, NULL,
			NULL,
			HEAD
			"}],\"parameters\":{\"sampleCount\":1,\"durationSeconds\":8,"
			"\"aspectRatio\":\"16:9\",\"personGeneration\":"
			"\"allow_adult\",\"seed\":4294967295,"
			"\"enhancePrompt\":false}}"},
		{"veo-3.1", "6s.mp4", "audio=off res=720p negative=rain count=2", false,
			true, true, "gs://b/p/", NULL,
			HEAD ",\"image\":" IMAGE ",\"lastFrame\":" IMAGE
			     "}],\"parameters\":{\"sampleCount\":2,"
			     "\"durationSeconds\":6,\"aspectRatio\":\"16:9\","
			     "\"personGeneration\":\"allow_adult\",\"resolution\":"
			     "\"720p\",\"negativePrompt\":\"rain\","
			     "\"generateAudio\":false,\"storageUri\":\"gs://b/p/\"}}"},
		{"veo-3.1", "8s.mp4", "res=4K aspect=9:16", false, false, false, NULL,
			"gs://b/x.mp4",
			HEAD ",\"video\":{\"gcsUri\":\"gs://b/x.mp4\",\"mimeType\":"
			     "\"video/mp4\"}}],\"parameters\":{\"sampleCount\":1,"
			     "\"durationSeconds\":8,\"aspectRatio\":\"9:16\","
			     "\"personGeneration\":\"allow_adult\",\"resolution\":"
			     "\"4k\",\"generateAudio\":true}}"},
		/* Extended at the clip's own resolution. */
		{"veo-3.1", "7s.mp4", NULL, true, false, false, NULL,
			"https://x/v1beta/files/a",
			HEAD ",\"video\":{\"uri\":\"https://x/v1beta/files/a\","
			     "\"encoding\":\"video/mp4\"}}],\"parameters\":{"
			     "\"sampleCount\":1,\"durationSeconds\":7,"
			     "\"aspectRatio\":\"16:9\"}}"},
		{"veo-3.1-fast", "8s.mp4", "seed=1 audio=on", true, false, true,
			"gs://b/p/", NULL,
			HEAD
			"}],\"parameters\":{\"sampleCount\":1,\"durationSeconds\":8,"
			"\"aspectRatio\":\"16:9\",\"resolution\":\"1080p\"}}"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		scoped(wire_fixture_finish) struct wire_fixture f;
		scoped(buf_finish) struct buf b = {0};

		wire_fixture(&f, cases[i].model, cases[i].file, cases[i].options,
			cases[i].developer);
		f.job.image = &picture;
		f.job.n_images = cases[i].image;
		f.job.last = cases[i].last ? &picture : NULL;
		f.job.storage_uri = cases[i].storage;
		f.job.video_uri = cases[i].video;
		CHECK_INT(protocol_veo.body(&f.job, &b), 0);
		wire_check_body(cases[i].model, &b, cases[i].want);
	}
}

static void the_start(void)
{
	static const struct wire_response_case cases[] = {
		{200, "{\"name\":\"" OP "\"}", VERDICT_OPERATION, CHARGE_NOTHING, 0, 0,
			NULL},
		{200, "{\"name\":\"models/veo/operations/x\"}", VERDICT_OPERATION,
			CHARGE_NOTHING, 0, 0, NULL},
		{200, "{\"name\":\"x y\"}", VERDICT_UNKNOWN, CHARGE_RESERVED, EIO, 0,
			NULL},
		{200, "{}", VERDICT_UNKNOWN, CHARGE_RESERVED, EIO, 0, NULL},
		{200, "{\"na", VERDICT_UNKNOWN, CHARGE_RESERVED, EIO, 0, NULL},
		{200, "{\"error\":{\"message\":\"x\"}}", VERDICT_UNKNOWN,
			CHARGE_RESERVED, EIO, 0, NULL},
		{404, "{\"error\":{\"message\":\"x\"}}", VERDICT_NO_MODEL,
			CHARGE_NOTHING, ENOENT, 0, NULL},
		{500, "", VERDICT_UNKNOWN, CHARGE_RESERVED, EIO, 0, NULL},
	};
	scoped(wire_fixture_finish) struct wire_fixture f;
	struct verdict v;

	wire_fixture(&f, "veo-3.1", "8s.mp4", NULL, false);
	WIRE_CHECK_ANSWERS(protocol_veo.read, &f.job, cases);
	wire_read(protocol_veo.read, &f.job, 200, -1, cases[0].body,
		strlen(cases[0].body), &v);
	CHECK_STR(v.operation, OP);
}

#define DONE(response) "{\"name\":\"x\",\"done\":true,\"response\":{" response "}}"
#define ERROR(code, message)                                                           \
	"{\"done\":true,\"error\":{\"code\":" code ",\"message\":\"" message "\"}}"
#define VIDEO "{\"bytesBase64Encoded\":\"" MP464 "\",\"mimeType\":\"video/mp4\"}"
#define RAI "\"raiMediaFilteredCount\":1,\"raiMediaFilteredReasons\":[\"no. 15236754\"]"

static void polls(void)
{
	static const struct wire_response_case cases[] = {
		{200, "{\"name\":\"x\"}", VERDICT_PENDING, CHARGE_NOTHING, 0, 0, NULL},
		{200, "", VERDICT_PENDING, CHARGE_NOTHING, 0, 0, NULL},
		{429, "", VERDICT_PENDING, CHARGE_NOTHING, EBUSY, 0, NULL},
		{500, "<html>", VERDICT_PENDING, CHARGE_NOTHING, EIO, 0, NULL},
		{403, "{\"error\":{\"message\":\"x\"}}", VERDICT_PENDING,
			CHARGE_NOTHING, EACCES, 0, NULL},
		{404, "<html>", VERDICT_PENDING, CHARGE_NOTHING, ENOENT, 0, NULL},
		{404, "{\"error\":{\"message\":\"x\"}}", VERDICT_UNKNOWN,
			CHARGE_RESERVED, EIO, 0, "operation"},
		{401, "", VERDICT_AUTH, CHARGE_NOTHING, EACCES, 0, NULL},
		{200, DONE("\"videos\":[" VIDEO "," VIDEO "]"), VERDICT_DONE,
			CHARGE_USAGE, 0, 2, NULL},
		{200, DONE("\"videos\":[{\"gcsUri\":\"gs://b/x/sample_0.mp4\"}]," RAI),
			VERDICT_DONE, CHARGE_USAGE, 0, 1, NULL},
		{200,
			DONE("\"generatedSamples\":[{\"video\":{\"encodedVideo\":"
			     "\"" MP464 "\"}}]"),
			VERDICT_DONE, CHARGE_USAGE, 0, 1, NULL},
		{200,
			DONE("\"generateVideoResponse\":{\"generatedSamples\":[{"
			     "\"video\":"
			     "{\"uri\":\"https://x/files/1:download?alt=media\"}}]}"),
			VERDICT_DONE, CHARGE_USAGE, 0, 1, NULL},
		{200, DONE("\"videos\":[{\"gcsUri\":\"http://169.254.169.254/x\"}]"),
			VERDICT_UNUSABLE, CHARGE_USAGE, EPROTO, 0, NULL},
		{200, DONE("\"videos\":[{\"bytesBase64Encoded\":\"" PNG64 "\"}]"),
			VERDICT_UNUSABLE, CHARGE_USAGE, EPROTO, 0, "MP4"},
		{200, DONE("\"videos\":[]," RAI), VERDICT_REFUSED, CHARGE_REFUSAL,
			EPERM, 0, "(a celebrity)"},
		{200, DONE("\"generateVideoResponse\":{" RAI "}"), VERDICT_REFUSED,
			CHARGE_REFUSAL, EPERM, 0, "15236754"},
		{200, DONE(""), VERDICT_UNUSABLE, CHARGE_REFUSAL, EPROTO, 0, "without"},
		{200, "{\"done\":true}", VERDICT_UNUSABLE, CHARGE_REFUSAL, EPROTO, 0,
			NULL},
		{200, ERROR("3", "violates usage guidelines 29310472"), VERDICT_REFUSED,
			CHARGE_REFUSAL, EPERM, 0, "(a celebrity)"},
		{200, ERROR("3", "duration"), VERDICT_UNUSABLE, CHARGE_REFUSAL, EINVAL,
			0, "(3)"},
		{200, ERROR("8", "x"), VERDICT_UNUSABLE, CHARGE_REFUSAL, EBUSY, 0,
			NULL},
		{200, ERROR("13", "internal"), VERDICT_UNUSABLE, CHARGE_REFUSAL, EPROTO,
			0, NULL},
		{200, "{\"done\":true,\"error\":{}}", VERDICT_UNUSABLE, CHARGE_REFUSAL,
			EPROTO, 0, NULL},
	};
	scoped(wire_fixture_finish) struct wire_fixture f;
	struct verdict v;

	wire_fixture(&f, "veo-3.1", "8s.mp4", "count=2", false);
	WIRE_CHECK_ANSWERS(protocol_veo.read_poll, &f.job, cases);
	wire_read(protocol_veo.read_poll, &f.job, 200, -1, cases[9].body,
		strlen(cases[9].body), &v);
	CHECK_INT(v.usage.seconds, 8);
	CHECK_INT(v.n_results, 2);
	CHECK(strstr(v.result[1].reason, "15236754"));
}

static void the_body_of_a_poll(void)
{
	scoped(buf_finish) struct buf b = {0};
	struct wire_endpoint vertex = {.backend = BACKEND_VERTEX};
	struct wire_endpoint developer = {.backend = BACKEND_GEMINI};

	CHECK_INT(protocol_veo.poll_body(&developer, OP, &b), 0);
	CHECK_INT(b.len, 0);
	CHECK_INT(protocol_veo.poll_body(&vertex, OP, &b), 0);
	CHECK_STR(b.data, "{\"operationName\":\"" OP "\"}");
}

TAP_MAIN(TAP_CASE(bodies), TAP_CASE(the_start), TAP_CASE(polls),
	TAP_CASE(the_body_of_a_poll))
