// SPDX-License-Identifier: MIT
#include "cache/base/json.h"

#include <errno.h>
#include <math.h>

#include "cache/base/mem.h"
#include "tests/support/tap.h"

static cJSON *parse(const char *text, struct err *err)
{
	return json_parse(text, strlen(text), err);
}

static void round_trips(void)
{
	const char *text =
		"{\n  \"a\": 1,\n  \"b\": [\n    0.1,\n    true,\n    null\n  ],\n"
		"  \"c\": {},\n  \"d\": \"x\\n\\\"y\\\\\"\n}\n";
	scoped_json cJSON *o = parse(text, NULL);
	scoped(buf_finish) struct buf b = {0};

	CHECK(o != NULL);
	CHECK_INT(json_print(&b, o), 0);
	CHECK_STR(b.data, text);
	buf_clear(&b);
	CHECK_INT(json_print_line(&b, o), 0);
	CHECK_STR(b.data,
		"{\"a\":1,\"b\":[0.1,true,null],\"c\":{},\"d\":\"x\\n\\\"y\\\\\"}");
}

static void numbers_are_exact(void)
{
	scoped_json cJSON *o = cJSON_CreateObject();
	scoped(buf_finish) struct buf b = {0};

	json_add_usd(o, "price", 33600);
	json_add_int(o, "big", INT64_MAX);
	cJSON_AddNumberToObject(o, "third", 1.0 / 3);
	cJSON_AddNumberToObject(o, "whole", 1e15);
	cJSON_AddNumberToObject(o, "none", NAN);
	CHECK_INT(json_print_line(&b, o), 0);
	CHECK_STR(b.data, "{\"price\":0.0336,\"big\":9223372036854775807,"
			  "\"third\":0.3333333333333333,\"whole\":1000000000000000,"
			  "\"none\":null}");
}

static void refuses(void)
{
	char deep[2 * JSON_MAX_DEPTH + 8] = "";
	static const char *const texts[] = {
		"", "{", "{\"a\":}", "[1,]x", "{} {}", "nul"};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct err err = {0};
		scoped_json cJSON *o = parse(texts[i], &err);

		CHECK(o == NULL && err.code == EINVAL && *err.why);
	}
	memset(deep, '[', JSON_MAX_DEPTH + 1);
	CHECK(parse(deep, NULL) == NULL);
	memset(deep, '[', JSON_MAX_DEPTH);
	memset(deep + JSON_MAX_DEPTH, ']', JSON_MAX_DEPTH);
	deep[2 * JSON_MAX_DEPTH] = '\0';
	scoped_json cJSON *o = parse(deep, NULL);
	CHECK(o != NULL);
}

static void names_the_line(void)
{
	struct err err = {0};

	CHECK(parse("{\n\"a\": 1,\n\"b\" 2\n}", &err) == NULL);
	CHECK(strstr(err.why, "line 3") != NULL);
}

static void members_have_types(void)
{
	scoped_json cJSON *o =
		parse("{\"s\":\"x\",\"n\":7,\"b\":true,\"h\":1e300}", NULL);

	CHECK_STR(json_str(o, "s", "-"), "x");
	CHECK_STR(json_str(o, "n", "-"), "-");
	CHECK_STR(json_str(NULL, "n", "-"), "-");
	CHECK_INT(json_int(o, "n", 0), 7);
	CHECK_INT(json_int(o, "s", 3), 3);
	CHECK_INT(json_int(o, "h", 3), 3);
	CHECK(json_bool(o, "b", false));
	CHECK(!json_bool(o, "n", false));
}

TAP_MAIN(TAP_CASE(round_trips), TAP_CASE(numbers_are_exact), TAP_CASE(refuses),
	TAP_CASE(names_the_line), TAP_CASE(members_have_types))
