// SPDX-License-Identifier: MIT
/* The two threads and their queue: see notify.h. */
#define LOG_TAG "notify"
#include "fs/tree/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "cache/base/clk.h"
#include "cache/base/log.h"
#include "cache/base/mem.h"
#include "fs/mount/who.h"
#include "fs/tree/attr.h"

#define WATCH_MS 50

struct queue {
	struct waiter *first, **last;
};

struct notifier {
	struct promptfs *fs;
	pthread_t notify_thread, stat_thread;
	pthread_mutex_t mutex;
	pthread_cond_t notify_cond, stat_cond, drained;
	struct queue completed; /* in: results of the engine */
	struct queue to_stat;   /* kernel caches dropped, stat thread's turn */
	struct queue to_reply;  /* true size is known to the kernel */
	struct waiter *watch;   /* interrupted and still parked */
	struct node_alias *names;
	size_t busy; /* completions not replied to yet */
	bool stopping, stat_ready;
};

static void queue_init(struct queue *q)
{
	q->first = NULL;
	q->last = &q->first;
}

static void queue_push(struct queue *q, struct waiter *w)
{
	w->next = NULL;
	*q->last = w;
	q->last = &w->next;
}

static struct waiter *queue_take(struct queue *q)
{
	struct waiter *all = q->first;

	queue_init(q);
	return all;
}

/* ---- the stat thread ---- */

/* The short spelling, so that a long prompt cannot pass PATH_MAX. */
static int stat_path(
	const struct promptfs *fs, const struct request *r, struct buf *out)
{
	scoped(components_finish) struct components c = {0};
	char hex[DIGEST_HEX];
	int res = request_components(r, &c);

	if (res < 0)
		return res;
	digest_hex(&r->prompt->id, hex);
	res = buf_addf(out, "%s/%s/@%.16s", fs->mountpoint, c.name[0], hex);
	for (uint32_t i = 2; i < c.n && res == 0; i++)
		res = buf_addf(out, "/%s", c.name[i]);
	return res;
}

static void force_stat(struct promptfs *fs, const struct node *n)
{
	scoped(buf_finish) struct buf path = {0};
	struct statx stx;

	if (stat_path(fs, &n->place.req, &path) < 0)
		return;
	if (statx(AT_FDCWD, path.data, AT_STATX_FORCE_SYNC | AT_SYMLINK_NOFOLLOW,
		    STATX_SIZE, &stx) < 0)
		log_debug("forced stat failed: %s", strerror(errno));
}

/* Root may widen the kernel's read-ahead from 128 KiB, which nearly doubles the rate of
 * a first read; others go without. The kernel sets it anew when INIT is answered, which
 * the synchronous stat waits for. */
static void widen_readahead(const char *mountpoint)
{
	char path[64];
	struct stat st;

	if (stat(mountpoint, &st) < 0)
		return;
	snprintf(path, sizeof(path), "/sys/class/bdi/%u:%u/read_ahead_kb",
		major(st.st_dev), minor(st.st_dev));
	scoped_fd int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd >= 0 && write(fd, "1024", 4) < 0)
		log_debug("read-ahead stays as it is");
}

/* A table of its own, empty but for /dev/null as 0 to 2: the caller's terminal or pipe
 * must not stay open here when the process detaches from it. */
static bool leave_descriptors(void)
{
	int fd;

	if (unshare(CLONE_FILES) < 0 || close_range(0, ~0U, 0) < 0)
		return false;
	do
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	while (fd >= 0 && fd < 2);
	return true;
}

static void *stat_main(void *user)
{
	struct notifier *t = user;
	bool alone = leave_descriptors();

	if (!alone)
		log_warn("cannot leave the descriptor table (%s); "
			 "first opens go on without a forced stat",
			strerror(errno));
	pthread_mutex_lock(&t->mutex);
	t->stat_ready = true;
	pthread_cond_broadcast(&t->notify_cond);
	pthread_mutex_unlock(&t->mutex);
	if (alone)
		widen_readahead(t->fs->mountpoint);
	pthread_mutex_lock(&t->mutex);
	for (;;) {
		struct waiter *w = queue_take(&t->to_stat);
		struct node *last = NULL;

		if (!w && t->stopping && !t->busy)
			break;
		if (!w) {
			pthread_cond_wait(&t->stat_cond, &t->mutex);
			continue;
		}
		pthread_mutex_unlock(&t->mutex);
		for (struct waiter *x = w; x; x = x->next) {
			if (alone && x->node != last)
				force_stat(t->fs, x->node);
			last = x->node;
		}
		pthread_mutex_lock(&t->mutex);
		while (w) {
			struct waiter *next = w->next;

			queue_push(&t->to_reply, w);
			w = next;
		}
		pthread_cond_signal(&t->notify_cond);
	}
	pthread_mutex_unlock(&t->mutex);
	return NULL;
}

/* ---- the notify thread ---- */

/* A size above the placeholder: the kernel extends a file only by what is stored to it.
 */
static int store_last_page(struct promptfs *fs, struct node *n)
{
	uint64_t off = (n->size - 1) & ~(uint64_t)4095;
	struct fuse_bufvec vec = FUSE_BUFVEC_INIT((size_t)(n->size - off));
	char page[4096];
	int r = cache_read(
		fs->cache, n->blob_id, n->size, off, page, vec.buf[0].size, NULL);

	if (r < 0)
		return r;
	vec.buf[0].mem = page;
	return fuse_lowlevel_notify_store(fs->session, n->id, (off_t)off, &vec, 0);
}

static void drop_placeholder(struct promptfs *fs, struct node *n)
{
	int r;

	if (!atomic_exchange(&n->placeholder_told, false))
		return;
	if ((off_t)n->size > placeholder_size(&n->place.req))
		r = store_last_page(fs, n);
	else
		r = fuse_lowlevel_notify_inval_inode(fs->session, n->id, 0, 0);
	if (r < 0 && r != -ENOENT)
		log_debug("the kernel was not told a size: %s", strerror(-r));
}

static void finish(struct waiter *w)
{
	if (waiter_claim(w))
		waiter_reply(w, w->result);
	waiter_unref(w);
}

/* Mutex held on entry and return. */
static void handle_completed(struct notifier *t)
{
	struct waiter *w = queue_take(&t->completed), *next;
	struct queue stat;
	size_t ended = 0;

	queue_init(&stat);
	pthread_mutex_unlock(&t->mutex);
	for (; w; w = next) {
		next = w->next;
		if (w->result == 0 && !waiter_is_over(w)) {
			drop_placeholder(t->fs, w->node);
			queue_push(&stat, w);
		} else {
			finish(w);
			ended++;
		}
	}
	pthread_mutex_lock(&t->mutex);
	t->busy -= ended;
	while ((w = stat.first)) {
		stat.first = w->next;
		queue_push(&t->to_stat, w);
	}
	pthread_cond_signal(&t->stat_cond);
}

static void handle_replies(struct notifier *t)
{
	struct waiter *w = queue_take(&t->to_reply), *next;
	size_t ended = 0;

	pthread_mutex_unlock(&t->mutex);
	for (; w; w = next) {
		next = w->next;
		finish(w);
		ended++;
	}
	pthread_mutex_lock(&t->mutex);
	t->busy -= ended;
}

static void handle_watch(struct notifier *t)
{
	struct waiter *w = t->watch, *next, *keep = NULL;

	t->watch = NULL;
	pthread_mutex_unlock(&t->mutex);
	for (; w; w = next) {
		next = w->next_watch;
		if (!waiter_is_over(w) && !who_wants_stop(w->tid)) {
			w->next_watch = keep;
			keep = w;
			continue;
		}
		if (waiter_claim(w)) {
			struct ticket *ticket = atomic_load(&w->ticket);

			waiter_reply(w, EINTR);
			if (ticket)
				ticket_cancel(ticket);
		}
		waiter_unref(w);
	}
	pthread_mutex_lock(&t->mutex);
	while (keep) {
		next = keep->next_watch;
		keep->next_watch = t->watch;
		t->watch = keep;
		keep = next;
	}
}

static void handle_names(struct notifier *t)
{
	struct node_alias *list = steal_ptr(t->names);

	pthread_mutex_unlock(&t->mutex);
	for (struct node_alias *a = list; a; a = a->next)
		fuse_lowlevel_notify_inval_entry(
			t->fs->session, a->parent, a->name, strlen(a->name));
	node_aliases_free(list);
	pthread_mutex_lock(&t->mutex);
}

static void deadline(struct timespec *ts, int ms)
{
	clock_gettime(CLOCK_MONOTONIC, ts);
	ts->tv_nsec += ms * 1000000L;
	ts->tv_sec += ts->tv_nsec / 1000000000L;
	ts->tv_nsec %= 1000000000L;
}

static void *notify_main(void *user)
{
	struct notifier *t = user;
	int64_t next_look = 0;

	pthread_mutex_lock(&t->mutex);
	for (;;) {
		if (t->to_reply.first)
			handle_replies(t);
		if (t->completed.first)
			handle_completed(t);
		if (t->names)
			handle_names(t);
		if (t->watch && clk_mono_ms() >= next_look) {
			handle_watch(t);
			next_look = clk_mono_ms() + WATCH_MS;
		}
		if (!t->busy)
			pthread_cond_broadcast(&t->drained);
		if (t->to_reply.first || t->completed.first || t->names)
			continue;
		if (t->stopping && !t->busy)
			break;
		if (t->watch) {
			struct timespec ts;

			deadline(&ts, WATCH_MS);
			pthread_cond_timedwait(&t->notify_cond, &t->mutex, &ts);
		} else {
			next_look = 0;
			pthread_cond_wait(&t->notify_cond, &t->mutex);
		}
	}
	pthread_mutex_unlock(&t->mutex);
	return NULL;
}

/* ---- the others' side ---- */

void notifier_completed(struct notifier *t, struct waiter *w)
{
	pthread_mutex_lock(&t->mutex);
	t->busy++;
	queue_push(&t->completed, w);
	pthread_cond_signal(&t->notify_cond);
	pthread_mutex_unlock(&t->mutex);
}

void notifier_watch(struct notifier *t, struct waiter *w)
{
	pthread_mutex_lock(&t->mutex);
	w->next_watch = t->watch;
	t->watch = w;
	pthread_cond_signal(&t->notify_cond);
	pthread_mutex_unlock(&t->mutex);
}

void notifier_forget_names(struct notifier *t, struct node_alias *take_list)
{
	if (!take_list)
		return;
	pthread_mutex_lock(&t->mutex);
	struct node_alias *last = take_list;
	while (last->next)
		last = last->next;
	last->next = t->names;
	t->names = take_list;
	pthread_cond_signal(&t->notify_cond);
	pthread_mutex_unlock(&t->mutex);
}

void notifier_drain(struct notifier *t)
{
	pthread_mutex_lock(&t->mutex);
	while (t->busy)
		pthread_cond_wait(&t->drained, &t->mutex);
	pthread_mutex_unlock(&t->mutex);
}

static void cond_init(pthread_cond_t *c)
{
	pthread_condattr_t a;

	pthread_condattr_init(&a);
	pthread_condattr_setclock(&a, CLOCK_MONOTONIC);
	pthread_cond_init(c, &a);
	pthread_condattr_destroy(&a);
}

int notifier_start(struct promptfs *fs, struct notifier **ret, struct err *err)
{
	struct notifier *t = new0(struct notifier);
	int r;

	if (!t)
		return err_oom(err);
	t->fs = fs;
	pthread_mutex_init(&t->mutex, NULL);
	cond_init(&t->notify_cond);
	cond_init(&t->stat_cond);
	cond_init(&t->drained);
	queue_init(&t->completed);
	queue_init(&t->to_stat);
	queue_init(&t->to_reply);
	r = pthread_create(&t->stat_thread, NULL, stat_main, t);
	if (r) {
		free(t);
		return err_errno(err, r, "cannot start a thread");
	}
	/* Descriptors opened later must not be shared with it: wait until it is alone.
	 */
	pthread_mutex_lock(&t->mutex);
	while (!t->stat_ready)
		pthread_cond_wait(&t->notify_cond, &t->mutex);
	pthread_mutex_unlock(&t->mutex);
	r = pthread_create(&t->notify_thread, NULL, notify_main, t);
	if (r)
		return err_errno(err, r, "cannot start a thread");
	*ret = t;
	return 0;
}

void notifier_stop(struct notifier *t)
{
	if (!t)
		return;
	pthread_mutex_lock(&t->mutex);
	t->stopping = true;
	pthread_cond_broadcast(&t->notify_cond);
	pthread_mutex_unlock(&t->mutex);
	pthread_join(t->notify_thread, NULL);
}

void notifier_free(struct notifier *t)
{
	if (!t)
		return;
	pthread_mutex_lock(&t->mutex);
	pthread_cond_broadcast(&t->stat_cond);
	pthread_mutex_unlock(&t->mutex);
	pthread_join(t->stat_thread, NULL);
	while (t->watch) {
		struct waiter *w = t->watch;

		t->watch = w->next_watch;
		waiter_unref(w);
	}
	node_aliases_free(t->names);
	pthread_mutex_destroy(&t->mutex);
	pthread_cond_destroy(&t->notify_cond);
	pthread_cond_destroy(&t->stat_cond);
	pthread_cond_destroy(&t->drained);
	free(t);
}
