// SPDX-License-Identifier: MIT
/* The bytes in which records and rows of the ledger were stored from the first version
 * on: they are written still, to the byte, and read. */
#include <string.h>

#include "cache/base/buf.h"
#include "cache/base/enc.h"
#include "cache/base/mem.h"
#include "cache/ledger_row.h"
#include "cache/record.h"
#include "tests/support/tap.h"

static const char record_hex[] =
	"01030204030201080706050c0b0a09100f0e0d42010203000000000000000000"
	"0000000000000000000000000000000000000000040506000000000000000000"
	"0000000000000000000000000000000000000000181716151413121102000000"
	"0000000003000000000000000400000000000000ffffffffffffffff00d0b305"
	"a2010000ffffffffffffffffa861000000000000204e00000000000009000000"
	"70726f6d7074732f78010000006d00000000ffffffff020000007b7dffffffff"
	"bd23efb2";
static const char row_hex[] =
	"0103070809000000000000000000000000000000000000000000000000000000"
	"00000403020106050000080700000c0b0a09a861000000000000204e00000000"
	"0000e8030000e903000008000000181716151413121100d0b305a201000001d0"
	"b305a201000002d0b305a2010000010203000000000000000000000000000000"
	"0000000000000000000000000000030000000000000004000000000000000200"
	"00006370010000006dffffffff0900000070726f6d7074732f78020000006f70"
	"ffffffff00000000020000007b7dffffffff";

/* Every field has a value of its own, so that none can take another's place. */
static const struct record a_record = {
	.state = RECORD_UNKNOWN,
	.type = MEDIA_JPEG,
	.draw = 0x01020304,
	.errno_code = 0x05060708,
	.attempts = 0x090a0b0c,
	.latency_ms = 0x0d0e0f10,
	.grade = 'B',
	.blob = {{1, 2, 3}},
	.orig = {{4, 5, 6}},
	.size = UINT64_C(0x1112131415161718),
	.orig_size = 2,
	.blob_id = 3,
	.orig_id = 4,
	.seed = UINT64_MAX,
	.created_ms = INT64_C(1795392000000),
	.retry_at_ms = -1,
	.estimate_ud = 25000,
	.charged_ud = 20000,
	.path = (char *)"prompts/x",
	.model = (char *)"m",
	.served_by = (char *)"",
	.detail = (char *)"{}",
};

static const struct ledger_row a_row = {
	.state = LEDGER_ACCEPTED,
	.key = {{7, 8, 9}},
	.draw = 0x01020304,
	.part = 0x0506,
	.n_parts = 0x0708,
	.sends = 0x090a0b0c,
	.held_ud = 25000,
	.charged_ud = 20000,
	.uid = 1000,
	.pid = 1001,
	.seconds = 8,
	.dir = UINT64_C(0x1112131415161718),
	.created_ms = INT64_C(1795392000000),
	.sent_ms = INT64_C(1795392000001),
	.changed_ms = INT64_C(1795392000002),
	.blob = {{1, 2, 3}},
	.blob_id = 3,
	.blob_size = 4,
	.program = (char *)"cp",
	.model = (char *)"m",
	.path = (char *)"prompts/x",
	.operation = (char *)"op",
	.uri = (char *)"",
	.request = (char *)"{}",
};

static bool is_hex(const struct buf *b, const char *want)
{
	scoped(buf_finish) struct buf hex = {0};

	for (size_t i = 0; i < b->len; i++)
		CHECK_INT(buf_addf(&hex, "%02x", (uint8_t)b->data[i]), 0);
	if (strcmp(hex.data, want))
		printf("# %s\n", hex.data);
	return !strcmp(hex.data, want);
}

static void unhex(struct buf *b, const char *hex)
{
	unsigned int v;

	for (; sscanf(hex, "%2x", &v) == 1; hex += 2)
		CHECK_INT(buf_addc(b, (char)v), 0);
}

static void records_are_written_as_ever(void)
{
	scoped(buf_finish) struct buf b = {0};

	CHECK_INT(record_encode(&a_record, &b), 0);
	CHECK(is_hex(&b, record_hex));
}

static void old_records_are_read(void)
{
	scoped(buf_finish) struct buf old = {0}, again = {0};
	scoped(record_finish) struct record r = {0};

	unhex(&old, record_hex);
	CHECK_INT(record_decode(old.data, old.len, &r, NULL), 0);
	CHECK_INT(r.draw, 0x01020304);
	CHECK_INT(r.charged_ud, 20000);
	CHECK_STR(r.path, "prompts/x");
	CHECK_STR(r.served_by, "");
	CHECK_STR(r.detail, "{}");
	CHECK(!r.why && !r.quality);
	CHECK_INT(record_encode(&r, &again), 0);
	CHECK(is_hex(&again, record_hex));
}

static void rows_are_written_as_ever(void)
{
	scoped(buf_finish) struct buf b = {0};

	CHECK_INT(ledger_row_encode(&a_row, &b), 0);
	CHECK(is_hex(&b, row_hex));
}

static void old_rows_are_read(void)
{
	scoped(buf_finish) struct buf old = {0};
	scoped(ledger_row_finish) struct ledger_row r = {0};
	struct ledger_row brief = {0};
	const char *program;
	struct rd in;
	size_t len;

	unhex(&old, row_hex);
	in = (struct rd){(uint8_t *)old.data, (uint8_t *)old.data + old.len};
	CHECK_INT(ledger_row_decode(&in, 5, &r), 0);
	CHECK_INT(r.id, 5);
	CHECK_INT(r.n_parts, 0x0708);
	CHECK_INT(r.charged_ud, 20000);
	CHECK_STR(r.program, "cp");
	CHECK_STR(r.served_by, ""); /* stored as none */
	CHECK_STR(r.operation, "op");
	CHECK_STR(r.uri, "");
	CHECK(!r.prefix && !r.why);
	in = (struct rd){(uint8_t *)old.data, (uint8_t *)old.data + old.len};
	CHECK_INT(ledger_row_brief(&in, 5, &brief, &program, &len), 0);
	CHECK(len == 2 && !memcmp(program, "cp", 2));
	CHECK(!brief.program && brief.held_ud == 25000);
}

TAP_MAIN(TAP_CASE(records_are_written_as_ever), TAP_CASE(old_records_are_read),
	TAP_CASE(rows_are_written_as_ever), TAP_CASE(old_rows_are_read))
