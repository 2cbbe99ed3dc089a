// SPDX-License-Identifier: MIT
/* The wire format "imagen", `:predict`: one call makes several takes. Pure: any
 * thread. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "backend/provider/google.h"
#include "cache/base/mem.h"
#include "cache/base/str.h"

/* ---- request ---- */

/* What generations of Imagen take of what the catalogue lets a path ask. Longest prefix
 * first. Source: Google's VisionGenerativeModelParams reference, read 2026-11-23. */
static const struct {
	const char *prefix;
	bool guidance, negative;
} imagen_ids[] = {
	{"imagegeneration@", true, true},
	{"imagen-3.0-generate-002", false, false},
	{"imagen-3.0-", false, true},
	{"imagen-4.0-", false, false},
};

/* The Developer API's subset. Source: generateImagesConfigToMldev of js-genai 1.x. */
static bool developer_sends(const struct wire_job *j, enum option_id id)
{
	const struct option_rule *safety = &j->row->option[OPT_SAFETY];

	if (id == OPT_SAFETY) /* only the strictest */
		return !j->req->opt[id] ||
		       (safety->n_choices &&
			       wire_is_given(j, id, safety->choices[0].value));
	return id != OPT_SEED && id != OPT_WATERMARK && id != OPT_NEGATIVE;
}

static bool sends(const struct wire_job *j, enum option_id id)
{
	if (id == OPT_IMAGE || id == OPT_LAST)
		return false;
	if (google_is_developer(j->backend) && !developer_sends(j, id))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(imagen_ids); i++) {
		if (str_starts(wire_id(j), imagen_ids[i].prefix))
			return id == OPT_GUIDANCE   ? imagen_ids[i].guidance
			       : id == OPT_NEGATIVE ? imagen_ids[i].negative
						    : true;
	}
	return true;
}

static void add_watermark(bool *ok, const struct wire_job *j, cJSON *p)
{
	const char *watermark = wire_choice(j, OPT_WATERMARK);
	uint64_t seed;
	bool has_seed = wire_seed(j, &seed);

	/* A seed is refused together with a watermark or the provider's enhancer. */
	if (has_seed)
		wire_int(ok, p, "seed", (int64_t)seed);
	if (watermark || has_seed)
		wire_bool(ok, p, "addWatermark",
			!has_seed && strcmp(watermark, "on") == 0);
}

static void add_parameters(bool *ok, const struct wire_job *j, cJSON *p)
{
	double guidance;

	wire_int(ok, p, "sampleCount", j->n_takes);
	wire_str(ok, p, "aspectRatio", wire_choice(j, OPT_ASPECT));
	wire_str(ok, p, "personGeneration", wire_choice(j, OPT_PERSON));
	wire_str(ok, p, "safetySetting", wire_choice(j, OPT_SAFETY));
	wire_str(ok, p, "sampleImageSize", wire_choice(j, OPT_SIZE));
	if (*j->negative && wire_sends(j, OPT_NEGATIVE))
		wire_str(ok, p, "negativePrompt", j->negative);
	add_watermark(ok, j, p);
	/* The prompt is optimised here; a second rewriting would be nobody's wish.
	 * Imagen 2 has no enhancer, the Developer API no such parameter. */
	if (!google_is_developer(j->backend) &&
		!str_starts(wire_id(j), "imagegeneration@"))
		wire_bool(ok, p, "enhancePrompt", false);
	if (wire_number(j, OPT_GUIDANCE, &guidance))
		wire_num(ok, p, "guidanceScale", guidance);
	wire_bool(ok, p, "includeRaiReason", true);
	wire_str(ok, wire_obj(ok, p, "outputOptions"), "mimeType",
		media_mime(j->req->type));
}

static int body(const struct wire_job *job, struct buf *ret)
{
	scoped_json cJSON *o = cJSON_CreateObject();
	bool ok = o;

	wire_str(&ok, wire_obj(&ok, wire_list(&ok, o, "instances"), NULL), "prompt",
		job->prompt);
	add_parameters(&ok, job, wire_obj(&ok, o, "parameters"));
	return ok ? json_print_line(ret, o) : -ENOMEM;
}

/* ---- response ---- */

/* An element with bytes is a picture whatever else it says; one with neither bytes nor
 * a reason (safety attributes of the prompt) is nothing. */
static void read_picture(const struct wire_response *a, const cJSON *e,
	struct verdict *v, bool want_usable)
{
	int32_t media = wire_media_of(a, e, "bytesBase64Encoded");
	const char *uri = media < 0 ? json_str(e, "gcsUri", "") : "";
	char from[WIRE_URI_MAX] = "";
	bool usable = wire_is_picture(a, media) || (*uri && wire_uri(uri, from));

	if (usable != want_usable || (media < 0 && !usable))
		return;
	v->usage.images++;
	wire_result_put(v, media, from,
		usable ? NULL : "the provider sent neither PNG nor JPEG");
}

static const char *first_reason(const cJSON *list)
{
	const cJSON *e;

	cJSON_ArrayForEach(e, list)
	{
		const char *reason = json_str(e, "raiFilteredReason", "");

		if (*reason)
			return reason;
	}
	return "";
}

static void read_response(
	const struct wire_job *job, const struct wire_response *a, struct verdict *v)
{
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(a->json, "predictions"),
		    *e;
	const char *reason = first_reason(list);
	char withheld[sizeof(v->result[0].reason)];

	if (google_failed(a, v))
		return;
	google_words(json_str(a->json, "modelVersionId", ""), v->model_version,
		sizeof(v->model_version));
	for (int usable = 1; usable >= 0; usable--) {
		cJSON_ArrayForEach(e, list)
		{
			read_picture(a, e, v, usable);
		}
	}
	if (v->n_results && v->result[0].is_usable) {
		google_withheld_words("picture", reason, withheld, sizeof(withheld));
		for (uint32_t n = v->n_results; n < job->n_takes; n++)
			wire_withheld_add(v, job->n_takes, withheld);
		verdict_ok(v, VERDICT_DONE);
	} else if (v->n_results) {
		verdict_set(v, VERDICT_UNUSABLE, EPROTO,
			"the provider sent a picture that is neither PNG nor JPEG");
		v->charge = CHARGE_USAGE;
	} else {
		google_withheld("picture", reason, v);
	}
}

const struct protocol_ops protocol_imagen = {
	.family = "google",
	.method = "predict",
	.response_max = RESPONSE_PICTURES_MAX,
	.is_marked = true,
	.sends = sends,
	.takes_max = wire_count_max,
	.body = body,
	.read = read_response,
};
