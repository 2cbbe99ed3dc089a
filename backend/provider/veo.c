// SPDX-License-Identifier: MIT
#include "backend/provider/veo.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "backend/net/filter.h"
#include "backend/policy/limits.h"
#include "backend/provider/google.h"
#include "cache/base/mem.h"
#include "cache/base/str.h"

static int add_picture(const char *name, const struct wire_input *in, struct buf *b)
{
	int r = buf_addf(b, ",\"%s\":{\"mimeType\":\"%s\",\"bytesBase64Encoded\":\"",
		name, media_mime(in->type));

	if (r == 0)
		r = wire_add_base64(b, in->data, in->len);
	return r < 0 ? r : buf_adds(b, "\"}");
}

static int add_instance(const struct wire_job *j, struct buf *b)
{
	scoped_json cJSON *prompt = cJSON_CreateString(j->prompt);
	int r = prompt ? buf_adds(b, "{\"instances\":[{\"prompt\":") : -ENOMEM;

	if (r == 0)
		r = json_print_line(b, prompt);
	if (r == 0 && j->n_images)
		r = add_picture("image", &j->image[0], b);
	if (r == 0 && j->last)
		r = add_picture("lastFrame", j->last, b);
	return r < 0 ? r : buf_adds(b, "}],\"parameters\":");
}

static bool is_on(const struct wire_job *j, enum option_id id)
{
	const char *v = limits_value(j->row, j->req, id);

	return v && !strcmp(v, "on");
}

static cJSON *parameters(const struct wire_job *j)
{
	const char *res = limits_wire(j->row, j->req, OPT_RES);
	cJSON *p = cJSON_CreateObject();

	cJSON_AddNumberToObject(p, "sampleCount", j->n_takes);
	cJSON_AddNumberToObject(p, "durationSeconds", j->seconds);
	cJSON_AddStringToObject(
		p, "aspectRatio", limits_wire(j->row, j->req, OPT_ASPECT));
	cJSON_AddStringToObject(
		p, "personGeneration", limits_wire(j->row, j->req, OPT_PERSON));
	if (res && j->row->option[OPT_AUDIO].is_taken) /* Veo 2 has no such parameter */
		cJSON_AddStringToObject(
			p, "resolution", !strcmp(res, "4K") ? "4k" : res);
	if (*j->negative)
		cJSON_AddStringToObject(p, "negativePrompt", j->negative);
	if (j->is_developer_api)
		return p;
	/* Without it the model's default decides whether the dearer rate is paid. */
	if (j->row->option[OPT_AUDIO].is_taken)
		cJSON_AddBoolToObject(p, "generateAudio", is_on(j, OPT_AUDIO));
	if (j->has_seed)
		json_add_int(p, "seed", (int64_t)j->seed);
	if (j->storage_uri)
		cJSON_AddStringToObject(p, "storageUri", j->storage_uri);
	return p;
}

int veo_body(const struct wire_job *job, struct buf *ret)
{
	scoped_json cJSON *p = parameters(job);
	int r = p ? add_instance(job, ret) : -ENOMEM;

	if (r == 0)
		r = json_print_line(ret, p);
	return r < 0 ? r : buf_addc(ret, '}');
}

void veo_read_start(
	const struct wire_job *job, const struct wire_answer *a, struct verdict *v)
{
	const char *name = json_str(a->json, "name", "");

	if (a->status != 200 || !cJSON_IsObject(a->json)) {
		google_error(a, v);
		return;
	}
	if (!*name || strlen(name) >= sizeof(v->operation) ||
		name[strcspn(name, "\r\n\"\\ ?#%")]) {
		verdict_set(v, VERDICT_UNKNOWN, EIO,
			"the provider accepted the video and named no operation");
		return;
	}
	snprintf(v->operation, sizeof(v->operation), "%s", name);
	v->kind = VERDICT_OPERATION;
}

int veo_poll_body(const char *operation, struct buf *ret)
{
	scoped_json cJSON *o = cJSON_CreateObject();

	cJSON_AddStringToObject(o, "operationName", operation);
	return o ? json_print_line(ret, o) : -ENOMEM;
}

/* Vertex: videos[].{gcsUri|bytesBase64Encoded}; older servers and the Developer API:
 * generatedSamples[].video.{uri|encodedVideo}. */
static void read_video(const struct wire_answer *a, const cJSON *e, struct verdict *v)
{
	const cJSON *video = cJSON_GetObjectItemCaseSensitive(e, "video");
	const cJSON *o = cJSON_IsObject(video) ? video : e;
	const char *bytes =
		json_str(o, "bytesBase64Encoded", json_str(o, "encodedVideo", ""));
	const char *uri = json_str(o, "gcsUri", json_str(o, "uri", ""));
	struct wire_result *r = &v->result[v->n_results];
	uint32_t index;

	if (v->n_results == WIRE_MEDIA_MAX)
		return;
	*r = (struct wire_result){.media = -1};
	if (filter_media_index(bytes, &index) == 0 && index < a->n_media)
		r->media = (int32_t)index;
	else if (*uri && strlen(uri) < sizeof(r->uri))
		snprintf(r->uri, sizeof(r->uri), "%s", uri);
	else
		return;
	v->n_results++;
}

static const cJSON *first_of(const cJSON *o, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const cJSON *m = cJSON_GetObjectItemCaseSensitive(o, names[i]);

		if (m)
			return m;
	}
	return NULL;
}

static void withheld(const cJSON *response, struct verdict *v)
{
	const cJSON *reason = cJSON_GetArrayItem(
		cJSON_GetObjectItemCaseSensitive(response, "raiMediaFilteredReasons"),
		0);
	char words[140];

	if (json_int(response, "raiMediaFilteredCount", 0) > 0 ||
		cJSON_IsString(reason)) {
		google_words(cJSON_IsString(reason) ? reason->valuestring : "", words,
			sizeof(words));
		verdict_set(v, VERDICT_REFUSED, EPERM,
			"the provider's safety filter withheld the video: %s", words);
	} else {
		verdict_set(v, VERDICT_UNUSABLE, EPROTO,
			"the provider's operation ended without a video");
	}
}

static void read_response(const struct wire_job *job, const struct wire_answer *a,
	const cJSON *response, struct verdict *v)
{
	static const char *const lists[] = {"videos", "generatedSamples"};
	const cJSON *inner =
		cJSON_GetObjectItemCaseSensitive(response, "generateVideoResponse");
	const cJSON *e;
	uint32_t usable = 0;

	response = cJSON_IsObject(inner) ? inner : response;
	cJSON_ArrayForEach(e, first_of(response, lists, ARRAY_SIZE(lists)))
	{
		read_video(a, e, v);
	}
	for (uint32_t i = 0; i < v->n_results; i++) {
		const struct wire_result *r = &v->result[i];

		usable += r->media < 0 || (a->media[r->media].is_valid &&
						  a->media[r->media].type == MEDIA_MP4);
	}
	v->usage.seconds = v->n_results * job->seconds;
	if (usable)
		v->kind = VERDICT_DONE;
	else if (v->n_results)
		verdict_set(v, VERDICT_UNUSABLE, EPROTO,
			"the provider sent a video that is not MP4");
	else
		withheld(response, v);
}

void veo_read_poll(
	const struct wire_job *job, const struct wire_answer *a, struct verdict *v)
{
	const cJSON *error;

	v->retry_after_ms = a->retry_after_ms;
	if (a->status == 401) {
		verdict_set(v, VERDICT_AUTH, EACCES,
			"the provider refused the credentials");
	} else if (a->status == 404) {
		verdict_set(v, VERDICT_UNKNOWN, EIO,
			"the provider does not know the operation any more");
	} else if (a->status != 200 || !cJSON_IsObject(a->json) ||
		   !json_bool(a->json, "done", false)) {
		v->kind = VERDICT_PENDING;
	} else {
		error = cJSON_GetObjectItemCaseSensitive(a->json, "error");
		if (cJSON_IsObject(error))
			google_operation_error(error, v);
		else
			read_response(job, a,
				cJSON_GetObjectItemCaseSensitive(a->json, "response"),
				v);
	}
}
