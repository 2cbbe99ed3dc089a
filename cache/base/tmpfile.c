// SPDX-License-Identifier: MIT
/* What cache/base/tmpfile.h says. Any thread. */
#include "cache/base/tmpfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "cache/base/mem.h"

int tmpfile_open(const char *dir, struct err *err)
{
	scoped_free char *name = NULL;
	int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd >= 0)
		return fd;
	/* NFS and some overlays have no O_TMPFILE. */
	if (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL)
		return err_errno(err, errno, "cannot make a file in %s", dir);
	if (asprintf(&name, "%s/tmp.XXXXXX", dir) < 0) {
		name = NULL;
		return err_oom(err);
	}
	fd = mkostemp(name, O_CLOEXEC);
	if (fd < 0)
		return err_errno(err, errno, "cannot make a file in %s", dir);
	unlink(name);
	return fd;
}
