// SPDX-License-Identifier: MIT
/* Lines in, answers out, on the thread of the connection: see control_peer.h. */
#define LOG_TAG "control"
#include "fs/control/control_peer.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "cache/base/log.h"
#include "cache/base/mem.h"
#include "fs/control/control.h"

#define OUT_MAX (1024u * 1024u) /* above it, a command waits for the reader */
#define DEFERRED_MAX 4096u
#define READ_SIZE 16384u

/* What completions on the loop thread may touch: it outlives the connection. */
struct outbox {
	pthread_mutex_t mutex; /* of all below; the only lock held */
	unsigned refs;
	bool is_closed;
	int wake_fd; /* eventfd: something to send */
	struct buf out;
	struct deferred *deferred; /* submits that have not ended */
	size_t n_deferred;
};

struct deferred {
	struct outbox *box;
	struct deferred *prev, *next;
	int64_t id;
	struct digest key;
};

struct control_peer {
	struct promptfs *fs;
	struct engine_who who;
	int fd, ended_fd;
	pthread_t thread;
	_Atomic bool stop, has_ended;
	struct outbox *box;
	struct buf in; /* of the connection's thread */
	bool at_end;   /* the other side sends no more */
};

static void outbox_unref(struct outbox *b)
{
	unsigned left;

	if (!b)
		return;
	pthread_mutex_lock(&b->mutex);
	left = --b->refs;
	pthread_mutex_unlock(&b->mutex);
	if (left)
		return;
	close(b->wake_fd);
	buf_finish(&b->out);
	pthread_mutex_destroy(&b->mutex);
	free(b);
}

static struct outbox *outbox_new(void)
{
	struct outbox *b = new0(struct outbox);

	if (!b)
		return NULL;
	b->refs = 1;
	b->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (b->wake_fd < 0) {
		free(b);
		return NULL;
	}
	pthread_mutex_init(&b->mutex, NULL);
	return b;
}

static void wake(int fd)
{
	const uint64_t one = 1;

	/* Full is as good as written: the reader is awake. */
	if (write(fd, &one, sizeof(one)) < 0)
		return;
}

/* Caller holds the mutex. */
static int outbox_add(struct outbox *b, const cJSON *answer)
{
	size_t before = b->out.len;
	int r = b->is_closed ? -EPIPE : json_print_line(&b->out, answer);

	if (r == 0)
		r = buf_addc(&b->out, '\n');
	if (r < 0 && b->out.data) {
		b->out.len = before;
		b->out.data[before] = '\0';
	}
	return r;
}

/* Sends what the socket takes now. 0; -EPIPE; *ret_left: bytes still to send. */
static int outbox_send(struct control_peer *p, size_t *ret_left)
{
	struct outbox *b = p->box;
	int r = 0;

	pthread_mutex_lock(&b->mutex);
	while (b->out.len) {
		ssize_t n = send(
			p->fd, b->out.data, b->out.len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			r = errno == EAGAIN ? 0 : -EPIPE;
			break;
		}
		b->out.len -= (size_t)n;
		memmove(b->out.data, b->out.data + n, b->out.len + 1);
	}
	*ret_left = b->out.len;
	pthread_mutex_unlock(&b->mutex);
	return r;
}

/* ---- the sink of commands ---- */

static int peer_emit(struct control_peer *p, cJSON *answer)
{
	scoped_json cJSON *owned = answer;
	size_t left;
	int r;

	pthread_mutex_lock(&p->box->mutex);
	r = outbox_add(p->box, owned);
	pthread_mutex_unlock(&p->box->mutex);
	while (r == 0) {
		struct pollfd fd = {.fd = p->fd, .events = POLLOUT};

		if (p->stop)
			return -EPIPE;
		r = outbox_send(p, &left);
		if (r < 0 || left <= OUT_MAX)
			break;
		if (poll(&fd, 1, -1) < 0 && errno != EINTR)
			return -EPIPE;
	}
	return r;
}

static void *peer_defer(struct control_peer *p, int64_t id, const struct digest *key)
{
	struct outbox *b = p->box;
	struct deferred *d = new0(struct deferred);

	if (!d)
		return NULL;
	pthread_mutex_lock(&b->mutex);
	if (b->n_deferred >= DEFERRED_MAX) {
		pthread_mutex_unlock(&b->mutex);
		free(d);
		return NULL;
	}
	*d = (struct deferred){.box = b, .id = id, .key = *key, .next = b->deferred};
	if (d->next)
		d->next->prev = d;
	b->deferred = d;
	b->n_deferred++;
	b->refs++;
	pthread_mutex_unlock(&b->mutex);
	return d;
}

static void peer_deferred_done(void *deferred, cJSON *answer)
{
	scoped_json cJSON *owned = answer;
	struct deferred *d = deferred;
	struct outbox *b = d->box;

	pthread_mutex_lock(&b->mutex);
	if (d->prev)
		d->prev->next = d->next;
	else
		b->deferred = d->next;
	if (d->next)
		d->next->prev = d->prev;
	b->n_deferred--;
	/* An answer that cannot be made must not leave the other side waiting for it.
	 */
	if (!owned || outbox_add(b, owned) == -ENOMEM)
		b->is_closed = true;
	wake(b->wake_fd);
	pthread_mutex_unlock(&b->mutex);
	free(d);
	outbox_unref(b);
}

static bool add_job(struct engine *e, cJSON *list, const struct deferred *d)
{
	static const char *const names[] = {"ending", "queued", "generating"};
	struct job_brief job = {0};
	cJSON *o = cJSON_CreateObject();

	if (!o || !cJSON_AddItemToArray(list, o)) {
		cJSON_Delete(o);
		return false;
	}
	engine_job(e, &d->key, &job);
	return json_add_int(o, "id", d->id) &&
	       cJSON_AddStringToObject(o, "state", names[job.state]) &&
	       cJSON_AddNumberToObject(o, "permille", job.permille) &&
	       cJSON_AddNumberToObject(o, "position", job.position) &&
	       json_add_int(o, "since_ms", job.since_ms);
}

static int peer_list_deferred(struct control_peer *p, cJSON *list)
{
	struct deferred *copy = NULL;
	size_t n = 0;
	int r = 0;

	/* A copy: the engine must not be asked under a lock that its completions take.
	 */
	pthread_mutex_lock(&p->box->mutex);
	copy = new_array(struct deferred, p->box->n_deferred + 1);
	for (const struct deferred *d = p->box->deferred; copy && d; d = d->next)
		copy[n++] = *d;
	pthread_mutex_unlock(&p->box->mutex);
	if (!copy)
		return -ENOMEM;
	for (size_t i = 0; i < n && r == 0; i++)
		r = add_job(p->fs->engine, list, &copy[i]) ? 0 : -ENOMEM;
	free(copy);
	return r;
}

static const struct control_sink peer_sink = {
	.emit = peer_emit,
	.defer = peer_defer,
	.deferred_done = peer_deferred_done,
	.list_deferred = peer_list_deferred,
};

/* ---- the thread ---- */

static void refuse(struct control_peer *p, int64_t id, const char *why)
{
	struct err err;
	cJSON *answer;

	err_set(&err, EINVAL, "%s", why);
	answer = control_failure(id, &err);
	if (answer)
		peer_emit(p, answer);
}

static void run_line(struct control_peer *p, const char *line, size_t len)
{
	struct err err = {0};
	scoped_json cJSON *request = json_parse(line, len, &err);
	int64_t id = json_int(request, "id", -1);
	struct control_call call = {.fs = p->fs,
		.peer = p,
		.sink = &peer_sink,
		.who = &p->who,
		.stop = &p->stop,
		.request = request,
		.id = id};

	if (!request || !cJSON_IsObject(request))
		refuse(p, 0, request ? "a request is one JSON object" : err.why);
	else if (id < 0)
		refuse(p, 0, "a request needs an \"id\"");
	else
		control_command(&call);
}

static void run_lines(struct control_peer *p)
{
	size_t done = 0;

	while (!p->stop && done < p->in.len) {
		const char *line = p->in.data + done;
		const char *end = memchr(line, '\n', p->in.len - done);

		if (!end)
			break;
		if (end > line)
			run_line(p, line, (size_t)(end - line));
		done += (size_t)(end - line) + 1;
	}
	if (done) {
		p->in.len -= done;
		memmove(p->in.data, p->in.data + done, p->in.len + 1);
	}
}

/* 0; <0: the connection ends. */
static int take_input(struct control_peer *p)
{
	ssize_t n;

	if (buf_reserve(&p->in, READ_SIZE) < 0)
		return -ENOMEM;
	n = recv(p->fd, p->in.data + p->in.len, READ_SIZE, MSG_DONTWAIT);
	if (n < 0)
		return errno == EINTR || errno == EAGAIN ? 0 : -EPIPE;
	p->at_end = n == 0;
	p->in.len += (size_t)n;
	p->in.data[p->in.len] = '\0';
	run_lines(p);
	if (p->in.len <= CONTROL_LINE_MAX)
		return 0;
	refuse(p, 0, "the line is too long");
	return -E2BIG;
}

/* Nothing will ever be sent again. */
static bool is_idle(struct control_peer *p)
{
	bool idle;

	pthread_mutex_lock(&p->box->mutex);
	idle = p->box->is_closed ||
	       (p->at_end && !p->box->n_deferred && !p->box->out.len);
	pthread_mutex_unlock(&p->box->mutex);
	return idle;
}

static int serve_once(struct control_peer *p)
{
	struct pollfd fds[] = {
		{.fd = p->fd}, {.fd = p->box->wake_fd, .events = POLLIN}};
	uint64_t count;
	size_t left;
	int r = outbox_send(p, &left);

	if (r < 0 || is_idle(p))
		return -EPIPE;
	fds[0].events = (short)((p->at_end ? 0 : POLLIN) | (left ? POLLOUT : 0));
	if (poll(fds, 2, -1) < 0)
		return errno == EINTR ? 0 : -errno;
	if (fds[1].revents && read(p->box->wake_fd, &count, sizeof(count)) < 0 &&
		errno != EAGAIN)
		return -errno;
	if (fds[0].revents & POLLIN)
		return take_input(p);
	return fds[0].revents & (POLLHUP | POLLERR | POLLNVAL) ? -EPIPE : 0;
}

static void *peer_main(void *user)
{
	struct control_peer *p = user;

	while (!p->stop && serve_once(p) >= 0)
		continue;
	pthread_mutex_lock(&p->box->mutex);
	p->box->is_closed = true;
	pthread_mutex_unlock(&p->box->mutex);
	shutdown(p->fd, SHUT_RDWR);
	p->has_ended = true;
	wake(p->ended_fd);
	return NULL;
}

int control_peer_start(struct promptfs *fs, int fd, const struct engine_who *who,
	int wake_fd, struct control_peer **ret, struct err *err)
{
	struct control_peer *p = new0(struct control_peer);
	int r = ENOMEM;

	if (p)
		p->box = outbox_new();
	if (!p || !p->box) {
		free(p);
		return err_oom(err);
	}
	p->fs = fs;
	p->who = *who;
	p->fd = fd;
	p->ended_fd = wake_fd;
	r = pthread_create(&p->thread, NULL, peer_main, p);
	if (r) {
		outbox_unref(p->box);
		free(p);
		return err_errno(err, r, "cannot start a thread");
	}
	*ret = p;
	return 0;
}

int control_peer_fd(const struct control_peer *p)
{
	return p->fd;
}

bool control_peer_has_ended(const struct control_peer *p)
{
	return p->has_ended;
}

bool control_peer_is_stopped(const struct control_peer *p)
{
	return p->stop;
}

void control_peer_stop(struct control_peer *p)
{
	p->stop = true;
	/* Also ends a poll() that waits for the reader. */
	shutdown(p->fd, SHUT_RDWR);
	wake(p->box->wake_fd);
}

void control_peer_free(struct control_peer *p)
{
	pthread_join(p->thread, NULL);
	close(p->fd);
	outbox_unref(p->box);
	buf_finish(&p->in);
	free(p);
}
