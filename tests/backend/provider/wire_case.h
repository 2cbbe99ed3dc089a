// SPDX-License-Identifier: MIT
#pragma once
/* Requests and answers of the wire formats: jobs from short descriptions, bodies
 * compared as parsed JSON, answers through the real response filter. */
#include <errno.h>

#include "backend/net/filter.h"
#include "backend/policy/limits.h"
#include "backend/provider/wire.h"
#include "cache/base/mem.h"
#include "tests/backend/policy/make_request.h"

/* The smallest things that are what they say by their first bytes. */
#define PNG64 "iVBORw0KGgo="
#define JPEG64 "/9j/4A=="
#define MP464 "AAAAGGZ0eXBpc29t"
#define TEXT64 "bm90IGEgcGljdHVyZQ=="
#define BROKEN64 "iVBORw0KGgo*not*base64*"

struct wire_response_text {
	struct wire_media media[FILTER_MEDIA_MAX];
	char first[FILTER_MEDIA_MAX][MEDIA_SNIFF_BYTES];
	uint32_t n;
};

static inline int wire_begin(void *user, uint32_t index, struct err *err)
{
	struct wire_response_text *t = user;

	t->n = index + 1;
	return 0;
}

static inline int wire_data(
	void *user, uint32_t index, const void *data, size_t len, struct err *err)
{
	struct wire_response_text *t = user;
	struct wire_media *m = &t->media[index];

	for (size_t i = 0; i < len && m->size + i < MEDIA_SNIFF_BYTES; i++)
		t->first[index][m->size + i] = ((const char *)data)[i];
	m->size += len;
	return 0;
}

static inline int wire_ended(void *user, uint32_t index, bool valid, struct err *err)
{
	struct wire_response_text *t = user;
	struct wire_media *m = &t->media[index];
	size_t n = m->size < MEDIA_SNIFF_BYTES ? m->size : MEDIA_SNIFF_BYTES;

	m->is_valid = valid;
	m->type = media_sniff(t->first[index], n);
	return 0;
}

typedef void (*wire_read_fn)(
	const struct wire_job *job, const struct wire_response *a, struct verdict *v);

/* What comes of an HTTP answer. `v` is to be finished. */
static inline void wire_read(wire_read_fn read, const struct wire_job *job, int status,
	int64_t retry_after_ms, const char *body, size_t len, struct verdict *v)
{
	static const struct filter_ops ops = {wire_begin, wire_data, wire_ended};
	struct wire_response_text t = {0};
	struct filter *f = filter_new(&ops, &t);
	struct wire_response a = {.status = status, .retry_after_ms = retry_after_ms};
	scoped_json cJSON *json = NULL;

	if (filter_feed(f, body, len, NULL) == 0 && filter_end(f, NULL) == 0)
		json = json_parse(filter_json(f)->data ? filter_json(f)->data : "",
			filter_json(f)->len, NULL);
	a.json = json;
	a.media = t.media;
	a.n_media = t.n;
	*v = (struct verdict){.retry_after_ms = -1};
	read(job, &a, v);
	filter_free(f);
}

/* ---- tables ---- */

struct wire_fixture {
	struct catalogue *catalogue;
	struct request req;
	struct wire_job job;
};

/* model: a catalogue name. The seed comes from the options, as the engine would. */
static inline void wire_fixture(struct wire_fixture *f, const char *model,
	const char *file, const char *options, bool developer)
{
	*f = (struct wire_fixture){.catalogue = test_catalogue()};
	test_request(&f->req, "a red fox", file, options);
	if (f->req.type == MEDIA_PNG && strstr(file, ".jpg"))
		f->req.type = MEDIA_JPEG;
	f->job = (struct wire_job){.req = &f->req,
		.row = catalogue_find(f->catalogue, model),
		.prompt = "a red \"fox\"",
		.negative = f->req.opt[OPT_NEGATIVE] ? f->req.opt[OPT_NEGATIVE] : "",
		.n_takes = request_job_takes(&f->req),
		.seconds = f->req.seconds,
		.backend = developer ? BACKEND_GEMINI : BACKEND_VERTEX};
	f->job.has_seed = limits_seed(&f->req, &f->job.seed);
	if (!f->job.row) {
		printf("# no model %s\n", model);
		exit(1);
	}
}

static inline void wire_fixture_finish(struct wire_fixture *f)
{
	request_finish(&f->req);
	catalogue_free(f->catalogue);
}

/* Exactly these members, numbers written as integers where they are. */
static inline void wire_check_body(
	const char *what, const struct buf *got, const char *want)
{
	scoped_json cJSON *a = cJSON_Parse(got->data), *b = cJSON_Parse(want);

	if (!CHECK(b != NULL))
		printf("# the test's own JSON is wrong: %s\n", want);
	if (!CHECK(a && cJSON_Compare(a, b, true)))
		printf("# %s: %s\n# not: %s\n", what, got->data, want);
}

struct wire_response_case {
	int status;
	const char *body;
	enum verdict_kind kind;
	enum verdict_charge charge;
	int code;         /* errno; 0: no error */
	uint32_t usable;  /* results that can be served */
	const char *says; /* part of the sentence; NULL: not looked at */
};

static inline uint32_t wire_usable(const struct verdict *v)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < v->n_results; i++) {
		const struct wire_result *r = &v->result[i];

		CHECK(r->is_usable ? r->media >= 0 || *r->uri
				   : *r->reason || r->media >= 0);
		CHECK(!r->is_usable || n == i); /* these come first */
		n += r->is_usable;
	}
	return n;
}

static inline void wire_check_answers(wire_read_fn read, const struct wire_job *job,
	const struct wire_response_case *cases, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct wire_response_case *c = &cases[i];
		struct verdict v;
		bool ok = true;

		wire_read(read, job, c->status, -1, c->body, strlen(c->body), &v);
		ok &= CHECK_INT(v.kind, c->kind);
		ok &= CHECK_INT(v.charge, c->charge);
		ok &= CHECK_INT(v.err.code, c->code);
		ok &= CHECK((*v.err.why != '\0') == (c->code != 0));
		ok &= CHECK_INT(wire_usable(&v), c->usable);
		if (v.kind == VERDICT_DONE && job->row->kind != MODEL_TEXT)
			ok &= CHECK(v.n_results >= job->n_takes);
		ok &= CHECK(!c->says || strstr(v.err.why, c->says));
		if (!ok)
			printf("# case %zu, %d %s: %s\n", i, c->status, c->body,
				v.err.why);
		verdict_finish(&v);
	}
}
#define WIRE_CHECK_ANSWERS(read, job, cases)                                           \
	wire_check_answers(read, job, cases, ARRAY_SIZE(cases))
