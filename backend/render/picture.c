// SPDX-License-Identifier: MIT
/* render_picture: all layers onto bands of one frame, the technique, the file. The
 * caller's thread, and one beside it (bands.h). */
#include <errno.h>

#include "backend/media/encode_picture.h"
#include "backend/render/bands.h"
#include "backend/render/look.h"
#include "backend/render/noise.h"
#include "backend/render/scene.h"
#include "cache/base/mem.h"

struct job {
	struct scene scene;
	enum look look;
	struct frame in, out; /* out: only with a technique, BAND_ROWS at a time */
	int y0;
};

static void finish_pixel(const struct job *j, v4 c, int x, int y, uint8_t *out)
{
	const struct scene *s = &j->scene;
	float vx = 2 * (float)x / (float)s->w - 1, vy = 2 * (float)y / (float)s->h - 1;
	float grain, dither;

	c = look_grade(j->look, c);
	c = shade(c, look_vignette(j->look, vx, vy));
	grain = unit(hash2(s->seed, x, y)) + unit(hash2(s->seed + 1, x, y)) - 1;
	grain *= look_grain(j->look) * 1.6f;
	for (int i = 0; i < 3; i++) {
		dither = unit(hash2(s->seed + 2 + (uint32_t)i, x, y));
		out[i] = (uint8_t)clampf((c[i] + grain) * 255 + dither, 0, 255);
	}
	out[3] = 255;
}

static int paint_band(void *user, int y, int n)
{
	struct job *j = user;
	const struct scene *s = &j->scene;
	struct tile t = {.y0 = y, .w = s->w, .h = n};
	size_t pixels = (size_t)t.w * (size_t)n;
	scoped_free v4 *px = aligned_alloc(16, pixels * sizeof(v4));

	if (!px)
		return -ENOMEM;
	for (size_t i = 0; i < pixels; i++)
		px[i] = (v4){0};
	t.px = px;
	for (int i = 0; i < s->n_layers; i++) {
		const struct layer *l = &s->layers[i];

		if (l->n_particles && look_has_technique(j->look))
			continue;
		if ((float)(y + n) > l->y0 * (float)s->h &&
			(float)y < l->y1 * (float)s->h + 1)
			l->paint(s, l, &t);
	}
	if (t.failed)
		return -ENOMEM;
	for (int k = 0; k < n; k++)
		for (int x = 0; x < t.w; x++)
			finish_pixel(j, px[k * t.w + x], x, y + k,
				j->in.rgba + 4 * ((size_t)(y + k) * (size_t)t.w +
							 (size_t)x));
	return 0;
}

/* Flakes and drops fall in front of the drawn picture: outlined they would be pebbles.
 */
static int particles_over(const struct job *j, int y, int n, uint8_t *rgba)
{
	const struct scene *s = &j->scene;
	struct tile t = {.y0 = y, .w = s->w, .h = n};
	int pixels = s->w * n;
	scoped_free v4 *px = aligned_alloc(16, (size_t)pixels * sizeof(v4));

	if (!px)
		return -ENOMEM;
	t.px = px;
	for (int i = 0; i < pixels; i++)
		px[i] = (v4){rgba[4 * i], rgba[4 * i + 1], rgba[4 * i + 2], 255} /
			255.0f;
	for (int i = 0; i < s->n_layers; i++)
		if (s->layers[i].n_particles)
			paint_particles(s, &s->layers[i], &t);
	for (int i = 0; i < pixels; i++)
		for (int c = 0; c < 3; c++)
			rgba[4 * i + c] = (uint8_t)(clamp01(px[i][c]) * 255 + 0.5f);
	return 0;
}

/* A strip of rows in the technique, so that two threads work on it. */
static int look_band(void *user, int y, int n)
{
	struct job *j = user;
	int last = j->in.h - j->y0;
	uint8_t *out = j->out.rgba + 4 * (size_t)y * (size_t)j->in.w;

	n = y + n > last ? last - y : n;
	for (int k = 0; k < n; k++)
		look_row(j->look, &j->in, j->scene.s, j->scene.seed, j->y0 + y + k,
			out + 4 * (size_t)k * (size_t)j->in.w);
	return n > 0 ? particles_over(j, j->y0 + y, n, out) : 0;
}

#define STRIP_ROWS (BAND_ROWS * 8)

static int write_rows(struct job *j, struct encode_picture *e, const atomic_bool *stop,
	struct err *err)
{
	bool has_technique = look_has_technique(j->look);
	size_t w = (size_t)j->in.w;
	scoped_free uint8_t *rgb = malloc(3 * w), *strip = malloc(4 * w * STRIP_ROWS);
	int r = 0;

	if (!rgb || !strip)
		return err_oom(err);
	j->out = (struct frame){j->in.w, STRIP_ROWS, strip};
	for (int y = 0; y < j->in.h && r == 0; y++) {
		const uint8_t *row = j->in.rgba + 4 * w * (size_t)y;

		if (y % STRIP_ROWS == 0) {
			j->y0 = y;
			if (has_technique)
				r = bands_run(STRIP_ROWS, look_band, j, stop, err);
			else if (stop && atomic_load(stop))
				r = err_set(err, ECANCELED, "the drawing was stopped");
			if (r < 0)
				break;
		}
		if (has_technique)
			row = strip + 4 * w * (size_t)(y - j->y0);
		for (size_t x = 0; x < w; x++) {
			rgb[3 * x] = row[4 * x];
			rgb[3 * x + 1] = row[4 * x + 1];
			rgb[3 * x + 2] = row[4 * x + 2];
		}
		r = encode_picture_row(e, rgb, err);
	}
	return r;
}

static int check(const struct render_spec *s, enum media_type type, struct err *err)
{
	if (type != MEDIA_PNG && type != MEDIA_JPEG)
		return err_set(
			err, EINVAL, "the renderer draws pictures as PNG or JPEG");
	if (s->width < 1 || s->height < 1 || s->width > RENDER_SIDE_MAX ||
		s->height > RENDER_SIDE_MAX ||
		(int64_t)s->width * s->height > RENDER_PICTURE_PIXELS_MAX)
		return err_set(err, EINVAL,
			"the renderer cannot draw %dx%d: "
			"sides up to %d, %d pixels in all",
			s->width, s->height, RENDER_SIDE_MAX,
			RENDER_PICTURE_PIXELS_MAX);
	return 0;
}

int render_picture(const struct render_spec *spec, enum media_type type,
	const atomic_bool *stop, render_sink_fn sink, void *user, struct err *err)
{
	struct encode_picture *e = NULL;
	scoped_free struct job *j = NULL;
	scoped_free uint8_t *rgba = NULL;
	int r = check(spec, type, err);

	if (r < 0)
		return r;
	j = new0(struct job);
	rgba = malloc(4 * (size_t)spec->width * (size_t)spec->height);
	if (!j || !rgba)
		return err_oom(err);
	r = scene_init(&j->scene, spec, 0, 1, stop, err);
	if (r < 0)
		return r;
	j->look = look_of(spec->style);
	j->in = (struct frame){spec->width, spec->height, rgba};
	r = bands_run(spec->height, paint_band, j, stop, err);
	if (r == 0)
		r = encode_picture_new(
			type, spec->width, spec->height, sink, user, &e, err);
	if (r == 0)
		r = write_rows(j, e, stop, err);
	if (r == 0)
		r = encode_picture_end(e, err);
	encode_picture_free(e);
	scene_finish(&j->scene);
	return r;
}
