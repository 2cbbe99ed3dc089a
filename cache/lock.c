// SPDX-License-Identifier: MIT
/* The lock file of a store; taken before there are threads, see cache/lock.h. */
#include "cache/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cache/base/clk.h"
#include "cache/base/mem.h"
#include "cache/base/str.h"

#define LOCK_NAME "lock"
#define LOCK_TEXT_MAX 8192
#define LOCK_POLL_MS 20

struct store_lock {
	int fd;
};

/* The path's directories that are missing; only the last one is private by contract,
 * but what nobody made yet is ours alone. */
static int dir_make(const char *dir, struct err *err)
{
	scoped_free char *path = strdup(dir);

	if (!path)
		return err_oom(err);
	for (char *slash = strchr(path + 1, '/'); slash;
		slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(path, 0700) < 0 && errno != EEXIST)
			return err_errno(err, errno, "cannot make %s", path);
		*slash = '/';
	}
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return err_errno(err, errno, "cannot make %s", path);
	return 0;
}

static int dir_open(const char *dir, int *ret, struct err *err)
{
	scoped_fd int fd = -1;
	struct stat st;

	fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && (errno == ELOOP || errno == ENOTDIR))
		return err_set(err, EACCES, "%s is not a directory of its own", dir);
	if (fd < 0)
		return err_errno(err, errno, "cannot open %s", dir);
	if (fstat(fd, &st) < 0)
		return err_errno(err, errno, "cannot open %s", dir);
	if (st.st_uid != geteuid())
		return err_set(err, EACCES, "%s belongs to another user", dir);
	if ((st.st_mode & 077) && fchmod(fd, 0700) < 0)
		return err_errno(err, errno, "cannot make %s private", dir);
	*ret = steal_fd(&fd);
	return 0;
}

/* "pid\nmountpoint\n"; empty or short texts give 0 and "". */
static void holder_read(int fd, int *ret_pid, char *ret_mountpoint, size_t size)
{
	char text[LOCK_TEXT_MAX + 1];
	ssize_t n = pread(fd, text, LOCK_TEXT_MAX, 0);
	char *line, *end;
	uint64_t pid = 0;

	text[n > 0 ? n : 0] = '\0';
	line = strchr(text, '\n');
	if (line) {
		*line++ = '\0';
		if (str_parse_u64(text, INT32_MAX, &pid) < 0)
			pid = 0;
		end = strchr(line, '\n');
		if (end)
			*end = '\0';
	}
	*ret_pid = (int)pid;
	snprintf(ret_mountpoint, size, "%s", line && pid ? line : "");
}

/* An open file description's lock: a fork shares it, and the kernel drops it with the
 * last of them, however they die. */
static int try_lock(int fd)
{
	struct flock fl = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	if (!fcntl(fd, F_OFD_SETLK, &fl))
		return 0;
	return errno == EACCES ? -EAGAIN : -errno;
}

static int busy(int fd, const char *dir, struct err *err)
{
	char mountpoint[LOCK_TEXT_MAX];
	int pid;

	holder_read(fd, &pid, mountpoint, sizeof(mountpoint));
	if (!pid)
		return err_set(err, EBUSY, "%s is in use by another promptfs", dir);
	if (!*mountpoint)
		return err_set(err, EBUSY, "%s is in use by process %d", dir, pid);
	return err_set(err, EBUSY, "%s is in use by process %d, mounted at %s", dir,
		pid, mountpoint);
}

static int wait_lock(int fd, const char *dir, int wait_ms, struct err *err)
{
	const struct timespec pause = {.tv_nsec = LOCK_POLL_MS * 1000000};
	int64_t until = clk_mono_ms() + wait_ms;
	int r;

	while ((r = try_lock(fd)) == -EAGAIN) {
		if (clk_mono_ms() >= until)
			return busy(fd, dir, err);
		nanosleep(&pause, NULL);
	}
	return r < 0 ? err_errno(err, -r, "cannot lock %s", dir) : 0;
}

static int text_write(int fd, const char *mountpoint, struct err *err)
{
	scoped_free char *text = NULL;
	int len = asprintf(&text, "%d\n%s\n", (int)getpid(), mountpoint);

	if (len < 0) {
		text = NULL;
		return err_oom(err);
	}
	if (ftruncate(fd, 0) < 0)
		return err_errno(err, errno, "cannot write the lock file");
	if (pwrite(fd, text, (size_t)len, 0) != len)
		return err_errno(
			err, errno ? errno : EIO, "cannot write the lock file");
	return 0;
}

int store_lock_take(
	const char *dir, int wait_ms, struct store_lock **ret, struct err *err)
{
	scoped_fd int dir_fd = -1, fd = -1;
	struct store_lock *l;
	int r = dir_make(dir, err);

	if (!r)
		r = dir_open(dir, &dir_fd, err);
	if (r < 0)
		return r;
	fd = openat(dir_fd, LOCK_NAME, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_errno(err, errno == ELOOP ? EACCES : errno,
			"cannot open the lock file in %s", dir);
	r = wait_lock(fd, dir, wait_ms, err);
	if (!r)
		r = text_write(fd, "", err);
	if (r < 0)
		return r;
	l = new0(struct store_lock);
	if (!l)
		return err_oom(err);
	l->fd = steal_fd(&fd);
	*ret = l;
	return 0;
}

int store_lock_describe(struct store_lock *l, const char *mountpoint, struct err *err)
{
	return text_write(l->fd, mountpoint, err);
}

void store_lock_release(struct store_lock *l)
{
	if (!l)
		return;
	close(l->fd);
	free(l);
}
