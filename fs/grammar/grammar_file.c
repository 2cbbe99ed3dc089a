// SPDX-License-Identifier: MIT
/* See grammar_file.h. */
#include "fs/grammar/grammar_file.h"

#include <string.h>

#include "cache/base/mem.h"
#include "cache/base/str.h"

#define SUFFIX(NAME, name) [SIDECAR_##NAME] = "." #name,
static const char *const suffixes[] = {[SIDECAR_ORIG] = ".orig", SIDECARS(SUFFIX)};
#undef SUFFIX

const char *sidecar_suffix(enum sidecar s)
{
	return (unsigned)s < ARRAY_SIZE(suffixes) ? suffixes[s] : NULL;
}

/* 1..max without leading zeros, at most six digits; advances *s. */
static bool take_number(const char **s, uint32_t max, uint32_t *ret)
{
	uint32_t v = 0;
	int n = 0;

	if (**s < '1' || **s > '9')
		return false;
	for (; **s >= '0' && **s <= '9'; (*s)++) {
		if (++n > 6)
			return false;
		v = v * 10 + (uint32_t)(**s - '0');
	}
	*ret = v;
	return v <= max;
}

static bool take_text(const char **s, const char *text)
{
	if (!str_starts(*s, text))
		return false;
	*s += strlen(text);
	return true;
}

static bool take_type(const char **s, enum media_type *ret)
{
	if (!take_text(s, "."))
		return false;
	for (size_t i = MEDIA_NONE + 1; i < media_table_n; i++) {
		enum media_type type = (enum media_type)i;

		if (media_is_known(type) && take_text(s, media_ext(type))) {
			*ret = type;
			return true;
		}
	}
	return false;
}

static bool take_sidecar(const char *s, enum sidecar *ret)
{
	for (size_t i = SIDECAR_COST; i < ARRAY_SIZE(suffixes); i++) {
		if (!strcmp(s, suffixes[i])) {
			*ret = (enum sidecar)i;
			return true;
		}
	}
	return false;
}

/* "<s>s[-<n>]" or "<n>". */
static bool take_stem(const char **s, struct file_name *f)
{
	uint32_t first = 0, take = 1;

	if (!take_number(s, FILE_SECONDS_MAX, &first))
		return false;
	if (take_text(s, "s")) {
		f->seconds = first;
		if (take_text(s, "-") && !take_number(s, REQUEST_TAKE_MAX, &take))
			return false;
	} else {
		take = first;
	}
	f->take = (uint16_t)take;
	return take <= REQUEST_TAKE_MAX;
}

bool file_name_parse(const char *name, struct file_name *ret)
{
	struct file_name f = {0};

	if (!take_stem(&name, &f) || !take_type(&name, &f.type) ||
		(f.seconds > 0) != media_traits(f.type)->is_timed)
		return false;
	if (take_text(&name, "~")) {
		if (!take_number(&name, UINT32_MAX, &f.history) || *name)
			return false;
	} else if (*name && !take_sidecar(name, &f.sidecar)) {
		return false;
	}
	*ret = f;
	return true;
}

enum media_type file_type_of_best(const char *name)
{
	enum media_type type;

	if (!take_text(&name, "best") || !take_type(&name, &type) || *name ||
		media_traits(type)->is_text)
		return MEDIA_NONE;
	return type;
}
