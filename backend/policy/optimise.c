// SPDX-License-Identifier: MIT
/* The words that styles and enhance= add. Pure. */
#include "backend/policy/optimise.h"

#include <string.h>

#include "cache/base/mem.h"

static const char *const styles[] = {
	"photographic",
	"artistic",
	"cinematic",
	"minimalist",
	"digital-art",
	"anime",
	"sketch",
};

static const char *const modifiers[] = {
	"professional photography, high resolution, detailed",
	"artistic style, creative composition, vibrant colors",
	"cinematic lighting, dramatic composition, film-like quality",
	"clean, simple, minimal design, elegant composition",
	"digital art, clean shapes, vivid colors",
	"anime style, cel shading, expressive lines",
	"pencil sketch, hand-drawn lines, monochrome",
};
_Static_assert(ARRAY_SIZE(styles) == ARRAY_SIZE(modifiers), "one list per style");

static const char enhancing[] = "high quality, detailed, sharp focus";
static const char unwanted[] =
	"blurry, low quality, pixelated, distorted, watermark, text, logo, signature";

const char *const *optimise_styles(size_t *ret_n)
{
	*ret_n = ARRAY_SIZE(styles);
	return styles;
}

static const char *modifiers_of(const char *style)
{
	for (size_t i = 0; i < ARRAY_SIZE(styles); i++) {
		if (!strcmp(styles[i], style))
			return modifiers[i];
	}
	return NULL;
}

bool optimise_style_is_known(const char *style)
{
	return modifiers_of(style) != NULL;
}

static bool is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static int add_term(struct buf *ret, const char *term, size_t len)
{
	int r = 0;

	while (len > 0 && is_blank(term[0])) {
		term++;
		len--;
	}
	while (len > 0 && is_blank(term[len - 1]))
		len--;
	if (len == 0)
		return 0;
	if (ret->len > 0)
		r = buf_adds(ret, ", ");
	return r < 0 ? r : buf_add(ret, term, len);
}

/* The terms of a list, without the empty ones; `word` stands for `meaning`. */
static int add_terms(
	struct buf *ret, const char *text, const char *word, const char *meaning)
{
	int r = 0;

	for (; r == 0; text++) {
		size_t n = strcspn(text, ",");

		if (word && strlen(word) == n && !memcmp(text, word, n))
			r = add_term(ret, meaning, strlen(meaning));
		else
			r = add_term(ret, text, n);
		text += n;
		if (!*text)
			break;
	}
	return r;
}

int optimise_prompt(const struct request *req, bool enhance_setting, struct buf *ret)
{
	const char *style = req->opt[OPT_STYLE], *enhance = req->opt[OPT_ENHANCE];
	bool enhances = enhance ? !strcmp(enhance, "on") : enhance_setting;
	const char *extra = style ? modifiers_of(style) : NULL;
	scoped(buf_finish) struct buf b = {0};
	int r;

	if (!style && !enhances)
		return buf_add(ret, req->prompt->text, req->prompt->len);
	r = add_terms(&b, req->prompt->text, NULL, NULL);
	if (r == 0 && extra)
		r = add_terms(&b, extra, NULL, NULL);
	if (r == 0 && enhances)
		r = add_terms(&b, enhancing, NULL, NULL);
	return r < 0 ? r : buf_add(ret, b.data ? b.data : "", b.len);
}

int optimise_negative(const struct request *req, struct buf *ret)
{
	scoped(buf_finish) struct buf b = {0};
	int r;

	if (!req->opt[OPT_NEGATIVE])
		return 0;
	r = add_terms(&b, req->opt[OPT_NEGATIVE], "default", unwanted);
	return r < 0 ? r : buf_add(ret, b.data ? b.data : "", b.len);
}
