// SPDX-License-Identifier: MIT
/* The layers of each place, from back to front. On the scene's thread. */
#include "backend/render/compose.h"

#include <errno.h>
#include <string.h>

#include "backend/render/noise.h"
#include "backend/render/subject.h"
#include "cache/base/mem.h"

static int compose_forest(struct scene *s)
{
	int r = compose_add_range(s, 1, 0.42f, 0.05f);

	if (r == 0)
		r = compose_add_woods(s, 4, 0.50f, 0.70f, 0.1f);
	if (r == 0)
		r = compose_add_ground(s, 0.74f, 0.08f, 0.5f, false);
	if (r == 0)
		r = compose_add_pines(s, 9, 0.55f, 0.50f, 0.5f);
	if (r == 0)
		r = compose_add_ground(s, 0.82f, 0.07f, 0.55f, true);
	return r;
}

static int compose_mountains(struct scene *s)
{
	int r = compose_add_range(s, 4, 0.55f, 0.25f);

	if (r == 0) {
		compose_add_fog(
			s, s->horizon / (float)s->h + 0.06f, 0.16f, 0.5f, 0.25f);
		r = compose_add_woods(s, 2, 0.70f, 0.82f, 0.25f);
	}
	if (r == 0)
		r = compose_add_ground(s, 0.86f, 0.09f, 0.55f, true);
	return r;
}

/* What stands round a lake, once more in it: the last two ridges and the aurora. */
static int add_mirrored(struct scene *s, float shore, float ripple)
{
	int n = s->n_layers, ridges = 0;

	for (int i = 0; i < n; i++)
		ridges += s->layers[i].paint == paint_ridge;
	for (int i = 0; i < n && s->n_layers < SCENE_LAYERS_MAX; i++) {
		struct layer *from = &s->layers[i], *l;
		bool is_ridge = from->paint == paint_ridge;

		if (!is_ridge && from->paint != paint_aurora)
			continue;
		if (is_ridge && ridges-- > 2)
			continue;
		l = scene_add(s, from->paint, from->depth);
		*l = *from;
		l->mirror = shore;
		l->ripple = ripple;
		l->y0 = shore / (float)s->h;
		l->y1 = 1;
		if (!is_ridge)
			continue;
		l->curve = new_array(float, (size_t)l->curve_n);
		if (!l->curve)
			return -ENOMEM;
		memcpy(l->curve, from->curve, sizeof(float) * (size_t)l->curve_n);
	}
	return 0;
}

static int compose_water(struct scene *s, bool is_lake)
{
	float shore = s->horizon;
	struct layer *l;
	int r = 0;

	if (is_lake)
		r = compose_add_range(s, 3, 0.46f, 0.15f);
	if (is_lake && r == 0)
		r = compose_add_woods(
			s, 1, 0.50f, s->horizon / (float)s->h - 0.02f, 0.15f);
	if (r < 0)
		return r;
	if (is_lake)
		compose_add_fog(s, shore / (float)s->h, 0.06f, 0.5f, 0.15f);
	l = scene_add(s, paint_water, 0.2f);
	l->p[0] = is_lake ? 0.35f : compose_has(s, WEATHER_STORM) ? 1.25f : 0.8f;
	l->p[1] = shore;
	l->c[0] = mix(shade(s->mood.zenith, 0.55f), compose_lit(s, 0x0f4a5c), 0.5f);
	l->ripple = is_lake ? 0.004f : 0.010f;
	l->y0 = shore / (float)s->h - 0.01f;
	if (is_lake && add_mirrored(s, shore, l->ripple) < 0)
		return -ENOMEM;
	if (!compose_has(s, WEATHER_STORM | WEATHER_RAIN | WEATHER_AURORA)) {
		l = scene_add(s, paint_glitter, 0.2f);
		l->p[1] = shore;
		l->ripple = -0.014f;
		l->y0 = shore / (float)s->h - 0.01f;
	}
	return 0;
}

/* Something to stand on at the side of the sea. */
static int add_shore(struct scene *s)
{
	struct layer *l = scene_add(s, paint_ridge, 0.4f);
	struct crest_spec c = {CREST_HILL, compose_units(s, 0.93f), 0.10f, 1.1f};
	int r;

	c.cone_x = (s->sun.x > (float)s->w / 2 ? 0.36f : 0.62f) * (float)s->w / s->s;
	c.cone_half = 0.75f;
	c.cone_tall = 0.10f;
	r = scene_curve(s, l, &c);
	l->ground = compose_has(s, WEATHER_WINTER) ? GROUND_SNOW : GROUND_ROCK;
	l->c[0] = compose_has(s, WEATHER_WINTER)
			  ? compose_lit(s, 0xf2f6fc)
			  : mix(compose_lit(s, 0x5c5448), s->mood.near, 0.4f);
	l->c[1] = s->mood.haze;
	l->p[0] = 0.8f;
	l->p[3] = 6;
	l->y0 = 0.6f;
	return r;
}

static int compose_sea(struct scene *s, bool is_lake)
{
	enum subject first =
		s->traits.n_subjects ? s->traits.subject[0].kind : SUBJECT_NONE;
	int r = compose_water(s, is_lake);

	if (r == 0 && first != SUBJECT_NONE && figure_of(first)->habitat == ON_GROUND)
		r = add_shore(s);
	return r;
}

static int compose_desert(struct scene *s)
{
	for (int i = 0; i < 5; i++) {
		float k = (float)i / 4;
		struct layer *l = scene_add(s, paint_ridge, 0.1f + 0.45f * k);
		struct crest_spec c = {CREST_DUNE, compose_units(s, 0.62f + 0.30f * k),
			0.07f + 0.17f * k, 1.7f - 1.05f * k};
		int r = scene_curve(s, l, &c);

		if (r < 0)
			return r;
		l->ground = GROUND_SAND;
		l->c[0] = compose_lit(s, 0xe8a860);
		l->c[1] = s->mood.haze;
		l->p[0] = 0.32f;
		l->p[2] = 0.22f;
		l->p[4] = 0.62f * (1 - k);
		l->p[5] = 0.5f * (1 - k);
		l->y0 = 0.3f;
	}
	return 0;
}

static int compose_city(struct scene *s)
{
	bool is_dark = s->mood.is_night || s->traits.hour == HOUR_DUSK ||
		       s->traits.hour == HOUR_SUNSET || s->traits.hour == HOUR_NONE;
	struct layer *l;

	for (int i = 0; i < 4; i++) {
		float k = (float)i / 3;

		l = scene_add(s, paint_city, 0.1f + 0.3f * k);
		l->p[0] = (float)s->h * 0.87f;
		l->p[1] = 0.78f - 0.34f * k;
		l->p[2] = 0.055f + 0.065f * k;
		l->p[3] = is_dark ? 0.22f + 0.16f * k : 0.08f;
		l->p[4] = 0.011f + 0.008f * k;
		l->c[0] = mix(mix(s->mood.haze, s->mood.sky, 0.35f), s->mood.near,
			0.25f + 0.65f * k);
		l->c[1] = mix(l->c[0], s->mood.haze, 0.55f - 0.3f * k);
		l->c[2] = mix(hex(0xffd890), s->mood.haze, 0.45f * (1 - k));
		l->c[3] = hex(s->traits.words & 2 ? 0x80e0ff : 0xff90c0);
		compose_add_fog(s, 0.86f, 0.16f, 0.25f, 0.1f + 0.3f * k);
	}
	l = scene_add(s, paint_water, 0.4f);
	l->p[0] = 0.5f;
	l->p[1] = (float)s->h * 0.86f;
	l->c[0] = shade(s->mood.near, 1.2f);
	l->ripple = 0.008f;
	l->y0 = 0.85f;
	if (s->traits.n_subjects &&
		figure_of(s->traits.subject[0].kind)->habitat == ON_GROUND)
		return add_shore(s);
	return 0;
}

static void random_gas(struct scene *s, struct layer *l)
{
	static const uint32_t sets[][3] = {
		{0x3a2a8a, 0xb8408a, 0xffc8a0},
		{0x14508a, 0x2aa8b8, 0xf0e0c0},
		{0x6a2a5a, 0xe0603a, 0xffe0a0},
		{0x1a3a8a, 0x7a48c0, 0xb8e0ff},
	};
	const uint32_t *c = sets[s->seed % 4];

	for (int i = 0; i < 3; i++) {
		l->c[i] = hex(c[i]);
		if (s->traits.n_tints)
			l->c[i] = mood_tint(l->c[i],
				hex(s->traits.tint[i % s->traits.n_tints]), 0.7f);
	}
	l->c[3] = hex(0x05060f);
}

static int compose_space(struct scene *s)
{
	struct layer *l = scene_add(s, paint_nebula, 0);

	random_gas(s, l);
	l->p[0] = 1;
	l->p[1] = s->seed & 16 ? 0.85f : 0.3f;
	for (int i = 0; i < 3; i++) {
		l = scene_add(s, paint_stars, i ? 0.05f : 0);
		l->p[0] = i == 2 ? 0.25f : 4;
		l->p[1] = 4;
		l->p[2] = i == 2 ? 2.4f : 1;
		l->pulse = i == 1 ? 0.6f : 0;
		l->pulse_s = 3;
	}
	if (compose_has(s, WEATHER_PLANET | WEATHER_MOON) ||
		(s->traits.n_subjects && s->seed & 32)) {
		l = scene_add(s, paint_planet, 0.3f);
		random_gas(s, l);
		l->p[2] = s->s * draw(s->seed, 30, 0.20f, 0.28f);
		l->p[0] = (float)s->w * (s->sun.x > (float)s->w / 2 ? 0.66f : 0.34f);
		l->p[1] = (float)s->h * draw(s->seed, 31, 0.42f, 0.58f);
		l->p[3] = s->seed & 64 ? 1 : 0;
		l->c[3] = mix(l->c[1], hex(0xa8d8ff), 0.6f);
	}
	return 0;
}

static int compose_meadow(struct scene *s)
{
	int r = compose_add_range(s, 2, 0.30f, 0.15f);

	if (r == 0)
		r = compose_add_woods(s, 1, 0.60f, 0.64f, 0.2f);
	if (r == 0)
		r = compose_add_ground(s, 0.68f, 0.10f, 0.35f, false);
	if (r == 0)
		r = compose_add_ground(s, 0.78f, 0.12f, 0.55f, true);
	return r;
}

static int compose_underwater(struct scene *s)
{
	struct layer *l = scene_add(s, paint_deep, 0);
	v4 tint = s->traits.n_tints ? hex(s->traits.tint[0]) : hex(0x1f8fa0);

	l->c[0] = mix(hex(0x58c0c8), mood_tint(hex(0x58c0c8), tint, 0.6f), 0.8f);
	l->c[1] = mood_tint(hex(0x04203c), tint, 0.25f);
	for (int i = 0; i < 2; i++) {
		l = scene_add(s, paint_rays, 0.05f);
		l->c[0] = hex(0xd0fff0);
		l->p[0] = 0.34f;
		l->pulse = 0.7f;
		l->pulse_s = 6;
		l->phase = (float)i * 3.1f;
	}
	for (int i = 0; i < 3; i++) {
		float k = (float)i / 2;
		struct crest_spec c = {CREST_HILL, compose_units(s, 0.90f + 0.10f * k),
			0.26f - 0.12f * k, 1.4f};
		struct layer *weed;
		int r;

		l = scene_add(s, paint_ridge, 0.2f + 0.3f * k);
		r = scene_curve(s, l, &c);
		if (r < 0)
			return r;
		l->ground = GROUND_ROCK;
		l->c[0] = mix(hex(0x1c4a58), hex(0x04121e), k);
		l->c[1] = hex(0x1a6478);
		l->p[0] = 0.6f;
		l->p[3] = 5;
		l->p[5] = 0.65f * (1 - k);
		l->p[4] = 0.65f * (1 - k);
		weed = scene_add(s, paint_weed, 0.2f + 0.3f * k);
		r = scene_curve(s, weed, &c);
		for (int x = 0; r == 0 && x < weed->curve_n; x++)
			weed->curve[x] = l->curve[x];
		if (r < 0)
			return r;
		weed->p[0] = 16 + 10 * k;
		weed->p[1] = 0.16f + 0.12f * k;
		weed->c[0] = mix(hex(0x1a5a60), hex(0x06201e), k);
		weed->c[1] = mix(hex(0x2a8078), hex(0x1a5a3c), k);
		weed->ripple = 0;
	}
	return 0;
}

static int compose_volcano(struct scene *s)
{
	struct crest_spec c = {CREST_HILL, compose_units(s, 0.80f), 0.05f, 1.2f};
	struct layer *l;
	int r = compose_add_range(s, 2, 0.3f, 0.1f);

	if (r < 0)
		return r;
	l = scene_add(s, paint_ridge, 0.2f);
	c.cone_x = draw(s->seed, 40, 0.38f, 0.62f) * (float)s->w / s->s;
	c.cone_half = 0.42f;
	c.cone_tall = 0.46f;
	r = scene_curve(s, l, &c);
	if (r < 0)
		return r;
	l->ground = GROUND_ROCK;
	l->c[0] = mix(hex(0x4a3438), s->mood.near, 0.5f);
	l->c[1] = mix(s->mood.haze, hex(0x8a3a28), 0.5f);
	l->p[0] = 0.8f;
	l->p[2] = 0.5f;
	l->p[3] = 4;
	l->p[4] = 0.5f;
	for (int i = 0; i < 2; i++) {
		struct layer *lava = scene_add(s, paint_lava, 0.2f);

		r = scene_curve(s, lava, &c);
		if (r < 0)
			return r;
		for (int x = 0; x < l->curve_n; x++)
			lava->curve[x] = l->curve[x];
		lava->p[0] = c.cone_x * s->s;
		lava->p[1] = ridge_at(l, lava->p[0]) + s->s * 0.006f;
		lava->p[2] = 0.42f;
		lava->pulse = i ? 0.8f : 0.2f;
		lava->pulse_s = 3.5f;
		if (i)
			lava->seed ^= 5;
	}
	r = compose_add_ground(s, 0.88f, 0.08f, 0.55f, true);
	l = &s->layers[s->n_layers - 1];
	l->ground = GROUND_ROCK;
	l->c[0] = mix(hex(0x2a2024), s->mood.near, 0.4f);
	l->p[0] = 0.8f;
	l->p[3] = 6;
	return r;
}

static int compose_abstract(struct scene *s)
{
	static const uint32_t sets[][4] = {
		{0x14213d, 0x2f6690, 0xf4a259, 0xf9f3e3},
		{0x2d1e4f, 0xa23b72, 0xf18f5b, 0xfbe8c8},
		{0x0b3c49, 0x1f8a8a, 0xa7d49b, 0xfff4d6},
		{0x3b0d2c, 0xb3243f, 0xf0803c, 0xffe3b0},
		{0x101820, 0x3d5a6c, 0xb8c5c9, 0xf4f1ea},
		{0x1b1b4b, 0x5f4bb6, 0x86a5d9, 0xf3e9f5},
	};
	const uint32_t *c = sets[hash32(s->traits.words ^ 77) % 6];
	struct layer *l = scene_add(s, paint_ink, 0.2f);

	for (int i = 0; i < 4; i++) {
		l->c[i] = hex(c[i]);
		if (s->traits.n_tints && i < 3)
			l->c[i] = mood_tint(l->c[i],
				hex(s->traits.tint[(i + 2) % s->traits.n_tints]),
				0.75f);
	}
	l->p[0] = draw(s->traits.words, 1, 0.9f, 2.0f);
	l->p[1] = draw(s->traits.words, 2, 2.4f, 4.2f);
	l->p[2] = draw(s->seed, 3, 0, 50);
	l->p[3] = draw(s->seed, 4, 0, 50);
	l->ripple = 0.012f;
	return 0;
}

int compose_add_place(struct scene *s)
{
	switch (s->traits.place) {
	case PLACE_MOUNTAINS:
		return compose_mountains(s);
	case PLACE_SEA:
		return compose_sea(s, false);
	case PLACE_LAKE:
		return compose_sea(s, true);
	case PLACE_FOREST:
		return compose_forest(s);
	case PLACE_DESERT:
		return compose_desert(s);
	case PLACE_CITY:
		return compose_city(s);
	case PLACE_SPACE:
		return compose_space(s);
	case PLACE_MEADOW:
		return compose_meadow(s);
	case PLACE_UNDERWATER:
		return compose_underwater(s);
	case PLACE_VOLCANO:
		return compose_volcano(s);
	case PLACE_NONE:
	default:
		return compose_abstract(s);
	}
}
