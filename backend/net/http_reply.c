// SPDX-License-Identifier: MIT
/* What came back: headers, the status, and how a failed transfer is told. The loop's
 * thread; the call is its maker's. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/net/http_internal.h"
#include "cache/base/clk.h"
#include "cache/base/str.h"

#define RETRY_AFTER_MAX_S 86400

/* ---- headers ---- */

static bool header_is(const char *line, size_t len, const char *name)
{
	size_t n = strlen(name);

	return len > n && !strncasecmp(line, name, n) && line[n] == ':';
}

static void header_value(
	const char *line, size_t len, size_t name, char *ret, size_t size)
{
	const char *p = line + name + 1, *end = line + len;
	size_t n;

	while (p < end && (*p == ' ' || *p == '\t'))
		p++;
	while (end > p && strchr(" \t\r\n", end[-1]))
		end--;
	n = (size_t)(end - p) < size - 1 ? (size_t)(end - p) : size - 1;
	memcpy(ret, p, n);
	ret[n] = '\0';
}

/* Seconds, or a date; against the server's own clock where it told it. */
static int64_t retry_after_ms(const struct http_call *c, const char *value)
{
	int64_t now = c->answer.server_time_ms, wait;
	uint64_t seconds;
	time_t t;
	int r = str_parse_u64(value, RETRY_AFTER_MAX_S, &seconds);

	if (r == -EINVAL) {
		t = curl_getdate(value, NULL);
		if (t < 0)
			return -1;
		wait = (int64_t)t * 1000 - (now ? now : clk_real_ms());
		seconds = wait < 0 ? 0 : (uint64_t)wait / 1000;
	}
	if (r == -ERANGE || seconds > RETRY_AFTER_MAX_S)
		seconds = RETRY_AFTER_MAX_S;
	return (int64_t)seconds * 1000;
}

static void forget_headers(struct http_call *c)
{
	free(c->answer.location);
	c->answer.location = NULL;
	c->answer.retry_after_ms = -1;
	c->answer.server_time_ms = 0;
	c->answer.is_json = false;
	c->answer.is_metadata = false;
	c->retry_after[0] = '\0';
}

void http_reply_header(struct http_call *c, const char *line, size_t len)
{
	char value[HTTP_LOCATION_MAX];

	if (len > 5 && !strncasecmp(line, "HTTP/", 5)) {
		forget_headers(c); /* of a 1xx before it */
	} else if (header_is(line, len, "Content-Type")) {
		header_value(line, len, 12, value, sizeof(value));
		c->answer.is_json = !strncasecmp(value, "application/json", 16);
	} else if (header_is(line, len, "Location") && len < HTTP_LOCATION_MAX) {
		header_value(line, len, 8, value, sizeof(value));
		free(c->answer.location);
		c->answer.location = strdup(value);
	} else if (header_is(line, len, "Date")) {
		header_value(line, len, 4, value, sizeof(value));
		time_t t = curl_getdate(value, NULL);
		c->answer.server_time_ms = t > 0 ? (int64_t)t * 1000 : 0;
	} else if (header_is(line, len, "Metadata-Flavor")) {
		header_value(line, len, 15, value, sizeof(value));
		c->answer.is_metadata = !strcmp(value, "Google");
	} else if (header_is(line, len, "Retry-After")) {
		header_value(line, len, 11, c->retry_after, sizeof(c->retry_after));
	}
}

/* ---- outcome ---- */

static int errno_of(CURLcode code)
{
	switch (code) {
	case CURLE_OPERATION_TIMEDOUT:
		return ETIMEDOUT;
	case CURLE_OUT_OF_MEMORY:
		return ENOMEM;
	case CURLE_URL_MALFORMAT:
	case CURLE_UNSUPPORTED_PROTOCOL:
		return EINVAL;
	case CURLE_WEIRD_SERVER_REPLY:
	case CURLE_BAD_CONTENT_ENCODING:
	case CURLE_PARTIAL_FILE:
		return EPROTO;
	default:
		return ENETUNREACH;
	}
}

/* Host and port; a name and password in the address are nobody's business. */
static void host_of(const char *url, char *ret, size_t size)
{
	const char *p = strstr(url, "://"), *at;
	size_t n;

	p = p ? p + 3 : url;
	n = strcspn(p, "/?#");
	at = memrchr(p, '@', n);
	if (at) {
		n -= (size_t)(at + 1 - p);
		p = at + 1;
	}
	snprintf(ret, size, "%.*s", (int)n, p);
}

/* A server acts on a request that is whole: with a body, when some of it may have
 * left; without, when its headers have. */
static bool may_be_acted_on(const struct http_call *c)
{
	long headers = 0;

	if (c->body_len)
		return c->is_sent;
	curl_easy_getinfo(c->easy, CURLINFO_REQUEST_SIZE, &headers);
	return headers > 0;
}

void http_reply_end(struct http_call *c, CURLcode code)
{
	char host[128], *url = NULL;
	long status = 0;

	curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(c->easy, CURLINFO_EFFECTIVE_URL, &url);
	if (status < 200) /* "100 Continue" is no answer */
		status = 0;
	if (*c->retry_after)
		c->answer.retry_after_ms = retry_after_ms(c, c->retry_after);
	c->answer.status = (int)status;
	c->answer.was_stopped = c->is_stopped;
	if (code == CURLE_OK)
		c->answer.fate = HTTP_ANSWERED;
	else if (status)
		c->answer.fate = HTTP_CUT;
	else
		c->answer.fate = may_be_acted_on(c) ? HTTP_SENT : HTTP_NOT_SENT;
	if (code == CURLE_OK || c->err.code)
		return;
	host_of(url ? url : "", host, sizeof(host));
	err_set(&c->err, errno_of(code), "%s: %s", host,
		code == CURLE_SEND_FAIL_REWIND
			? "the connection closed after the request was sent"
			: curl_easy_strerror(code));
}
