// SPDX-License-Identifier: MIT
/* What the engine tells and what it keeps: status, metrics, details, quality. */
#include "cache/base/json.h"
#include "tests/backend/engine/fake.h"

/* As a reader of the file sees it. */
static cJSON *reread(const cJSON *o)
{
	scoped(buf_finish) struct buf b = {0};

	return json_print(&b, o) == 0 ? json_parse(b.data, b.len, NULL) : NULL;
}

static const cJSON *at(const cJSON *o, const char *name)
{
	return cJSON_GetObjectItemCaseSensitive(o, name);
}

static void status_names_what_runs_and_waits(void)
{
	struct bench *b = bench_new();
	scoped_json cJSON *made = cJSON_CreateObject();
	scoped_json cJSON *o = NULL;
	const cJSON *jobs, *slots;
	struct seen s = {0};

	b->config.max_concurrent = 1;
	bench_start(b);
	atomic_store(&b->fake.gate_closed, true);
	submit(b, "a red fox", &s);
	CHECK(wait_for(&b->fake.begun, 1));
	submit(b, "a blue fox", &s);
	submit(b, "a blue fox", &s);
	usleep(20000);
	CHECK_INT(engine_status(b->engine, made), 0);
	o = reread(made);
	jobs = at(o, "jobs");
	slots = at(o, "slots");
	CHECK_INT(cJSON_GetArraySize(jobs), 2);
	CHECK_STR(json_str(cJSON_GetArrayItem(jobs, 0), "path", ""),
		"/prompts/a red fox/imagen-3/1.png");
	CHECK_STR(json_str(cJSON_GetArrayItem(jobs, 0), "state", ""), "generating");
	CHECK_STR(json_str(cJSON_GetArrayItem(jobs, 1), "state", ""), "queued");
	CHECK_INT(json_int(cJSON_GetArrayItem(jobs, 1), "position", -1), 1);
	CHECK_INT(json_int(cJSON_GetArrayItem(jobs, 1), "readers", -1), 2);
	CHECK_INT(json_int(slots, "active_requests", -1), 1);
	CHECK_INT(json_int(slots, "available_slots", -1), 0);
	CHECK_INT(json_int(slots, "queue_size", -1), 1);
	CHECK_STR(json_str(at(o, "backend"), "name", ""), "fake");
	CHECK(json_bool(at(o, "backend"), "healthy", false));
	atomic_store(&b->fake.gate_closed, false);
	CHECK(wait_for(&s.done, 3));
	bench_end(b);
}

static void metrics_count_jobs(void)
{
	struct bench *b = bench_begin();
	scoped_json cJSON *made = cJSON_CreateObject();
	scoped_json cJSON *o = NULL;
	struct seen s = {0};

	submit(b, "a red fox", &s);
	submit(b, "a red fox", &s);
	submit(b, "a blue fox", &s);
	CHECK(wait_for(&s.done, 3));
	CHECK_INT(engine_metrics(b->engine, made), 0);
	o = reread(made);
	CHECK_INT(json_int(o, "total_requests", -1), 2);
	CHECK_INT(json_int(o, "successful_requests", -1), 2);
	CHECK_INT(json_int(o, "failed_requests", -1), 0);
	CHECK_INT(json_int(o, "success_rate", -1), 100);
	CHECK_INT(
		json_int(at(at(o, "performance_by_model"), "imagen-3"), "requests", -1),
		2);
	CHECK_INT(cJSON_GetArraySize(at(o, "models_used")), 1);
	CHECK(at(o, "total_cost_usd") && at(o, "average_cost_per_request"));
	CHECK(at(o, "total_duration_seconds") && at(o, "average_duration"));
	bench_end(b);
}

static void the_record_says_how_it_was_made(void)
{
	struct bench *b = bench_begin();
	struct request r = ask("a red fox", 2);
	struct record rec = {0};
	struct seen s = {0};
	struct digest key;
	char hex[DIGEST_HEX];
	scoped_json cJSON *o = NULL;

	r.opt[OPT_STYLE] = strdup("sketch");
	request_key(&r, "local", &key);
	CHECK_INT(engine_submit(b->engine, &r, NULL, NULL, PRIORITY_OPEN, saw, &s, NULL,
			  NULL),
		0);
	CHECK(wait_for(&s.done, 1));
	CHECK_INT(cache_find(b->cache, &key, &rec, NULL, NULL), 0);
	o = json_parse(rec.detail, strlen(rec.detail), NULL);
	digest_hex(&key, hex);
	CHECK_STR(json_str(o, "id", ""), hex);
	CHECK_STR(json_str(o, "prompt", ""), "a red fox");
	CHECK_STR(json_str(o, "prompt_sent", ""),
		"a red fox, pencil sketch, hand-drawn lines, monochrome");
	CHECK_INT(json_int(o, "prompt_length", 0), 9);
	CHECK_STR(json_str(at(o, "options"), "style", ""), "sketch");
	CHECK_INT(json_int(o, "take", 0), 2);
	CHECK_INT(json_int(o, "seed", 0), 2);
	CHECK_INT(json_int(o, "attempts", 0), 1);
	CHECK_STR(json_str(o, "path", ""), rec.path);
	CHECK_STR(rec.served_by, "imagen-3");
	CHECK_INT(rec.estimate_ud, 25000);
	CHECK_INT(rec.charged_ud, 0);
	record_finish(&rec);
	request_finish(&r);
	bench_end(b);
}

static void a_text_is_measured_after_it_was_stored(void)
{
	struct bench *b = bench_begin();
	struct request r = ask("write a poem", 1);
	struct record rec = {0};
	struct seen s = {0};
	struct digest key;
	int64_t end = clk_mono_ms() + FAKE_WAIT_MS;

	snprintf(r.model, sizeof(r.model), "gemini-pro");
	r.type = MEDIA_TEXT;
	request_key(&r, "local", &key);
	CHECK_INT(engine_submit(b->engine, &r, NULL, NULL, PRIORITY_OPEN, saw, &s, NULL,
			  NULL),
		0);
	CHECK(wait_for(&s.done, 1));
	while (!rec.quality && clk_mono_ms() < end) {
		record_finish(&rec);
		memset(&rec, 0, sizeof(rec));
		cache_find(b->cache, &key, &rec, NULL, NULL);
		usleep(1000);
	}
	CHECK(rec.quality && strstr(rec.quality, "\"words\""));
	record_finish(&rec);
	request_finish(&r);
	bench_end(b);
}

TAP_MAIN(TAP_CASE(status_names_what_runs_and_waits), TAP_CASE(metrics_count_jobs),
	TAP_CASE(the_record_says_how_it_was_made),
	TAP_CASE(a_text_is_measured_after_it_was_stored))
