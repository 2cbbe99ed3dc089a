// SPDX-License-Identifier: MIT
/* Addresses of services: checked here, so that a slip is told before anything starts. A
 * value is never repeated in a sentence: somebody may have put a key into it. Main
 * thread. */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "cache/base/mem.h"
#include "cache/base/str.h"
#include "fs/config/config_table.h"

#define ADDRESS_MAX 1024u
#define HOST_MAX 253u

static const struct scheme {
	const char *prefix, *port;
} schemes[] = {{"https://", ":443"}, {"http://", ":80"}};

static const struct scheme *scheme_of(const char *text)
{
	for (size_t i = 0; i < ARRAY_SIZE(schemes); i++) {
		if (!strncasecmp(text, schemes[i].prefix, strlen(schemes[i].prefix)))
			return &schemes[i];
	}
	return NULL;
}

/* Of "host[:port]" or "[v6][:port]"; 0: neither. */
static size_t host_length(const char *text)
{
	size_t n;

	if (*text == '[') {
		n = 1 + strspn(text + 1, "0123456789abcdefABCDEF:.");
		return n > 2 && text[n] == ']' ? n + 1 : 0;
	}
	n = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
			 "0123456789.-_");
	return n <= HOST_MAX ? n : 0;
}

static size_t authority_length(const char *text)
{
	size_t host = host_length(text), digits;
	uint64_t port;
	char number[8];

	if (!host || text[host] != ':')
		return host;
	digits = strspn(text + host + 1, "0123456789");
	if (!digits || digits > 5)
		return 0;
	memcpy(number, text + host + 1, digits);
	number[digits] = '\0';
	if (str_parse_u64(number, 65535, &port) < 0 || !port)
		return 0;
	return host + 1 + digits;
}

static bool is_path(const char *text)
{
	if (*text && *text != '/')
		return false;
	for (; *text; text++) {
		if (!isgraph((unsigned char)*text) || strchr("?#\\\"<>", *text))
			return false;
	}
	return true;
}

static int malformed(const struct config_row *row, struct err *err)
{
	return err_set(err, EINVAL,
		"%s is no address such as https://host or http://127.0.0.1:8080",
		row->name);
}

int config_set_address(
	const struct config_row *row, char **value, const char *text, struct err *err)
{
	const struct scheme *s = scheme_of(text);
	scoped(buf_finish) struct buf b = {0};
	const char *rest = s ? text + strlen(s->prefix) : text;
	size_t n;

	if (strchr(text, '@'))
		return err_set(err, EINVAL,
			"%s must not hold a user or password; keys come from the "
			"environment or a file",
			row->name);
	if (!s && row->scheme_may_lack && !strstr(text, "://"))
		s = &schemes[1];
	if (!s)
		return err_set(err, EINVAL, "%s must begin with https:// or http://",
			row->name);
	n = authority_length(rest);
	if (!n || strlen(text) > ADDRESS_MAX || !is_path(rest + n))
		return malformed(row, err);
	if (buf_addf(&b, "%s%s", s->prefix, rest) < 0)
		return err_oom(err);
	for (size_t i = 0; i < strlen(s->prefix) + n; i++)
		b.data[i] = (char)tolower((unsigned char)b.data[i]);
	while (b.data[b.len - 1] == '/')
		b.data[--b.len] = '\0';
	return config_set_text(value, b.data, err);
}

int config_origin(const char *endpoint, struct buf *ret)
{
	const struct scheme *s = scheme_of(endpoint);
	const char *rest = s ? endpoint + strlen(s->prefix) : endpoint;
	size_t n = authority_length(rest);

	if (s && n > strlen(s->port) &&
		!strncmp(rest + n - strlen(s->port), s->port, strlen(s->port)))
		n -= strlen(s->port);
	return buf_addf(ret, "%s%.*s", s ? s->prefix : "", (int)n, rest);
}
