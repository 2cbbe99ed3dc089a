// SPDX-License-Identifier: MIT
#pragma once
/* The look that `style` asks for: a grade of each colour, then a drawing technique that
 * sees a pixel's neighbourhood. */
#include <stdbool.h>
#include <stdint.h>

#include "backend/render/paint.h"

enum look {
	LOOK_PLAIN,
	LOOK_PHOTOGRAPHIC,
	LOOK_ARTISTIC,
	LOOK_CINEMATIC,
	LOOK_MINIMALIST,
	LOOK_DIGITAL_ART,
	LOOK_ANIME,
	LOOK_SKETCH,
};

/* Straight 8-bit RGBA. */
struct frame {
	int w, h;
	uint8_t *rgba;
};

/* NULL and unknown names are LOOK_PLAIN. */
enum look look_of(const char *style);

/* Grades a straight colour. */
v4 look_grade(enum look look, v4 c);

/* How much light is left at (x, y), both -1..1 from the middle, and how much grain
 * (share of full range) pictures get. */
float look_vignette(enum look look, float x, float y);
float look_grain(enum look look);

/* Whether look_row does more than copy. */
bool look_has_technique(enum look look);

/* Row y of `in` in that technique, to out[4 * w]; opacity is kept. unit_px: the scene's
 * unit of length in pixels. */
void look_row(enum look look, const struct frame *in, float unit_px, uint32_t seed,
	int y, uint8_t *out);
