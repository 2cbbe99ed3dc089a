// SPDX-License-Identifier: MIT
#pragma once
/* The prompt as it is sent: style modifiers, `enhance`, negative prompts. Pure. */
#include <stdbool.h>
#include <stddef.h>

#include "backend/request/request.h"
#include "cache/base/buf.h"

/* "photographic", ...; *ret_n of them. */
const char *const *optimise_styles(size_t *ret_n);
bool optimise_style_is_known(const char *style);

/* The prompt unchanged unless style= is given or enhancing is on (enhance=on, or the
 * mount's setting and no enhance=off); then its terms, the style's modifiers and the
 * enhancing ones, joined with ", ". An unknown style adds nothing. The caller passes
 * false as the setting for a row that does not take enhance=. -ENOMEM. */
int optimise_prompt(const struct request *req, bool enhance_setting, struct buf *ret);

/* The negative prompt: `default` as a term of negative= stands for the built-in list.
 * Empty without the option. -ENOMEM. */
int optimise_negative(const struct request *req, struct buf *ret);
