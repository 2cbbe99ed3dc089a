// SPDX-License-Identifier: MIT
#include "backend/provider/imagen.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "backend/net/filter.h"
#include "backend/policy/limits.h"
#include "backend/provider/google.h"

static void add_wire(
	const struct wire_job *j, enum option_id id, const char *name, cJSON *o)
{
	const char *v = limits_wire(j->row, j->req, id);

	if (v)
		cJSON_AddStringToObject(o, name, v);
}

static void add_parameters(const struct wire_job *j, cJSON *p)
{
	const char *watermark = limits_value(j->row, j->req, OPT_WATERMARK);
	cJSON *output = cJSON_AddObjectToObject(p, "outputOptions");
	double guidance;

	cJSON_AddNumberToObject(p, "sampleCount", j->n_takes);
	add_wire(j, OPT_ASPECT, "aspectRatio", p);
	add_wire(j, OPT_PERSON, "personGeneration", p);
	add_wire(j, OPT_SAFETY, "safetySetting", p);
	if (j->row->option[OPT_SIZE].is_taken)
		add_wire(j, OPT_SIZE, "sampleImageSize", p);
	if (*j->negative)
		cJSON_AddStringToObject(p, "negativePrompt", j->negative);
	/* A seed is refused together with a watermark or the provider's enhancer. */
	if (j->has_seed)
		json_add_int(p, "seed", (int64_t)j->seed);
	if (j->row->option[OPT_WATERMARK].is_taken)
		cJSON_AddBoolToObject(p, "addWatermark",
			!j->has_seed && watermark && !strcmp(watermark, "on"));
	/* The prompt is optimised here; a second rewriting would be nobody's wish. */
	cJSON_AddFalseToObject(p, "enhancePrompt");
	if (limits_number(j->row, j->req, OPT_GUIDANCE, &guidance))
		cJSON_AddNumberToObject(p, "guidanceScale", guidance);
	cJSON_AddTrueToObject(p, "includeRaiReason");
	cJSON_AddStringToObject(output, "mimeType", media_mime(j->req->type));
}

int imagen_body(const struct wire_job *job, struct buf *ret)
{
	scoped_json cJSON *o = cJSON_CreateObject();
	cJSON *list = cJSON_AddArrayToObject(o, "instances");
	cJSON *instance = cJSON_CreateObject();

	cJSON_AddStringToObject(instance, "prompt", job->prompt);
	cJSON_AddItemToArray(list, instance);
	add_parameters(job, cJSON_AddObjectToObject(o, "parameters"));
	return o ? json_print_line(ret, o) : -ENOMEM;
}

/* An element with bytes is a picture whatever else it says; one with a reason is a
 * refusal; one with neither (safety attributes of the prompt) is nothing. */
static void read_element(const struct wire_answer *a, const cJSON *e, struct verdict *v)
{
	const char *bytes = json_str(e, "bytesBase64Encoded", "");
	const char *reason = json_str(e, "raiFilteredReason", NULL);
	struct wire_result *r = &v->result[v->n_results];
	uint32_t index;

	if (v->n_results == WIRE_MEDIA_MAX)
		return;
	*r = (struct wire_result){.media = -1};
	if (filter_media_index(bytes, &index) == 0 && index < a->n_media) {
		r->media = (int32_t)index;
		v->usage.images++;
	} else if (reason) {
		google_words(reason, r->reason, sizeof(r->reason));
	} else {
		return;
	}
	v->n_results++;
}

static void judge(const struct wire_answer *a, struct verdict *v)
{
	const char *reason = "";
	uint32_t usable = 0;

	for (uint32_t i = 0; i < v->n_results; i++) {
		const struct wire_result *r = &v->result[i];
		const struct wire_media *m = r->media < 0 ? NULL : &a->media[r->media];

		usable += m && m->is_valid &&
			  (m->type == MEDIA_PNG || m->type == MEDIA_JPEG);
		if (*r->reason)
			reason = r->reason;
	}
	if (usable)
		v->kind = VERDICT_DONE;
	else if (v->usage.images)
		verdict_set(v, VERDICT_UNUSABLE, EPROTO,
			"the provider sent a picture that is neither PNG nor JPEG");
	else if (*reason)
		verdict_set(v, VERDICT_REFUSED, EPERM,
			"the provider's safety filter withheld the picture: %s",
			reason);
	else
		verdict_set(v, VERDICT_REFUSED, EPERM,
			"the provider's safety filter withheld the picture");
}

void imagen_read(
	const struct wire_job *job, const struct wire_answer *a, struct verdict *v)
{
	const cJSON *e;

	if (a->status != 200 || !cJSON_IsObject(a->json)) {
		google_error(a, v);
		return;
	}
	cJSON_ArrayForEach(e, cJSON_GetObjectItemCaseSensitive(a->json, "predictions"))
	{
		read_element(a, e, v);
	}
	google_words(json_str(a->json, "modelVersionId", ""), v->model_version,
		sizeof(v->model_version));
	judge(a, v);
}
