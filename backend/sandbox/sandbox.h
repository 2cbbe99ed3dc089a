// SPDX-License-Identifier: MIT
#pragma once
/* Has foreign bytes decoded by a fresh process that can do nothing else: this program
 * spawned anew with an empty environment, two pipes as its only descriptors, resource
 * limits and a system call filter (confine.h; the protocol is in message.h).
 *
 * Calls block until the process is gone: make them from a pool thread, as many at once
 * as you like. Nothing is kept between calls. The process dies with the calling thread.
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backend/quality/measure.h"
#include "cache/base/err.h"
#include "cache/base/media_type.h"

#define SANDBOX_EXE "/proc/self/exe"
#define SANDBOX_SAMPLES 12 /* frames measured of a video */

/* Reads exactly `len` bytes at `off`, always within the size, into `buf`; 0 or <0. */
typedef int (*sandbox_read_fn)(
	void *user, uint64_t off, void *buf, size_t len, struct err *err);

/* `type` is a label; what the bytes are decides. MEDIA_TEXT is refused. */
struct sandbox_source {
	enum media_type type;
	uint64_t size; /* bytes */
	sandbox_read_fn read;
	void *user;
};

typedef int (*sandbox_sink_fn)(
	void *user, const void *data, size_t len, struct err *err);

/* Measures a picture or video; all members of its kind are set. The process leaves
 * others most of the time.
 * exe         normally SANDBOX_EXE
 * timeout_ms  > 0, for everything from start to result
 * stop        may be NULL; looked at every 50 ms
 * -EPROTO "not decodable: ...". -EIO: the process crashed, misbehaved or could not
 * confine itself. -ETIMEDOUT, -ECANCELED, -EINVAL (text), -ENOMEM; what `read` gave;
 * errno of the spawning. */
int sandbox_measure(const char *exe, const struct sandbox_source *src, int timeout_ms,
	const atomic_bool *stop, struct quality *ret, struct err *err);

/* Decodes a picture and encodes it as `to` (MEDIA_PNG or MEDIA_JPEG, 8-bit RGB); the
 * bytes go to `sink` as they come, in order, and count only if the call succeeds.
 * Errors as above, and what `sink` gave. */
int sandbox_convert(const char *exe, const struct sandbox_source *src,
	enum media_type to, int timeout_ms, const atomic_bool *stop,
	sandbox_sink_fn sink, void *user, struct err *err);

/* The frame of a video that is shown last, at its full size, as `to`: where the next
 * clip goes on. As sandbox_convert; -EPROTO also for a video that was cut short. */
int sandbox_last_frame(const char *exe, const struct sandbox_source *src,
	enum media_type to, int timeout_ms, const atomic_bool *stop,
	sandbox_sink_fn sink, void *user, struct err *err);

#define SANDBOX_JOIN_MAX_CLIPS 512
#define SANDBOX_JOIN_MAX_SECONDS 1200
#define SANDBOX_JOIN_MAX_FPS 240
#define SANDBOX_JOIN_MAX_BYTES ((UINT64_C(2) << 30) - 1) /* of the result */

struct sandbox_join_rule {
	uint32_t seconds; /* length of the result; 0: all there is */
	uint32_t fps;     /* 0: as the clips are */
	/* Each clip but the first begins with the last frame of the one before: one
	 * of the two is left out. Where the result would be shorter than `seconds` by
	 * that, the frames that remain take the time, so that length and sound stay
	 * right. */
	bool is_chained;
};

/* n clips (1..SANDBOX_JOIN_MAX_CLIPS), in order, as one MP4 of H.264 and AAC with the
 * index in front. One clip is allowed: that cuts it, or changes its rate.
 *
 * Pictures are copied where all clips are H.264 of the same size and parameters; only
 * the group of pictures in which something is left out or cut is then encoded anew.
 * Clips that differ, other codecs and another `fps` are encoded as a whole, in the size
 * of the first clip. A rate is another one if it differs by 0.005 or more.
 * Sound is copied in whole packets without a gap, at most 11 ms off (half a packet). A
 * clip without sound, or with sound of another format than the first that has any, is
 * silent; where no clip has sound there is no sound track.
 * Where clips are shorter than `seconds` the result is; otherwise it is as long, to the
 * tick.
 *
 * Clips are read twice. Memory of this process: 1 MiB. Of the other: some tens of MiB,
 * and where everything is encoded, the result as well (at most 768 MiB; bits are
 * limited so that it fits).
 * Errors as sandbox_convert; sentences name the clip, counted from 1. -EINVAL: n, rule.
 * -EPROTO: also a clip that was cut short, and a result of more than
 * SANDBOX_JOIN_MAX_BYTES. -EOPNOTSUPP: this FFmpeg cannot encode H.264. */
int sandbox_join(const char *exe, const struct sandbox_source *sources, size_t n,
	const struct sandbox_join_rule *rule, int timeout_ms, const atomic_bool *stop,
	sandbox_sink_fn sink, void *user, struct err *err);
