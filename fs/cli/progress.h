// SPDX-License-Identifier: MIT
#pragma once
/* Text for terminals: bars that are redrawn in place, and names made harmless. One
 * thread. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "cache/base/buf.h"

struct progress_row {
	const char *label; /* may hold anything; shown harmless */
	int permille;      /* 0..1000; -1: not known, then a mark moves */
	int64_t seconds;   /* since it started */
	const char *note;  /* "generating", "queued, 3rd" */
};

struct progress {
	int fd;
	bool is_tty;
	size_t lines; /* on the screen now */
	unsigned tick;
};

/* Bars appear only where fd is a terminal. */
void progress_init(struct progress *p, int fd);
/* Replaces what is on the screen; at most its height. */
void progress_draw(struct progress *p, const struct progress_row *rows, size_t n);
void progress_clear(struct progress *p);

/* One row in at most `width` columns (>= 20), without an end of line. -ENOMEM. */
int progress_format(
	struct buf *out, const struct progress_row *row, unsigned width, unsigned tick);

/* Appends `s` with control characters and broken UTF-8 as '?', in at most `width`
 * columns
 * ("..." at the end where it was cut); *ret_width says how many, may be NULL. -ENOMEM.
 */
int text_add_visible(struct buf *out, const char *s, size_t width, size_t *ret_width);
/* The same to a stream, at most what a path can be long. */
void text_print_visible(FILE *out, const char *s);
/* "1.5 MiB", "980 B". */
#define TEXT_SIZE 16
void text_format_size(uint64_t bytes, char ret[static TEXT_SIZE]);
