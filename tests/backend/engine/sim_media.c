// SPDX-License-Identifier: MIT
/* sandbox_* without a process that decodes: media of the simulation are a signature and
 * the tags of the calls that made them, and every work on them keeps the tags. */
#include <errno.h>
#include <string.h>

#include "backend/sandbox/sandbox.h"
#include "tests/backend/engine/sim.h"

#define SIGNATURE 12u
#define COPY_MAX 65536u

static const char png[SIGNATURE] = "\x89PNG\r\n\x1a\n...";
static const char jpeg[SIGNATURE] = "\xff\xd8\xff.........";
static const char mp4[SIGNATURE] = {
	0, 0, 0, 24, 'f', 't', 'y', 'p', 'm', 'p', '4', '2'};

static bool is_broken(void)
{
	sched_yield_here();
	return !sim.is_last && !sim.plan.is_calm && dice_below(&sim.disk, 60) == 0;
}

static int copy(const struct sandbox_source *src, sandbox_sink_fn sink, void *user,
	uint64_t most, struct err *err)
{
	char b[COPY_MAX];
	int r = 0;

	for (uint64_t off = SIGNATURE; off < src->size && off < most && r == 0;) {
		uint64_t n = src->size - off;

		n = n < sizeof(b) ? n : sizeof(b);
		n = n < most - off ? n : most - off;
		r = src->read(src->user, off, b, n, err);
		if (r == 0)
			r = sink(user, b, n, err);
		off += n;
	}
	return r;
}

int sandbox_measure(const char *exe, const struct sandbox_source *src, int timeout_ms,
	const atomic_bool *stop, struct quality *ret, struct err *err)
{
	(void)exe, (void)timeout_ms, (void)stop;
	if (is_broken())
		return err_set(err, EIO, "the worker crashed");
	*ret = (struct quality){
		.kind = src->type == MEDIA_MP4 ? QUALITY_VIDEO : QUALITY_PICTURE,
		.metrics_version = QUALITY_METRICS_VERSION,
		.size_bytes = src->size,
		.width = 16,
		.height = 16,
		.grade = 'B'};
	return 0;
}

int sandbox_convert(const char *exe, const struct sandbox_source *src,
	enum media_type to, int timeout_ms, const atomic_bool *stop,
	sandbox_sink_fn sink, void *user, struct err *err)
{
	int r;

	(void)exe, (void)timeout_ms, (void)stop;
	if (is_broken())
		return err_set(err, EIO, "the worker crashed");
	r = sink(user, to == MEDIA_PNG ? png : jpeg, SIGNATURE, err);
	return r < 0 ? r : copy(src, sink, user, UINT64_MAX, err);
}

int sandbox_last_frame(const char *exe, const struct sandbox_source *src,
	enum media_type to, int timeout_ms, const atomic_bool *stop,
	sandbox_sink_fn sink, void *user, struct err *err)
{
	return sandbox_convert(exe, src, to, timeout_ms, stop, sink, user, err);
}

/* The tags of all parts, one behind the other. */
int sandbox_join(const char *exe, const struct sandbox_source *src, size_t n,
	const struct sandbox_join_rule *rule, int timeout_ms, const atomic_bool *stop,
	sandbox_sink_fn sink, void *user, struct err *err)
{
	int r;

	(void)exe, (void)timeout_ms, (void)stop, (void)rule;
	if (is_broken())
		return err_set(err, EIO, "the worker crashed");
	r = sink(user, mp4, SIGNATURE, err);
	for (size_t i = 0; i < n && r == 0; i++)
		r = copy(&src[i], sink, user, SIGNATURE + SIM_TAG_MAX, err);
	return r;
}
