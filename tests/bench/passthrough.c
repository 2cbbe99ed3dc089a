// SPDX-License-Identifier: MIT
/* The least a low-level FUSE passthrough can be: one directory of regular files, O_PATH
 * lookups, reads spliced from the descriptor. The yardstick of bench_mount.
 * usage: passthrough SOURCE-DIR -f MOUNTPOINT */
#define FUSE_USE_VERSION FUSE_MAKE_VERSION(3, 14)
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int root_fd;

/* A node id is the descriptor plus 2; never closed: a benchmark has few files. */
static int fd_of(fuse_ino_t ino)
{
	return ino == FUSE_ROOT_ID ? root_fd : (int)ino - 2;
}

static void pt_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fuse_entry_param e = {.attr_timeout = 1, .entry_timeout = 1};
	int fd = openat(fd_of(parent), name, O_PATH | O_NOFOLLOW);

	if (fd < 0 || fstatat(fd, "", &e.attr, AT_EMPTY_PATH) < 0) {
		fuse_reply_err(req, errno);
		return;
	}
	e.ino = (fuse_ino_t)fd + 2;
	fuse_reply_entry(req, &e);
}

static void pt_forget(fuse_req_t req, fuse_ino_t ino, uint64_t n)
{
	close(fd_of(ino));
	fuse_reply_none(req);
}

static void pt_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct stat st;

	if (fstatat(fd_of(ino), "", &st, AT_EMPTY_PATH) < 0)
		fuse_reply_err(req, errno);
	else
		fuse_reply_attr(req, &st, 1);
}

static void pt_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	char path[40];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd_of(ino));
	fd = open(path, fi->flags & ~O_NOFOLLOW);
	if (fd < 0) {
		fuse_reply_err(req, errno);
		return;
	}
	fi->fh = (uint64_t)fd;
	fi->keep_cache = 1;
	fuse_reply_open(req, fi);
}

static void pt_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
	struct fuse_file_info *fi)
{
	struct fuse_bufvec b = FUSE_BUFVEC_INIT(size);

	b.buf[0].flags = FUSE_BUF_IS_FD | FUSE_BUF_FD_SEEK;
	b.buf[0].fd = (int)fi->fh;
	b.buf[0].pos = off;
	fuse_reply_data(req, &b, FUSE_BUF_SPLICE_MOVE);
}

static void pt_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	close((int)fi->fh);
	fuse_reply_err(req, 0);
}

static void pt_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	int fd = openat(fd_of(ino), ".", O_RDONLY);

	fi->fh = (uint64_t)(uintptr_t)fdopendir(fd);
	fuse_reply_open(req, fi);
}

static void pt_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
	struct fuse_file_info *fi)
{
	DIR *d = (DIR *)(uintptr_t)fi->fh;
	char *buf = calloc(1, size);
	size_t used = 0;
	struct dirent *e;

	seekdir(d, off);
	while ((e = readdir(d))) {
		struct stat st = {
			.st_ino = e->d_ino, .st_mode = (mode_t)e->d_type << 12};
		size_t n = fuse_add_direntry(
			req, buf + used, size - used, e->d_name, &st, telldir(d));

		if (n > size - used)
			break;
		used += n;
	}
	fuse_reply_buf(req, buf, used);
	free(buf);
}

static void pt_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	closedir((DIR *)(uintptr_t)fi->fh);
	fuse_reply_err(req, 0);
}

static const struct fuse_lowlevel_ops pt_ops = {.lookup = pt_lookup,
	.forget = pt_forget,
	.getattr = pt_getattr,
	.open = pt_open,
	.read = pt_read,
	.release = pt_release,
	.opendir = pt_opendir,
	.readdir = pt_readdir,
	.releasedir = pt_releasedir};

int main(int argc, char **argv)
{
	struct fuse_args args = FUSE_ARGS_INIT(argc - 1, argv + 1);
	struct fuse_cmdline_opts opts;
	struct fuse_session *se;
	struct fuse_loop_config *lc = fuse_loop_cfg_create();

	if (argc < 3)
		return 2;
	root_fd = open(argv[1], O_PATH);
	if (root_fd < 0 || fuse_parse_cmdline(&args, &opts) < 0)
		return 2;
	se = fuse_session_new(&args, &pt_ops, sizeof(pt_ops), NULL);
	if (!se || fuse_set_signal_handlers(se) ||
		fuse_session_mount(se, opts.mountpoint))
		return 1;
	fuse_session_loop_mt(se, lc);
	fuse_session_unmount(se);
	fuse_session_destroy(se);
	return 0;
}
