// SPDX-License-Identifier: MIT
#include "backend/net/http.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

#include "cache/base/clk.h"
#include "cache/base/mem.h"
#include "cache/base/str.h"

struct http {
	struct loop *loop;
	CURLM *multi;
	struct timer timer;
	int connect_ms;
	uint32_t calls;
};

struct http_call {
	struct http *http;
	CURL *easy;
	struct curl_slist *headers;
	const struct http_ops *ops;
	void *user;
	const char *body;
	size_t body_len, body_sent;
	uint64_t got, max;
	bool is_sent, is_once, is_stopped;
	struct http_answer answer;
	struct err err; /* of on_data */
};

/* ---- curl's side ---- */

static size_t on_read(char *to, size_t size, size_t n, void *user)
{
	struct http_call *c = user;
	size_t len = size * n, left = c->body_len - c->body_sent;

	c->is_sent = true;
	len = len < left ? len : left;
	memcpy(to, c->body + c->body_sent, len);
	c->body_sent += len;
	return len;
}

/* curl wants to send the body again. What costs money is never sent twice; for the rest
 * it may. */
static int on_seek(void *user, curl_off_t offset, int origin)
{
	struct http_call *c = user;

	if (c->is_once || origin != SEEK_SET || offset < 0 ||
		(size_t)offset > c->body_len)
		return CURL_SEEKFUNC_FAIL;
	c->body_sent = (size_t)offset;
	return CURL_SEEKFUNC_OK;
}

static size_t on_write(char *data, size_t size, size_t n, void *user)
{
	struct http_call *c = user;
	size_t len = size * n;
	long status = 0;
	int r;

	curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
	if (len > c->max - c->got) {
		err_set(&c->err, EMSGSIZE, "the answer is longer than %llu bytes",
			(unsigned long long)c->max);
		return 0;
	}
	c->got += len;
	r = c->ops->on_data(c->user, data, len, (int)status, &c->err);
	if (r < 0) {
		if (!c->err.code)
			err_set(&c->err, -r, "the answer was not taken");
		c->is_stopped = true;
		return 0;
	}
	return len;
}

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

static size_t on_header(char *line, size_t size, size_t n, void *user)
{
	struct http_call *c = user;
	size_t len = size * n;
	char value[128];
	uint64_t seconds;

	if (len > 5 && !strncasecmp(line, "HTTP/", 5)) {
		c->answer.retry_after_ms = -1;
		c->answer.is_json = false;
	} else if (header_is(line, len, "Content-Type")) {
		header_value(line, len, 12, value, sizeof(value));
		c->answer.is_json = !strncasecmp(value, "application/json", 16);
	} else if (header_is(line, len, "Location") && len < HTTP_LOCATION_MAX) {
		char where[HTTP_LOCATION_MAX];

		header_value(line, len, 8, where, sizeof(where));
		free(c->answer.location);
		c->answer.location = strdup(where);
	} else if (header_is(line, len, "Date")) {
		header_value(line, len, 4, value, sizeof(value));
		time_t t = curl_getdate(value, NULL);
		c->answer.server_time_ms = t > 0 ? (int64_t)t * 1000 : 0;
	} else if (header_is(line, len, "Retry-After")) {
		header_value(line, len, 11, value, sizeof(value));
		time_t t = curl_getdate(value, NULL);
		if (str_parse_u64(value, 86400, &seconds) == 0)
			c->answer.retry_after_ms = (int64_t)seconds * 1000;
		else if (t > 0)
			c->answer.retry_after_ms = (int64_t)t * 1000 - clk_real_ms();
	}
	return len;
}

/* ---- outcome ---- */

static int errno_of(CURLcode code)
{
	switch (code) {
	case CURLE_OPERATION_TIMEDOUT:
		return ETIMEDOUT;
	case CURLE_OUT_OF_MEMORY:
		return ENOMEM;
	case CURLE_WEIRD_SERVER_REPLY:
	case CURLE_BAD_CONTENT_ENCODING:
	case CURLE_HTTP2:
	case CURLE_TOO_MANY_REDIRECTS:
		return EPROTO;
	default:
		return ENETUNREACH;
	}
}

static const char *host_of(const char *url, char *ret, size_t size)
{
	const char *p = strstr(url, "://");
	size_t n;

	p = p ? p + 3 : url;
	n = strcspn(p, "/?");
	snprintf(ret, size, "%.*s", (int)n, p);
	return ret;
}

static void finish_call(struct http_call *c, CURLcode code)
{
	char host[128], *url = NULL;
	long status = 0;

	curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(c->easy, CURLINFO_EFFECTIVE_URL, &url);
	c->answer.status = (int)status;
	c->answer.was_stopped = c->is_stopped;
	if (code == CURLE_OK)
		c->answer.fate = HTTP_ANSWERED;
	else if (status)
		c->answer.fate = HTTP_CUT;
	else
		c->answer.fate = c->is_sent || !c->body_len ? HTTP_SENT : HTTP_NOT_SENT;
	if (code != CURLE_OK && !c->err.code)
		err_set(&c->err, errno_of(code), "%s: %s",
			host_of(url ? url : "", host, sizeof(host)),
			code == CURLE_SEND_FAIL_REWIND
				? "the connection closed after the request was sent"
				: curl_easy_strerror(code));
}

static void call_free(struct http_call *c)
{
	curl_multi_remove_handle(c->http->multi, c->easy);
	curl_easy_cleanup(c->easy);
	curl_slist_free_all(c->headers);
	free(c->answer.location);
	c->http->calls--;
	free(c);
}

/* Every finished call, not one per wake-up: nothing would wake us for the next. */
static void reap(struct http *h)
{
	CURLMsg *msg;
	int left;

	while ((msg = curl_multi_info_read(h->multi, &left))) {
		struct http_call *c = NULL;
		CURLcode code = msg->data.result;

		if (msg->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, (char **)&c);
		finish_call(c, code);
		c->ops->on_done(c->user, &c->answer, c->err.code ? &c->err : NULL);
		call_free(c);
	}
}

static void on_timer(struct timer *t)
{
	struct http *h = container_of(t, struct http, timer);
	int running;

	curl_multi_socket_action(h->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	reap(h);
}

static int set_timer(CURLM *multi, long ms, void *user)
{
	struct http *h = user;

	if (ms < 0)
		loop_timer_clear(h->loop, &h->timer);
	else
		loop_timer_set(h->loop, &h->timer, clk_mono_ms() + ms, on_timer);
	return 0;
}

struct socket {
	struct http *http;
	curl_socket_t fd;
	struct watch *watch;
};

static void on_ready(void *user, uint32_t events)
{
	struct socket *s = user;
	struct http *h = s->http; /* the call below may end the socket */
	int flags = 0, running;

	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		flags |= CURL_CSELECT_IN;
	if (events & EPOLLOUT)
		flags |= CURL_CSELECT_OUT;
	if (events & EPOLLERR)
		flags |= CURL_CSELECT_ERR;
	curl_multi_socket_action(h->multi, s->fd, flags, &running);
	reap(h);
}

static int set_socket(
	CURL *easy, curl_socket_t fd, int what, void *user, void *per_socket)
{
	struct http *h = user;
	struct socket *s = per_socket;
	uint32_t events = 0;

	if (what == CURL_POLL_REMOVE) {
		if (s)
			loop_watch_remove(s->watch);
		free(s);
		curl_multi_assign(h->multi, fd, NULL);
		return 0;
	}
	if (what == CURL_POLL_IN || what == CURL_POLL_INOUT)
		events |= EPOLLIN;
	if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT)
		events |= EPOLLOUT;
	if (s)
		return loop_watch_change(s->watch, events, NULL) < 0 ? -1 : 0;
	s = new0(struct socket);
	if (!s)
		return -1;
	s->http = h;
	s->fd = fd;
	if (loop_watch_add(h->loop, fd, events, on_ready, s, &s->watch, NULL) < 0) {
		free(s);
		return -1;
	}
	curl_multi_assign(h->multi, fd, s);
	return 0;
}

/* ---- ours ---- */

int http_new(struct loop *loop, int connect_ms, struct http **ret, struct err *err)
{
	struct http *h = new0(struct http);

	if (!h)
		return err_oom(err);
	h->loop = loop;
	h->connect_ms = connect_ms;
	h->multi = curl_multi_init();
	if (!h->multi) {
		free(h);
		return err_oom(err);
	}
	curl_multi_setopt(h->multi, CURLMOPT_SOCKETFUNCTION, set_socket);
	curl_multi_setopt(h->multi, CURLMOPT_SOCKETDATA, h);
	curl_multi_setopt(h->multi, CURLMOPT_TIMERFUNCTION, set_timer);
	curl_multi_setopt(h->multi, CURLMOPT_TIMERDATA, h);
	curl_multi_setopt(h->multi, CURLMOPT_PIPELINING, CURLPIPE_NOTHING);
	*ret = h;
	return 0;
}

void http_free(struct http *h)
{
	if (!h)
		return;
	curl_multi_cleanup(h->multi);
	loop_timer_clear(h->loop, &h->timer);
	free(h);
}

static void set_common(struct http_call *c, const struct http_request *req)
{
	CURL *e = c->easy;

	curl_easy_setopt(e, CURLOPT_PRIVATE, c);
	curl_easy_setopt(e, CURLOPT_URL, req->url);
	curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(e, CURLOPT_HTTPHEADER, c->headers);
	curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_write);
	curl_easy_setopt(e, CURLOPT_WRITEDATA, c);
	curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(e, CURLOPT_HEADERDATA, c);
	curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)c->http->connect_ms);
	curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)req->timeout_ms);
	curl_easy_setopt(e, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(e, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(e, CURLOPT_USERAGENT, "promptfs/" PROMPTFS_VERSION);
	curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(e, CURLOPT_BUFFERSIZE, 131072L);
	curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
	if (req->no_proxy)
		curl_easy_setopt(e, CURLOPT_PROXY, "");
}

static void set_body(struct http_call *c, const struct http_request *req)
{
	CURL *e = c->easy;

	if (strcmp(req->method, "POST")) {
		if (strcmp(req->method, "GET"))
			curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, req->method);
		return;
	}
	curl_easy_setopt(e, CURLOPT_POST, 1L);
	curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)req->body_len);
	curl_easy_setopt(e, CURLOPT_READFUNCTION, on_read);
	curl_easy_setopt(e, CURLOPT_READDATA, c);
	curl_easy_setopt(e, CURLOPT_SEEKFUNCTION, on_seek);
	curl_easy_setopt(e, CURLOPT_SEEKDATA, c);
}

static int add_headers(struct http_call *c, const struct http_request *req)
{
	/* No "Expect: 100-continue": it doubles the latency of large bodies. */
	c->headers = curl_slist_append(NULL, "Expect:");
	for (uint32_t i = 0; i < req->n_headers && c->headers; i++) {
		struct curl_slist *more = curl_slist_append(c->headers, req->header[i]);

		if (!more)
			return -ENOMEM;
		c->headers = more;
	}
	return c->headers ? 0 : -ENOMEM;
}

struct http_call *http_start(struct http *h, const struct http_request *req,
	const struct http_ops *ops, void *user, struct err *err)
{
	struct http_call *c;

	if (strlen(req->url) > HTTP_URL_MAX) {
		err_set(err, EINVAL, "the address is longer than %d bytes",
			HTTP_URL_MAX);
		return NULL;
	}
	c = new0(struct http_call);
	if (!c) {
		err_oom(err);
		return NULL;
	}
	*c = (struct http_call){.http = h,
		.ops = ops,
		.user = user,
		.body = req->body,
		.body_len = req->body_len,
		.is_once = req->is_once,
		.max = req->answer_max,
		.answer = {.retry_after_ms = -1}};
	h->calls++;
	c->easy = curl_easy_init();
	if (!c->easy || add_headers(c, req) < 0) {
		call_free(c);
		err_oom(err);
		return NULL;
	}
	set_common(c, req);
	set_body(c, req);
	if (curl_multi_add_handle(h->multi, c->easy) != CURLM_OK) {
		call_free(c);
		err_oom(err);
		return NULL;
	}
	return c;
}

void http_cancel(struct http_call *c)
{
	call_free(c);
}

void http_pause(struct http_call *c, bool on)
{
	curl_easy_pause(c->easy, on ? CURLPAUSE_RECV : CURLPAUSE_CONT);
}

bool http_was_sent(const struct http_call *c)
{
	return c->is_sent;
}
