// SPDX-License-Identifier: MIT
/* Snow, rain and the like: each one a function of its number and the time. Pure. */
#include "backend/render/particles.h"

#include "backend/render/noise.h"

static const struct {
	float fall, wind, sway; /* units per second; sway in units */
	float r_min, r_max, streak;
	float a_min, a_max;
} kinds[] = {
	[PARTICLE_SNOW] = {0.10f, 0.02f, 0.02f, 0.0012f, 0.0075f, 0, 0.95f, 0.4f},
	[PARTICLE_RAIN] = {1.9f, -0.22f, 0, 0.0007f, 0.0014f, 0.05f, 0.14f, 0.34f},
	[PARTICLE_EMBER] = {-0.12f, 0.03f, 0.03f, 0.0010f, 0.0034f, 0, 0.7f, 1},
	[PARTICLE_BUBBLE] = {-0.09f, 0, 0.015f, 0.0015f, 0.0080f, 0, 0.5f, 0.25f},
	[PARTICLE_MOTE] = {-0.008f, 0.012f, 0.03f, 0.0012f, 0.0042f, 0, 0.9f, 0.5f},
	[PARTICLE_LEAF] = {0.07f, 0.05f, 0.05f, 0.003f, 0.0065f, 0, 0.9f, 0.9f},
};

struct dot particle_at(
	const struct scene *s, const struct layer *l, int i, float seconds)
{
	enum particle k = l->particle;
	uint32_t h = hash2(l->seed, i, 77);
	float near = draw(h, 1, 0, 1), pace = 0.45f + 0.8f * near;
	float wide = (float)s->w / s->s, tall = (float)s->h / s->s + 0.1f;
	float x = draw(h, 2, 0, 1) * wide + kinds[k].wind * pace * seconds;
	float y = draw(h, 3, 0, 1) * tall + kinds[k].fall * pace * seconds;
	float big = near * near * near;
	struct dot d;

	x += kinds[k].sway * sinf(seconds * draw(h, 4, 0.4f, 1.4f) + draw(h, 5, 0, 6));
	x -= floorf(x / wide) * wide;
	y -= floorf(y / tall) * tall;
	d.x = x * s->s;
	d.y = (y - 0.05f) * s->s;
	d.r = s->s * lerpf(kinds[k].r_min, kinds[k].r_max, big);
	d.r = d.r < 0.7f ? 0.7f : d.r;
	d.dx = kinds[k].streak * s->s * pace * -0.12f;
	d.dy = kinds[k].streak * s->s * pace;
	d.a = lerpf(kinds[k].a_min, kinds[k].a_max, near);
	d.c = mix(l->c[0], l->c[1], draw(h, 6, 0, 1));
	if (k == PARTICLE_EMBER || k == PARTICLE_MOTE)
		d.a *= 0.6f +
		       0.4f * sinf(seconds * draw(h, 7, 1, 4) + draw(h, 8, 0, 6));
	return d;
}

float particle_cover(const struct dot *d, float x, float y)
{
	float px = x - d->x, py = y - d->y, len = d->dx * d->dx + d->dy * d->dy, t, q;

	if (len > 0) {
		t = clamp01((px * d->dx + py * d->dy) / len);
		px -= t * d->dx;
		py -= t * d->dy;
	}
	q = 1 - (px * px + py * py) / (d->r * d->r * 1.7f);
	return q > 0 ? d->a * q * (2 - q) : 0;
}

void paint_particles(const struct scene *s, const struct layer *l, struct tile *t)
{
	for (int i = 0; i < l->n_particles; i++) {
		struct dot d = particle_at(s, l, i, 0);
		float reach = d.r * 1.4f + 1;
		int xa = (int)(fminf(d.x, d.x + d.dx) - reach), ya = (int)(d.y - reach);
		int xb = (int)(fmaxf(d.x, d.x + d.dx) + reach),
		    yb = (int)(d.y + d.dy + reach);

		xa = xa < t->x0 ? t->x0 : xa;
		ya = ya < t->y0 ? t->y0 : ya;
		for (int y = ya; y <= yb && y < t->y0 + t->h; y++)
			for (int x = xa; x <= xb && x < t->x0 + t->w; x++) {
				float a = particle_cover(&d, (float)x, (float)y);

				if (a > 0)
					over(tile_row(t, y) + x - t->x0, d.c, a);
			}
	}
}
