// SPDX-License-Identifier: MIT
#pragma once
/* struct quality as the JSON object that <file>.quality shows and the store keeps.
 *
 * Version 1 (metrics_version). A picture has width, height, aspect_ratio (width divided
 * by height), file_size_kb (bytes divided by 1024, so it is exact), sharpness_score,
 * brightness_score, contrast_score, quality_grade, clipped_dark, clipped_bright,
 * metrics_version. A video has these and duration_s, fps, video_codec, black_ratio,
 * sampled_frames, has_audio. A text has characters, words, finish_reason (absent where
 * the provider told none), file_size_kb, metrics_version. Any thread. */
#include "backend/quality/measure.h"
#include "cache/base/json.h"

#define QUALITY_MAX_JSON 2048 /* bytes of the object on one line */

/* A new object, owned by the caller. NULL: out of memory. */
cJSON *quality_to_json(const struct quality *q);

/* The inverse; what comes from the decoding process or from disk is not trusted.
 * Unknown members are ignored. -EINVAL: a member is absent, of another type or outside
 * its range, or the version is not ours. */
int quality_from_json(const cJSON *j, struct quality *ret, struct err *err);
