// SPDX-License-Identifier: MIT
/* A media answer of 64 MiB: the response filter, in pieces as they come from a socket,
 * beside parsing it whole with cJSON and decoding with EVP_DecodeBlock. */
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/net/filter.h"
#include "cache/base/clk.h"
#include "cache/base/json.h"
#include "cache/base/mem.h"

#define TEXT_BYTES (64u << 20)
#define PIECE 16384u
#define ROUNDS 5
#define TARGET 3.0

struct sum {
	uint64_t bytes, xor;
};

static int on_begin(void *user, uint32_t index, struct err *err)
{
	return 0;
}

/* What a store would at least do: touch it. */
static uint64_t fold(const uint8_t *p, size_t len)
{
	uint64_t x = 0;

	for (size_t i = 0; i + 8 <= len; i += 8) {
		uint64_t w;

		memcpy(&w, p + i, 8);
		x ^= w;
	}
	return x;
}

static int on_data(
	void *user, uint32_t index, const void *data, size_t len, struct err *err)
{
	struct sum *s = user;

	s->bytes += len;
	s->xor ^= fold(data, len);
	return 0;
}

static int on_end(void *user, uint32_t index, bool valid, struct err *err)
{
	return valid ? 0 : -1;
}

static const struct filter_ops ops = {on_begin, on_data, on_end};

static int64_t by_filter(const char *text, size_t len, struct sum *s)
{
	int64_t began = clk_mono_us();
	struct filter *f = filter_new(&ops, s);
	scoped_json cJSON *json = NULL;

	for (size_t i = 0; i < len; i += PIECE) {
		if (filter_feed(f, text + i, len - i < PIECE ? len - i : PIECE, NULL))
			exit(1);
	}
	json = json_parse(filter_json(f)->data, filter_json(f)->len, NULL);
	if (!json || filter_end(f, NULL))
		exit(1);
	filter_free(f);
	return clk_mono_us() - began;
}

static int64_t by_cjson(const char *text, size_t len, struct sum *s)
{
	int64_t began = clk_mono_us();
	scoped_json cJSON *json = cJSON_ParseWithLength(text, len);
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(json, "predictions");
	const char *b64 =
		json_str(cJSON_GetArrayItem(list, 0), "bytesBase64Encoded", "");
	size_t n = strlen(b64);
	uint8_t *out = malloc(n / 4 * 3 + 3);
	int r = out ? EVP_DecodeBlock(out, (const unsigned char *)b64, (int)n) : -1;

	if (r < 0)
		exit(1);
	s->bytes += (uint64_t)r;
	s->xor ^= fold(out, (size_t)r);
	free(out);
	return clk_mono_us() - began;
}

static char *make_text(size_t *len)
{
	static const char head[] = "{\"predictions\":[{\"bytesBase64Encoded\":\"";
	static const char tail[] = "\",\"mimeType\":\"image/png\"}]}";
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char *text = malloc(sizeof(head) + TEXT_BYTES + sizeof(tail));
	uint32_t x = 1;

	if (!text)
		exit(1);
	memcpy(text, head, sizeof(head) - 1);
	for (size_t i = 0; i < TEXT_BYTES; i++) {
		x = x * 1664525u + 1013904223u;
		text[sizeof(head) - 1 + i] = digits[x >> 26];
	}
	memcpy(text + sizeof(head) - 1 + TEXT_BYTES, tail, sizeof(tail) - 1);
	*len = sizeof(head) - 1 + TEXT_BYTES + sizeof(tail) - 1;
	return text;
}

int main(void)
{
	size_t len;
	scoped_free char *text = make_text(&len);
	int64_t filter = INT64_MAX, cjson = INT64_MAX;

	for (int i = 0; i < ROUNDS; i++) {
		struct sum a = {0}, b = {0};
		int64_t t = by_filter(text, len, &a);

		filter = t < filter ? t : filter;
		t = by_cjson(text, len, &b);
		cjson = t < cjson ? t : cjson;
		if (a.bytes != b.bytes) {
			printf("the two differ\n");
			return 1;
		}
	}
	printf("filter            %7.0f MB/s of answer\n",
		(double)len / (double)filter);
	printf("cJSON + EVP       %7.0f MB/s\n", (double)len / (double)cjson);
	printf("ratio             %7.2f (to reach: %.0f)\n",
		(double)cjson / (double)filter, TARGET);
	return 0;
}
