// SPDX-License-Identifier: MIT
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
#include "backend/sandbox/start.h"
#include "backend/sandbox/message.h"
#include "cache/base/clk.h"
#include "cache/base/mem.h"

#define STOP_POLL_MS 50
/* For a process whose pipe is closed to be gone as well. */
#define EXIT_GRACE_MS 1000

struct worker {
	const struct quality_source *sources;
	uint32_t n; /* of them */
	const atomic_bool *stop;
	int timeout_ms;
	int64_t deadline_ms;  /* CLOCK_MONOTONIC */
	quality_sink_fn sink; /* NULL where a report is wanted */
	void *user;
	uint64_t output_max;
	struct err *err;

	pid_t pid;    /* 0: none */
	int to, from; /* our ends of the pipes, not blocking */
	bool is_gone; /* it closed its ends */
	uint64_t output;
	uint8_t *chunk; /* WIRE_MAX_READ bytes */
};

static int misbehaved(struct worker *w, const char *how)
{
	return err_set(w->err, EIO, "the decoder misbehaved: %s", how);
}

static int wait_for(struct worker *w, int fd, short events)
{
	struct pollfd p = {.fd = fd, .events = events};

	for (;;) {
		int64_t left = w->deadline_ms - clk_mono_ms();
		int n;

		if (w->stop && atomic_load(w->stop))
			return err_set(w->err, ECANCELED, "the decoding was canceled");
		if (left <= 0)
			return err_set(w->err, ETIMEDOUT,
				"the decoder was not done after %d ms", w->timeout_ms);
		n = poll(&p, 1, left < STOP_POLL_MS ? (int)left : STOP_POLL_MS);
		if (n > 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return err_errno(w->err, errno, "waiting for the decoder");
	}
}

/* What write() and read() may say without the pipe being closed. */
static bool may_retry(void)
{
	return errno == EAGAIN || errno == EINTR;
}

/* Stops, deadlines and a peer that does not read are all noticed in wait_for. */
static int send_all(struct worker *w, const void *data, size_t len)
{
	const uint8_t *p = data;

	while (len) {
		int r = wait_for(w, w->to, POLLOUT);
		ssize_t n;

		if (r < 0)
			return r;
		n = write(w->to, p, len);
		if (n < 0 && may_retry())
			continue;
		if (n < 0) {
			w->is_gone = true;
			return -EIO;
		}
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

static int recv_all(struct worker *w, void *data, size_t len)
{
	uint8_t *p = data;

	while (len) {
		int r = wait_for(w, w->from, POLLIN);
		ssize_t n;

		if (r < 0)
			return r;
		n = read(w->from, p, len);
		if (n < 0 && may_retry())
			continue;
		if (n <= 0) {
			w->is_gone = true;
			return -EIO;
		}
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

static int start(struct worker *w, const char *exe, bool in_background)
{
	struct worker_ends ends = {-1, -1};
	int r = worker_spawn(exe, in_background, &ends, &w->pid);

	w->to = ends.to;
	w->from = ends.from;
	return r < 0 ? err_errno(w->err, -r, "cannot start the decoder") : 0;
}

/* Says how a process ended that closed its end before the result. */
static int tell_end(struct worker *w, int status)
{
	const char *name;

	if (!WIFSIGNALED(status))
		return err_set(w->err, EIO,
			"the decoder ended without a result (exit status %d)",
			WEXITSTATUS(status));
	name = sigabbrev_np(WTERMSIG(status));
	return err_set(w->err, EIO, "the decoder crashed (SIG%s)", name ? name : "?");
}

/* Always reaps. `r` is the outcome so far; where the process went away by itself, the
 * answer is what the kernel knows about it. */
static int finish(struct worker *w, int r)
{
	int status = 0;
	pid_t got;

	if (w->pid && w->is_gone) {
		scoped_fd int process = pidfd_open(w->pid, 0);
		struct pollfd p = {.fd = process, .events = POLLIN};

		if (process >= 0)
			poll(&p, 1, EXIT_GRACE_MS);
	}
	if (w->pid) {
		kill(w->pid, SIGKILL);
		do
			got = waitpid(w->pid, &status, 0);
		while (got < 0 && errno == EINTR);
		if (w->is_gone)
			r = tell_end(w, got < 0 ? 0 : status);
	}
	fd_close(&w->to);
	fd_close(&w->from);
	free(w->chunk);
	return r;
}

static int answer_read(struct worker *w, const struct wire_frame *f)
{
	const struct quality_source *src;
	int r;

	if (f->source >= w->n)
		return misbehaved(w, "it asked for a file that there is not");
	src = &w->sources[f->source];
	if (f->len == 0 || f->len > WIRE_MAX_READ || f->off > src->size ||
		f->len > src->size - f->off)
		return misbehaved(w, "it asked for bytes outside the file");
	r = src->read(src->user, f->off, w->chunk, f->len, w->err);
	return r < 0 ? r : send_all(w, w->chunk, f->len);
}

static int take_output(struct worker *w, const struct wire_frame *f)
{
	int r;

	if (!w->sink)
		return misbehaved(w, "it sent bytes that nobody asked for");
	if (f->len == 0 || f->len > WIRE_MAX_OUTPUT ||
		f->len > w->output_max - w->output)
		return misbehaved(w, "it sent too much");
	r = recv_all(w, w->chunk, f->len);
	if (r < 0)
		return r;
	w->output += f->len;
	return w->sink(w->user, w->chunk, f->len, w->err);
}

static int take_failure(struct worker *w, const struct wire_frame *f)
{
	char text[WIRE_MAX_SENTENCE + 1] = "";
	int r;

	if (f->len > WIRE_MAX_SENTENCE ||
		(f->off != EPROTO && f->off != ENOMEM && f->off != EIO &&
			f->off != EOPNOTSUPP))
		return misbehaved(w, "it failed in an unknown way");
	r = recv_all(w, text, f->len);
	if (r < 0)
		return r;
	for (size_t i = 0; i < f->len; i++)
		if (text[i] < 0x20 || text[i] > 0x7e)
			text[i] = '?';
	return err_set(w->err, (int)f->off, "%s", text);
}

static int take_report(struct worker *w, uint32_t len, struct quality *ret)
{
	scoped_json cJSON *j = NULL;
	struct err why = {0};
	int r;

	assert(ret);
	if (len == 0 || len > QUALITY_MAX_JSON)
		return misbehaved(w, "its report has an impossible length");
	r = recv_all(w, w->chunk, len);
	if (r < 0)
		return r;
	j = json_parse((const char *)w->chunk, len, &why);
	if (!j || quality_from_json(j, ret, &why) < 0)
		return misbehaved(w, why.why);
	if (ret->kind == QUALITY_TEXT)
		return misbehaved(w, "it reported a text");
	ret->size_bytes = w->sources->size;
	return 0;
}

static int take_result(struct worker *w, uint32_t len, struct quality *ret)
{
	if (!w->sink)
		return take_report(w, len, ret);
	if (len != 0 || w->output == 0)
		return misbehaved(w, "it ended a conversion wrongly");
	return 0;
}

static int ask(struct worker *w, struct wire_request *request)
{
	int r;

	request->version = WIRE_VERSION;
	request->sources = w->n;
	r = send_all(w, request, sizeof(*request));
	for (uint32_t i = 0; i < w->n && r == 0; i++)
		r = send_all(w, &w->sources[i].size, sizeof(w->sources[i].size));
	return r;
}

static int converse(struct worker *w, struct wire_request *request, struct quality *ret)
{
	int r = ask(w, request);

	while (r == 0) {
		struct wire_frame f;

		r = recv_all(w, &f, sizeof(f));
		if (r < 0)
			break;
		switch (f.kind) {
		case WIRE_READ:
			r = answer_read(w, &f);
			break;
		case WIRE_OUTPUT:
			r = take_output(w, &f);
			break;
		case WIRE_RESULT:
			return take_result(w, f.len, ret);
		case WIRE_FAILED:
			return take_failure(w, &f);
		default:
			return misbehaved(w, "it sent an unknown message");
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

static int run(struct worker *w, const char *exe, struct wire_request *request,
	struct quality *ret)
{
	struct pipe_guard guard;
	int r;

	assert(w->timeout_ms > 0);
	for (uint32_t i = 0; i < w->n; i++)
		if (w->sources[i].type == MEDIA_TEXT)
			return err_set(w->err, EINVAL, "a text needs no decoder");
	w->to = w->from = -1;
	w->deadline_ms = clk_mono_ms() + w->timeout_ms;
	w->chunk = new_array(uint8_t, WIRE_MAX_READ);
	if (!w->chunk)
		return err_oom(w->err);
	guard_begin(&guard);
	r = start(w, exe, request->op == WIRE_MEASURE);
	if (r == 0)
		r = converse(w, request, ret);
	r = finish(w, r);
	guard_end(&guard);
	return r;
}

int quality_measure(const char *exe, const struct quality_source *src, int timeout_ms,
	const atomic_bool *stop, struct quality *ret, struct err *err)
{
	struct worker w = {.sources = src,
		.n = 1,
		.stop = stop,
		.timeout_ms = timeout_ms,
		.err = err};
	struct wire_request request = {.op = WIRE_MEASURE};
	struct quality q;
	int r = run(&w, exe, &request, &q);

	if (r == 0)
		*ret = q;
	return r;
}

static int make_picture(const char *exe, enum wire_op op,
	const struct quality_source *src, enum media_type to, int timeout_ms,
	const atomic_bool *stop, quality_sink_fn sink, void *user, struct err *err)
{
	struct worker w = {.sources = src,
		.n = 1,
		.stop = stop,
		.timeout_ms = timeout_ms,
		.sink = sink,
		.user = user,
		.output_max = WIRE_MAX_PICTURE,
		.err = err};
	struct wire_request request = {.op = op, .to = to};

	if (to != MEDIA_PNG && to != MEDIA_JPEG)
		return err_set(
			err, EINVAL, "pictures are converted to PNG or JPEG only");
	return run(&w, exe, &request, NULL);
}

int quality_convert(const char *exe, const struct quality_source *src,
	enum media_type to, int timeout_ms, const atomic_bool *stop,
	quality_sink_fn sink, void *user, struct err *err)
{
	return make_picture(
		exe, WIRE_CONVERT, src, to, timeout_ms, stop, sink, user, err);
}

int quality_last_frame(const char *exe, const struct quality_source *src,
	enum media_type to, int timeout_ms, const atomic_bool *stop,
	quality_sink_fn sink, void *user, struct err *err)
{
	return make_picture(
		exe, WIRE_LAST_FRAME, src, to, timeout_ms, stop, sink, user, err);
}

int quality_join(const char *exe, const struct quality_source *sources, size_t n,
	const struct quality_join_rule *rule, int timeout_ms, const atomic_bool *stop,
	quality_sink_fn sink, void *user, struct err *err)
{
	struct worker w = {.sources = sources,
		.n = (uint32_t)n,
		.stop = stop,
		.timeout_ms = timeout_ms,
		.sink = sink,
		.user = user,
		.output_max = QUALITY_JOIN_MAX_BYTES,
		.err = err};
	struct wire_request request = {.op = WIRE_JOIN,
		.seconds = rule->seconds,
		.fps = rule->fps,
		.is_chained = rule->is_chained};

	if (n < 1 || n > QUALITY_JOIN_MAX_CLIPS)
		return err_set(err, EINVAL, "%zu clips cannot be joined; 1 to %d can",
			n, QUALITY_JOIN_MAX_CLIPS);
	if (rule->seconds > QUALITY_JOIN_MAX_SECONDS ||
		rule->fps > QUALITY_JOIN_MAX_FPS)
		return err_set(err, EINVAL,
			"a video has at most %d s and %d frames a second",
			QUALITY_JOIN_MAX_SECONDS, QUALITY_JOIN_MAX_FPS);
	return run(&w, exe, &request, NULL);
}
