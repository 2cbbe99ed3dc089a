// SPDX-License-Identifier: MIT
#pragma once
/* Clips one after the other as one MP4 (H.264, AAC), cut to a length.
 *
 * Pictures are copied as they are encoded, where all clips are H.264 of one size and
 * one configuration; a group of pictures from whose middle something must go is encoded
 * anew, alone (libx264), and described by a second parameter set beside the first.
 * Clips that differ, and any change of the frame rate, are encoded as a whole, in the
 * size of the first clip (others are fitted into it with black borders).
 *
 * Sound is AAC and copied in whole packets without a gap, so it is off by half a packet
 * (11 ms) at most within a clip. What has no sound, beside clips that have some, is
 * silent; so is a clip whose sound has another format than the first one's. Nothing is
 * written of the sound where no clip has any.
 *
 * The bytes are foreign: call it only in the confined process (backend/sandbox), in
 * tests and in the fuzz target. Any thread. Memory: JOIN_MAX_ENCODED and some frames;
 * what is copied is never held. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backend/media/decode_video.h"
#include "backend/media/encode_picture.h"

#define JOIN_MAX_CLIPS 512
#define JOIN_MAX_SECONDS 1200
#define JOIN_MAX_FPS 240
#define JOIN_MAX_FRAMES (UINT32_C(1) << 19)        /* of all clips, or made */
#define JOIN_MAX_ENCODED ((UINT64_C(3) << 30) / 4) /* bytes that are encoded anew */

struct join_rule {
	uint32_t seconds; /* the length, 0: all there is; <= JOIN_MAX_SECONDS */
	uint32_t fps;     /* 0: as the clips are; <= JOIN_MAX_FPS */
	/* Each clip but the first begins with the last frame of the one before. One
	 * of the two is left out: the earlier where that needs no encoding, else the
	 * later. Where the video would become shorter than `seconds` by that, the
	 * frames that remain take the time, so that length and sound stay right. */
	bool is_chained;
};

/* n is 1..JOIN_MAX_CLIPS. A video that is shorter than `seconds` stays so.
 * -EPROTO: not decodable, cut short, or above a limit, with the clip's number.
 * -EINVAL: rule or n. -ENOMEM. What read or sink gave. */
int join_videos(const struct video_source *clips, size_t n,
	const struct join_rule *rule, encode_sink_fn sink, void *user, struct err *err);
