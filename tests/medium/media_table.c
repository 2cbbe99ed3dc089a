// SPDX-License-Identifier: MIT
/* The tables of media with one more row in each: what adding a medium takes. Linked
 * into tests, where it stands in for the product's file of that name; constant. JPEG is
 * left out: a number that no medium has is passed over. */
#include "tests/medium/sample.h"

#include "cache/base/mem.h"

const struct media_traits media_table[] = {
	[MEDIA_NONE] = {.ext = "", .mime = "application/octet-stream"},
	[MEDIA_PNG] = {.ext = "png",
		.mime = "image/png",
		.first = "\x89PNG\r\n\x1a\n",
		.made_by = MADE_BY(MODEL_PICTURE),
		.has_pixels = true},
	[MEDIA_MP4] = {.ext = "mp4",
		.mime = "video/mp4",
		.first = "....ftyp....",
		.made_by = MADE_BY(MODEL_VIDEO),
		.is_timed = true,
		.has_pixels = true,
		.second_bytes = 5000000},
	[MEDIA_TEXT] = {.ext = "txt",
		.mime = "text/plain",
		.made_by = MADE_BY(MODEL_TEXT),
		.is_text = true},
	[MEDIA_SAMPLE] = {.ext = "tst",
		.mime = "audio/x-test",
		.first = "TST1....data",
		.made_by = MADE_BY(MODEL_SAMPLE),
		.is_timed = true,
		.second_bytes = 1000},
};
const size_t media_table_n = ARRAY_SIZE(media_table);

const struct media_kind kind_table[] = {
	[MODEL_PICTURE] = {"picture", TREE_PROMPTS},
	[MODEL_VIDEO] = {"video", TREE_VIDEOS},
	[MODEL_TEXT] = {"text", TREE_PROMPTS},
	[MODEL_SAMPLE] = {"sample", TREE_TESTS},
};
const size_t kind_table_n = ARRAY_SIZE(kind_table);

const char *const tree_table[] = {
	[TREE_PROMPTS] = "prompts",
	[TREE_VIDEOS] = "videos",
	[TREE_TESTS] = "tests",
};
const size_t tree_table_n = ARRAY_SIZE(tree_table);
