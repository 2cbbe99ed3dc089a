// SPDX-License-Identifier: MIT
/* See state_dir.h. */
#include "fs/mount/state_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache/base/mem.h"

#define STORE_FILE "store.mdb"

/* Root could do everything anyway. */
static bool is_trusted(uid_t owner)
{
	return owner == geteuid() || owner == 0;
}

static int follow_link(char **path, const struct stat *st, struct err *err)
{
	char *real;

	if (!is_trusted(st->st_uid))
		return err_set(err, EACCES,
			"the store %.150s is a symbolic link of another user", *path);
	real = realpath(*path, NULL);
	if (!real)
		return err_errno(err, errno, "the store %.150s leads nowhere", *path);
	free(*path);
	*path = real;
	return 0;
}

static int check_dir(int fd, const char *path, struct err *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_errno(err, errno, "the store %.150s", path);
	if (st.st_uid != geteuid())
		return err_set(
			err, EACCES, "the store %.150s belongs to another user", path);
	if ((st.st_mode & 077) && fchmod(fd, 0700) < 0)
		return err_errno(err, errno,
			"the store %.150s is open to others and cannot be made private",
			path);
	return 0;
}

static int check_store(int dir_fd, const char *path, struct err *err)
{
	struct stat st;

	if (fstatat(dir_fd, STORE_FILE, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT
			       ? 0
			       : err_errno(err, errno, "%.150s/" STORE_FILE, path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, EACCES,
			"%.150s/" STORE_FILE " is not a file of its own "
			"but a link or a device",
			path);
	if (st.st_nlink > 1)
		return err_set(err, EACCES,
			"%.150s/" STORE_FILE " has another name elsewhere; "
			"remove that hard link",
			path);
	if (st.st_uid != geteuid())
		return err_set(err, EACCES,
			"%.150s/" STORE_FILE " belongs to another user", path);
	return 0;
}

int state_dir_check(char **path, struct err *err)
{
	scoped_fd int fd = -1;
	struct stat st;
	int r = 0;

	if (lstat(*path, &st) < 0)
		return errno == ENOENT
			       ? 0
			       : err_errno(err, errno, "the store %.150s", *path);
	if (S_ISLNK(st.st_mode))
		r = follow_link(path, &st, err);
	if (r < 0)
		return r;
	fd = open(*path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_errno(err, errno, "the store %.150s", *path);
	r = check_dir(fd, *path, err);
	return r < 0 ? r : check_store(fd, *path, err);
}
