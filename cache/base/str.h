// SPDX-License-Identifier: MIT
#pragma once
/* Small string helpers and bounded number parsing. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool str_starts(const char *s, const char *prefix);
bool str_ends(const char *s, const char *suffix);
bool str_in(const char *s, const char *const *list, size_t n);

/* Decimal digits only, no sign, blank or empty; at most max. -EINVAL, -ERANGE. */
int str_parse_u64(const char *s, uint64_t max, uint64_t *ret);
/* Plain decimal number ("7.5"), no exponent, blank or sign. -EINVAL. Ignores the
 * locale. */
int str_parse_decimal(const char *s, double *ret);

/* Code points of valid UTF-8; -EILSEQ if it is not (surrogates and overlong forms too).
 */
int str_utf8_count(const char *s, size_t len, size_t *ret);
