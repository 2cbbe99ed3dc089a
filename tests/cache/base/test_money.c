// SPDX-License-Identifier: MIT
#include "cache/base/money.h"

#include <errno.h>

#include "tests/support/tap.h"

static void formats(void)
{
	static const struct {
		int64_t v;
		const char *text;
	} cases[] = {{0, "0"}, {1, "0.000001"}, {25000, "0.025"}, {33600, "0.0336"},
		{1000000, "1"}, {5250000, "5.25"}, {-20000, "-0.02"}, {10, "0.00001"},
		{INT64_MAX, "9223372036854.775807"},
		{INT64_MIN, "-9223372036854.775808"}};
	char text[MONEY_TEXT];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		money_format(cases[i].v, text);
		CHECK_STR(text, cases[i].text);
	}
}

static void parses(void)
{
	static const struct {
		const char *text;
		int r;
		int64_t v;
	} cases[] = {{"0", 0, 0}, {"5", 0, 5000000}, {"0.025", 0, 25000},
		{".5", 0, 500000}, {"5.", 0, 5000000}, {"0.000001", 0, 1},
		{"1000000000", 0, INT64_C(1000000000000000)}, {"0.0000001", -EINVAL, 0},
		{"", -EINVAL, 0}, {".", -EINVAL, 0}, {"-1", -EINVAL, 0},
		{"1e3", -EINVAL, 0}, {" 1", -EINVAL, 0}, {"1,5", -EINVAL, 0},
		{"1000000001", -ERANGE, 0}, {"99999999999999999999", -ERANGE, 0}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t v = 0;
		struct err err = {0};

		if (!CHECK_INT(money_parse(cases[i].text, &v, &err), cases[i].r))
			printf("# for \"%s\"\n", cases[i].text);
		CHECK_INT(v, cases[i].v);
		CHECK(!cases[i].r || *err.why);
	}
}

static void adds_without_overflow(void)
{
	CHECK_INT(money_add(1, 2), 3);
	CHECK_INT(money_add(INT64_MAX, 1), INT64_MAX);
}

TAP_MAIN(TAP_CASE(formats), TAP_CASE(parses), TAP_CASE(adds_without_overflow))
