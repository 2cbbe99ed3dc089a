// SPDX-License-Identifier: MIT
#include "backend/render/render.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include "cache/base/buf.h"
#include "cache/base/mem.h"
#include "tests/support/tap.h"

#define SINK_FAILS -ENOSPC

static int into_buf(void *user, const void *data, size_t len, struct err *err)
{
	return buf_add(user, data, len);
}

static int into_nowhere(void *user, const void *data, size_t len, struct err *err)
{
	return err_set(err, -(SINK_FAILS), "the sink is full");
}

static struct render_spec spec_of(
	const char *prompt, const char *style, const char *seed)
{
	struct render_spec s = {.prompt = prompt,
		.style = style,
		.width = 160,
		.height = 96,
		.fps = 12,
		.duration_ms = 500};

	digest_of(&s.seed, seed, strlen(seed));
	return s;
}

static int draw_picture(
	struct buf *b, const struct render_spec *s, enum media_type type)
{
	struct err err = {0};

	return render_picture(s, type, NULL, into_buf, b, &err);
}

static int draw_video(struct buf *b, const struct render_spec *s)
{
	struct err err = {0};
	scoped_fd int fd = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	int r = render_video(s, fd, NULL, NULL, into_buf, b, &err);

	if (r < 0)
		printf("# %s\n", err.why);
	return r;
}

static bool same(const struct buf *a, const struct buf *b)
{
	return a->len == b->len && !memcmp(a->data, b->data, a->len);
}

static uint32_t be(const char *p, int n)
{
	uint32_t v = 0;

	for (int i = 0; i < n; i++)
		v = v << 8 | (uint8_t)p[i];
	return v;
}

static void equal_specs_give_equal_bytes(void)
{
	static const char *const styles[] = {"", "photographic", "artistic",
		"cinematic", "minimalist", "digital-art", "anime", "sketch",
		"no such style"};

	for (size_t i = 0; i < ARRAY_SIZE(styles); i++) {
		struct render_spec s = spec_of("a red fox in snow", styles[i], "1");
		scoped(buf_finish) struct buf a = {0}, b = {0};

		CHECK_INT(draw_picture(&a, &s, MEDIA_PNG), 0);
		CHECK_INT(draw_picture(&b, &s, MEDIA_PNG), 0);
		CHECK(same(&a, &b));
	}
}

static void what_differs_shows(void)
{
	struct render_spec s = spec_of("a red fox in snow", "", "1");
	struct render_spec others[] = {spec_of("a red fox in snow", "", "2"),
		spec_of("a blue fox in snow", "", "1"), spec_of("the sea", "", "1"),
		spec_of("qwertz", "", "1"),
		spec_of("a red fox in snow", "sketch", "1")};
	scoped(buf_finish) struct buf a = {0};

	CHECK_INT(draw_picture(&a, &s, MEDIA_PNG), 0);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		scoped(buf_finish) struct buf b = {0};

		CHECK_INT(draw_picture(&b, &others[i], MEDIA_PNG), 0);
		CHECK(!same(&a, &b));
	}
}

static void every_scene_can_be_drawn(void)
{
	static const char *const prompts[] = {"", "\xff\xfe rubbish \x80", "mountains",
		"sea", "a lake with aurora", "autumn forest", "desert dunes",
		"a city in rain", "galaxy and planet", "meadow of flowers",
		"underwater reef", "volcano", "storm over the ocean", "foggy hills",
		"fox", "dog", "wolf", "cat", "deer", "horse", "bear", "rabbit", "bird",
		"owl", "fish", "whale", "person", "robot", "boat", "ship", "house",
		"castle", "lighthouse", "tree", "balloon", "rocket",
		"a fox and a cat in a city in winter under the moon with fire and rain "
		"and "
		"stars and aurora and storm and flowers in autumn fog"};

	for (size_t i = 0; i < ARRAY_SIZE(prompts); i++) {
		struct render_spec s = spec_of(prompts[i], "", "3");
		scoped(buf_finish) struct buf b = {0};

		s.width = s.height = 64;
		CHECK_INT(draw_picture(&b, &s, MEDIA_JPEG), 0);
		CHECK_INT(media_sniff(b.data, b.len), MEDIA_JPEG);
	}
}

/* Of the first frame header of a JPEG. */
static void jpeg_size(const struct buf *b, uint32_t *w, uint32_t *h)
{
	for (size_t i = 2; i + 9 < b->len; i += 2 + be(b->data + i + 2, 2))
		if (b->data[i + 1] == (char)0xc0) {
			*h = be(b->data + i + 5, 2);
			*w = be(b->data + i + 7, 2);
			return;
		}
}

static void pictures_have_the_asked_size(void)
{
	static const int sizes[][2] = {
		{1, 1}, {1, 300}, {300, 1}, {64, 36}, {36, 64}, {97, 41}};

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct render_spec s = spec_of("a house by the sea", "sketch", "1");
		scoped(buf_finish) struct buf png = {0}, jpeg = {0};
		uint32_t w = 0, h = 0;

		s.width = sizes[i][0];
		s.height = sizes[i][1];
		CHECK_INT(draw_picture(&png, &s, MEDIA_PNG), 0);
		CHECK(png.len > 33 && !memcmp(png.data, "\x89PNG\r\n\x1a\n", 8));
		CHECK_INT(be(png.data + 16, 4), s.width);
		CHECK_INT(be(png.data + 20, 4), s.height);
		CHECK_INT(png.data[24], 8); /* bits */
		CHECK_INT(png.data[25], 2); /* RGB */
		CHECK_INT(draw_picture(&jpeg, &s, MEDIA_JPEG), 0);
		jpeg_size(&jpeg, &w, &h);
		CHECK_INT(w, s.width);
		CHECK_INT(h, s.height);
	}
}

static void impossible_specs_are_refused(void)
{
	static const int bad[][2] = {
		{0, 10}, {10, 0}, {-1, 10}, {8193, 10}, {8192, 8192}};
	struct render_spec s = spec_of("x", NULL, "1");
	struct err err = {0};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		s.width = bad[i][0];
		s.height = bad[i][1];
		CHECK_INT(render_picture(&s, MEDIA_PNG, NULL, into_nowhere, NULL, &err),
			-EINVAL);
		CHECK_INT(render_video(&s, -1, NULL, NULL, into_nowhere, NULL, NULL),
			-EINVAL);
	}
	s = spec_of("x", "", "1");
	CHECK_INT(
		render_picture(&s, MEDIA_MP4, NULL, into_nowhere, NULL, &err), -EINVAL);
	s.fps = 61;
	CHECK_INT(render_video(&s, -1, NULL, NULL, into_nowhere, NULL, &err), -EINVAL);
	s.fps = 24;
	s.duration_ms = 0;
	CHECK_INT(render_video(&s, -1, NULL, NULL, into_nowhere, NULL, &err), -EINVAL);
	CHECK(err.why[0] != 0);
}

static void stop_ends_the_drawing(void)
{
	struct render_spec s = spec_of("a boat", "", "1");
	scoped_fd int fd = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	scoped(buf_finish) struct buf b = {0};
	atomic_bool stop = true;
	struct err err = {0};

	CHECK_INT(render_picture(&s, MEDIA_PNG, &stop, into_buf, &b, &err), -ECANCELED);
	CHECK_INT(err.code, ECANCELED);
	CHECK_INT(render_video(&s, fd, &stop, NULL, into_buf, &b, &err), -ECANCELED);
	CHECK_INT(b.len, 0);
}

struct stopping {
	const atomic_int *permille;
	atomic_bool stop;
};

static void *stop_at_first_frame(void *arg)
{
	struct stopping *w = arg;

	while (atomic_load(w->permille) == 0)
		usleep(1000);
	atomic_store(&w->stop, true);
	return NULL;
}

static void stop_ends_a_long_video(void)
{
	struct render_spec s = spec_of("a boat", "", "1");
	scoped_fd int fd = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	scoped(buf_finish) struct buf b = {0};
	atomic_int permille = 0;
	struct stopping w = {.permille = &permille};
	pthread_t other;

	s.duration_ms = 3600 * 1000;
	CHECK_INT(pthread_create(&other, NULL, stop_at_first_frame, &w), 0);
	CHECK_INT(render_video(&s, fd, &w.stop, &permille, into_buf, &b, NULL),
		-ECANCELED);
	pthread_join(other, NULL);
}

static void the_sinks_failure_comes_through(void)
{
	struct render_spec s = spec_of("a boat", "", "1");
	scoped_fd int fd = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	struct err err = {0};

	CHECK_INT(render_picture(&s, MEDIA_PNG, NULL, into_nowhere, NULL, &err),
		SINK_FAILS);
	CHECK_STR(err.why, "the sink is full");
	CHECK_INT(render_picture(&s, MEDIA_JPEG, NULL, into_nowhere, NULL, &err),
		SINK_FAILS);
	CHECK_INT(
		render_video(&s, fd, NULL, NULL, into_nowhere, NULL, &err), SINK_FAILS);
}

static void videos_start_with_their_index(void)
{
	struct render_spec s = spec_of("ocean waves at sunset", "", "1");
	scoped(buf_finish) struct buf a = {0}, b = {0};
	size_t moov = 0, mdat = 0;

	CHECK_INT(draw_video(&a, &s), 0);
	CHECK_INT(draw_video(&b, &s), 0);
	CHECK(same(&a, &b));
	CHECK_INT(media_sniff(a.data, a.len), MEDIA_MP4);
	for (size_t i = 0; i + 8 <= a.len; i += be(a.data + i, 4)) {
		if (!memcmp(a.data + i + 4, "moov", 4))
			moov = i;
		if (!memcmp(a.data + i + 4, "mdat", 4))
			mdat = i;
		if (be(a.data + i, 4) < 8)
			break;
	}
	CHECK(moov > 0 && mdat > moov);
}

static void frames_are_exact(void)
{
	CHECK_INT(render_frames(1000, 24), 24);
	CHECK_INT(render_frames(5000, 30), 150);
	CHECK_INT(render_frames(1, 1), 1);
	CHECK_INT(render_frames(1041, 24), 25);
	CHECK_INT(render_frames(1020, 24), 24);
	CHECK_INT(render_frames(3600000, 60), 216000);
}

static void videos_of_every_kind_of_scene(void)
{
	static const char *const prompts[] = {"a fox in snow", "city in rain", "bird",
		"fish", "aurora", "volcano", "galaxy", "lightning at sea", "???",
		"meadow in autumn"};
	static const char *const styles[] = {"", "sketch"};

	for (size_t i = 0; i < ARRAY_SIZE(prompts); i++) {
		struct render_spec s = spec_of(prompts[i], styles[i % 2], "1");
		scoped(buf_finish) struct buf b = {0};

		s.width = i % 2 ? 64 : 98;
		s.height = i % 2 ? 114 : 62;
		s.duration_ms = 40000;
		s.fps = 1;
		CHECK_INT(draw_video(&b, &s), 0);
	}
}

TAP_MAIN(TAP_CASE(equal_specs_give_equal_bytes), TAP_CASE(what_differs_shows),
	TAP_CASE(every_scene_can_be_drawn), TAP_CASE(pictures_have_the_asked_size),
	TAP_CASE(impossible_specs_are_refused), TAP_CASE(stop_ends_the_drawing),
	TAP_CASE(stop_ends_a_long_video), TAP_CASE(the_sinks_failure_comes_through),
	TAP_CASE(videos_start_with_their_index), TAP_CASE(frames_are_exact),
	TAP_CASE(videos_of_every_kind_of_scene))
