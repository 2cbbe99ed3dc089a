// SPDX-License-Identifier: MIT
/* The socket and the thread that accepts: see control.h. */
#define LOG_TAG "control"
#include "fs/control/control.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache/base/log.h"
#include "cache/base/mem.h"
#include "fs/control/control_address.h"
#include "fs/control/control_peer.h"
#include "fs/mount/who.h"

struct control {
	struct promptfs *fs;
	int dir_fd, listen_fd, wake_fd;
	pthread_t thread;
	_Atomic bool stop;
	/* Of the thread that accepts. */
	struct control_peer *peer[CONTROL_CONNECTIONS_MAX];
};

static int listen_at(struct control *c, struct err *err)
{
	struct sockaddr_un address;

	control_address(c->dir_fd, &address);
	c->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (c->listen_fd < 0)
		return err_errno(err, errno, "cannot make the control socket");
	/* The lock is ours, so what is there belongs to nobody. */
	unlinkat(c->dir_fd, CONTROL_SOCKET, 0);
	/* Before bind: the file never exists with more rights than these. */
	if (fchmod(c->listen_fd, 0600) < 0 ||
		bind(c->listen_fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
		listen(c->listen_fd, CONTROL_CONNECTIONS_MAX) < 0)
		return err_errno(err, errno, "cannot listen at %s/%s",
			c->fs->config->state, CONTROL_SOCKET);
	return 0;
}

static void turn_away(int fd, const char *why, int code)
{
	scoped(buf_finish) struct buf b = {0};
	struct err err;
	scoped_json cJSON *o = NULL;

	err_set(&err, code, "%s", why);
	o = control_failure(0, &err);
	if (o && json_print_line(&b, o) == 0 && buf_addc(&b, '\n') == 0 &&
		send(fd, b.data, b.len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		log_debug("a peer left before it was turned away");
	close(fd);
}

static bool peer_is_welcome(const struct promptfs *fs, int fd, struct engine_who *ret)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return false;
	if (cred.uid != 0 && cred.uid != geteuid())
		return false;
	who_of(fs, cred.pid, cred.uid, ret);
	return true;
}

static void accept_one(struct control *c)
{
	struct engine_who who = {0};
	struct err err = {0};
	int fd = accept4(c->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return;
	if (!peer_is_welcome(c->fs, fd, &who)) {
		turn_away(fd, "this store belongs to another user", EACCES);
		return;
	}
	for (size_t i = 0; i < CONTROL_CONNECTIONS_MAX; i++) {
		if (c->peer[i])
			continue;
		if (control_peer_start(c->fs, fd, &who, c->wake_fd, &c->peer[i], &err) <
			0)
			turn_away(fd, err.why, err.code);
		return;
	}
	turn_away(fd, "too many commands are connected; try again", EBUSY);
}

static void reap(struct control *c)
{
	for (size_t i = 0; i < CONTROL_CONNECTIONS_MAX; i++) {
		if (c->peer[i] && control_peer_has_ended(c->peer[i])) {
			control_peer_free(c->peer[i]);
			c->peer[i] = NULL;
		}
	}
}

/* A long command does not look at its socket; this thread does, so that it ends when
 * the other side has gone. */
static void watch(struct control *c)
{
	struct pollfd fds[CONTROL_CONNECTIONS_MAX + 2] = {
		{.fd = c->wake_fd, .events = POLLIN},
		{.fd = c->listen_fd, .events = POLLIN}};
	uint64_t count;

	for (size_t i = 0; i < CONTROL_CONNECTIONS_MAX; i++) {
		bool live = c->peer[i] && !control_peer_is_stopped(c->peer[i]);

		fds[i + 2].fd = live ? control_peer_fd(c->peer[i]) : -1;
	}
	if (poll(fds, ARRAY_SIZE(fds), -1) < 0)
		return;
	for (size_t i = 0; i < CONTROL_CONNECTIONS_MAX; i++) {
		if (fds[i + 2].revents & (POLLHUP | POLLERR))
			control_peer_stop(c->peer[i]);
	}
	if (fds[0].revents && read(c->wake_fd, &count, sizeof(count)) < 0)
		log_debug("woken for nothing");
	reap(c);
	if (fds[1].revents && !c->stop)
		accept_one(c);
}

static void *control_main(void *user)
{
	struct control *c = user;

	while (!c->stop)
		watch(c);
	for (size_t i = 0; i < CONTROL_CONNECTIONS_MAX; i++) {
		if (c->peer[i])
			control_peer_stop(c->peer[i]);
	}
	for (size_t i = 0; i < CONTROL_CONNECTIONS_MAX; i++) {
		if (c->peer[i])
			control_peer_free(c->peer[i]);
	}
	return NULL;
}

static void control_finish(struct control *c)
{
	if (c->listen_fd >= 0) {
		unlinkat(c->dir_fd, CONTROL_SOCKET, 0);
		close(c->listen_fd);
	}
	fd_close(&c->dir_fd);
	fd_close(&c->wake_fd);
	free(c);
}

/* Its threads inherit a mask in which signals are for others. */
static int start_thread(struct control *c)
{
	sigset_t all, before;
	int r;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&c->thread, NULL, control_main, c);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return r;
}

struct control *control_start(struct promptfs *fs, struct err *err)
{
	struct control *c = new0(struct control);
	int r;

	if (!c) {
		err_oom(err);
		return NULL;
	}
	c->fs = fs;
	c->listen_fd = -1;
	c->dir_fd = open(fs->config->state, O_PATH | O_DIRECTORY | O_CLOEXEC);
	c->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (c->dir_fd < 0 || c->wake_fd < 0)
		r = err_errno(err, errno, "cannot open %s", fs->config->state);
	else
		r = listen_at(c, err);
	if (r == 0) {
		r = start_thread(c);
		if (r)
			r = err_errno(err, r, "cannot start a thread");
	}
	if (r == 0)
		return c;
	control_finish(c);
	return NULL;
}

void control_stop(struct control *c)
{
	const uint64_t one = 1;

	if (!c)
		return;
	c->stop = true;
	if (write(c->wake_fd, &one, sizeof(one)) < 0)
		log_debug("the control thread is awake already");
	pthread_join(c->thread, NULL);
	control_finish(c);
}
