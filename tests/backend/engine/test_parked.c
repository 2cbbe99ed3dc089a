// SPDX-License-Identifier: MIT
/* Ten thousand parked opens, and what one of them costs. */
#include <malloc.h>

#include "tests/backend/engine/fake.h"

#define PARKED 10000
#define PARKED_BYTES_MAX (16u << 20)
#define HITS 2000

static size_t heap_bytes(void)
{
	return mallinfo2().uordblks; /* 0 under the sanitizers */
}

static void park(const char *what, bool is_one_file)
{
	struct bench *b = bench_begin();
	struct seen s = {0};
	struct ticket **t = new_array(struct ticket *, PARKED);
	struct request r = ask("a red fox number 0", 1);
	struct job_brief j = {0};
	struct digest key;
	char prompt[40];
	int64_t began, queued;
	size_t before;

	atomic_store(&b->fake.gate_closed, true);
	submit(b, "a red fox number 0", &s);
	CHECK(wait_for(&b->fake.begun, 1));
	before = heap_bytes();
	began = clk_mono_us();
	for (int i = 0; i < PARKED; i++) {
		snprintf(prompt, sizeof(prompt), "a red fox number %d",
			is_one_file ? 0 : i);
		submit_as(b, prompt, 1000, "cat", PRIORITY_OPEN, &s, &t[i], NULL);
	}
	request_key(&r, "local", &key);
	/* The last submission has reached its job when a later one has. */
	submit(b, "a red fox number 0", &s);
	for (uint32_t want = is_one_file ? PARKED + 2 : 3; j.readers < want;)
		engine_job(b->engine, &key, &j);
	queued = clk_mono_us() - began;
	printf("# %s: %zu bytes each, %.1f us each to park\n", what,
		(heap_bytes() - before) / PARKED, (double)queued / PARKED);
	CHECK(heap_bytes() - before < PARKED_BYTES_MAX);
	began = clk_mono_us();
	for (int i = 0; i < PARKED; i++) {
		ticket_cancel(t[i]);
		ticket_free(t[i]);
	}
	CHECK(wait_for(&s.done, PARKED));
	printf("# %s: %.1f us each to cancel\n", what,
		(double)(clk_mono_us() - began) / PARKED);
	request_finish(&r);
	free(t);
	bench_end(b);
}

static void ten_thousand_readers_of_one_file(void)
{
	park("a reader", true);
}

static void ten_thousand_files(void)
{
	park("a reader with a job", false);
}

static void how_long_an_instant_provider_takes(void)
{
	struct bench *b = bench_begin();
	struct seen s = {0};
	char prompt[40];
	int64_t sum = 0, began;

	for (int i = 0; i < HITS / 10; i++) {
		snprintf(prompt, sizeof(prompt), "a red fox number %d", i);
		began = clk_mono_us();
		submit(b, prompt, &s);
		CHECK(wait_for(&s.done, i + 1));
		sum += atomic_load(&s.at_us) - began;
	}
	printf("# from submit to done, made: %.0f us\n", (double)sum / (HITS / 10));
	b->fake.fail_code = EPROTO;
	for (int i = sum = 0; i < HITS / 10; i++) {
		atomic_store(&b->fake.fail_times, 1);
		snprintf(prompt, sizeof(prompt), "a blue fox number %d", i);
		began = clk_mono_us();
		submit(b, prompt, &s);
		CHECK(wait_for(&s.failed, i + 1));
		sum += atomic_load(&s.at_us) - began;
	}
	printf("# from submit to done, failed: %.0f us\n", (double)sum / (HITS / 10));
	sum = 0;
	for (int i = 0; i < HITS; i++) {
		began = clk_mono_us();
		submit(b, "a red fox number 0", &s);
		while (atomic_load(&s.done) < HITS / 5 + i + 1)
			continue;
		sum += atomic_load(&s.at_us) - began;
	}
	printf("# from submit to done, stored: %.0f us\n", (double)sum / HITS);
	printf("# struct ticket %zu, struct job %zu, struct submission %zu bytes\n",
		sizeof(struct ticket), sizeof(struct job), sizeof(struct submission));
	CHECK_INT(s.ok, HITS + HITS / 10);
	bench_end(b);
}

TAP_MAIN(TAP_CASE(ten_thousand_readers_of_one_file), TAP_CASE(ten_thousand_files),
	TAP_CASE(how_long_an_instant_provider_takes))
