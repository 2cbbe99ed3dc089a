// SPDX-License-Identifier: MIT
/* render_video: the stage is painted once, then one frame after the other is encoded.
 * The caller's thread. */
#include <errno.h>

#include "backend/media/encode_video.h"
#include "backend/render/stage.h"
#include "cache/base/mem.h"

int64_t render_frames(int64_t duration_ms, int fps)
{
	int64_t n = (duration_ms * fps + 500) / 1000;

	return n < 1 ? 1 : n;
}

static int check(const struct render_spec *s, struct err *err)
{
	if (s->width < 16 || s->height < 16 || s->width > RENDER_SIDE_MAX ||
		s->height > RENDER_SIDE_MAX || s->width % 2 || s->height % 2 ||
		(int64_t)s->width * s->height > RENDER_VIDEO_PIXELS_MAX)
		return err_set(err, EINVAL,
			"the renderer cannot make a video of %dx%d: even sides, %d "
			"pixels at most",
			s->width, s->height, RENDER_VIDEO_PIXELS_MAX);
	if (s->fps < 1 || s->fps > RENDER_FPS_MAX)
		return err_set(
			err, EINVAL, "fps is 1..%d, not %d", RENDER_FPS_MAX, s->fps);
	if (s->duration_ms < 1 || s->duration_ms > RENDER_DURATION_MS_MAX)
		return err_set(err, EINVAL, "a video lasts up to %lld s",
			RENDER_DURATION_MS_MAX / 1000);
	return 0;
}

static int make_frames(const struct stage *g, const struct render_spec *s,
	struct encode_video *e, const atomic_bool *stop, atomic_int *permille,
	struct err *err)
{
	int64_t n = render_frames(s->duration_ms, s->fps);
	struct encode_frame f;
	int r;

	for (int64_t i = 0; i < n; i++) {
		if (stop && atomic_load(stop))
			return err_set(err, ECANCELED, "the drawing was stopped");
		r = encode_video_get(e, &f, err);
		if (r < 0)
			return r;
		if (stage_frame(g, (float)((double)i / s->fps), &f) < 0)
			return err_oom(err);
		r = encode_video_put(e, err);
		if (r < 0)
			return r;
		if (permille)
			atomic_store(permille, (int)(1000 * (i + 1) / n));
	}
	return 0;
}

int render_video(const struct render_spec *s, int tmp_fd, const atomic_bool *stop,
	atomic_int *permille, render_sink_fn sink, void *user, struct err *err)
{
	scoped_free struct stage *g = NULL;
	struct encode_video *e = NULL;
	int r = check(s, err);

	if (r < 0)
		return r;
	if (permille)
		atomic_store(permille, 0);
	/* First, because a missing encoder should not cost the painting. */
	r = encode_video_new(s->width, s->height, s->fps, tmp_fd, &e, err);
	if (r < 0)
		return r;
	g = new0(struct stage);
	r = g ? stage_init(g, s, stop, err) : err_oom(err);
	if (r == 0) {
		r = make_frames(g, s, e, stop, permille, err);
		stage_finish(g);
	}
	if (r == 0)
		r = encode_video_end(e, sink, user, err);
	encode_video_free(e);
	return r;
}
