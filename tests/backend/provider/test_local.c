// SPDX-License-Identifier: MIT
#include "backend/provider/local.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "cache/base/buf.h"
#include "cache/base/mem.h"
#include "tests/support/tap.h"

struct bytes_sink {
	struct sink sink;
	struct buf bytes;
	int fail;
};

static int write_bytes(
	struct sink *s, struct output *o, const void *data, size_t len, struct err *err)
{
	struct bytes_sink *b = container_of(s, struct bytes_sink, sink);

	return b->fail ? err_set(err, b->fail, "no") : buf_add(&b->bytes, data, len);
}

static struct request ask(const char *prompt, const char *model, enum media_type type)
{
	struct request r = {.tree = type == MEDIA_MP4 ? TREE_VIDEOS : TREE_PROMPTS,
		.type = type,
		.take = 1,
		.seconds = type == MEDIA_MP4 ? 1 : 0};

	snprintf(r.model, sizeof(r.model), "%s", model);
	CHECK_INT(prompt_from_text(prompt, strlen(prompt), &r.prompt), 0);
	return r;
}

static struct catalogue *rows;
static struct provider local;

static void begin(int latency_ms)
{
	CHECK_INT(catalogue_new(&rows, NULL), 0);
	CHECK_INT(local_new("/tmp", latency_ms, &local, NULL), 0);
}

static void end(void)
{
	local.ops->free(local.ctx);
	catalogue_free(rows);
}

static enum step_kind run_job(struct provider_job *job, struct bytes_sink *sink,
	struct outcome *o, struct err *err)
{
	atomic_bool stop = false;
	struct step s;

	for (;;) {
		local.ops->next(local.ctx, job, o, &s);
		if (s.kind != STEP_WORK)
			break;
		o->kind = OUTCOME_WORKED;
		o->err = err;
		o->result = s.work(local.ctx, job, &sink->sink, &stop, err);
	}
	return s.kind;
}

static void a_picture_of_every_take(void)
{
	struct request r = ask("a red fox in snow", "imagen-3", MEDIA_PNG);
	struct output out[2] = {{.take = 1}, {.take = 2}};
	struct output *list[] = {&out[0], &out[1]};
	struct provider_job job = {.req = &r,
		.prompt = r.prompt->text,
		.negative = "",
		.output = list,
		.n_outputs = 2};
	struct bytes_sink sink = {.sink.write = write_bytes};
	struct outcome o = {.kind = OUTCOME_BEGIN};
	struct err err = {0};

	begin(0);
	job.row = catalogue_find(rows, "imagen-3");
	CHECK_INT(run_job(&job, &sink, &o, &err), STEP_DONE);
	CHECK_INT(out[0].state, OUTPUT_MADE);
	CHECK_INT(out[1].state, OUTPUT_MADE);
	CHECK_INT(media_sniff(sink.bytes.data, sink.bytes.len), MEDIA_PNG);
	CHECK(out[0].width > 0 && out[0].height > 0);
	CHECK(out[0].seed != out[1].seed && out[0].seed >= 1);
	buf_finish(&sink.bytes);
	request_finish(&r);
	end();
}

static void a_failing_sink_fails_the_job(void)
{
	struct request r = ask("a red fox in snow", "imagen-3", MEDIA_JPEG);
	struct output out = {.take = 1}, *list = &out;
	struct provider_job job = {.req = &r,
		.prompt = r.prompt->text,
		.negative = "",
		.output = &list,
		.n_outputs = 1};
	struct bytes_sink sink = {.sink.write = write_bytes, .fail = ENOSPC};
	struct outcome o = {.kind = OUTCOME_BEGIN};
	struct err err = {0};

	begin(0);
	job.row = catalogue_find(rows, "imagen-3");
	CHECK_INT(run_job(&job, &sink, &o, &err), STEP_FAILED);
	CHECK_INT(o.result, -ENOSPC);
	CHECK_INT(out.state, OUTPUT_WANTED);
	request_finish(&r);
	end();
}

static void latency_waits_once(void)
{
	struct request r = ask("a red fox in snow", "imagen-3", MEDIA_PNG);
	struct output out = {.take = 1}, *list = &out;
	struct provider_job job = {.req = &r, .output = &list, .n_outputs = 1};
	struct outcome o = {.kind = OUTCOME_BEGIN, .now_ms = 1000};
	struct step s;

	begin(250);
	local.ops->next(local.ctx, &job, &o, &s);
	CHECK_INT(s.kind, STEP_WAIT);
	CHECK_INT(s.until_ms, 1250);
	o.kind = OUTCOME_WAITED;
	local.ops->next(local.ctx, &job, &o, &s);
	CHECK_INT(s.kind, STEP_WORK);
	request_finish(&r);
	end();
}

static void it_makes_no_text(void)
{
	struct request r = ask("a poem about a fox", "gemini-pro", MEDIA_TEXT);
	struct err err = {0};

	begin(0);
	CHECK_INT(local.ops->can_make(
			  local.ctx, catalogue_find(rows, "gemini-pro"), &r, &err),
		-EOPNOTSUPP);
	CHECK(strstr(err.why, "the built-in renderer makes no text"));
	request_finish(&r);
	end();
}

/* The number that stands in the record gives the same drawing again. */
static void a_recorded_seed_repeats_the_drawing(void)
{
	struct request r = ask("a red fox in snow", "imagen-3", MEDIA_PNG);
	struct digest first, again, next;
	uint64_t seed = local_seed(&r, 3, 0);

	CHECK(seed >= 1 && seed <= 0x7fffffff);
	CHECK(local_seed(&r, 3, 1) != seed);
	CHECK(local_seed(&r, 4, 0) != seed);
	local_drawing(&r, seed, &first);
	CHECK(asprintf(&r.opt[OPT_SEED], "%llu", (unsigned long long)seed) > 0);
	CHECK_INT(local_seed(&r, 1, 0), seed);
	CHECK_INT(local_seed(&r, 2, 0), seed + 1);
	local_drawing(&r, seed, &again);
	local_drawing(&r, seed + 1, &next);
	CHECK(!memcmp(&first, &again, sizeof(first)));
	CHECK(memcmp(&first, &next, sizeof(first)) != 0);
	request_finish(&r);
}

TAP_MAIN(TAP_CASE(a_picture_of_every_take), TAP_CASE(a_failing_sink_fails_the_job),
	TAP_CASE(latency_waits_once), TAP_CASE(it_makes_no_text),
	TAP_CASE(a_recorded_seed_repeats_the_drawing))
