// SPDX-License-Identifier: MIT
/* The wire format "veo", `:predictLongRunning`, and the polling of its operations.
 * Pure: any thread. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "backend/provider/google.h"
#include "cache/base/str.h"

/* ---- what it can ---- */

/* On the Developer API it always makes sound, and charges for it. */
static int check(const struct wire_job *j, struct err *err)
{
	if (google_is_developer(j->backend) && j->row->option[OPT_AUDIO].is_taken &&
		wire_is_given(j, OPT_AUDIO, "off"))
		return err_set(err, EOPNOTSUPP,
			"%s always makes sound with backend=gemini; leave audio=off "
			"out, or use backend=vertex",
			j->row->name);
	return 0;
}

static bool sends(const struct wire_job *j, enum option_id id)
{
	switch (id) {
	case OPT_RES: /* Veo 2, which has no sound, has no such parameter; the
			 Developer API extends at 720p only */
		return j->row->option[OPT_AUDIO].is_taken &&
		       !(google_is_developer(j->backend) && j->video_uri);
	case OPT_AUDIO:
	case OPT_SEED:
	case OPT_PERSON: /* what is allowed there depends on model and country */
		return !google_is_developer(j->backend);
	case OPT_FPS:
		return false;
	default:
		return true;
	}
}

/* The Developer API makes one video a call, whatever sampleCount says.
 * Source: https://ai.google.dev/gemini-api/docs/video, read 2026-11-23. */
static uint32_t takes_max(const struct wire_job *j)
{
	return google_is_developer(j->backend) ? 1 : wire_count_max(j);
}

/* https://docs.cloud.google.com/vertex-ai/generative-ai/docs/model-reference/
 * veo-video-generation, read 2026-11-23. The specification promises shorter ones. */
#define VEO2_SECONDS_MIN 5

static uint32_t seconds(const struct wire_job *j)
{
	bool short_veo2 = j->seconds < VEO2_SECONDS_MIN && !j->video_uri &&
			  str_starts(wire_id(j), "veo-2.0-");

	return short_veo2 ? VEO2_SECONDS_MIN : j->seconds;
}

/* The Developer API does not extend Lite's. Source: its page on video,
 * https://ai.google.dev/gemini-api/docs/video, read 2026-11-23. */
static bool can_extend(const struct wire_job *j)
{
	return j->row->extend.seconds == WIRE_EXTENSION_SECONDS &&
	       !(google_is_developer(j->backend) &&
		       str_starts(wire_id(j), "veo-3.1-lite-"));
}

/* ---- the start ---- */

static int add_picture(const char *name, const struct wire_input *in, struct buf *b)
{
	int r = buf_addf(b, ",\"%s\":{\"mimeType\":\"%s\",\"bytesBase64Encoded\":\"",
		name, media_mime(in->type));

	if (r == 0)
		r = wire_add_base64(b, in->data, in->len);
	return r < 0 ? r : buf_adds(b, "\"}");
}

/* A clip to be extended stays where it is. */
static int add_video(const struct wire_job *j, struct buf *b)
{
	scoped_json cJSON *o = cJSON_CreateObject();
	bool ok = o;
	int r;

	wire_str(&ok, o, google_is_developer(j->backend) ? "uri" : "gcsUri",
		j->video_uri);
	wire_str(&ok, o, google_is_developer(j->backend) ? "encoding" : "mimeType",
		"video/mp4");
	r = ok ? buf_adds(b, ",\"video\":") : -ENOMEM;
	return r < 0 ? r : json_print_line(b, o);
}

static int add_instance(const struct wire_job *j, struct buf *b)
{
	scoped_json cJSON *prompt = cJSON_CreateString(j->prompt);
	int r = prompt ? buf_adds(b, "{\"instances\":[{\"prompt\":") : -ENOMEM;

	if (r == 0)
		r = json_print_line(b, prompt);
	if (r == 0 && j->video_uri)
		r = add_video(j, b);
	if (r == 0 && j->n_images && !j->video_uri)
		r = add_picture("image", &j->image[0], b);
	if (r == 0 && j->n_images && j->last && !j->video_uri)
		r = add_picture("lastFrame", j->last, b);
	return r < 0 ? r : buf_adds(b, "}],\"parameters\":");
}

static cJSON *parameters(const struct wire_job *j)
{
	const char *res = wire_choice(j, OPT_RES), *audio = wire_choice(j, OPT_AUDIO);
	cJSON *p = cJSON_CreateObject();
	bool ok = p;
	uint64_t seed;

	wire_int(&ok, p, "sampleCount", j->n_takes);
	wire_int(&ok, p, "durationSeconds", seconds(j));
	wire_str(&ok, p, "aspectRatio", wire_choice(j, OPT_ASPECT));
	wire_str(&ok, p, "personGeneration", wire_choice(j, OPT_PERSON));
	wire_str(&ok, p, "resolution", res && !strcmp(res, "4K") ? "4k" : res);
	if (*j->negative && wire_sends(j, OPT_NEGATIVE))
		wire_str(&ok, p, "negativePrompt", j->negative);
	/* Without it the model's default decides whether the dearer rate is paid. */
	if (audio)
		wire_bool(&ok, p, "generateAudio", strcmp(audio, "on") == 0);
	if (wire_seed(j, &seed))
		wire_int(&ok, p, "seed", (int64_t)seed);
	/* Later models cannot do without their enhancer. */
	if (!j->row->option[OPT_AUDIO].is_taken && !google_is_developer(j->backend))
		wire_bool(&ok, p, "enhancePrompt", false);
	if (!google_is_developer(j->backend))
		wire_str(&ok, p, "storageUri", j->storage_uri);
	if (!ok) {
		cJSON_Delete(p);
		return NULL;
	}
	return p;
}

static int body(const struct wire_job *job, struct buf *ret)
{
	scoped_json cJSON *p = parameters(job);
	int r = p ? add_instance(job, ret) : -ENOMEM;

	if (r == 0)
		r = json_print_line(ret, p);
	return r < 0 ? r : buf_addc(ret, '}');
}

/* Whatever a 200 says: a video may be in the making, and a bucket may have it. */
static void read_start(
	const struct wire_job *job, const struct wire_response *a, struct verdict *v)
{
	const char *name = json_str(a->json, "name", "");
	const cJSON *error = cJSON_GetObjectItemCaseSensitive(a->json, "error");

	if (a->status != 200) {
		google_failed(a, v);
	} else if (*name && google_is_operation(name)) {
		snprintf(v->operation, sizeof(v->operation), "%s", name);
		verdict_ok(v, VERDICT_OPERATION);
	} else if (cJSON_IsObject(error)) {
		google_failed(a, v);
	} else {
		verdict_set(v, VERDICT_UNKNOWN, EIO,
			"the provider accepted the video and named no operation");
	}
}

/* ---- the operation ---- */

static int poll_url(const struct wire_endpoint *to, const char *operation,
	struct buf *ret, struct err *err)
{
	return google_is_developer(to->backend)
		       ? google_developer_operation_url(to, operation, ret, err)
		       : google_operation_url(to, operation, ret, err);
}

/* `:fetchPredictOperation`; the Developer API polls with GET. */
static int poll_body(
	const struct wire_endpoint *to, const char *operation, struct buf *ret)
{
	scoped_json cJSON *o = cJSON_CreateObject();
	bool ok = o;

	if (google_is_developer(to->backend))
		return 0;
	wire_str(&ok, o, "operationName", operation);
	return ok ? json_print_line(ret, o) : -ENOMEM;
}

/* Vertex: videos[].{gcsUri|bytesBase64Encoded}; older servers and the Developer API:
 * generatedSamples[].video.{uri|encodedVideo}. */
static void read_video(const struct wire_response *a, const cJSON *e, struct verdict *v,
	bool want_usable)
{
	const cJSON *video = cJSON_GetObjectItemCaseSensitive(e, "video");
	const cJSON *o = cJSON_IsObject(video) ? video : e;
	int32_t media = wire_media_of(a, o, "bytesBase64Encoded");
	const char *uri = json_str(o, "gcsUri", json_str(o, "uri", ""));
	char from[WIRE_URI_MAX] = "";
	bool usable;

	if (media < 0)
		media = wire_media_of(a, o, "encodedVideo");
	usable = media < 0 ? wire_uri(uri, from) : wire_is_video(a, media);
	if (usable != want_usable || (media < 0 && !*uri))
		return;
	wire_result_put(v, media, from, usable ? NULL : "the provider sent no MP4");
}

/* Reasons stand beside the videos, one for each that is missing, or one for all. */
static const char *reason_at(const cJSON *response, int i)
{
	const cJSON *list =
		cJSON_GetObjectItemCaseSensitive(response, "raiMediaFilteredReasons");
	const cJSON *one = cJSON_GetArrayItem(list, i);

	if (!cJSON_IsString(one))
		one = cJSON_GetArrayItem(list, 0);
	return cJSON_IsString(one) ? one->valuestring : "";
}

static void judge(const struct wire_job *job, const cJSON *response, struct verdict *v)
{
	char withheld[sizeof(v->result[0].reason)];

	v->usage.seconds = v->n_results * seconds(job);
	if (v->n_results && v->result[0].is_usable) {
		for (int i = 0; v->n_results < job->n_takes && i < WIRE_MEDIA_MAX;
			i++) {
			google_withheld_words("video", reason_at(response, i), withheld,
				sizeof(withheld));
			wire_withheld_add(v, job->n_takes, withheld);
		}
		verdict_ok(v, VERDICT_DONE);
	} else if (v->n_results) {
		verdict_set(v, VERDICT_UNUSABLE, EPROTO,
			"the provider sent a video that is not MP4");
		v->charge = CHARGE_USAGE;
	} else if (json_int(response, "raiMediaFilteredCount", 0) > 0 ||
		   *reason_at(response, 0)) {
		google_withheld("video", reason_at(response, 0), v);
	} else {
		verdict_set(v, VERDICT_UNUSABLE, EPROTO,
			"the provider's operation ended without a video");
		v->charge = CHARGE_REFUSAL;
	}
}

static void read_response(const struct wire_job *job, const struct wire_response *a,
	const cJSON *response, struct verdict *v)
{
	const cJSON *inner =
		cJSON_GetObjectItemCaseSensitive(response, "generateVideoResponse");
	const cJSON *list, *e;

	response = cJSON_IsObject(inner) ? inner : response;
	list = cJSON_GetObjectItemCaseSensitive(response, "videos");
	if (!list)
		list = cJSON_GetObjectItemCaseSensitive(response, "generatedSamples");
	for (int usable = 1; usable >= 0; usable--) {
		cJSON_ArrayForEach(e, list)
		{
			read_video(a, e, v, usable);
		}
	}
	judge(job, response, v);
}

/* The operation is lost only where Google itself says 404. */
static void read_poll(
	const struct wire_job *job, const struct wire_response *a, struct verdict *v)
{
	const cJSON *error = cJSON_GetObjectItemCaseSensitive(a->json, "error");

	if (a->status != 200) {
		google_error(a, v);
		if (v->kind == VERDICT_NO_MODEL)
			verdict_set(v, VERDICT_UNKNOWN, EIO,
				"the provider does not know the operation any more");
		else if (v->kind != VERDICT_AUTH)
			verdict_ok(v, VERDICT_PENDING);
		return;
	}
	v->retry_after_ms = a->retry_after_ms;
	if (!cJSON_IsObject(a->json) || !json_bool(a->json, "done", false))
		verdict_ok(v, VERDICT_PENDING);
	else if (cJSON_IsObject(error))
		google_operation_error(error, v);
	else
		read_response(job, a,
			cJSON_GetObjectItemCaseSensitive(a->json, "response"), v);
}

const struct protocol_ops protocol_veo = {
	.family = "google",
	.method = "predictLongRunning",
	.response_max = RESPONSE_SMALL_MAX,
	.takes_image = true,
	.takes_last = true,
	.is_marked = true,
	.check = check,
	.sends = sends,
	.takes_max = takes_max,
	.seconds = seconds,
	.can_extend = can_extend,
	.body = body,
	.read = read_start,
	.poll_url = poll_url,
	.poll_body = poll_body,
	.read_poll = read_poll,
};
