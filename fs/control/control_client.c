// SPDX-License-Identifier: MIT
/* See control_client.h. */
#include "fs/control/control_client.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "cache/base/clk.h"
#include "cache/base/mem.h"
#include "fs/control/control_address.h"

#define ANSWER_MAX (16u * 1024u * 1024u)
#define READ_SIZE 65536u

struct control_client {
	int fd;
	struct buf in;
	size_t taken; /* bytes of `in` that were returned */
};

int control_connect(const char *state, struct control_client **ret, struct err *err)
{
	scoped_fd int dir = open(state, O_PATH | O_DIRECTORY | O_CLOEXEC);
	scoped_fd int fd = -1;
	struct sockaddr_un address;
	struct control_client *c;

	if (dir < 0)
		return err_errno(err, errno, "%s", state);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_errno(err, errno, "cannot make a socket");
	control_address(dir, &address);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		int code = errno == ECONNREFUSED ? ENOENT : errno;

		return err_errno(
			err, code, "cannot reach %s/%s", state, CONTROL_SOCKET);
	}
	c = new0(struct control_client);
	if (!c)
		return err_oom(err);
	c->fd = steal_fd(&fd);
	*ret = c;
	return 0;
}

void control_close(struct control_client *c)
{
	if (!c)
		return;
	close(c->fd);
	buf_finish(&c->in);
	free(c);
}

static int lost(struct err *err)
{
	return err_set(err, EPIPE, "the process that holds the store has gone");
}

int control_send(struct control_client *c, const cJSON *request, struct err *err)
{
	scoped(buf_finish) struct buf b = {0};

	if (json_print_line(&b, request) < 0 || buf_addc(&b, '\n') < 0)
		return err_oom(err);
	for (size_t done = 0; done < b.len;) {
		ssize_t n = send(c->fd, b.data + done, b.len - done, MSG_NOSIGNAL);

		if (n < 0 && errno != EINTR)
			return lost(err);
		done += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

/* 1: one line was parsed; 0: none complete yet. */
static int take_line(struct control_client *c, cJSON **ret, struct err *err)
{
	size_t left = c->in.len - c->taken;
	const char *line = left ? c->in.data + c->taken : "";
	const char *end = memchr(line, '\n', left);

	if (!end) {
		if (c->taken) {
			memmove(c->in.data, line, left);
			c->in.len = left;
			c->taken = 0;
		}
		return left <= ANSWER_MAX ? 0 : err_set(err, EPROTO, "answer too long");
	}
	c->taken += (size_t)(end - line) + 1;
	*ret = json_parse(line, (size_t)(end - line), err);
	return *ret ? 1 : -EPROTO;
}

static int read_more(struct control_client *c, struct err *err)
{
	ssize_t n;

	if (buf_reserve(&c->in, READ_SIZE) < 0)
		return err_oom(err);
	n = recv(c->fd, c->in.data + c->in.len, READ_SIZE, 0);
	if (n < 0 && errno == EINTR)
		return 0;
	if (n <= 0)
		return lost(err);
	c->in.len += (size_t)n;
	c->in.data[c->in.len] = '\0';
	return 0;
}

int control_receive(
	struct control_client *c, int timeout_ms, cJSON **ret, struct err *err)
{
	int64_t end_ms = clk_mono_ms() + timeout_ms;

	for (;;) {
		struct pollfd fd = {.fd = c->fd, .events = POLLIN};
		int64_t left_ms = timeout_ms < 0 ? -1 : end_ms - clk_mono_ms();
		int r = take_line(c, ret, err);

		if (r)
			return r < 0 ? r : 0;
		if (timeout_ms >= 0 && left_ms < 0)
			left_ms = 0;
		r = poll(&fd, 1, (int)left_ms);
		if (r == 0)
			return -EAGAIN;
		if (r < 0 && errno != EINTR)
			return err_errno(err, errno, "cannot wait for an answer");
		if (r > 0) {
			r = read_more(c, err);
			if (r < 0)
				return r;
		}
	}
}
