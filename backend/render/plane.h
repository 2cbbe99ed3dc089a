// SPDX-License-Identifier: MIT
#pragma once
/* Blending in 8-bit Y'CbCr 4:2:0, so that frames of a video are put together in the
 * very form that the encoder takes: a third of the work of RGB. BT.709, limited range.
 */
#include <stdint.h>

#include "backend/media/encode_video.h"
#include "backend/render/look.h"

/* A painted layer: colour premultiplied with opacity (chroma about 128), opacity at
 * full and at half resolution. Rows [y, y + h) of the picture from column x; all even.
 */
struct texture {
	int x, y, w, h;
	uint8_t *luma, *alpha;     /* w * h */
	uint8_t *cb, *cr, *alpha2; /* w/2 * h/2 */
	uint8_t *kind;             /* per row pair: enum row_kind */
};

enum row_kind { ROW_EMPTY, ROW_MIXED, ROW_SOLID };

/* Memory for a texture of that place and size, all even. -ENOMEM. */
int texture_init(struct texture *t, int x, int y, int w, int h);
void texture_finish(struct texture *t);

/* Takes two rows of straight RGBA (4 * w bytes each), y and y + 1 of the texture. */
void texture_put(struct texture *t, int y, const uint8_t *top, const uint8_t *bottom);

/* How a texture lies on the frame. */
struct lay {
	float dx, dy;  /* pixels to the right and down */
	int period;    /* even; > 0: it repeats so many pixels to the right */
	float opacity; /* 0..1 */
	float ripple, ripple_phase; /* swing of rows in pixels at the bottom */
};

/* Blends row pair `y`, `y + 1` (y even) of the frame; w even. tmp: 4 * (w + 16) bytes.
 */
void texture_blend(const struct texture *t, const struct lay *lay,
	const struct encode_frame *f, int w, int h, int y, uint8_t *tmp);

/* One pixel of straight colour, as the three values of the form above. */
void plane_color(v4 c, uint8_t ret[static 3]);
