// SPDX-License-Identifier: MIT
/* Names of options and the canonical form of their values. Pure. */
#include <errno.h>
#include <string.h>
#include <utf8proc.h>

#include "backend/request/request.h"
#include "backend/request/spell.h"
#include "cache/base/mem.h"
#include "cache/base/str.h"

enum form {
	FORM_FREE,
	FORM_NAME,
	FORM_WORD,
	FORM_RATIO,
	FORM_CLASS,
	FORM_DIGITS,
	FORM_DECIMAL
};

static const struct {
	const char *name;
	enum form form;
} options[OPT_COUNT_] = {
	[OPT_ASPECT] = {"aspect", FORM_RATIO},
	[OPT_AUDIO] = {"audio", FORM_WORD},
	[OPT_COUNT] = {"count", FORM_DIGITS},
	[OPT_ENHANCE] = {"enhance", FORM_WORD},
	[OPT_FPS] = {"fps", FORM_DIGITS},
	[OPT_GUIDANCE] = {"guidance", FORM_DECIMAL},
	[OPT_IMAGE] = {"image", FORM_NAME},
	[OPT_LAST] = {"last", FORM_NAME},
	[OPT_MAX_TOKENS] = {"max_tokens", FORM_DIGITS},
	[OPT_NEGATIVE] = {"negative", FORM_FREE},
	[OPT_PERSON] = {"person", FORM_WORD},
	[OPT_RES] = {"res", FORM_CLASS},
	[OPT_SAFETY] = {"safety", FORM_WORD},
	[OPT_SEED] = {"seed", FORM_DIGITS},
	[OPT_SIZE] = {"size", FORM_CLASS},
	[OPT_STYLE] = {"style", FORM_WORD},
	[OPT_TEMPERATURE] = {"temperature", FORM_DECIMAL},
	[OPT_WATERMARK] = {"watermark", FORM_WORD},
};

const char *option_name(enum option_id id)
{
	return (unsigned)id < OPT_COUNT_ ? options[id].name : NULL;
}

enum option_id option_find(const char *name, size_t len)
{
	enum option_id id = 0;

	while (id < OPT_COUNT_ && (strlen(options[id].name) != len ||
					  memcmp(options[id].name, name, len)))
		id++;
	return id;
}

static size_t digits(const char *s)
{
	return strspn(s, "0123456789");
}

static const char *skip_zeros(const char *s, size_t *n)
{
	while (*n > 1 && *s == '0') {
		s++;
		(*n)--;
	}
	return s;
}

/* "007.50" -> "7.5", ".5" -> "0.5", "1.0" -> "1". */
static int canonical_decimal(const char *s, struct buf *ret)
{
	size_t whole = digits(s), frac = 0;
	const char *point = s + whole;
	int r;

	if (*point == '.')
		frac = digits(point + 1);
	if (point[*point == '.' ? 1 + frac : 0] || (whole == 0 && frac == 0))
		return buf_adds(ret, s);
	while (frac > 0 && point[frac] == '0')
		frac--;
	s = skip_zeros(s, &whole);
	r = whole ? buf_add(ret, s, whole) : buf_addc(ret, '0');
	if (r == 0 && frac > 0)
		r = buf_add(ret, point, frac + 1);
	return r;
}

static int canonical_digits(const char *s, struct buf *ret)
{
	size_t n = digits(s);

	if (n == 0 || s[n])
		return buf_adds(ret, s);
	s = skip_zeros(s, &n);
	return buf_add(ret, s, n);
}

static int canonical_ratio(const char *s, struct buf *ret)
{
	size_t a = digits(s), b = a && s[a] ? digits(s + a + 1) : 0;
	const char *second = s + a + 1;
	int r;

	if (!b || second[b] || !strchr(":xX", s[a]))
		return buf_adds(ret, s);
	s = skip_zeros(s, &a);
	second = skip_zeros(second, &b);
	r = buf_add(ret, s, a);
	if (r == 0)
		r = buf_addc(ret, ':');
	return r < 0 ? r : buf_add(ret, second, b);
}

/* "2k" -> "2K", "1080P" -> "1080p". */
static int canonical_class(const char *s, struct buf *ret)
{
	size_t n = digits(s);
	const char *p = skip_zeros(s, &n);
	int r;

	if (n == 0 || (p[n] && (!strchr("kKpP", p[n]) || p[n + 1])))
		return buf_adds(ret, s);
	r = buf_add(ret, p, n);
	if (r < 0 || !p[n])
		return r;
	return buf_addc(ret, strchr("kK", p[n]) ? 'K' : 'p');
}

static int canonical_word(const char *s, struct buf *ret)
{
	int r = 0;

	for (; *s && r == 0; s++)
		r = buf_addc(ret, (char)(*s >= 'A' && *s <= 'Z' ? *s + 32 : *s));
	return r;
}

static int canonical(enum form form, const char *s, struct buf *ret)
{
	switch (form) {
	case FORM_WORD:
		return canonical_word(s, ret);
	case FORM_RATIO:
		return canonical_ratio(s, ret);
	case FORM_CLASS:
		return canonical_class(s, ret);
	case FORM_DIGITS:
		return canonical_digits(s, ret);
	case FORM_DECIMAL:
		return canonical_decimal(s, ret);
	default:
		return buf_adds(ret, s);
	}
}

/* Names of inputs are bytes, as the directory has them. */
static int normal_form(enum form form, const struct buf *raw, struct buf *ret)
{
	size_t count;
	int r;

	if (form != FORM_NAME)
		return spell_normalise(ret, raw->data, raw->len, false);
	r = str_utf8_count(raw->data, raw->len, &count);
	if (r == 0 && memchr(raw->data, 0, raw->len))
		r = -EILSEQ;
	return r < 0 ? r : buf_add(ret, raw->data, raw->len);
}

int option_canonical(enum option_id id, const char *value, size_t len, char **ret)
{
	scoped(buf_finish) struct buf raw = {0}, nfc = {0}, done = {0}, spelling = {0};
	int r;

	if (len == 0)
		return -ENOENT;
	if (len > SPELL_PATH_MAX)
		return -ENAMETOOLONG;
	r = spell_decode(&raw, value, len);
	if (r == 0)
		r = normal_form(options[id].form, &raw, &nfc);
	if (r == 0)
		r = canonical(options[id].form, nfc.data, &done);
	if (r == 0)
		r = spell_encode(&spelling, done.data, done.len, false);
	if (r < 0)
		return r;
	if (strlen(options[id].name) + 1 + spelling.len > SPELL_NAME_MAX)
		return -ENAMETOOLONG;
	*ret = buf_detach(&done);
	return *ret ? 0 : -ENOMEM;
}
