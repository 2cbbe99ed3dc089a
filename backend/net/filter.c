// SPDX-License-Identifier: MIT
/* A state machine over bytes as they arrive, with a fast loop for base64: see filter.h.
 */
#include "backend/net/filter.h"

#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cache/base/mem.h"
#include "cache/base/str.h"

#define KEY_MAX 24
#define OUT_BYTES 49152 /* decoded bytes handed on at once */
#define OUT_SLACK 2     /* the fast loop stores in whole words */
#define NO_DIGIT 0xff000000u
#define MEDIA_PREFIX "@media:"

static const char *const media_keys[] = {
	"bytesBase64Encoded", "data", "b64_json", "encodedVideo", "audioContent"};

enum mode {
	MODE_TEXT,        /* between strings */
	MODE_STRING,      /* in a key or an ordinary value */
	MODE_ESCAPE,      /* after a backslash in it */
	MODE_MEDIA,       /* in a base64 value */
	MODE_MEDIA_SLASH, /* after a backslash in it */
	MODE_MEDIA_HEX,   /* in \uXXXX in it */
};

struct filter {
	struct filter_ops ops;
	void *user;
	struct buf json;
	enum mode mode;
	/* Containers around the present point: true where it is an object. */
	bool is_object[FILTER_DEPTH_MAX];
	uint32_t depth;
	bool wants_key; /* the next string is a member's name */
	char key[KEY_MAX];
	size_t key_len; /* KEY_MAX: longer than any that matters */
	/* The media string being decoded. */
	uint32_t index, count;
	uint32_t bits, n_bits; /* carried between blocks */
	uint32_t hex_left, hex;
	bool is_valid, is_padded;
	size_t out_len;
	/* The value of a digit, shifted to its place in a group of four. */
	uint32_t place[4][256];
	uint8_t out[OUT_BYTES + OUT_SLACK];
};

/* 0..63 for a digit of either alphabet; 0x40 blank; 0x41 padding; 0x80 neither. */
static const uint8_t *digit_table(void)
{
	static const uint8_t table[256] = {
#define X 0x80
#define B 0x40
		X, X, X, X, X, X, X, X, X, B, B, X, X, B, X, X, X, X, X, X, X, X, X, X,
		X, X, X, X, X, X, X, X, B, X, X, X, X, X, X, X, X, X, X, 62, X, 62, X,
		63, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, X, X, X, 0x41, X, X, X, 0,
		1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20,
		21, 22, 23, 24, 25, X, X, X, X, 63, X, 26, 27, 28, 29, 30, 31, 32, 33,
		34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51,
		X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X,
		X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X,
		X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X,
		X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X,
		X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X,
		X, X, X, X, X, X, X, X, X, X, X, X, X};
#undef X
#undef B
	return table;
}

static void make_places(struct filter *f)
{
	const uint8_t *t = digit_table();

	for (uint32_t i = 0; i < 4; i++) {
		for (uint32_t c = 0; c < 256; c++)
			f->place[i][c] =
				t[c] > 63 ? NO_DIGIT : (uint32_t)t[c] << (18 - 6 * i);
	}
}

struct filter *filter_new(const struct filter_ops *ops, void *user)
{
	struct filter *f = new0(struct filter);

	if (f) {
		f->ops = *ops;
		f->user = user;
		make_places(f);
	}
	return f;
}

void filter_free(struct filter *f)
{
	if (!f)
		return;
	buf_finish(&f->json);
	free(f);
}

const struct buf *filter_json(const struct filter *f)
{
	return &f->json;
}

int filter_media_index(const char *value, uint32_t *ret)
{
	uint64_t v;

	if (!str_starts(value, MEDIA_PREFIX) ||
		str_parse_u64(value + strlen(MEDIA_PREFIX), FILTER_MEDIA_MAX - 1, &v))
		return -EINVAL;
	*ret = (uint32_t)v;
	return 0;
}

static int keep(struct filter *f, const char *text, size_t len, struct err *err)
{
	if (f->json.len + len > FILTER_JSON_MAX)
		return err_set(err, EMSGSIZE,
			"the answer's text is longer than %u bytes", FILTER_JSON_MAX);
	return buf_add(&f->json, text, len) < 0 ? err_oom(err) : 0;
}

/* ---- media ---- */

static int flush(struct filter *f, struct err *err)
{
	int r = 0;

	if (f->out_len)
		r = f->ops.data(f->user, f->index, f->out, f->out_len, err);
	f->out_len = 0;
	return r;
}

static int media_begin(struct filter *f, struct err *err)
{
	char ref[32];
	int n;

	if (f->count == FILTER_MEDIA_MAX)
		return err_set(err, EMSGSIZE, "more than %u media in one answer",
			FILTER_MEDIA_MAX);
	f->index = f->count++;
	f->bits = f->n_bits = 0;
	f->is_valid = true;
	f->is_padded = false;
	f->mode = MODE_MEDIA;
	n = snprintf(ref, sizeof(ref), "\"" MEDIA_PREFIX "%u\"", f->index);
	int r = keep(f, ref, (size_t)n, err);
	return r < 0 ? r : f->ops.begin(f->user, f->index, err);
}

static int media_end(struct filter *f, struct err *err)
{
	int r = flush(f, err);

	/* 1 digit over is no byte; leftover bits of 2 or 3 must be 0, but servers
	 * differ. */
	if (f->n_bits == 6)
		f->is_valid = false;
	f->mode = MODE_TEXT;
	return r < 0 ? r : f->ops.end(f->user, f->index, f->is_valid, err);
}

static int media_digit(struct filter *f, uint8_t digit, struct err *err)
{
	if (digit == 0x40)
		return 0;
	if (digit == 0x41) {
		f->is_padded = true;
		return 0;
	}
	if (digit > 63 || f->is_padded) {
		f->is_valid = false;
		return 0;
	}
	f->bits = f->bits << 6 | digit;
	f->n_bits += 6;
	if (f->n_bits < 8)
		return 0;
	f->n_bits -= 8;
	f->out[f->out_len++] = (uint8_t)(f->bits >> f->n_bits);
	f->bits &= (1u << f->n_bits) - 1;
	return f->out_len == OUT_BYTES ? flush(f, err) : 0;
}

static uint32_t group(const struct filter *f, const uint8_t *p)
{
	return f->place[0][p[0]] | f->place[1][p[1]] | f->place[2][p[2]] |
	       f->place[3][p[3]];
}

/* Whole groups of four digits; returns how many bytes of `p` it took. Two groups at a
 * time, six bytes stored as eight: the last two are overwritten next. */
static size_t media_groups(struct filter *f, const uint8_t *p, size_t len)
{
	uint8_t *out = f->out + f->out_len;
	size_t room = (OUT_BYTES - f->out_len) / 3, i = 0;
	size_t pairs = (len / 4 < room ? len / 4 : room) / 2;

	for (; pairs; pairs--, i += 8, out += 6) {
		uint32_t a = group(f, p + i), b = group(f, p + i + 4);

		if ((a | b) & NO_DIGIT)
			break;
		uint64_t word = htobe64((uint64_t)a << 40 | (uint64_t)b << 16);
		memcpy(out, &word, sizeof(word));
	}
	room -= i / 4;
	while (i + 4 <= len && room) {
		uint32_t a = group(f, p + i);

		if (a & NO_DIGIT)
			break;
		*out++ = (uint8_t)(a >> 16);
		*out++ = (uint8_t)(a >> 8);
		*out++ = (uint8_t)a;
		i += 4;
		room--;
	}
	f->out_len = (size_t)(out - f->out);
	return i;
}

static int feed_media(
	struct filter *f, const uint8_t *p, size_t len, size_t *used, struct err *err)
{
	const uint8_t *t = digit_table();
	size_t i = 0;
	int r = 0;

	while (i < len && r == 0) {
		if (!f->n_bits && f->is_valid && !f->is_padded) {
			i += media_groups(f, p + i, len - i);
			if (f->out_len > OUT_BYTES - 3)
				r = flush(f, err);
			if (i == len || r < 0)
				break;
		}
		uint8_t c = p[i++];
		if (c == '"') {
			r = media_end(f, err);
			break;
		}
		if (c == '\\') {
			f->mode = MODE_MEDIA_SLASH;
			break;
		}
		r = media_digit(f, t[c], err);
	}
	*used = i;
	return r;
}

/* "\/" is a digit, "\n" a blank; "\u002B" and the like come from careful encoders. */
static int media_escape(struct filter *f, uint8_t c, struct err *err)
{
	f->mode = MODE_MEDIA;
	if (c == '/')
		return media_digit(f, 63, err);
	if (c == 'u') {
		f->mode = MODE_MEDIA_HEX;
		f->hex_left = 4;
		f->hex = 0;
	} else if (c != 'n' && c != 'r' && c != 't') {
		f->is_valid = false;
	}
	return 0;
}

static int media_hex(struct filter *f, uint8_t c, struct err *err)
{
	static const char digits[] = "0123456789abcdef";
	const char *d = c ? strchr(digits, c | 0x20) : NULL;

	if (!d || c < '0')
		f->is_valid = false;
	f->hex = f->hex << 4 | (d ? (uint32_t)(d - digits) : 0);
	if (--f->hex_left)
		return 0;
	f->mode = MODE_MEDIA;
	return media_digit(f, f->hex < 128 ? digit_table()[f->hex] : 0x80, err);
}

/* ---- text ---- */

static bool key_is_media(const struct filter *f)
{
	for (size_t i = 0; i < ARRAY_SIZE(media_keys); i++) {
		if (strlen(media_keys[i]) == f->key_len &&
			!memcmp(media_keys[i], f->key, f->key_len))
			return true;
	}
	return false;
}

static int open_container(struct filter *f, bool object, struct err *err)
{
	if (f->depth == FILTER_DEPTH_MAX)
		return err_set(err, EPROTO, "the answer is nested deeper than %u",
			FILTER_DEPTH_MAX);
	f->is_object[f->depth++] = object;
	f->wants_key = object;
	f->key_len = 0;
	return 0;
}

static int text_byte(struct filter *f, uint8_t c, struct err *err)
{
	bool in_object = f->depth && f->is_object[f->depth - 1];

	switch (c) {
	case '{':
	case '[':
		return open_container(f, c == '{', err);
	case '}':
	case ']':
		f->depth -= f->depth > 0;
		f->wants_key = false;
		break;
	case ',':
		f->wants_key = in_object;
		break;
	case ':':
		f->wants_key = false;
		break;
	default:
		break;
	}
	return 0;
}

/* Ordinary text up to a media string; *used bytes are taken. */
static int feed_text(
	struct filter *f, const uint8_t *p, size_t len, size_t *used, struct err *err)
{
	size_t i = 0;
	int r = 0;

	for (; i < len && r == 0; i++) {
		uint8_t c = p[i];

		if (f->mode == MODE_ESCAPE) {
			f->mode = MODE_STRING;
			f->key_len = KEY_MAX; /* no media key has an escape */
		} else if (f->mode == MODE_STRING) {
			if (c == '\\')
				f->mode = MODE_ESCAPE;
			else if (c == '"')
				f->mode = MODE_TEXT;
			else if (f->wants_key && f->key_len < KEY_MAX)
				f->key[f->key_len++] = (char)c;
		} else if (c == '"') {
			bool in_object = f->depth && f->is_object[f->depth - 1];

			if (in_object && !f->wants_key && key_is_media(f))
				break;
			f->mode = MODE_STRING;
			if (f->wants_key)
				f->key_len = 0;
		} else {
			r = text_byte(f, c, err);
		}
	}
	*used = i;
	return r < 0 ? r : keep(f, (const char *)p, i, err);
}

static int feed_some(
	struct filter *f, const uint8_t *p, size_t len, size_t *used, struct err *err)
{
	int r;

	switch (f->mode) {
	case MODE_MEDIA:
		return feed_media(f, p, len, used, err);
	case MODE_MEDIA_SLASH:
		*used = 1;
		return media_escape(f, p[0], err);
	case MODE_MEDIA_HEX:
		*used = 1;
		return media_hex(f, p[0], err);
	default:
		break;
	}
	r = feed_text(f, p, len, used, err);
	if (r == 0 && *used < len) { /* at the quote of a media string */
		(*used)++;
		r = media_begin(f, err);
	}
	return r;
}

int filter_feed(struct filter *f, const void *data, size_t len, struct err *err)
{
	const uint8_t *p = data;

	while (len) {
		size_t used = 0;
		int r = feed_some(f, p, len, &used, err);

		if (r < 0)
			return r;
		p += used;
		len -= used;
	}
	return 0;
}

int filter_end(struct filter *f, struct err *err)
{
	if (f->mode == MODE_TEXT)
		return 0;
	return err_set(err, EPROTO, "the answer ended in the middle");
}
