// SPDX-License-Identifier: MIT
/* Single-flight, slots, cancelling and stopping. */
#include "tests/backend/engine/fake.h"

#define MANY 500

static void five_hundred_opens_are_one_run(void)
{
	struct bench *b = bench_begin();
	struct seen s = {0}, again = {0};

	atomic_store(&b->fake.gate_closed, true);
	for (int i = 0; i < MANY; i++)
		CHECK_INT(submit(b, "a red fox", &s), 0);
	CHECK(wait_for(&b->fake.begun, 1));
	atomic_store(&b->fake.gate_closed, false);
	CHECK(wait_for(&s.done, MANY));
	CHECK_INT(s.ok, MANY);
	CHECK_INT(b->fake.worked, 1);
	CHECK_INT(s.size, 64);
	CHECK_INT(submit(b, "a red fox", &again), 0);
	CHECK(wait_for(&again.done, 1));
	CHECK_INT(b->fake.begun, 1);
	bench_end(b);
}

struct racer {
	struct bench *b;
	struct seen s;
};

static void *submit_many(void *arg)
{
	struct racer *a = arg;

	for (int i = 0; i < MANY; i++)
		submit(a->b, "a race for one file", &a->s);
	return NULL;
}

static void racing_submitters_never_make_it_twice(void)
{
	struct racer a[3] = {0};
	pthread_t thread[3];
	struct bench *b = bench_begin();

	for (int i = 0; i < 3; i++) {
		a[i].b = b;
		pthread_create(&thread[i], NULL, submit_many, &a[i]);
	}
	for (int i = 0; i < 3; i++) {
		pthread_join(thread[i], NULL);
		CHECK(wait_for(&a[i].s.done, MANY));
		CHECK_INT(a[i].s.ok, MANY);
	}
	CHECK_INT(b->fake.worked, 1);
	bench_end(b);
}

static void the_job_and_its_readers_are_told(void)
{
	struct bench *b = bench_begin();
	struct request r = ask("a red fox", 1);
	struct seen s = {0};
	struct job_brief j;
	struct digest key;

	request_key(&r, "local", &key);
	engine_job(b->engine, &key, &j);
	CHECK_INT(j.state, JOB_NONE);
	atomic_store(&b->fake.gate_closed, true);
	submit(b, "a red fox", &s);
	submit(b, "a red fox", &s);
	CHECK(wait_for(&b->fake.begun, 1));
	for (j.readers = 0; j.readers < 2;)
		engine_job(b->engine, &key, &j);
	CHECK_INT(j.state, JOB_GENERATING);
	CHECK_INT(j.permille, -1);
	CHECK_INT(j.position, 0);
	atomic_store(&b->fake.gate_closed, false);
	CHECK(wait_for(&s.done, 2));
	request_finish(&r);
	bench_end(b);
}

/* ---- slots ---- */

static void slots_are_never_exceeded(void)
{
	struct bench *b = bench_begin();
	struct seen s = {0};
	char prompt[32];

	atomic_store(&b->fake.gate_closed, true);
	for (int i = 0; i < 100; i++) {
		snprintf(prompt, sizeof(prompt), "number %d", i);
		CHECK_INT(submit(b, prompt, &s), 0);
	}
	CHECK(wait_for(&b->fake.begun, 4));
	usleep(20000);
	CHECK_INT(b->fake.begun, 4);
	atomic_store(&b->fake.gate_closed, false);
	CHECK(wait_for(&s.done, 100));
	CHECK_INT(s.ok, 100);
	CHECK(b->fake.most <= 4);
	bench_end(b);
}

static int place_in_order(const struct bench *b, const char *prompt)
{
	for (int i = 0; i < b->fake.n_order; i++)
		if (!strcmp(b->fake.order[i], prompt))
			return i;
	return -1;
}

static void one_users_thousand_do_not_starve_another(void)
{
	struct bench *b = bench_new();
	struct seen s = {0};
	char prompt[32];

	b->config.max_concurrent = 1;
	bench_start(b);
	atomic_store(&b->fake.gate_closed, true);
	submit(b, "the first one", &s);
	CHECK(wait_for(&b->fake.begun, 1));
	for (int i = 0; i < 300; i++) {
		snprintf(prompt, sizeof(prompt), "greedy %d", i);
		submit_as(b, prompt, 1000, "cat", PRIORITY_BATCH, &s, NULL, NULL);
		snprintf(prompt, sizeof(prompt), "opened %d", i);
		submit_as(b, prompt, 1000, "cat", PRIORITY_OPEN, &s, NULL, NULL);
	}
	submit_as(b, "another user", 1001, "cat", PRIORITY_OPEN, &s, NULL, NULL);
	submit_as(b, "another program", 1000, "ls", PRIORITY_OPEN, &s, NULL, NULL);
	/* Everything is queued before the first one goes on. */
	usleep(50000);
	atomic_store(&b->fake.gate_closed, false);
	CHECK(wait_for(&s.done, 603));
	CHECK(place_in_order(b, "another user") <= 3);
	CHECK(place_in_order(b, "another program") <= 5);
	CHECK_INT(place_in_order(b, "greedy 0"), 303);
	bench_end(b);
}

static void batch_work_that_is_opened_goes_first(void)
{
	struct bench *b = bench_new();
	struct seen s = {0};
	char prompt[32];

	b->config.max_concurrent = 1;
	bench_start(b);
	atomic_store(&b->fake.gate_closed, true);
	submit(b, "the first one", &s);
	CHECK(wait_for(&b->fake.begun, 1));
	for (int i = 0; i < 20; i++) {
		snprintf(prompt, sizeof(prompt), "batch %d", i);
		submit_as(b, prompt, 1000, "cat", PRIORITY_BATCH, &s, NULL, NULL);
	}
	submit_as(b, "batch 15", 1002, "cat", PRIORITY_OPEN, &s, NULL, NULL);
	usleep(20000);
	atomic_store(&b->fake.gate_closed, false);
	CHECK(wait_for(&s.done, 22));
	CHECK_INT(place_in_order(b, "batch 15"), 1);
	bench_end(b);
}

/* ---- cancel and stop ---- */

static void an_interrupted_reader_leaves_and_the_job_goes_on(void)
{
	struct bench *b = bench_begin();
	struct seen s = {0}, other = {0};
	struct ticket *t = NULL;

	atomic_store(&b->fake.gate_closed, true);
	submit_as(b, "a red fox", 0, "cat", PRIORITY_OPEN, &s, &t, NULL);
	CHECK(wait_for(&b->fake.begun, 1));
	ticket_cancel(t);
	ticket_cancel(t);
	CHECK(wait_for(&s.done, 1));
	CHECK_INT(s.code, ECANCELED);
	ticket_free(t);
	submit(b, "a red fox", &other);
	atomic_store(&b->fake.gate_closed, false);
	CHECK(wait_for(&other.done, 1));
	CHECK_INT(other.ok, 1);
	CHECK_INT(b->fake.begun, 1);
	CHECK_INT(s.done, 1);
	bench_end(b);
}

static void cancel_at_any_time_completes_once(void)
{
	struct bench *b = bench_begin();
	struct ticket *t[200];
	struct seen s = {0};
	char prompt[32];

	for (int i = 0; i < 200; i++) {
		snprintf(prompt, sizeof(prompt), "number %d", i / 4);
		submit_as(b, prompt, 0, "cat", PRIORITY_OPEN, &s, &t[i], NULL);
		if (i % 3 == 0)
			ticket_cancel(t[i]);
		if (i % 5 == 0)
			usleep(100);
		if (i >= 20) {
			ticket_cancel(t[i - 20]);
			ticket_free(t[i - 20]);
		}
	}
	CHECK(wait_for(&s.done, 200));
	engine_stop(b->engine);
	CHECK_INT(s.done, 200);
	CHECK_INT(s.ok + s.failed, 200);
	for (int i = 180; i < 200; i++) {
		ticket_cancel(t[i]); /* after the engine has stopped */
		ticket_free(t[i]);
	}
	bench_end(b);
}

static void *stop_engine(void *arg)
{
	struct bench *b = arg;

	engine_stop(b->engine);
	return NULL;
}

static void stopping_waits_for_what_runs_and_ends_the_rest(void)
{
	struct bench *b = bench_new();
	struct seen queued = {0}, running = {0};
	struct err err = {0};
	char prompt[32];
	pthread_t stopper;

	b->config.max_concurrent = 1;
	bench_start(b);
	atomic_store(&b->fake.work_gate_closed, true);
	submit(b, "it runs", &running);
	CHECK(wait_for(&b->fake.worked, 1));
	for (int i = 0; i < 20; i++) {
		snprintf(prompt, sizeof(prompt), "number %d", i);
		submit(b, prompt, &queued);
	}
	pthread_create(&stopper, NULL, stop_engine, b);
	CHECK(wait_for(&queued.done, 20));
	CHECK_INT(queued.code, ECANCELED);
	CHECK_INT(running.done, 0);
	CHECK_INT(
		submit_as(b, "too late", 0, "cat", PRIORITY_OPEN, &queued, NULL, &err),
		-ECANCELED);
	atomic_store(&b->fake.work_gate_closed, false);
	pthread_join(stopper, NULL);
	CHECK_INT(running.ok, 1);
	bench_end(b);
}

static void stopping_cancels_what_does_not_end(void)
{
	struct bench *b = bench_new();
	struct seen work = {0}, wait = {0}, backoff = {0};
	int64_t began;

	b->config.stop_timeout_ms = 30;
	b->config.max_concurrent = 2;
	b->fake.fail_code = EBUSY;
	b->fake.fail_transient = true;
	b->fake.retry_after_ms = 50000;
	atomic_store(&b->fake.fail_times, 1);
	bench_start(b);
	submit(b, "it waits for its next try", &backoff);
	while (atomic_load(&b->fake.fail_times))
		usleep(200);
	atomic_store(&b->fake.work_gate_closed, true);
	submit(b, "it works forever", &work);
	CHECK(wait_for(&b->fake.worked, 1));
	atomic_store(&b->fake.gate_closed, true);
	submit(b, "it waits forever", &wait);
	CHECK(wait_for(&b->fake.begun, 3));
	began = clk_mono_ms();
	engine_stop(b->engine);
	CHECK(clk_mono_ms() - began < 2000);
	CHECK_INT(work.code, ECANCELED);
	CHECK_INT(wait.code, ECANCELED);
	CHECK_INT(backoff.code, ECANCELED);
	bench_end(b);
}

TAP_MAIN(TAP_CASE(five_hundred_opens_are_one_run),
	TAP_CASE(racing_submitters_never_make_it_twice),
	TAP_CASE(the_job_and_its_readers_are_told), TAP_CASE(slots_are_never_exceeded),
	TAP_CASE(one_users_thousand_do_not_starve_another),
	TAP_CASE(batch_work_that_is_opened_goes_first),
	TAP_CASE(an_interrupted_reader_leaves_and_the_job_goes_on),
	TAP_CASE(cancel_at_any_time_completes_once),
	TAP_CASE(stopping_waits_for_what_runs_and_ends_the_rest),
	TAP_CASE(stopping_cancels_what_does_not_end))
