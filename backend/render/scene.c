// SPDX-License-Identifier: MIT
/* A scene is built from its spec here, by one thread; then it is read only. */
#include "backend/render/scene.h"

#include <errno.h>

#include "backend/render/compose.h"
#include "backend/render/noise.h"
#include "backend/render/subject.h"
#include "backend/render/bands.h"
#include "cache/base/mem.h"

struct layer *scene_add(struct scene *s, painter_fn paint, float depth)
{
	struct layer *l;

	if (s->n_layers == SCENE_LAYERS_MAX)
		return &s->layers[SCENE_LAYERS_MAX - 1];
	l = &s->layers[s->n_layers];
	*l = (struct layer){.paint = paint, .depth = depth, .y1 = 1};
	l->seed = hash2(s->seed, s->n_layers++, 1);
	return l;
}

static float spikes(uint32_t seed, float fx, float per_unit, float tall)
{
	float at = fx * per_unit, best = 0;
	int cell = ifloor(at);

	for (int i = cell - 1; i <= cell + 1; i++) {
		uint32_t h = hash2(seed, i, 0);
		float mid = (float)i + draw(h, 1, 0.2f, 0.8f);
		float top = tall * draw(h, 2, 0.35f, 1);
		float half = top * per_unit * 0.23f, k = 1 - fabsf(at - mid) / half;

		if (k > 0) {
			/* Branches: a saw that fades towards the tip. */
			float saw = k * 7 - floorf(k * 7);

			best = fmaxf(best, top * (k - 0.05f * saw * (1 - k)));
		}
	}
	return best;
}

static float height(enum crest kind, uint32_t seed, float fx, float rough)
{
	float n;

	switch (kind) {
	case CREST_ALPINE:
		n = ridged(seed, fx * rough, 0.5f, 6);
		return n * 1.25f - 0.15f +
		       0.25f * noise(seed + 40, fx * rough * 0.5f, 2);
	case CREST_DUNE:
		/* One flank steep: the crest leans. */
		n = fx * rough + 0.35f * noise(seed, fx * rough * 0.7f, 0.5f);
		n -= floorf(n);
		n = n < 0.68f ? n / 0.68f : (1 - n) / 0.32f;
		n = n * n * (3 - 2 * n);
		return n * (0.65f + 0.35f * noise(seed + 3, fx * rough * 0.6f, 1.5f));
	case CREST_HILL:
	default:
		return 0.5f + fbm(seed, fx * rough, 0.5f, 3);
	}
}

int scene_curve(struct scene *s, struct layer *l, const struct crest_spec *c)
{
	int n = (s->w + 2 * s->margin + 2) * 2;

	l->curve = new_array(float, (size_t)n);
	if (!l->curve)
		return -ENOMEM;
	l->curve_x0 = -s->margin;
	l->curve_n = n;
	for (int i = 0; i < n; i++) {
		float fx = ((float)i / 2 - (float)s->margin) / s->s;
		float h = c->tall * height(c->kind, l->seed, fx, c->rough);

		if (c->cone_half > 0) {
			float d = fabsf(fx - c->cone_x) / c->cone_half;
			float cone = 1 / (0.28f + d * 1.9f) - 0.42f;

			cone = clampf(cone, 0, 2.2f) / 2.2f;
			h += c->cone_tall * cone +
			     0.02f * fbm(l->seed + 5, fx * 14, 0.5f, 3) * (cone < 1);
		}
		if (c->trees > 0)
			h += fmaxf(spikes(l->seed + 9, fx, 1.9f / c->trees, c->trees),
				spikes(l->seed + 10, fx, 3.4f / c->trees,
					c->trees * 0.6f));
		l->curve[i] = s->s * (c->foot - h);
	}
	return 0;
}

struct phases {
	const struct scene *s;
	struct layer *l;
	enum subject kind;
	const uint32_t *color;
	float x, y, size;
	bool is_left;
	const atomic_bool *stop;
};

static int draw_phase(void *user, int i, int n)
{
	struct phases *p = user;

	return subject_draw(p->s, p->kind, p->color, p->x, p->y, p->size, p->is_left,
		(float)i / (float)p->l->n_frames, p->stop, &p->l->frames[i]);
}

static int add_phases(struct scene *s, struct layer *l, enum subject kind,
	const uint32_t *color, float x, float y, float size, bool is_left, int n,
	const atomic_bool *stop)
{
	struct phases p = {s, l, kind, color, x, y, size, is_left, stop};

	l->frames = new_array(struct sprite, (size_t)n);
	if (!l->frames)
		return -ENOMEM;
	l->n_frames = n;
	return bands_each(n, draw_phase, &p, stop, NULL);
}

/* The layer whose curve a subject stands on: the nearest so far. */
static const struct layer *ground_under(const struct scene *s)
{
	for (int i = s->n_layers - 1; i >= 0; i--)
		if (s->layers[i].curve)
			return &s->layers[i];
	return NULL;
}

static void place_subject(const struct scene *s, const struct figure *f, int which,
	float *x, float *y, float *size)
{
	const struct layer *ground = ground_under(s);
	float side = s->sun.x > (float)s->w / 2 ? 0.36f : 0.62f;

	side += draw(s->seed, 70, -0.05f, 0.05f);
	if (which == 1)
		side = side > 0.5f ? side - 0.32f : side + 0.32f;
	*x = (float)s->w * side;
	*size = s->s * f->size * (which ? 0.8f : 1);
	switch (f->habitat) {
	case ON_GROUND:
		*y = ground ? ridge_at(ground, *x) + s->s * 0.045f : (float)s->h * 0.9f;
		*y = fminf(*y, (float)s->h * 0.95f);
		break;
	case ON_WATER:
		*y = s->horizon + ((float)s->h - s->horizon) * (which ? 0.2f : 0.30f);
		break;
	case IN_WATER:
		*y = (float)s->h * (which ? 0.36f : 0.52f);
		break;
	case IN_AIR:
	default:
		*y = s->horizon * (which ? 0.3f : 0.48f);
		break;
	}
}

int scene_add_subject(struct scene *s, int which, int n_phases, const atomic_bool *stop)
{
	enum subject kind = s->traits.subject[which].kind;
	const struct figure *f = figure_of(kind);
	const uint32_t *color = s->traits.subject[which].has_color
					? &s->traits.subject[which].color
					: NULL;
	bool is_left = draw(s->seed, 72 + (uint32_t)which, 0, 1) < 0.5f;
	static const uint32_t autumn = 0xc8702a;
	struct layer *l =
		scene_add(s, paint_sprite, f->habitat == ON_GROUND ? 0.55f : 0.4f);
	float x, y, size;

	if (kind == SUBJECT_TREE && !color && s->traits.weather & WEATHER_AUTUMN)
		color = &autumn;
	place_subject(s, f, which, &x, &y, &size);
	if (f->habitat != ON_GROUND) {
		l->bob_x = f->habitat == ON_WATER ? 0.006f : 0.05f;
		l->bob_y = f->habitat == ON_WATER ? 0.006f : 0.018f;
		l->bob_s = f->habitat == ON_WATER ? 4 : 9;
	}
	return add_phases(s, l, kind, color, x, y, size, is_left, n_phases, stop);
}

/* More of a kind that comes in flocks and shoals, small and far. */
int scene_add_flock(struct scene *s, enum subject kind, const uint32_t *color, int n,
	int n_phases, const atomic_bool *stop)
{
	for (int i = 0; i < n; i++) {
		struct layer *l = scene_add(s, paint_sprite, 0.25f);
		float x = (float)s->w * draw(l->seed, 1, 0.08f, 0.92f);
		float y = s->horizon * draw(l->seed, 2, 0.15f, 0.75f);
		int r = add_phases(s, l, kind, color, x, y,
			s->s * draw(l->seed, 3, 0.03f, 0.07f),
			draw(s->seed, 72, 0, 1) < 0.5f, n_phases > 8 ? 8 : n_phases,
			stop);

		if (r < 0)
			return r;
		l->bob_x = 0.08f;
		l->bob_y = 0.02f;
		l->bob_s = 7 + (float)i;
		l->phase = (float)i;
	}
	return 0;
}

static void place_sun(struct scene *s)
{
	static const float low[] = {
		[HOUR_NONE] = 0.72f,
		[HOUR_DAY] = 0.30f,
		[HOUR_SUNSET] = 0.86f,
		[HOUR_DAWN] = 0.84f,
		[HOUR_DUSK] = 0.93f,
		[HOUR_NIGHT] = 0.34f,
	};
	float at = draw(s->seed, 5, 0, 1) < 0.5f ? draw(s->seed, 6, 0.2f, 0.4f)
						 : draw(s->seed, 6, 0.6f, 0.8f);

	s->sun.x = (float)s->w * at;
	s->sun.y = s->horizon * ((s->mood.is_night ? 0.34f : low[s->traits.hour]) +
					draw(s->seed, 7, -0.05f, 0.05f));
	s->sun_r = s->s * (s->mood.is_night ? 0.052f : 0.044f);
	if (s->traits.weather & WEATHER_MOON)
		s->sun_r *= 1.6f;
}

int scene_init(struct scene *s, const struct render_spec *spec, int margin,
	int n_phases, const atomic_bool *stop, struct err *err)
{
	int r;

	*s = (struct scene){.w = spec->width, .h = spec->height, .margin = margin};
	s->s = (float)(spec->width < spec->height ? spec->width : spec->height);
	s->seed = hash32((uint32_t)digest_u64(&spec->seed) ^
			 (uint32_t)(digest_u64(&spec->seed) >> 32));
	traits_of(&s->traits, spec->prompt);
	s->seed ^= s->traits.words;
	compose_defaults(&s->traits);
	mood_of(&s->mood, &s->traits, s->seed);
	s->horizon = (float)s->h * compose_horizon(&s->traits, s->seed);
	place_sun(s);
	r = compose(s, n_phases, stop);
	if (r < 0) {
		scene_finish(s);
		return r == -ECANCELED
			       ? err_set(err, ECANCELED, "the drawing was stopped")
			       : err_oom(err);
	}
	return 0;
}

void scene_finish(struct scene *s)
{
	for (int i = 0; i < s->n_layers; i++) {
		struct layer *l = &s->layers[i];

		free(l->curve);
		for (int k = 0; k < l->n_frames; k++)
			free(l->frames[k].rgba);
		free(l->frames);
	}
	s->n_layers = 0;
}
