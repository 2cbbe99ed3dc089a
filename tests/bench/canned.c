// SPDX-License-Identifier: MIT
/* A server of one canned picture, for benchmarks: POST anything, and after LATENCY ms
 * comes {"data":[{"b64_json":"..."}]} of BYTES bytes, each answer's bytes its own.
 * Prints its port. One thread; ends when its standard input does.
 * usage: canned LATENCY_MS BYTES */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS_MAX 1024
#define REQUEST_MAX 65536
#define SERIAL_DIGITS 8 /* of base64, six bytes */

struct connection {
	int fd;
	char in[REQUEST_MAX];
	size_t n, sent;
	char serial[SERIAL_DIGITS];
	int64_t due_us; /* 0: nothing to answer */
};

static struct connection *connections[CONNECTIONS_MAX];
static char *answer;
static size_t answer_len, serial_at;
static int64_t latency_us;
static uint64_t serial;

static int64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000) + t.tv_nsec / 1000;
}

/* A PNG's first bytes, so that it passes for a picture: 8 bytes and one more make 12
 * digits. */
static bool make_answer(size_t bytes)
{
	static const char head[] = "{\"created\":1,\"data\":[{\"b64_json\":\"",
			  png[] = "iVBORw0KGgoA", tail[] = "\"}]}";
	size_t digits = (bytes + 2) / 3 * 4, body = sizeof(head) - 1 + digits + 4;
	char *at;

	answer = malloc(body + 256);
	if (!answer || digits < 64)
		return false;
	at = answer + sprintf(answer,
			      "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
			      "Content-Length: %zu\r\n\r\n%s",
			      body, head);
	memset(at, 'Q', digits);
	memcpy(at, png, sizeof(png) - 1);
	serial_at = (size_t)(at - answer) + sizeof(png) - 1;
	strcpy(at + digits, tail);
	answer_len = (size_t)(at - answer) + digits + sizeof(tail) - 1;
	return true;
}

static void hang_up(struct connection *c)
{
	connections[c->fd] = NULL;
	close(c->fd);
	free(c);
}

static bool is_whole(struct connection *c)
{
	char *end = memmem(c->in, c->n, "\r\n\r\n", 4), *len;

	if (!end)
		return false;
	c->in[c->n < REQUEST_MAX ? c->n : REQUEST_MAX - 1] = '\0';
	len = strcasestr(c->in, "content-length:");
	return c->n >=
	       (size_t)(end + 4 - c->in) + (len ? strtoul(len + 15, NULL, 10) : 0);
}

static void take_request(struct connection *c)
{
	static const char digit[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	uint64_t v = ++serial;

	for (int i = 0; i < SERIAL_DIGITS; i++, v /= 64)
		c->serial[i] = digit[v % 64];
	c->n = c->sent = 0;
	c->due_us = now_us() + latency_us;
}

/* The piece of the answer at `at`: the serial differs. */
static size_t piece(const struct connection *c, size_t at, const char **ret)
{
	if (at >= serial_at && at < serial_at + SERIAL_DIGITS) {
		*ret = c->serial + (at - serial_at);
		return serial_at + SERIAL_DIGITS - at;
	}
	*ret = answer + at;
	return (at < serial_at ? serial_at : answer_len) - at;
}

static void give(struct connection *c)
{
	while (c->sent < answer_len) {
		const char *p;
		size_t n = piece(c, c->sent, &p);
		ssize_t w = send(c->fd, p, n, MSG_NOSIGNAL | MSG_MORE);

		if (w < 0 && errno == EAGAIN)
			return;
		if (w < 0) {
			hang_up(c);
			return;
		}
		c->sent += (size_t)w;
	}
	c->due_us = 0;
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
}

static void on_input(struct connection *c)
{
	ssize_t n = recv(c->fd, c->in + c->n, REQUEST_MAX - 1 - c->n, 0);

	if (n <= 0) {
		if (n == 0 || errno != EAGAIN)
			hang_up(c);
		return;
	}
	c->n += (size_t)n;
	if (is_whole(c))
		take_request(c);
}

static void welcome(int ep, int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct epoll_event e = {.events = EPOLLIN | EPOLLOUT | EPOLLET};

	if (fd < 0 || fd >= CONNECTIONS_MAX)
		exit(1);
	connections[fd] = calloc(1, sizeof(struct connection));
	connections[fd]->fd = fd;
	e.data.fd = fd;
	epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e);
}

/* Milliseconds until the next answer is due; -1: none. Gives those that are. */
static int serve_due(void)
{
	int64_t now = now_us(), next = INT64_MAX;

	for (int i = 0; i < CONNECTIONS_MAX; i++) {
		struct connection *c = connections[i];

		if (!c || !c->due_us)
			continue;
		if (c->due_us <= now)
			give(c);
		else if (c->due_us < next)
			next = c->due_us;
	}
	return next == INT64_MAX ? -1 : (int)((next - now + 999) / 1000);
}

static int listen_anywhere(void)
{
	struct sockaddr_in a = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (bind(fd, (struct sockaddr *)&a, len) || listen(fd, 256) ||
		getsockname(fd, (struct sockaddr *)&a, &len))
		exit(1);
	printf("%d\n", ntohs(a.sin_port));
	fflush(stdout);
	return fd;
}

int main(int argc, char **argv)
{
	struct epoll_event e = {.events = EPOLLIN}, ready[64];
	int ep = epoll_create1(EPOLL_CLOEXEC), listener;

	if (argc != 3 || !make_answer(strtoul(argv[2], NULL, 10)))
		return 2;
	latency_us = strtol(argv[1], NULL, 10) * 1000;
	listener = listen_anywhere();
	e.data.fd = listener;
	epoll_ctl(ep, EPOLL_CTL_ADD, listener, &e);
	e.data.fd = STDIN_FILENO;
	epoll_ctl(ep, EPOLL_CTL_ADD, STDIN_FILENO, &e);
	for (;;) {
		int n = epoll_wait(ep, ready, 64, serve_due());

		for (int i = 0; i < n; i++) {
			int fd = ready[i].data.fd;

			if (fd == STDIN_FILENO)
				return 0;
			if (fd == listener)
				welcome(ep, fd);
			else if (connections[fd] && (ready[i].events & ~EPOLLOUT))
				on_input(connections[fd]);
		}
	}
}
