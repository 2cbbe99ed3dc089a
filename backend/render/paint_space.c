// SPDX-License-Identifier: MIT
/* Painters of space, and of the abstract picture when no word is known. */
#include "backend/render/noise.h"
#include "backend/render/scene.h"

/* c[0..2] the colours of the gas, c[3] the void; p[0] strength, p[1] how much of it
 * gathers in a band. */
void paint_nebula(const struct scene *s, const struct layer *l, struct tile *t)
{
	float turn = draw(l->seed, 50, -0.9f, 0.9f), ct = cosf(turn), st = sinf(turn);
	float cx = (float)s->w / s->s * 0.5f, cy = (float)s->h / s->s * 0.5f;

	for (int y = t->y0; y < t->y0 + t->h; y++) {
		float fy = (float)y / s->s - cy;
		v4 *px = tile_row(t, y);

		for (int x = 0; x < t->w; x++) {
			float fx = (float)(x + t->x0) / s->s - cx;
			float u = fx * ct + fy * st, v = fy * ct - fx * st;
			float q = fbm(l->seed, u * 1.6f, v * 1.6f, 3);
			float r = fbm(l->seed + 9, u * 1.6f + q * 1.7f,
				v * 1.6f - q * 1.3f, 5);
			float band = lerpf(1, expf(-v * v * 5), l->p[1]);
			float d = ramp(-0.35f, 0.6f, r + q * 0.4f) * band;
			float dust =
				ramp(0.05f, 0.4f,
					fbm(l->seed + 21, u * 3 + q, v * 3 + r, 4)) *
				band;
			v4 c = mix(l->c[0], l->c[1], ramp(-0.4f, 0.45f, q));

			c = mix(c, l->c[2], ramp(0.15f, 0.55f, r));
			c = shade(c, d * d * 1.35f * l->p[0]);
			c = shade(c, 1 - 0.75f * dust);
			c[3] = 0;
			px[x] += c + l->c[3] * (1 - px[x][3]);
		}
	}
}

static v4 planet_surface(const struct layer *l, float x, float y, float z, float lon)
{
	float warp = fbm(l->seed + 4, lon * 2.2f, y * 5, 4);
	float n = fbm(
		l->seed, (float)(x - z) * 0.8f + warp * 0.5f, y * 7 + warp * 1.4f, 4);

	return mix(mix(l->c[0], l->c[1], ramp(-0.35f, 0.35f, n)), l->c[2],
		ramp(0.1f, 0.5f, warp));
}

static float ring(float r, uint32_t seed)
{
	float k = ramp(1.30f, 1.36f, r) * ramp(2.25f, 2.15f, r);

	return k * (0.55f + 0.45f * noise(seed, r * 16, 2)) *
	       (1 - 0.8f * ramp(0.03f, 0.0f, fabsf(r - 1.86f)));
}

/* p[0], p[1] centre in pixels, p[2] radius in pixels, p[3] > 0: rings. c: bands. */
void paint_planet(const struct scene *s, const struct layer *l, struct tile *t)
{
	float tilt = draw(l->seed, 8, -0.45f, 0.45f), ct = cosf(tilt), st = sinf(tilt);
	float lx = -0.62f, ly = -0.42f, lz = 0.66f, one = 1 / l->p[2];

	for (int y = t->y0; y < t->y0 + t->h; y++) {
		float dy = ((float)y - l->p[1]) * one;
		v4 *px = tile_row(t, y);

		for (int x = 0; x < t->w; x++) {
			float dx = ((float)(x + t->x0) - l->p[0]) * one;
			float d = sqrtf(dx * dx + dy * dy), u = dx * ct + dy * st;
			float v = dy * ct - dx * st;
			float rr = sqrtf(u * u + v * v * 13), in_ring;
			bool is_front = v > 0;

			if (d > 2.4f)
				continue;
			in_ring = l->p[3] > 0 ? ring(rr, l->seed) : 0;
			if (in_ring > 0 && !is_front)
				over(px + x, l->c[2], in_ring * 0.7f);
			if (d < 1 + one) {
				float z = sqrtf(d < 1 ? 1 - d * d : 0);
				float lit = dx * lx + dy * ly + z * lz;
				v4 c = planet_surface(l, u, v, z, u + z * 0.6f);

				c = shade(c, 0.03f + 1.15f * ramp(-0.08f, 0.95f, lit));
				c = mix(c, l->c[3],
					0.75f * powf(1 - z, 3.5f) *
						ramp(-0.2f, 0.7f, lit));
				c[3] = 1;
				over(px + x, c, clamp01((1 - d) * l->p[2] + 0.5f));
			} else {
				float lit = (dx * lx + dy * ly) / d;

				glow(px + x, l->c[3],
					0.55f * expf(-(d - 1) * 20) *
						ramp(-0.3f, 0.9f, lit));
			}
			if (in_ring > 0 && is_front)
				over(px + x, l->c[2], in_ring * 0.85f);
		}
	}
}

static v4 ink_color(const struct layer *l, float k)
{
	k = clamp01(k) * 3;
	return k < 1   ? mix(l->c[0], l->c[1], k)
	       : k < 2 ? mix(l->c[1], l->c[2], k - 1)
		       : mix(l->c[2], l->c[3], k - 2);
}

/* Folded veils of ink: p[0] scale, p[1] strength of the folds, p[2] x, p[3] y offset.
 */
void paint_ink(const struct scene *s, const struct layer *l, struct tile *t)
{
	uint32_t seed = l->seed;

	for (int y = t->y0; y < t->y0 + t->h; y++) {
		v4 *px = tile_row(t, y);

		for (int x = 0; x < t->w; x++) {
			float u = ((float)(x + t->x0) / s->s + l->p[2]) * l->p[0];
			float v = ((float)y / s->s + l->p[3]) * l->p[0];
			float qx = fbm(seed, u, v, 3),
			      qy = fbm(seed + 5, u + 5.2f, v + 1.3f, 3);
			float f = l->p[1];
			float rx =
				fbm(seed + 11, u + f * qx + 1.7f, v + f * qy + 9.2f, 3);
			float ry =
				fbm(seed + 17, u + f * qx + 8.3f, v + f * qy + 2.8f, 3);
			float n = fbm(seed + 23, u + f * rx, v + f * ry, 4);
			float e = fbm(
				seed + 23, u + f * rx + 0.03f, v + f * ry + 0.04f, 4);
			float lit = clampf((n - e) * 7, -1, 1), line;
			v4 c = ink_color(l, 0.5f + n * 0.85f + qx * 0.45f);

			c = mix(c, l->c[3], ramp(0.22f, 0.6f, ry) * 0.55f);
			c = shade(c, 0.92f + 0.34f * lit);
			line = sinf((n * 9 + rx * 4) * 6.2831853f);
			c = mix(c, l->c[0], 0.16f * ramp(0.9f, 1.0f, line));
			c += (v4){1, 0.95f, 0.85f, 0} *
			     (0.30f * lit * lit * lit * (lit > 0));
			c[3] = 1;
			px[x] = c;
		}
	}
}
