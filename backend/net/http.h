// SPDX-License-Identifier: MIT
#pragma once
/* HTTP requests on the loop: the one user of libcurl.
 *
 * Everything here runs on the loop's thread, but for http_new. TLS is always verified,
 * proxies come from the environment, connections are reused. A request
 * that costs money (`is_once`) goes out at most once: libcurl silently repeats a POST
 * on a reused connection that closes without an answer, so its body cannot be rewound,
 * it is sent over HTTP/1.1, without redirects, and without "Expect". */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backend/net/loop.h"
#include "cache/base/err.h"

struct http;      /* the connections */
struct http_call; /* one request under way */

#define HTTP_HEADERS_MAX 12
#define HTTP_URL_MAX 8192

struct http_request {
	const char *method; /* "GET", "POST" */
	const char *url;
	const char *header[HTTP_HEADERS_MAX]; /* "Name: value"; secrets may be here */
	uint32_t n_headers;
	const void *body; /* borrowed until done */
	size_t body_len;
	bool is_once;          /* costs money: never sent twice, never redirected */
	bool no_proxy;         /* the metadata server */
	int64_t timeout_ms;    /* of the whole call; 0: none */
	uint64_t response_max; /* bytes of the answer's body */
};

/* What is known of the fate of a request that brought no answer. */
enum http_fate {
	HTTP_NOT_SENT, /* no connection, no TLS, or not a byte of the body left */
	HTTP_SENT,     /* the server may have acted on it */
	HTTP_ANSWERED, /* a status line came, and the whole body */
	HTTP_CUT,      /* a status line came; the body is not whole */
};

#define HTTP_LOCATION_MAX 4096

struct http_response {
	enum http_fate fate;
	int status;             /* HTTP_ANSWERED, HTTP_CUT */
	int64_t retry_after_ms; /* from Retry-After; -1: none */
	int64_t server_time_ms; /* from Date, Unix time; 0: none */
	bool is_json;           /* Content-Type: application/json */
	char *location;         /* of a 3xx, which is never followed here; NULL: none */
	bool is_metadata;       /* Metadata-Flavor: Google */
	bool was_stopped;       /* by on_data */
};

struct http_ops {
	/* A piece of the body. <0 stops the call. Calls may be started, paused and
	 * cancelled from here, this one too. */
	int (*on_data)(
		void *user, const void *data, size_t len, int status, struct err *err);
	/* Once. `err` is set unless fate is HTTP_ANSWERED: -ENETUNREACH, -ETIMEDOUT,
	 * -EPROTO, -EMSGSIZE, -ECANCELED, or what on_data said. */
	void (*on_done)(
		void *user, const struct http_response *a, const struct err *err);
};

/* connect_ms: to reach a server, TLS included. -ENOMEM. */
int http_new(struct loop *loop, int connect_ms, struct http **ret, struct err *err);
/* On the loop's thread, not inside on_data or on_done. Calls under way end without
 * on_done. NULL is fine. */
void http_free(struct http *h);

/* Starts a call; strings but the body are copied. NULL with a sentence: on_done does
 * not run. */
struct http_call *http_start(struct http *h, const struct http_request *req,
	const struct http_ops *ops, void *user, struct err *err);
/* Ends it: on_data and on_done do not run any more, and the body is not read. Also
 * from inside on_data, of this call or another; inside its own on_done it does nothing.
 * A request already sent may have been acted on. */
void http_cancel(struct http_call *c);
/* Stops and restarts the flow of on_data, when what comes cannot be taken yet. on_data
 * does not run inside this; on_done may come meanwhile if the rest is known. */
void http_pause(struct http_call *c, bool on);
/* Whether any byte of the body has left; decides what a cancelled call may have cost.
 */
bool http_was_sent(const struct http_call *c);

/* Fit to send secrets to: https, or plain http to this machine itself. */
bool http_is_secure_url(const char *url);
