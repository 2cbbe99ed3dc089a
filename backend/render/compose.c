// SPDX-License-Identifier: MIT
/* Which layers make each place, and what stands in them. On the scene's thread. */
#include "backend/render/compose.h"

#include "backend/render/noise.h"
#include "backend/render/subject.h"

bool compose_has(const struct scene *s, unsigned int weather)
{
	return s->traits.weather & weather;
}

void compose_defaults(struct traits *t)
{
	static const enum place home[SUBJECTS] = {
		[SUBJECT_FOX] = PLACE_FOREST,
		[SUBJECT_DOG] = PLACE_MEADOW,
		[SUBJECT_WOLF] = PLACE_FOREST,
		[SUBJECT_CAT] = PLACE_MEADOW,
		[SUBJECT_DEER] = PLACE_FOREST,
		[SUBJECT_HORSE] = PLACE_MEADOW,
		[SUBJECT_BEAR] = PLACE_FOREST,
		[SUBJECT_RABBIT] = PLACE_MEADOW,
		[SUBJECT_BIRD] = PLACE_MOUNTAINS,
		[SUBJECT_OWL] = PLACE_FOREST,
		[SUBJECT_FISH] = PLACE_UNDERWATER,
		[SUBJECT_WHALE] = PLACE_UNDERWATER,
		[SUBJECT_PERSON] = PLACE_MOUNTAINS,
		[SUBJECT_ROBOT] = PLACE_MEADOW,
		[SUBJECT_BOAT] = PLACE_SEA,
		[SUBJECT_SHIP] = PLACE_SEA,
		[SUBJECT_HOUSE] = PLACE_MEADOW,
		[SUBJECT_CASTLE] = PLACE_MOUNTAINS,
		[SUBJECT_LIGHTHOUSE] = PLACE_SEA,
		[SUBJECT_TREE] = PLACE_MEADOW,
		[SUBJECT_BALLOON] = PLACE_MOUNTAINS,
		[SUBJECT_ROCKET] = PLACE_SPACE,
	};
	enum subject first = t->n_subjects ? t->subject[0].kind : SUBJECT_NONE;

	if (t->place == PLACE_NONE && t->weather & WEATHER_WINTER &&
		first != SUBJECT_NONE)
		t->place = home[first] == PLACE_MEADOW ? PLACE_FOREST : home[first];
	if (t->place == PLACE_NONE)
		t->place = home[first];
	if (t->place == PLACE_NONE && t->is_known)
		t->place = t->weather & WEATHER_PLANET                   ? PLACE_SPACE
			   : t->weather & WEATHER_FLOWERS                ? PLACE_MEADOW
			   : t->weather & WEATHER_FIRE                   ? PLACE_VOLCANO
			   : t->weather & WEATHER_WINTER                 ? PLACE_FOREST
			   : t->weather & (WEATHER_MOON | WEATHER_STORM) ? PLACE_SEA
			   : t->weather & WEATHER_AURORA                 ? PLACE_LAKE
							 : PLACE_MOUNTAINS;
	/* What swims or sails needs water wherever it is said to be. */
	if (first != SUBJECT_NONE && t->place != PLACE_SEA && t->place != PLACE_LAKE) {
		if (figure_of(first)->habitat == ON_WATER && t->place != PLACE_SPACE)
			t->place = t->place == PLACE_MOUNTAINS ? PLACE_LAKE : PLACE_SEA;
	}
	if (first == SUBJECT_FISH || first == SUBJECT_WHALE)
		if (t->place == PLACE_SEA || t->place == PLACE_LAKE)
			t->place = PLACE_UNDERWATER;
}

float compose_horizon(const struct traits *t, uint32_t seed)
{
	static const float at[] = {
		[PLACE_NONE] = 0.6f,
		[PLACE_MOUNTAINS] = 0.66f,
		[PLACE_SEA] = 0.56f,
		[PLACE_LAKE] = 0.60f,
		[PLACE_FOREST] = 0.64f,
		[PLACE_DESERT] = 0.60f,
		[PLACE_CITY] = 0.80f,
		[PLACE_SPACE] = 1.0f,
		[PLACE_MEADOW] = 0.60f,
		[PLACE_UNDERWATER] = 1.0f,
		[PLACE_VOLCANO] = 0.74f,
	};

	return at[t->place] + draw(seed, 4, -0.025f, 0.025f);
}

v4 compose_lit(const struct scene *s, uint32_t color)
{
	const struct mood *m = &s->mood;
	v4 c = hex(color) * mix(m->shadow, m->light, 0.65f);

	c = mix(c, m->near, m->is_night ? 0.62f : 0.18f);
	for (int i = 0; i < s->traits.n_tints; i++)
		c = mood_tint(c, hex(s->traits.tint[i]), 0.25f);
	c[3] = 1;
	return c;
}

static uint32_t leaf_color(const struct scene *s)
{
	return compose_has(s, WEATHER_AUTUMN)   ? 0xb8642a
	       : compose_has(s, WEATHER_WINTER) ? 0x36504e
						: 0x37603c;
}

static void add_sky(struct scene *s)
{
	const struct mood *m = &s->mood;
	bool is_grey = compose_has(s, WEATHER_STORM | WEATHER_RAIN | WEATHER_SNOW);
	struct layer *l = scene_add(s, paint_sky, 0);

	l->p[0] = compose_has(s, WEATHER_STORM | WEATHER_RAIN) ? 0.15f
		  : compose_has(s, WEATHER_AURORA) && !compose_has(s, WEATHER_MOON) ? 0
										    : 1;
	if (m->is_night || compose_has(s, WEATHER_STARS) ||
		s->traits.hour == HOUR_DUSK) {
		for (int i = 0; i < 2; i++) {
			l = scene_add(s, paint_stars, 0);
			l->p[0] = compose_has(s, WEATHER_STARS) ? 3.5f : 1.4f;
			l->p[1] = 1;
			l->p[2] = m->is_night ? 1.1f : 0.6f;
			l->pulse = i ? 0.6f : 0;
			l->pulse_s = 2.6f;
		}
	}
	if (compose_has(s, WEATHER_STARS) && !compose_has(s, WEATHER_AURORA)) {
		l = scene_add(s, paint_nebula, 0);
		l->p[0] = 0.55f;
		l->p[1] = 1;
		l->c[0] = mix(m->sky, hex(0x5a5aa8), 0.5f);
		l->c[1] = mix(m->horizon, hex(0x9a7ab8), 0.5f);
		l->c[2] = hex(0xd8c8d0);
	}
	for (int i = 0; i < 2 && compose_has(s, WEATHER_AURORA); i++) {
		l = scene_add(s, paint_aurora, 0);
		l->c[0] = mood_tint(hex(0x50f0a0), m->horizon, 0.2f);
		l->c[1] = i ? hex(0x8a50d8) : hex(0x3a90d8);
		l->pulse = 0.55f;
		l->pulse_s = i ? 7 : 10;
		l->phase = (float)i * 3;
		l->drift = i ? 0.010f : -0.008f;
		l->y1 = 0.9f;
	}
	if (compose_has(s, WEATHER_STORM)) {
		l = scene_add(s, paint_bolt, 0);
		l->c[0] = hex(0xb8c4ff);
		l->pulse = 1;
		l->pulse_s = 3.3f;
		l->y1 = 0.9f;
	}
	if (!m->is_night || compose_has(s, WEATHER_CLOUDS)) {
		l = scene_add(s, paint_clouds, 0.05f);
		l->p[0] = compose_has(s, WEATHER_CLOUDS) ? 0.30f
			  : is_grey                      ? 0.12f
							 : -0.02f;
		l->p[0] += draw(s->seed, 21, -0.06f, 0.10f);
		l->p[1] = draw(s->seed, 22, 0.9f, 1.5f);
		l->p[2] = compose_has(s, WEATHER_CLOUDS) ? 0.96f : 0.8f;
		l->p[3] = compose_has(s, WEATHER_CLOUDS)
				  ? 1.0f
				  : draw(s->seed, 23, 1.0f, 2.4f);
		l->c[0] = m->cloud_lit;
		l->c[1] = m->cloud_dark;
		l->drift = 0.012f;
		l->y1 = s->horizon / (float)s->h;
	}
}

void compose_add_fog(struct scene *s, float at, float half, float strength, float depth)
{
	struct layer *l = scene_add(s, paint_fog, depth);

	l->p[0] = at;
	l->p[1] = half;
	l->p[2] = compose_has(s, WEATHER_FOG) ? clamp01(strength * 1.7f) : strength;
	l->p[3] = 0.8f;
	l->c[0] = mix(s->mood.haze, s->mood.horizon, 0.35f);
	l->drift = 0.014f;
	l->y0 = clamp01(at - half);
	l->y1 = clamp01(at + half);
}

float compose_units(const struct scene *s, float share_of_height)
{
	return share_of_height * (float)s->h / s->s;
}

int compose_add_range(struct scene *s, int n, float tallest, float depth)
{
	for (int i = 0; i < n; i++) {
		float k = (float)i / (float)(n > 1 ? n - 1 : 1);
		struct layer *l = scene_add(s, paint_ridge, depth * (0.3f + 0.7f * k));
		float hor = s->horizon / (float)s->h;
		struct crest_spec c = {CREST_ALPINE,
			compose_units(s, hor + 0.02f + 0.05f * k),
			tallest * (1 - 0.45f * k), 0.9f + 0.6f * k};
		int r = scene_curve(s, l, &c);

		if (r < 0)
			return r;
		l->ground = GROUND_ROCK;
		l->c[0] = mix(compose_lit(s, 0x6a7078), s->mood.near, 0.25f);
		l->c[1] = s->mood.haze;
		l->c[2] = mix(compose_lit(s, 0xf4f8ff), s->mood.light, 0.4f);
		l->p[0] = 0.75f;
		l->p[1] = compose_has(s, WEATHER_WINTER) ? 0.34f
			  : s->traits.hour == HOUR_DAY || s->seed % 3
				  ? 0.09f - 0.05f * k
				  : 0;
		l->p[2] = 0.30f;
		l->p[3] = 3.2f;
		l->p[4] = compose_has(s, WEATHER_FOG) ? 0.98f : 0.92f - 0.25f * k;
		l->p[5] = 0.52f - 0.36f * k + (compose_has(s, WEATHER_FOG) ? 0.25f : 0);
		l->y0 = 0.05f;
	}
	return 0;
}

int compose_add_woods(struct scene *s, int n, float from, float to, float depth)
{
	for (int i = 0; i < n; i++) {
		float k = (float)(i + 1) / (float)n, at = from + (to - from) * k;
		struct layer *l = scene_add(s, paint_ridge, depth + 0.3f * k);
		struct crest_spec c = {CREST_HILL, compose_units(s, at) + 0.05f,
			0.07f + 0.05f * k, 1.1f + 0.5f * k, 0.035f + 0.085f * k};
		int r = scene_curve(s, l, &c);

		if (r < 0)
			return r;
		l->ground = GROUND_FOREST;
		l->c[0] = mix(
			compose_lit(s, leaf_color(s)), s->mood.near, 0.35f + 0.3f * k);
		l->c[1] = s->mood.haze;
		l->c[2] = compose_has(s, WEATHER_WINTER)
				  ? compose_lit(s, 0xdde8f2)
				  : shade(compose_lit(s, leaf_color(s)), 1.3f);
		l->p[1] = compose_has(s, WEATHER_WINTER) ? 0.42f : 0.35f;
		l->p[2] = 0.26f;
		l->p[4] = 0.85f - 0.4f * k;
		l->p[5] = 0.55f * (1 - k) + 0.06f +
			  (compose_has(s, WEATHER_FOG) ? 0.22f : 0);
		l->y0 = from - 0.25f;
		if (i + 1 < n)
			compose_add_fog(s, at + 0.05f, 0.13f, 0.42f, depth + 0.3f * k);
	}
	return 0;
}

int compose_add_ground(
	struct scene *s, float at, float tall, float depth, bool is_front)
{
	struct layer *l = scene_add(s, paint_ridge, depth);
	struct crest_spec c = {
		CREST_HILL, compose_units(s, at) + tall * 0.5f, tall, 0.9f};
	int r = scene_curve(s, l, &c);

	if (r < 0)
		return r;
	l->y0 = at - 0.15f;
	l->c[1] = s->mood.haze;
	if (compose_has(s, WEATHER_WINTER)) {
		l->ground = GROUND_SNOW;
		l->c[0] = mix(compose_lit(s, 0xf2f6fc), rgb(0.95f, 0.97f, 1),
			s->mood.is_night ? 0.1f : 0.5f);
		l->p[5] = is_front ? 0 : 0.22f;
		l->p[4] = 0;
		l->p[2] = 0.12f;
	} else {
		l->ground = GROUND_GRASS;
		l->c[0] = compose_lit(
			s, compose_has(s, WEATHER_AUTUMN) ? 0xa8823c : 0x5f8f3e);
		if (is_front)
			l->c[0] = mix(l->c[0], s->mood.near, 0.25f);
		l->p[5] = is_front ? 0 : 0.30f;
		l->p[4] = is_front ? 0.0f : 0.08f;
		l->p[2] = 0.12f;
	}
	return 0;
}

/* Pines at both sides, on the ground added last. */
int compose_add_pines(struct scene *s, int n, float tall, float keep_out, float depth)
{
	const struct layer *ground = &s->layers[s->n_layers - 1];
	struct layer *l = scene_add(s, paint_pines, depth);
	struct crest_spec c = {CREST_HILL, 1, 0, 1};
	int r = scene_curve(s, l, &c);

	if (r < 0)
		return r;
	for (int i = 0; i < l->curve_n; i++)
		l->curve[i] = ground->curve[i];
	l->p[0] = (float)n;
	l->p[1] = tall;
	l->p[2] = keep_out;
	l->p[3] = compose_has(s, WEATHER_WINTER) ? 0.92f : 0.22f;
	l->c[0] = mix(compose_lit(s, leaf_color(s)), s->mood.near, 0.62f);
	l->c[1] = compose_has(s, WEATHER_WINTER) ? compose_lit(s, 0xeef4fa)
						 : compose_lit(s, 0x9ab070);
	return 0;
}

static int add_blades(
	struct scene *s, painter_fn paint, float n, float tall, float depth)
{
	struct layer *l = scene_add(s, paint, depth);
	struct crest_spec c = {CREST_HILL, compose_units(s, 0.93f), 0.05f, 1.2f};
	v4 tint = s->traits.n_tints ? hex(s->traits.tint[0]) : hex(0xd83c34);
	v4 second = s->traits.n_tints > 1 ? hex(s->traits.tint[1])
					  : mix(tint, hex(0xf8d0e0), 0.45f);

	l->p[0] = n;
	l->p[1] = tall;
	l->p[2] = 0.022f;
	l->y0 = 0.5f;
	l->c[0] = mix(compose_lit(s, 0x3a6a30), s->mood.near, 0.35f);
	l->c[1] = compose_lit(s, compose_has(s, WEATHER_AUTUMN) ? 0xd8b050 : 0x9ab848);
	if (paint == paint_flowers) {
		l->c[1] = mix(tint, tint * s->mood.light, 0.5f);
		l->c[2] = mix(second, second * s->mood.light, 0.5f);
		l->c[3] = compose_lit(s, 0xf0c040);
	}
	return scene_curve(s, l, &c);
}

static void add_particles(
	struct scene *s, enum particle kind, int n, uint32_t from, uint32_t to)
{
	struct layer *l = scene_add(s, paint_particles, 1);

	l->particle = kind;
	l->n_particles = (int)((float)n * sqrtf((float)s->w * (float)s->h) / s->s);
	l->c[0] = hex(from);
	l->c[1] = hex(to);
}

static int add_subjects(struct scene *s, int n_phases, const atomic_bool *stop)
{
	int r = 0;

	for (int i = 0; i < s->traits.n_subjects && r == 0; i++) {
		enum subject kind = s->traits.subject[i].kind;
		const uint32_t *color = s->traits.subject[i].has_color
						? &s->traits.subject[i].color
						: NULL;

		if (kind == SUBJECT_BIRD || kind == SUBJECT_BALLOON ||
			kind == SUBJECT_FISH)
			r = scene_add_flock(s, kind, color, 5, n_phases, stop);
		if (r == 0)
			r = scene_add_subject(s, i, n_phases, stop);
	}
	return r;
}

static int add_front(struct scene *s)
{
	enum place p = s->traits.place;
	bool is_green = p == PLACE_MEADOW || p == PLACE_FOREST || p == PLACE_MOUNTAINS;
	int r = 0;

	if (compose_has(s, WEATHER_WINTER) && is_green) {
		r = compose_add_ground(s, 0.95f, 0.06f, 1, true);
	} else if (is_green) {
		r = add_blades(s, paint_grass, p == PLACE_MEADOW ? 700 : 420, 0.09f, 1);
		if (r == 0 && (compose_has(s, WEATHER_FLOWERS) || p == PLACE_MEADOW))
			r = add_blades(s, paint_flowers,
				compose_has(s, WEATHER_FLOWERS) ? 70 : 16, 0.15f, 1);
	}
	if (compose_has(s, WEATHER_SNOW))
		add_particles(s, PARTICLE_SNOW, 420, 0xffffff, 0xe8f0fa);
	if (compose_has(s, WEATHER_RAIN))
		add_particles(s, PARTICLE_RAIN, 700, 0xd8e4ec, 0xb8c8d4);
	if (p == PLACE_VOLCANO || compose_has(s, WEATHER_FIRE))
		add_particles(s, PARTICLE_EMBER, 130, 0xffb050, 0xff6a28);
	if (p == PLACE_UNDERWATER)
		add_particles(s, PARTICLE_BUBBLE, 70, 0xd8fff8, 0xa8e8e8);
	if (compose_has(s, WEATHER_AUTUMN))
		add_particles(s, PARTICLE_LEAF, 24, 0xd8702a, 0xb83a20);
	if (is_green && !compose_has(s, WEATHER_WINTER | WEATHER_RAIN | WEATHER_STORM))
		add_particles(s, PARTICLE_MOTE, 36, 0xfff4c0, 0xffe090);
	return r;
}

int compose(struct scene *s, int n_phases, const atomic_bool *stop)
{
	bool has_sky = s->traits.place != PLACE_SPACE &&
		       s->traits.place != PLACE_UNDERWATER &&
		       s->traits.place != PLACE_NONE;
	int r;

	if (has_sky)
		add_sky(s);
	r = compose_add_place(s);
	if (r == 0)
		r = add_subjects(s, n_phases, stop);
	if (r == 0)
		r = add_front(s);
	return r;
}
