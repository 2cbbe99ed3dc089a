// SPDX-License-Identifier: MIT
#pragma once
/* Outlines and their anti-aliased filling. A path is a closed run of points; smooth
 * ones are joined by Catmull-Rom curves, sharp ones are corners. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backend/render/paint.h"

#define PATH_POINTS_MAX 1024 /* after curves are flattened */

struct pt {
	float x, y;
};

struct path {
	int n;
	struct pt p[PATH_POINTS_MAX];
};

/* Affine map of points: x' = a x + c y + e, y' = b x + d y + f. */
struct affine {
	float a, b, c, d, e, f;
};

struct affine affine_turn(float radians, float cx, float cy);
struct pt affine_apply(const struct affine *m, struct pt p);

/* Points beyond PATH_POINTS_MAX are left out. */
void path_add(struct path *path, float x, float y);
void path_map(struct path *path, const struct affine *m);
void path_circle(struct path *path, float cx, float cy, float rx, float ry);
/* Text of points "x,y x,y! ..." (`!` makes a corner), flattened with the given number
 * of steps per curve. The text is ours, never foreign: it is checked by a test only. */
void path_parse(struct path *path, const char *text, int steps);

/* Coverage 0..1 of each pixel of the window (x0, y0, w, h) of the picture is written to
 * cov[w * h]. Exact areas; overlaps are not counted twice
 * within one path. -ENOMEM. */
int path_cover(const struct path *path, int x0, int y0, int w, int h, float *cov);

/* Fills with a vertical gradient from c_top at y_top to c_bottom at y_bottom. */
void path_fill(struct tile *t, const struct path *path, v4 c_top, v4 c_bottom,
	float y_top, float y_bottom);
