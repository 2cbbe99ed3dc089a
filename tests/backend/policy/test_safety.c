// SPDX-License-Identifier: MIT
#include "backend/policy/safety.h"

#include <errno.h>

#include "cache/base/mem.h"
#include "tests/backend/policy/make_request.h"

static int check(const char *list, const char *text, struct err *err)
{
	struct safety *s = NULL;
	int r;

	*err = (struct err){0};
	if (!CHECK_INT(safety_new(list, &s, err), 0))
		return -1;
	r = safety_check(s, "the prompt", text, strlen(text), err);
	safety_free(s);
	return r;
}

static void blocks(void)
{
	static const struct {
		const char *text, *word;
	} rows[] = {
		{"a weapon on a table", "weapon"},
		{"Weapons", "weapon"},
		{"WEAPON!", "weapon"},
		{"the weapon's edge", "weapon"},
		{"weaponed", "weapon"},
		{"drugged", "drug"},
		{"a man drugging another", "drug"},
		{"drug-free", "drug"},
		{"hated", "hate"},
		{"hating", "hate"},
		{"hates", "hate"},
		{"violence", "violence"},
		{"(NSFW)", "nsfw"},
		{"discriminations", "discrimination"},
		{"\xef\xbd\x97\xef\xbd\x85\xef\xbd\x81\xef\xbd\x90\xef\xbd\x8f\xef\xbd"
		 "\x8e",
			"weapon"},
		{"wea\xe2\x80\x8bpon", "weapon"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct err err;
		char want[80];

		snprintf(want, sizeof(want), "blocked word \"%s\" in the prompt",
			rows[i].word);
		CHECK_INT(check(NULL, rows[i].text, &err), -EPERM);
		CHECK_STR(err.why, want);
	}
}

static void passes(void)
{
	static const char *const texts[] = {"", "whatever", "a chateau in spring",
		"a drugstore", "hateful", "violent storm", "harm", "dehated", "weapon2",
		"violin", "legal", "shatter", "weapon\xcc\x81", "w e a p o n"};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct err err;

		if (!CHECK_INT(check(NULL, texts[i], &err), 0))
			printf("# %s: %s\n", texts[i], err.why);
	}
}

static void lists(void)
{
	struct err err;
	struct safety *s = NULL;

	CHECK_INT(check("", "a weapon", &err), 0);
	CHECK_INT(check("+", "a weapon", &err), 0);
	CHECK_INT(check("cat+stra\xc3\x9f"
			"e",
			  "STRASSEN", &err),
		0);
	CHECK_INT(check("cat+stra\xc3\x9f"
			"e",
			  "STRASSE", &err),
		-EPERM);
	CHECK_STR(err.why, "blocked word \"stra\xc3\x9f"
			   "e\" in the prompt");
	CHECK_INT(check("fly", "flies", &err), -EPERM);
	CHECK_INT(check("child abuse", "Child  abuse.", &err), -EPERM);
	CHECK_INT(check("child abuse", "child, no abuse", &err), 0);
	CHECK_INT(safety_new("\xff", &s, &err), -EINVAL);
	CHECK_INT(check("box", "boxes", &err), -EPERM);
	CHECK_INT(check(NULL, "\xff", &err), -EILSEQ);
}

TAP_MAIN(TAP_CASE(blocks), TAP_CASE(passes), TAP_CASE(lists))
