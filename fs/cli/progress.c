// SPDX-License-Identifier: MIT
/* See progress.h. */
#include "fs/cli/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#include "cache/base/mem.h"

#define VISIBLE_MAX 4096 /* columns; no path is longer */
#define BAR_WIDTH 20
#define MARK_WIDTH 4 /* of the moving mark */
#define WIDTH_DEFAULT 80u
#define HEIGHT_DEFAULT 24u
#define WIDTH_MIN 20u

void progress_init(struct progress *p, int fd)
{
	*p = (struct progress){.fd = fd, .is_tty = isatty(fd) == 1};
}

/* One character of UTF-8 at s; 0: broken. */
static size_t char_length(const char *s, wchar_t *ret)
{
	unsigned char c = (unsigned char)*s;
	size_t len = c < 0x80 ? 1 : c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
	uint32_t v = len == 1 ? c : c & (0x7fu >> len);

	if ((c >= 0x80 && c < 0xc2) || c > 0xf4)
		return 0;
	for (size_t i = 1; i < len; i++) {
		if (((unsigned char)s[i] & 0xc0) != 0x80)
			return 0;
		v = v << 6 | ((unsigned char)s[i] & 0x3f);
	}
	*ret = (wchar_t)v;
	return len;
}

/* A terminal must not be told what to do by a prompt: C0, C1, and marks that turn the
 * direction of writing. */
static bool is_harmful(wchar_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x202a && c <= 0x202e) ||
	       (c >= 0x2066 && c <= 0x2069) || (c >= 0xd800 && c <= 0xdfff);
}

/* The next character in its harmless form. */
static size_t next_visible(
	const char *s, const char **ret_text, size_t *ret_len, int *ret_w)
{
	wchar_t c = 0;
	size_t len = char_length(s, &c);

	*ret_text = s;
	*ret_len = len;
	if (!len || is_harmful(c)) {
		*ret_text = "?";
		*ret_len = 1;
		*ret_w = 1;
		return len ? len : 1;
	}
	*ret_w = c < 0x80 ? 1 : wcwidth(c);
	if (*ret_w < 0)
		*ret_w = 1;
	return len;
}

static size_t visible_width(const char *s)
{
	const char *text;
	size_t len, w = 0;
	int one;

	while (*s) {
		s += next_visible(s, &text, &len, &one);
		w += (size_t)one;
	}
	return w;
}

int text_add_visible(struct buf *out, const char *s, size_t width, size_t *ret_width)
{
	bool is_cut = visible_width(s) > width;
	size_t room = is_cut ? width - (width < 3 ? width : 3) : width, w = 0;
	int r = 0;

	while (*s && r == 0) {
		const char *text;
		size_t len, step;
		int one;

		step = next_visible(s, &text, &len, &one);
		if (w + (size_t)one > room)
			break;
		r = buf_add(out, text, len);
		w += (size_t)one;
		s += step;
	}
	for (int i = 0; is_cut && i < 3 && w < width && r == 0; i++, w++)
		r = buf_addc(out, '.');
	if (ret_width)
		*ret_width = w;
	return r;
}

void text_print_visible(FILE *out, const char *s)
{
	scoped(buf_finish) struct buf b = {0};

	if (text_add_visible(&b, s, VISIBLE_MAX, NULL) == 0 && b.len)
		fputs(b.data, out);
}

void text_format_size(uint64_t bytes, char ret[static TEXT_SIZE])
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
	double v = (double)bytes;
	size_t i = 0;

	while (v >= 1024 && i + 1 < ARRAY_SIZE(units)) {
		v /= 1024;
		i++;
	}
	snprintf(ret, TEXT_SIZE, i ? "%.1f %s" : "%.0f %s", v, units[i]);
}

static void fill_bar(char bar[BAR_WIDTH + 1], int permille, unsigned tick)
{
	memset(bar, ' ', BAR_WIDTH);
	bar[BAR_WIDTH] = '\0';
	if (permille >= 0) {
		memset(bar, '#',
			(size_t)((permille > 1000 ? 1000 : permille) * BAR_WIDTH /
				 1000));
		return;
	}
	for (unsigned i = 0; i < MARK_WIDTH; i++)
		bar[(tick + i) % BAR_WIDTH] = '=';
}

int progress_format(
	struct buf *out, const struct progress_row *row, unsigned width, unsigned tick)
{
	char bar[BAR_WIDTH + 1], percent[8] = "    ", tail[96];
	size_t room;
	int r = 0;

	if (row->permille >= 0)
		snprintf(percent, sizeof(percent), "%3d%%",
			(row->permille > 1000 ? 1000 : row->permille) / 10);
	fill_bar(bar, row->permille, tick);
	snprintf(tail, sizeof(tail), " %4" PRId64 " s  %.60s", row->seconds,
		row->note ? row->note : "");
	if (width > WIDTH_MIN + BAR_WIDTH + 8)
		r = buf_addf(out, "[%s] %s%s  ", bar, percent, tail);
	else
		r = buf_addf(out, "%s ", percent);
	room = width > visible_width(out->data ? out->data : "") + 1
		       ? width - visible_width(out->data ? out->data : "") - 1
		       : 0;
	return r < 0 ? r : text_add_visible(out, row->label, room, NULL);
}

static struct winsize screen_of(int fd)
{
	struct winsize w = {0};

	if (ioctl(fd, TIOCGWINSZ, &w) < 0 || !w.ws_col || !w.ws_row)
		w = (struct winsize){.ws_col = WIDTH_DEFAULT, .ws_row = HEIGHT_DEFAULT};
	if (w.ws_col < WIDTH_MIN)
		w.ws_col = WIDTH_MIN;
	return w;
}

static int add_erase(struct buf *out, size_t lines)
{
	return lines ? buf_addf(out, "\033[%zuA\r\033[J", lines) : 0;
}

static void put(const struct progress *p, const struct buf *b)
{
	if (b->len && write(p->fd, b->data, b->len) < 0)
		return; /* a terminal that went away is noticed elsewhere */
}

void progress_draw(struct progress *p, const struct progress_row *rows, size_t n)
{
	struct winsize screen = screen_of(p->fd);
	scoped(buf_finish) struct buf b = {0};
	scoped(buf_finish) struct buf line = {0};
	int r;

	if (!p->is_tty)
		return;
	if (n > (size_t)screen.ws_row - 1)
		n = screen.ws_row - 1;
	r = add_erase(&b, p->lines);
	for (size_t i = 0; i < n && r == 0; i++) {
		buf_clear(&line);
		r = progress_format(&line, &rows[i], screen.ws_col, p->tick);
		if (r == 0)
			r = buf_addf(&b, "%s\n", line.data);
	}
	if (r < 0)
		return;
	put(p, &b);
	p->lines = n;
	p->tick++;
}

void progress_clear(struct progress *p)
{
	scoped(buf_finish) struct buf b = {0};

	if (p->is_tty && add_erase(&b, p->lines) == 0)
		put(p, &b);
	p->lines = 0;
}
