// SPDX-License-Identifier: MIT
/* Requests that are served by a row that is not the one they were made for. */
#include "backend/provider/protocol.h"
#include "tests/backend/provider/wire_case.h"

/* Rows that know less, or call it otherwise. */
static const char narrow_rows[] =
	"{\"models\":{"
	"\"narrow\":{\"kind\":\"picture\",\"protocol\":\"imagen\",\"price\":0,"
	"\"wire\":{\"vertex\":\"narrow-1\",\"gemini\":\"narrow-1\"},\"options\":{"
	"\"person\":[\"dont_allow\"],\"safety\":{\"block_most\":\"strict\"},"
	"\"guidance\":{\"min\":0,\"max\":5,\"default\":3},"
	"\"negative\":true,"
	"\"seed\":{\"min\":10,\"max\":20},\"watermark\":[\"on\",\"off\"]}},"
	"\"bare\":{\"kind\":\"picture\",\"protocol\":\"imagen\",\"price\":0,"
	"\"wire\":{\"vertex\":\"bare-1\"}},"
	"\"words\":{\"kind\":\"text\",\"protocol\":\"gemini-text\",\"price\":0,"
	"\"wire\":{\"vertex\":\"words-1\"},\"options\":{"
	"\"max_tokens\":{\"min\":1,\"max\":100,\"default\":50},"
	"\"temperature\":{\"min\":0,\"max\":1}}},"
	"\"sd\":{\"kind\":\"picture\",\"protocol\":\"openai-image\",\"price\":0,"
	"\"wire\":{\"openai\":\"sd\"},\"options\":{\"negative\":true,"
	"\"watermark\":[\"on\",\"off\"],\"guidance\":{\"min\":0,\"max\":9}}}}}";

static void serve(struct wire_fixture *f, const char *model, const char *file,
	const char *options, bool developer)
{
	struct err err = {0};

	wire_fixture(f, "imagen-3", file, options, developer);
	if (catalogue_merge(
		    f->catalogue, "test", narrow_rows, strlen(narrow_rows), &err) < 0) {
		printf("# %s\n", err.why);
		exit(1);
	}
	f->job.row = catalogue_find(f->catalogue, model);
	f->job.n_takes = 1;
	if (!f->job.row) {
		printf("# no model %s\n", model);
		exit(1);
	}
}

static int body(const struct wire_job *j, struct buf *b)
{
	return protocol_of(j->row)->body(j, b);
}

static void names(const struct wire_job *j, char *to, size_t size)
{
	bool dropped[OPT_COUNT_];
	size_t n = 0;

	wire_dropped(j, dropped);
	*to = '\0';
	for (enum option_id id = 0; id < OPT_COUNT_; id++) {
		if (dropped[id])
			n += (size_t)snprintf(to + n, size - n, "%s%s", n ? " " : "",
				option_name(id));
	}
}

static void what_another_row_makes_of_it(void)
{
	static const struct {
		const char *row, *file, *options;
		bool developer;
		const char *sends[4]; /* parts of the body */
		const char *not_[4];
		const char *dropped;
	} cases[] = {
		{"imagen-3", "1.png", "person=allow_all safety=block_few", false,
			{"\"allow_all\"", "\"block_only_high\""}, {NULL}, ""},
		{"narrow", "1.png", "person=allow_all safety=block_few guidance=7.5",
			false, {"\"dont_allow\"", "\"strict\"", "\"guidanceScale\":3"},
			{"allow_all", "block_few", "7.5"}, "guidance person safety"},
		{"narrow", "1.png", "guidance=4 safety=block_most", false,
			{"\"guidanceScale\":4", "\"strict\""}, {NULL}, ""},
		{"narrow", "1.png", "seed=9", false, {"\"addWatermark\":true"},
			{"\"seed\""}, "seed"},
		{"narrow", "2.png", "seed=20", false, {"\"addWatermark\":true"},
			{"\"seed\""}, "seed"},
		{"narrow", "1.png", "seed=20", false,
			{"\"addWatermark\":false", "\"seed\":20"}, {NULL}, ""},
		{"narrow", "1.png", "safety=block_most negative=rain watermark=on",
			true, {"\"strict\""}, {"negative", "atermark", "enhance"},
			"negative"},
		{"imagen-3", "1.png", "safety=block_few watermark=off", true,
			{"sampleCount"}, {"safetySetting", "atermark"},
			"safety watermark"},
		{"bare", "1.png",
			"person=allow_all safety=block_few seed=1 negative=rain "
			"guidance=7.5 watermark=off",
			false, {"sampleCount"},
			{"person", "safety", "negative", "guidance"},
			"guidance negative person safety seed watermark"},
		{"bare", "1.png", "watermark=on style=anime enhance=on count=2", false,
			{"sampleCount"}, {"atermark", "anime"}, ""},
		{"gemini-nano-banana-2.1", "1.png",
			"person=allow_all safety=block_few negative=rain guidance=5 "
			"watermark=off",
			false, {"\"ALLOW_ALL\"", "\"BLOCK_ONLY_HIGH\""},
			{"rain", "guidance", "atermark"},
			"guidance negative watermark"},
		{"gemini-nano-banana-2.1", "1.png", "person=allow_all watermark=on",
			true, {"imageConfig"}, {"personGeneration"}, "person"},
		{"imagen-4", "1.png", "guidance=7.5 negative=rain size=2K", false,
			{"\"sampleImageSize\":\"2K\""}, {"guidance", "rain"},
			"guidance negative"},
		{"words", "1.txt", "max_tokens=8000 temperature=1.5", false,
			{"\"maxOutputTokens\":50"}, {"temperature"},
			"max_tokens temperature"},
		{"words", "1.txt", "max_tokens=100 temperature=1", false,
			{"\"maxOutputTokens\":100", "\"temperature\":1"}, {NULL}, ""},
		{"sd", "1.png", "negative=rain watermark=on guidance=3", false,
			{"\"n\":1"}, {"rain", "atermark", "guidance", "size"},
			"guidance negative watermark"},
		{"veo-2", "8s.mp4", "res=1080p fps=30", false, {"durationSeconds\":8"},
			{"resolution", "fps", "Audio"}, "res"},
		{"veo-2", "8s.mp4", "res=720p audio=off", false, {"enhancePrompt"},
			{"resolution", "Audio"}, ""},
		{"veo-2", "8s.mp4", "audio=on", false, {"enhancePrompt"}, {"Audio"},
			"audio"},
		{"veo-3.1-lite", "8s.mp4", "seed=3 person=dont_allow fps=24", false,
			{"\"seed\":3", "\"dont_allow\"", "\"1080p\"",
				"\"generateAudio\":true"},
			{"enhancePrompt", "fps"}, ""},
		{"veo-3.1-lite", "8s.mp4", "seed=3 person=dont_allow audio=on", true,
			{"\"1080p\""}, {"seed", "person", "Audio"}, "person seed"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		scoped(wire_fixture_finish) struct wire_fixture f;
		scoped(buf_finish) struct buf b = {0};
		char dropped[200];
		bool ok = true;

		serve(&f, cases[i].row, cases[i].file, cases[i].options,
			cases[i].developer);
		CHECK_INT(body(&f.job, &b), 0);
		names(&f.job, dropped, sizeof(dropped));
		ok &= CHECK_STR(dropped, cases[i].dropped);
		for (size_t k = 0; k < 4; k++) {
			ok &= CHECK(!cases[i].sends[k] ||
				    strstr(b.data, cases[i].sends[k]));
			ok &= CHECK(
				!cases[i].not_[k] || !strstr(b.data, cases[i].not_[k]));
		}
		if (!ok)
			printf("# case %zu, %s %s: %s\n", i, cases[i].row,
				cases[i].options, b.data);
	}
}

/* The specification promises clips that Veo 2 does not make: longer ones are bought,
 * and that is what is booked. */
static void the_length_that_is_bought(void)
{
	static const struct {
		const char *row;
		uint32_t asked, bought;
		bool extends;
	} cases[] = {
		{"veo-2", 1, 5, false},
		{"veo-2", 4, 5, false},
		{"veo-2", 5, 5, false},
		{"veo-2", 8, 8, false},
		{"veo-3.1", 4, 4, false},
		{"veo-3.1", 7, 7, true},
		{"imagen-3", 0, 0, false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		scoped(wire_fixture_finish) struct wire_fixture f;
		scoped(buf_finish) struct buf b = {0};
		struct verdict v;
		char want[40];

		serve(&f, cases[i].row, "8s.mp4", NULL, false);
		f.job.seconds = cases[i].asked;
		f.job.video_uri = cases[i].extends ? "gs://b/x.mp4" : NULL;
		CHECK_INT(wire_seconds(&f.job), cases[i].bought);
		if (f.job.row->kind != MODEL_VIDEO)
			continue;
		snprintf(
			want, sizeof(want), "\"durationSeconds\":%u,", cases[i].bought);
		CHECK_INT(protocol_veo.body(&f.job, &b), 0);
		CHECK(strstr(b.data, want));
#define CLIP "{\"done\":true,\"response\":{\"videos\":[{\"gcsUri\":\"gs://b/x\"}]}}"
		wire_read(protocol_veo.read_poll, &f.job, 200, -1, CLIP, strlen(CLIP),
			&v);
		CHECK_INT(v.usage.seconds, cases[i].bought);
		verdict_finish(&v);
	}
}

static void who_extends(void)
{
	static const struct {
		const char *row;
		bool vertex, developer;
	} cases[] = {
		{"veo-3.1", true, true},
		{"veo-3.1-fast", true, true},
		{"veo-3.1-lite", true, false},
		{"veo-2", false, false},
		{"imagen-3", false, false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		scoped(wire_fixture_finish) struct wire_fixture f;

		serve(&f, cases[i].row, "8s.mp4", NULL, false);
		CHECK_INT(wire_can_extend(&f.job), cases[i].vertex);
		f.job.backend = BACKEND_GEMINI;
		CHECK_INT(wire_can_extend(&f.job), cases[i].developer);
	}
}

TAP_MAIN(TAP_CASE(what_another_row_makes_of_it), TAP_CASE(the_length_that_is_bought),
	TAP_CASE(who_extends))
