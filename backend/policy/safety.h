// SPDX-License-Identifier: MIT
#pragma once
/* Blocked words. Pure; immutable once made, any thread.
 *
 * A word blocks itself and its plain inflections (plural, past, -ing, possessive, with
 * a doubled or dropped letter where English does so), case-folded, as a whole word:
 * words end where neither a letter, a mark nor a digit follows. */
#include <stddef.h>

#include "cache/base/err.h"

struct safety;

#define SAFETY_WORDS_MAX 1024

/* `list` is words joined with '+'; NULL: the built-in ones; "": none. -EINVAL: bad
 * UTF-8 or too many. -ENOMEM. */
int safety_new(const char *list, struct safety **ret, struct err *err);
void safety_free(struct safety *s); /* NULL is fine */

/* 0, or -EPERM: `blocked word "weapon" in the prompt`. `where` is "the prompt" or the
 * like. Invalid UTF-8 is -EILSEQ; -ENOMEM. */
int safety_check(const struct safety *s, const char *where, const char *text,
	size_t len, struct err *err);
