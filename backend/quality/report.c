// SPDX-License-Identifier: MIT
/* See report.h. */
#include "backend/quality/report.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "cache/base/mem.h"

#define MAX_LAPLACIAN 1020.0 /* 4 x 255 */
#define MAX_SECONDS 1e6
#define MAX_FPS 1000.0
#define MAX_INTEGER 9007199254740992.0 /* 2^53: exact in a JSON number */

static bool add_scores(cJSON *j, const struct quality *q)
{
	const char grade[2] = {q->grade, 0};

	return cJSON_AddNumberToObject(j, "width", q->width) &&
	       cJSON_AddNumberToObject(j, "height", q->height) &&
	       cJSON_AddNumberToObject(
		       j, "aspect_ratio", (double)q->width / (double)q->height) &&
	       cJSON_AddNumberToObject(
		       j, "file_size_kb", (double)q->size_bytes / 1024) &&
	       cJSON_AddNumberToObject(j, "sharpness_score", q->sharpness) &&
	       cJSON_AddNumberToObject(j, "brightness_score", q->brightness) &&
	       cJSON_AddNumberToObject(j, "contrast_score", q->contrast) &&
	       cJSON_AddStringToObject(j, "quality_grade", grade) &&
	       cJSON_AddNumberToObject(j, "clipped_dark", q->clipped_dark) &&
	       cJSON_AddNumberToObject(j, "clipped_bright", q->clipped_bright);
}

static bool add_video(cJSON *j, const struct quality *q)
{
	return cJSON_AddNumberToObject(j, "duration_s", q->duration_s) &&
	       cJSON_AddNumberToObject(j, "fps", q->fps) &&
	       cJSON_AddStringToObject(j, "video_codec", q->video_codec) &&
	       cJSON_AddNumberToObject(j, "black_ratio", q->black_ratio) &&
	       cJSON_AddNumberToObject(j, "sampled_frames", q->sampled_frames) &&
	       cJSON_AddBoolToObject(j, "has_audio", q->has_audio);
}

static bool add_text(cJSON *j, const struct quality *q)
{
	return cJSON_AddNumberToObject(j, "characters", (double)q->characters) &&
	       cJSON_AddNumberToObject(j, "words", (double)q->words) &&
	       (!q->finish_reason[0] ||
		       cJSON_AddStringToObject(j, "finish_reason", q->finish_reason)) &&
	       cJSON_AddNumberToObject(j, "file_size_kb", (double)q->size_bytes / 1024);
}

cJSON *quality_to_json(const struct quality *q)
{
	scoped_json cJSON *j = cJSON_CreateObject();
	bool ok = j != NULL;

	if (ok && q->kind == QUALITY_TEXT)
		ok = add_text(j, q);
	else if (ok)
		ok = add_scores(j, q);
	if (ok && q->kind == QUALITY_VIDEO)
		ok = add_video(j, q);
	ok = ok && cJSON_AddNumberToObject(j, "metrics_version", q->metrics_version);
	return ok ? steal_ptr(j) : NULL;
}

/* Reads members of one object; the first complaint is kept and ends the reading. */
struct reader {
	const cJSON *j;
	struct err *err;
	int r;
};

static double number(struct reader *rd, const char *name, double min, double max)
{
	double v = json_num(rd->j, name, NAN);

	if (rd->r == 0 && !(v >= min && v <= max))
		rd->r = err_set(rd->err, EINVAL,
			"\"%s\" is absent, not a number or out of range", name);
	return rd->r == 0 ? v : 0;
}

static uint64_t integer(struct reader *rd, const char *name, double min, double max)
{
	double v = number(rd, name, min, max);

	if (rd->r == 0 && v != trunc(v))
		rd->r = err_set(rd->err, EINVAL, "\"%s\" is not an integer", name);
	return rd->r == 0 ? (uint64_t)v : 0;
}

/* Printable ASCII only: it is shown to people. */
static void word(struct reader *rd, const char *name, char *ret, size_t size)
{
	const char *s = json_str(rd->j, name, NULL);
	size_t n = s ? strlen(s) : size;

	if (rd->r < 0)
		return;
	if (n >= size) {
		rd->r = err_set(
			rd->err, EINVAL, "\"%s\" is absent, no text or too long", name);
		return;
	}
	for (size_t i = 0; i < n; i++)
		if (s[i] < 0x20 || s[i] > 0x7e)
			rd->r = err_set(
				rd->err, EINVAL, "\"%s\" is not printable", name);
	if (rd->r == 0)
		memcpy(ret, s, n + 1);
}

static void read_scores(struct reader *rd, struct quality *q)
{
	char grade[2] = "";

	q->width = (uint32_t)integer(rd, "width", 1, QUALITY_MAX_SIDE);
	q->height = (uint32_t)integer(rd, "height", 1, QUALITY_MAX_SIDE);
	q->sharpness = number(rd, "sharpness_score", 0, MAX_LAPLACIAN * MAX_LAPLACIAN);
	q->brightness = number(rd, "brightness_score", 0, 255);
	q->contrast = number(rd, "contrast_score", 0, 255);
	q->clipped_dark = number(rd, "clipped_dark", 0, 1);
	q->clipped_bright = number(rd, "clipped_bright", 0, 1);
	word(rd, "quality_grade", grade, sizeof(grade));
	if (rd->r == 0 && (grade[0] < 'A' || grade[0] > 'D'))
		rd->r = err_set(rd->err, EINVAL, "\"quality_grade\" is not A to D");
	q->grade = grade[0];
}

static void read_video(struct reader *rd, struct quality *q)
{
	const cJSON *audio = cJSON_GetObjectItemCaseSensitive(rd->j, "has_audio");

	q->kind = QUALITY_VIDEO;
	q->duration_s = number(rd, "duration_s", 0, MAX_SECONDS);
	q->fps = number(rd, "fps", 0, MAX_FPS);
	word(rd, "video_codec", q->video_codec, sizeof(q->video_codec));
	q->black_ratio = number(rd, "black_ratio", 0, 1);
	q->sampled_frames = (uint32_t)integer(rd, "sampled_frames", 1, UINT32_MAX);
	if (rd->r == 0 && !cJSON_IsBool(audio))
		rd->r = err_set(rd->err, EINVAL, "\"has_audio\" is absent or no bool");
	q->has_audio = cJSON_IsTrue(audio);
}

static void read_text(struct reader *rd, struct quality *q)
{
	q->kind = QUALITY_TEXT;
	q->characters = integer(rd, "characters", 0, MAX_INTEGER);
	q->words = integer(rd, "words", 0, MAX_INTEGER);
	if (cJSON_HasObjectItem(rd->j, "finish_reason"))
		word(rd, "finish_reason", q->finish_reason, sizeof(q->finish_reason));
}

int quality_from_json(const cJSON *j, struct quality *ret, struct err *err)
{
	struct reader rd = {.j = j, .err = err};
	struct quality q = {.kind = QUALITY_PICTURE};

	if (!cJSON_IsObject(j))
		return err_set(err, EINVAL, "a quality report is not an object");
	q.metrics_version = (int)integer(&rd, "metrics_version",
		QUALITY_METRICS_VERSION, QUALITY_METRICS_VERSION);
	q.size_bytes =
		(uint64_t)(number(&rd, "file_size_kb", 0, MAX_INTEGER / 1024) * 1024);
	if (cJSON_GetObjectItemCaseSensitive(j, "characters"))
		read_text(&rd, &q);
	else
		read_scores(&rd, &q);
	if (cJSON_GetObjectItemCaseSensitive(j, "video_codec"))
		read_video(&rd, &q);
	if (rd.r == 0)
		*ret = q;
	return rd.r;
}
