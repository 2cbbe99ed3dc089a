// SPDX-License-Identifier: MIT
/* The tables of media, of the kinds of models that make them, and of the trees they are
 * in: a new one is a row here. In a file of its own, so that tests can put another in
 * its place. Constant: any thread, no owner. */
#include "cache/base/media_type.h"

#include "cache/base/mem.h"

/* No H.264 stream of ours or of today's models comes near 40 Mbit/s at 4K. */
#define VIDEO_SECOND_BYTES (5 * 1000 * 1000)

const struct media_traits media_table[] = {
	[MEDIA_NONE] = {.ext = "", .mime = "application/octet-stream"},
	[MEDIA_PNG] = {.ext = "png",
		.mime = "image/png",
		.first = "\x89PNG\r\n\x1a\n",
		.made_by = MADE_BY(MODEL_PICTURE),
		.has_pixels = true},
	[MEDIA_JPEG] = {.ext = "jpg",
		.mime = "image/jpeg",
		.first = "\xff\xd8\xff",
		.made_by = MADE_BY(MODEL_PICTURE),
		.has_pixels = true},
	[MEDIA_MP4] = {.ext = "mp4",
		.mime = "video/mp4",
		.first = "....ftyp....",
		.made_by = MADE_BY(MODEL_VIDEO),
		.is_timed = true,
		.has_pixels = true,
		.second_bytes = VIDEO_SECOND_BYTES},
	[MEDIA_TEXT] = {.ext = "txt",
		.mime = "text/plain",
		.made_by = MADE_BY(MODEL_TEXT),
		.is_text = true},
};
const size_t media_table_n = ARRAY_SIZE(media_table);

const struct media_kind kind_table[] = {
	[MODEL_PICTURE] = {"picture", TREE_PROMPTS},
	[MODEL_VIDEO] = {"video", TREE_VIDEOS},
	[MODEL_TEXT] = {"text", TREE_PROMPTS},
};
const size_t kind_table_n = ARRAY_SIZE(kind_table);

const char *const tree_table[] = {
	[TREE_PROMPTS] = "prompts",
	[TREE_VIDEOS] = "videos",
};
const size_t tree_table_n = ARRAY_SIZE(tree_table);
