// SPDX-License-Identifier: MIT
#pragma once
/* Has foreign bytes decoded by a fresh process that can do nothing else: this program
 * spawned anew with an empty environment, two pipes as its only descriptors, resource
 * limits and a system call filter (confine.h; the protocol is in worker_wire.h).
 *
 * Calls block until the process is gone: make them from a pool thread, as many at once
 * as you like. Nothing is kept between calls. The process dies with the calling thread.
 */
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "backend/quality/measure.h"
#include "cache/base/err.h"
#include "cache/base/media_type.h"

#define QUALITY_EXE "/proc/self/exe"
#define QUALITY_SAMPLES 12 /* frames measured of a video */

/* Reads exactly `len` bytes at `off`, always within the size, into `buf`; 0 or <0. */
typedef int (*quality_read_fn)(
	void *user, uint64_t off, void *buf, size_t len, struct err *err);

/* `type` is a label; what the bytes are decides. MEDIA_TEXT is refused. */
struct quality_source {
	enum media_type type;
	uint64_t size; /* bytes */
	quality_read_fn read;
	void *user;
};

typedef int (*quality_sink_fn)(
	void *user, const void *data, size_t len, struct err *err);

/* Measures a picture or video; all members of its kind are set.
 * exe         normally QUALITY_EXE
 * timeout_ms  > 0, for everything from start to result
 * stop        may be NULL; looked at every 50 ms
 * -EPROTO "not decodable: ...". -EIO: the process crashed, misbehaved or could not
 * confine itself. -ETIMEDOUT, -ECANCELED, -EINVAL (text), -ENOMEM; what `read` gave;
 * errno of the spawning. */
int quality_measure(const char *exe, const struct quality_source *src, int timeout_ms,
	const atomic_bool *stop, struct quality *ret, struct err *err);

/* Decodes a picture and encodes it as `to` (MEDIA_PNG or MEDIA_JPEG, 8-bit RGB); the
 * bytes go to `sink` as they come, in order, and count only if the call succeeds.
 * Errors as above, and what `sink` gave. */
int quality_convert(const char *exe, const struct quality_source *src,
	enum media_type to, int timeout_ms, const atomic_bool *stop,
	quality_sink_fn sink, void *user, struct err *err);

struct quality_join_rule { uint32_t seconds, fps; bool drops_repeated_frame; };
int quality_last_frame(const char *exe, const struct quality_source *src,
	enum media_type to, int timeout_ms, const atomic_bool *stop,
	quality_sink_fn sink, void *user, struct err *err);
int quality_join(const char *exe, const struct quality_source *src, size_t n, const struct quality_join_rule *rule,
	int timeout_ms, const atomic_bool *stop,
	quality_sink_fn sink, void *user, struct err *err);
