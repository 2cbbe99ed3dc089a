// SPDX-License-Identifier: MIT
/* stage_frame: where everything is at a time. The video's thread. */
#include <errno.h>
#include <string.h>

#include "backend/render/particles.h"
#include "backend/render/stage.h"
#include "cache/base/mem.h"

#define PAN 0.055f /* units that the nearest layer swings to each side */
#define PAN_SECONDS 26.0f
#define BREATH_SECONDS 2.4f /* of one movement of a subject */
#define FLAP_SECONDS 1.1f   /* the same for what is in the air or the water */
#define TURN 6.2831853f

static float opacity_at(const struct layer *l, float seconds)
{
	float k;

	if (l->pulse <= 0)
		return 1;
	k = 0.5f + 0.5f * sinf(TURN * seconds / l->pulse_s + l->phase + 1.5f);
	if (l->pulse >= 1) /* a flash: dark most of the time */
		return ramp(0.93f, 1, k);
	return 1 - l->pulse * k;
}

static struct lay lay_of(const struct stage *g, const struct actor *a, float seconds)
{
	const struct layer *l = a->layer;
	float s = g->scene.s;
	struct lay lay = {.opacity = opacity_at(l, seconds), .period = a->period};

	lay.dx = PAN * s * l->depth * sinf(TURN * seconds / PAN_SECONDS);
	if (l->bob_s > 0) {
		lay.dx += l->bob_x * s * sinf(TURN * seconds / l->bob_s + l->phase);
		lay.dy = l->bob_y * s *
			 sinf(TURN * 1.3f * seconds / l->bob_s + l->phase);
	}
	if (a->period) {
		/* In double: hours of drift must not lose the pixel. */
		double at = (double)l->drift * s * seconds + lay.dx;

		lay.dx = (float)(at - floor(at / a->period) * a->period);
	}
	lay.ripple = l->ripple * s;
	lay.ripple_phase = seconds * 2.1f;
	return lay;
}

static const struct texture *texture_at(const struct actor *a, float seconds)
{
	float turn = a->layer->bob_y > 0.01f ? FLAP_SECONDS : BREATH_SECONDS, k;

	if (a->n_textures == 1)
		return &a->texture[0];
	k = seconds / turn + a->layer->phase * 0.37f;
	k -= floorf(k);
	return &a->texture[(int)(k * (float)a->n_textures) % a->n_textures];
}

static bool covers(const struct texture *t, const struct lay *lay, int y)
{
	return !lay->period && lay->dy == 0 && lay->opacity >= 1 && y >= t->y &&
	       y + 1 < t->y + t->h && t->x < 0 && t->kind[(y - t->y) / 2] == ROW_SOLID;
}

static void dim(uint8_t *restrict row, const uint8_t *restrict v, int n, int zero)
{
	for (int i = 0; i < n; i++)
		row[i] = (uint8_t)(zero +
				   (((int16_t)(row[i] - zero) * (int16_t)v[i]) / 256));
}

static void dim_pair(
	const struct stage *g, const struct encode_frame *f, int y, uint8_t *tmp)
{
	int w = g->scene.w;
	const uint8_t *v = g->vignette + (size_t)(y / 2) * (size_t)(w / 2);

	for (int x = 0; x < w / 2; x++)
		tmp[2 * x] = tmp[2 * x + 1] = v[x];
	for (int i = 0; i < 2; i++)
		dim(f->plane[0] + (size_t)(y + i) * (size_t)f->stride[0], tmp, w, 16);
	for (int i = 1; i < 3; i++)
		dim(f->plane[i] + (size_t)(y / 2) * (size_t)f->stride[i], v, w / 2,
			128);
}

static void put_dot(
	const struct stage *g, const struct encode_frame *f, const struct dot *d)
{
	float reach = d->r * 1.4f + 1;
	int xa = (int)(fminf(d->x, d->x + d->dx) - reach), ya = (int)(d->y - reach);
	int xb = (int)(fmaxf(d->x, d->x + d->dx) + reach),
	    yb = (int)(d->y + d->dy + reach);
	uint8_t c[3];

	plane_color(look_grade(g->look, d->c), c);
	xa = xa < 0 ? 0 : xa;
	ya = ya < 0 ? 0 : ya;
	xb = xb >= g->scene.w ? g->scene.w - 1 : xb;
	yb = yb >= g->scene.h ? g->scene.h - 1 : yb;
	for (int y = ya; y <= yb; y++)
		for (int x = xa; x <= xb; x++) {
			int a = (int)(particle_cover(d, (float)x, (float)y) * 256);

			if (a <= 0)
				continue;
			for (int i = 0; i < 3; i++) {
				uint8_t *p =
					f->plane[i] +
					(size_t)(i ? y / 2 : y) * (size_t)f->stride[i] +
					(i ? x / 2 : x);

				if (i == 0 || (x % 2 == 0 && y % 2 == 0))
					*p = (uint8_t)(*p + (c[i] - *p) * a / 256);
			}
		}
}

static void scatter(const struct stage *g, const struct layer *l, float seconds,
	const struct encode_frame *f)
{
	for (int i = 0; i < l->n_particles; i++) {
		struct dot d = particle_at(&g->scene, l, i, seconds);

		put_dot(g, f, &d);
	}
}

static void put_pair(const struct stage *g, const struct lay *lays, float seconds,
	const struct encode_frame *f, int y, uint8_t *tmp)
{
	int w = g->scene.w, from = g->n_actors - 1;

	while (from > 0 &&
		(g->actors[from].n_textures != 1 ||
			!covers(&g->actors[from].texture[0], &lays[from], y)))
		from--;
	for (int i = from; i < g->n_actors; i++)
		if (g->actors[i].n_textures > 0)
			texture_blend(texture_at(&g->actors[i], seconds), &lays[i], f,
				w, g->scene.h, y, tmp);
	dim_pair(g, f, y, tmp);
}

int stage_frame(const struct stage *g, float seconds, const struct encode_frame *f)
{
	struct lay lays[SCENE_LAYERS_MAX] = {0};
	scoped_free uint8_t *tmp = new_array(uint8_t, 4 * ((size_t)g->scene.w + 16));

	if (!tmp)
		return -ENOMEM;
	for (int i = 0; i < g->n_actors; i++)
		lays[i] = lay_of(g, &g->actors[i], seconds);
	for (int y = 0; y < g->scene.h; y += 2)
		put_pair(g, lays, seconds, f, y, tmp);
	for (int i = 0; i < g->n_actors; i++)
		if (g->actors[i].layer->n_particles)
			scatter(g, g->actors[i].layer, seconds, f);
	return 0;
}
