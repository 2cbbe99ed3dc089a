// SPDX-License-Identifier: MIT
#pragma once
/* A server of a few lines for tests of the HTTP client: one thread per connection, no
 * TLS; a function of the test answers each request. Any thread may read the
 * counters. */
#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define TINY_HEAD_MAX 16384
#define TINY_CONNECTIONS_MAX 256

struct tiny_request {
	struct tiny_server *server;
	int fd;
	int nth;                  /* on this connection, from 1 */
	char head[TINY_HEAD_MAX]; /* request line and headers */
	char *body;
	size_t body_len;
	bool keep; /* set false to close afterwards */
};

struct tiny_server {
	void (*answer)(struct tiny_request *r, void *user);
	void *user;
	int port, listener;
	atomic_bool stop, reset_on_accept;
	atomic_int requests, connections;
	pthread_t thread, connection[TINY_CONNECTIONS_MAX];
};

struct tiny_connection {
	struct tiny_server *server;
	int fd;
};

static inline void tiny_send(struct tiny_request *r, const void *data, size_t len)
{
	const char *p = data;

	while (len) {
		ssize_t n = send(r->fd, p, len, MSG_NOSIGNAL);

		if (n <= 0) {
			r->keep = false;
			return;
		}
		p += n;
		len -= (size_t)n;
	}
}

/* headers: complete lines, or "". */
static inline void tiny_reply(
	struct tiny_request *r, int status, const char *headers, const char *body)
{
	char head[4096];
	int n = snprintf(head, sizeof(head),
		"HTTP/1.1 %d Words\r\n%sContent-Length: %zu\r\n\r\n", status, headers,
		strlen(body));

	tiny_send(r, head, (size_t)n);
	tiny_send(r, body, strlen(body));
}

/* The value of a header in `ret`; "" if it is not there. */
static inline void tiny_header(
	const struct tiny_request *r, const char *name, char *ret, size_t size)
{
	size_t n = strlen(name);

	ret[0] = '\0';
	for (const char *p = strstr(r->head, "\r\n"); p; p = strstr(p + 2, "\r\n")) {
		if (!strncasecmp(p + 2, name, n) && p[2 + n] == ':') {
			const char *v = p + 3 + n + strspn(p + 3 + n, " ");

			snprintf(ret, size, "%.*s", (int)strcspn(v, "\r"), v);
			return;
		}
	}
}

static inline bool tiny_is(const struct tiny_request *r, const char *path)
{
	const char *p = strchr(r->head, ' ');

	return p && !strncmp(p + 1, path, strlen(path)) &&
	       strchr(" ?", p[1 + strlen(path)]);
}

/* Closes with RST instead of FIN. */
static inline void tiny_reset(int fd)
{
	struct linger now = {1, 0};

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}

/* Until the other side closes, or the server stops. */
static inline void tiny_stall(struct tiny_request *r)
{
	struct pollfd p = {.fd = r->fd, .events = POLLRDHUP};

	while (!r->server->stop && poll(&p, 1, 20) == 0)
		;
	r->keep = false;
}

static inline ssize_t tiny_recv(struct tiny_request *r, void *to, size_t len)
{
	struct pollfd p = {.fd = r->fd, .events = POLLIN};

	while (!r->server->stop) {
		if (poll(&p, 1, 20) > 0)
			return recv(r->fd, to, len, 0);
	}
	return 0;
}

static inline bool tiny_read(struct tiny_request *r)
{
	size_t len = 0, head, have;
	char value[32], *end = NULL;

	r->body = NULL;
	while (!end && len < sizeof(r->head) - 1) {
		ssize_t n = tiny_recv(r, r->head + len, sizeof(r->head) - 1 - len);

		if (n <= 0)
			return false;
		len += (size_t)n;
		r->head[len] = '\0';
		end = strstr(r->head, "\r\n\r\n");
	}
	if (!end)
		return false;
	head = (size_t)(end + 4 - r->head);
	have = len - head;
	tiny_header(r, "Content-Length", value, sizeof(value));
	r->body_len = strtoul(value, NULL, 10);
	r->body = calloc(1, r->body_len + 1);
	if (!r->body || have > r->body_len)
		return false;
	memcpy(r->body, r->head + head, have);
	r->head[head - 2] = '\0';
	while (have < r->body_len) {
		ssize_t n = tiny_recv(r, r->body + have, r->body_len - have);

		if (n <= 0)
			return false;
		have += (size_t)n;
	}
	return true;
}

static inline void *tiny_connection(void *arg)
{
	struct tiny_connection *c = arg;
	struct tiny_request *r = calloc(1, sizeof(*r));

	r->server = c->server;
	r->fd = c->fd;
	r->keep = true;
	while (r->keep && tiny_read(r)) {
		r->nth++;
		c->server->requests++;
		c->server->answer(r, c->server->user);
		free(r->body);
		r->body = NULL;
	}
	free(r->body);
	free(r);
	close(c->fd);
	free(c);
	return NULL;
}

static inline void *tiny_accept(void *arg)
{
	struct tiny_server *s = arg;
	struct pollfd p = {.fd = s->listener, .events = POLLIN};

	while (!s->stop && s->connections < TINY_CONNECTIONS_MAX) {
		struct tiny_connection *c;
		int fd;

		if (poll(&p, 1, 20) <= 0)
			continue;
		fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC);
		if (fd >= 0 && s->reset_on_accept) {
			tiny_reset(fd);
			close(fd);
			continue;
		}
		c = calloc(1, sizeof(*c));
		*c = (struct tiny_connection){s, fd};
		pthread_create(
			&s->connection[s->connections], NULL, tiny_connection, c);
		s->connections++;
	}
	return NULL;
}

static inline void tiny_start(struct tiny_server *s,
	void (*answer)(struct tiny_request *r, void *user), void *user)
{
	struct sockaddr_in a = {.sin_family = AF_INET};
	socklen_t len = sizeof(a);

	memset(s, 0, sizeof(*s));
	s->answer = answer;
	s->user = user;
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(s->listener, (struct sockaddr *)&a, sizeof(a)) < 0 ||
		listen(s->listener, 128) < 0 ||
		getsockname(s->listener, (struct sockaddr *)&a, &len) < 0) {
		perror("tiny server");
		exit(1);
	}
	s->port = ntohs(a.sin_port);
	pthread_create(&s->thread, NULL, tiny_accept, s);
}

static inline void tiny_end(struct tiny_server *s)
{
	s->stop = true;
	pthread_join(s->thread, NULL);
	for (int i = 0; i < s->connections; i++)
		pthread_join(s->connection[i], NULL);
	close(s->listener);
}
