// SPDX-License-Identifier: MIT
/* Paths and their filling. The caller owns them; any thread. */
#include "backend/render/shape.h"

#include <errno.h>
#include <stdlib.h>

#include "cache/base/mem.h"

struct affine affine_turn(float radians, float cx, float cy)
{
	float s = sinf(radians), c = cosf(radians);

	return (struct affine){c, s, -s, c, cx - c * cx + s * cy, cy - s * cx - c * cy};
}

struct pt affine_apply(const struct affine *m, struct pt p)
{
	return (struct pt){
		m->a * p.x + m->c * p.y + m->e, m->b * p.x + m->d * p.y + m->f};
}

void path_add(struct path *path, float x, float y)
{
	if (path->n < PATH_POINTS_MAX)
		path->p[path->n++] = (struct pt){x, y};
}

void path_map(struct path *path, const struct affine *m)
{
	for (int i = 0; i < path->n; i++)
		path->p[i] = affine_apply(m, path->p[i]);
}

void path_circle(struct path *path, float cx, float cy, float rx, float ry)
{
	const int steps = 48;

	path->n = 0;
	for (int i = 0; i < steps; i++) {
		float a = 6.2831853f * (float)i / (float)steps;

		path_add(path, cx + rx * cosf(a), cy + ry * sinf(a));
	}
}

static float tangent(float before, float after, bool is_corner)
{
	return is_corner ? 0 : 0.5f * (after - before);
}

static void add_curve(struct path *path, const struct pt *p, const bool *corner, int n,
	int i, int steps)
{
	int a = (i + n - 1) % n, c = (i + 1) % n, d = (i + 2) % n;
	bool is_line = corner[i] && corner[c];
	struct pt m0 = {
		tangent(p[a].x, p[c].x, corner[i]), tangent(p[a].y, p[c].y, corner[i])};
	struct pt m1 = {
		tangent(p[i].x, p[d].x, corner[c]), tangent(p[i].y, p[d].y, corner[c])};

	if (is_line)
		steps = 1;
	for (int k = 0; k < steps; k++) {
		float t = (float)k / (float)steps, t2 = t * t, t3 = t2 * t;
		float h0 = 2 * t3 - 3 * t2 + 1, h1 = t3 - 2 * t2 + t;
		float h2 = 3 * t2 - 2 * t3, h3 = t3 - t2;

		path_add(path, h0 * p[i].x + h1 * m0.x + h2 * p[c].x + h3 * m1.x,
			h0 * p[i].y + h1 * m0.y + h2 * p[c].y + h3 * m1.y);
	}
}

void path_parse(struct path *path, const char *text, int steps)
{
	struct pt p[128];
	bool corner[128];
	int n = 0;
	char *end;

	for (const char *s = text; n < (int)ARRAY_SIZE(p); s = end) {
		p[n].x = strtof(s, &end);
		if (end == s)
			break;
		p[n].y = strtof(end + 1, &end);
		corner[n] = *end == '!';
		end += corner[n];
		n++;
	}
	path->n = 0;
	for (int i = 0; i < n; i++)
		add_curve(path, p, corner, n, i, steps);
}

/* Signed area that an edge leaves to its right, per pixel of one row. `dir` carries the
 * winding; x are relative to the window and may lie outside. */
static void edge_in_row(
	float *row, int w, float xa, float ya, float xb, float yb, float dir)
{
	float dy = (yb - ya) * dir;
	float lo = xa < xb ? xa : xb, hi = xa < xb ? xb : xa;
	int i0, i1;

	if (lo >= (float)w)
		return;
	if (hi <= 0) {
		row[0] += dy;
		return;
	}
	i0 = (int)floorf(lo);
	i1 = (int)floorf(hi);
	if (i0 == i1) {
		float mid = 0.5f * (xa + xb) - (float)i0;

		row[i0] += dy * (1 - mid);
		row[i0 + 1] += dy * mid;
		return;
	}
	for (int i = i0; i <= i1; i++) {
		float l = lo > (float)i ? lo : (float)i;
		float r = hi < (float)(i + 1) ? hi : (float)(i + 1);
		float part = dy * (r - l) / (hi - lo);
		float mid = 0.5f * (l + r) - (float)i;

		if (i < 0) {
			row[0] += part;
		} else if (i < w) {
			row[i] += part * (1 - mid);
			row[i + 1] += part * mid;
		}
	}
}

static void add_edge(float *acc, int stride, int w, int h, struct pt a, struct pt b)
{
	float dir = 1, slope, y_from, y_to;
	int y0, y1;

	if (a.y == b.y)
		return;
	if (a.y > b.y) {
		struct pt swap = a;

		a = b;
		b = swap;
		dir = -1;
	}
	if (b.y <= 0 || a.y >= (float)h)
		return;
	slope = (b.x - a.x) / (b.y - a.y);
	y0 = a.y < 0 ? 0 : (int)a.y;
	y1 = b.y >= (float)h ? h - 1 : (int)b.y;
	for (int y = y0; y <= y1; y++) {
		y_from = a.y > (float)y ? a.y : (float)y;
		y_to = b.y < (float)(y + 1) ? b.y : (float)(y + 1);
		if (y_to <= y_from)
			continue;
		edge_in_row(acc + (size_t)y * (size_t)stride, w,
			a.x + (y_from - a.y) * slope, y_from - (float)y,
			a.x + (y_to - a.y) * slope, y_to - (float)y, dir);
	}
}

int path_cover(const struct path *path, int x0, int y0, int w, int h, float *cov)
{
	size_t stride = (size_t)w + 2;
	float *acc = new_array(float, stride *(size_t)h);

	if (!acc)
		return -ENOMEM;
	for (int i = 0; i < path->n; i++) {
		struct pt a = path->p[i], b = path->p[(i + 1) % path->n];

		a.x -= (float)x0;
		b.x -= (float)x0;
		a.y -= (float)y0;
		b.y -= (float)y0;
		add_edge(acc, (int)stride, w, h, a, b);
	}
	for (int y = 0; y < h; y++) {
		float sum = 0;

		for (int x = 0; x < w; x++) {
			float c;

			sum += acc[(size_t)y * stride + (size_t)x];
			c = sum < 0 ? -sum : sum;
			cov[(size_t)y * (size_t)w + (size_t)x] = c > 1 ? 1 : c;
		}
	}
	free(acc);
	return 0;
}

static void bounds(const struct path *path, struct pt *lo, struct pt *hi)
{
	*lo = *hi = path->p[0];
	for (int i = 1; i < path->n; i++) {
		lo->x = fminf(lo->x, path->p[i].x);
		lo->y = fminf(lo->y, path->p[i].y);
		hi->x = fmaxf(hi->x, path->p[i].x);
		hi->y = fmaxf(hi->y, path->p[i].y);
	}
}

static int clampi(float v, int lo, int hi)
{
	return v < (float)lo ? lo : v > (float)hi ? hi : (int)v;
}

void path_fill(struct tile *t, const struct path *path, v4 c_top, v4 c_bottom,
	float y_top, float y_bottom)
{
	struct pt lo, hi;
	int xa, xb, ya, yb;
	float *cov;

	if (path->n < 3)
		return;
	bounds(path, &lo, &hi);
	xa = clampi(floorf(lo.x), t->x0, t->x0 + t->w);
	xb = clampi(ceilf(hi.x), t->x0, t->x0 + t->w);
	ya = clampi(floorf(lo.y), t->y0, t->y0 + t->h);
	yb = clampi(ceilf(hi.y), t->y0, t->y0 + t->h);
	if (xa >= xb || ya >= yb)
		return;
	cov = new_array(float, (size_t)(xb - xa) * (size_t)(yb - ya));
	if (!cov || path_cover(path, xa, ya, xb - xa, yb - ya, cov) < 0) {
		free(cov);
		t->failed = true;
		return;
	}
	for (int y = ya; y < yb; y++) {
		v4 c = mix(c_top, c_bottom,
			clamp01(((float)y - y_top) / (y_bottom - y_top)));
		v4 *px = tile_row(t, y) + (xa - t->x0);
		const float *k = cov + (size_t)(y - ya) * (size_t)(xb - xa);

		for (int x = 0; x < xb - xa; x++)
			if (k[x] > 0)
				over(px + x, c, k[x]);
	}
	free(cov);
}
