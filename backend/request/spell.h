// SPDX-License-Identifier: MIT
#pragma once
/* Escapes of path components, shared by prompts and option values: %2F %25 %2E %40
 * (either case) stand for / % . @, any other % is itself. Pure. */
#include <stdbool.h>
#include <stddef.h>

#include "cache/base/buf.h"

#define SPELL_NAME_MAX 255  /* bytes of a listed name */
#define SPELL_PATH_MAX 4095 /* bytes of a name as looked up */

/* Adds the bytes that the escapes stand for. -ENOMEM. */
int spell_decode(struct buf *ret, const char *name, size_t len);

/* Adds the shortest spelling that decodes to text; `is_whole`: it is a component of its
 * own, where a leading '.' or '@' would mean something else. -ENOMEM. */
int spell_encode(struct buf *ret, const char *text, size_t len, bool is_whole);

/* Adds text without outer White_Space (Unicode's property) and in NFC. -EILSEQ: not
 * UTF-8, or a NUL in it. -ENOMEM. */
int spell_normalise(struct buf *ret, const char *text, size_t len, bool trim);
