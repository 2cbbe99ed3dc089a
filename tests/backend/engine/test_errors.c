// SPDX-License-Identifier: MIT
#include "backend/engine/errors.h"

#include <errno.h>

#include "cache/base/mem.h"
#include "tests/support/tap.h"

static struct digest key_of(int i)
{
	struct digest d;

	digest_of(&d, &i, sizeof(i));
	return d;
}

static void the_oldest_are_forgotten(void)
{
	struct errors *e = errors_new();
	struct err err = {0}, got;
	int64_t when;

	for (int i = 0; i < 3 * ERRORS_MAX; i++) {
		struct digest key = key_of(i);

		err_set(&err, EIO, "failure %d", i);
		errors_add(e, &key, "/p", &err, 1000 + i);
	}
	for (int i = 0; i < 3 * ERRORS_MAX; i++) {
		struct digest key = key_of(i);

		CHECK_INT(errors_find(e, &key, &got, &when), i >= 2 * ERRORS_MAX);
	}
	CHECK_INT(when, 1000 + 3 * ERRORS_MAX - 1);
	errors_free(e);
}

static void only_the_last_of_a_file_counts(void)
{
	struct errors *e = errors_new();
	scoped(buf_finish) struct buf b = {0};
	struct digest key = key_of(1);
	struct err err = {0}, got;

	for (int i = 0; i < 2 * ERRORS_MAX; i++) {
		err_set(&err, EBUSY, "failure %d", i);
		errors_add(e, &key, "/p\nq", &err, 0);
	}
	CHECK(errors_find(e, &key, &got, NULL));
	CHECK_STR(got.why, "failure 1023");
	CHECK(errors_forget(e, &key));
	CHECK(!errors_forget(e, &key));
	CHECK(!errors_find(e, &key, NULL, NULL));
	CHECK_INT(errors_print(e, &b), 0);
	CHECK(!strncmp(
		b.data, "1970-01-01T00:00:00.000Z EBUSY /p q: failure 1023\n", 50));
	errors_free(e);
}

TAP_MAIN(TAP_CASE(the_oldest_are_forgotten), TAP_CASE(only_the_last_of_a_file_counts))
