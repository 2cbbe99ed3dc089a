// SPDX-License-Identifier: MIT
/* How jobs fail, what is refused, and directories of several takes. */
#include "backend/engine/place.h"
#include "tests/backend/engine/fake.h"

static void a_failure_has_a_sentence_and_is_remembered(void)
{
	struct bench *b = bench_begin();
	struct request r = ask("a red fox", 1);
	scoped(buf_finish) struct buf log = {0};
	struct seen s = {0}, again = {0};
	struct err err = {0};
	struct digest key;
	int64_t when = 0;

	request_key(&r, "local", &key);
	b->fake.fail_code = EPROTO;
	atomic_store(&b->fake.fail_times, 1);
	submit(b, "a red fox", &s);
	CHECK(wait_for(&s.done, 1));
	CHECK_INT(s.code, EPROTO);
	CHECK_STR(s.why, "the fake fails");
	CHECK(engine_last_error(b->engine, &key, &err, &when));
	CHECK_STR(err.why, "the fake fails");
	CHECK(when > 0);
	engine_errors(b->engine, &log);
	CHECK(log.data && strstr(log.data, " EPROTO "));
	CHECK(log.data &&
		strstr(log.data, "/a red fox/imagen-3/1.png: the fake fails\n"));
	submit(b, "a red fox", &again);
	CHECK(wait_for(&again.done, 1));
	CHECK_INT(again.ok, 1);
	CHECK(!engine_last_error(b->engine, &key, &err, &when));
	request_finish(&r);
	bench_end(b);
}

static void only_transient_failures_are_tried_again(void)
{
	static const struct {
		int code, times;
		bool is_transient, is_ok;
		int begun;
	} cases[] = {
		{EBUSY, 2, true, true, 3},
		{EBUSY, 3, true, false, 3},
		{EBUSY, 1, false, false, 1},
		{ENOSPC, 1, true, false, 1},
		{EACCES, 1, true, false, 1},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct bench *b = bench_begin();
		struct seen s = {0};

		b->fake.fail_code = cases[i].code;
		b->fake.fail_transient = cases[i].is_transient;
		atomic_store(&b->fake.fail_times, cases[i].times);
		submit(b, "a red fox", &s);
		CHECK(wait_for(&s.done, 1));
		CHECK_INT(s.ok, cases[i].is_ok);
		CHECK_INT(b->fake.begun, cases[i].begun);
		CHECK_INT(s.code, cases[i].is_ok ? 0 : cases[i].code);
		bench_end(b);
	}
}

static void half_an_output_is_none(void)
{
	struct bench *b = bench_begin();
	struct seen s = {0};

	atomic_store(&b->fake.half_times, 1);
	submit(b, "a red fox", &s);
	CHECK(wait_for(&s.done, 1));
	CHECK_INT(s.ok, 1);
	CHECK_INT(b->fake.begun, 2);
	CHECK_INT(s.size, 64);
	bench_end(b);
}

static void a_hint_is_honoured(void)
{
	struct bench *b = bench_begin();
	struct seen s = {0};
	int64_t began = clk_mono_ms();

	b->fake.fail_code = EBUSY;
	b->fake.fail_transient = true;
	b->fake.retry_after_ms = 60;
	atomic_store(&b->fake.fail_times, 1);
	submit(b, "a red fox", &s);
	CHECK(wait_for(&s.done, 1));
	CHECK_INT(s.ok, 1);
	CHECK(clk_mono_ms() - began >= 60);
	bench_end(b);
}

/* A pause has nothing in flight that is worth waiting for. The other job runs only when
 * the first one has given back the only slot: it pauses then. */
static void a_job_that_is_stopped_while_it_pauses(void)
{
	struct bench *b = bench_new();
	struct seen paused = {0}, other = {0};
	int64_t began;

	b->config.max_concurrent = 1;
	b->fake.fail_code = EBUSY;
	b->fake.fail_transient = true;
	b->fake.retry_after_ms = 50000;
	atomic_store(&b->fake.fail_times, 1);
	bench_start(b);
	CHECK_INT(submit(b, "a red fox", &paused), 0);
	CHECK(wait_for(&b->fake.begun, 1));
	CHECK_INT(submit(b, "another one", &other), 0);
	CHECK(wait_for(&other.done, 1));
	CHECK_INT(other.ok, 1);
	CHECK_INT(paused.done, 0);
	began = clk_mono_ms();
	engine_stop(b->engine);
	CHECK(clk_mono_ms() - began < b->config.stop_timeout_ms / 2);
	CHECK_INT(paused.done, 1);
	CHECK_INT(paused.code, ECANCELED);
	CHECK_STR(paused.why, "promptfs is stopping");
	CHECK_INT(b->fake.begun, 2); /* never tried again */
	bench_end(b);
}

static void remove_file(struct bench *b, const struct request *r)
{
	struct request_place place;
	struct digest key;

	CHECK_INT(request_key(r, "local", &key), 0);
	CHECK_INT(request_place_init(&place, r, &key, NULL), 0);
	CHECK_INT(cache_remove(b->cache, &place.place, NULL), 0);
	request_place_finish(&place);
}

static void a_providers_refusal_is_kept_until_rm(void)
{
	struct bench *b = bench_begin();
	struct request r = ask("a red fox", 1);
	struct seen s = {0}, none = {0};
	struct err err = {0};

	b->fake.fail_code = EPERM;
	b->fake.fail_is_refusal = true;
	atomic_store(&b->fake.fail_times, 1);
	submit(b, "a red fox", &s);
	CHECK(wait_for(&s.done, 1));
	CHECK_INT(s.code, EPERM);
	CHECK_INT(submit_as(b, "a red fox", 0, "cat", PRIORITY_OPEN, &none, NULL, &err),
		-EPERM);
	CHECK(strstr(err.why, "the fake fails"));
	CHECK_INT(b->fake.begun, 1);
	remove_file(b, &r);
	CHECK_INT(submit(b, "a red fox", &s), 0);
	CHECK(wait_for(&s.done, 2));
	CHECK_INT(s.ok, 1);
	CHECK_INT(s.draw, 0);
	request_finish(&r);
	bench_end(b);
}

static void a_provider_that_makes_nothing_is_a_protocol_error(void)
{
	struct bench *b = bench_begin();
	struct seen s = {0};

	b->fake.makes_nothing = true;
	submit(b, "a red fox", &s);
	CHECK(wait_for(&s.done, 1));
	CHECK_INT(s.code, EPROTO);
	bench_end(b);
}

static void no_room_is_found_before_the_work(void)
{
	struct bench *b = bench_new();
	struct seen s = {0};

	b->cache_config.reserve_bytes = UINT64_C(1) << 50;
	bench_start(b);
	CHECK_INT(submit(b, "a red fox", &s), 0);
	CHECK(wait_for(&s.done, 1));
	CHECK_INT(s.code, ENOSPC);
	CHECK(strstr(s.why, "room"));
	CHECK_INT(b->fake.begun, 0);
	CHECK_INT(submit(b, "another one", &s), 0); /* the slot was given back */
	CHECK(wait_for(&s.done, 2));
	bench_end(b);
}

static void room_is_given_back(void)
{
	struct bench *b = bench_begin();
	struct seen s = {0};

	CHECK_INT(submit(b, "a red fox", &s), 0);
	CHECK(wait_for(&s.done, 1));
	engine_stop(b->engine); /* the loop's field: nobody else reads it */
	CHECK_INT(b->engine->work.room_bytes, 0);
	bench_end(b);
}

/* ---- refused at once ---- */

static int refuse(struct bench *b, const char *prompt, const char *model,
	const char *program, enum option_id opt, const char *value, struct err *err)
{
	struct request r = ask(prompt, 1);
	struct engine_who who = {.uid = 1};
	struct seen s = {0};
	int rc;

	snprintf(r.model, sizeof(r.model), "%s", model);
	snprintf(who.program, sizeof(who.program), "%s", program);
	if (value)
		r.opt[opt] = strdup(value);
	rc = engine_submit(
		b->engine, &r, NULL, &who, PRIORITY_OPEN, saw, &s, NULL, err);
	if (rc == 0)
		CHECK(wait_for(&s.done, 1));
	request_finish(&r);
	return rc;
}

static void what_is_refused_at_once_and_why(void)
{
	static const struct {
		const char *prompt, *model, *program;
		enum option_id opt;
		const char *value;
		int code;
		const char *why;
	} cases[] = {
		{"a fox", "imagen-3", "cat", 0, NULL, 0, ""},
		{"fox", "imagen-3", "cat", 0, NULL, EINVAL, ""},
		{"a fox", "no-model", "cat", 0, NULL, ENOENT, "no-model"},
		{"a fox with weapons", "imagen-3", "cat", 0, NULL, EPERM, "weapon"},
		{"a new fox", "imagen-3", "indexer", 0, NULL, EACCES, "deny_programs"},
		{"a fox", "imagen-3", "indexer", 0, NULL, 0, ""}, /* it exists */
		{"a new fox", "imagen-3", "cat", OPT_COUNT, "900", EINVAL, ""},
		{"a new fox", "imagen-3", "cat", OPT_ASPECT, "7:1", EINVAL, ""},
	};
	struct bench *b = bench_begin();

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct err err = {0};

		CHECK_INT(refuse(b, cases[i].prompt, cases[i].model, cases[i].program,
				  cases[i].opt, cases[i].value, &err),
			-cases[i].code);
		CHECK(strstr(err.why, cases[i].why));
		CHECK(!cases[i].code || err.why[0]);
	}
	CHECK_INT(b->fake.begun, 1);
	b->fake.is_unable = true;
	CHECK_INT(
		refuse(b, "a new fox", "imagen-3", "cat", 0, NULL, NULL), -EOPNOTSUPP);
	bench_end(b);
}

static void offline_is_for_paid_backends(void)
{
	for (int is_paid = 0; is_paid < 2; is_paid++) {
		struct bench *b = bench_new();

		b->fake.is_paid = is_paid;
		b->config.offline = true;
		bench_start(b);
		CHECK_INT(refuse(b, "a fox", "imagen-3", "cat", 0, NULL, NULL),
			is_paid ? -ENETUNREACH : 0);
		bench_end(b);
	}
}

static void a_refusal_stands_in_the_errors(void)
{
	struct bench *b = bench_begin();
	struct request r = ask("a fox with a weapon", 1);
	struct err err = {0};
	struct digest key;

	request_key(&r, "local", &key);
	CHECK_INT(refuse(b, "a fox with a weapon", "imagen-3", "cat", 0, NULL, NULL),
		-EPERM);
	CHECK(engine_last_error(b->engine, &key, &err, NULL));
	CHECK_INT(err.code, EPERM);
	CHECK(engine_forget_error(b->engine, &key));
	CHECK(!engine_forget_error(b->engine, &key));
	request_finish(&r);
	bench_end(b);
}

/* ---- count=N ---- */

static void a_count_directory_is_one_job_and_all_takes_are_kept(void)
{
	struct bench *b = bench_begin();
	struct seen one = {0}, three = {0}, two = {0};

	atomic_store(&b->fake.hold_take, 3);
	atomic_store(&b->fake.work_gate_closed, true);
	CHECK_INT(submit_take(b, "foxes in snow", "4", 1, &one), 0);
	CHECK_INT(submit_take(b, "foxes in snow", "4", 3, &three), 0);
	CHECK(wait_for(&one.done, 1)); /* does not wait for the third */
	CHECK_INT(one.ok, 1);
	CHECK_INT(three.done, 0);
	atomic_store(&b->fake.work_gate_closed, false);
	CHECK(wait_for(&three.done, 1));
	CHECK_INT(three.ok, 1);
	CHECK_INT(submit_take(b, "foxes in snow", "4", 2, &two), 0);
	CHECK(wait_for(&two.done, 1));
	CHECK_INT(two.ok, 1);
	engine_stop(b->engine);
	CHECK_INT(b->fake.begun, 1);
	CHECK_INT(b->fake.worked, 4);
	bench_end(b);
}

static void a_filtered_take_fails_and_is_made_alone_later(void)
{
	struct bench *b = bench_begin();
	struct request r = ask("foxes in snow", 2);
	struct seen one = {0}, two = {0};

	r.opt[OPT_COUNT] = strdup("3");
	atomic_store(&b->fake.refuse_take, 2);
	CHECK_INT(submit_take(b, "foxes in snow", "3", 2, &two), 0);
	CHECK_INT(submit_take(b, "foxes in snow", "3", 3, &one), 0);
	CHECK(wait_for(&two.done, 1) && wait_for(&one.done, 1));
	CHECK_INT(two.code, EPERM);
	CHECK_INT(one.ok, 1);
	atomic_store(&b->fake.refuse_take, 0);
	remove_file(b, &r);
	CHECK_INT(submit_take(b, "foxes in snow", "3", 2, &two), 0);
	CHECK(wait_for(&two.done, 2));
	CHECK_INT(two.ok, 1);
	CHECK_INT(b->fake.begun, 2);
	CHECK_INT(b->fake.worked, 4);
	request_finish(&r);
	bench_end(b);
}

/* The second job of the directory begins for take 1 alone; take 2 comes while it runs.
 */
static void a_take_beyond_the_running_job_is_made_after_it(void)
{
	struct bench *b = bench_begin();
	struct request r = ask("foxes in snow", 1);
	struct seen all = {0}, one = {0}, two = {0};

	r.opt[OPT_COUNT] = strdup("2");
	CHECK_INT(submit_take(b, "foxes in snow", "2", 1, &all), 0);
	CHECK_INT(submit_take(b, "foxes in snow", "2", 2, &all), 0);
	CHECK(wait_for(&all.done, 2));
	for (r.take = 1; r.take <= 2; r.take++)
		remove_file(b, &r);
	atomic_store(&b->fake.work_gate_closed, true);
	CHECK_INT(submit_take(b, "foxes in snow", "2", 1, &one), 0);
	CHECK(wait_for(&b->fake.worked, 3));
	CHECK_INT(submit_take(b, "foxes in snow", "2", 2, &two), 0);
	atomic_store(&b->fake.work_gate_closed, false);
	CHECK(wait_for(&one.done, 1) && wait_for(&two.done, 1));
	CHECK_INT(one.ok + two.ok, 2);
	CHECK_INT(one.draw, 1);
	CHECK_INT(two.draw, 1);
	CHECK_INT(b->fake.begun, 3);
	request_finish(&r);
	bench_end(b);
}

TAP_MAIN(TAP_CASE(a_failure_has_a_sentence_and_is_remembered),
	TAP_CASE(only_transient_failures_are_tried_again), TAP_CASE(a_hint_is_honoured),
	TAP_CASE(half_an_output_is_none),
	TAP_CASE(a_job_that_is_stopped_while_it_pauses),
	TAP_CASE(a_providers_refusal_is_kept_until_rm),
	TAP_CASE(a_provider_that_makes_nothing_is_a_protocol_error),
	TAP_CASE(no_room_is_found_before_the_work), TAP_CASE(room_is_given_back),
	TAP_CASE(what_is_refused_at_once_and_why),
	TAP_CASE(offline_is_for_paid_backends),
	TAP_CASE(a_refusal_stands_in_the_errors),
	TAP_CASE(a_count_directory_is_one_job_and_all_takes_are_kept),
	TAP_CASE(a_filtered_take_fails_and_is_made_alone_later),
	TAP_CASE(a_take_beyond_the_running_job_is_made_after_it))
