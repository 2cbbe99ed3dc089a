// SPDX-License-Identifier: MIT
/* The key of a file is computed where it is asked for, and goes along from there. The
 * linker leads request_key here. */
#include "tests/backend/engine/fake.h"

static _Atomic int n_keys;

int __real_request_key(const struct request *r, const char *ns, struct digest *ret);
int __wrap_request_key(const struct request *r, const char *ns, struct digest *ret);

int __wrap_request_key(const struct request *r, const char *ns, struct digest *ret)
{
	atomic_fetch_add(&n_keys, 1);
	return __real_request_key(r, ns, ret);
}

static void of_one_file(void)
{
	struct bench *b = bench_begin();
	struct seen s = {0};

	atomic_store(&n_keys, 0);
	CHECK_INT(submit(b, "a red fox", &s), 0);
	CHECK(wait_for(&s.done, 1));
	CHECK_INT(s.ok, 1);
	bench_end(b); /* its quality is measured by now */
	CHECK_INT(n_keys, 1);
}

static void of_a_file_whose_key_is_known(void)
{
	struct bench *b = bench_begin();
	struct request r = ask("a red fox", 1);
	struct seen s = {0};
	struct digest key;

	CHECK_INT(request_key(&r, b->config.ns, &key), 0);
	atomic_store(&n_keys, 0);
	CHECK_INT(engine_submit(b->engine, &r, &key, NULL, PRIORITY_OPEN, saw, &s, NULL,
			  NULL),
		0);
	CHECK(wait_for(&s.done, 1));
	CHECK_INT(s.ok, 1);
	bench_end(b);
	CHECK_INT(n_keys, 0);
	request_finish(&r);
}

static void of_several_takes(void)
{
	struct bench *b = bench_begin();
	struct seen s = {0};

	atomic_store(&n_keys, 0);
	CHECK_INT(submit_take(b, "a red fox", "4", 2, &s), 0);
	CHECK(wait_for(&s.done, 1));
	CHECK_INT(s.ok, 1);
	bench_end(b);
	CHECK_INT(n_keys, 1 + 4); /* the one that is asked for, then each of the job */
}

TAP_MAIN(TAP_CASE(of_one_file), TAP_CASE(of_a_file_whose_key_is_known),
	TAP_CASE(of_several_takes))
