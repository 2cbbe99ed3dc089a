// SPDX-License-Identifier: MIT
#pragma once
/* The committed pictures and videos and what OpenCV and NumPy say about them. */
#include <assert.h>
#include <math.h>

#include "backend/quality/measure.h"
#include "cache/base/json.h"
#include "cache/base/str.h"
#include "tests/support/tap.h"

#define GOLDEN_MAX (1u << 20)
#define GOLDEN_TOLERANCE 1e-12

static inline void golden_path(char *ret, size_t size, const char *name)
{
	snprintf(ret, size, "%s/golden/%s", GOLDEN_DIR, name);
}

static inline void golden_read(struct buf *b, const char *name)
{
	char path[512];

	golden_path(path, sizeof(path), name);
	if (buf_read_file(b, path, GOLDEN_MAX, NULL) < 0) {
		printf("Bail out! cannot read %s\n", path);
		exit(1);
	}
}

static inline cJSON *golden_scores(void)
{
	return json_parse_file(GOLDEN_DIR "/golden.json", GOLDEN_MAX, NULL);
}

static inline bool golden_near(double got, double want)
{
	return fabs(got - want) <= GOLDEN_TOLERANCE * fmax(fabs(want), 1e-300);
}

static inline void golden_near_member(const cJSON *want, const char *member, double got)
{
	double v = json_num(want, member, NAN);

	if (!CHECK(golden_near(got, v)))
		printf("# %s: %s is %.17g, not %.17g\n", want->string, member, got, v);
}

static inline void golden_check(const struct quality *q, const cJSON *want)
{
	const char grade[2] = {q->grade, 0};

	CHECK_INT(q->width, json_int(want, "width", -1));
	CHECK_INT(q->height, json_int(want, "height", -1));
	golden_near_member(want, "sharpness_score", q->sharpness);
	golden_near_member(want, "brightness_score", q->brightness);
	golden_near_member(want, "contrast_score", q->contrast);
	golden_near_member(want, "clipped_dark", q->clipped_dark);
	golden_near_member(want, "clipped_bright", q->clipped_bright);
	CHECK_STR(grade, json_str(want, "quality_grade", ""));
}
