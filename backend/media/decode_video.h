// SPDX-License-Identifier: MIT
#pragma once
/* Frames of an MP4 (H.264, HEVC, MPEG-4, AV1) spread over its duration, as 8-bit RGB,
 * converted as OpenCV's VideoCapture does. Reads ranges on demand, so memory does not
 * grow with the file. Opens no file, follows no reference, starts no thread.
 *
 * The bytes are foreign: call it only in the confined process (backend/sandbox) and in
 * tests. Any thread. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backend/media/decode_picture.h"
#include "cache/base/err.h"

#define VIDEO_MAX_AREA (UINT32_C(64) << 20) /* pixels of a frame */
#define VIDEO_MAX_SAMPLES 64
#define VIDEO_CODEC_MAX 16 /* bytes with the NUL */

/* Reads exactly `len` bytes at `off`, all within the size. 0 or <0. */
typedef int (*video_read_fn)(
	void *user, uint64_t off, void *buf, size_t len, struct err *err);

struct video_source {
	uint64_t size;
	video_read_fn read;
	void *user;
};

struct video_info {
	uint32_t width, height;
	double duration_s, fps; /* 0: the file does not tell */
	char codec[VIDEO_CODEC_MAX];
	bool has_audio;
};

/* `frame` is borrowed for the call. <0 ends the decoding with that value. */
typedef int (*video_frame_fn)(void *user, const struct picture *frame, struct err *err);

/* Calls `on_frame` for the frames shown in the middle of each of `samples`
 * (1..VIDEO_MAX_SAMPLES) equal parts of the duration; for fewer where the video has
 * fewer frames, at least one.
 * -EPROTO: not decodable or above the limits. -ENOMEM. What read or on_frame gave. */
int decode_video(const struct video_source *src, int samples, video_frame_fn on_frame,
	void *user, struct video_info *ret, struct err *err);

/* Calls `on_frame` once, for the frame that is shown last. Errors as above; -EPROTO
 * also for a file that was cut short, whose end nobody knows. */
int decode_video_last(const struct video_source *src, video_frame_fn on_frame,
	void *user, struct err *err);

/* Ends libav's messages on stderr, for the whole process: they quote foreign bytes. */
void decode_video_hush(void);
