// SPDX-License-Identifier: MIT
/* Painter of a row of buildings with lit windows. */
#include "backend/render/noise.h"
#include "backend/render/scene.h"

#define BUILDINGS_MAX 200

static void fill(
	struct tile *t, float xa, float ya, float xb, float yb, v4 top, v4 bottom)
{
	int y0 = ya > t->y0 ? (int)ya : t->y0;

	for (int y = y0; y < t->y0 + t->h && (float)y < yb; y++) {
		float ky = clamp01((float)y + 1 - ya) * clamp01(yb - (float)y);
		int x0 = xa > t->x0 ? (int)xa : t->x0;
		v4 c = mix(top, bottom, clamp01(((float)y - ya) / (yb - ya)));
		v4 *px = tile_row(t, y);

		for (int x = x0; x < t->x0 + t->w && (float)x < xb; x++)
			over(px + x - t->x0, c,
				ky * clamp01((float)x + 1 - xa) *
					clamp01(xb - (float)x));
	}
}

/* p[3] share of lit windows, p[4] size of a window's cell in units. c[2], c[3] light.
 */
static void windows(const struct scene *s, const struct layer *l, struct tile *t,
	uint32_t seed, float xa, float ya, float xb, float yb)
{
	float cell = s->s * l->p[4] * draw(seed, 31, 0.8f, 1.3f), wide = cell * 0.72f;
	int nx = (int)((xb - xa - cell * 0.5f) / wide),
	    ny = (int)((yb - ya) / cell) - 1;
	float left = xa + (xb - xa - wide * (float)nx) / 2;
	int from = (int)(((float)t->y0 - ya) / cell) - 1;
	int to = (int)(((float)(t->y0 + t->h) - ya) / cell) + 1;

	for (int j = from < 1 ? 1 : from; j <= ny && j <= to; j++)
		for (int i = 0; i < nx; i++) {
			uint32_t h = hash2(seed, i, j);
			float x = left + wide * (float)i,
			      y = ya + cell * ((float)j - 0.2f);
			float k = draw(h, 1, 0.35f, 1);
			v4 c = mix(l->c[2], l->c[3], draw(h, 2, 0, 1) < 0.2f);

			if (unit(h) < l->p[3])
				fill(t, x + wide * 0.2f, y, x + wide * 0.8f,
					y + cell * 0.55f, mix(l->c[0], c, k),
					mix(l->c[0], c, k * 0.8f));
		}
}

/* p[0] foot in pixels, p[1] height and p[2] width of the buildings in units. c[0] top,
 * c[1] foot. */
void paint_city(const struct scene *s, const struct layer *l, struct tile *t)
{
	float x = -(float)s->margin - s->s * 0.1f, foot = l->p[0];

	for (int i = 0; i < BUILDINGS_MAX && x < (float)(s->w + s->margin); i++) {
		uint32_t seed = hash2(l->seed, i, 1);
		float wide = s->s * l->p[2] * draw(seed, 1, 0.6f, 1.5f);
		float cluster = 0.65f + 0.75f * noise(l->seed, x / s->s * 2.1f, 0.3f);
		float tall = s->s * l->p[1] * draw(seed, 2, 0.35f, 1.0f) * cluster;
		float xb = x + wide, ya = foot - tall,
		      in = wide * draw(seed, 3, 0.1f, 0.3f);

		if (t->y0 + t->h > ya - tall * 0.5f) {
			fill(t, x, ya, xb, foot, l->c[0], l->c[1]);
			if (seed % 3 == 0) {
				fill(t, x + in, ya - tall * 0.16f, xb - in, ya, l->c[0],
					l->c[0]);
				windows(s, l, t, seed + 1, x + in, ya - tall * 0.16f,
					xb - in, ya);
			}
			if (seed % 5 == 0) {
				float mid = (x + xb) / 2, r = s->s * 0.0015f + 0.4f;

				fill(t, mid - r, ya - tall * 0.36f, mid + r, ya,
					l->c[0], l->c[0]);
			}
			windows(s, l, t, seed, x, ya, xb, foot);
		}
		x = xb + s->s * l->p[2] * draw(seed, 4, -0.12f, 0.10f);
	}
}
