// SPDX-License-Identifier: MIT
/* What goes out, byte for byte, of each protocol on each service that speaks it: a
 * change of a body is a change of what is bought. */
#include "backend/provider/remote.h"

#include "tests/backend/provider/remote_case.h"

#define SETTING(category, threshold)                                                   \
	"{\"category\":\"HARM_CATEGORY_" category "\",\"threshold\":\"" threshold "\"" \
	"}"
#define SAFETY(t)                                                                      \
	",\"safetySettings\":[" SETTING("HARASSMENT", t) "," SETTING(                  \
		"HATE_SPEECH", t) "," SETTING("SEXUALLY_EXPLICIT",                     \
		t) "," SETTING("DANGEROUS_CONTENT", t) "]"

static const struct body_case {
	enum backend_id backend;
	const char *model, *file, *options;
	bool has_pictures; /* image= and last= */
	const char *video, *storage;
	const char *want;
} sent[] = {
	{BACKEND_VERTEX, "imagen-2", "1.png",
		"aspect=16:9 guidance=12.5 negative=fog safety=block_few seed=7",
		.want = "{\"instances\":[{\"prompt\":\"a red \\\"fox\\\"\"}]"
			",\"parameters\":{\"sampleCount\":1"
			",\"aspectRatio\":\"16:9\""
			",\"personGeneration\":\"allow_adult\""
			",\"safetySetting\":\"block_only_high\""
			",\"negativePrompt\":\"fog\",\"seed\":7"
			",\"addWatermark\":false,\"guidanceScale\":12.5"
			",\"includeRaiReason\":true"
			",\"outputOptions\":{\"mimeType\":\"image/png\"}}}"},
	{BACKEND_GEMINI, "imagen-4", "1.jpg", "size=2K count=3",
		.want = "{\"instances\":[{\"prompt\":\"a red \\\"fox\\\"\"}]"
			",\"parameters\":{\"sampleCount\":3"
			",\"aspectRatio\":\"1:1\""
			",\"personGeneration\":\"allow_adult\""
			",\"safetySetting\":\"block_low_and_above\""
			",\"sampleImageSize\":\"2K\""
			",\"includeRaiReason\":true"
			",\"outputOptions\":{\"mimeType\":\"image/jpeg\"}}}"},
	{BACKEND_VERTEX, "gemini-3-pro-image", "1.png",
		"image=a aspect=4:3 size=2K seed=7", true,
		.want = "{\"contents\":[{\"role\":\"user\""
			",\"parts\":[{\"text\":\"a red \\\"fox\\\"\"}"
			",{\"inlineData\":{\"mimeType\":\"image/png\""
			",\"data\":\"iVBORw0KGgo=\"}}]}]"
			",\"generationConfig\":{\"candidateCount\":1"
			",\"seed\":7,\"responseModalities\":[\"IMAGE\"]"
			",\"imageConfig\":{\"aspectRatio\":\"4:3\""
			",\"imageSize\":\"2K\""
			",\"imageOutputOptions\":{\"mimeType\":\"image/png\"}"
			",\"personGeneration\":\"ALLOW_ADULT\"}}" SAFETY(
				"BLOCK_LOW_AND_ABOVE") "}"},
	{BACKEND_GEMINI, "gemini-3-pro-image", "1.jpg", "",
		.want = "{\"contents\":[{\"role\":\"user\""
			",\"parts\":[{\"text\":\"a red \\\"fox\\\"\"}]}]"
			",\"generationConfig\":{\"candidateCount\":1"
			",\"responseModalities\":[\"IMAGE\"]"
			",\"imageConfig\":{\"aspectRatio\":\"1:1\""
			",\"imageSize\":\"1K\"}}" SAFETY("BLOCK_LOW_AND_ABOVE") "}"},
	{BACKEND_VERTEX, "gemini-3.8-flash", "1.txt",
		"image=a max_tokens=100 temperature=0.5 safety=block_few", true,
		.want = "{\"contents\":[{\"role\":\"user\""
			",\"parts\":[{\"text\":\"a red \\\"fox\\\"\"}"
			",{\"inlineData\":{\"mimeType\":\"image/png\""
			",\"data\":\"iVBORw0KGgo=\"}}]}]"
			",\"generationConfig\":{\"candidateCount\":1"
			",\"temperature\":0.5,\"maxOutputTokens\":100}" SAFETY(
				"BLOCK_ONLY_HIGH") "}"},
	{BACKEND_GEMINI, "gemini-3.8-flash", "1.txt", "",
		.want = "{\"contents\":[{\"role\":\"user\""
			",\"parts\":[{\"text\":\"a red \\\"fox\\\"\"}]}]"
			",\"generationConfig\":{\"candidateCount\":1"
			",\"temperature\":0.7,\"maxOutputTokens\":8192}" SAFETY(
				"BLOCK_LOW_AND_ABOVE") "}"},
	{BACKEND_VERTEX, "veo-3.1", "8s.mp4",
		"image=a last=b aspect=9:16 audio=off negative=fog seed=7", true, NULL,
		"gs://b/p/",
		.want = "{\"instances\":[{\"prompt\":\"a red \\\"fox\\\"\""
			",\"image\":{\"mimeType\":\"image/png\""
			",\"bytesBase64Encoded\":\"iVBORw0KGgo=\"}"
			",\"lastFrame\":{\"mimeType\":\"image/png\""
			",\"bytesBase64Encoded\":\"iVBORw0KGgo=\"}}]"
			",\"parameters\":{\"sampleCount\":1"
			",\"durationSeconds\":8,\"aspectRatio\":\"9:16\""
			",\"personGeneration\":\"allow_adult\""
			",\"resolution\":\"1080p\",\"negativePrompt\":\"fog\""
			",\"generateAudio\":false,\"seed\":7"
			",\"storageUri\":\"gs://b/p/\"}}"},
	{BACKEND_VERTEX, "veo-2", "3s.mp4", "",
		.want = "{\"instances\":[{\"prompt\":\"a red \\\"fox\\\"\"}]"
			",\"parameters\":{\"sampleCount\":1"
			",\"durationSeconds\":5,\"aspectRatio\":\"16:9\""
			",\"personGeneration\":\"allow_adult\""
			",\"enhancePrompt\":false}}"},
	{BACKEND_VERTEX, "veo-3.1", "8s.mp4", "", false, "gs://b/x.mp4", "gs://b/p/",
		.want = "{\"instances\":[{\"prompt\":\"a red \\\"fox\\\"\""
			",\"video\":{\"gcsUri\":\"gs://b/x.mp4\""
			",\"mimeType\":\"video/mp4\"}}]"
			",\"parameters\":{\"sampleCount\":1"
			",\"durationSeconds\":7,\"aspectRatio\":\"16:9\""
			",\"personGeneration\":\"allow_adult\""
			",\"resolution\":\"1080p\",\"generateAudio\":true"
			",\"storageUri\":\"gs://b/p/\"}}"},
	{BACKEND_GEMINI, "veo-3.1", "8s.mp4", "res=1080p",
		.want = "{\"instances\":[{\"prompt\":\"a red \\\"fox\\\"\"}]"
			",\"parameters\":{\"sampleCount\":1"
			",\"durationSeconds\":8,\"aspectRatio\":\"16:9\""
			",\"resolution\":\"1080p\"}}"},
	{BACKEND_GEMINI, "veo-3.1", "8s.mp4", "", false,
		"https://generativelanguage.googleapis.com/v1beta/files/a",
		.want = "{\"instances\":[{\"prompt\":\"a red \\\"fox\\\"\""
			",\"video\":{\"uri\":\"https://"
			"generativelanguage.googleapis.com/v1beta/files/a\""
			",\"encoding\":\"video/mp4\"}}]"
			",\"parameters\":{\"sampleCount\":1"
			",\"durationSeconds\":7,\"aspectRatio\":\"16:9\"}}"},
	{BACKEND_OPENAI, "sd", "1.jpg", "count=2",
		.want = "{\"model\":\"sd-v1-5\",\"prompt\":\"a red \\\"fox\\\"\""
			",\"n\":2,\"response_format\":\"b64_json\"}"},
	{BACKEND_OPENAI, "dear", "1.png", "",
		.want = "{\"model\":\"dear\",\"prompt\":\"a red \\\"fox\\\"\""
			",\"n\":1,\"response_format\":\"b64_json\"}"},
	{BACKEND_OPENAI, "llama", "1.txt", "seed=7",
		.want = "{\"model\":\"llama\",\"messages\":[{\"role\":\"user\""
			",\"content\":\"a red \\\"fox\\\"\"}]}"},
	{BACKEND_OPENAI, "llava", "1.txt",
		"image=a max_tokens=100 temperature=0.5 seed=7", true,
		.want = "{\"model\":\"gpt-5\",\"temperature\":0.5"
			",\"max_completion_tokens\":100,\"seed\":7"
			",\"messages\":[{\"role\":\"user\""
			",\"content\":[{\"type\":\"text\""
			",\"text\":\"a red \\\"fox\\\"\"},{\"type\":\"image_url\""
			",\"image_url\":{\"url\":\"data:image/png;base64"
			",iVBORw0KGgo=\"}}]}]}"},
};

static const char see_row[] =
	"{\"models\":{\"llava\":{\"kind\":\"text\",\"protocol\":\"openai-chat\","
	"\"wire\":{\"openai\":\"gpt-5\"},\"price\":0,\"options\":{"
	"\"image\":{\"min\":0,\"max\":2},\"seed\":{\"min\":0,\"max\":100},"
	"\"max_tokens\":{\"min\":1,\"max\":100},"
	"\"temperature\":{\"min\":0,\"max\":1}}}}}";

static void fill(struct wire_fixture *f, const struct body_case *c)
{
	static const struct wire_input picture = {MEDIA_PNG, "\x89PNG\r\n\x1a\n", 8};

	remote_fixture(f, "sd", c->file, c->options);
	CHECK_INT(catalogue_merge(f->catalogue, "see", see_row, strlen(see_row), NULL),
		0);
	f->job.row = catalogue_find(f->catalogue, c->model);
	f->job.n_takes = request_job_takes(&f->req);
	f->job.video_uri = c->video;
	f->job.storage_uri = c->storage;
	if (c->video)
		f->job.seconds = WIRE_EXTENSION_SECONDS;
	if (!c->has_pictures)
		return;
	f->job.image = &picture;
	f->job.n_images = 1;
	f->job.last = f->req.opt[OPT_LAST] ? &picture : NULL;
}

static void bodies(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(sent); i++) {
		const struct body_case *c = &sent[i];
		scoped(remote_call_finish) struct remote_call call = {0};
		struct remote *r = test_remote_of(c->backend);
		struct wire_fixture f;
		struct err err = {0};

		fill(&f, c);
		if (CHECK_INT(remote_make(r, &f.job, 0, &call, &err), 0))
			CHECK_STR(call.body.data, c->want);
		else
			printf("# case %zu, %s: %s\n", i, c->model, err.why);
		wire_fixture_finish(&f);
		remote_free(r);
	}
}

TAP_MAIN(TAP_CASE(bodies))
