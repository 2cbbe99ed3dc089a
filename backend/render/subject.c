// SPDX-License-Identifier: MIT
/* Painting of subjects into sprites, which the scene owns. */
#include "backend/render/subject.h"

#include <errno.h>
#include <stdlib.h>

#include "backend/render/noise.h"
#include "backend/render/shape.h"
#include "cache/base/mem.h"

#define BOX_X0                                                                         \
	-16.0f /* what outlines and shadow may touch, in the units of the box          \
		*/
#define BOX_X1 116.0f
#define BOX_Y0 -18.0f
#define BOX_Y1 118.0f
#define STRIP 32

/* Everything that the drawing of one figure needs. */
struct easel {
	const struct scene *s;
	const struct figure *f;
	struct affine place; /* box to picture */
	float size, phase;
	v4 body, light, accent;
	struct sprite *out;
};

static v4 lit_by(const struct scene *s, v4 c)
{
	v4 all = mix(s->mood.shadow, s->mood.light, 0.72f);

	c = mix(c, c * all, s->mood.is_night ? 0.85f : 0.75f);
	c = mix(c, s->mood.haze, 0.06f);
	c[3] = 1;
	return c;
}

static void role_colors(const struct easel *e, char role, v4 *top, v4 *bottom)
{
	v4 c = e->body;

	switch (role) {
	case 's':
		c = shade(e->body, 0.72f);
		break;
	case 'm':
		c = mix(shade(e->body, 1.15f), e->light, 0.25f);
		break;
	case 'l':
		c = e->light;
		break;
	case 'a':
		c = e->accent;
		break;
	case 'd':
		c = mix(shade(e->body, 0.4f), hex(0x2a1e18), 0.5f);
		break;
	case 'k':
		c = hex(0x17141a);
		break;
	case 'w':
		*top = hex(0xffe9a8);
		*bottom = hex(0xffb648);
		return;
	}
	c = lit_by(e->s, c);
	*top = shade(c, 1.10f);
	*bottom = shade(c, 0.84f);
}

static struct affine joint(const struct easel *e, char tag, struct pt at)
{
	float swing = sinf(e->phase * 6.2831853f);

	switch (tag) {
	case 't':
		return affine_turn(swing * 0.10f, at.x, at.y);
	case 'h':
		return affine_turn(swing * 0.035f, 60, 45);
	case 'u': /* wings: flattened and stretched about the shoulder */
		return (struct affine){1, 0, 0, 0.62f + 0.42f * swing, 0,
			at.y * (0.38f - 0.42f * swing)};
	default: /* breathing */
		return (struct affine){1, 0, 0, 1 + 0.008f * swing, 0, -0.8f * swing};
	}
}

/* Where a movable part is joined: the first point of the first shape that has its tag.
 */
static struct pt pivot(const struct figure *f, char tag)
{
	for (int i = 0; f->shapes[i]; i++)
		if (f->shapes[i][1] == tag) {
			char *end;
			float x = strtof(f->shapes[i] + 2, &end);

			return (struct pt){x, strtof(end + 1, NULL)};
		}
	return (struct pt){50, 50};
}

static void paint_shape(const struct easel *e, const char *text, struct tile *t)
{
	struct path path;
	struct affine m;
	struct pt top, bottom;
	v4 c_top, c_bottom;
	float lo, hi;

	path_parse(&path, text + 2, 10);
	m = joint(e, text[1], pivot(e->f, text[1]));
	path_map(&path, &m);
	lo = hi = path.p[0].y;
	for (int i = 1; i < path.n; i++) {
		lo = fminf(lo, path.p[i].y);
		hi = fmaxf(hi, path.p[i].y);
	}
	top = affine_apply(&e->place, (struct pt){0, lo});
	bottom = affine_apply(&e->place, (struct pt){0, hi});
	path_map(&path, &e->place);
	role_colors(e, text[0], &c_top, &c_bottom);
	path_fill(t, &path, c_top, c_bottom, top.y, bottom.y + 1);
}

/* Soft and flat below the feet, away from the light. */
static void paint_shadow(const struct easel *e, struct tile *t)
{
	struct pt c = affine_apply(&e->place, (struct pt){48, 99.5f});
	float rx = e->size * 0.46f, ry = e->size * 0.045f;
	v4 dark = e->s->mood.near;

	c.x += (e->s->sun.x > c.x ? -0.1f : 0.1f) * e->size;
	for (int y = t->y0; y < t->y0 + t->h; y++)
		for (int x = 0; x < t->w; x++) {
			float dx = ((float)(x + t->x0) - c.x) / rx;
			float dy = ((float)y - c.y) / ry, d = dx * dx + dy * dy;

			if (d < 1)
				over(tile_row(t, y) + x, dark,
					0.5f * (1 - d) * (1 - d));
		}
}

static void fur(const struct easel *e, struct tile *t)
{
	float f = 100 / e->size;

	for (int y = t->y0; y < t->y0 + t->h; y++)
		for (int x = 0; x < t->w; x++) {
			v4 *px = tile_row(t, y) + x;
			float fx = (float)(x + t->x0) * f, fy = (float)y * f, n;

			if ((*px)[3] < 0.5f)
				continue;
			n = noise(11, fx * 1.1f + fy * 0.7f, fy * 0.5f - fx * 0.2f) +
			    0.6f * noise(12, fx * 0.25f, fy * 0.25f);
			*px = shade(*px, 1 + 0.10f * n);
		}
}

static void store(const struct tile *t, struct sprite *out)
{
	for (int y = 0; y < t->h; y++)
		for (int x = 0; x < t->w; x++) {
			v4 c = t->px[y * t->w + x];
			uint8_t *o = out->rgba + 4 * ((size_t)(t->y0 + y - out->y) *
								     (size_t)out->w +
							     (size_t)x);

			for (int k = 0; k < 4; k++)
				o[k] = (uint8_t)(clamp01(c[k]) * 255 + 0.5f);
		}
}

static int paint_bands(const struct easel *e, bool has_shadow, const atomic_bool *stop)
{
	struct sprite *out = e->out;
	scoped_free v4 *px = aligned_alloc(16, sizeof(v4) * (size_t)out->w * STRIP);

	if (!px)
		return -ENOMEM;
	for (int y = 0; y < out->h; y += STRIP) {
		struct tile t = {.x0 = out->x, .y0 = out->y + y, .w = out->w, .px = px};

		if (stop && atomic_load(stop))
			return -ECANCELED;
		t.h = out->h - y < STRIP ? out->h - y : STRIP;
		for (int i = 0; i < t.w * t.h; i++)
			px[i] = (v4){0};
		if (has_shadow)
			paint_shadow(e, &t);
		for (int i = 0; e->f->shapes[i]; i++)
			paint_shape(e, e->f->shapes[i], &t);
		if (e->f->is_furry)
			fur(e, &t);
		if (t.failed)
			return -ENOMEM;
		store(&t, out);
	}
	return 0;
}

/* Mean of opacity over a window of 2 r + 1, along a line of n values `step` apart. */
static void blur_line(const uint16_t *in, uint16_t *out, int n, int step, int r)
{
	uint32_t sum = 0;

	for (int i = -r; i < n + r; i++) {
		if (i + r < n && i + r >= 0)
			sum += in[(size_t)(i + r) * (size_t)step];
		if (i - r - 1 >= 0 && i - r - 1 < n)
			sum -= in[(size_t)(i - r - 1) * (size_t)step];
		if (i >= 0 && i < n)
			out[(size_t)i * (size_t)step] =
				(uint16_t)(sum / (uint32_t)(2 * r + 1));
	}
}

/* The blurred outline is taken for a relief and lit: edges towards the light glow,
 * those away from it darken. */
static void light_edges(const struct easel *e, const uint16_t *f, int r)
{
	const struct scene *s = e->s;
	struct sprite *out = e->out;
	float side = s->sun.x > (float)out->x + (float)out->w / 2 ? 1 : -1;

	for (int y = 1; y < out->h - 1; y++)
		for (int x = 1; x < out->w - 1; x++) {
			size_t i = (size_t)y * (size_t)out->w + (size_t)x;
			uint8_t *o = out->rgba + 4 * i;
			float gx, gy, k, a = o[3] / 255.0f;

			if (o[3] < 8)
				continue;
			gx = (float)f[i - 1] - (float)f[i + 1];
			gy = (float)f[i - (size_t)out->w] -
			     (float)f[i + (size_t)out->w];
			k = (side * gx * 0.8f - gy * 0.75f) * (float)r / 65535.0f;
			k = clampf(k, -0.8f, 0.8f);
			for (int c = 0; c < 3; c++) {
				float v = o[c] / 255.0f;

				v = k > 0 ? v + (s->mood.sun[c] * a - v) * k * 0.75f
					  : v * (1 + 0.5f * k);
				o[c] = (uint8_t)(clampf(v, 0, a) * 255 + 0.5f);
			}
		}
}

static int light_up(const struct easel *e)
{
	struct sprite *out = e->out;
	size_t n = (size_t)out->w * (size_t)out->h;
	scoped_free uint16_t *a = new_array(uint16_t, n);
	scoped_free uint16_t *b = new_array(uint16_t, n);
	int r = (int)(e->size * 0.02f) + 1;

	if (!a || !b)
		return -ENOMEM;
	/* The shadow is no part of the relief. */
	for (size_t i = 0; i < n; i++)
		a[i] = out->rgba[4 * i + 3] > 140 ? 65535 : 0;
	for (int pass = 0; pass < 2; pass++) {
		for (int y = 0; y < out->h; y++)
			blur_line(a + (size_t)y * (size_t)out->w,
				b + (size_t)y * (size_t)out->w, out->w, 1, r);
		for (int x = 0; x < out->w; x++)
			blur_line(b + x, a + x, out->h, out->w, r);
	}
	light_edges(e, a, r);
	return 0;
}

int subject_draw(const struct scene *s, enum subject kind, const uint32_t *color,
	float x, float y, float size, bool is_left, float phase,
	const atomic_bool *stop, struct sprite *ret)
{
	const struct figure *f = figure_of(kind);
	float k = size / 100,
	      foot = f->habitat == ON_GROUND || f->habitat == ON_WATER ? 100 : 50;
	float side = is_left ? -k : k;
	struct sprite out;
	struct easel e = {
		.s = s,
		.f = f,
		.size = size,
		.phase = phase,
		.place = {side, 0, 0, k, x - side * 50, y - k * foot},
		/* Red fur is no red paint. */
		.body = mix(hex(color ? *color : f->body), hex(f->body),
			f->is_furry ? 0.4f : 0),
		.light = hex(f->light),
		.accent = hex(f->accent),
		.out = &out,
	};
	int r;

	out.x = (int)floorf(x + k * (is_left ? 50 - BOX_X1 : BOX_X0 - 50));
	out.y = (int)floorf(y + k * (BOX_Y0 - foot));
	out.w = (int)(k * (BOX_X1 - BOX_X0)) + 2;
	out.h = (int)(k * (BOX_Y1 - BOX_Y0)) + 2;
	out.rgba = new_array(uint8_t, 4 * (size_t)out.w * (size_t)out.h);
	if (!out.rgba)
		return -ENOMEM;
	r = paint_bands(&e, f->habitat == ON_GROUND, stop);
	if (r == 0)
		r = light_up(&e);
	if (r < 0) {
		free(out.rgba);
		return r;
	}
	*ret = out;
	return 0;
}

void paint_sprite(const struct scene *s, const struct layer *l, struct tile *t)
{
	const struct sprite *sp = &l->frames[0];
	int xa = sp->x > t->x0 ? sp->x : t->x0, ya = sp->y > t->y0 ? sp->y : t->y0;
	int xb = sp->x + sp->w < t->x0 + t->w ? sp->x + sp->w : t->x0 + t->w;
	int yb = sp->y + sp->h < t->y0 + t->h ? sp->y + sp->h : t->y0 + t->h;

	for (int y = ya; y < yb; y++) {
		const uint8_t *in =
			sp->rgba + 4 * ((size_t)(y - sp->y) * (size_t)sp->w +
					       (size_t)(xa - sp->x));
		v4 *px = tile_row(t, y) + xa - t->x0;

		for (int x = 0; x < xb - xa; x++, in += 4)
			if (in[3])
				px[x] = (v4){in[0], in[1], in[2], in[3]} / 255.0f +
					px[x] * (1 - in[3] / 255.0f);
	}
}
