// SPDX-License-Identifier: MIT
#include <errno.h>

#include "tests/cache/support.h"

static void stores_and_finds(void)
{
	struct fixture f;
	struct spot s;
	struct record rec = {0};
	struct err err = {0};
	uint32_t draw = 9;

	fixture_start(&f, 0);
	spot_init(&s, "a red fox", "imagen-3", "1.png");
	CHECK_INT(cache_find(f.cache, &s.key, &rec, &draw, &err), -ENOENT);
	CHECK_INT(draw, 0);
	CHECK_INT(put_file(f.cache, &s.place, 3000000, 1), 0);
	CHECK(file_is(f.cache, &s.place, 3000000, 1));
	CHECK_INT(cache_find(f.cache, &s.key, &rec, &draw, &err), 0);
	CHECK_STR(rec.model, "imagen-3");
	CHECK_INT(rec.size, 3000000);
	record_finish(&rec);
	CHECK_INT(put_file(f.cache, &s.place, 10, 1), -EEXIST);
	CHECK_INT(fixture_reopen(&f), 0);
	CHECK(file_is(f.cache, &s.place, 3000000, 1));
	fixture_end(&f);
}

TAP_MAIN(TAP_CASE(stores_and_finds))
