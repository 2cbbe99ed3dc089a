// SPDX-License-Identifier: MIT
#pragma once
/* What every painter works with: colours as four floats, and tiles, windows of rows
 * into a picture. Colours are display-referred (sRGB, 0..1), premultiplied in tiles;
 * colours given as arguments are straight with a fourth lane of 1. No I/O, no state.
 * Any thread. */
#include <math.h>
#include <stdbool.h>
#include <stdint.h>

typedef float v4 __attribute__((vector_size(16)));

/* Pixel (x, y) of the picture is px[(y - y0) * w + x - x0]. */
struct tile {
	int x0, y0, w, h;
	bool failed; /* a painter found no memory; the picture must not be used */
	v4 *px;
};

static inline v4 rgb(float r, float g, float b)
{
	return (v4){r, g, b, 1};
}

static inline v4 hex(uint32_t c)
{
	return rgb((c >> 16) / 255.0f, (c >> 8 & 255) / 255.0f, (c & 255) / 255.0f);
}

static inline float clampf(float x, float lo, float hi)
{
	return x < lo ? lo : x > hi ? hi : x;
}

static inline float clamp01(float x)
{
	return clampf(x, 0, 1);
}

static inline float lerpf(float a, float b, float t)
{
	return a + (b - a) * t;
}

static inline v4 mix(v4 a, v4 b, float t)
{
	return a + (b - a) * t;
}

/* 0 at a, 1 at b, smooth between; a may be above b. */
static inline float ramp(float a, float b, float x)
{
	float t = clamp01((x - a) / (b - a));

	return t * t * (3 - 2 * t);
}

/* Brightness times k, opacity kept. */
static inline v4 shade(v4 c, float k)
{
	return (v4){c[0] * k, c[1] * k, c[2] * k, c[3]};
}

static inline float luma(v4 c)
{
	return 0.2126f * c[0] + 0.7152f * c[1] + 0.0722f * c[2];
}

/* k = 0 gray, 1 as it is, above 1 more colourful. */
static inline v4 saturate(v4 c, float k)
{
	float y = luma(c);

	return (v4){y + (c[0] - y) * k, y + (c[1] - y) * k, y + (c[2] - y) * k, c[3]};
}

static inline void over(v4 *px, v4 c, float a)
{
	*px = c * a + *px * (1 - a * c[3]);
}

/* Light on top of what is there; the fourth lane stays. */
static inline void glow(v4 *px, v4 c, float a)
{
	c[3] = 0;
	*px += c * a * (1.0f - 0.6f * clamp01(luma(*px)));
}

static inline v4 *tile_row(const struct tile *t, int y)
{
	return t->px + (int64_t)(y - t->y0) * t->w;
}
