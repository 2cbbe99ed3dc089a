// SPDX-License-Identifier: MIT
/* Against a server that misbehaves on purpose: what becomes of a request is told right,
 * and what costs money is never sent twice. */
#include "backend/net/http.h"

#include <errno.h>
#include <time.h>

#include "cache/base/buf.h"
#include "tests/support/on_loop.h"
#include "tests/support/tap.h"
#include "tests/support/tiny_server.h"

#define WAIT_S 20
#define BIG (8u << 20)

static struct tiny_server server;
static struct loop *loop;
static pthread_t loop_thread;
static struct http *http;

/* ---- the server's side ---- */

static void send_big(struct tiny_request *r)
{
	static const char head[] = "HTTP/1.1 200 OK\r\nContent-Length: 8388608\r\n\r\n";
	char block[4096];

	memset(block, 'x', sizeof(block));
	tiny_send(r, head, sizeof(head) - 1);
	for (size_t n = 0; n < BIG && r->keep; n += sizeof(block))
		tiny_send(r, block, sizeof(block));
}

static void send_date(struct tiny_request *r)
{
	char headers[256], date[64], until[64];
	time_t now = 1700000000, later = now + 90;
	struct tm tm;

	strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&now, &tm));
	strftime(until, sizeof(until), "%a, %d %b %Y %H:%M:%S GMT",
		gmtime_r(&later, &tm));
	snprintf(headers, sizeof(headers), "Retry-After: %s\r\nDate: %s\r\n", until,
		date);
	tiny_reply(r, 503, headers, "");
}

static void answer(struct tiny_request *r, void *user)
{
	if (tiny_is(r, "/echo")) {
		tiny_reply(r, 200, "Content-Type: application/json\r\n", r->body);
	} else if (tiny_is(r, "/head")) {
		tiny_reply(r, 200, "Metadata-Flavor: Google\r\n", r->head);
	} else if (tiny_is(r, "/drop")) { /* reads it, and says nothing */
		r->keep = false;
	} else if (tiny_is(r, "/reset")) {
		tiny_reset(r->fd);
		r->keep = false;
	} else if (tiny_is(r, "/cut")) {
		tiny_send(r, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc", 43);
		r->keep = false;
	} else if (tiny_is(r, "/continue")) {
		tiny_send(r, "HTTP/1.1 100 Continue\r\n\r\n", 25);
		r->keep = false;
	} else if (tiny_is(r, "/stall")) {
		tiny_stall(r);
	} else if (tiny_is(r, "/retry")) {
		tiny_reply(r, 429, "Retry-After: 7\r\n", "{}");
	} else if (tiny_is(r, "/retry-long")) {
		tiny_reply(r, 429, "Retry-After: 20301231\r\n", "{}");
	} else if (tiny_is(r, "/date")) {
		send_date(r);
	} else if (tiny_is(r, "/redirect")) {
		tiny_reply(r, 307, "Location: /echo?x\r\n", "");
	} else if (tiny_is(r, "/big")) {
		send_big(r);
	} else {
		tiny_reply(r, 404, "Content-Type: text/html\r\n", "nothing");
	}
}

/* ---- ours ---- */

struct call {
	struct http_request req;
	char url[512];
	struct http_call *handle;
	struct http_response answer;
	struct err err;
	struct buf body;
	int status_seen;
	int done;
	int pieces;
	bool stop, stop_later, cancel, cancel_other, pause, start_other,
		cancel_when_done;
	struct call *other;
	sem_t ended;
};

static int on_data(
	void *user, const void *data, size_t len, int status, struct err *err);
static void on_done(void *user, const struct http_response *a, const struct err *err);
static const struct http_ops ops = {on_data, on_done};

static void start(void *arg)
{
	struct call *c = arg;
	struct err err = {0};

	c->handle = http_start(http, &c->req, &ops, c, &err);
	if (!c->handle) {
		c->err = err;
		sem_post(&c->ended);
	}
}

static int on_data(
	void *user, const void *data, size_t len, int status, struct err *err)
{
	struct call *c = user;

	c->pieces++;
	c->status_seen = status;
	buf_add(&c->body, data, len);
	if (c->cancel_other)
		http_cancel(c->other->handle);
	if (c->start_other) {
		c->start_other = false;
		start(c->other);
	}
	if (c->cancel) {
		http_cancel(c->handle);
		sem_post(&c->ended);
		return 0;
	}
	if (c->pause) {
		http_pause(c->handle, true);
		sem_post(&c->ended);
	}
	return c->stop ? err_set(err, ENOSPC, "full") : 0;
}

static void on_done(void *user, const struct http_response *a, const struct err *err)
{
	struct call *c = user;

	CHECK(pthread_equal(pthread_self(), loop_thread));
	c->done++;
	c->answer = *a;
	c->answer.location = a->location ? strdup(a->location) : NULL;
	if (err)
		c->err = *err;
	CHECK((err == NULL) == (a->fate == HTTP_ANSWERED));
	if (c->cancel_when_done)
		http_cancel(c->handle);
	sem_post(&c->ended);
}

static void prepare(struct call *c, const char *method, const char *path)
{
	memset(c, 0, sizeof(*c));
	sem_init(&c->ended, 0, 0);
	snprintf(c->url, sizeof(c->url), "http://127.0.0.1:%d%s", server.port, path);
	c->req = (struct http_request){
		.method = method, .url = c->url, .response_max = 1u << 20};
	if (!strcmp(method, "POST")) {
		c->req.body = "hello";
		c->req.body_len = 5;
	}
}

static void finish(struct call *c)
{
	buf_finish(&c->body);
	free(c->answer.location);
	sem_destroy(&c->ended);
}

static void run(struct call *c)
{
	on_loop(loop, start, c);
	if (!CHECK(wait_sem(&c->ended, WAIT_S)))
		exit(1);
}

static void make_http(void *arg)
{
	CHECK_INT(http_new(loop, 2000, &http, NULL), 0);
}

static void drop_http(void *arg)
{
	http_free(http);
	http = NULL;
}

static void fresh_connections(void)
{
	on_loop(loop, drop_http, NULL);
	on_loop(loop, make_http, NULL);
}

static void cancel_it(void *arg)
{
	http_cancel(((struct call *)arg)->handle);
}

static void resume_it(void *arg)
{
	struct call *c = arg;
	int before = c->pieces;

	c->pause = false;
	c->stop = c->stop_later;
	http_pause(c->handle, false);
	CHECK_INT(c->pieces, before);
}

static void nothing(void *arg)
{
}

/* ---- cases ---- */

static void bodies_and_headers_go_and_come(void)
{
	scoped(finish) struct call get, post, headers;
	scoped_free char *big = malloc(3u << 20);

	prepare(&get, "GET", "/none");
	run(&get);
	CHECK_INT(get.answer.fate, HTTP_ANSWERED);
	CHECK_INT(get.answer.status, 404);
	CHECK(!get.answer.is_json);
	CHECK_STR(get.body.data, "nothing");

	memset(big, 'b', 3u << 20);
	prepare(&post, "POST", "/echo");
	post.req.body = big;
	post.req.body_len = 3u << 20;
	post.req.response_max = 4u << 20;
	post.req.is_once = true;
	run(&post);
	CHECK_INT(post.answer.status, 200);
	CHECK(post.answer.is_json && !post.answer.is_metadata);
	CHECK_INT((int64_t)post.body.len, 3 << 20);
	CHECK(post.body.len == 3u << 20 && !memcmp(post.body.data, big, 3u << 20));

	prepare(&headers, "POST", "/head");
	headers.req.body = big;
	headers.req.body_len = 2u << 20; /* curl would send Expect above 1 MiB */
	headers.req.header[0] = "Authorization: Bearer abc";
	headers.req.header[1] = "Content-Type: application/json";
	headers.req.n_headers = 2;
	run(&headers);
	CHECK(strstr(headers.body.data, "Authorization: Bearer abc\r\n"));
	CHECK(strstr(headers.body.data, "Content-Type: application/json\r\n"));
	CHECK(strstr(headers.body.data, "POST /head HTTP/1.1\r\n"));
	CHECK(strstr(headers.body.data, "User-Agent: promptfs/"));
	CHECK(!strcasestr(headers.body.data, "expect:"));
	CHECK(headers.answer.is_metadata);
}

static void connections_are_reused(void)
{
	int before;

	fresh_connections();
	before = server.connections;
	for (int i = 0; i < 10; i++) {
		scoped(finish) struct call c;

		prepare(&c, i % 2 ? "POST" : "GET", "/echo");
		run(&c);
		CHECK_INT(c.answer.status, 200);
	}
	CHECK_INT(server.connections - before, 1);
}

/* design.md, section 8: the request that costs money goes out once. */
static void what_costs_money_is_sent_once(void)
{
	static const struct {
		const char *path;
		bool is_once;
		int least, most;
	} cases[] = {
		{"/drop", true, 1, 1}, {"/reset", true, 1, 1},
		{"/drop", false, 2, 10}, /* curl repeats it: the trap is real */
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		scoped(finish) struct call first, paid;
		int before;

		fresh_connections();
		prepare(&first, "POST", "/echo");
		run(&first);
		CHECK_INT(first.answer.status, 200);
		before = server.requests;
		prepare(&paid, "POST", cases[i].path);
		paid.req.is_once = cases[i].is_once;
		run(&paid);
		CHECK_INT(paid.answer.fate, HTTP_SENT);
		CHECK_INT(paid.done, 1);
		CHECK(*paid.err.why);
		CHECK(server.requests - before >= cases[i].least);
		CHECK(server.requests - before <= cases[i].most);
	}
}

static void without_a_body_too(void)
{
	scoped(finish) struct call first, paid;
	int before;

	fresh_connections();
	prepare(&first, "POST", "/echo");
	run(&first);
	before = server.requests;
	prepare(&paid, "POST", "/drop");
	paid.req.is_once = true;
	paid.req.body_len = 0;
	run(&paid);
	CHECK_INT(server.requests - before, 1);
	CHECK_INT(paid.answer.fate, HTTP_SENT);
}

static int closed_port(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET};
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CHECK_INT(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	getsockname(fd, (struct sockaddr *)&a, &len);
	close(fd);
	return ntohs(a.sin_port);
}

static void what_never_left_is_told_so(void)
{
	static const char *const methods[] = {"GET", "POST"};

	for (size_t i = 0; i < ARRAY_SIZE(methods); i++) {
		scoped(finish) struct call refused, nowhere, tls;

		prepare(&refused, methods[i], "/");
		snprintf(refused.url, sizeof(refused.url), "http://127.0.0.1:%d/",
			closed_port());
		run(&refused);
		CHECK_INT(refused.answer.fate, HTTP_NOT_SENT);
		CHECK_INT(refused.err.code, ENETUNREACH);

		prepare(&nowhere, methods[i], "/");
		snprintf(nowhere.url, sizeof(nowhere.url), "http://name.invalid/");
		run(&nowhere);
		CHECK_INT(nowhere.answer.fate, HTTP_NOT_SENT);

		/* A server that speaks no TLS. */
		prepare(&tls, methods[i], "/");
		snprintf(
			tls.url, sizeof(tls.url), "https://127.0.0.1:%d/", server.port);
		tls.req.timeout_ms = 1000;
		run(&tls);
		CHECK_INT(tls.answer.fate, HTTP_NOT_SENT);
	}
}

static void a_body_that_left_may_have_been_read(void)
{
	static const struct {
		const char *path;
		int fate, code, status;
	} cases[] = {
		{"/drop", HTTP_SENT, ENETUNREACH, 0},
		{"/reset", HTTP_SENT, ENETUNREACH, 0},
		{"/continue", HTTP_SENT, ENETUNREACH, 0},
		{"/stall", HTTP_SENT, ETIMEDOUT, 0},
		{"/cut", HTTP_CUT, EPROTO, 200},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		scoped(finish) struct call c;

		fresh_connections();
		prepare(&c, "POST", cases[i].path);
		c.req.is_once = true;
		c.req.timeout_ms = 300;
		run(&c);
		CHECK_INT(c.answer.fate, cases[i].fate);
		CHECK_INT(c.err.code, cases[i].code);
		CHECK_INT(c.answer.status, cases[i].status);
		CHECK(!c.answer.was_stopped);
	}
}

/* Whether a byte left is not known, so both fates are right; never an answer. */
static void a_reset_at_once(void)
{
	scoped(finish) struct call c;

	fresh_connections();
	server.reset_on_accept = true;
	prepare(&c, "POST", "/echo");
	c.req.is_once = true;
	run(&c);
	server.reset_on_accept = false;
	CHECK(c.answer.fate == HTTP_NOT_SENT || c.answer.fate == HTTP_SENT);
	CHECK_INT(c.err.code, ENETUNREACH);
}

static void hints_and_redirects(void)
{
	static const struct {
		const char *path;
		int status;
		int64_t retry_ms, server_ms;
		const char *location;
	} cases[] = {
		{"/retry", 429, 7000, 0, NULL},
		{"/retry-long", 429, 86400000, 0, NULL},
		{"/date", 503, 90000, 1700000000000, NULL},
		{"/redirect", 307, -1, 0, "/echo?x"},
		{"/none", 404, -1, 0, NULL},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		scoped(finish) struct call c;

		prepare(&c, "POST", cases[i].path);
		run(&c);
		CHECK_INT(c.answer.fate, HTTP_ANSWERED);
		CHECK_INT(c.answer.status, cases[i].status);
		CHECK_INT(c.answer.retry_after_ms, cases[i].retry_ms);
		CHECK_INT(c.answer.server_time_ms, cases[i].server_ms);
		CHECK_STR(c.answer.location, cases[i].location);
	}
}

static void too_long_and_not_wanted(void)
{
	scoped(finish) struct call large, full;

	prepare(&large, "GET", "/big");
	large.req.response_max = 100000;
	run(&large);
	CHECK_INT(large.answer.fate, HTTP_CUT);
	CHECK_INT(large.err.code, EMSGSIZE);
	CHECK(large.body.len <= 100000);

	prepare(&full, "GET", "/big");
	full.req.response_max = BIG;
	full.stop = true;
	run(&full);
	CHECK_INT(full.answer.fate, HTTP_CUT);
	CHECK_INT(full.err.code, ENOSPC);
	CHECK_STR(full.err.why, "full");
	CHECK(full.answer.was_stopped);
	CHECK_INT(full.pieces, 1);
	CHECK_INT(full.status_seen, 200);
}

static void pausing_holds_and_resuming_goes_on(void)
{
	scoped(finish) struct call c, other;
	int pieces;

	prepare(&c, "GET", "/big");
	c.req.response_max = BIG;
	c.pause = true;
	run(&c);
	prepare(&other, "POST", "/echo"); /* the others go on */
	run(&other);
	CHECK_INT(other.answer.status, 200);
	on_loop(loop, nothing, NULL);
	pieces = c.pieces;
	CHECK_INT(pieces, 1);
	CHECK_INT(c.done, 0);
	on_loop(loop, resume_it, &c);
	CHECK(wait_sem(&c.ended, WAIT_S));
	CHECK_INT(c.answer.fate, HTTP_ANSWERED);
	CHECK_INT((int64_t)c.body.len, BIG);
}

static void refusing_after_a_pause_ends_the_call(void)
{
	scoped(finish) struct call c;

	prepare(&c, "GET", "/big");
	c.req.response_max = BIG;
	c.pause = c.stop_later = true;
	run(&c);
	on_loop(loop, resume_it, &c);
	CHECK(wait_sem(&c.ended, WAIT_S));
	CHECK_INT(c.done, 1);
	CHECK_INT(c.err.code, ENOSPC);
}

static void cancelling_anywhere(void)
{
	scoped(finish) struct call inside, silent, killer, victim, late, paused;

	prepare(&inside, "GET", "/big");
	inside.req.response_max = BIG;
	inside.cancel = true;
	run(&inside);
	on_loop(loop, nothing, NULL);
	CHECK_INT(inside.pieces, 1);
	CHECK_INT(inside.done, 0);

	prepare(&silent, "POST", "/stall");
	silent.req.is_once = true;
	on_loop(loop, start, &silent);
	on_loop(loop, cancel_it, &silent);
	CHECK_INT(silent.done, 0);

	prepare(&victim, "POST", "/stall");
	prepare(&killer, "POST", "/echo");
	on_loop(loop, start, &victim);
	killer.cancel_other = true;
	killer.other = &victim;
	run(&killer);
	CHECK_INT(killer.answer.status, 200);
	CHECK_INT(victim.done, 0);

	prepare(&late, "POST", "/echo");
	late.cancel_when_done = true;
	run(&late);
	CHECK_INT(late.done, 1);

	prepare(&paused, "GET", "/big");
	paused.req.response_max = BIG;
	paused.pause = true;
	run(&paused);
	on_loop(loop, cancel_it, &paused);
	on_loop(loop, nothing, NULL);
	CHECK_INT(paused.done, 0);
}

static void starting_inside_a_callback(void)
{
	scoped(finish) struct call first, second;

	prepare(&second, "POST", "/echo");
	prepare(&first, "POST", "/echo");
	first.start_other = true;
	first.other = &second;
	run(&first);
	CHECK(wait_sem(&second.ended, WAIT_S));
	CHECK_INT(first.answer.status, 200);
	CHECK_INT(second.answer.status, 200);
}

static void the_end_ends_what_is_under_way(void)
{
	scoped(finish) struct call a, b;

	prepare(&a, "POST", "/stall");
	prepare(&b, "GET", "/big");
	b.req.response_max = BIG;
	b.pause = true;
	on_loop(loop, start, &a);
	run(&b);
	fresh_connections();
	CHECK_INT(a.done + b.done, 0);
}

static void many_at_once(void)
{
	static struct call c[64];

	for (size_t i = 0; i < ARRAY_SIZE(c); i++) {
		prepare(&c[i], "POST", "/echo");
		on_loop(loop, start, &c[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(c); i++) {
		CHECK(wait_sem(&c[i].ended, WAIT_S));
		CHECK_INT(c[i].answer.status, 200);
		CHECK_STR(c[i].body.data, "hello");
		finish(&c[i]);
	}
}

static void what_cannot_be_a_request(void)
{
	scoped(finish) struct call blank, line, scheme;
	static char longer[HTTP_URL_MAX + 100];

	prepare(&blank, "GET", "/a b");
	run(&blank);
	CHECK_INT(blank.err.code, EINVAL);
	CHECK(!blank.handle);
	prepare(&line, "GET", "/head");
	line.req.header[0] = "A: b\r\nC: d";
	line.req.n_headers = 1;
	run(&line);
	CHECK_INT(line.err.code, EINVAL);
	CHECK(!line.handle);
	memset(longer, 'a', sizeof(longer) - 1);
	line.req.url = longer;
	line.req.n_headers = 0;
	run(&line);
	CHECK_INT(line.err.code, EINVAL);
	prepare(&scheme, "GET", "");
	snprintf(scheme.url, sizeof(scheme.url), "file:///etc/hostname");
	run(&scheme);
	CHECK_INT(scheme.answer.fate, HTTP_NOT_SENT);
	CHECK_INT(scheme.err.code, EINVAL);
}

static void proxies_come_from_the_environment(void)
{
	scoped(finish) struct call by, direct, secret, tunnel;
	char proxy[64];

	fresh_connections();
	snprintf(proxy, sizeof(proxy), "http://127.0.0.1:%d", server.port);
	setenv("http_proxy", proxy, 1);
	setenv("https_proxy", proxy, 1);
	prepare(&by, "GET", "");
	snprintf(by.url, sizeof(by.url), "http://somewhere.invalid/head");
	run(&by);
	CHECK_INT(by.answer.fate, HTTP_ANSWERED); /* the proxy's 404: it was asked */
	prepare(&direct, "GET", "");
	snprintf(direct.url, sizeof(direct.url), "http://somewhere.invalid/head");
	direct.req.no_proxy = true;
	run(&direct);
	CHECK_INT(direct.answer.fate, HTTP_NOT_SENT);
	prepare(&tunnel, "POST", "");
	snprintf(tunnel.url, sizeof(tunnel.url), "https://somewhere.invalid/head");
	run(&tunnel);
	CHECK_INT(tunnel.answer.fate, HTTP_NOT_SENT); /* CONNECT was refused */
	unsetenv("http_proxy");
	unsetenv("https_proxy");
	prepare(&secret, "GET", "");
	snprintf(secret.url, sizeof(secret.url), "http://me:hush@name.invalid/");
	run(&secret);
	CHECK(!strstr(secret.err.why, "hush"));
}

static void a_self_signed_server_is_not_trusted(void)
{
	char dir[] = "/tmp/test_http.XXXXXX", command[512], line[64];
	scoped(finish) struct call c;
	int port = closed_port();
	FILE *f;

	if (!mkdtemp(dir))
		return;
	snprintf(command, sizeof(command),
		"cd %s && openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem "
		"-out cert.pem -days 2 -subj /CN=127.0.0.1 -addext "
		"subjectAltName=IP:127.0.0.1 2>/dev/null && "
		"{ openssl s_server -quiet -accept 127.0.0.1:%d -cert cert.pem -key "
		"key.pem -www >/dev/null 2>&1 & echo $!; }",
		dir, port);
	f = popen(command, "r");
	if (!f || !fgets(line, sizeof(line), f)) {
		printf("# no openssl program: not tried\n");
	} else {
		bool up = false;

		for (int i = 0; i < 100 && !up; i++) {
			struct sockaddr_in a = {.sin_family = AF_INET,
				.sin_port = htons((uint16_t)port)};
			int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

			a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
			up = connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0;
			close(fd);
			if (!up)
				usleep(20000);
		}
		prepare(&c, "POST", "");
		snprintf(c.url, sizeof(c.url), "https://127.0.0.1:%d/", port);
		if (CHECK(up)) {
			run(&c);
			CHECK_INT(c.answer.fate, HTTP_NOT_SENT);
			CHECK_INT(c.err.code, ENETUNREACH);
			CHECK(strstr(c.err.why, "certificate"));
		}
		snprintf(command, sizeof(command), "kill %d", atoi(line));
		CHECK_INT(system(command), 0);
	}
	if (f)
		pclose(f);
	snprintf(command, sizeof(command), "rm -r %s", dir);
	CHECK_INT(system(command), 0);
}

static void which_addresses_are_fit_for_secrets(void)
{
	static const struct {
		const char *url;
		bool secure;
	} cases[] = {
		{"https://oauth2.googleapis.com/token", true},
		{"http://127.0.0.1", true},
		{"http://127.0.0.1:80/x", true},
		{"http://localhost/x@y", true},
		{"http://[::1]:8080/", true},
		{"https://", false},
		{"https:///x", false},
		{"http://127.0.0.1.example.org/", false},
		{"http://localhost.example.org/", false},
		{"http://localhost@example.org/", false},
		{"http://localhost:80@example.org/", false},
		{"http://[::1", false},
		{"http://[::1]x/", false},
		{"http://example.org/", false},
		{"ftp://127.0.0.1/", false},
		{"", false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		if (!CHECK_INT(http_is_secure_url(cases[i].url), cases[i].secure))
			printf("# %s\n", cases[i].url);
	}
}

static void begin(void)
{
	unsetenv("http_proxy");
	unsetenv("https_proxy");
	unsetenv("no_proxy");
	unsetenv("NO_PROXY");
	unsetenv("ALL_PROXY");
	unsetenv("all_proxy");
	tiny_start(&server, answer, NULL);
	CHECK_INT(loop_start(&loop, NULL), 0);
	loop_thread = loop_thread_of(loop);
	on_loop(loop, make_http, NULL);
}

static void end(void)
{
	on_loop(loop, drop_http, NULL);
	loop_stop(loop);
	tiny_end(&server);
}

TAP_MAIN(TAP_CASE(begin), TAP_CASE(bodies_and_headers_go_and_come),
	TAP_CASE(connections_are_reused), TAP_CASE(what_costs_money_is_sent_once),
	TAP_CASE(without_a_body_too), TAP_CASE(what_never_left_is_told_so),
	TAP_CASE(a_body_that_left_may_have_been_read), TAP_CASE(a_reset_at_once),
	TAP_CASE(hints_and_redirects), TAP_CASE(too_long_and_not_wanted),
	TAP_CASE(pausing_holds_and_resuming_goes_on),
	TAP_CASE(refusing_after_a_pause_ends_the_call), TAP_CASE(cancelling_anywhere),
	TAP_CASE(starting_inside_a_callback), TAP_CASE(the_end_ends_what_is_under_way),
	TAP_CASE(many_at_once), TAP_CASE(what_cannot_be_a_request),
	TAP_CASE(proxies_come_from_the_environment),
	TAP_CASE(a_self_signed_server_is_not_trusted),
	TAP_CASE(which_addresses_are_fit_for_secrets), TAP_CASE(end))
