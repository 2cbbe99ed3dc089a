// SPDX-License-Identifier: MIT
#pragma once
/* Small string helpers, lists joined with '+', bounded number parsing. Pure. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool str_starts(const char *s, const char *prefix);
bool str_ends(const char *s, const char *suffix);
bool str_in(const char *s, const char *const *list, size_t n);

/* A piece of a list that is joined with '+', such as "a+b": not terminated, maybe empty
 * ("a++b" has three, "" has one, NULL has none). */
struct str_piece {
	const char *at;
	size_t len;
};
/* Takes the first piece off *list, which becomes NULL with the last. false: none left.
 *	for (const char *rest = list; str_next_piece(&rest, &piece);) */
bool str_next_piece(const char **list, struct str_piece *ret);
size_t str_count_pieces(const char *list);

/* Decimal digits only, no sign, blank or empty; at most max. -EINVAL, -ERANGE. */
int str_parse_u64(const char *s, uint64_t max, uint64_t *ret);
/* Plain decimal number ("7.5"), no exponent, blank or sign. -EINVAL. Ignores the
 * locale. */
int str_parse_decimal(const char *s, double *ret);

/* Code points of valid UTF-8; -EILSEQ if it is not (surrogates and overlong forms too).
 */
int str_utf8_count(const char *s, size_t len, size_t *ret);
