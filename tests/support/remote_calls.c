// SPDX-License-Identifier: MIT
/* The providers' functions from outside: one JSON object a line in, one out, so that a
 * test can send what they make to a server and read what it answers.
 *
 *   remote_calls BASE PROJECT
 *   {"op":"make","backend":"vertex","row":"imagen-2","asked":"imagen-3","file":"1.png",
 *    "options":{"aspect":"16:9"},"takes":1,"seconds":8,"storage":"gs://b/p/",
 *    "video":"gs://b/x.mp4","picture":"/path.png"}
 *   {"op":"read",      ... the same ..., "status":200, "answer":"..."}   also read_poll
 *   {"op":"poll","backend":"vertex","operation":"..."}
 *   {"op":"fetch","backend":"vertex","uri":"gs://b/x.mp4"}     and list, with a prefix
 *   {"op":"read_list","status":200,"answer":"...","prefix":"gs://b/p/"}
 *
 * A call: {"method","url","auth","body","dropped":[...]}. Nothing to send:
 * {"stage":"limits"|"shape"|"make","errno":22,"why":"..."}. */
#include "backend/provider/remote.h"
#include "tests/backend/provider/wire_case.h"

struct asked {
	struct request req;
	struct wire_job job;
	struct wire_input picture;
	struct buf bytes;
	const struct model_row *row;
};

static struct catalogue *catalogue;
static struct remote *remotes[BACKEND_COUNT_];

static void fail(cJSON *out, const char *stage, const struct err *err)
{
	cJSON_AddStringToObject(out, "stage", stage);
	cJSON_AddNumberToObject(out, "errno", err->code);
	cJSON_AddStringToObject(out, "why", err->why);
}

static void read_request(const cJSON *in, struct request *r)
{
	const char *file = json_str(in, "file", "1.png"), *dot = strchr(file, '.');
	const cJSON *o;

	*r = (struct request){.take = 1};
	CHECK_INT(prompt_from_text("a red fox", 9, &r->prompt), 0);
	if (!strcmp(dot, ".mp4")) {
		r->tree = TREE_VIDEOS;
		r->seconds = (uint32_t)strtoul(file, NULL, 10);
	} else {
		r->take = (uint16_t)strtoul(file, NULL, 10);
	}
	for (enum media_type t = MEDIA_PNG; t <= MEDIA_TEXT; t++) {
		if (!strcmp(media_ext(t), dot + 1))
			r->type = t;
	}
	cJSON_ArrayForEach(o, cJSON_GetObjectItem(in, "options"))
	{
		r->opt[option_find(o->string, strlen(o->string))] =
			strdup(o->valuestring);
	}
}

static void read_job(const cJSON *in, struct asked *a)
{
	const char *row = json_str(in, "row", ""), *path = json_str(in, "picture", "");
	bool has_image, has_last;
	struct segments plan;

	read_request(in, &a->req);
	a->row = catalogue_find(catalogue, json_str(in, "asked", row));
	a->job = (struct wire_job){.req = &a->req,
		.row = catalogue_find(catalogue, row),
		.prompt = "a red fox",
		.negative = a->req.opt[OPT_NEGATIVE] ? a->req.opt[OPT_NEGATIVE] : "",
		.n_takes = (uint32_t)json_int(in, "takes", 1),
		.seconds = (uint32_t)json_int(in, "seconds", a->req.seconds),
		.video_uri = json_str(in, "video", NULL),
		.storage_uri = json_str(in, "storage", NULL)};
	/* As the engine would: the first call of the serving row's plan. */
	if (a->job.row && a->req.seconds && !json_int(in, "seconds", 0) &&
		limits_segments(a->job.row, &a->req, false, &plan) == 0)
		a->job.seconds = plan.seconds[0];
	a->job.has_seed = limits_seed(&a->req, &a->job.seed);
	if (!a->job.row || !a->row)
		exit(2);
	has_image = a->req.opt[OPT_IMAGE] || json_bool(in, "first_frame", false);
	has_last = a->req.opt[OPT_LAST];
	if (*path && buf_read_file(&a->bytes, path, 1 << 26, NULL) < 0)
		exit(3);
	a->picture = (struct wire_input){
		media_sniff(a->bytes.data, a->bytes.len), a->bytes.data, a->bytes.len};
	a->job.image = &a->picture;
	a->job.n_images = has_image;
	a->job.last = has_last ? &a->picture : NULL;
}

static void asked_finish(struct asked *a)
{
	request_finish(&a->req);
	buf_finish(&a->bytes);
}

static void show_call(const struct remote_call *c, cJSON *out)
{
	static const char *const auth[] = {"", "bearer", "key"};

	cJSON_AddStringToObject(out, "method", c->method);
	cJSON_AddStringToObject(out, "url", c->url.data);
	cJSON_AddStringToObject(out, "auth", auth[c->auth]);
	cJSON_AddStringToObject(out, "body", c->body.data ? c->body.data : "");
}

static void make(const struct remote *r, const cJSON *in, cJSON *out)
{
	scoped(remote_call_finish) struct remote_call call = {0};
	scoped(asked_finish) struct asked a = {0};
	bool dropped[OPT_COUNT_];
	struct err err = {0};
	cJSON *list;

	read_job(in, &a);
	if (limits_check(a.row, &a.req, &err) < 0)
		return fail(out, "limits", &err);
	if (!limits_can_shape(a.job.row, &a.req))
		return fail(out, "shape", &err);
	if (remote_make(r, &a.job, 0, &call, &err) < 0)
		return fail(out, "make", &err);
	show_call(&call, out);
	list = cJSON_AddArrayToObject(out, "dropped");
	(void)backend_parse(remote_name(r), &a.job.backend);
	wire_dropped(&a.job, dropped);
	for (enum option_id id = 0; id < OPT_COUNT_; id++) {
		if (dropped[id])
			cJSON_AddItemToArray(list, cJSON_CreateString(option_name(id)));
	}
}

static void show_verdict(const struct verdict *v, cJSON *out)
{
	static const char *const kinds[] = {"done", "operation", "pending", "rejected",
		"auth", "no model", "busy", "refused", "unusable", "unknown"};
	static const char *const charges[] = {
		"nothing", "usage", "refusal", "reserved"};
	cJSON *list = cJSON_AddArrayToObject(out, "results");

	cJSON_AddStringToObject(out, "kind", kinds[v->kind]);
	cJSON_AddStringToObject(out, "charge", charges[v->charge]);
	cJSON_AddBoolToObject(out, "is_final", v->is_final);
	cJSON_AddNumberToObject(out, "retry_after_ms", (double)v->retry_after_ms);
	cJSON_AddStringToObject(out, "why", v->err.why);
	cJSON_AddStringToObject(out, "operation", v->operation);
	cJSON_AddNumberToObject(out, "images", v->usage.images);
	cJSON_AddNumberToObject(out, "seconds", v->usage.seconds);
	for (uint32_t i = 0; i < v->n_results; i++) {
		cJSON *o = cJSON_CreateObject();

		cJSON_AddBoolToObject(o, "is_usable", v->result[i].is_usable);
		cJSON_AddStringToObject(o, "uri", v->result[i].uri);
		cJSON_AddItemToArray(list, o);
	}
}

static const struct remote *reader;
static bool is_poll;

static void judge(
	const struct wire_job *j, const struct wire_response *a, struct verdict *v)
{
	if (is_poll)
		remote_read_poll(reader, j, a, v);
	else
		remote_read(reader, j, a, v);
}

static void read_answer(const struct remote *r, const cJSON *in, cJSON *out)
{
	static struct verdict v; /* large */
	scoped(asked_finish) struct asked a = {0};
	const char *answer = json_str(in, "answer", "");

	read_job(in, &a);
	reader = r;
	wire_read(judge, &a.job, (int)json_int(in, "status", 0), -1, answer,
		strlen(answer), &v);
	show_verdict(&v, out);
	verdict_finish(&v);
}

static void read_list(const cJSON *in, cJSON *out)
{
	static char uri[16][WIRE_URI_MAX];
	scoped_json cJSON *json = cJSON_Parse(json_str(in, "answer", ""));
	struct wire_response a = {
		.status = (int)json_int(in, "status", 0), .json = json};
	struct err err = {0};
	int n = remote_read_list(&a, json_str(in, "prefix", ""), uri, 16, &err);
	cJSON *list;

	if (n < 0)
		return fail(out, "list", &err);
	list = cJSON_AddArrayToObject(out, "uris");
	for (int i = 0; i < n; i++)
		cJSON_AddItemToArray(list, cJSON_CreateString(uri[i]));
}

/* Any model with operations will do: they name their own. */
static const struct model_row *polled(const cJSON *in)
{
	return catalogue_find(catalogue, json_str(in, "row", "veo-3.1"));
}

static void ask(const struct remote *r, const char *op, const cJSON *in, cJSON *out)
{
	scoped(remote_call_finish) struct remote_call call = {0};
	struct err err = {0};
	int e = !strcmp(op, "poll")
			? remote_poll(r, polled(in), json_str(in, "operation", ""),
				  &call, &err)
		: !strcmp(op, "fetch")
			? remote_fetch(r, json_str(in, "uri", ""), &call, &err)
			: remote_list(r, json_str(in, "prefix", ""), &call, &err);

	if (e < 0)
		fail(out, op, &err);
	else
		show_call(&call, out);
}

static void serve(const cJSON *in, cJSON *out)
{
	const char *op = json_str(in, "op", "");
	enum backend_id b = BACKEND_VERTEX;

	(void)backend_parse(json_str(in, "backend", "vertex"), &b);
	is_poll = !strcmp(op, "read_poll");
	if (!strcmp(op, "make"))
		make(remotes[b], in, out);
	else if (!strcmp(op, "read") || is_poll)
		read_answer(remotes[b], in, out);
	else if (!strcmp(op, "read_list"))
		read_list(in, out);
	else
		ask(remotes[b], op, in, out);
}

int main(int argc, char **argv)
{
	scoped_free char *line = NULL;
	size_t size = 0;

	catalogue = test_catalogue();
	for (int i = 3; i < argc; i++) {
		struct err err = {0};

		if (catalogue_merge_file(catalogue, argv[i], &err) < 0)
			exit(4);
	}
	for (int b = BACKEND_VERTEX; b < BACKEND_COUNT_; b++) {
		struct remote_config c = {.backend = (enum backend_id)b,
			.endpoint = argv[1],
			.storage_endpoint = argv[1],
			.project = argv[2]};

		if (argc < 3 || remote_new(&c, &remotes[b], NULL) < 0)
			return 2;
	}
	while (getline(&line, &size, stdin) > 0) {
		scoped_json cJSON *in = cJSON_Parse(line), *out = cJSON_CreateObject();
		scoped(buf_finish) struct buf b = {0};

		serve(in, out);
		json_print_line(&b, out);
		puts(b.data);
		fflush(stdout);
	}
	for (int b = BACKEND_VERTEX; b < BACKEND_COUNT_; b++)
		remote_free(remotes[b]);
	catalogue_free(catalogue);
	return 0;
}
