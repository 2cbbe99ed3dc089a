// SPDX-License-Identifier: MIT
/* A further protocol, from a row of a catalogue to the picture, through the functions
 * that the engine calls. Nothing of the product knows it: see echo_protocol.c. */
#include "backend/provider/remote.h"

#include "tests/backend/provider/remote_case.h"

static const char echo_rows[] =
	"{\"models\":{\"parrot\":{\"kind\":\"picture\",\"protocol\":\"echo\","
	"\"wire\":{\"openai\":\"parrot-1\"},\"price\":0,\"options\":{"
	"\"seed\":{\"min\":0,\"max\":9},\"negative\":true,"
	"\"image\":{\"min\":0,\"max\":1}}}}}";

struct cage {
	struct wire_fixture f;
	struct remote *r;
};

static void cage_open(struct cage *c, const char *options)
{
	remote_fixture(&c->f, "sd", "1.png", options);
	CHECK_INT(catalogue_merge(
			  c->f.catalogue, "echo", echo_rows, strlen(echo_rows), NULL),
		0);
	c->f.job.row = catalogue_find(c->f.catalogue, "parrot");
	c->r = test_remote((struct remote_config){
		.backend = BACKEND_OPENAI, .endpoint = "http://127.0.0.1:8080"});
}

static void cage_close(struct cage *c)
{
	wire_fixture_finish(&c->f);
	remote_free(c->r);
}

/* ---- what is asked ---- */

static void a_call(void)
{
	scoped(remote_call_finish) struct remote_call call = {0};
	bool dropped[OPT_COUNT_];
	struct cage c;

	cage_open(&c, "seed=7 negative=cat");
	CHECK_INT(remote_can_make(c.r, c.f.job.row, &c.f.req, NULL), 0);
	CHECK_INT(remote_takes_max(c.r, c.f.job.row), 1);
	CHECK_INT(remote_make(c.r, &c.f.job, 0, &call, NULL), 0);
	CHECK_STR(call.method, "POST");
	CHECK_STR(call.url.data, "http://127.0.0.1:8080/v1/echoes");
	CHECK_STR(call.body.data,
		"{\"model\":\"parrot-1\",\"repeat\":\"a red \\\"fox\\\"\",\"seed\":7}");
	CHECK(call.is_paid && call.auth == AUTH_BEARER);
	wire_dropped(&c.f.job, dropped);
	CHECK(dropped[OPT_NEGATIVE] && !dropped[OPT_SEED]);
	CHECK_INT(wire_seconds(&c.f.job), 0);
	CHECK(!wire_can_extend(&c.f.job));
	cage_close(&c);
}

static void what_it_cannot(void)
{
	struct remote *vertex = test_vertex();
	struct err err = {0};
	struct cage c;

	cage_open(&c, "image=a");
	CHECK_INT(remote_can_make(c.r, c.f.job.row, &c.f.req, &err), -EOPNOTSUPP);
	CHECK(strstr(err.why, "parrot takes no pictures with backend=openai"));
	CHECK_INT(remote_can_make(vertex, c.f.job.row, &c.f.req, &err), -EOPNOTSUPP);
	CHECK(strstr(err.why, "not offered by backend=vertex"));
	cage_close(&c);
	remote_free(vertex);
}

/* ---- what comes ---- */

static const struct remote *reader;

static void read_start(
	const struct wire_job *j, const struct wire_response *a, struct verdict *v)
{
	remote_read(reader, j, a, v);
}

static void read_poll(
	const struct wire_job *j, const struct wire_response *a, struct verdict *v)
{
	remote_read_poll(reader, j, a, v);
}

static void starts(void)
{
	static const struct wire_response_case cases[] = {
		{200, "{\"echo\":\"e-1\"}", VERDICT_OPERATION, CHARGE_NOTHING, 0, 0,
			NULL},
		{200, "{\"echo\":\"../e-1\"}", VERDICT_UNKNOWN, CHARGE_RESERVED, EIO, 0,
			"no operation of its own"},
		{500, "{}", VERDICT_REJECTED, CHARGE_NOTHING, EIO, 0, "no echo"},
	};
	struct cage c;

	cage_open(&c, "");
	reader = c.r;
	WIRE_CHECK_ANSWERS(read_start, &c.f.job, cases);
	cage_close(&c);
}

static void polls(void)
{
	static const struct wire_response_case cases[] = {
		{200, "{}", VERDICT_PENDING, CHARGE_NOTHING, 0, 0, NULL},
		{200, "{\"done\":true,\"b64_json\":\"" PNG64 "\"}", VERDICT_DONE,
			CHARGE_USAGE, 0, 1, NULL},
		{200, "{\"done\":true}", VERDICT_UNUSABLE, CHARGE_RESERVED, EPROTO, 0,
			"no picture"},
	};
	scoped(remote_call_finish) struct remote_call call = {0};
	struct cage c;

	cage_open(&c, "");
	reader = c.r;
	CHECK_INT(remote_poll(c.r, c.f.job.row, "e-1", &call, NULL), 0);
	CHECK_STR(call.method, "GET");
	CHECK_STR(call.url.data, "http://127.0.0.1:8080/v1/echoes/e-1");
	CHECK(!call.body.len && !call.is_paid && call.auth == AUTH_BEARER);
	CHECK_INT(remote_poll(c.r, c.f.job.row, "x/1", &call, NULL), -EINVAL);
	WIRE_CHECK_ANSWERS(read_poll, &c.f.job, cases);
	cage_close(&c);
}

/* ---- in a catalogue ---- */

static void a_row_of_it(void)
{
	static const char text[] =
		"{\"models\":{\"x\":{\"kind\":\"text\",\"protocol\":\"echo\","
		"\"wire\":{\"openai\":\"x\"},\"price\":0}}}";
	static const char telex[] =
		"{\"models\":{\"x\":{\"kind\":\"text\",\"protocol\":\"telex\","
		"\"wire\":{\"openai\":\"x\"},\"price\":0}}}";
	scoped(buf_finish) struct buf b = {0};
	struct err err = {0};
	struct cage c;

	cage_open(&c, "");
	CHECK_INT(catalogue_row_json(c.f.catalogue, c.f.job.row, &b), 0);
	CHECK(strstr(b.data, "\"echo\""));
	CHECK_INT(
		catalogue_merge(c.f.catalogue, "t", text, strlen(text), &err), -EINVAL);
	CHECK(strstr(err.why, "protocol echo does not make a text"));
	CHECK_INT(catalogue_merge(c.f.catalogue, "t", telex, strlen(telex), &err),
		-EINVAL);
	CHECK(strstr(err.why, "openai-chat, echo"));
	cage_close(&c);
}

TAP_MAIN(TAP_CASE(a_call), TAP_CASE(what_it_cannot), TAP_CASE(starts), TAP_CASE(polls),
	TAP_CASE(a_row_of_it))
