// SPDX-License-Identifier: MIT
/* Words and their inflections found in a prompt. Immutable once made: any thread. */
#include "backend/policy/safety.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "cache/base/buf.h"
#include "cache/base/mem.h"
#include "cache/base/str.h"

static const char built_in[] =
	"violence+explicit+harmful+illegal+nsfw+weapon+drug+hate+discrimination";

#define FORMS_MAX 8

struct entry {
	char *word;            /* as configured */
	char *form[FORMS_MAX]; /* folded, between blanks: " weapons " */
	size_t n;
};

struct safety {
	struct entry *entries;
	size_t n;
};

static bool is_word_char(utf8proc_int32_t c)
{
	utf8proc_category_t k = utf8proc_category(c);

	return (k >= UTF8PROC_CATEGORY_LU && k <= UTF8PROC_CATEGORY_NO);
}

/* The words of a text, folded (case, width, invisible characters), each between single
 * blanks: " a weapon s ". */
static int fold_words(struct buf *ret, const char *text, size_t len)
{
	scoped_free utf8proc_uint8_t *folded = NULL;
	utf8proc_ssize_t n;
	size_t count;
	int r = str_utf8_count(text, len, &count);

	if (r < 0 || len > INT32_MAX)
		return -EILSEQ;
	n = utf8proc_map((const utf8proc_uint8_t *)text, (utf8proc_ssize_t)len, &folded,
		UTF8PROC_STABLE | UTF8PROC_COMPAT | UTF8PROC_COMPOSE |
			UTF8PROC_CASEFOLD | UTF8PROC_IGNORE);
	if (n < 0)
		return n == UTF8PROC_ERROR_NOMEM ? -ENOMEM : -EILSEQ;
	r = buf_addc(ret, ' ');
	for (utf8proc_ssize_t i = 0; i < n && r == 0;) {
		utf8proc_int32_t c = 0;
		utf8proc_ssize_t used = utf8proc_iterate(folded + i, n - i, &c);

		if (used < 1)
			return -EILSEQ;
		if (is_word_char(c))
			r = buf_add(ret, folded + i, (size_t)used);
		else if (ret->data[ret->len - 1] != ' ')
			r = buf_addc(ret, ' ');
		i += used;
	}
	if (r == 0 && ret->data[ret->len - 1] != ' ')
		r = buf_addc(ret, ' ');
	return r;
}

/* " " + the first `keep` bytes + suffix + " ". */
static int add_form(struct entry *e, const char *word, size_t keep, const char *suffix)
{
	scoped(buf_finish) struct buf b = {0};
	int r = buf_addf(&b, " %.*s%s ", (int)keep, word, suffix);

	if (r < 0)
		return r;
	e->form[e->n] = buf_detach(&b);
	return e->form[e->n] ? (e->n++, 0) : -ENOMEM;
}

static bool is_vowel(char c)
{
	return c && strchr("aeiou", c);
}

static bool takes_es(const char *w, size_t n)
{
	return strchr("sxzo", w[n - 1]) ||
	       (n > 1 && w[n - 1] == 'h' && strchr("cs", w[n - 2]));
}

/* "drug" -> "drugged": one vowel before one last consonant. */
static bool doubles(const char *w, size_t n)
{
	char last = w[n - 1];

	return n > 2 && last >= 'a' && last <= 'z' && !is_vowel(last) &&
	       !strchr("wxy", last) && is_vowel(w[n - 2]) && !is_vowel(w[n - 3]);
}

static int add_doubled(struct entry *e, const char *w, size_t n)
{
	char ed[] = {w[n - 1], 'e', 'd', 0}, ing[] = {w[n - 1], 'i', 'n', 'g', 0};
	int r = add_form(e, w, n, ed);

	return r < 0 ? r : add_form(e, w, n, ing);
}

/* The word and its plain inflections. */
static int add_forms(struct entry *e, const char *w, size_t n)
{
	char last = w[n - 1];
	bool y = last == 'y' && n > 1 && !is_vowel(w[n - 2]);
	int r = add_form(e, w, n, "");

	if (r == 0)
		r = add_form(e, w, n, takes_es(w, n) ? "es" : "s");
	if (r == 0)
		r = add_form(e, w, n, last == 'e' ? "d" : "ed");
	if (r == 0)
		r = last == 'e' ? add_form(e, w, n - 1, "ing")
				: add_form(e, w, n, "ing");
	if (r == 0 && y)
		r = add_form(e, w, n - 1, "ies");
	if (r == 0 && y)
		r = add_form(e, w, n - 1, "ied");
	if (r == 0 && doubles(w, n))
		r = add_doubled(e, w, n);
	return r;
}

static int add_entry(struct safety *s, const char *word, size_t len)
{
	scoped(buf_finish) struct buf b = {0};
	struct entry *e = &s->entries[s->n];
	int r = fold_words(&b, word, len);

	if (r < 0 || b.len <= 2)
		return r;
	s->n++;
	e->word = strndup(word, len);
	if (!e->word)
		return -ENOMEM;
	return add_forms(e, b.data + 1, b.len - 2);
}

static int add_list(struct safety *s, const char *list)
{
	struct str_piece word;
	int r = 0;

	while (r == 0 && str_next_piece(&list, &word))
		r = add_entry(s, word.at, word.len);
	return r;
}

int safety_new(const char *list, struct safety **ret, struct err *err)
{
	const char *words = list ? list : built_in;
	size_t n = str_count_pieces(words);
	struct safety *s;
	int r;

	if (n > SAFETY_WORDS_MAX)
		return err_set(
			err, EINVAL, "more than %d blocked words", SAFETY_WORDS_MAX);
	s = new0(struct safety);
	if (!s)
		return err_oom(err);
	s->entries = new_array(struct entry, n);
	r = s->entries ? add_list(s, words) : -ENOMEM;
	if (r < 0) {
		safety_free(s);
		return r == -ENOMEM
			       ? err_oom(err)
			       : err_set(err, EINVAL, "blocked words are not UTF-8");
	}
	*ret = s;
	return 0;
}

void safety_free(struct safety *s)
{
	if (!s)
		return;
	for (size_t i = 0; s->entries && i < s->n; i++) {
		free(s->entries[i].word);
		for (size_t k = 0; k < s->entries[i].n; k++)
			free(s->entries[i].form[k]);
	}
	free(s->entries);
	free(s);
}

int safety_check(const struct safety *s, const char *where, const char *text,
	size_t len, struct err *err)
{
	scoped(buf_finish) struct buf b = {0};
	int r = fold_words(&b, text, len);

	if (r == -ENOMEM)
		return err_oom(err);
	if (r < 0)
		return err_set(err, EILSEQ, "%s is not UTF-8", where);
	for (size_t i = 0; i < s->n; i++) {
		const struct entry *e = &s->entries[i];

		for (size_t k = 0; k < e->n; k++) {
			if (strstr(b.data, e->form[k]))
				return err_set(err, EPERM, "blocked word \"%s\" in %s",
					e->word, where);
		}
	}
	return 0;
}
