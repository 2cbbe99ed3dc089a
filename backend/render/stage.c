// SPDX-License-Identifier: MIT
/* Textures painted once and laid on each other for each frame. The video owns it. */
#include "backend/render/stage.h"

#include <errno.h>
#include <string.h>

#include "backend/render/bands.h"
#include "backend/render/noise.h"
#include "cache/base/mem.h"

#define MARGIN 0.10f    /* units left and right that pan, bob and ripple may use */
#define WRAP_FADE 0.25f /* of the width: where a drifting layer passes into itself */

/* The painting of one group of layers. */
struct painting {
	const struct stage *g;
	int first, n; /* layers */
	int x, y;     /* of the frame in the picture */
	struct frame in, out;
};

static v4 straight(v4 c)
{
	/* Pure light has colour without opacity: make it an equal veil. */
	float a = fmaxf(fmaxf(c[3], c[0]), fmaxf(c[1], c[2]));

	if (a < 1e-4f)
		return (v4){0};
	c = c / a;
	c[3] = a > 1 ? 1 : a;
	return c;
}

static void store(const struct painting *p, v4 c, int x, int y)
{
	uint8_t *o = p->in.rgba + 4 * ((size_t)y * (size_t)p->in.w + (size_t)x);
	float dither = unit(hash2(p->g->scene.seed, x, y));

	c = straight(c);
	c = look_grade(p->g->look, c);
	for (int i = 0; i < 3; i++)
		o[i] = (uint8_t)clampf(c[i] * 255 + dither, 0, 255);
	o[3] = (uint8_t)(clamp01(c[3]) * 255 + 0.5f);
}

static int paint_band(void *user, int y, int n)
{
	struct painting *p = user;
	const struct scene *s = &p->g->scene;
	struct tile t = {.x0 = p->x, .y0 = p->y + y, .w = p->in.w, .h = n};
	size_t pixels = (size_t)t.w * (size_t)n;
	scoped_free v4 *px = aligned_alloc(16, pixels * sizeof(v4));

	if (!px)
		return -ENOMEM;
	for (size_t i = 0; i < pixels; i++)
		px[i] = (v4){0};
	t.px = px;
	for (int i = p->first; i < p->first + p->n; i++)
		s->layers[i].paint(s, &s->layers[i], &t);
	if (t.failed)
		return -ENOMEM;
	for (int k = 0; k < n; k++)
		for (int x = 0; x < t.w; x++)
			store(p, px[k * t.w + x], x, y + k);
	return 0;
}

static int look_band(void *user, int y, int n)
{
	struct painting *p = user;
	const struct scene *s = &p->g->scene;

	for (int k = y; k < y + n; k++)
		look_row(p->g->look, &p->in, s->s, s->seed, k,
			p->out.rgba + 4 * (size_t)k * (size_t)p->out.w);
	return 0;
}

/* Makes column `period` continue in column 0. */
static void close_circle(struct frame *f, int period, int fade)
{
	for (int y = 0; y < f->h; y++)
		for (int x = 0; x < fade; x++) {
			uint8_t *a =
				f->rgba + 4 * ((size_t)y * (size_t)f->w + (size_t)x);
			const uint8_t *b = a + 4 * (size_t)period;
			float t = (float)x / (float)fade, wa = t * a[3],
			      wb = (1 - t) * b[3];

			for (int i = 0; i < 3 && wa + wb > 0; i++)
				a[i] = (uint8_t)((a[i] * wa + b[i] * wb) / (wa + wb) +
						 0.5f);
			a[3] = (uint8_t)(wa + wb + 0.5f);
		}
}

struct keeping {
	const struct frame *f;
	struct texture *texture;
};

static int keep_band(void *user, int y, int n)
{
	struct keeping *k = user;

	for (int i = y; i < y + n; i += 2) {
		const uint8_t *row = k->f->rgba + 4 * (size_t)i * (size_t)k->f->w;

		texture_put(k->texture, i, row, row + 4 * (size_t)k->f->w);
	}
	return 0;
}

static int keep(const struct frame *f, int x, int y, int w, struct texture *ret)
{
	struct keeping k = {f, ret};
	int r = texture_init(ret, x, y, w, f->h);

	return r < 0 ? r : bands_run(f->h, keep_band, &k, NULL, NULL);
}

static int even(float v)
{
	return (int)floorf(v / 2) * 2;
}

static int paint_group(struct stage *g, struct actor *a, int first, int n,
	const atomic_bool *stop, struct err *err)
{
	const struct scene *s = &g->scene;
	struct painting p = {.g = g, .first = first, .n = n, .x = -s->margin};
	scoped_free uint8_t *in = NULL, *out = NULL;
	int y_end, fade = 0, r, w = s->w + 2 * s->margin;
	float top = 1, bottom = 0;

	for (int i = first; i < first + n; i++) {
		top = fminf(top, s->layers[i].y0);
		bottom = fmaxf(bottom, s->layers[i].y1);
	}
	p.y = even(top * (float)s->h);
	p.y = p.y < 0 ? 0 : p.y;
	y_end = even(bottom * (float)s->h) + 2;
	y_end = y_end > s->h ? s->h : y_end;
	if (s->layers[first].drift != 0) {
		a->period = w;
		fade = even((float)s->w * WRAP_FADE);
	}
	p.in = (struct frame){w + fade + (fade ? 2 : 0), y_end - p.y, NULL};
	in = p.in.rgba = malloc(4 * (size_t)p.in.w * (size_t)p.in.h);
	if (look_has_technique(g->look))
		out = malloc(4 * (size_t)p.in.w * (size_t)p.in.h);
	if (!in || (look_has_technique(g->look) && !out))
		return err_oom(err);
	r = bands_run(p.in.h, paint_band, &p, stop, err);
	if (r == 0 && out) {
		p.out = (struct frame){p.in.w, p.in.h, out};
		r = bands_run(p.in.h, look_band, &p, stop, err);
		p.in.rgba = out;
	}
	if (r < 0)
		return r;
	if (fade)
		close_circle(&p.in, a->period, fade);
	a->n_textures = 1;
	if (keep(&p.in, p.x, p.y, w + (fade ? 2 : 0), &a->texture[0]) < 0)
		return err_oom(err);
	return 0;
}

static int paint_phase(
	struct stage *g, const struct sprite *sp, struct texture *ret, struct err *err)
{
	struct painting p = {.g = g, .x = even((float)sp->x), .y = even((float)sp->y)};
	scoped_free uint8_t *in = NULL, *out = NULL;
	int w = even((float)(sp->w + 3)), h = even((float)(sp->h + 3));

	in = calloc(4, (size_t)w * (size_t)h);
	out = calloc(4, (size_t)w * (size_t)h);
	if (!in || !out)
		return err_oom(err);
	p.in = (struct frame){w, h, in};
	p.out = (struct frame){w, h, out};
	for (int y = 0; y < sp->h; y++)
		for (int x = 0; x < sp->w; x++) {
			const uint8_t *c =
				sp->rgba + 4 * ((size_t)y * (size_t)sp->w + (size_t)x);
			const v4 colour = {c[0], c[1], c[2], c[3]};

			if (c[3])
				store(&p, colour / 255.0f, x + sp->x - p.x,
					y + sp->y - p.y);
		}
	look_band(&p, 0, h);
	if (keep(&p.out, p.x, p.y, w, ret) < 0)
		return err_oom(err);
	return 0;
}

struct subject_phases {
	struct stage *g;
	struct actor *a;
	struct layer *l;
};

static int phase_each(void *user, int i, int n)
{
	struct subject_phases *p = user;
	int r = paint_phase(p->g, &p->l->frames[i], &p->a->texture[i], NULL);

	free(p->l->frames[i].rgba);
	p->l->frames[i].rgba = NULL;
	return r;
}

static int paint_subject(struct stage *g, struct actor *a, struct layer *l,
	const atomic_bool *stop, struct err *err)
{
	struct subject_phases p = {g, a, l};

	a->n_textures = l->n_frames < STAGE_PHASES ? l->n_frames : STAGE_PHASES;
	return bands_each(a->n_textures, phase_each, &p, stop, err);
}

static bool moves_alike(const struct layer *a, const struct layer *b)
{
	return !a->n_frames && !b->n_frames && !b->n_particles &&
	       a->depth == b->depth && a->drift == 0 && b->drift == 0 &&
	       a->ripple == b->ripple && a->ripple == 0 && a->pulse == 0 &&
	       b->pulse == 0;
}

static int paint_all(struct stage *g, const atomic_bool *stop, struct err *err)
{
	struct scene *s = &g->scene;
	int r = 0;

	for (int i = 0, n; i < s->n_layers && r == 0; i += n) {
		struct layer *l = &s->layers[i];
		struct actor *a = &g->actors[g->n_actors++];

		a->layer = l;
		n = 1;
		if (l->n_particles)
			continue;
		if (l->n_frames) {
			r = paint_subject(g, a, l, stop, err);
			continue;
		}
		while (i + n < s->n_layers && moves_alike(l, &s->layers[i + n]))
			n++;
		r = paint_group(g, a, i, n, stop, err);
	}
	return r;
}

static int make_vignette(struct stage *g)
{
	int w = g->scene.w / 2, h = g->scene.h / 2;

	g->vignette = malloc((size_t)w * (size_t)h);
	if (!g->vignette)
		return -ENOMEM;
	for (int y = 0; y < h; y++)
		for (int x = 0; x < w; x++)
			g->vignette[(size_t)y * (size_t)w + (size_t)x] =
				(uint8_t)(255 *
					  clamp01(look_vignette(g->look,
						  2 * ((float)x + 0.5f) / (float)w - 1,
						  2 * ((float)y + 0.5f) / (float)h -
							  1)));
	return 0;
}

int stage_init(struct stage *g, const struct render_spec *spec, const atomic_bool *stop,
	struct err *err)
{
	int side = spec->width < spec->height ? spec->width : spec->height;
	int r;

	*g = (struct stage){.look = look_of(spec->style)};
	r = scene_init(&g->scene, spec, even(MARGIN * (float)side) + 8, STAGE_PHASES,
		stop, err);
	if (r < 0)
		return r;
	g->actors = new_array(struct actor, SCENE_LAYERS_MAX);
	r = g->actors && make_vignette(g) == 0 ? paint_all(g, stop, err) : err_oom(err);
	if (r < 0)
		stage_finish(g);
	return r;
}

void stage_finish(struct stage *g)
{
	for (int i = 0; i < g->n_actors; i++)
		for (int k = 0; k < STAGE_PHASES; k++)
			texture_finish(&g->actors[i].texture[k]);
	free(g->actors);
	free(g->vignette);
	scene_finish(&g->scene);
	*g = (struct stage){0};
}
