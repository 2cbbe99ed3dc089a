// SPDX-License-Identifier: MIT
#pragma once
/* Writes frames as H.264 in MP4, the way browsers play it: yuv420p, BT.709 in limited
 * range, the index (moov) in front of the pictures. Equal frames give equal bytes: the
 * number of threads is fixed and nothing that varies is written. x264's own threads
 * work while the caller draws the next frame. One thread at a time; several encoders
 * may run. */
#include <stdint.h>

#include "backend/media/encode_picture.h"
#include "cache/base/err.h"

#define ENCODE_VIDEO_SIDE_MAX 8192
#define ENCODE_VIDEO_FPS_MAX 240

/* The three planes of a frame: Y at full size, Cb and Cr at half of both sides. */
struct encode_frame {
	uint8_t *plane[3];
	int stride[3]; /* bytes from row to row */
};

struct encode_video;

/* Sides must be even. `tmp_fd` is an empty file for reading and writing that stays the
 * caller's and open until the encoder is freed; it takes the whole video, so that
 * memory does not grow with its length (a few bytes per frame for the index apart).
 * -EINVAL: sides or fps. -EOPNOTSUPP: this FFmpeg has no libx264. -ENOMEM, -EIO. */
int encode_video_new(int width, int height, int fps, int tmp_fd,
	struct encode_video **ret, struct err *err);

/* The next frame to draw on; its old content is anything. Valid until put. -ENOMEM. */
int encode_video_get(struct encode_video *e, struct encode_frame *ret, struct err *err);
/* Sends the frame that get gave. Errors of tmp_fd (-ENOSPC, ...) come from here too. */
int encode_video_put(struct encode_video *e, struct err *err);

/* After the last frame: finishes the file and hands it to `sink` from the beginning.
 * Fails with the sink's code. */
int encode_video_end(
	struct encode_video *e, encode_sink_fn sink, void *user, struct err *err);

void encode_video_free(struct encode_video *e);
