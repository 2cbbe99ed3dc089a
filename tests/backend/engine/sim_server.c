// SPDX-License-Identifier: MIT
/* The provider: real bodies of Imagen, Gemini, Veo, Cloud Storage and the token server,
 * and the log of what it charges for. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cache/base/clk.h"
#include "cache/base/mem.h"
#include "cache/base/str.h"
#include "tests/backend/engine/sim.h"

#define LARGE_BYTES (CACHE_CHUNK + 300000u)
#define OPERATION_MOST_MS 90000
#define TOKENS_IN 10
#define TOKENS_OUT 20

/* ---- bytes ---- */

void server_tag(const struct sim_call *c, uint32_t take, char ret[static SIM_TAG_MAX])
{
	memset(ret, '.', SIM_TAG_MAX);
	snprintf(ret, SIM_TAG_MAX, "call=%u take=%u;", (unsigned)(c - sim.world->call),
		(unsigned)take);
	ret[strlen(ret)] = '.';
}

static void add_media(
	const struct sim_call *c, uint32_t take, bool video, struct buf *b)
{
	char tag[SIM_TAG_MAX];

	if (video)
		buf_add(b,
			"\0\0\0\x18"
			"ftypmp42",
			12);
	else if (c->is_jpeg)
		buf_add(b, "\xff\xd8\xff.........", 12);
	else
		buf_add(b, "\x89PNG\r\n\x1a\n....", 12);
	server_tag(c, take, tag);
	buf_add(b, tag, sizeof(tag));
	for (size_t i = 0; c->is_large && i < LARGE_BYTES; i += 64)
		buf_add(b,
			"0123456789abcdef0123456789abcdef"
			"0123456789abcdef0123456789abcdef",
			64);
}

static void add_base64(
	const struct sim_call *c, uint32_t take, bool video, struct buf *b)
{
	scoped(buf_finish) struct buf raw = {0};

	add_media(c, take, video, &raw);
	wire_add_base64(b, raw.data, raw.len);
}

/* ---- the log ---- */

static struct sim_call *call_new(struct paid *p)
{
	struct sim_world *w = sim.world;
	struct sim_call *c = &w->call[w->n_calls];

	if (w->n_calls + 1 == SIM_CALLS_MAX)
		sim_fail("more calls than a history can have");
	if (p->n_cur > SIM_TAKES_MAX)
		sim_fail("a call of %u takes", (unsigned)p->n_cur);
	*c = (struct sim_call){
		.epoch = w->epoch, .n = p->n_cur, .arrived_real_ms = clk_real_ms()};
	w->n_calls++;
	w->n_sends++;
	snprintf(c->prefix, sizeof(c->prefix), "%s", p->call.prefix);
	for (uint32_t i = 0; i < c->n; i++) {
		const struct part *part = &p->part[p->cur[i]];

		c->row[i] = part->id;
		c->part[i] = part->seg;
		c->draw[i] = paid_made(p, part)->out.draw;
		c->file[i] = (int16_t)file_of_key(&paid_made(p, part)->key);
		if (c->file[i] < 0)
			sim_fail("a request for no file");
		c->permit[i] = w->file[c->file[i]].permit;
	}
	return c;
}

/* Nothing arrives that is not in the ledger as sent: it is read from the store. */
static void check_row(const struct sim_call *c, uint32_t i)
{
	struct ledger_row row = {0};
	struct err err = {0};

	if (ledger_find(sim.cache, c->row[i], &row, &err) < 0) {
		/* A disk that failed shuts the store. */
		if (sim.world->past[c->epoch].had_disk_fault && err.code == EIO)
			return;
		sim_fail("a request arrived and has no row: %s", err.why);
	}
	if (row.state != LEDGER_SENT)
		sim_fail("a request arrived whose row %" PRIu64 " is %s", row.id,
			ledger_state_name(row.state));
	if (row.part != c->part[i] || row.draw != c->draw[i] ||
		file_of_key(&row.key) != c->file[i])
		sim_fail("row %" PRIu64 " is of another file", row.id);
	ledger_row_finish(&row);
}

/* Whether what was bought before may be bought again. */
static bool may_buy_again(const struct sim_call *was, uint32_t i, uint32_t permit)
{
	if (was->permit[i] != permit || sim.world->file[was->file[i]].is_permitting)
		return true; /* rm, or settled by the user */
	return was->refused_real_ms &&
	       (was->result == SIM_REFUSED || i >= was->n_made) &&
	       sim.world->max_real_ms >=
		       was->refused_real_ms + ENGINE_REFUSAL_MS - 1000;
}

static void check_once(const struct sim_call *c, uint32_t i)
{
	for (const struct sim_call *was = sim.world->call; was < c; was++)
		for (uint32_t k = 0; k < was->n; k++)
			if (was->billed_ud[k] > 0 && was->file[k] == c->file[i] &&
				was->draw[k] == c->draw[i] &&
				was->part[k] == c->part[i] &&
				!may_buy_again(was, k, c->permit[i]))
				sim_fail(
					"bought twice: file %d draw %u part %u by call "
					"%d (%s, row %" PRIu64 ") and call %d (row "
					"%" PRIu64 ")",
					c->file[i], (unsigned)c->draw[i],
					(unsigned)c->part[i],
					(int)(was - sim.world->call), was->what,
					was->row[k], (int)(c - sim.world->call),
					c->row[i]);
}

/* ---- prices ---- */

static void bill(struct sim_call *c, const struct paid *p)
{
	const struct model_row *row = p->job->run->served;
	const struct request *req = &p->job->req;
	struct usage usage = {.images = 1};
	uint32_t n = c->result == SIM_REFUSED ? c->n : c->n_made;
	int64_t ud = 0;

	if (row->kind == MODEL_VIDEO)
		usage = (struct usage){.seconds = wire_seconds(&p->call.wire)};
	else if (row->kind == MODEL_TEXT)
		usage = (struct usage){
			.tokens_in = TOKENS_IN, .tokens_out = TOKENS_OUT};
	if (c->result == SIM_REFUSED && !row->refusal_is_full)
		ud = row->refusal_udollars;
	else if (price_actual(row, req, &usage, &ud, NULL) < 0)
		sim_fail("no price");
	for (uint32_t i = 0; i < n; i++)
		c->billed_ud[i] = ud;
}

static void accept(struct sim_call *c, const struct paid *p, enum sim_result result)
{
	c->result = result;
	c->n_made = result == SIM_GOOD || result == SIM_UNUSABLE ? c->n : 0;
	c->is_jpeg =
		p->job->run->served->kind == MODEL_PICTURE && dice_is(&sim.net, 20);
	c->is_large = p->job->run->served->kind != MODEL_TEXT && dice_is(&sim.net, 3);
	if (result == SIM_GOOD && c->n > 1 && dice_is(&sim.net, 25)) {
		c->n_made = 1 + dice_below(&sim.net, c->n - 1);
		snprintf(c->what, sizeof(c->what), "filtered some");
	}
	bill(c, p);
}

/* ---- answers that are errors ---- */

static const struct refusal {
	const char *what;
	enum sim_fate fate;
	int status;
	bool is_ambiguous;
	int32_t retry_after_ms;
	const char *body;
} errors[] = {
	{"429", FATE_ANSWERED, 429, false, -1,
		"{\"error\":{\"code\":429,\"status\":\"RESOURCE_EXHAUSTED\"}}"},
	{"429 hint", FATE_ANSWERED, 429, false, 2000,
		"{\"error\":{\"code\":429,\"status\":\"RESOURCE_EXHAUSTED\","
		"\"details\":[{\"@type\":\"type.googleapis.com/google.rpc.RetryInfo\","
		"\"retryDelay\":\"4s\"}]}}"},
	{"429 day", FATE_ANSWERED, 429, false, -1,
		"{\"error\":{\"code\":429,\"status\":\"RESOURCE_EXHAUSTED\","
		"\"details\":[{\"@type\":\"type.googleapis.com/"
		"google.rpc.QuotaFailure\","
		"\"violations\":[{\"quotaId\":\"RequestsPerDay\"}]}]}}"},
	{"503 rpc", FATE_ANSWERED, 503, false, -1,
		"{\"error\":{\"code\":503,\"status\":\"UNAVAILABLE\"}}"},
	{"503 rpc", FATE_ANSWERED, 503, false, -1,
		"{\"error\":{\"code\":503,\"status\":\"UNAVAILABLE\"}}"},
	{"503 bare", FATE_ANSWERED, 503, true, -1, "upstream"},
	{"500", FATE_ANSWERED, 500, true, -1,
		"{\"error\":{\"code\":500,\"status\":\"INTERNAL\"}}"},
	{"502", FATE_ANSWERED, 502, true, -1, "<html>bad gateway</html>"},
	{"504", FATE_ANSWERED, 504, true, -1,
		"{\"error\":{\"code\":504,\"status\":\"DEADLINE_EXCEEDED\"}}"},
	{"400", FATE_ANSWERED, 400, false, -1,
		"{\"error\":{\"code\":400,\"status\":\"INVALID_ARGUMENT\","
		"\"message\":\"no\"}}"},
	{"refused prompt", FATE_ANSWERED, 400, false, -1,
		"{\"error\":{\"code\":400,\"status\":\"INVALID_ARGUMENT\","
		"\"message\":\"the prompt has sensitive words\"}}"},
	{"401", FATE_ANSWERED, 401, false, -1,
		"{\"error\":{\"code\":401,\"status\":\"UNAUTHENTICATED\"}}"},
	{"403", FATE_ANSWERED, 403, false, -1,
		"{\"error\":{\"code\":403,\"status\":\"PERMISSION_DENIED\"}}"},
	{"404 model", FATE_ANSWERED, 404, false, -1,
		"{\"error\":{\"code\":404,\"status\":\"NOT_FOUND\","
		"\"message\":\"model\"}}"},
	{"not sent", FATE_NOT_SENT, 0, false, -1, ""},
	{"not sent", FATE_NOT_SENT, 0, false, -1, ""},
	{"reset before", FATE_SENT, 0, true, -1, ""},
	{"silent before", FATE_SILENT, 0, true, -1, ""},
	{"429 cut", FATE_CUT, 429, false, -1,
		"{\"error\":{\"code\":429,\"status\":\"RESOURCE_EXHAUSTED\"}}"},
};

static const struct refusal *choose_error(struct sim_answer *a)
{
	const struct refusal *e = &errors[dice_below(&sim.net, ARRAY_SIZE(errors))];

	a->fate = e->fate;
	a->status = e->status;
	a->retry_after_ms = e->retry_after_ms;
	buf_adds(&a->body, e->body);
	a->cut_at = a->body.len ? dice_below(&sim.net, (uint32_t)a->body.len) : 0;
	return e;
}

/* ---- answers that bring something ---- */

/* What happens to an answer on its way: the call is paid all the same. */
static void lose(struct sim_call *c, struct sim_answer *a)
{
	static const char *const what[] = {"reset after", "silent after", "cut"};
	uint32_t which = dice_below(&sim.net, ARRAY_SIZE(what));

	a->fate = which == 0 ? FATE_SENT : which == 1 ? FATE_SILENT : FATE_CUT;
	if (which == 2)
		a->cut_at = dice_below(&sim.net, (uint32_t)a->body.len);
	c->is_ambiguous = true;
	snprintf(c->what, sizeof(c->what), "%s", what[which]);
}

static void imagen_body_of(const struct sim_call *c, struct buf *b)
{
	buf_adds(b, "{\"predictions\":[");
	for (uint32_t i = 0; i < c->n_made; i++) {
		buf_adds(b, i ? ",{\"bytesBase64Encoded\":\""
			      : "{\"bytesBase64Encoded\":\"");
		if (c->result == SIM_UNUSABLE)
			buf_adds(b, "bm90IGEgcGljdHVyZSBhdCBhbGw=");
		else
			add_base64(c, i, false, b);
		buf_adds(b, "\",\"mimeType\":\"image/png\"}");
	}
	for (uint32_t i = c->n_made; i < c->n; i++)
		buf_addf(b,
			"%s{\"raiFilteredReason\":\"filtered. Support codes: "
			"39322892\"}",
			i ? "," : "");
	buf_adds(b, "]}");
}

static void gemini_body_of(const struct sim_call *c, bool text, struct buf *b)
{
	char tag[SIM_TAG_MAX + 1] = "";

	server_tag(c, 0, tag);
	buf_adds(b, "{\"candidates\":[{");
	if (c->result == SIM_REFUSED) {
		buf_adds(b, "\"finishReason\":\"SAFETY\"");
	} else if (text) {
		buf_addf(b,
			"\"content\":{\"parts\":[{\"text\":\"............%s\"}]},"
			"\"finishReason\":\"STOP\"",
			tag);
	} else {
		buf_adds(b, "\"content\":{\"parts\":[{\"inlineData\":{\"data\":\"");
		if (c->result == SIM_UNUSABLE)
			buf_adds(b, "bm90IGEgcGljdHVyZSBhdCBhbGw=");
		else
			add_base64(c, 0, false, b);
		buf_adds(b, "\"}}]},\"finishReason\":\"STOP\"");
	}
	buf_addf(b,
		"}],\"usageMetadata\":{\"promptTokenCount\":%d,"
		"\"candidatesTokenCount\":%d}}",
		TOKENS_IN, TOKENS_OUT);
}

/* Decided when it is accepted; told when it is done. */
static void operation_begin(struct sim_call *c, struct sim_answer *a)
{
	c->is_operation = true;
	c->done_at_ms = clk_mono_ms() + dice_below(&sim.net, OPERATION_MOST_MS);
	c->where = c->prefix[0] && dice_is(&sim.net, 70) ? SIM_BUCKET
		   : sim.plan.backend == BACKEND_GEMINI  ? SIM_DOWNLOAD
							 : SIM_INLINE;
	buf_addf(&a->body,
		sim.plan.backend == BACKEND_GEMINI
			? "{\"name\":\"models/veo/operations/%d\"}"
			: "{\"name\":\"projects/p/locations/us-central1/publishers/"
			  "google/models/veo/operations/%d\"}",
		(int)(c - sim.world->call));
}

static void answer_paid(struct paid *p, struct sim_answer *a)
{
	struct sim_call *c = call_new(p);
	bool trouble = !sim.is_last && dice_is(&sim.net, sim.plan.trouble), lost;
	enum sim_result result = SIM_GOOD;

	for (uint32_t i = 0; i < c->n; i++) {
		check_row(c, i);
		check_once(c, i);
	}
	snprintf(c->what, sizeof(c->what), "good");
	a->delay_ms = 1 + dice_below(&sim.net, dice_is(&sim.net, 90) ? 3000 : 40000);
	if (trouble && dice_is(&sim.net, 55)) {
		const struct refusal *e = choose_error(a);

		snprintf(c->what, sizeof(c->what), "%s", e->what);
		c->is_ambiguous = e->is_ambiguous;
		/* Some of these it has taken and bills all the same. */
		if (e->is_ambiguous && dice_is(&sim.net, 40))
			accept(c, p, SIM_GOOD);
		return;
	}
	if (trouble && dice_is(&sim.net, 40))
		result =
			dice_is(&sim.net, 60) || p->job->run->served->kind == MODEL_TEXT
				? SIM_REFUSED
				: SIM_UNUSABLE;
	lost = trouble && result == SIM_GOOD;
	accept(c, p, result);
	a->fate = FATE_ANSWERED;
	a->status = 200;
	a->is_json = true;
	if (result != SIM_GOOD)
		snprintf(c->what, sizeof(c->what),
			result == SIM_REFUSED ? "filtered" : "unusable");
	if (!strcmp(p->job->run->served->protocol, "veo"))
		operation_begin(c, a);
	else if (!strcmp(p->job->run->served->protocol, "imagen"))
		imagen_body_of(c, &a->body);
	else
		gemini_body_of(c, p->job->run->served->kind == MODEL_TEXT, &a->body);
	a->call = c;
	a->ends_call = !c->is_operation;
	if (result == SIM_UNUSABLE && !c->is_operation && dice_is(&sim.net, 50))
		a->body.data[--a->body.len] = '\0'; /* broken JSON */
	if (lost)
		lose(c, a);
	if (c->is_operation && trouble && dice_is(&sim.net, 15))
		c->is_lost = true;
	if (c->is_operation && result == SIM_UNUSABLE)
		c->rpc_error = dice_is(&sim.net, 50) ? 13 : 14;
}

/* ---- operations ---- */

static struct sim_call *call_at(const char *digits)
{
	uint64_t n;
	char text[12];

	snprintf(text, sizeof(text), "%.*s", (int)strspn(digits, "0123456789"), digits);
	if (!sim.world->n_calls || str_parse_u64(text, sim.world->n_calls - 1, &n) < 0)
		sim_fail("no such call: %s", digits);
	return &sim.world->call[n];
}

static void result_body(const struct sim_call *c, struct buf *b)
{
	bool dev = sim.plan.backend == BACKEND_GEMINI;

	buf_adds(b, dev ? "{\"done\":true,\"response\":{\"generateVideoResponse\":{"
			  "\"generatedSamples\":["
			: "{\"done\":true,\"response\":{\"videos\":[");
	for (uint32_t i = 0; i < c->n_made && c->result == SIM_GOOD; i++) {
		buf_adds(b, i ? "," : "");
		if (c->where == SIM_BUCKET) {
			buf_addf(b, "{\"gcsUri\":\"%ssample_%u.mp4\"}", c->prefix, i);
		} else if (c->where == SIM_DOWNLOAD) {
			buf_addf(b,
				"{\"video\":{\"uri\":\"https://"
				"generativelanguage.googleapis.com/v1beta/files/"
				"%d-%u:download?alt=media\"}}",
				(int)(c - sim.world->call), i);
		} else {
			buf_adds(b, "{\"bytesBase64Encoded\":\"");
			add_base64(c, i, true, b);
			buf_adds(b, "\"}");
		}
	}
	buf_adds(b, "]");
	if (c->n_made < c->n && c->result != SIM_UNUSABLE)
		buf_addf(b,
			",\"raiMediaFilteredCount\":%u,"
			"\"raiMediaFilteredReasons\":[\"Support codes: 39322892\"]",
			(unsigned)(c->n - c->n_made));
	buf_adds(b, dev ? "}}}" : "}}");
}

static void answer_poll(const char *digits, struct sim_answer *a)
{
	struct sim_call *c = call_at(digits);

	if (sim.is_last && c->done_at_ms > clk_mono_ms())
		c->done_at_ms = clk_mono_ms();
	a->delay_ms = 1 + dice_below(&sim.net, 300);
	if (!sim.is_last && dice_is(&sim.net, sim.plan.trouble / 2)) {
		choose_error(a);
		if (a->status != 404)
			return;
		a->status = 500; /* a 404 means that it is lost */
	}
	a->fate = FATE_ANSWERED;
	a->status = 200;
	a->is_json = true;
	buf_clear(&a->body);
	if (!c->is_operation)
		sim_fail("a poll for call %d, which was not accepted",
			(int)(c - sim.world->call));
	if (c->is_lost) {
		a->status = 404;
		c->is_ambiguous = true;
		buf_adds(&a->body,
			"{\"error\":{\"code\":404,\"status\":\"NOT_FOUND\"}}");
	} else if (clk_mono_ms() < c->done_at_ms) {
		buf_adds(&a->body, "{\"name\":\"x\"}");
	} else if (c->rpc_error) {
		buf_addf(&a->body,
			"{\"done\":true,\"error\":{\"code\":%d,"
			"\"message\":\"it failed\"}}",
			c->rpc_error);
		a->call = c;
		a->ends_call = true;
	} else {
		result_body(c, &a->body);
		a->call = c;
		a->ends_call = c->where == SIM_INLINE || c->result != SIM_GOOD;
	}
}

/* ---- where results are kept ---- */

static void answer_fetch(struct sim_call *c, uint32_t take, struct sim_answer *a)
{
	a->delay_ms = 1 + dice_below(&sim.net, 500);
	if (!sim.is_last && dice_is(&sim.net, sim.plan.trouble / 2)) {
		choose_error(a);
		return;
	}
	a->fate = FATE_ANSWERED;
	a->status = 200;
	add_media(c, take, true, &a->body);
	a->call = c;
	a->ends_call = take + 1 == c->n_made;
}

/* The object of which `name` is the end of its address, escaped. */
static struct sim_call *call_of_object(const char *name)
{
	for (uint32_t i = 0; i < sim.world->n_calls; i++) {
		struct sim_call *c = &sim.world->call[i];
		const char *id = strstr(c->prefix, "promptfs/");

		if (id && strstr(name, id + strlen("promptfs/")) == NULL) {
			char hex[33];

			snprintf(hex, sizeof(hex), "%.32s", id + strlen("promptfs/"));
			if (!strstr(name, hex))
				continue;
		} else if (!id) {
			continue;
		}
		return c;
	}
	return NULL;
}

static bool is_in_bucket(const struct sim_call *c)
{
	return c && c->is_operation && c->result == SIM_GOOD &&
	       c->where == SIM_BUCKET && clk_mono_ms() >= c->done_at_ms;
}

static void answer_list(const char *url, struct sim_answer *a)
{
	struct sim_call *c = call_of_object(url);

	a->delay_ms = 1 + dice_below(&sim.net, 300);
	if (!sim.is_last && dice_is(&sim.net, sim.plan.trouble / 2)) {
		choose_error(a);
		return;
	}
	a->fate = FATE_ANSWERED;
	a->status = 200;
	a->is_json = true;
	buf_adds(&a->body, "{");
	if (is_in_bucket(c)) {
		const char *object = strchr(c->prefix + 5, '/') + 1;

		c->was_listed = true;
		buf_adds(&a->body, "\"items\":[");
		/* One after the other. */
		for (uint32_t i = 0;
			i < c->n_made && clk_mono_ms() >= c->done_at_ms + i * 6000; i++)
			buf_addf(&a->body,
				"%s{\"name\":\"%ssample_%u.mp4\",\"size\":\"60\"}",
				i ? "," : "", object, (unsigned)i);
		buf_adds(&a->body, "]");
	}
	buf_adds(&a->body, "}");
}

static void answer_object(const char *url, struct sim_answer *a)
{
	struct sim_call *c = call_of_object(url);
	const char *sample = strstr(url, "sample_");

	if (!is_in_bucket(c) || !sample)
		sim_fail("fetched what is not there: %s", url);
	answer_fetch(c, (uint32_t)(sample[7] - '0'), a);
}

static void answer_file(const char *name, struct sim_answer *a)
{
	const char *dash = strchr(name, '-');

	answer_fetch(call_at(name), (uint32_t)(dash[1] - '0'), a);
}

static void answer_token(struct sim_answer *a)
{
	a->delay_ms = 1 + dice_below(&sim.net, 200);
	if (!sim.is_last && dice_is(&sim.net, sim.plan.trouble / 2)) {
		choose_error(a);
		return;
	}
	a->fate = FATE_ANSWERED;
	a->status = 200;
	a->is_json = true;
	buf_addf(&a->body, "{\"access_token\":\"t%u\",\"expires_in\":%d}",
		(unsigned)dice_below(&sim.net, 1000000), 3600);
}

/* ---- the door ---- */

void server_answer(const struct http_request *req, void *user, struct sim_answer *a)
{
	const char *at;

	if (req->is_once)
		answer_paid(
			container_of((struct exchange *)user, struct paid, http), a);
	else if (strstr(req->url, "oauth2"))
		answer_token(a);
	else if (strstr(req->url, ":fetchPredictOperation"))
		answer_poll(strstr((const char *)req->body, "/operations/") + 12, a);
	else if ((at = strstr(req->url, "/operations/")))
		answer_poll(at + 12, a);
	else if ((at = strstr(req->url, "/v1beta/files/")))
		answer_file(at + 14, a);
	else if (strstr(req->url, "?prefix="))
		answer_list(req->url, a);
	else if (strstr(req->url, "?alt=media"))
		answer_object(req->url, a);
	else
		sim_fail("nobody asks for %s", req->url);
}

void server_delivered(const struct sim_answer *a)
{
	struct sim_call *c = a->call;

	if (!c)
		return;
	c->is_answered = true;
	if (!a->ends_call)
		return;
	c->is_delivered = true;
	c->refused_real_ms = clk_real_ms();
}
