// SPDX-License-Identifier: MIT
/* Painters of what is above: sky, sun, moon, stars, clouds, aurora, lightning. */
#include "backend/render/noise.h"
#include "backend/render/scene.h"

static v4 moon_color(const struct scene *s, float dx, float dy)
{
	float x = dx / s->sun_r, y = dy / s->sun_r;
	float n = fbm(s->seed ^ 77, x * 1.6f + 3, y * 1.6f, 4);
	float lit = 0.80f + 0.2f * (-x * 0.6f - y * 0.5f);

	return shade(s->mood.sun, lit * (1.02f - 0.28f * ramp(0.0f, 0.35f, n)));
}

/* p[0]: how much of disc and halo shows, 0..1. */
void paint_sky(const struct scene *s, const struct layer *l, struct tile *t)
{
	const struct mood *m = &s->mood;
	float r = s->sun_r;

	for (int y = t->y0; y < t->y0 + t->h; y++) {
		v4 *px = tile_row(t, y);
		v4 base = mood_sky(m, (float)y / s->horizon);

		for (int x = 0; x < t->w; x++) {
			float dx = (float)(x + t->x0) - s->sun.x,
			      dy = (float)y - s->sun.y;
			float d = sqrtf(dx * dx + dy * dy) / s->s, disc;
			float halo =
				0.50f / (1 + d * d * 26) + 0.30f / (1 + d * d * 320);
			v4 c = base + (m->sun - base) * (halo * m->glow * l->p[0]);

			disc = clamp01((r / s->s - d) * s->s + 0.5f) * l->p[0];
			if (disc > 0)
				c = mix(c, m->is_night ? moon_color(s, dx, dy) : m->sun,
					disc);
			px[x] = c;
		}
	}
}

static void star(struct tile *t, float cx, float cy, float r, v4 c, float k)
{
	int reach = (int)(r * 3) + 1;

	for (int y = (int)cy - reach; y <= (int)cy + reach; y++) {
		if (y < t->y0 || y >= t->y0 + t->h)
			continue;
		for (int x = (int)cx - reach; x <= (int)cx + reach; x++) {
			float dx = ((float)x - cx) / r, dy = ((float)y - cy) / r;

			if (x < t->x0 || x >= t->x0 + t->w)
				continue;
			glow(tile_row(t, y) + x - t->x0, c,
				k * expf(-1.6f * (dx * dx + dy * dy)));
		}
	}
}

/* p[0]: density, p[1]: lowest row as a share of the horizon, p[2]: brightness. */
void paint_stars(const struct scene *s, const struct layer *l, struct tile *t)
{
	float cell = s->s / (26 * sqrtf(l->p[0])), bottom = s->horizon * l->p[1];
	int gx0 = ifloor((float)t->x0 / cell) - 1;
	int gx1 = ifloor((float)(t->x0 + t->w) / cell) + 1;
	int gy0 = ifloor((float)t->y0 / cell) - 1;
	int gy1 = ifloor((float)(t->y0 + t->h) / cell) + 1;

	for (int gy = gy0; gy <= gy1; gy++)
		for (int gx = gx0; gx <= gx1; gx++) {
			uint32_t h = hash2(l->seed, gx, gy);
			float b = unit(h), fade, r;
			v4 c = mix(hex(0xffd9b0), hex(0xb8d0ff), draw(h, 1, 0, 1));
			float x = ((float)gx + draw(h, 2, 0, 1)) * cell;
			float y = ((float)gy + draw(h, 3, 0, 1)) * cell;

			fade = 1 - ramp(bottom * 0.6f, bottom, y);
			b = b * b * b * b;
			r = s->s / 1024 * (0.6f + 1.3f * b);
			if (fade > 0)
				star(t, x, y, r > 0.5f ? r : 0.5f, c,
					l->p[2] * fade * (0.25f + 0.9f * b));
		}
}

/* p[0]: cover -1..1, p[1]: scale, p[2]: opacity, p[3]: stretch, 1 round .. 4 streaks */
void paint_clouds(const struct scene *s, const struct layer *l, struct tile *t)
{
	float sunx = s->sun.x / s->s, size = l->p[1];

	for (int y = t->y0; y < t->y0 + t->h; y++) {
		float up = (s->horizon - (float)y) / (float)s->h, pv, v, fade;
		v4 *px = tile_row(t, y);

		if (up <= 0)
			break;
		pv = 1 / (up + 0.14f);
		v = pv * size * 1.1f;
		fade = ramp(0.0f, 0.12f, up) * l->p[2];
		for (int x = 0; x < t->w; x++) {
			float fx = (float)(x + t->x0) / s->s;
			float u = (fx - 0.5f) * size * (0.75f + 0.33f * pv) / l->p[3];
			float q = fbm(l->seed + 40, u * 0.7f, v * 0.7f, 2);
			float d = fbm(l->seed, u + q * 0.9f, v + q * 0.5f, 5) + l->p[0];
			float a, lit, edge;
			v4 c;

			if (d <= 0)
				continue;
			a = ramp(0, 0.32f, d) * fade;
			edge = fbm(l->seed,
				       u + q * 0.9f +
					       0.16f * clampf((sunx - fx) * 3, -1, 1),
				       v + q * 0.5f + 0.12f, 3) +
			       l->p[0];
			lit = clamp01(0.62f + (d - edge) * 1.1f - d * 0.45f);
			c = mix(l->c[1], l->c[0], lit);
			over(px + x, c, a);
		}
	}
}

/* Three curtains, c[0] below, c[1] above. */
void paint_aurora(const struct scene *s, const struct layer *l, struct tile *t)
{
	for (int x = 0; x < t->w; x++) {
		float fx = (float)(x + t->x0) / s->s;

		for (int k = 0; k < 3; k++) {
			uint32_t seed = l->seed + (uint32_t)k * 101;
			float warp = fbm(seed, fx * 1.1f, (float)k * 3, 3);
			float foot =
				s->horizon * (0.80f - 0.20f * (float)k + 0.38f * warp);
			float tall = s->horizon *
				     (0.42f + 0.22f * noise(seed + 5, fx * 2.3f, 1));
			float folds =
				0.55f + 0.45f * noise(seed + 9, fx * 26 + warp * 22, 2);
			float power =
				folds *
				ramp(-0.45f, 0.35f, noise(seed + 7, fx * 1.3f + 5, 3)) *
				(0.85f - 0.2f * (float)k);

			for (int y = t->y0; y < t->y0 + t->h; y++) {
				float row = l->mirror > 0 ? 2 * l->mirror - (float)y
							  : (float)y;
				float up = (foot - row) / tall, a;

				if (l->mirror > 0 && row > l->mirror)
					continue;
				if (up < -0.08f || up > 1.6f)
					continue;
				a = up < 0 ? ramp(-0.08f, 0, up) : expf(-up * 2.6f);
				glow(tile_row(t, y) + x,
					mix(l->c[0], l->c[1], clamp01(up * 1.1f)),
					a * power * (l->mirror > 0 ? 0.5f : 1));
			}
		}
	}
}

/* One stroke of lightning with its glow. */
void paint_bolt(const struct scene *s, const struct layer *l, struct tile *t)
{
	for (int y = t->y0; y < t->y0 + t->h && (float)y < s->horizon; y++) {
		float fy = (float)y / s->s;
		float x = s->w * draw(l->seed, 1, 0.25f, 0.75f) +
			  s->s * (0.16f * noise(l->seed, fy * 3, 0) +
					 0.05f * noise(l->seed, fy * 13, 4) +
					 0.015f * noise(l->seed, fy * 50, 8));
		float half = s->s * 0.0016f * (1.4f - (float)y / s->horizon) + 0.4f;
		v4 *px = tile_row(t, y);

		for (int i = 0; i < t->w; i++) {
			float d = fabsf((float)(i + t->x0) - x);

			glow(px + i, l->c[0],
				0.30f / (1 + d * d / (s->s * s->s * 0.006f)));
			if (d < half + 1)
				over(px + i, hex(0xfffaf0), clamp01(half + 0.5f - d));
		}
	}
}
