// SPDX-License-Identifier: MIT
#include "backend/net/filter.h"

#include <errno.h>

#include "cache/base/mem.h"
#include "tests/support/tap.h"

struct sink {
	struct buf bytes[FILTER_MEDIA_MAX];
	bool valid[FILTER_MEDIA_MAX];
	uint32_t begun, ended;
	int fail_after; /* data calls until the sink refuses; 0: never */
};

static int on_begin(void *user, uint32_t index, struct err *err)
{
	struct sink *s = user;

	CHECK_INT(index, s->begun);
	s->begun++;
	return 0;
}

static int on_data(
	void *user, uint32_t index, const void *data, size_t len, struct err *err)
{
	struct sink *s = user;

	if (s->fail_after && --s->fail_after == 0)
		return err_set(err, ENOSPC, "full");
	return buf_add(&s->bytes[index], data, len);
}

static int on_end(void *user, uint32_t index, bool valid, struct err *err)
{
	struct sink *s = user;

	s->valid[index] = valid;
	s->ended++;
	return 0;
}

static const struct filter_ops ops = {on_begin, on_data, on_end};

static void sink_finish(struct sink *s)
{
	for (size_t i = 0; i < FILTER_MEDIA_MAX; i++)
		buf_finish(&s->bytes[i]);
}

/* In pieces of `step` bytes, to cross every boundary. */
static int run(struct sink *s, const char *text, size_t step, char **json)
{
	struct filter *f = filter_new(&ops, s);
	size_t len = strlen(text);
	int r = 0;

	for (size_t i = 0; i < len && r == 0; i += step)
		r = filter_feed(f, text + i, len - i < step ? len - i : step, NULL);
	if (r == 0)
		r = filter_end(f, NULL);
	if (json)
		*json = strdup(filter_json(f)->data ? filter_json(f)->data : "");
	filter_free(f);
	return r;
}

static void replaces_media_in_any_pieces(void)
{
	const char *text =
		"{\"predictions\":[{\"bytesBase64Encoded\":\"aGVsbG8gd29ybGQ=\","
		"\"mimeType\":\"image/png\"},{\"mimeType\":\"x\","
		"\"bytesBase64Encoded\" : \"Zm9v\"}],\"data\":12}";

	for (size_t step = 1; step <= strlen(text); step++) {
		scoped(sink_finish) struct sink s = {0};
		scoped_free char *json = NULL;

		CHECK_INT(run(&s, text, step, &json), 0);
		CHECK_STR(json,
			"{\"predictions\":[{\"bytesBase64Encoded\":\"@media:0\","
			"\"mimeType\":\"image/png\"},{\"mimeType\":\"x\","
			"\"bytesBase64Encoded\" : \"@media:1\"}],\"data\":12}");
		CHECK_STR(s.bytes[0].data, "hello world");
		CHECK_STR(s.bytes[1].data, "foo");
		CHECK(s.valid[0] && s.valid[1] && s.ended == 2);
	}
}

static void only_values_of_media_keys(void)
{
	static const char *const texts[] = {"{\"text\":\"Zm9v\"}",
		"[\"data\",\"Zm9v\"]", "{\"a\":\"data\",\"b\":\"Zm9v\"}",
		"{\"data\":{\"x\":\"Zm9v\"}}", "{\"data\":[\"Zm9v\"]}",
		"{\"dat\\u0061\":\"Zm9v\"}", "{\"a\\\"data\":\"Zm9v\"}",
		"{\"mydata\":\"Zm9v\"}"};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		scoped(sink_finish) struct sink s = {0};
		scoped_free char *json = NULL;

		CHECK_INT(run(&s, texts[i], 3, &json), 0);
		CHECK_STR(json, texts[i]);
		CHECK_INT(s.begun, 0);
	}
}

static void alphabets_and_padding(void)
{
	static const struct {
		const char *in, *out;
		bool valid;
	} cases[] = {
		{"", NULL, true},
		{"Zg==", "f", true},
		{"Zg", "f", true},
		{"Zm8=", "fo", true},
		{"Zm8", "fo", true},
		{"Zm9v", "foo", true},
		{"Zm\\n9v", "foo", true},
		{"Z m9v", "foo", true},
		{"Pz8\\/", "???", true},
		{"Pz8/", "???", true},
		{"Pz8_", "???", true},
		{"fn5-", "~~~", true},
		{"fn5+", "~~~", true},
		{"Zm9vY", "foo", false},
		{"Zm9v!", "foo", false},
		{"Zg==Zg==", "f", false},
		{"Z\\u0067==", "f", true},
		{"fn5\\u002B", "~~~", true},
		{"fn5\\u002bfn5-fn5-fn5-", "~~~~~~~~~~~~", true},
		{"Zg\\u003d\\u003D", "f", true},
		{"Zm9v\\u0122", "foo", false},
		{"Zm9v\\u00 2", "foo", false},
		{"Zm9vZm9v!Zm9v", NULL, false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		for (size_t step = 1; step < 9; step++) {
			scoped(sink_finish) struct sink s = {0};
			char text[64];

			snprintf(text, sizeof(text), "{\"data\":\"%s\"}", cases[i].in);
			CHECK_INT(run(&s, text, step, NULL), 0);
			if (cases[i].out)
				CHECK_STR(s.bytes[0].data, cases[i].out);
			CHECK_INT(s.valid[0], cases[i].valid);
		}
	}
}

static void large_media_is_exact(void)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	scoped(sink_finish) struct sink s = {0};
	struct filter *f = filter_new(&ops, &s);
	scoped_free char *block = malloc(1 << 20);
	size_t wrong = 0, n = 1 << 20;

	for (size_t i = 0; i < n; i++)
		block[i] = digits[i * 7 % 64];
	CHECK_INT(filter_feed(f, "{\"data\":\"", 9, NULL), 0);
	for (size_t i = 0; i < n; i += 4099)
		filter_feed(f, block + i, n - i < 4099 ? n - i : 4099, NULL);
	CHECK_INT(filter_feed(f, "\"}", 2, NULL), 0);
	CHECK_INT((int64_t)s.bytes[0].len, (int64_t)n / 4 * 3);
	for (size_t i = 0; i < n / 4 && s.bytes[0].len == n / 4 * 3; i++) {
		const uint8_t *b = (const uint8_t *)s.bytes[0].data + 3 * i;
		uint32_t v = 0;

		for (size_t k = 0; k < 4; k++)
			v = v << 6 | (uint32_t)((4 * i + k) * 7 % 64);
		wrong += b[0] != (uint8_t)(v >> 16) || b[1] != (uint8_t)(v >> 8) ||
			 b[2] != (uint8_t)v;
	}
	CHECK_INT((int64_t)wrong, 0);
	CHECK(s.valid[0]);
	filter_free(f);
}

static void limits_hold(void)
{
	scoped(sink_finish) struct sink s = {0};
	struct filter *f = filter_new(&ops, &s);
	struct err err = {0};
	int r = 0;

	for (int i = 0; i < 100 && r == 0; i++)
		r = filter_feed(f, "[", 1, &err);
	CHECK_INT(r, -EPROTO);
	filter_free(f);
	f = filter_new(&ops, &s);
	r = filter_feed(f, "[", 1, &err);
	for (int i = 0; i < 70 && r == 0; i++)
		r = filter_feed(f, "{\"data\":\"\"},", 12, &err);
	CHECK_INT(r, -EMSGSIZE);
	filter_free(f);
	f = filter_new(&ops, &s);
	r = filter_feed(f, "{\"text\":\"", 9, &err);
	for (int i = 0; i < 5000000 && r == 0; i += 10)
		r = filter_feed(f, "aaaaaaaaaa", 10, &err);
	CHECK_INT(r, -EMSGSIZE);
	filter_free(f);
}

static void truncated_is_an_error(void)
{
	scoped(sink_finish) struct sink a = {0}, b = {0};

	CHECK_INT(run(&a, "{\"data\":\"Zm9v", 5, NULL), -EPROTO);
	CHECK_INT(run(&b, "{\"text\":\"Zm", 5, NULL), -EPROTO);
}

static void sink_failure_passes_through(void)
{
	scoped(sink_finish) struct sink s = {.fail_after = 1};

	CHECK_INT(run(&s, "{\"data\":\"Zm9v\"}", 5, NULL), -ENOSPC);
}

static void reads_references(void)
{
	uint32_t i = 9;

	CHECK_INT(filter_media_index("@media:3", &i), 0);
	CHECK_INT(i, 3);
	CHECK_INT(filter_media_index("@media:", &i), -EINVAL);
	CHECK_INT(filter_media_index("@media:64", &i), -EINVAL);
	CHECK_INT(filter_media_index("Zm9v", &i), -EINVAL);
}

TAP_MAIN(TAP_CASE(replaces_media_in_any_pieces), TAP_CASE(only_values_of_media_keys),
	TAP_CASE(alphabets_and_padding), TAP_CASE(large_media_is_exact),
	TAP_CASE(limits_hold), TAP_CASE(truncated_is_an_error),
	TAP_CASE(sink_failure_passes_through), TAP_CASE(reads_references))
