// SPDX-License-Identifier: MIT
/* sandbox_join: films of clips that ffmpeg made, looked at with ffprobe. */
#include "backend/sandbox/sandbox.h"

#include <errno.h>

#include "backend/media/decode_picture.h"
#include "backend/sandbox/child.h"
#include "cache/base/str.h"
#include "tests/backend/sandbox/clips.h"

#define LONG_MS 120000
#define JOINED "joined"
#define HALF_PACKET (512.0 / SOUND_RATE)

#define B_FRAMES "-c:v libx264 -preset veryfast -crf 20 -bf 3 "

static const struct clip_spec specs[] = {
	/* as contrib/cloud makes them */
	{"a", 2, 0, .has_sound = true},
	{"b", 2, 48, .has_sound = true},
	{"c", 2, 96, .has_sound = true},
	{"quiet", 2, 48},
	/* the first frame is the last of the one before */
	{"b_again", 2, 47, .has_sound = true},
	{"c_again", 2, 94, .has_sound = true},
	/* pictures that refer to later ones; groups of a second, and one for all */
	{"a_b", 2, 0, .has_sound = true, .encoder = B_FRAMES "-g 24"},
	{"b_b", 2, 47, .has_sound = true, .encoder = B_FRAMES "-g 24"},
	{"c_b", 2, 94, .has_sound = true, .encoder = B_FRAMES "-g 24"},
	{"a_long", 2, 0, .encoder = B_FRAMES "-g 250"},
	{"b_long", 2, 47, .encoder = B_FRAMES "-g 250"},
	{"a_open", 2, 0, .encoder = B_FRAMES "-g 12 -x264-params open-gop=1"},
	/* others */
	{"fast", 2, 48, .fps = 30, .has_sound = true},
	{"small", 2, 48, .has_sound = true, .filter = "scale=160:90"},
	{"tall", 2, 48, .filter = "scale=180:320"},
	{"hevc", 2, 48,
		.encoder =
			"-c:v libx265 -x265-params log-level=none -preset ultrafast"},
	{"mpeg4", 2, 48, .encoder = "-c:v mpeg4 -q:v 2"},
	{"mono44", 2, 48, .has_sound = true, .sound = "-ar 44100"},
	{"fragmented", 2, 48, .has_sound = true,
		.encoder = "-c:v libx264 -preset ultrafast -crf 34 -g 24 -movflags "
			   "frag_keyframe+delay_moov"},
};

struct medium {
	struct buf bytes;
	int fails; /* errno that reading gives, 0 none */
};

static int read_medium(void *user, uint64_t off, void *buf, size_t len, struct err *err)
{
	const struct medium *m = user;

	if (m->fails)
		return err_set(err, m->fails, "the store is damaged");
	CHECK(off <= m->bytes.len && len <= m->bytes.len - off);
	memcpy(buf, m->bytes.data + off, len);
	return 0;
}

static int to_buf(void *user, const void *data, size_t len, struct err *err)
{
	return buf_add(user, data, len) < 0 ? err_oom(err) : 0;
}

static int refuse(void *user, const void *data, size_t len, struct err *err)
{
	return err_set(err, ENOSPC, "full");
}

#define MEDIA_MAX 8

struct set {
	struct medium m[MEDIA_MAX];
	struct sandbox_source src[MEDIA_MAX];
	size_t n;
};

static void set_finish(struct set *s)
{
	for (size_t i = 0; i < s->n; i++)
		buf_finish(&s->m[i].bytes);
}

/* Of names with blanks between them. */
static void set_read(struct set *s, const char *names)
{
	char copy[256], *save = NULL;

	snprintf(copy, sizeof(copy), "%s", names);
	for (char *name = strtok_r(copy, " ", &save); name;
		name = strtok_r(NULL, " ", &save)) {
		struct medium *m = &s->m[s->n];

		clip_read(&m->bytes, name);
		s->src[s->n++] = (struct sandbox_source){.type = MEDIA_MP4,
			.size = m->bytes.len,
			.read = read_medium,
			.user = m};
	}
}

static int join_set(const struct set *s, const struct sandbox_join_rule *rule,
	struct buf *out, struct err *err)
{
	return sandbox_join(
		SANDBOX_EXE, s->src, s->n, rule, LONG_MS, NULL, to_buf, out, err);
}

/* Joins, and leaves the result as the clip JOINED. */
static struct clip_seen join(const char *names, struct sandbox_join_rule rule)
{
	scoped(set_finish) struct set s = {0};
	scoped(buf_finish) struct buf out = {0};
	struct err err = {0};

	set_read(&s, names);
	if (!CHECK_INT(join_set(&s, &rule, &out, &err), 0)) {
		printf("# %s: %s\n", names, err.why);
		return (struct clip_seen){0};
	}
	/* The index is in front, so it plays while it is copied. */
	CHECK(out.len > 64 && !memcmp(out.data + 4, "ftyp", 4) &&
		!memcmp(out.data + 36, "moov", 4));
	clip_write(&out, JOINED);
	return clip_probe(JOINED);
}

static bool near(double got, double want, double by)
{
	if (fabs(got - want) <= by)
		return true;
	printf("# %g is not %g\n", got, want);
	return false;
}

/* How many bytes of gray are the same from the beginning on. */
static size_t equal_bytes(const struct buf *a, const struct buf *b)
{
	size_t n = 0;

	while (n < a->len && n < b->len && a->data[n] == b->data[n])
		n++;
	return n;
}

static void copies_what_is_alike(void)
{
	scoped(buf_finish) struct buf got = {0}, want = {0};
	struct clip_seen s = join("a b c", (struct sandbox_join_rule){0});

	CHECK_INT(s.frames, 144);
	CHECK_INT(s.listed, 144);
	CHECK(near(s.duration, 6, 0.001));
	clip_gray(&got, JOINED);
	CHECK_INT(clip_count_up(&got, 0), 144);
	clip_gray(&want, "a");
	clip_gray(&want, "b");
	clip_gray(&want, "c");
	CHECK_INT(got.len, want.len);
	CHECK_INT(equal_bytes(&got, &want), want.len);
}

static void one_clip_is_cut(void)
{
	static const struct {
		const char *name;
		uint32_t seconds;
		int frames;
	} rows[] = {{"a", 1, 24}, {"a", 2, 48}, {"a", 3, 48}, {"a_b", 1, 24},
		{"a_long", 1, 24}, {"a_open", 1, 24}, {"a_open", 2, 48},
		{"hevc", 1, 24}, {"fragmented", 1, 24}};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		scoped(buf_finish) struct buf got = {0};
		int first = rows[i].name[0] == 'a' ? 0 : 48;
		struct clip_seen s = join(rows[i].name,
			(struct sandbox_join_rule){.seconds = rows[i].seconds});

		CHECK_INT(s.frames, rows[i].frames);
		CHECK_INT(s.listed, rows[i].frames);
		CHECK(near(s.duration, rows[i].frames / 24.0, 0.001));
		clip_gray(&got, JOINED);
		if (!CHECK_INT(clip_count_up(&got, first), rows[i].frames))
			printf("# %s\n", rows[i].name);
	}
}

/* Only the group that is cut is encoded: what is before it is as it was. */
static void cuts_only_the_last_group_anew(void)
{
	scoped(buf_finish) struct buf got = {0}, want = {0};
	size_t frame = (size_t)CLIP_W * CLIP_H;
	struct clip_seen s =
		join("a_b b_b c_b", (struct sandbox_join_rule){.seconds = 3});

	CHECK_INT(s.frames, 72);
	clip_gray(&got, JOINED);
	clip_gray(&want, "a_b");
	clip_gray(&want, "b_b");
	CHECK(equal_bytes(&got, &want) >= 72 * frame);
	s = join("a_long", (struct sandbox_join_rule){.seconds = 1});
	buf_clear(&got);
	buf_clear(&want);
	clip_gray(&got, JOINED);
	clip_gray(&want, "a_long");
	CHECK(equal_bytes(&got, &want) < frame);
}

static void no_frame_is_seen_twice(void)
{
	static const char *const sets[] = {
		"a b_again c_again", "a_b b_b c_b", "a_long b_long c_again"};

	for (size_t i = 0; i < ARRAY_SIZE(sets); i++) {
		scoped(buf_finish) struct buf got = {0};
		struct clip_seen s =
			join(sets[i], (struct sandbox_join_rule){.is_chained = true});

		CHECK_INT(s.frames, 142);
		CHECK_INT(s.listed, 142);
		CHECK(near(s.duration, 142 / 24.0, 0.001));
		clip_gray(&got, JOINED);
		if (!CHECK_INT(clip_count_up(&got, 0), 142))
			printf("# %s\n", sets[i]);
	}
}

/* What is left out must not make the video shorter than it was ordered. */
static void a_chain_keeps_its_length(void)
{
	static const char *const sets[] = {"a b_again c_again", "a_b b_b c_b"};

	for (size_t i = 0; i < ARRAY_SIZE(sets); i++) {
		scoped(buf_finish) struct buf got = {0};
		double beeps[8] = {0};
		struct clip_seen s = join(sets[i],
			(struct sandbox_join_rule){.seconds = 6, .is_chained = true});

		CHECK_INT(s.frames, 142);
		CHECK(near(s.duration, 6, 0.001));
		clip_gray(&got, JOINED);
		CHECK_INT(clip_count_up(&got, 0), 142);
		CHECK_INT(clip_beeps(JOINED, beeps, 8), 6);
		for (int k = 0; k < 6; k++)
			CHECK(near(beeps[k], k + 0.5, HALF_PACKET + 0.003));
	}
}

/* Where there is enough, nothing is stretched: the sound loses what the picture does.
 */
static void a_chain_with_more_than_enough_is_cut(void)
{
	scoped(buf_finish) struct buf got = {0};
	double beeps[8] = {0};
	struct clip_seen s = join("a b_again c_again",
		(struct sandbox_join_rule){.seconds = 5, .is_chained = true});

	CHECK_INT(s.frames, 120);
	CHECK(near(s.duration, 5, 0.001));
	clip_gray(&got, JOINED);
	CHECK_INT(clip_count_up(&got, 0), 120);
	CHECK_INT(clip_beeps(JOINED, beeps, 8), 5);
	CHECK(near(beeps[2], 2.5 - 1 / 24.0, HALF_PACKET + 0.003));
	CHECK(near(beeps[4], 4.5 - 2 / 24.0, HALF_PACKET + 0.003));
}

static void sound_has_no_gap_and_keeps_time(void)
{
	double beeps[16] = {0};
	int packets;

	join("a b c", (struct sandbox_join_rule){0});
	CHECK_INT(clip_sound_step(JOINED, &packets), 1024);
	CHECK_INT(packets, 283); /* 6 s and the one before */
	CHECK_INT(clip_beeps(JOINED, beeps, 16), 6);
	for (int k = 0; k < 6; k++)
		CHECK(near(beeps[k], k + 0.5, HALF_PACKET + 0.003));
}

static void what_has_no_sound_is_silent(void)
{
	static const struct {
		const char *names;
		int beeps;
		double first;
	} rows[] = {{"a quiet c", 4, 0.5}, {"quiet b", 2, 2.5}, {"a mono44", 2, 0.5},
		{"b tall", 2, 0.5}};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		double beeps[16] = {0};
		int packets;

		join(rows[i].names, (struct sandbox_join_rule){0});
		CHECK_INT(clip_beeps(JOINED, beeps, 16), rows[i].beeps);
		CHECK(near(beeps[0], rows[i].first, HALF_PACKET + 0.003));
		CHECK_INT(clip_sound_step(JOINED, &packets), 1024);
	}
	join("quiet tall", (struct sandbox_join_rule){0});
	{
		int packets;

		CHECK_INT(clip_sound_step(JOINED, &packets), 0);
		CHECK_INT(packets, 0);
	}
}

static void sound_is_cut_with_the_picture(void)
{
	scoped(buf_finish) struct buf b = {0};

	join("a b", (struct sandbox_join_rule){.seconds = 3});
	clip_ask(
		&b, JOINED, "ffmpeg -nostdin -v error -i %s -map 0:a -ac 1 -f s16le -");
	CHECK(near((double)b.len / 2 / SOUND_RATE, 3, 1024.0 / SOUND_RATE));
}

static void rates_are_converted(void)
{
	static const struct {
		const char *names;
		uint32_t fps, seconds;
		int frames;
	} rows[] = {{"a", 30, 0, 60}, {"a", 12, 0, 24}, {"fast", 24, 0, 48},
		{"a fast", 24, 3, 72}, {"a", 24, 0, 48}, {"a", 60, 1, 60},
		{"a_b", 25, 0, 50}};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct clip_seen s = join(
			rows[i].names, (struct sandbox_join_rule){.fps = rows[i].fps,
					       .seconds = rows[i].seconds});

		if (!CHECK_INT(s.frames, rows[i].frames))
			printf("# %s to %u\n", rows[i].names, rows[i].fps);
		CHECK(near(s.duration, rows[i].frames / (double)rows[i].fps, 0.001));
	}
}

/* Frame k of the new rate is what was on screen in its middle. */
static void a_rate_repeats_and_drops_frames(void)
{
	scoped(buf_finish) struct buf got = {0};
	size_t frame = (size_t)CLIP_W * CLIP_H;

	join("a", (struct sandbox_join_rule){.fps = 30});
	clip_gray(&got, JOINED);
	for (int k = 0; k < 60 && (k + 1) * frame <= got.len; k++)
		CHECK_INT(clip_number(got.data + k * frame, CLIP_W),
			(int)((k + 0.5) * 24 / 30));
	buf_clear(&got);
	join("a", (struct sandbox_join_rule){.fps = 24});
	clip_gray(&got, JOINED);
	{
		scoped(buf_finish) struct buf want = {0};

		clip_gray(&want, "a");
		CHECK_INT(equal_bytes(&got, &want), want.len); /* copied */
	}
}

static void what_differs_is_encoded(void)
{
	static const char *const others[] = {"small", "hevc", "mpeg4", "fast", "tall"};

	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		char names[32];
		scoped(buf_finish) struct buf got = {0};
		bool is_fast = !strcmp(others[i], "fast");
		struct clip_seen s;

		snprintf(names, sizeof(names), "a %s", others[i]);
		s = join(names, (struct sandbox_join_rule){0});
		CHECK_INT(s.frames, is_fast ? 108 : 96);
		CHECK(near(s.duration, 4, 0.001));
		CHECK_INT(s.width, CLIP_W);
		CHECK_INT(s.height, CLIP_H);
		CHECK_STR(s.codec, "h264");
		clip_gray(&got, JOINED);
		if (strcmp(others[i], "tall") && strcmp(others[i], "small"))
			CHECK_INT(clip_count_up(&got, 0), is_fast ? 108 : 96);
		/* Black beside what is too narrow, at half of the height. */
		if (!strcmp(others[i], "tall") && CHECK(got.len > CLIP_W * CLIP_H))
			CHECK((unsigned char)got
					.data[got.len - CLIP_W * CLIP_H / 2 + 8] < 40);
	}
}

static void fragmented_clips_join(void)
{
	scoped(buf_finish) struct buf got = {0};
	double beeps[8] = {0};
	struct clip_seen s = join("a fragmented", (struct sandbox_join_rule){0});

	CHECK_INT(s.frames, 96);
	clip_gray(&got, JOINED);
	CHECK_INT(clip_count_up(&got, 0), 96);
	CHECK_INT(clip_beeps(JOINED, beeps, 8), 4);
}

static void a_joined_video_joins(void)
{
	scoped(buf_finish) struct buf joined = {0}, got = {0};
	struct clip_seen s;

	join("a_b b_b", (struct sandbox_join_rule){.is_chained = true});
	clip_read(&joined, JOINED);
	clip_write(&joined, "former");
	s = join("former c_b", (struct sandbox_join_rule){.is_chained = true});
	CHECK_INT(s.frames, 142);
	clip_gray(&got, JOINED);
	CHECK_INT(clip_count_up(&got, 0), 142);
}

static void seeking_finds_the_frame(void)
{
	join("a_b b_b c_b", (struct sandbox_join_rule){.is_chained = true});
	for (int k = 10; k < 142; k += 26) {
		scoped(buf_finish) struct buf b = {0}, fmt = {0};

		buf_addf(&fmt,
			"ffmpeg -nostdin -v error -ss %.4f -i %%s -frames:v 1 "
			"-f rawvideo -pix_fmt gray -",
			(k - 0.25) / 24);
		clip_ask(&b, JOINED, fmt.data);
		if (CHECK(b.len == CLIP_W * CLIP_H))
			CHECK_INT(clip_number(b.data, CLIP_W), k);
	}
}

static void damaged_clips_are_told(void)
{
	static const char *const names[] = {"b", "b_b", "fragmented", "hevc"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		scoped(set_finish) struct set s = {0};
		size_t len;
		char both[64];

		snprintf(both, sizeof(both), "a %s", names[i]);
		set_read(&s, both);
		len = s.src[1].size;
		for (int k = 0; k < 16; k++) {
			scoped(buf_finish) struct buf out = {0};
			struct err err = {0};

			s.src[1].size = s.m[1].bytes.len = len * (size_t)k / 16;
			if (!CHECK_INT(join_set(&s, &(struct sandbox_join_rule){0},
					       &out, &err),
				    -EPROTO) ||
				!CHECK(str_starts(err.why, "clip 2: not decodable: ")))
				printf("# %s, %d/16: %s\n", names[i], k, err.why);
			CHECK_INT(out.len, 0);
		}
	}
}

/* Bytes that are anything: an answer or a sentence, and never a crash. */
static void garbled_clips_end_well(void)
{
	static const char *const names[] = {"b", "b_b", "fragmented"};
	unsigned seed = 1;

	for (size_t i = 0; i < ARRAY_SIZE(names) * 12; i++) {
		scoped(set_finish) struct set s = {0};
		scoped(buf_finish) struct buf out = {0};
		struct err err = {0};
		const struct sandbox_join_rule rule = {
			.fps = i % 2 ? 10 : 0, .is_chained = true};
		int r;

		set_read(&s, "a");
		set_read(&s, names[i % ARRAY_SIZE(names)]);
		for (size_t k = 0; k < 1 + i; k++) {
			seed = seed * 1103515245 + 12345;
			/* Most of it where the index is. */
			s.m[1].bytes
				.data[seed / 7 % (i % 3 ? 4096 : s.m[1].bytes.len)] =
				(char)(seed >> 16);
		}
		r = join_set(&s, &rule, &out, &err);
		if (!CHECK(r == 0 || r == -EPROTO || r == -ENOMEM))
			printf("# %zu: %d %s\n", i, r, err.why);
	}
}

static void limits_are_kept(void)
{
	static const struct {
		size_t n;
		struct sandbox_join_rule rule;
	} rows[] = {{0, {0}}, {513, {0}}, {1, {.seconds = 1201}}, {1, {.fps = 241}}};
	static struct sandbox_source many[513];
	struct medium m = {0};

	clip_read(&m.bytes, "a");
	for (size_t i = 0; i < ARRAY_SIZE(many); i++)
		many[i] = (struct sandbox_source){.type = MEDIA_MP4,
			.size = m.bytes.len,
			.read = read_medium,
			.user = &m};
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct err err = {0};

		CHECK_INT(sandbox_join(SANDBOX_EXE, many, rows[i].n, &rows[i].rule,
				  LONG_MS, NULL, refuse, NULL, &err),
			-EINVAL);
		CHECK(err.why[0]);
	}
	buf_finish(&m.bytes);
}

static void five_hundred_clips(void)
{
	static struct sandbox_source many[512];
	scoped(buf_finish) struct buf out = {0};
	struct medium m = {0};
	struct err err = {0};
	struct clip_seen s;

	clip_read(&m.bytes, "a");
	for (size_t i = 0; i < ARRAY_SIZE(many); i++)
		many[i] = (struct sandbox_source){.type = MEDIA_MP4,
			.size = m.bytes.len,
			.read = read_medium,
			.user = &m};
	CHECK_INT(
		sandbox_join(SANDBOX_EXE, many, 512,
			&(struct sandbox_join_rule){.seconds = 300, .is_chained = true},
			LONG_MS, NULL, to_buf, &out, &err),
		0);
	CHECK_STR(err.why, "");
	clip_write(&out, JOINED);
	s = clip_probe(JOINED);
	CHECK_INT(s.frames, 7200);
	CHECK(near(s.duration, 300, 0.001));
	buf_finish(&m.bytes);
}

static void failures_of_others_pass(void)
{
	scoped(set_finish) struct set s = {0};
	struct sandbox_join_rule rule = {0};
	struct err err = {0};

	set_read(&s, "a b");
	CHECK_INT(sandbox_join(SANDBOX_EXE, s.src, 2, &rule, LONG_MS, NULL, refuse,
			  NULL, &err),
		-ENOSPC);
	s.m[1].fails = EBADMSG;
	CHECK_INT(sandbox_join(SANDBOX_EXE, s.src, 2, &rule, LONG_MS, NULL, refuse,
			  NULL, &err),
		-EBADMSG);
	CHECK_STR(err.why, "the store is damaged");
	s.src[1].type = MEDIA_TEXT;
	CHECK_INT(sandbox_join(SANDBOX_EXE, s.src, 2, &rule, LONG_MS, NULL, refuse,
			  NULL, &err),
		-EINVAL);
}

static int last_of(const char *name, enum media_type to, struct buf *out,
	struct picture *ret, struct err *err)
{
	scoped(set_finish) struct set s = {0};
	int r;

	set_read(&s, name);
	r = sandbox_last_frame(SANDBOX_EXE, s.src, to, LONG_MS, NULL, to_buf, out, err);
	return r < 0 ? r : decode_picture(out->data, out->len, ret, err);
}

static int number_of(const struct picture *p)
{
	int n = 0;

	for (int k = 0; k < 10; k++)
		n |= (p->px[3 * ((size_t)16 * p->width + 32 * (size_t)k + 16)] > 127)
		     << k;
	return n;
}

static void the_last_frame(void)
{
	static const struct {
		const char *name;
		int number;
	} rows[] = {{"a", 47}, {"a_b", 47}, {"a_long", 47}, {"a_open", 47},
		{"fragmented", 95}, {"hevc", 95}, {"mpeg4", 95}, {"fast", 107}};

	for (size_t i = 0; i < 2 * ARRAY_SIZE(rows); i++) {
		enum media_type to = i % 2 ? MEDIA_JPEG : MEDIA_PNG;
		scoped(buf_finish) struct buf out = {0};
		scoped(picture_finish) struct picture p = {0};
		struct err err = {0};

		CHECK_INT(last_of(rows[i / 2].name, to, &out, &p, &err), 0);
		CHECK_STR(err.why, "");
		CHECK_INT(media_sniff(out.data, out.len), to);
		if (CHECK(p.width == CLIP_W && p.height == CLIP_H && p.channels == 3))
			CHECK_INT(number_of(&p), rows[i / 2].number);
	}
}

/* Also of what an edit list hides, and of what was joined. */
static void the_last_frame_that_is_shown(void)
{
	scoped(buf_finish) struct buf out = {0};
	scoped(picture_finish) struct picture p = {0};
	struct err err = {0};

	join("a b", (struct sandbox_join_rule){.seconds = 3});
	CHECK_INT(last_of(JOINED, MEDIA_PNG, &out, &p, &err), 0);
	CHECK_INT(number_of(&p), 71);
}

static void no_last_frame_of_half_a_video(void)
{
	static const char *const names[] = {"a", "a_b", "fragmented"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		scoped(set_finish) struct set s = {0};
		size_t len;

		set_read(&s, names[i]);
		len = s.src[0].size;
		for (int k = 0; k < 16; k++) {
			struct err err = {0};

			s.src[0].size = s.m[0].bytes.len = len * (size_t)k / 16;
			if (!CHECK_INT(sandbox_last_frame(SANDBOX_EXE, s.src, MEDIA_PNG,
					       LONG_MS, NULL, refuse, NULL, &err),
				    -EPROTO))
				printf("# %s, %d/16: %s\n", names[i], k, err.why);
			CHECK(str_starts(err.why, "not decodable: "));
		}
	}
}

static void begin(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(specs); i++)
		clip_make(&specs[i]);
}

int main(int argc, char **argv)
{
	static const struct tap_case cases[] = {TAP_CASE(begin),
		TAP_CASE(copies_what_is_alike), TAP_CASE(one_clip_is_cut),
		TAP_CASE(cuts_only_the_last_group_anew),
		TAP_CASE(no_frame_is_seen_twice), TAP_CASE(a_chain_keeps_its_length),
		TAP_CASE(a_chain_with_more_than_enough_is_cut),
		TAP_CASE(sound_has_no_gap_and_keeps_time),
		TAP_CASE(what_has_no_sound_is_silent),
		TAP_CASE(sound_is_cut_with_the_picture), TAP_CASE(rates_are_converted),
		TAP_CASE(a_rate_repeats_and_drops_frames),
		TAP_CASE(what_differs_is_encoded), TAP_CASE(fragmented_clips_join),
		TAP_CASE(a_joined_video_joins), TAP_CASE(seeking_finds_the_frame),
		TAP_CASE(damaged_clips_are_told), TAP_CASE(garbled_clips_end_well),
		TAP_CASE(limits_are_kept), TAP_CASE(five_hundred_clips),
		TAP_CASE(failures_of_others_pass), TAP_CASE(the_last_frame),
		TAP_CASE(the_last_frame_that_is_shown),
		TAP_CASE(no_last_frame_of_half_a_video)};
	int r = sandbox_child_main(argc, argv);

	if (r >= 0)
		return r;
	clips_begin();
	r = tap_run_(cases, ARRAY_SIZE(cases));
	clips_end();
	return r;
}
