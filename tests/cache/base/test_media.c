// SPDX-License-Identifier: MIT
/* The tables of media: that they agree with each other, and what was stored by them. */
#include <errno.h>
#include <string.h>

#include "cache/base/media_type.h"
#include "cache/base/mem.h"
#include "tests/support/tap.h"

static void stored_numbers(void)
{
	static const struct {
		int number;
		const char *ext, *mime;
	} rows[] = {
		{0, "", "application/octet-stream"},
		{1, "png", "image/png"},
		{2, "jpg", "image/jpeg"},
		{3, "mp4", "video/mp4"},
		{4, "txt", "text/plain"},
		{5, "", "application/octet-stream"},
		{255, "", "application/octet-stream"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		enum media_type type = (enum media_type)rows[i].number;

		CHECK_STR(media_ext(type), rows[i].ext);
		CHECK_STR(media_mime(type), rows[i].mime);
		CHECK(media_is_known(type) == (rows[i].number <= 4));
		if (*rows[i].ext)
			CHECK_INT(media_find(rows[i].ext), rows[i].number);
	}
	CHECK_INT(media_find(""), MEDIA_NONE);
	CHECK_INT(media_find("pn"), MEDIA_NONE);
	CHECK_INT(media_find("pngx"), MEDIA_NONE);
}

static void sniffs(void)
{
	static const char mp4[] = "\0\0\0\x20"
				  "ftypisom";

	CHECK_INT(media_sniff("\x89PNG\r\n\x1a\n....", 12), MEDIA_PNG);
	CHECK_INT(media_sniff("\x89PNG\r\n\x1a\n", 7), MEDIA_NONE);
	CHECK_INT(media_sniff("\xff\xd8\xff\xe0", 4), MEDIA_JPEG);
	CHECK_INT(media_sniff("\xff\xd8", 2), MEDIA_NONE);
	CHECK_INT(media_sniff(mp4, 12), MEDIA_MP4);
	CHECK_INT(media_sniff(mp4, 11), MEDIA_NONE);
	CHECK_INT(media_sniff("a text of words", 15), MEDIA_NONE);
	CHECK_INT(media_sniff("", 0), MEDIA_NONE);
}

/* A path's file name is read without knowing where its extension ends. */
static void no_extension_begins_another(void)
{
	for (size_t i = 1; i < media_table_n; i++) {
		for (size_t k = 1; k < media_table_n; k++) {
			const char *a = media_table[i].ext, *b = media_table[k].ext;

			CHECK(i == k || strncmp(a, b, strlen(a)));
		}
	}
}

/* kind_traits() gives the first one's: the others must be like it. */
static void kinds_make_media_alike(void)
{
	for (size_t k = 0; k < kind_table_n; k++) {
		const struct media_traits *of = kind_traits((enum model_kind)k);

		CHECK(of != media_traits(MEDIA_NONE));
		for (size_t i = 1; i < media_table_n; i++) {
			const struct media_traits *t = &media_table[i];

			if (!media_is_made_by((enum media_type)i, (enum model_kind)k))
				continue;
			CHECK(t->is_timed == of->is_timed && t->is_text == of->is_text);
			CHECK(t->has_pixels == of->has_pixels);
			CHECK(media_tree_holds(kind_table[k].tree, (enum media_type)i));
		}
	}
	for (size_t i = 1; i < media_table_n; i++)
		CHECK(media_table[i].made_by &&
			!media_table[i].is_timed == !media_table[i].second_bytes);
}

static void trees(void)
{
	enum request_tree tree = TREE_PROMPTS;

	CHECK_STR(media_tree_name(TREE_PROMPTS), "prompts");
	CHECK_STR(media_tree_name(TREE_VIDEOS), "videos");
	CHECK_INT(media_tree_find("videos", &tree), 0);
	CHECK_INT(tree, TREE_VIDEOS);
	CHECK_INT(media_tree_find("video", &tree), -ENOENT);
	CHECK(media_tree_holds(TREE_PROMPTS, MEDIA_PNG));
	CHECK(media_tree_holds(TREE_PROMPTS, MEDIA_TEXT));
	CHECK(!media_tree_holds(TREE_PROMPTS, MEDIA_MP4));
	CHECK(media_tree_holds(TREE_VIDEOS, MEDIA_MP4));
	CHECK(!media_tree_holds(TREE_VIDEOS, MEDIA_TEXT));
	CHECK(!media_tree_holds(TREE_VIDEOS, MEDIA_NONE));
}

TAP_MAIN(TAP_CASE(stored_numbers), TAP_CASE(sniffs),
	TAP_CASE(no_extension_begins_another), TAP_CASE(kinds_make_media_alike),
	TAP_CASE(trees))
