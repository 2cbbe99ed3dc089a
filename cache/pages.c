// SPDX-License-Identifier: MIT
#include "cache/pages.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache/base/mem.h"

int pages_check_open(const char *path, struct err *err)
{
	scoped_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct stat st;

	if (fd < 0)
		return err_errno(err, errno, "cannot open %s", path);
	if (fstat(fd, &st) < 0)
		return err_errno(err, errno, "cannot open %s", path);
	if (st.st_size < 8192)
		return err_set(err, EBADMSG, "%s is cut short", path);
	return 0;
}
