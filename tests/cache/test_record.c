// SPDX-License-Identifier: MIT
#include <errno.h>

#include "cache/base/buf.h"
#include "cache/base/enc.h"
#include "cache/base/mem.h"
#include "cache/record.h"
#include "tests/support/tap.h"

static struct record sample(void)
{
	struct record r = {
		.state = RECORD_GENERATED,
		.type = MEDIA_MP4,
		.draw = 3,
		.errno_code = 0,
		.attempts = 2,
		.latency_ms = 1234,
		.grade = 'C',
		.size = UINT64_C(5) << 33,
		.orig_size = 9,
		.blob_id = 77,
		.orig_id = 78,
		.seed = UINT64_MAX,
		.created_ms = INT64_C(1795392000000),
		.retry_at_ms = -1,
		.estimate_ud = 25000,
		.charged_ud = 20000,
		.path = (char *)"prompts/x/veo-2/8s.mp4",
		.model = (char *)"veo-2",
		.served_by = (char *)"veo-1.5",
		.detail = (char *)"{}",
	};

	memset(r.blob.b, 0xab, sizeof(r.blob.b));
	r.orig.b[31] = 1;
	return r;
}

static void reads_back_what_it_wrote(void)
{
	struct record r = sample(), got = {0}, copy = {0};
	scoped(buf_finish) struct buf b = {0};
	struct err err = {0};

	CHECK_INT(record_encode(&r, &b), 0);
	CHECK_INT(record_decode(b.data, b.len, &got, &err), 0);
	CHECK_INT(got.draw, 3);
	CHECK_INT(got.size, (int64_t)(UINT64_C(5) << 33));
	CHECK_INT(got.retry_at_ms, -1);
	CHECK(got.seed == UINT64_MAX && got.grade == 'C' && got.type == MEDIA_MP4);
	CHECK(!memcmp(&got.blob, &r.blob, sizeof(r.blob)));
	CHECK_INT(got.orig.b[31], 1);
	CHECK_STR(got.path, r.path);
	CHECK_STR(got.served_by, "veo-1.5");
	CHECK(!got.why && !got.quality);
	CHECK_INT(record_copy(&copy, &got), 0);
	CHECK(copy.detail != got.detail);
	CHECK_STR(copy.detail, "{}");
	record_finish(&got);
	record_finish(&copy);
	record_finish(NULL);
}

static void every_flip_is_seen(void)
{
	struct record r = sample(), got = {0};
	scoped(buf_finish) struct buf b = {0};
	struct err err = {0};
	size_t seen = 0;

	CHECK_INT(record_encode(&r, &b), 0);
	for (size_t i = 0; i < b.len * 8; i++) {
		b.data[i / 8] ^= (char)(1 << i % 8);
		seen += record_decode(b.data, b.len, &got, &err) == -EBADMSG;
		b.data[i / 8] ^= (char)(1 << i % 8);
	}
	CHECK_INT(seen, b.len * 8);
	for (size_t len = 0; len < b.len; len++)
		CHECK_INT(record_decode(b.data, len, &got, &err), -EBADMSG);
	CHECK_INT(record_decode(b.data, b.len, &got, NULL), 0);
	record_finish(&got);
}

/* A right sum does not make a record right. */
static void nonsense_with_a_right_sum_is_refused(void)
{
	static const struct {
		size_t at;
		uint8_t value;
	} bad[] = {{0, 2}, {0, 0}, {1, 0}, {1, 4}, {2, 5}, {19, 'E'}};
	struct err err = {0};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct record r = sample(), got = {0};
		scoped(buf_finish) struct buf b = {0};
		struct wr w;

		CHECK_INT(record_encode(&r, &b), 0);
		b.data[bad[i].at] = (char)bad[i].value;
		w.p = (uint8_t *)b.data + b.len - 4;
		wr_u32(&w, crc32c(0, b.data, b.len - 4));
		CHECK_INT(record_decode(b.data, b.len, &got, &err), -EBADMSG);
		CHECK(*err.why);
	}
}

static void too_long_strings_are_refused(void)
{
	struct record r = sample();
	scoped(buf_finish) struct buf b = {0};
	char name[257];

	memset(name, 'x', sizeof(name) - 1);
	name[256] = '\0';
	r.model = name;
	CHECK_INT(record_encode(&r, &b), -E2BIG);
	CHECK_INT(b.len, 0);
	name[255] = '\0';
	CHECK_INT(record_encode(&r, &b), 0);
}

static void crc_known_values(void)
{
	uint8_t zeros[32] = {0}, ones[32];
	uint8_t text[100];

	memset(ones, 0xff, sizeof(ones));
	CHECK_INT(crc32c(0, "123456789", 9), 0xe3069283);
	CHECK_INT(crc32c(0, zeros, 32), 0x8a9136aa);
	CHECK_INT(crc32c(0, ones, 32), 0x62a8ab43);
	CHECK_INT(crc32c(0, "", 0), 0);
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (uint8_t)(i * 7);
	for (size_t i = 0; i <= sizeof(text); i++)
		CHECK_INT(crc32c(crc32c(0, text, i), text + i, sizeof(text) - i),
			crc32c(0, text, sizeof(text)));
}

TAP_MAIN(TAP_CASE(reads_back_what_it_wrote), TAP_CASE(every_flip_is_seen),
	TAP_CASE(nonsense_with_a_right_sum_is_refused),
	TAP_CASE(too_long_strings_are_refused), TAP_CASE(crc_known_values))
