// SPDX-License-Identifier: MIT
/* Grades of colour and drawing techniques. Any thread, no globals. */
#include "backend/render/look.h"

#include <string.h>

#include "backend/render/noise.h"
#include "cache/base/mem.h"

static const struct {
	const char *name;
	float contrast, color, vignette, grain;
	float teal; /* cold shadows, warm lights */
} looks[] = {
	[LOOK_PLAIN] = {"", 0.24f, 1.10f, 0.20f, 0.010f, 0},
	[LOOK_PHOTOGRAPHIC] = {"photographic", 0.16f, 0.88f, 0.34f, 0.034f, 0.02f},
	[LOOK_ARTISTIC] = {"artistic", 0.25f, 1.22f, 0.18f, 0.008f, 0},
	[LOOK_CINEMATIC] = {"cinematic", 0.42f, 0.92f, 0.62f, 0.022f, 0.11f},
	[LOOK_MINIMALIST] = {"minimalist", 0.06f, 0.84f, 0, 0.004f, 0},
	[LOOK_DIGITAL_ART] = {"digital-art", 0.45f, 1.38f, 0.22f, 0.004f, 0.02f},
	[LOOK_ANIME] = {"anime", 0.24f, 1.32f, 0.05f, 0.004f, 0},
	[LOOK_SKETCH] = {"sketch", 0.35f, 0, 0.10f, 0.014f, 0},
};

enum look look_of(const char *style)
{
	for (size_t i = 0; style && i < ARRAY_SIZE(looks); i++)
		if (!strcmp(style, looks[i].name))
			return (enum look)i;
	return LOOK_PLAIN;
}

v4 look_grade(enum look look, v4 c)
{
	float k = looks[look].contrast, y, t = looks[look].teal;

	c = saturate(c, looks[look].color);
	y = clamp01(luma(c));
	c += (v4){t * (y - 0.42f), t * 0.1f, t * (0.5f - y), 0} * 1.6f;
	for (int i = 0; i < 3; i++) {
		/* A soft shoulder above 0.9, then an S about the middle. */
		float v = c[i] < 0 ? 0 : c[i];

		v = v > 0.9f ? 0.9f + 0.1f * (1 - 1 / (1 + (v - 0.9f) * 10)) : v;
		c[i] = v + k * (v * v * (3 - 2 * v) - v);
	}
	return c;
}

float look_vignette(enum look look, float x, float y)
{
	float d = (x * x + y * y) * 0.5f;

	return 1 - looks[look].vignette * d * d * 0.9f -
	       looks[look].vignette * d * 0.25f;
}

float look_grain(enum look look)
{
	return looks[look].grain;
}

bool look_has_technique(enum look look)
{
	return look == LOOK_ARTISTIC || look == LOOK_MINIMALIST || look == LOOK_ANIME ||
	       look == LOOK_SKETCH;
}

static const uint8_t *at(const struct frame *f, int x, int y)
{
	x = x < 0 ? 0 : x >= f->w ? f->w - 1 : x;
	y = y < 0 ? 0 : y >= f->h ? f->h - 1 : y;
	return f->rgba + 4 * ((size_t)y * (size_t)f->w + (size_t)x);
}

static v4 get(const struct frame *f, int x, int y)
{
	const uint8_t *p = at(f, x, y);

	return (v4){p[0], p[1], p[2], 255} / 255.0f;
}

/* Brightness; what is not covered counts as bright paper. */
static float bright(const struct frame *f, int x, int y)
{
	const uint8_t *p = at(f, x, y);
	float v = (0.2126f * p[0] + 0.7152f * p[1] + 0.0722f * p[2]) / 255.0f;

	return 0.9f + (v - 0.9f) * (float)p[3] / 255.0f;
}

static float edge(const struct frame *f, int x, int y, int r)
{
	float gx = bright(f, x + r, y) - bright(f, x - r, y) +
		   0.5f * (bright(f, x + r, y + r) - bright(f, x - r, y - r));
	float gy = bright(f, x, y + r) - bright(f, x, y - r) +
		   0.5f * (bright(f, x - r, y + r) - bright(f, x + r, y - r));

	return sqrtf(gx * gx + gy * gy);
}

static v4 smooth_color(const struct frame *f, int x, int y, int r)
{
	v4 sum = {0};

	for (int j = -2; j <= 2; j++)
		for (int i = -2; i <= 2; i++)
			sum += get(f, x + i * r, y + j * r);
	return sum / 25.0f;
}

/* Strokes of oil along a slow field of directions; two sizes, the finer one on top
 * where the picture has detail. */
static v4 artistic(const struct frame *f, float px, uint32_t seed, int x, int y)
{
	float fx = (float)x / px, fy = (float)y / px;
	float angle = 1.2f * noise(seed, fx * 1.3f, fy * 1.3f) + 0.25f;
	float detail = edge(f, x, y, 1 + (int)(px * 0.004f));
	float size = detail > 0.08f ? 0.42f : 1, l = 0.022f * size, w = 0.0052f * size;
	float ca = cosf(angle), sa = sinf(angle), u, v, cu, cv, bristle, mid;
	int row, col;
	v4 c;

	fx += 0.004f * noise(seed + 3, fx * 60, fy * 60);
	fy += 0.004f * noise(seed + 4, fx * 60, fy * 60);
	u = fx * ca + fy * sa;
	v = fy * ca - fx * sa;
	row = ifloor(v / w);
	u += unit(hash2(seed, row, 5)) * l;
	col = ifloor(u / l);
	cu = ((float)col + 0.5f) * l - unit(hash2(seed, row, 5)) * l;
	cv = ((float)row + 0.5f) * w;
	c = get(f, (int)((cu * ca - cv * sa) * px), (int)((cu * sa + cv * ca) * px));
	mid = fabsf(v / w - (float)row - 0.5f);
	bristle = noise(seed + 1, u * 30, v * 900) * 0.10f + 0.09f * (0.28f - mid);
	bristle += 0.14f * (unit(hash2(seed + 2, col, row)) - 0.5f);
	c = shade(c, 1 + bristle);
	return mix(c, saturate(c, 1.2f), 0.5f);
}

static v4 banded(v4 c, int steps, float soft)
{
	float y = luma(c) + 0.001f, k = y * (float)steps, base = floorf(k), t;

	t = ramp(0.5f - soft, 0.5f + soft, k - base);
	return shade(c, (base + t + 0.15f) / (float)steps / y);
}

static v4 minimalist(const struct frame *f, float px, int x, int y)
{
	v4 c = smooth_color(f, x, y, 1 + (int)(px * 0.0007f));

	return mix(banded(c, 7, 0.06f), hex(0xf4f0e8), 0.10f);
}

static v4 anime(const struct frame *f, float px, int x, int y)
{
	int r = 1 + (int)(px * 0.0010f);
	v4 c = banded(smooth_color(f, x, y, r), 9, 0.10f);
	float line = ramp(0.16f, 0.42f, edge(f, x, y, r));

	return mix(saturate(c, 1.1f), hex(0x1c1830), 0.75f * line);
}

/* One direction of pencil strokes, 0..1 dark. */
static float hatch(uint32_t seed, float u, float v)
{
	float wobble = noise(seed, u * 5, v * 5) * 0.7f;
	float line = fabsf(sinf(v * 330 + wobble * 3));
	float grain = 0.6f + 0.4f * noise(seed + 1, u * 260, v * 260);

	return ramp(0.75f, 0.15f, line) * grain;
}

static v4 sketch(const struct frame *f, float px, uint32_t seed, int x, int y)
{
	float fx = (float)x / px, fy = (float)y / px, dark, tone, line;
	int r = 1 + (int)(px * 0.0012f);
	v4 c = smooth_color(f, x, y, 1 + r / 2);
	v4 paper =
		shade(hex(0xf6f2e8), 1 + 0.025f * noise(seed + 7, fx * 240, fy * 240));

	tone = 1 - luma(c);
	line = ramp(0.07f, 0.34f, edge(f, x, y, r)) *
	       (0.75f + 0.25f * noise(seed + 8, fx * 180, fy * 180));
	dark = ramp(0.22f, 0.50f, tone) * hatch(seed, fx - fy, (fx + fy) * 0.7f);
	dark += ramp(0.50f, 0.78f, tone) * hatch(seed + 20, fx + fy, (fx - fy) * 0.7f);
	dark += ramp(0.74f, 0.96f, tone) * hatch(seed + 40, fx, fy) * 0.8f;
	dark = 0.62f * dark + 0.22f * tone + 0.85f * line;
	return mix(paper, hex(0x26262c), clamp01(dark) * 0.92f);
}

void look_row(enum look look, const struct frame *in, float px, uint32_t seed, int y,
	uint8_t *out)
{
	const uint8_t *row = at(in, 0, y);

	if (!look_has_technique(look)) {
		memcpy(out, row, 4 * (size_t)in->w);
		return;
	}
	for (int x = 0; x < in->w; x++) {
		v4 c;

		out[4 * x + 3] = row[4 * x + 3];
		if (row[4 * x + 3] == 0)
			continue;
		c = look == LOOK_ARTISTIC     ? artistic(in, px, seed, x, y)
		    : look == LOOK_MINIMALIST ? minimalist(in, px, x, y)
		    : look == LOOK_ANIME      ? anime(in, px, x, y)
					      : sketch(in, px, seed, x, y);
		for (int i = 0; i < 3; i++)
			out[4 * x + i] = (uint8_t)(clamp01(c[i]) * 255 + 0.5f);
	}
}
