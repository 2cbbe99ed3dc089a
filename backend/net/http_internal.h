// SPDX-License-Identifier: MIT
#pragma once
/* What the files of the HTTP client share; nobody else includes this. The loop's
 * thread only. */
#include <curl/curl.h>

#include "backend/net/http.h"

struct http {
	struct loop *loop;
	CURLM *multi;
	struct timer timer;     /* curl's */
	struct timer settle;    /* what could not be done inside a callback of curl */
	struct http_call *call; /* all of them */
	int connect_ms;
	int depth; /* inside curl, whose handles must not be added or removed then */
};

struct http_call {
	struct http *http;
	struct http_call *next, **pprev;
	CURL *easy;
	struct curl_slist *headers;
	const struct http_ops *ops;
	void *user;
	const char *body;
	size_t body_len, body_sent;
	uint64_t got, max;
	bool is_added; /* curl has it */
	bool is_sent, is_once, is_stopped;
	bool is_over;         /* cancelled or told: no callback any more */
	bool is_paused;       /* nothing to on_data */
	bool wants_resume;    /* curl_easy_pause is due */
	char retry_after[64]; /* until Date is known too */
	struct http_response answer;
	struct err err; /* of on_data */
};

/* One header line, without regard to its end. */
void http_reply_header(struct http_call *c, const char *line, size_t len);
/* Sets fate, status and sentence of a call that curl has ended. */
void http_reply_end(struct http_call *c, CURLcode code);
