// SPDX-License-Identifier: MIT
/* Painters of water: the surface of sea and lake, the sun's path on it, and below it.
 */
#include "backend/render/noise.h"
#include "backend/render/scene.h"

/* Waves at a point of the surface; z is the distance below the horizon in units. */
static float waves(uint32_t seed, float fx, float z)
{
	float far = 1 / (z + 0.035f);

	return fbm(seed, fx * (1.2f + far * 0.55f), far * 3.1f, 4);
}

/* p[0]: roughness 0.2 lake .. 1 sea; p[1]: row of the shore in pixels. c[0]: the deep.
 */
void paint_water(const struct scene *s, const struct layer *l, struct tile *t)
{
	const struct mood *m = &s->mood;
	float top = l->p[1], tall = (float)s->h - top;

	for (int y = t->y0 > (int)top ? t->y0 : (int)top; y < t->y0 + t->h; y++) {
		float z = ((float)y - top) / s->s, rel = ((float)y - top) / tall;
		v4 *px = tile_row(t, y);

		for (int x = 0; x < t->w; x++) {
			float fx = (float)(x + t->x0) / s->s;
			float n = waves(l->seed, fx, z);
			float up = clamp01(0.95f - rel * 0.75f - n * l->p[0] * 0.55f);
			float deep = clamp01(0.22f + rel * 0.5f - n * l->p[0] * 0.5f);
			v4 c = mix(mood_sky(m, up) * 0.93f, l->c[0], deep * 0.85f);

			c = mix(c, m->cloud_lit,
				l->p[0] * 0.55f * ramp(0.34f, 0.6f, n) *
					(0.3f + 0.7f * rel));
			c[3] = 1;
			over(px + x, c, clamp01((float)y + 1 - top));
		}
	}
}

/* The light's path on the water, p as paint_water. */
void paint_glitter(const struct scene *s, const struct layer *l, struct tile *t)
{
	float top = l->p[1];

	for (int y = t->y0 > (int)top ? t->y0 : (int)top; y < t->y0 + t->h; y++) {
		float z = ((float)y - top) / s->s, wide = 0.035f + z * 0.34f;
		v4 *px = tile_row(t, y);

		for (int x = 0; x < t->w; x++) {
			float fx = (float)(x + t->x0) / s->s;
			float dx = (fx - s->sun.x / s->s) / wide, n, k;
			float path = expf(-dx * dx * 1.3f);

			if (path < 0.004f)
				continue;
			n = waves(l->seed + 31, fx * 2.2f, z);
			k = ramp(0.02f, 0.30f, n + 0.24f * path);
			over(px + x, s->mood.sun,
				clamp01(path * (k * 0.85f + 0.16f)) *
					(s->mood.is_night ? 0.6f : 0.85f));
		}
	}
}

/* Open water from below: c[0] at the top, c[1] at the bottom. */
void paint_deep(const struct scene *s, const struct layer *l, struct tile *t)
{
	for (int y = t->y0; y < t->y0 + t->h; y++) {
		float v = (float)y / (float)s->h, fy = (float)y / s->s;
		v4 *px = tile_row(t, y);

		for (int x = 0; x < t->w; x++) {
			float fx = (float)(x + t->x0) / s->s, dx = fx - s->sun.x / s->s;
			float n = fbm(l->seed, fx * 1.8f, fy * 2.6f, 3), k, far, c;
			v4 col = mix(
				l->c[0], l->c[1], clamp01(powf(v, 0.7f) + n * 0.10f));

			k = 1 / (1 + (dx * dx * 0.8f + fy * fy * 1.6f) * 5);
			col = mix(col, hex(0xeafff4), 0.62f * k);
			/* Caustics on the underside of the surface. */
			far = 1 / (v + 0.10f);
			c = fbm(l->seed + 8, fx * far * 0.9f + n, far * 2.4f, 3);
			c = 1 - fabsf(c) * 5;
			if (c > 0)
				col = mix(col, hex(0xe8fffa),
					c * c * 0.5f * ramp(0.24f, 0, v));
			px[x] = col;
		}
	}
}

/* Shafts of light from the surface; p[0] strength. */
void paint_rays(const struct scene *s, const struct layer *l, struct tile *t)
{
	float ox = s->sun.x / s->s, oy = -0.45f;

	for (int y = t->y0; y < t->y0 + t->h; y++) {
		float v = (float)y / (float)s->h, fy = (float)y / s->s;
		v4 *px = tile_row(t, y);

		for (int x = 0; x < t->w; x++) {
			float fx = (float)(x + t->x0) / s->s;
			float a = (fx - ox) / (fy - oy);
			float n = noise(l->seed, a * 9, 0.5f) +
				  0.6f * noise(l->seed + 1, a * 23, 0.5f);

			glow(px + x, l->c[0],
				l->p[0] * ramp(0.05f, 0.9f, n) * (1 - v) * (1 - v) *
					ramp(1.5f, 0.2f, fabsf(a)));
		}
	}
}
