// SPDX-License-Identifier: MIT
/* The child's side of the pipes. It blocks, in the child's only thread. */
#include "backend/sandbox/channel.h"

#include <errno.h>
#include <unistd.h>

static int write_all(const void *data, size_t len)
{
	const uint8_t *p = data;

	while (len) {
		ssize_t n = write(PIPE_OUT, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -EIO;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

int channel_read(void *data, size_t len)
{
	uint8_t *p = data;

	while (len) {
		ssize_t n = read(PIPE_IN, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -EIO;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

int channel_send(enum message_kind kind, uint64_t off, const void *data, size_t len)
{
	struct message msg = {.kind = kind, .len = (uint32_t)len, .off = off};
	int r = write_all(&msg, sizeof(msg));

	return r < 0 ? r : write_all(data, len);
}

int channel_fetch(void *user, uint64_t off, void *buf, size_t len, struct err *err)
{
	const struct medium *m = user;
	uint8_t *to = buf;

	while (len) {
		size_t n = len < MESSAGE_MAX_READ ? len : MESSAGE_MAX_READ;
		struct message msg = {.kind = MESSAGE_READ,
			.len = (uint32_t)n,
			.off = off,
			.source = m->number};

		if (write_all(&msg, sizeof(msg)) < 0)
			return err_set(err, EIO, "the parent is gone");
		if (channel_read(to, n) < 0)
			return err_set(err, EIO, "the parent is gone");
		to += n;
		off += n;
		len -= n;
	}
	return 0;
}

int channel_output(void *user, const void *data, size_t len, struct err *err)
{
	const uint8_t *p = data;

	(void)user;
	while (len) {
		size_t n = len < MESSAGE_MAX_OUTPUT ? len : MESSAGE_MAX_OUTPUT;

		if (channel_send(MESSAGE_OUTPUT, 0, p, n) < 0)
			return err_set(err, EIO, "the parent is gone");
		p += n;
		len -= n;
	}
	return 0;
}
