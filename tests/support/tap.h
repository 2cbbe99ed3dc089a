// SPDX-License-Identifier: MIT
#pragma once
/* A tiny TAP producer for unit tests: named cases, checks that go on after a failure.
 *
 *	static void splits_at_slash(void) { CHECK_INT(1 + 1, 2); }
 *	TAP_MAIN(TAP_CASE(splits_at_slash))
 *
 * Exit 77 with a reason (tap_skip_all) means skipped. */
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct tap_case {
	const char *name;
	void (*run)(void);
};

static int tap_failed_;

#define CHECK(cond) tap_check_((cond), #cond, __FILE__, __LINE__)
#define CHECK_INT(got, want) tap_int_((got), (want), #got, __FILE__, __LINE__)
#define CHECK_STR(got, want) tap_str_((got), (want), #got, __FILE__, __LINE__)
#define TAP_CASE(fn)                                                                   \
	{                                                                              \
#fn, fn                                                                \
	}
#define TAP_MAIN(...)                                                                  \
	int main(void)                                                                 \
	{                                                                              \
		static const struct tap_case cases[] = {__VA_ARGS__};                  \
		return tap_run_(cases, sizeof(cases) / sizeof(cases[0]));              \
	}

static inline bool tap_check_(bool ok, const char *text, const char *file, int line)
{
	if (!ok) {
		tap_failed_++;
		printf("# %s:%d: not true: %s\n", file, line, text);
	}
	return ok;
}

static inline bool tap_int_(
	int64_t got, int64_t want, const char *text, const char *file, int line)
{
	if (got != want) {
		tap_failed_++;
		printf("# %s:%d: %s is %" PRId64 ", not %" PRId64 "\n", file, line,
			text, got, want);
	}
	return got == want;
}

static inline bool tap_str_(
	const char *got, const char *want, const char *text, const char *file, int line)
{
	bool same = got && want ? !strcmp(got, want) : got == want;

	if (!same) {
		tap_failed_++;
		printf("# %s:%d: %s is \"%s\", not \"%s\"\n", file, line, text,
			got ? got : "(null)", want ? want : "(null)");
	}
	return same;
}

static inline int tap_run_(const struct tap_case *cases, size_t n)
{
	int failed = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("1..%zu\n", n);
	for (size_t i = 0; i < n; i++) {
		tap_failed_ = 0;
		cases[i].run();
		printf("%s %zu - %s\n", tap_failed_ ? "not ok" : "ok", i + 1,
			cases[i].name);
		failed += tap_failed_ != 0;
	}
	return failed ? 1 : 0;
}
