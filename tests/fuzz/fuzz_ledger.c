// SPDX-License-Identifier: MIT
/* A row of the ledger of anybody's, and the request that stands in it: what decodes is
 * a row, which encodes to bytes that decode to the same; a request that reads back has
 * a path. */
#include <assert.h>
#include <string.h>

#include "backend/request/request.h"
#include "cache/base/enc.h"
#include "cache/base/json.h"
#include "cache/base/mem.h"
#include "cache/ledger_row.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check_request(const char *text, size_t len)
{
	scoped_json cJSON *o = json_parse(text, len, NULL);
	scoped(request_finish) struct request r = {0};
	scoped(buf_finish) struct buf path = {0};

	if (o && request_from_json(o, &r) == 0) {
		assert(request_is_file(&r));
		assert(request_path(&r, &path) == 0 && path.len > 0);
	}
}

static int decode(const void *data, size_t len, struct ledger_row *ret)
{
	struct rd in = {.p = data, .end = (const uint8_t *)data + len};

	return ledger_row_decode(&in, 1, ret);
}

static void check_row(const uint8_t *data, size_t len)
{
	scoped(ledger_row_finish) struct ledger_row row = {0}, same = {0};
	scoped(buf_finish) struct buf once = {0}, twice = {0};

	if (decode(data, len, &row) < 0)
		return;
	assert(ledger_row_encode(&row, &once) == 0);
	assert(decode(once.data, once.len, &same) == 0);
	assert(ledger_row_encode(&same, &twice) == 0);
	assert(once.len == twice.len && !memcmp(once.data, twice.data, once.len));
	if (row.request)
		check_request(row.request, strlen(row.request));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	check_row(data, len);
	check_request((const char *)data, len);
	return 0;
}
