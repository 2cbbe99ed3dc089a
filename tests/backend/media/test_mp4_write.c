// SPDX-License-Identifier: MIT
#include "backend/media/mp4_write.h"

#include <errno.h>
#include <string.h>

#include "cache/base/buf.h"
#include "cache/base/mem.h"
#include "tests/support/tap.h"

/* Decoded as 0 3 1 2, 4 5; shown as 0 1 2 3 4 5, 512 ticks each. */
static const struct mp4_sample pictures[] = {{.pts = 0, .size = 10, .is_key = true},
	{.pts = 1536, .size = 20}, {.pts = 512, .size = 5}, {.pts = 1024, .size = 6},
	{.pts = 2048, .size = 30, .is_key = true}, {.pts = 2560, .size = 7}};

static const struct mp4_sample packets[] = {
	{.pts = 0, .size = 3, .origin = 1}, {.pts = 1024, .size = 4, .origin = 1}};

static struct mp4_track video(const struct mp4_sample *samples, size_t n)
{
	return (struct mp4_track){.kind = MP4_H264,
		.timescale = 12288,
		.samples = samples,
		.n = n,
		.duration = 512 * (int64_t)n,
		.config = "\1\144\0\37\377\340\0",
		.config_len = 7,
		.width = 64,
		.height = 48,
		.colour = {2, 2, 2}};
}

static struct mp4_track sound(void)
{
	return (struct mp4_track){.kind = MP4_AAC,
		.timescale = 48000,
		.samples = packets,
		.n = 2,
		.skip = 1024,
		.duration = 1000,
		.config = "\21\220",
		.config_len = 2,
		.channels = 2};
}

static int get(void *user, const struct mp4_sample *s, void *buf, struct err *err)
{
	if (user)
		return err_set(err, EBADMSG, "damaged");
	memset(buf, s->origin ? 'a' : 'v', s->size);
	return 0;
}

static int to_buf(void *user, const void *data, size_t len, struct err *err)
{
	return buf_add(user, data, len) < 0 ? err_oom(err) : 0;
}

static int refuse(void *user, const void *data, size_t len, struct err *err)
{
	return err_set(err, ENOSPC, "full");
}

static uint32_t be32(const char *p)
{
	const uint8_t *b = (const uint8_t *)p;

	return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

/* What stands after the name of the n-th box of that name; checks its size. */
static const char *find(const struct buf *b, const char *name, int n)
{
	for (size_t i = 4; i + 4 < b->len; i++)
		if (!memcmp(b->data + i, name, 4) && n-- == 0) {
			CHECK(be32(b->data + i - 4) <= b->len - i + 4);
			return b->data + i + 4;
		}
	CHECK(false);
	printf("# no %s\n", name);
	return b->data;
}

static void tables(void)
{
	const struct mp4_track tracks[] = {video(pictures, 6), sound()};
	static const uint32_t shifts[] = {4, 1, 512, 1, 1536, 2, 0, 2, 512};
	scoped(buf_finish) struct buf b = {0};
	struct err err = {0};
	const char *p;

	CHECK_INT(mp4_write(tracks, 2, get, NULL, to_buf, &b, &err), 0);
	CHECK(!memcmp(b.data + 4, "ftyp", 4) && !memcmp(b.data + 36, "moov", 4));
	p = find(&b, "stts", 0);
	CHECK_INT(be32(p + 4), 1);
	CHECK_INT(be32(p + 8), 6);
	CHECK_INT(be32(p + 12), 512);
	/* None is shown before it is decoded: all wait as long as one must. */
	p = find(&b, "ctts", 0);
	for (size_t i = 0; i < ARRAY_SIZE(shifts); i++)
		CHECK_INT(be32(p + 4 + 4 * i), shifts[i]);
	p = find(&b, "elst", 0);
	CHECK_INT(be32(p + 8), 6 * 512);
	CHECK_INT(be32(p + 12), 512);
	p = find(&b, "elst", 1);
	CHECK_INT(be32(p + 8), 256); /* 1000 / 48000 s */
	CHECK_INT(be32(p + 12), 1024);
	p = find(&b, "stss", 0);
	CHECK_INT(be32(p + 4), 2);
	CHECK_INT(be32(p + 12), 5);
	p = find(&b, "mvhd", 0);
	CHECK_INT(be32(p + 12), 12288);
	CHECK_INT(be32(p + 16), 6 * 512);
}

/* The offsets of the tables are where the bytes are. */
static void places(void)
{
	const struct mp4_track tracks[] = {video(pictures, 6), sound()};
	scoped(buf_finish) struct buf b = {0};
	const char *p;

	CHECK_INT(mp4_write(tracks, 2, get, NULL, to_buf, &b, NULL), 0);
	p = b.data + be32(find(&b, "stco", 0) + 8);
	CHECK(p + 78 <= b.data + b.len);
	for (int i = 0; i < 78; i++)
		CHECK_INT(p[i], 'v');
	p = b.data + be32(find(&b, "stco", 1) + 8);
	CHECK(p + 7 <= b.data + b.len);
	for (int i = 0; i < 7; i++)
		CHECK_INT(p[i], 'a');
	CHECK_INT(be32(find(&b, "mdat", 0) - 8), 78 + 7 + 8);
}

static void tracks_take_turns(void)
{
	struct mp4_sample *many = new_array(struct mp4_sample, 240);
	struct mp4_sample *more = new_array(struct mp4_sample, 470);
	struct mp4_track tracks[] = {video(many, 240), sound()};
	scoped(buf_finish) struct buf b = {0};

	for (int i = 0; many && i < 240; i++)
		many[i] = (struct mp4_sample){
			.pts = 512 * i, .size = 1000, .is_key = i % 24 == 0};
	for (int i = 0; more && i < 470; i++)
		more[i] = (struct mp4_sample){.pts = 1024 * i, .size = 10, .origin = 1};
	tracks[1].samples = more;
	tracks[1].n = 470;
	tracks[1].duration = 480000;
	CHECK_INT(mp4_write(tracks, 2, get, NULL, to_buf, &b, NULL), 0);
	/* 10 s in half seconds */
	CHECK_INT(be32(find(&b, "stco", 0) + 4), 20);
	CHECK(be32(find(&b, "stco", 1) + 4) >= 19);
	free(many);
	free(more);
}

static void too_large(void)
{
	static const struct mp4_sample large[] = {
		{.pts = 0, .size = 1u << 30, .is_key = true},
		{.pts = 512, .size = 1u << 30}};
	const struct mp4_track track = video(large, 2);
	struct err err = {0};

	CHECK_INT(mp4_write(&track, 1, get, NULL, refuse, NULL, &err), -EPROTO);
	CHECK(strstr(err.why, "larger than 2147483647 bytes"));
}

static void failures_pass(void)
{
	const struct mp4_track track = video(pictures, 6);
	scoped(buf_finish) struct buf b = {0};
	struct err err = {0};
	int any;

	CHECK_INT(mp4_write(&track, 1, get, NULL, refuse, NULL, &err), -ENOSPC);
	CHECK_INT(mp4_write(&track, 1, get, &any, to_buf, &b, &err), -EBADMSG);
}

TAP_MAIN(TAP_CASE(tables), TAP_CASE(places), TAP_CASE(tracks_take_turns),
	TAP_CASE(too_large), TAP_CASE(failures_pass))
