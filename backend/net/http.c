// SPDX-License-Identifier: MIT
/* Calls on their way through curl, which waits on the loop: see http.h. What comes back
 * is read in http_reply.c. */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

#include "backend/net/http_internal.h"
#include "cache/base/clk.h"
#include "cache/base/mem.h"
#include "cache/base/str.h"

/* ---- curl's side ---- */

static size_t on_read(char *to, size_t size, size_t n, void *user)
{
	struct http_call *c = user;
	size_t len = size * n, left = c->body_len - c->body_sent;

	if (c->is_over)
		return CURL_READFUNC_ABORT;
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

	if (c->is_over)
		return 0;
	if (c->is_paused) /* curl keeps it, and reads no more */
		return CURL_WRITEFUNC_PAUSE;
	curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
	if (len > c->max - c->got) {
		err_set(&c->err, EMSGSIZE, "the answer is longer than %llu bytes",
			(unsigned long long)c->max);
		return 0;
	}
	c->got += len;
	r = c->ops->on_data(c->user, data, len, (int)status, &c->err);
	if (r < 0 && !c->is_over) {
		if (!c->err.code)
			err_set(&c->err, -r, "the answer was not taken");
		c->is_stopped = true;
	}
	return r < 0 || c->is_over ? 0 : len;
}

static size_t on_header(char *line, size_t size, size_t n, void *user)
{
	http_reply_header(user, line, size * n);
	return size * n;
}

/* ---- calls ---- */

static void call_free(struct http_call *c)
{
	if (c->is_added)
		curl_multi_remove_handle(c->http->multi, c->easy);
	curl_easy_cleanup(c->easy);
	curl_slist_free_all(c->headers);
	free(c->answer.location);
	if (c->next)
		c->next->pprev = c->pprev;
	*c->pprev = c->next;
	free(c);
}

static void end_call(struct http_call *c, CURLcode code)
{
	if (!c->is_over) {
		c->is_over = true;
		http_reply_end(c, code);
		c->ops->on_done(c->user, &c->answer, c->err.code ? &c->err : NULL);
	}
	call_free(c);
}

/* What waited until curl could be touched again. Delivers, and so may end calls; any
 * other call may be gone after each. */
static bool settle_one(struct http_call *c)
{
	struct http *h = c->http;
	CURLcode code = CURLE_OK;

	if (c->is_over) {
		call_free(c);
		return true;
	}
	if (!c->is_added) {
		if (curl_multi_add_handle(h->multi, c->easy) == CURLM_OK)
			c->is_added = true;
		else
			end_call(c, CURLE_OUT_OF_MEMORY);
		return true;
	}
	if (!c->wants_resume)
		return false;
	c->wants_resume = false;
	h->depth++;
	code = curl_easy_pause(c->easy, CURLPAUSE_CONT);
	h->depth--;
	if (code != CURLE_OK) /* curl goes on as if nothing had happened */
		end_call(c, code);
	return true;
}

static void settle(struct http *h)
{
	struct http_call *c = h->call;

	while (c)
		c = settle_one(c) ? h->call : c->next;
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
		end_call(c, code);
	}
}

/* The one way into curl. */
static void act(struct http *h, curl_socket_t fd, int flags)
{
	int running;

	h->depth++;
	curl_multi_socket_action(h->multi, fd, flags, &running);
	h->depth--;
	reap(h);
}

static void on_timer(struct timer *t)
{
	act(container_of(t, struct http, timer), CURL_SOCKET_TIMEOUT, 0);
}

static void on_settle(struct timer *t)
{
	struct http *h = container_of(t, struct http, settle);

	settle(h);
	reap(h);
}

static void settle_soon(struct http *h)
{
	if (!h->settle.is_armed)
		loop_timer_set(h->loop, &h->settle, clk_mono_ms(), on_settle);
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
	int flags = 0;

	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		flags |= CURL_CSELECT_IN;
	if (events & EPOLLOUT)
		flags |= CURL_CSELECT_OUT;
	if (events & EPOLLERR)
		flags |= CURL_CSELECT_ERR;
	act(h, s->fd, flags);
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
	struct http *h;

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return err_oom(err);
	h = new0(struct http);
	if (h)
		h->multi = curl_multi_init();
	if (!h || !h->multi) {
		free(h);
		curl_global_cleanup();
		return err_oom(err);
	}
	h->loop = loop;
	h->connect_ms = connect_ms;
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
	while (h->call)
		call_free(h->call);
	curl_multi_cleanup(h->multi);
	loop_timer_clear(h->loop, &h->timer);
	loop_timer_clear(h->loop, &h->settle);
	free(h);
	curl_global_cleanup();
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
	curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 2L);
	curl_easy_setopt(e, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	if (req->no_proxy)
		curl_easy_setopt(e, CURLOPT_PROXY, "");
}

static void set_body(struct http_call *c, const struct http_request *req)
{
	CURL *e = c->easy;

	/* Without a body there is nothing that cannot be rewound. */
	if (req->is_once && !req->body_len)
		curl_easy_setopt(e, CURLOPT_FRESH_CONNECT, 1L);
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

/* A line break in a header would begin another one. */
static int check_request(const struct http_request *req, struct err *err)
{
	if (strlen(req->url) > HTTP_URL_MAX)
		return err_set(err, EINVAL, "the address is longer than %d bytes",
			HTTP_URL_MAX);
	for (const char *p = req->url; *p; p++) {
		if ((unsigned char)*p <= 0x20 || *p == 0x7f)
			return err_set(err, EINVAL,
				"the address has a blank or control character");
	}
	for (uint32_t i = 0; i < req->n_headers; i++) {
		for (const char *p = req->header[i]; *p; p++) {
			if ((unsigned char)*p < 0x20 || *p == 0x7f)
				return err_set(err, EINVAL,
					"a header has a control character");
		}
	}
	return 0;
}

static struct http_call *call_new(struct http *h, const struct http_request *req,
	const struct http_ops *ops, void *user)
{
	struct http_call *c = new0(struct http_call);

	if (!c)
		return NULL;
	*c = (struct http_call){.http = h,
		.next = h->call,
		.pprev = &h->call,
		.ops = ops,
		.user = user,
		.body = req->body,
		.body_len = req->body_len,
		.is_once = req->is_once,
		.max = req->response_max,
		.answer = {.retry_after_ms = -1}};
	if (h->call)
		h->call->pprev = &c->next;
	h->call = c;
	c->easy = curl_easy_init();
	if (!c->easy || add_headers(c, req) < 0) {
		call_free(c);
		return NULL;
	}
	set_common(c, req);
	set_body(c, req);
	return c;
}

struct http_call *http_start(struct http *h, const struct http_request *req,
	const struct http_ops *ops, void *user, struct err *err)
{
	struct http_call *c;

	if (check_request(req, err) < 0)
		return NULL;
	c = call_new(h, req, ops, user);
	if (!c) {
		err_oom(err);
		return NULL;
	}
	if (h->depth) {
		settle_soon(h);
		return c;
	}
	if (curl_multi_add_handle(h->multi, c->easy) != CURLM_OK) {
		call_free(c);
		err_oom(err);
		return NULL;
	}
	c->is_added = true;
	return c;
}

void http_cancel(struct http_call *c)
{
	if (c->is_over) /* inside its on_done, or a second time */
		return;
	c->is_over = true;
	/* Not here: curl, or a callback of this call, may be on the stack. */
	settle_soon(c->http);
}

void http_pause(struct http_call *c, bool on)
{
	c->is_paused = on;
	c->wants_resume = !on;
	if (!on)
		settle_soon(c->http);
}

bool http_was_sent(const struct http_call *c)
{
	return c->is_sent;
}

/* ---- addresses ---- */

static bool is_loopback(const char *host, size_t n)
{
	static const char *const names[] = {"127.0.0.1", "localhost", "[::1]"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (strlen(names[i]) == n && !strncasecmp(host, names[i], n))
			return true;
	}
	return false;
}

bool http_is_secure_url(const char *url)
{
	const char *host;
	size_t n, port;

	if (str_starts(url, "https://"))
		return url[8] && !strchr("/:?#@", url[8]);
	if (!str_starts(url, "http://"))
		return false;
	host = url + 7;
	n = strcspn(host, "/?#");
	if (memchr(host, '@', n))
		return false;
	port = *host == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":/?#");
	return port <= n && (port == n || host[port] == ':') && is_loopback(host, port);
}
