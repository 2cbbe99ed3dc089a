// SPDX-License-Identifier: MIT
#pragma once
/* The built-in renderer: pictures and videos drawn from the words of a prompt. It is
 * not a generative model: a table of words chooses place, hour, weather, subjects and
 * colours, noise and outlines do the rest.
 *
 * Equal specs give equal bytes (with the same program on the same kind of machine). No
 * globals: any number of drawings may run at once, each on its caller's thread with one
 * more thread beside it (videos: x264's two). Memory, at most:
 *   picture  8 bytes per pixel and 4 MiB (5504x3072: 110 MiB in all)
 *   video    110 bytes per pixel of a frame, of which x264 holds about half (measured:
 *            230 MiB at 1920x1080, 815 MiB at 3840x2160), whatever the length */
#include <stdatomic.h>
#include <stdint.h>

#include "cache/base/digest.h"
#include "cache/base/err.h"
#include "cache/base/media_type.h"

#define RENDER_SIDE_MAX 8192
#define RENDER_PICTURE_PIXELS_MAX (24 * 1024 * 1024) /* 5504x3072 and some */
#define RENDER_VIDEO_PIXELS_MAX (4096 * 2304)
#define RENDER_FPS_MAX 60
#define RENDER_DURATION_MS_MAX (6 * 3600 * 1000LL)

struct render_spec {
	const char *prompt; /* UTF-8, as sent, after the optimiser; borrowed */
	/* "", photographic, artistic, cinematic, minimalist, digital-art, anime or
	 * sketch; anything else is "". Borrowed, may be NULL. */
	const char *style;
	struct digest seed;  /* over all that makes this drawing differ */
	int width, height;   /* pixels, 1..RENDER_SIDE_MAX; even for videos */
	int fps;             /* videos: 1..RENDER_FPS_MAX */
	int64_t duration_ms; /* videos: frame count = round(duration * fps), exact */
};

/* Gets the file's bytes in order, on the caller's thread. A negative value ends the
 * drawing, which then fails with it. */
typedef int (*render_sink_fn)(
	void *user, const void *data, size_t len, struct err *err);

/* type is MEDIA_PNG or MEDIA_JPEG. `stop` (may be NULL) may be set by any thread and is
 * looked at every few rows: -ECANCELED. -EINVAL: a size or type outside the limits.
 * -ENOMEM, or what the sink said. */
int render_picture(const struct render_spec *s, enum media_type type,
	const atomic_bool *stop, render_sink_fn sink, void *user, struct err *err);

/* MP4. tmp_fd: an empty file for reading and writing, stays the caller's; it holds the
 * whole video, because its index goes in front. permille (may be NULL): progress
 * 0..1000 for displays. `stop` is looked at every frame. Errors as above; -EOPNOTSUPP:
 * FFmpeg without libx264; -ENOSPC and others from tmp_fd. */
int render_video(const struct render_spec *s, int tmp_fd, const atomic_bool *stop,
	atomic_int *permille, render_sink_fn sink, void *user, struct err *err);

/* Frames of a video of that length, at least 1. */
int64_t render_frames(int64_t duration_ms, int fps);
