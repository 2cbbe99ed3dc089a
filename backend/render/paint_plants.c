// SPDX-License-Identifier: MIT
/* Painters of plants: near pines, grass, flowers, and weed under water. */
#include "backend/render/noise.h"
#include "backend/render/scene.h"
#include "backend/render/shape.h"

/* One side of a pine's outline and back: branches that hang, ragged by the seed. */
static void pine_outline(
	struct path *path, float x, float foot, float tall, uint32_t seed)
{
	const int tiers = 11;
	float wide = tall * draw(seed, 90, 0.19f, 0.25f);

	path->n = 0;
	path_add(path, x, foot - tall);
	for (int i = 1; i <= tiers; i++) {
		float k = (float)i / (float)tiers, y = foot - tall + tall * 0.94f * k;
		float r = wide * powf(k, 0.85f) * draw(seed, (uint32_t)i, 0.75f, 1.15f);

		path_add(path, x + r * 0.55f, y - tall * 0.030f);
		path_add(path, x + r, y + tall * 0.018f);
		path_add(path, x + r * 0.42f, y + tall * 0.002f);
	}
	path_add(path, x + tall * 0.016f, foot - tall * 0.06f);
	path_add(path, x + tall * 0.018f, foot);
	path_add(path, x - tall * 0.018f, foot);
	path_add(path, x - tall * 0.016f, foot - tall * 0.06f);
	for (int i = tiers; i >= 1; i--) {
		float k = (float)i / (float)tiers, y = foot - tall + tall * 0.94f * k;
		float r = wide * powf(k, 0.85f) *
			  draw(seed, (uint32_t)i + 40, 0.75f, 1.15f);

		path_add(path, x - r * 0.42f, y + tall * 0.002f);
		path_add(path, x - r, y + tall * 0.018f);
		path_add(path, x - r * 0.55f, y - tall * 0.030f);
	}
}

/* What lies (or shines) on the branches towards the light. */
static void pine_snow(struct tile *t, float x, float foot, float tall, uint32_t seed,
	v4 c, float side)
{
	const int tiers = 11;
	float wide = tall * draw(seed, 90, 0.19f, 0.25f);
	struct path path;

	for (int i = 1; i <= tiers; i++) {
		float k = (float)i / (float)tiers, y = foot - tall + tall * 0.94f * k;
		uint32_t n = (uint32_t)i + (side < 0 ? 40 : 0);
		float r = side * wide * powf(k, 0.85f) * draw(seed, n, 0.75f, 1.15f);

		path.n = 0;
		path_add(&path, x + r * 0.05f, y - tall * 0.055f);
		path_add(&path, x + r * 0.55f, y - tall * 0.030f);
		path_add(&path, x + r, y + tall * 0.018f);
		path_add(&path, x + r * 0.55f, y - tall * 0.008f);
		path_add(&path, x + r * 0.12f, y - tall * 0.024f);
		path_fill(t, &path, c, c, y, y + 1);
	}
}

/* p[0] number, p[1] height in units, p[2] how far they keep from the middle 0..1, p[3]
 * strength of c[1] on the branches. c[0] tree. They stand on the curve. */
void paint_pines(const struct scene *s, const struct layer *l, struct tile *t)
{
	int n = (int)l->p[0];

	for (int i = 0; i < n; i++) {
		uint32_t seed = hash2(l->seed, i, 7);
		float at = draw(seed, 60, 0, 1), out, x, foot, tall;
		struct path path;

		out = fabsf(at - 0.5f) * 2;
		out = l->p[2] + (1.06f - l->p[2]) * out;
		x = (float)s->w * (0.5f + (at < 0.5f ? -0.5f : 0.5f) * out);
		tall = s->s * l->p[1] * draw(seed, 61, 0.6f, 1.15f) *
		       (0.72f + 0.35f * out);
		foot = ridge_at(l, x) + s->s * draw(seed, 62, 0.012f, 0.03f);
		if (foot < t->y0 || foot - tall > t->y0 + t->h)
			continue;
		pine_outline(&path, x, foot, tall, seed);
		path_fill(t, &path, l->c[0], shade(l->c[0], 0.82f), foot - tall, foot);
		if (l->p[3] > 0) {
			v4 c = mix(l->c[0], l->c[1], l->p[3]);

			pine_snow(t, x, foot, tall, seed, c, s->sun.x > x ? 1 : -1);
			pine_snow(t, x, foot, tall, seed, mix(l->c[0], c, 0.45f),
				s->sun.x > x ? -1 : 1);
		}
	}
}

/* p[0] number, p[1] height in units. c[0] dark, c[1] lit. Blades on the curve. */
void paint_grass(const struct scene *s, const struct layer *l, struct tile *t)
{
	int n = (int)(l->p[0] * (float)s->w / s->s);

	for (int i = 0; i < n; i++) {
		uint32_t seed = hash2(l->seed, i, 3);
		float x = draw(seed, 1, -0.03f, 1.03f) * (float)s->w;
		float tall = s->s * l->p[1] * draw(seed, 2, 0.35f, 1.1f);
		float lean = tall * draw(seed, 3, -0.35f, 0.55f);
		float half = s->s * draw(seed, 4, 0.0012f, 0.0030f);
		float foot = ridge_at(l, x) + s->s * draw(seed, 5, 0, 0.12f);
		v4 c = mix(l->c[0], l->c[1], draw(seed, 6, 0, 1));
		struct path path = {0};

		if (foot < t->y0 || foot - tall > t->y0 + t->h)
			continue;
		path_add(&path, x - half, foot);
		path_add(&path, x - half * 0.6f + lean * 0.3f, foot - tall * 0.55f);
		path_add(&path, x + lean, foot - tall);
		path_add(&path, x + half * 0.8f + lean * 0.36f, foot - tall * 0.52f);
		path_add(&path, x + half, foot);
		path_fill(t, &path, c, l->c[0], foot - tall, foot);
	}
}

static void flower_head(
	struct tile *t, float x, float y, float r, uint32_t seed, v4 c, v4 heart)
{
	int petals = 5 + (int)(seed % 4);
	float flat = draw(seed, 11, 0.55f, 0.95f), turn = draw(seed, 12, 0, 6);
	struct path path;

	for (int i = 0; i < petals; i++) {
		float a = turn + 6.2831853f * (float)i / (float)petals;
		float dx = cosf(a) * r * 0.6f, dy = sinf(a) * r * 0.6f * flat;
		v4 k = shade(c, 0.82f + 0.24f * (0.5f - 0.5f * sinf(a)));

		path_circle(&path, x + dx, y + dy, r * 0.46f, r * 0.46f * flat);
		path_fill(t, &path, k, shade(k, 0.88f), y - r, y + r);
	}
	path_circle(&path, x, y, r * 0.28f, r * 0.28f * flat);
	path_fill(t, &path, heart, shade(heart, 0.7f), y - r * 0.3f, y + r * 0.3f);
}

/* p[0] number per unit of width, p[1] height in units, p[2] size of the heads in units.
 * c[0] stem, c[1..2] petals, c[3] heart. Stems on the curve, small ones behind. */
void paint_flowers(const struct scene *s, const struct layer *l, struct tile *t)
{
	int n = (int)(l->p[0] * (float)s->w / s->s);

	for (int i = 0; i < n; i++) {
		uint32_t seed = hash2(l->seed, i, 5);
		float near = (float)i / (float)n, grow = 0.35f + 0.65f * near;
		float x = draw(seed, 1, -0.03f, 1.03f) * (float)s->w;
		float tall = s->s * l->p[1] * grow * draw(seed, 2, 0.6f, 1.2f);
		float lean = tall * draw(seed, 3, -0.25f, 0.25f);
		float half = s->s * 0.0022f * grow, r = s->s * l->p[2] * grow;
		float foot = ridge_at(l, x) + s->s * (0.02f + 0.22f * near);
		v4 c = mix(l->c[1], l->c[2], draw(seed, 6, 0, 1));
		struct path path = {0};

		r *= draw(seed, 7, 0.7f, 1.2f);
		if (foot < t->y0 || foot - tall - r > t->y0 + t->h)
			continue;
		path_add(&path, x - half, foot);
		path_add(&path, x + lean * 0.35f - half, foot - tall * 0.55f);
		path_add(&path, x + lean, foot - tall);
		path_add(&path, x + lean * 0.35f + half, foot - tall * 0.55f);
		path_add(&path, x + half, foot);
		path_fill(t, &path, l->c[0], shade(l->c[0], 0.7f), foot - tall, foot);
		flower_head(t, x + lean, foot - tall, r, seed, c, l->c[3]);
	}
}

/* p[0] number per unit of width, p[1] height in units. c[0] dark, c[1] tip. */
void paint_weed(const struct scene *s, const struct layer *l, struct tile *t)
{
	int n = (int)(l->p[0] * (float)s->w / s->s);

	for (int i = 0; i < n; i++) {
		const int steps = 18;
		uint32_t seed = hash2(l->seed, i, 9);
		float x = draw(seed, 1, -0.03f, 1.03f) * (float)s->w;
		float tall = s->s * l->p[1] * draw(seed, 2, 0.3f, 1.1f);
		float foot = ridge_at(l, x) + s->s * 0.06f, swing = draw(seed, 3, 0, 6);
		float half = s->s * draw(seed, 4, 0.005f, 0.011f);
		struct path path = {0};

		if (foot < t->y0 || foot - tall > t->y0 + t->h)
			continue;
		for (int k = 0; k <= 2 * steps; k++) {
			bool is_back = k > steps;
			float v = (float)(is_back ? 2 * steps - k : k) / (float)steps;
			float sway = sinf(swing + v * 5) * tall * 0.06f * v;
			float r =
				half * (1 - v * v) * (1 + 0.3f * sinf(v * 38 + swing));

			path_add(&path, x + sway + (is_back ? r : -r), foot - tall * v);
		}
		path_fill(t, &path, l->c[1], l->c[0], foot - tall, foot);
	}
}
