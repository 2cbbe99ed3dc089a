// SPDX-License-Identifier: MIT
#pragma once
/* What mp4_write.c is made of: the boxes in front of the samples. */
#include "backend/media/mp4_write.h"
#include "cache/base/buf.h"

#define MP4_MAX_TRACKS 2

/* Bytes, and the first failure to add some. */
struct boxes {
	struct buf b;
	int r;
};

/* When each sample is decoded, from pts alone: the k-th sample at the k-th smallest
 * pts, and all of them so much earlier that none is shown before it is decoded. */
struct mp4_times {
	int64_t *dts; /* in order of decoding, from 0 on: `delay` is added */
	int64_t delay;
};
int mp4_times_init(struct mp4_times *ret, const struct mp4_track *t); /* -ENOMEM */
void mp4_times_finish(struct mp4_times *t);

/* Chunks of a track: where they begin after the front, and how many samples each. */
struct mp4_places {
	uint32_t *offset, *count;
	size_t n;
};

/* ftyp, moov and the head of an mdat of `bytes`. -ENOMEM. */
int mp4_front(struct boxes *out, const struct mp4_track *tracks, size_t n,
	const struct mp4_times *times, const struct mp4_places *places, uint64_t bytes);
