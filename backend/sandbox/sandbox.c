// SPDX-License-Identifier: MIT
/* The parent's end: starts the child, serves it bytes, trusts nothing it says and ends
 * it. Everything lives for one call, in the thread that calls. */
#include "backend/sandbox/sandbox.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>

#include "backend/quality/report.h"
#include "backend/sandbox/message.h"
#include "backend/sandbox/start.h"
#include "backend/sandbox/task.h"
#include "cache/base/clk.h"
#include "cache/base/mem.h"

#define STOP_POLL_MS 50
/* For a process whose pipe is closed to be gone as well. */
#define EXIT_GRACE_MS 1000

struct child {
	const struct sandbox_source *sources;
	uint32_t n; /* of them */
	const atomic_bool *stop;
	int timeout_ms;
	int64_t deadline_ms;  /* CLOCK_MONOTONIC */
	sandbox_sink_fn sink; /* NULL where a report is wanted */
	void *user;
	const struct task *task;
	struct err *err;

	pid_t pid;    /* 0: none */
	int to, from; /* our ends of the pipes, not blocking */
	bool is_gone; /* it closed its ends */
	uint64_t output;
	uint8_t *chunk; /* MESSAGE_MAX_READ bytes */
};

static int misbehaved(struct child *c, const char *how)
{
	return err_set(c->err, EIO, "the decoder misbehaved: %s", how);
}

static int wait_for(struct child *c, int fd, short events)
{
	struct pollfd p = {.fd = fd, .events = events};

	for (;;) {
		int64_t left = c->deadline_ms - clk_mono_ms();
		int n;

		if (c->stop && atomic_load(c->stop))
			return err_set(c->err, ECANCELED, "the decoding was canceled");
		if (left <= 0)
			return err_set(c->err, ETIMEDOUT,
				"the decoder was not done after %d ms", c->timeout_ms);
		n = poll(&p, 1, left < STOP_POLL_MS ? (int)left : STOP_POLL_MS);
		if (n > 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return err_errno(c->err, errno, "waiting for the decoder");
	}
}

/* What write() and read() may say without the pipe being closed. */
static bool may_retry(void)
{
	return errno == EAGAIN || errno == EINTR;
}

/* Stops, deadlines and a peer that does not read are all noticed in wait_for. */
static int send_all(struct child *c, const void *data, size_t len)
{
	const uint8_t *p = data;

	while (len) {
		int r = wait_for(c, c->to, POLLOUT);
		ssize_t n;

		if (r < 0)
			return r;
		n = write(c->to, p, len);
		if (n < 0 && may_retry())
			continue;
		if (n < 0) {
			c->is_gone = true;
			return -EIO;
		}
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

static int recv_all(struct child *c, void *data, size_t len)
{
	uint8_t *p = data;

	while (len) {
		int r = wait_for(c, c->from, POLLIN);
		ssize_t n;

		if (r < 0)
			return r;
		n = read(c->from, p, len);
		if (n < 0 && may_retry())
			continue;
		if (n <= 0) {
			c->is_gone = true;
			return -EIO;
		}
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

static int start(struct child *c, const char *exe)
{
	struct sandbox_ends ends = {-1, -1};
	int r = sandbox_start(exe, c->task->in_background, &ends, &c->pid);

	c->to = ends.to;
	c->from = ends.from;
	return r < 0 ? err_errno(c->err, -r, "cannot start the decoder") : 0;
}

/* Says how a process ended that closed its end before the result. */
static int tell_end(struct child *c, int status)
{
	const char *name;

	if (!WIFSIGNALED(status))
		return err_set(c->err, EIO,
			"the decoder ended without a result (exit status %d)",
			WEXITSTATUS(status));
	name = sigabbrev_np(WTERMSIG(status));
	return err_set(c->err, EIO, "the decoder crashed (SIG%s)", name ? name : "?");
}

/* Always reaps. `r` is the outcome so far; where the process went away by itself, the
 * answer is what the kernel knows about it. */
static int finish(struct child *c, int r)
{
	int status = 0;
	pid_t got;

	if (c->pid && c->is_gone) {
		scoped_fd int process = pidfd_open(c->pid, 0);
		struct pollfd p = {.fd = process, .events = POLLIN};

		if (process >= 0)
			poll(&p, 1, EXIT_GRACE_MS);
	}
	if (c->pid) {
		kill(c->pid, SIGKILL);
		do
			got = waitpid(c->pid, &status, 0);
		while (got < 0 && errno == EINTR);
		if (c->is_gone)
			r = tell_end(c, got < 0 ? 0 : status);
	}
	fd_close(&c->to);
	fd_close(&c->from);
	free(c->chunk);
	return r;
}

static int answer_read(struct child *c, const struct message *msg)
{
	const struct sandbox_source *src;
	int r;

	if (msg->source >= c->n)
		return misbehaved(c, "it asked for a file that there is not");
	src = &c->sources[msg->source];
	if (msg->len == 0 || msg->len > MESSAGE_MAX_READ || msg->off > src->size ||
		msg->len > src->size - msg->off)
		return misbehaved(c, "it asked for bytes outside the file");
	r = src->read(src->user, msg->off, c->chunk, msg->len, c->err);
	return r < 0 ? r : send_all(c, c->chunk, msg->len);
}

static int take_output(struct child *c, const struct message *msg)
{
	int r;

	if (!c->sink)
		return misbehaved(c, "it sent bytes that nobody asked for");
	if (msg->len == 0 || msg->len > MESSAGE_MAX_OUTPUT ||
		msg->len > c->task->output_max - c->output)
		return misbehaved(c, "it sent too much");
	r = recv_all(c, c->chunk, msg->len);
	if (r < 0)
		return r;
	c->output += msg->len;
	return c->sink(c->user, c->chunk, msg->len, c->err);
}

static int take_failure(struct child *c, const struct message *msg)
{
	char text[MESSAGE_MAX_SENTENCE + 1] = "";
	int r;

	if (msg->len > MESSAGE_MAX_SENTENCE ||
		(msg->off != EPROTO && msg->off != ENOMEM && msg->off != EIO &&
			msg->off != EOPNOTSUPP))
		return misbehaved(c, "it failed in an unknown way");
	r = recv_all(c, text, msg->len);
	if (r < 0)
		return r;
	for (size_t i = 0; i < msg->len; i++)
		if (text[i] < 0x20 || text[i] > 0x7e)
			text[i] = '?';
	return err_set(c->err, (int)msg->off, "%s", text);
}

static int take_report(struct child *c, uint32_t len, struct quality *ret)
{
	scoped_json cJSON *j = NULL;
	struct err why = {0};
	int r;

	assert(ret);
	if (len == 0 || len > QUALITY_MAX_JSON)
		return misbehaved(c, "its report has an impossible length");
	r = recv_all(c, c->chunk, len);
	if (r < 0)
		return r;
	j = json_parse((const char *)c->chunk, len, &why);
	if (!j || quality_from_json(j, ret, &why) < 0)
		return misbehaved(c, why.why);
	if (ret->kind == QUALITY_TEXT)
		return misbehaved(c, "it reported a text");
	ret->size_bytes = c->sources->size;
	return 0;
}

static int take_result(struct child *c, uint32_t len, struct quality *ret)
{
	if (!c->sink)
		return take_report(c, len, ret);
	if (len != 0 || c->output == 0)
		return misbehaved(c, "it ended a conversion wrongly");
	return 0;
}

static int ask(struct child *c, struct message_request *request)
{
	int r;

	request->version = MESSAGE_VERSION;
	request->sources = c->n;
	r = send_all(c, request, sizeof(*request));
	for (uint32_t i = 0; i < c->n && r == 0; i++)
		r = send_all(c, &c->sources[i].size, sizeof(c->sources[i].size));
	return r;
}

static int converse(
	struct child *c, struct message_request *request, struct quality *ret)
{
	int r = ask(c, request);

	while (r == 0) {
		struct message msg;

		r = recv_all(c, &msg, sizeof(msg));
		if (r < 0)
			break;
		switch (msg.kind) {
		case MESSAGE_READ:
			r = answer_read(c, &msg);
			break;
		case MESSAGE_OUTPUT:
			r = take_output(c, &msg);
			break;
		case MESSAGE_RESULT:
			return take_result(c, msg.len, ret);
		case MESSAGE_FAILED:
			return take_failure(c, &msg);
		default:
			return misbehaved(c, "it sent an unknown message");
		}
	}
	return r;
}

/* A write to a process that crashed must not end this one: SIGPIPE is held back in this
 * thread, and one that we caused is taken away before it can be delivered. */
struct pipe_guard {
	sigset_t old, broken;
	bool was_pending;
};

static void guard_begin(struct pipe_guard *g)
{
	sigset_t pending;

	sigemptyset(&g->broken);
	sigaddset(&g->broken, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &g->broken, &g->old);
	sigpending(&pending);
	g->was_pending = sigismember(&pending, SIGPIPE);
}

static void guard_end(struct pipe_guard *g)
{
	const struct timespec now = {0};

	if (!g->was_pending)
		sigtimedwait(&g->broken, NULL, &now);
	pthread_sigmask(SIG_SETMASK, &g->old, NULL);
}

static int run(struct child *c, const char *exe, struct message_request *request,
	struct quality *ret)
{
	struct pipe_guard guard;
	int r;

	assert(c->timeout_ms > 0);
	for (uint32_t i = 0; i < c->n; i++)
		if (media_traits(c->sources[i].type)->is_text)
			return err_set(c->err, EINVAL, "a text needs no decoder");
	c->task = task_of(request->task);
	c->to = c->from = -1;
	c->deadline_ms = clk_mono_ms() + c->timeout_ms;
	c->chunk = new_array(uint8_t, MESSAGE_MAX_READ);
	if (!c->chunk)
		return err_oom(c->err);
	guard_begin(&guard);
	r = start(c, exe);
	if (r == 0)
		r = converse(c, request, ret);
	r = finish(c, r);
	guard_end(&guard);
	return r;
}

int sandbox_measure(const char *exe, const struct sandbox_source *src, int timeout_ms,
	const atomic_bool *stop, struct quality *ret, struct err *err)
{
	struct child c = {.sources = src,
		.n = 1,
		.stop = stop,
		.timeout_ms = timeout_ms,
		.err = err};
	struct message_request request = {.task = TASK_MEASURE};
	struct quality q;
	int r = run(&c, exe, &request, &q);

	if (r == 0)
		*ret = q;
	return r;
}

static int make_picture(const char *exe, enum task_id task,
	const struct sandbox_source *src, enum media_type to, int timeout_ms,
	const atomic_bool *stop, sandbox_sink_fn sink, void *user, struct err *err)
{
	struct child c = {.sources = src,
		.n = 1,
		.stop = stop,
		.timeout_ms = timeout_ms,
		.sink = sink,
		.user = user,
		.err = err};
	struct message_request request = {.task = task, .to = to};

	if (to != MEDIA_PNG && to != MEDIA_JPEG)
		return err_set(
			err, EINVAL, "pictures are converted to PNG or JPEG only");
	return run(&c, exe, &request, NULL);
}

int sandbox_convert(const char *exe, const struct sandbox_source *src,
	enum media_type to, int timeout_ms, const atomic_bool *stop,
	sandbox_sink_fn sink, void *user, struct err *err)
{
	return make_picture(
		exe, TASK_CONVERT, src, to, timeout_ms, stop, sink, user, err);
}

int sandbox_last_frame(const char *exe, const struct sandbox_source *src,
	enum media_type to, int timeout_ms, const atomic_bool *stop,
	sandbox_sink_fn sink, void *user, struct err *err)
{
	return make_picture(
		exe, TASK_LAST_FRAME, src, to, timeout_ms, stop, sink, user, err);
}

int sandbox_join(const char *exe, const struct sandbox_source *sources, size_t n,
	const struct sandbox_join_rule *rule, int timeout_ms, const atomic_bool *stop,
	sandbox_sink_fn sink, void *user, struct err *err)
{
	struct child c = {.sources = sources,
		.n = (uint32_t)n,
		.stop = stop,
		.timeout_ms = timeout_ms,
		.sink = sink,
		.user = user,
		.err = err};
	struct message_request request = {.task = TASK_JOIN,
		.seconds = rule->seconds,
		.fps = rule->fps,
		.is_chained = rule->is_chained};

	if (n < 1 || n > SANDBOX_JOIN_MAX_CLIPS)
		return err_set(err, EINVAL, "%zu clips cannot be joined; 1 to %d can",
			n, SANDBOX_JOIN_MAX_CLIPS);
	if (rule->seconds > SANDBOX_JOIN_MAX_SECONDS ||
		rule->fps > SANDBOX_JOIN_MAX_FPS)
		return err_set(err, EINVAL,
			"a video has at most %d s and %d frames a second",
			SANDBOX_JOIN_MAX_SECONDS, SANDBOX_JOIN_MAX_FPS);
	return run(&c, exe, &request, NULL);
}
