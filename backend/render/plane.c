// SPDX-License-Identifier: MIT
/* Blending of 8-bit planes. The caller owns them; any thread. */
#include "backend/render/plane.h"

#include <errno.h>
#include <string.h>

#include "cache/base/mem.h"

int texture_init(struct texture *t, int x, int y, int w, int h)
{
	size_t n = (size_t)w * (size_t)h;

	*t = (struct texture){x, y, w, h};
	t->luma = malloc(n);
	t->alpha = malloc(n);
	t->cb = malloc(n / 4);
	t->cr = malloc(n / 4);
	t->alpha2 = malloc(n / 4);
	t->kind = calloc((size_t)h / 2 + 1, 1);
	if (t->luma && t->alpha && t->cb && t->cr && t->alpha2 && t->kind)
		return 0;
	texture_finish(t);
	return -ENOMEM;
}

void texture_finish(struct texture *t)
{
	free(t->luma);
	free(t->alpha);
	free(t->cb);
	free(t->cr);
	free(t->alpha2);
	free(t->kind);
	*t = (struct texture){0};
}

static uint8_t luma_of(const uint8_t *p)
{
	/* 16.16 fixed point of 0.2126, 0.7152, 0.0722 times 219 / 255. */
	return (uint8_t)((11966 * p[0] + 40254 * p[1] + 4064 * p[2] + 32768) >> 16);
}

static uint8_t byte(int v)
{
	return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
}

static int by_alpha(int v, int a)
{
	return (v * a + (v < 0 ? -127 : 127)) / 255;
}

void plane_color(v4 c, uint8_t ret[static 3])
{
	int r = (int)(clamp01(c[0]) * 255), g = (int)(clamp01(c[1]) * 255);
	int b = (int)(clamp01(c[2]) * 255);

	ret[0] = (uint8_t)(16 +
			   luma_of((uint8_t[3]){(uint8_t)r, (uint8_t)g, (uint8_t)b}));
	ret[1] = byte(128 + (-6596 * r - 22189 * g + 28784 * b) / 65536);
	ret[2] = byte(128 + (28784 * r - 26145 * g - 2640 * b) / 65536);
}

static void put_luma(struct texture *t, int y, const uint8_t *in)
{
	size_t at = (size_t)y * (size_t)t->w;

	for (int x = 0; x < t->w; x++, in += 4) {
		t->luma[at + (size_t)x] = (uint8_t)by_alpha(16 + luma_of(in), in[3]);
		t->alpha[at + (size_t)x] = in[3];
	}
}

void texture_put(struct texture *t, int y, const uint8_t *top, const uint8_t *bottom)
{
	size_t at = (size_t)(y / 2) * (size_t)(t->w / 2);
	bool is_empty = true, is_solid = true;

	put_luma(t, y, top);
	put_luma(t, y + 1, bottom);
	for (int x = 0; x < t->w / 2; x++) {
		const uint8_t *p[4] = {top + 8 * x, top + 8 * x + 4, bottom + 8 * x,
			bottom + 8 * x + 4};
		int r = 0, g = 0, b = 0, a = 0;

		for (int i = 0; i < 4; i++) {
			a += p[i][3];
			r += p[i][0] * p[i][3];
			g += p[i][1] * p[i][3];
			b += p[i][2] * p[i][3];
		}
		is_empty &= a == 0;
		is_solid &= a == 1020;
		r /= 1020;
		g /= 1020;
		b /= 1020;
		t->cb[at + (size_t)x] =
			byte(128 + (-6596 * r - 22189 * g + 28784 * b) / 65536);
		t->cr[at + (size_t)x] =
			byte(128 + (28784 * r - 26145 * g - 2640 * b) / 65536);
		t->alpha2[at + (size_t)x] = (uint8_t)((a + 2) / 4);
	}
	t->kind[y / 2] = is_empty ? ROW_EMPTY : is_solid ? ROW_SOLID : ROW_MIXED;
}

/* out[i] = in[i] and in[i + 1], f / 256 of the latter. */
static void lerp_row(uint8_t *restrict out, const uint8_t *restrict in, int n, int f)
{
	uint16_t k = (uint16_t)f, m = (uint16_t)(256 - f);

	if (f == 0) {
		memcpy(out, in, (size_t)n);
		return;
	}
	for (int i = 0; i < n; i++)
		out[i] = (uint8_t)((uint16_t)(in[i] * m + in[i + 1] * k + 128) >> 8);
}

static void lerp_two(uint8_t *restrict out, const uint8_t *restrict other, int n, int f)
{
	uint16_t k = (uint16_t)f, m = (uint16_t)(256 - f);

	for (int i = 0; i < n; i++)
		out[i] = (uint8_t)((uint16_t)(out[i] * m + other[i] * k + 128) >> 8);
}

/* dst = src + dst (1 - a), exactly rounded; src and a scaled by k / 256. */
static void blend_luma(uint8_t *restrict dst, const uint8_t *restrict src,
	const uint8_t *restrict alpha, int n, int k)
{
	uint16_t kk = (uint16_t)k;

	for (int i = 0; i < n; i++) {
		uint16_t a = (uint16_t)((uint16_t)(alpha[i] * kk + 128) >> 8);
		uint16_t c = (uint16_t)((uint16_t)(src[i] * kk + 128) >> 8);
		uint16_t v = (uint16_t)(dst[i] * (255 - a) + 128);

		v = (uint16_t)(c + ((uint16_t)(v + (v >> 8)) >> 8));
		dst[i] = (uint8_t)(v > 255 ? 255 : v);
	}
}

static void blend_chroma(uint8_t *restrict dst, const uint8_t *restrict src,
	const uint8_t *restrict alpha, int n, int k)
{
	int16_t kk = (int16_t)(k >> 1);

	for (int i = 0; i < n; i++) {
		int16_t a = (int16_t)(((int16_t)((alpha[i] >> 1) * kk) + 64) >> 7);
		int16_t c = (int16_t)(((int16_t)((src[i] - 128) * kk) + 64) >> 7);
		int16_t d = (int16_t)(dst[i] - 128);

		a = (int16_t)(a + (a >> 6)); /* 127 -> 128 */
		dst[i] = (uint8_t)(128 + c + ((int16_t)(d * (128 - a) + 64) >> 7));
	}
}

/* What one plane of a texture needs to be read from. */
struct source {
	const uint8_t *data;
	int w, h;
};

/* n bytes from column x of row y on, both with a fraction of 1/256. */
static void read_row(const struct source *s, int x, int fx, int y, int fy, uint8_t *out,
	uint8_t *second, int n)
{
	const uint8_t *row = s->data + (size_t)y * (size_t)s->w + x;

	lerp_row(out, row, n, fx);
	if (fy > 0 && y + 1 < s->h) {
		lerp_row(second, row + s->w, n, fx);
		lerp_two(out, second, n, fy);
	}
}

struct span {
	int x, fx; /* column of the texture under column 0 of the frame */
	int from, to;
};

/* `limit`: columns of the texture that may be used. */
static struct span span_of(float dx, int tex_x, int limit, int frame_w)
{
	float at = -dx - (float)tex_x;
	struct span s;

	s.x = (int)floorf(at);
	s.fx = (int)((at - (float)s.x) * 256);
	s.from = s.x < 0 ? -s.x : 0;
	s.to = limit - s.x < frame_w ? limit - s.x : frame_w;
	s.from = s.from > frame_w ? frame_w : s.from;
	s.to = s.to < s.from ? s.from : s.to;
	return s;
}

static void blend_luma_row(const struct texture *t, const struct lay *lay, float dx,
	const struct encode_frame *f, int w, int y, int ty, int fy, uint8_t *tmp)
{
	struct span s = span_of(dx, t->x, lay->period ? lay->period : t->w - 1, w);
	struct source luma = {t->luma, t->w, t->h}, alpha = {t->alpha, t->w, t->h};
	int n = s.to - s.from, k = (int)(lay->opacity * 256);
	uint8_t *dst = f->plane[0] + (size_t)y * (size_t)f->stride[0] + s.from;
	uint8_t *a = tmp, *b = tmp + w + 16, *second = b + w + 16;

	if (n <= 0)
		return;
	s.x += s.from;
	read_row(&luma, s.x, s.fx, ty, fy, b, second, n);
	if (t->kind[ty / 2] == ROW_SOLID && k == 256 && fy == 0) {
		memcpy(dst, b, (size_t)n);
		return;
	}
	read_row(&alpha, s.x, s.fx, ty, fy, a, second, n);
	blend_luma(dst, b, a, n, k);
}

static void blend_chroma_row(const struct texture *t, const struct lay *lay, float dx,
	const struct encode_frame *f, int w, int y, int ty, int fy, uint8_t *tmp)
{
	struct span s = span_of(
		dx / 2, t->x / 2, (lay->period ? lay->period : t->w - 2) / 2, w / 2);
	struct source alpha = {t->alpha2, t->w / 2, t->h / 2};
	int n = s.to - s.from, k = (int)(lay->opacity * 256);
	uint8_t *a = tmp, *b = tmp + w + 16, *second = b + w + 16;

	if (n <= 0)
		return;
	s.x += s.from;
	read_row(&alpha, s.x, s.fx, ty, fy, a, second, n);
	for (int i = 0; i < 2; i++) {
		struct source c = {i ? t->cr : t->cb, t->w / 2, t->h / 2};

		read_row(&c, s.x, s.fx, ty, fy, b, second, n);
		blend_chroma(
			f->plane[i + 1] + (size_t)y * (size_t)f->stride[i + 1] + s.from,
			b, a, n, k);
	}
}

static float ripple_at(const struct texture *t, const struct lay *lay, int y)
{
	float v;

	if (lay->ripple == 0)
		return 0;
	v = ((float)y - (float)t->y) / (float)t->h;
	/* Waves come closer together towards the horizon. */
	return lay->ripple * v * sinf(9 / (v + 0.12f) + lay->ripple_phase);
}

void texture_blend(const struct texture *t, const struct lay *lay,
	const struct encode_frame *f, int w, int h, int y, uint8_t *tmp)
{
	float at = (float)(y - t->y) - lay->dy, dx;
	int ty = (int)floorf(at), fy = (int)((at - (float)ty) * 256);
	int c_ty = ty >> 1, c_fy = (int)((at / 2 - (float)c_ty) * 256);
	int copies = lay->period ? 2 : 1;

	if (ty < 0 || ty + 1 >= t->h || lay->opacity <= 0)
		return;
	if (t->kind[ty / 2] == ROW_EMPTY &&
		(fy == 0 || t->kind[(ty + 2) / 2] == ROW_EMPTY))
		return;
	for (int i = 0; i < copies; i++) {
		dx = lay->dx - (float)(i * lay->period);
		blend_luma_row(t, lay, dx + ripple_at(t, lay, y), f, w, y, ty, fy, tmp);
		dx += ripple_at(t, lay, y + 1);
		blend_luma_row(
			t, lay, dx, f, w, y + 1, ty + 1, ty + 2 < t->h ? fy : 0, tmp);
		blend_chroma_row(t, lay, dx, f, w, y / 2, c_ty, c_fy, tmp);
	}
}
