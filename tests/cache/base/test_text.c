// SPDX-License-Identifier: MIT
/* err, buf, str, clk, digest, media_type, tmpfile: the small ones together. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "cache/base/buf.h"
#include "cache/base/clk.h"
#include "cache/base/digest.h"
#include "cache/base/media_type.h"
#include "cache/base/mem.h"
#include "cache/base/str.h"
#include "cache/base/tmpfile.h"
#include "tests/support/tap.h"

static void errors_are_one_line(void)
{
	struct err err = {0};
	char longer[400];

	CHECK_INT(err_set(&err, EINVAL, "a\nb\t%d", 7), -EINVAL);
	CHECK_STR(err.why, "a b 7");
	CHECK_INT(err_wrap(&err, -EINVAL, "reading %s", "x"), -EINVAL);
	CHECK_STR(err.why, "reading x: a b 7");
	CHECK_INT(err_set(NULL, ENOENT, "nobody listens"), -ENOENT);
	CHECK_INT(err_wrap(NULL, -EIO, "nobody listens"), -EIO);
	memset(longer, 'x', sizeof(longer));
	longer[sizeof(longer) - 1] = '\0';
	err_set(&err, EIO, "%s", longer);
	CHECK_INT((int64_t)strlen(err.why), sizeof(err.why) - 1);
}

static void errors_are_cut_between_characters(void)
{
	struct err err = {0};
	char text[300];
	size_t n;

	for (size_t pad = 0; pad < 4; pad++) {
		memset(text, 'x', pad);
		text[pad] = '\0';
		while (strlen(text) < 280)
			strcat(text, "\xe2\x82\xac");
		err_set(&err, EIO, "%s", text);
		CHECK_INT(str_utf8_count(err.why, strlen(err.why), &n), 0);
	}
}

static void buffers_grow(void)
{
	scoped(buf_finish) struct buf b = {0};
	struct err err = {0};
	char *text;

	for (int i = 0; i < 1000; i++)
		CHECK_INT(buf_addf(&b, "%d,", i), 0);
	CHECK_INT((int64_t)b.len, 3890);
	CHECK(b.data[b.len] == '\0');
	CHECK_INT(buf_reserve(&b, SIZE_MAX - 8), -ENOMEM);
	text = buf_detach(&b);
	CHECK(text && str_starts(text, "0,1,2,") && !b.data);
	free(text);
	CHECK_INT(buf_read_file(&b, "/proc/self/status", 100, &err), -EFBIG);
	CHECK(*err.why);
	CHECK_INT(buf_read_file(&b, "/nonexistent", 100, &err), -ENOENT);
}

static void numbers_are_bounded(void)
{
	uint64_t v = 9;
	double d = 9;

	CHECK_INT(str_parse_u64("0", 10, &v), 0);
	CHECK_INT(str_parse_u64("18446744073709551615", UINT64_MAX, &v), 0);
	CHECK(v == UINT64_MAX);
	CHECK_INT(str_parse_u64("18446744073709551616", UINT64_MAX, &v), -ERANGE);
	CHECK_INT(str_parse_u64("11", 10, &v), -ERANGE);
	CHECK_INT(str_parse_u64("", 10, &v), -EINVAL);
	CHECK_INT(str_parse_u64("+1", 10, &v), -EINVAL);
	CHECK_INT(str_parse_decimal("7.5", &d), 0);
	CHECK(d == 7.5);
	CHECK_INT(str_parse_decimal("1e3", &d), -EINVAL);
	CHECK_INT(str_parse_decimal(".", &d), -EINVAL);
	CHECK_INT(str_parse_decimal("1.2.3", &d), -EINVAL);
}

static void lists_have_pieces(void)
{
	static const struct {
		const char *list, *pieces;
		size_t n;
	} t[] = {{NULL, "", 0}, {"", "<>", 1}, {"a", "<a>", 1}, {"a+bc", "<a><bc>", 2},
		{"a++b", "<a><><b>", 3}, {"+", "<><>", 2}, {"a+", "<a><>", 2}};

	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		scoped(buf_finish) struct buf b = {0};
		const char *rest = t[i].list;
		struct str_piece p;

		while (str_next_piece(&rest, &p))
			CHECK_INT(buf_addf(&b, "<%.*s>", (int)p.len, p.at), 0);
		CHECK(!rest);
		CHECK_STR(b.len ? b.data : "", t[i].pieces);
		CHECK_INT((int64_t)str_count_pieces(t[i].list), (int64_t)t[i].n);
	}
}

static void utf8_is_strict(void)
{
	static const struct {
		const char *text;
		int r;
		size_t n;
	} cases[] = {{"", 0, 0}, {"abc", 0, 3}, {"\xc3\xa9", 0, 1},
		{"\xe2\x82\xac!", 0, 2}, {"\xf0\x9f\xa6\x8a", 0, 1},
		{"\xc0\x80", -EILSEQ, 0}, {"\xe0\x80\x80", -EILSEQ, 0},
		{"\xed\xa0\x80", -EILSEQ, 0}, {"\xf4\x90\x80\x80", -EILSEQ, 0},
		{"\xff", -EILSEQ, 0}, {"\xc3", -EILSEQ, 0}, {"a\x80", -EILSEQ, 0}};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		size_t n = 0;

		CHECK_INT(str_utf8_count(cases[i].text, strlen(cases[i].text), &n),
			cases[i].r);
		CHECK_INT((int64_t)n, (int64_t)cases[i].n);
	}
}

static void clocks_print(void)
{
	char text[25], day[11];

	clk_format(0, text);
	CHECK_STR(text, "1970-01-01T00:00:00.000Z");
	clk_format(-1, text);
	CHECK_STR(text, "1969-12-31T23:59:59.999Z");
	clk_format_day(INT64_C(1795478400123), day);
	CHECK_STR(day, "2026-11-24");
	CHECK(clk_mono_us() >= 0 && clk_real_ms() > INT64_C(1700000000000));
}

static void digests_are_sha256(void)
{
	struct digest d, e;
	struct hasher *h = hasher_new();
	char hex[DIGEST_HEX];

	digest_of(&d, "abc", 3);
	digest_hex(&d, hex);
	CHECK_STR(hex,
		"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	hasher_add(h, "a", 1);
	hasher_add(h, "bc", 2);
	hasher_end(h, &e);
	hasher_free(h);
	CHECK(!memcmp(&d, &e, sizeof(d)));
	CHECK_INT(digest_parse(hex, &e), 0);
	CHECK(!memcmp(&d, &e, sizeof(d)));
	hex[10] = 'g';
	CHECK_INT(digest_parse(hex, &e), -EINVAL);
	CHECK_INT(digest_parse("ba78", &e), -EINVAL);
	digest_of_strings(&d, "a", "bc", NULL);
	digest_of_strings(&e, "ab", "c", NULL);
	CHECK(memcmp(&d, &e, sizeof(d)) != 0);
	CHECK(digest_u64(&d) != digest_u64(&e));
}

static void media_are_sniffed(void)
{
	CHECK_INT(media_sniff("\x89PNG\r\n\x1a\n....", 12), MEDIA_PNG);
	CHECK_INT(media_sniff("\xff\xd8\xff\xe0", 4), MEDIA_JPEG);
	CHECK_INT(media_sniff("\0\0\0\x18"
			      "ftypmp42",
			  12),
		MEDIA_MP4);
	CHECK_INT(media_sniff("\x89PNG", 4), MEDIA_NONE);
	CHECK_INT(media_sniff("", 0), MEDIA_NONE);
	CHECK_STR(media_mime(MEDIA_PNG), "image/png");
	CHECK_STR(media_ext(MEDIA_TEXT), "txt");
}

static void temporary_files_have_no_name(void)
{
	scoped_fd int fd = tmpfile_open("/tmp", NULL);
	struct err err = {0};
	struct stat st;

	CHECK(fd >= 0 && fstat(fd, &st) == 0);
	CHECK_INT(st.st_nlink, 0);
	CHECK_INT(st.st_mode & 0777, 0600);
	CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	CHECK_INT(tmpfile_open("/nonexistent", &err), -ENOENT);
	CHECK(*err.why);
}

TAP_MAIN(TAP_CASE(errors_are_one_line), TAP_CASE(errors_are_cut_between_characters),
	TAP_CASE(buffers_grow), TAP_CASE(numbers_are_bounded),
	TAP_CASE(lists_have_pieces), TAP_CASE(utf8_is_strict), TAP_CASE(clocks_print),
	TAP_CASE(digests_are_sha256), TAP_CASE(media_are_sniffed),
	TAP_CASE(temporary_files_have_no_name))
