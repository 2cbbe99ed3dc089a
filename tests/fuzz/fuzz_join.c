// SPDX-License-Identifier: MIT
/* Foreign clips, joined in all the ways there are: alone and cut, with themselves, and
 * at another rate. What comes out begins with its index and can be joined again. */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "backend/media/join.h"
#include "cache/base/buf.h"
#include "cache/base/mem.h"

/* Larger clips are allowed, but a fuzzer learns nothing from waiting for them. */
#define FUZZ_MAX_BYTES (1u << 18)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

struct bytes {
	const uint8_t *data;
	size_t len;
};

static int read_bytes(void *user, uint64_t off, void *buf, size_t len, struct err *err)
{
	const struct bytes *b = user;

	assert(off <= b->len && len <= b->len - off);
	memcpy(buf, b->data + off, len);
	return 0;
}

static int to_buf(void *user, const void *data, size_t len, struct err *err)
{
	assert(len > 0);
	return buf_add(user, data, len) < 0 ? err_oom(err) : 0;
}

static int join_bytes(
	const struct bytes *b, size_t n, const struct join_rule *rule, struct buf *out)
{
	struct video_source src[3];
	struct err err = {0};
	int r;

	for (size_t i = 0; i < n; i++)
		src[i] = (struct video_source){.size = b->len,
			.read = read_bytes,
			.user = (void *)(uintptr_t)b};
	r = join_videos(src, n, rule, to_buf, out, &err);
	assert(r == 0 || ((r == -EPROTO || r == -ENOMEM) && err.why[0]));
	if (r == 0)
		assert(out->len > 64 && !memcmp(out->data + 36, "moov", 4));
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const struct {
		size_t n;
		struct join_rule rule;
	} rows[] = {
		{1, {.seconds = 1}},
		{2, {.seconds = 2, .is_chained = true}},
		{3, {.is_chained = true}},
		{2, {.seconds = 2, .fps = 7, .is_chained = true}},
	};
	const struct bytes b = {data, len};

	if (len > FUZZ_MAX_BYTES)
		return 0;
	decode_video_hush();
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		scoped(buf_finish) struct buf out = {0}, again = {0};

		if (join_bytes(&b, rows[i].n, &rows[i].rule, &out) < 0)
			continue;
		if (i == 0)
			join_bytes(&(struct bytes){(const uint8_t *)out.data, out.len},
				1, &rows[i].rule, &again);
	}
	return 0;
}
