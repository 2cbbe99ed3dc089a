// SPDX-License-Identifier: MIT
/* See precheck.h. */
#include "fs/serve/precheck.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache/base/mem.h"
#include "cache/base/str.h"
#include "fs/mount/mount_table.h"
#include "fs/mount/state_dir.h"

#define FUSE_DEVICE "/dev/fuse"
#define FUSE_HELPER "fusermount3"

static int check_device(struct err *err)
{
	if (access(FUSE_DEVICE, F_OK) < 0)
		return err_set(err, ENODEV,
			FUSE_DEVICE
			" is missing: run \"modprobe fuse\", or start the "
			"container with --device /dev/fuse --cap-add SYS_ADMIN");
	if (access(FUSE_DEVICE, R_OK | W_OK) < 0)
		return err_set(err, EACCES,
			FUSE_DEVICE " may not be opened by this user: %s",
			strerror(errno));
	return 0;
}

/* Without root, the kernel lets only this helper mount. */
static int check_helper(struct err *err)
{
	const char *path = getenv("PATH");
	scoped_free char *copy = strdup(path ? path : "/usr/bin:/bin");
	char *rest = copy, *dir;

	if (geteuid() == 0)
		return 0;
	if (!copy)
		return err_oom(err);
	while ((dir = strsep(&rest, ":"))) {
		scoped(buf_finish) struct buf file = {0};

		if (buf_addf(&file, "%s/" FUSE_HELPER, *dir ? dir : ".") < 0)
			return err_oom(err);
		if (access(file.data, X_OK) == 0)
			return 0;
	}
	return err_set(err, ENOENT,
		FUSE_HELPER " is not installed; it is in the package fuse3");
}

static bool is_inside(const char *path, const char *dir)
{
	return str_starts(path, dir) &&
	       (!path[strlen(dir)] || path[strlen(dir)] == '/');
}

static int check_unmounted(const char *path, const char *given, struct err *err)
{
	scoped(mount_table_finish) struct mount_table t = {0};
	int r = mount_table_read(&t, err);

	if (r < 0)
		return r;
	if (mount_table_has(&t, path))
		return err_set(
			err, EBUSY, "a promptfs is mounted on %.150s already", given);
	return 0;
}

/* realpath() fails where a dead mount is, so the answer to that comes first. */
static int check_dead(int code, const char *given, struct err *err)
{
	if (code == ENOTCONN)
		return err_set(err, EBUSY,
			"%.100s has a mount whose process died; "
			"run \"fusermount3 -u %.60s\"",
			given, given);
	return err_errno(err, code, "mount point %.150s", given);
}

int precheck_mount(
	struct config *c, const char *mountpoint, char **ret, struct err *err)
{
	scoped_free char *path = NULL;
	scoped_free char *state = NULL;
	struct stat st;
	int r = check_device(err);

	if (r == 0)
		r = check_helper(err);
	if (r < 0)
		return r;
	path = realpath(mountpoint, NULL);
	if (!path || stat(path, &st) < 0)
		return check_dead(errno, mountpoint, err);
	if (!S_ISDIR(st.st_mode))
		return err_set(err, ENOTDIR, "mount point %.150s is not a directory",
			mountpoint);
	r = check_unmounted(path, mountpoint, err);
	if (r < 0)
		return r;
	r = state_dir_check(&c->state, err);
	if (r < 0)
		return r;
	state = realpath(c->state, NULL);
	if (is_inside(path, state ? state : c->state))
		return err_set(err, EINVAL,
			"mount point %.100s is inside the store %.100s; choose another",
			mountpoint, c->state);
	if (state && is_inside(state, path))
		return err_set(err, EINVAL,
			"the store %.100s is inside the mount point %.100s; "
			"choose another",
			c->state, mountpoint);
	*ret = steal_ptr(path);
	return 0;
}
