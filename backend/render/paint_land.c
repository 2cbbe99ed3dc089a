// SPDX-License-Identifier: MIT
/* Painters of land: ridges with rock, forest, snow, grass or sand, lava, and fog. */
#include "backend/render/noise.h"
#include "backend/render/scene.h"

#define MIRROR 0.62f  /* how much of the land calm water shows */
#define CURVE_STEPS 2 /* heights per pixel, for clean steep edges */

float ridge_at(const struct layer *l, float x)
{
	int i = (int)((x - (float)l->curve_x0) * CURVE_STEPS);

	return l->curve[i < 0 ? 0 : i >= l->curve_n ? l->curve_n - 1 : i];
}

/* Slope of a relief under the light, about -1..1. */
static float relief(uint32_t seed, float x, float y, float side, int octaves)
{
	const float e = 0.035f;

	return (ridged(seed, x + side * e, y + e * 0.4f, octaves) -
		       ridged(seed, x - side * e, y - e * 0.4f, octaves)) *
	       3.2f;
}

/* How far the crest falls towards the light, -1..1: dunes have a lit and a dark flank.
 */
static float flank(const struct scene *s, const struct layer *l, float fx, float side)
{
	float e = 0.012f * s->s, x = fx * s->s;

	return clampf((ridge_at(l, x + e) - ridge_at(l, x - e)) / e * side, -1, 1);
}

/* p[0] relief, p[1] snow line (units below which none lies), p[2] length of the fade to
 * haze, p[3] scale of the relief, p[4] strength of the haze at the foot, p[5] at
 * the crest.
 * c[0] land, c[1] haze, c[2] snow. */
static v4 ground_color(
	const struct scene *s, const struct layer *l, float fx, float fy, float crest)
{
	const struct mood *m = &s->mood;
	float side = clampf((fx - s->sun.x / s->s) * 3, -1, 1);
	float d = fy - crest, k, lit, n;
	v4 c = l->c[0];

	switch (l->ground) {
	case GROUND_ROCK:
		n = fbm(l->seed + 3, fx * 5, fy * 5, 3);
		lit = clamp01(
			0.42f + l->p[0] * relief(l->seed + 20, fx * l->p[3] + n * 0.15f,
						  (fy - crest * 0.7f) * l->p[3] * 0.9f,
						  side, 5));
		if (l->p[1] > 0) {
			float line =
				l->p[1] * (0.75f + 0.9f * n) + (lit - 0.5f) * 0.16f;

			k = ramp(line + 0.02f, line - 0.02f, d);
			c = mix(c, l->c[2], k * 0.95f);
		}
		return mix(c * m->shadow, mix(c, c * m->light, 0.6f), lit) *
		       (0.8f + 0.35f * lit);
	case GROUND_FOREST:
		n = noise(l->seed + 4, fx * 150, fy * 40) +
		    0.5f * noise(l->seed + 5, fx * 60, fy * 110);
		return shade(
			mix(c, l->c[2], l->p[1] * ramp(0.05f, 0.5f, n)), 1 + 0.22f * n);
	case GROUND_SNOW:
		n = fbm(l->seed + 6, fx * 1.7f, fy * 6.5f, 4);
		k = fbm(l->seed + 6, fx * 1.7f + side * 0.05f, fy * 6.5f - 0.16f, 4);
		lit = clamp01(0.66f + (n - k) * 3.4f - 0.5f * d);
		c = mix(c * m->shadow, c * mix(m->light, rgb(1, 1, 1), 0.4f), lit);
		k = unit(hash2(l->seed, (int)(fx * 900), (int)(fy * 900)));
		return k > 0.9985f ? mix(c, rgb(1, 1, 1), 0.7f) : c;
	case GROUND_GRASS:
		n = fbm(l->seed + 7, fx * 3, fy * 9, 3);
		k = noise(l->seed + 8, fx * 190, fy * 42) +
		    0.6f * noise(l->seed + 9, fx * 90, fy * 60);
		lit = clamp01(0.55f + n * 0.7f + k * 0.13f - d * 0.5f);
		return mix(
			c * m->shadow * 0.8f, mix(c, c * m->light, 0.5f) * 1.15f, lit);
	case GROUND_SAND:
	default:
		n = fbm(l->seed + 10, fx * 1.4f, fy * 4, 3);
		k = sinf((fy * 120 + n * 14 + fx * 9) * (1.2f - 0.6f * clamp01(d)));
		lit = clamp01(0.68f + n * 0.5f + 0.07f * k * ramp(0, 0.12f, d) +
			      l->p[0] * flank(s, l, fx, side) * ramp(0.35f, 0.0f, d));
		return mix(c * m->shadow * 0.9f, c * m->light * 1.05f, lit);
	}
}

void paint_ridge(const struct scene *s, const struct layer *l, struct tile *t)
{
	for (int y = t->y0; y < t->y0 + t->h; y++) {
		v4 *px = tile_row(t, y);
		float row = l->mirror > 0 ? 2 * l->mirror - (float)y : (float)y;
		float fy = row / s->s, k = 1;

		if (l->mirror > 0)
			k = row > l->mirror ? 0 : MIRROR * ramp(0, l->mirror, row);
		if (k <= 0)
			continue;
		for (int x = 0; x < t->w; x++) {
			const float *h =
				l->curve + (x + t->x0 - l->curve_x0) * CURVE_STEPS;
			float cover = 0, crest, fade;
			v4 c;

			for (int i = 0; i < CURVE_STEPS; i++)
				cover += clamp01(row + 1 - h[i]);
			if (cover <= 0)
				continue;
			crest = h[0] / s->s;
			c = ground_color(s, l, (float)(x + t->x0) / s->s, fy, crest);
			fade = l->p[2] > 0 ? clamp01((fy - crest) / l->p[2]) : 0;
			c = mix(c, l->c[1], l->p[5] + (l->p[4] - l->p[5]) * fade);
			c[3] = 1;
			over(px + x, c, k * cover / CURVE_STEPS);
		}
	}
}

/* p[0] centre and p[1] half height as shares of the height, p[2] opacity, p[3]
 * patchiness 0..1. c[0] colour. */
void paint_fog(const struct scene *s, const struct layer *l, struct tile *t)
{
	for (int y = t->y0; y < t->y0 + t->h; y++) {
		float v = ((float)y / (float)s->h - l->p[0]) / l->p[1];
		float a = 1 - v * v, fy = (float)y / s->s;
		v4 *px = tile_row(t, y);

		if (a <= 0)
			continue;
		for (int x = 0; x < t->w; x++) {
			float fx = (float)(x + t->x0) / s->s;
			float n = fbm(l->seed, fx * 1.6f, fy * 4.5f, 4);
			float k = lerpf(1, ramp(-0.35f, 0.45f, n), l->p[3]);

			over(px + x, l->c[0], a * a * k * l->p[2]);
		}
	}
}

/* Streams down a cone from (p[0], p[1]) (pixels), p[2] length in units; the light above
 * the mouth too. */
void paint_lava(const struct scene *s, const struct layer *l, struct tile *t)
{
	for (int y = t->y0; y < t->y0 + t->h; y++) {
		v4 *px = tile_row(t, y);

		for (int x = 0; x < t->w; x++) {
			float dx = ((float)(x + t->x0) - l->p[0]) / s->s;
			float dy = ((float)y - l->p[1]) / s->s;
			float d2 = dx * dx + dy * dy * (dy < 0 ? 0.35f : 2.5f), k, n;

			glow(px + x, hex(0xff6a20), 0.75f / (1 + d2 * 60));
			glow(px + x, hex(0xffc060), 0.8f / (1 + d2 * 1500));
			if (dy < 0) {
				n = fbm(l->seed, dx * 10, dy * 5 + 3, 4);
				k = ramp(0.030f + dy * -0.26f, 0.0f,
					    fabsf(dx + n * 0.09f)) *
				    ramp(-0.42f, 0, dy);
				k *= ramp(-0.35f, 0.25f, n + 0.25f + dy * 0.5f);
				glow(px + x, mix(hex(0xff4a14), hex(0xffb850), k),
					k * k * 0.85f);
				continue;
			}
			n = fbm(l->seed,
				dx * 9 + noise(l->seed + 2, dx * 30, dy * 30) * 0.3f,
				dy * 3.2f, 3);
			k = 1 - fabsf(n + 0.02f - dx * 0.15f) * (10 + dy * 18);
			if (k > 0 && dy < l->p[2] &&
				ridge_at(l, (float)(x + t->x0)) < y)
				over(px + x, mix(hex(0xd8320c), hex(0xffd880), k * k),
					clamp01(k * 1.6f) * ramp(l->p[2], 0, dy) *
						ramp(0.1f + dy * 0.55f,
							0.02f + dy * 0.3f, fabsf(dx)));
		}
	}
}
