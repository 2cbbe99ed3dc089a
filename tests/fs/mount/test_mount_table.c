// SPDX-License-Identifier: MIT
#include "fs/mount/mount_table.h"

#include <errno.h>
#include <unistd.h>

#include "cache/base/mem.h"
#include "tests/support/tap.h"

static const char mountinfo[] =
	"22 28 0:21 / /proc rw,nosuid - proc proc rw\n"
	"36 28 0:50 / /mnt/a\\040b rw,nosuid shared:7 master:1 - fuse.promptfs art rw\n"
	"37 28 0:51 / /mnt/other rw - fuse.sshfs host: rw\n"
	"38 28 0:52 / /usr rw - fuse.promptfs promptfs rw\n"
	"broken - fuse.promptfs\n"
	"39 28 0:53 / - fuse.promptfs x";

static void finds_only_ours(void)
{
	scoped(mount_table_finish) struct mount_table t = {0};

	CHECK_INT(mount_table_parse(&t, mountinfo), 0);
	CHECK_INT((int64_t)t.n, 2);
	CHECK_STR(t.mountpoint[0], "/mnt/a b");
	CHECK(mount_table_has(&t, "/usr"));
	CHECK(!mount_table_has(&t, "/mnt/other"));
	CHECK(!mount_table_has(&t, "/us"));
}

/* /usr stands for a mount: it is a real directory everywhere. */
static void splits_paths(void)
{
	static const struct {
		const char *cwd, *path, *tree; /* NULL: -ENOENT */
	} rows[] = {
		{"/", "/usr/prompts/a fox/imagen-3/1.png",
			"/prompts/a fox/imagen-3/1.png"},
		{"/", "usr/prompts/x", "/prompts/x"},
		{"/usr/prompts/x", "auto/1.png", "/prompts/x/auto/1.png"},
		{"/usr/prompts/x", "../y/./auto//1.png", "/prompts/y/auto/1.png"},
		{"/tmp", "../usr/prompts", "/prompts"},
		{"/", "/usr", "/"},
		{"/", "/usr/", "/"},
		{"/", "/usr/../tmp", NULL},
		{"/", "/usr/prompts/../..", NULL},
		{"/", "/tmp/prompts/x", NULL},
		{"/", "/nonexistent/prompts/x", NULL},
		{"/", "/usrx/prompts/x", NULL},
	};
	scoped(mount_table_finish) struct mount_table t = {0};

	CHECK_INT(mount_table_parse(&t, mountinfo), 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		scoped_free char *mountpoint = NULL;
		scoped_free char *tree = NULL;
		struct err err = {0};
		int r = mount_table_split(
			&t, rows[i].cwd, rows[i].path, &mountpoint, &tree, &err);

		printf("# %s\n", rows[i].path);
		CHECK_INT(r, rows[i].tree ? 0 : -ENOENT);
		CHECK_STR(tree, rows[i].tree);
		CHECK_STR(mountpoint, rows[i].tree ? "/usr" : NULL);
		CHECK(rows[i].tree || strstr(err.why, "is not in a mounted promptfs"));
	}
}

TAP_MAIN(TAP_CASE(finds_only_ours), TAP_CASE(splits_paths))
