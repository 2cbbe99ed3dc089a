// SPDX-License-Identifier: MIT
/* A stored record of anybody's, once as it is and once with the sum made right: what
 * decodes must encode to the same bytes. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "cache/base/buf.h"
#include "cache/base/enc.h"
#include "cache/base/mem.h"
#include "cache/record.h"

#define SUM_BYTES 4

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check(const uint8_t *data, size_t len)
{
	scoped(buf_finish) struct buf again = {0};
	scoped(record_finish) struct record r = {0};
	struct err err = {0};
	int rc = record_decode(data, len, &r, &err);

	if (rc < 0) {
		assert(*err.why);
		return;
	}
	rc = record_encode(&r, &again);
	assert(rc == 0);
	assert(again.len == len && !memcmp(again.data, data, len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	scoped_free uint8_t *copy = NULL;
	struct wr w;

	check(data, len);
	if (len < SUM_BYTES)
		return 0;
	copy = malloc(len);
	if (!copy)
		return 0;
	memcpy(copy, data, len);
	w.p = copy + len - SUM_BYTES;
	wr_u32(&w, crc32c(0, copy, len - SUM_BYTES));
	check(copy, len);
	return 0;
}
