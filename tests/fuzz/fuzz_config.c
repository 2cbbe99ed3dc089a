// SPDX-License-Identifier: MIT
/* The configuration file and -o strings, from hostile bytes: the part before the first
 * NUL byte is an -o string, the rest is the file. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cache/base/mem.h"
#include "fs/config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_option(const char *text)
{
	scoped(config_finish) struct config c = {0};
	scoped_json cJSON *o = cJSON_CreateObject();
	struct err err = {0};

	/* A file of the user must not decide what is tested. */
	if (strstr(text, "config") || config_init(&c, &err) < 0)
		return;
	if (config_option(&c, text, &err) < 0 && !err.why[0])
		abort();
	if (o && config_to_json(&c, o) < 0)
		abort();
}

static void try_file(const char *text, size_t len)
{
	scoped(config_finish) struct config c = {0};
	struct err err = {0};

	if (config_init(&c, &err) < 0)
		return;
	if (config_json(&c, text, len, &err) < 0 && !err.why[0])
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	scoped_free char *text = malloc(size + 1);
	size_t len;

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	len = strlen(text);
	try_option(text);
	if (len < size)
		try_file(text + len + 1, size - len - 1);
	try_file(text, size);
	return 0;
}
