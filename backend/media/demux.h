// SPDX-License-Identifier: MIT
#pragma once
/* What decode_video.c and the joiner share: an MP4 that is read on demand, and the
 * decoders that may be used for it. Others include decode_video.h or join.h.
 *
 * Opens no file, follows no reference, starts no thread. */
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>

#include "backend/media/decode_video.h"

struct demux {
	const struct video_source *src;
	struct err *err;
	uint64_t at;
	int io_error; /* what src->read gave */
	AVIOContext *io;
	AVFormatContext *format;
	AVStream *video; /* borrowed from format */
	AVStream *audio; /* the first one; NULL if there is none */
};

/* `src` and `err` are borrowed until demux_close. Packets come of the video, and of
 * the audio where `wants_audio`. -EPROTO, -ENOMEM, what read gave; close it then too.
 */
int demux_open(struct demux *d, const struct video_source *src, bool wants_audio,
	struct err *err);
void demux_close(struct demux *d);

/* The errno for what libav gave, and its sentence. */
int demux_fault(struct demux *d, int av, const char *what);

/* -EPROTO where something was cut off the file's end. Of fragments only what was read
 * is known, so ask at the end. What read gave. */
int demux_check_whole(struct demux *d);

/* A decoder with one thread and the limits of this program. -EPROTO, -ENOMEM. */
int demux_decoder(const AVCodecParameters *par, AVRational time_base,
	AVCodecContext **ret, struct err *err);
