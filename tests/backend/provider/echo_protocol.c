// SPDX-License-Identifier: MIT
/* A protocol that exists in tests only: a server repeats the prompt, as a picture,
 * after a while. This file and a line in meson.build are all that it takes; in the
 * product its row would stand in PROTOCOLS instead of in the two lists at the end. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "backend/provider/openai.h"
#include "cache/base/str.h"

extern const struct protocol_ops protocol_echo;

static bool sends(const struct wire_job *j, enum option_id id)
{
	return id == OPT_SEED;
}

static int body(const struct wire_job *j, struct buf *ret)
{
	scoped_json cJSON *o = cJSON_CreateObject();
	bool ok = o;
	uint64_t seed;

	wire_str(&ok, o, "model", wire_id(j));
	wire_str(&ok, o, "repeat", j->prompt);
	if (wire_seed(j, &seed))
		wire_int(&ok, o, "seed", (int64_t)seed);
	return ok ? json_print_line(ret, o) : -ENOMEM;
}

static void read_start(
	const struct wire_job *j, const struct wire_response *a, struct verdict *v)
{
	const char *name = json_str(a->json, "echo", "");

	if (a->status != 200 || !*name) {
		verdict_set(v, VERDICT_REJECTED, EIO, "no echo");
		return;
	}
	snprintf(v->operation, sizeof(v->operation), "%s", name);
	verdict_ok(v, VERDICT_OPERATION);
}

static int poll_url(const struct wire_endpoint *to, const char *operation,
	struct buf *ret, struct err *err)
{
	char method[64];

	if (!str_starts(operation, "e-") || strchr(operation, '/') ||
		strlen(operation) > 40)
		return err_set(err, EINVAL, "not an echo");
	snprintf(method, sizeof(method), "echoes/%s", operation);
	return openai_url(to, "", method, ret, err);
}

static void read_poll(
	const struct wire_job *j, const struct wire_response *a, struct verdict *v)
{
	int32_t media = wire_media_of(a, a->json, "b64_json");

	if (!json_bool(a->json, "done", false)) {
		verdict_ok(v, VERDICT_PENDING);
		return;
	}
	if (wire_is_picture(a, media)) {
		wire_result_put(v, media, "", NULL);
		v->usage.images = 1;
		verdict_ok(v, VERDICT_DONE);
	} else {
		verdict_set(v, VERDICT_UNUSABLE, EPROTO, "the echo is no picture");
	}
}

const struct protocol_ops protocol_echo = {
	.family = "openai",
	.method = "echoes",
	.response_max = RESPONSE_SMALL_MAX,
	.sends = sends,
	.body = body,
	.read = read_start,
	.poll_url = poll_url,
	.read_poll = read_poll,
};

/* In place of the product's lists: these are all of theirs, and one more. */
const struct protocol_kind protocol_kinds[] = {
	PROTOCOLS(PROTOCOL_KIND){"echo", MODEL_PICTURE}, {NULL}};
const struct protocol protocols[] = {
	PROTOCOLS(PROTOCOL_ROW){"echo", &protocol_echo}, {NULL}};
