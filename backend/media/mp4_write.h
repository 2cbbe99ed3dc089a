// SPDX-License-Identifier: MIT
#pragma once
/* Writes an MP4 of samples that are encoded already: the index (moov) in front, sound
 * and pictures in turns of half a second, so that it plays while it arrives. Nothing is
 * buffered but the index: sizes must be known, bytes are asked for when their turn
 * comes. Equal input gives equal bytes. Any thread.
 *
 *	ftyp | moov(mvhd, trak(tkhd, edts, mdia(mdhd, hdlr, minf(.., stbl)))...) | mdat
 *
 * ISO/IEC 14496-12, -14 (esds) and -15 (avcC). */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backend/media/encode_picture.h"
#include "cache/base/err.h"

/* Offsets have 32 bits here, and no player likes larger files. */
#define MP4_MAX_BYTES ((UINT64_C(2) << 30) - 1)

enum mp4_kind { MP4_H264, MP4_AAC };

struct mp4_sample {
	int64_t pts;   /* from 0 on, in the track's time scale; all different */
	uint32_t size; /* bytes */
	bool is_key;
	uint32_t origin; /* of the caller */
	uint64_t pos;
};

struct mp4_track {
	enum mp4_kind kind;
	uint32_t timescale;               /* ticks a second */
	const struct mp4_sample *samples; /* in order of decoding */
	size_t n;
	int64_t skip;       /* ticks that are decoded and not shown, at the beginning */
	int64_t duration;   /* ticks shown */
	const void *config; /* avcC's content, or the AudioSpecificConfig */
	size_t config_len;  /* <= MP4_MAX_CONFIG */
	uint16_t width, height;
	uint32_t aspect[2]; /* of a pixel; 0: square */
	uint16_t colour[3]; /* primaries, transfer, matrix of ISO 23091-2; 2: unknown */
	bool is_full_range;
	uint16_t channels;
};
#define MP4_MAX_CONFIG 4096

/* Makes `buf` the bytes of `s`, all of them. <0 ends the writing with that value. */
typedef int (*mp4_get_fn)(
	void *user, const struct mp4_sample *s, void *buf, struct err *err);

/* At most 2 tracks, the first one a video; each with samples.
 * -EPROTO: MP4_MAX_BYTES would be passed. -ENOMEM; what get or sink gave. */
int mp4_write(const struct mp4_track *tracks, size_t n, mp4_get_fn get, void *get_user,
	encode_sink_fn sink, void *sink_user, struct err *err);
