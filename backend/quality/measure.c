// SPDX-License-Identifier: MIT
/* See measure.h. */
#include "backend/quality/measure.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache/base/mem.h"
#include "cache/base/str.h"

/* Fixed-point weights of OpenCV's 8-bit RGB to gray, 15 bits. */
#define GRAY_RED 9798
#define GRAY_GREEN 19235
#define GRAY_BLUE 3735
#define GRAY_SHIFT 15

__extension__ typedef unsigned __int128 u128;

/* count samples, their sum and the sum of their squares */
struct moments {
	uint64_t count;
	int64_t sum;
	uint64_t squares;
};

/* (N Q - S^2) / N^2 with an exact numerator, which is never negative. */
static double variance(const struct moments *m)
{
	u128 magnitude = (u128)(m->sum < 0 ? -m->sum : m->sum);
	u128 top = (u128)m->count * m->squares - magnitude * magnitude;

	return (double)top / ((double)m->count * (double)m->count);
}

static double mean(const struct moments *m)
{
	return (double)m->sum / (double)m->count;
}

static void gray_row(const uint8_t *px, uint32_t width, int channels, int16_t *gray)
{
	if (channels == 1) {
		for (uint32_t x = 0; x < width; x++)
			gray[x] = px[x];
		return;
	}
	for (uint32_t x = 0; x < width; x++, px += 3)
		gray[x] = (int16_t)((px[0] * GRAY_RED + px[1] * GRAY_GREEN +
					    px[2] * GRAY_BLUE +
					    (1 << (GRAY_SHIFT - 1))) >>
				    GRAY_SHIFT);
}

static void add_samples(struct moments *m, const uint8_t *px, size_t n)
{
	uint64_t sum = 0, squares = 0;

	for (size_t i = 0; i < n; i++) {
		sum += px[i];
		squares += (uint32_t)px[i] * px[i];
	}
	m->count += n;
	m->sum += (int64_t)sum;
	m->squares += squares;
}

static void add_clipped(
	const int16_t *gray, uint32_t width, uint64_t *dark, uint64_t *bright)
{
	uint32_t low = 0, high = 0;

	for (uint32_t x = 0; x < width; x++) {
		low += gray[x] <= QUALITY_CLIP_DARK;
		high += gray[x] >= QUALITY_CLIP_BRIGHT;
	}
	*dark += low;
	*bright += high;
}

/* Index of a neighbour outside [0, n): reflected without repeating the edge. */
static uint32_t reflect(int64_t i, uint32_t n)
{
	if (n == 1)
		return 0;
	if (i < 0)
		return 1;
	return i >= n ? n - 2 : (uint32_t)i;
}

static void add_laplacian(struct moments *m, const int16_t *up, const int16_t *here,
	const int16_t *down, uint32_t width)
{
	int64_t sum = 0;
	uint64_t squares = 0;
	uint32_t last = width - 1;

	for (uint32_t x = 1; x < last; x++) {
		int32_t v = up[x] + down[x] + here[x - 1] + here[x + 1] - 4 * here[x];

		sum += v;
		squares += (uint32_t)(v * v);
	}
	for (uint32_t x = 0; x < width; x += last ? last : 1) {
		int32_t v = up[x] + down[x] + here[reflect((int64_t)x - 1, width)] +
			    here[reflect((int64_t)x + 1, width)] - 4 * here[x];

		sum += v;
		squares += (uint32_t)(v * v);
	}
	m->count += width;
	m->sum += sum;
	m->squares += squares;
}

static void set_scores(struct quality *q, const struct moments *samples,
	const struct moments *laplacian)
{
	q->sharpness = variance(laplacian);
	q->brightness = mean(samples);
	q->contrast = sqrt(variance(samples));
	q->grade = quality_grade(q->sharpness, q->brightness, q->contrast);
}

int quality_measure_picture(const uint8_t *px, uint32_t width, uint32_t height,
	int channels, struct quality *ret)
{
	struct quality q = {.kind = QUALITY_PICTURE,
		.metrics_version = QUALITY_METRICS_VERSION,
		.width = width,
		.height = height};
	struct moments samples = {0}, laplacian = {0};
	scoped_free int16_t *rows = NULL;
	uint64_t dark = 0, bright = 0;
	size_t stride;

	if (width == 0 || height == 0 || width > QUALITY_MAX_SIDE ||
		height > QUALITY_MAX_SIDE || (channels != 1 && channels != 3))
		return -EINVAL;
	stride = (size_t)width * (size_t)channels;
	rows = new_array(int16_t, 3 * (size_t)width);
	if (!rows)
		return -ENOMEM;
	/* Row y of gray lives in slot y % 3, so only three rows are ever held. */
	gray_row(px, width, channels, rows);
	for (uint32_t y = 0; y < height; y++) {
		const int16_t *here = rows + (size_t)(y % 3) * width;
		const int16_t *up =
			rows + (size_t)(reflect((int64_t)y - 1, height) % 3) * width;
		const int16_t *down =
			rows + (size_t)(reflect((int64_t)y + 1, height) % 3) * width;

		if (y + 1 < height)
			gray_row(px + (y + 1) * stride, width, channels,
				rows + (size_t)((y + 1) % 3) * width);
		add_samples(&samples, px + y * stride, stride);
		add_clipped(here, width, &dark, &bright);
		add_laplacian(&laplacian, up, here, down, width);
	}
	set_scores(&q, &samples, &laplacian);
	q.clipped_dark = (double)dark / (double)laplacian.count;
	q.clipped_bright = (double)bright / (double)laplacian.count;
	*ret = q;
	return 0;
}

char quality_grade(double sharpness, double brightness, double contrast)
{
	int points = 0;

	points += (sharpness > 100) + (sharpness > 500) + (sharpness > 1000);
	points += brightness >= 50 && brightness <= 250;
	points += brightness >= 100 && brightness <= 200;
	points += (contrast > 25) + (contrast > 50);
	return points >= 6 ? 'A' : points >= 4 ? 'B' : points >= 2 ? 'C' : 'D';
}

/* `s` is valid UTF-8. */
static uint32_t next_code_point(const char **s)
{
	const unsigned char *p = (const unsigned char *)*s;
	int more = *p < 0x80 ? 0 : *p < 0xe0 ? 1 : *p < 0xf0 ? 2 : 3;
	uint32_t c = more ? *p & (0x3fu >> more) : *p;

	for (int i = 1; i <= more; i++)
		c = c << 6 | (p[i] & 0x3fu);
	*s += more + 1;
	return c;
}

static bool is_space(uint32_t c)
{
	return (c >= 0x09 && c <= 0x0d) || c == 0x20 || c == 0x85 || c == 0xa0 ||
	       c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 ||
	       c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

int quality_measure_text(
	const char *text, size_t len, const char *finish_reason, struct quality *ret)
{
	struct quality q = {.kind = QUALITY_TEXT,
		.metrics_version = QUALITY_METRICS_VERSION,
		.size_bytes = len};
	const char *end = text + len;
	bool in_word = false;
	size_t characters;
	int r = str_utf8_count(text, len, &characters);

	if (r < 0)
		return r;
	q.characters = characters;
	while (text < end) {
		bool space = is_space(next_code_point(&text));

		q.words += !space && !in_word;
		in_word = !space;
	}
	if (finish_reason)
		snprintf(q.finish_reason, sizeof(q.finish_reason), "%s", finish_reason);
	*ret = q;
	return 0;
}
