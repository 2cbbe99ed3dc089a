// SPDX-License-Identifier: MIT
#include "fs/cli/progress.h"

#include <locale.h>

#include "cache/base/mem.h"
#include "tests/support/tap.h"

static void names_are_made_harmless(void)
{
	static const struct {
		const char *in;
		size_t width;
		const char *out;
	} rows[] = {
		{"a red fox", 20, "a red fox"},
		{"a red fox", 9, "a red fox"},
		{"a red fox", 8, "a red..."},
		{"a red fox", 2, ".."},
		{"\033[2Jx\n", 20, "?[2Jx?"},
		{"\302\233x", 20, "?x"},     /* C1: CSI in one character */
		{"\342\200\256x", 20, "?x"}, /* writes backwards */
		{"\377\376x\303", 20, "??x?"},
		{"caf\303\251", 4, "caf\303\251"},
		{"", 5, NULL},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		scoped(buf_finish) struct buf b = {0};

		CHECK_INT(text_add_visible(&b, rows[i].in, rows[i].width, NULL), 0);
		CHECK_STR(b.data, rows[i].out);
	}
}

static void wide_characters_count_twice(void)
{
	scoped(buf_finish) struct buf b = {0};
	size_t width;

	if (!setlocale(LC_CTYPE, "C.UTF-8"))
		return;
	CHECK_INT(
		text_add_visible(&b, "\347\213\220\347\213\220\347\213\220", 5, &width),
		0);
	CHECK_STR(b.data, "\347\213\220...");
	CHECK_INT((int64_t)width, 5);
	setlocale(LC_CTYPE, "C");
}

static void rows_fit(void)
{
	struct progress_row row = {
		.label = "/prompts/a very long prompt that goes on/1.png",
		.permille = 425,
		.seconds = 12,
		.note = "generating"};
	scoped(buf_finish) struct buf b = {0};

	CHECK_INT(progress_format(&b, &row, 80, 0), 0);
	CHECK_INT((int64_t)b.len, 79);
	CHECK(strstr(b.data,
		      "[########            ]  42%   12 s  generating  /prompts/a") !=
		NULL);
	for (unsigned width = 20; width < 120; width++) {
		buf_clear(&b);
		row.permille = (int)width * 12 - 1;
		CHECK_INT(progress_format(&b, &row, width, width), 0);
		CHECK(b.len < width);
	}
	buf_clear(&b);
	row.permille = -1;
	CHECK_INT(progress_format(&b, &row, 80, 18), 0);
	CHECK(strstr(b.data, "[==                ==]") != NULL);
}

static void sizes(void)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} rows[] = {{0, "0 B"}, {1023, "1023 B"}, {1536, "1.5 KiB"},
		{UINT64_C(5) << 30, "5.0 GiB"}, {UINT64_MAX, "16384.0 PiB"}};
	char text[TEXT_SIZE];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		text_format_size(rows[i].bytes, text);
		CHECK_STR(text, rows[i].text);
	}
}

TAP_MAIN(TAP_CASE(names_are_made_harmless), TAP_CASE(wide_characters_count_twice),
	TAP_CASE(rows_fit), TAP_CASE(sizes))
