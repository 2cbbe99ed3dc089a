// SPDX-License-Identifier: MIT
#pragma once
/* What join.c is made of; others include join.h.
 *
 *	join_clip.c    what is in a clip: samples, and when they are shown
 *	join_plan.c    what of it is shown when, and what must be encoded; pure
 *	join_encode.c  pictures decoded and encoded anew, join_fit.c in another size
 *	join_config.c  what decoders are told first
 *	join_keep.c    lists
 *	join_sound.c   packets of sound, and silence
 *
 * All of it belongs to one joining, in the thread that called join.h. */
#include <libavcodec/avcodec.h>

#include "backend/media/join.h"
#include "backend/media/mp4_write.h"

/* A sample of the video. */
struct join_frame {
	int64_t pts; /* in the clip's time base */
	uint64_t pos;
	uint32_t size;
	uint32_t rank;  /* its place in order of display */
	bool is_key;    /* nothing before it is needed (H.264: an IDR picture) */
	bool is_hidden; /* by an edit list */
};

struct join_packet {
	int64_t pts;
	uint64_t pos;
	uint32_t size;
};

struct join_clip {
	const struct video_source *src;
	AVCodecParameters *par;
	AVRational base;
	struct join_frame *frames; /* in order of decoding */
	uint32_t n_frames, max_frames;
	uint32_t *at;      /* by rank: index in frames */
	int64_t last_time; /* how long the last frame is shown; ticks */

	AVCodecParameters *sound; /* NULL: none */
	AVRational sound_base;
	int64_t unit; /* length of a packet of sound, ticks */
	struct join_packet *packets;
	uint32_t n_packets, max_packets;

	/* The plan. Ranks [first, end) are shown. The `span` ticks from `zero` on, of
	 * the clip, are `length` ticks of the output from `start` on; at `start` the
	 * sound of `sound_from` (the clip's ticks) is heard. */
	uint32_t first, end;
	int64_t zero, span, sound_from;
	int64_t start, length;
};

void join_clip_finish(struct join_clip *c);
/* Reads the clip's index. -EPROTO, -ENOMEM, what read gave. */
int join_clip_read(
	struct join_clip *c, const struct video_source *src, struct err *err);

/* A part of a clip: frames [from, to) in order of decoding, ranks [first, end). */
struct join_run {
	uint32_t clip;
	uint32_t from, to, first, end;
	bool is_encoded;
};

struct join_plan {
	struct join_clip *clips;
	uint32_t n;         /* clips; those beyond the end are not counted */
	uint32_t timescale; /* of the output's video, ticks a second */
	int64_t duration;   /* ticks */
	struct join_run *runs;
	uint32_t n_runs;
	bool is_whole; /* everything is encoded: one stream, no copies */
	bool is_mixed; /* some runs are encoded and some copied */
};

/* `clips` are narrowed to what is shown. -EPROTO, -ENOMEM. */
int join_plan_make(struct join_plan *p, struct join_clip *clips, uint32_t n,
	const struct join_rule *rule, struct err *err);
void join_plan_finish(struct join_plan *p);
/* When a frame that is shown begins and ends, in ticks of the output. */
int64_t join_begin(const struct join_clip *c, uint32_t rank);
int64_t join_end(const struct join_plan *p, uint32_t clip, uint32_t rank);
/* Makes all of it one run a clip, encoded. -ENOMEM. */
int join_plan_whole(struct join_plan *p, struct err *err);

/* Samples of the output. */
#define JOIN_ENCODED UINT32_MAX /* origin of what was encoded; pos is its number */
struct join_samples {
	struct mp4_sample *list;
	size_t n, max;
};
int join_add(struct join_samples *s, const struct mp4_sample *sample); /* -ENOMEM */

/* What was encoded anew: pictures, and the silence of sound. */
struct join_packets {
	AVPacket **list;
	size_t n, max;
	uint64_t bytes;
};
/* Takes the content of `packet`. -ENOMEM, -EPROTO above JOIN_MAX_ENCODED. */
int join_keep(struct join_packets *k, AVPacket *packet, struct err *err);
void join_packets_finish(struct join_packets *k);

/* Reads a sample, `size` bytes at `pos`. */
int join_clip_bytes(const struct join_clip *c, uint64_t pos, uint32_t size, void *buf,
	struct err *err);

/* Frames of another size or format: as large as they fit, in the middle of `frame`,
 * yuv420p of `width` x `height`. */
struct join_fitter {
	int width, height;
	struct SwsContext *scaler;
	AVFrame *frame; /* what join_fit made, until it is called again */
};
int join_fit(struct join_fitter *t, const AVFrame *f, struct err *err); /* -EPROTO */
void join_fitter_finish(struct join_fitter *t);

struct join_encoder;
/* Parameter sets get the number `set`. Frames of another size are fitted in.
 * -EOPNOTSUPP without libx264, -ENOMEM. */
int join_encoder_new(const struct join_plan *p, const struct join_rule *rule, int set,
	struct join_packets *keep, struct join_samples *samples,
	struct join_encoder **ret, struct err *err);
void join_encoder_free(struct join_encoder *e);
/* Decodes and encodes a run. -EPROTO: a frame is missing or not decodable; -EAGAIN:
 * frames that cannot stand beside copied ones, and the run must be a whole. */
int join_encoder_run(
	struct join_encoder *e, const struct join_run *run, struct err *err);
/* What is left. */
int join_encoder_end(struct join_encoder *e, struct err *err);

struct join_encoded {
	const uint8_t *config; /* two NAL units, 4 bytes of length before each */
	size_t config_len;
	int width, height;
};
/* After the end. Valid as long as the encoder. */
void join_encoder_tell(const struct join_encoder *e, struct join_encoded *ret);

/* avcC: what H.264 decoders are told. `extra` are two parameter sets as above.
 * -EINVAL: not an avcC that could be extended. */
struct join_config {
	uint8_t bytes[MP4_MAX_CONFIG];
	size_t len;
};
int join_config_new(struct join_config *ret, const uint8_t *extra, size_t len);
int join_config_add(struct join_config *c, const uint8_t *extra, size_t len);
/* A number that no parameter set in it has, 1..15; 0: there is none, or frames encoded
 * anew cannot stand beside its own. */
int join_config_free_set(const uint8_t *avcc, size_t len);

/* The sound of the plan as a track, whose list is `samples`; none: 0 samples. A sample
 * comes from its clip, or is silence and JOIN_ENCODED. -ENOMEM, -EPROTO. */
int join_sound(const struct join_plan *p, struct join_packets *keep,
	struct join_samples *samples, struct mp4_track *track, struct err *err);
