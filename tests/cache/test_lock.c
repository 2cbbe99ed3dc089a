// SPDX-License-Identifier: MIT
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "cache/base/clk.h"
#include "cache/lock.h"
#include "tests/cache/support.h"

static void dir_start(char dir[64])
{
	strcpy(dir, "/tmp/promptfs-lock-XXXXXX");
	if (!mkdtemp(dir))
		abort();
}

static void dir_end(const char *dir)
{
	nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void the_second_taker_is_told_who_holds_it(void)
{
	struct store_lock *a = NULL, *b = NULL;
	struct err err = {0};
	char dir[64], pid_text[32];

	dir_start(dir);
	CHECK_INT(store_lock_take(dir, 0, &a, &err), 0);
	CHECK_INT(store_lock_take(dir, 0, &b, &err), -EBUSY);
	snprintf(pid_text, sizeof(pid_text), "process %d", (int)getpid());
	CHECK(strstr(err.why, pid_text) != NULL);
	CHECK_INT(store_lock_describe(a, "/mnt/prompts", &err), 0);
	CHECK_INT(store_lock_take(dir, 30, &b, &err), -EBUSY);
	CHECK(strstr(err.why, pid_text) != NULL);
	CHECK_STR(strstr(err.why, ", mounted at"), ", mounted at /mnt/prompts");
	store_lock_release(a);
	CHECK_INT(store_lock_take(dir, 0, &b, &err), 0);
	store_lock_release(b);
	store_lock_release(NULL);
	dir_end(dir);
}

/* A child holds the lock until it is killed or its pipe closes. */
static pid_t hold_in_child(const char *dir, int *ret_fd)
{
	int ready[2], go[2];
	char c = 0;
	pid_t pid;

	if (pipe(ready) < 0 || pipe(go) < 0)
		abort();
	fflush(stdout);
	pid = fork();
	if (!pid) {
		struct store_lock *l;
		struct err err = {0};

		close(go[1]);
		if (store_lock_take(dir, 0, &l, &err) < 0 ||
			write(ready[1], &c, 1) != 1)
			_exit(1);
		if (read(go[0], &c, 1) < 0)
			_exit(1);
		_exit(0);
	}
	close(go[0]);
	CHECK_INT(read(ready[0], &c, 1), 1);
	close(ready[0]);
	close(ready[1]);
	*ret_fd = go[1];
	return pid;
}

static void a_dead_holder_holds_nothing(void)
{
	struct store_lock *l = NULL;
	struct err err = {0};
	char dir[64];
	int fd;
	pid_t pid;

	dir_start(dir);
	pid = hold_in_child(dir, &fd);
	CHECK_INT(store_lock_take(dir, 0, &l, &err), -EBUSY);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	CHECK_INT(store_lock_take(dir, 0, &l, &err), 0);
	store_lock_release(l);
	close(fd);
	dir_end(dir);
}

static void a_taker_waits_for_the_holder(void)
{
	struct store_lock *l = NULL;
	struct err err = {0};
	char dir[64];
	int64_t start;
	int fd;
	pid_t pid;

	dir_start(dir);
	pid = hold_in_child(dir, &fd);
	start = clk_mono_ms();
	CHECK_INT(store_lock_take(dir, 60, &l, &err), -EBUSY);
	CHECK(clk_mono_ms() - start >= 60);
	close(fd);
	CHECK_INT(store_lock_take(dir, 10000, &l, &err), 0);
	waitpid(pid, NULL, 0);
	store_lock_release(l);
	dir_end(dir);
}

static void directories_are_made_private(void)
{
	struct store_lock *l = NULL;
	struct err err = {0};
	struct stat st;
	char dir[64], deep[128], link_path[128];

	dir_start(dir);
	snprintf(deep, sizeof(deep), "%s/a/b", dir);
	CHECK_INT(store_lock_take(deep, 0, &l, &err), 0);
	CHECK_INT(stat(deep, &st), 0);
	CHECK_INT(st.st_mode & 0777, 0700);
	store_lock_release(l);
	CHECK_INT(chmod(deep, 0755), 0);
	CHECK_INT(store_lock_take(deep, 0, &l, &err), 0);
	CHECK_INT(stat(deep, &st), 0);
	CHECK_INT(st.st_mode & 0777, 0700);
	store_lock_release(l);
	snprintf(link_path, sizeof(link_path), "%s/link", dir);
	CHECK_INT(symlink(deep, link_path), 0);
	CHECK_INT(store_lock_take(link_path, 0, &l, &err), -EACCES);
	CHECK(*err.why);
	if (!geteuid()) {
		CHECK_INT(chown(deep, 12345, -1), 0);
		CHECK_INT(store_lock_take(deep, 0, &l, &err), -EACCES);
	}
	dir_end(dir);
}

TAP_MAIN(TAP_CASE(the_second_taker_is_told_who_holds_it),
	TAP_CASE(a_dead_holder_holds_nothing), TAP_CASE(a_taker_waits_for_the_holder),
	TAP_CASE(directories_are_made_private))
