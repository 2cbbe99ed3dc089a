// SPDX-License-Identifier: MIT
#include "fs/mount/state_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache/base/mem.h"
#include "tests/support/tap.h"

static char base[] = "/tmp/promptfs-state-XXXXXX";

/* "<base>/<name>", owned by the caller. */
static char *at(const char *name)
{
	char *path;

	if (asprintf(&path, "%s/%s", base, name) < 0)
		abort();
	return path;
}

static char *make_dir(const char *name, mode_t mode)
{
	char *path;

	if (strstr(base, "XXXXXX"))
		CHECK(mkdtemp(base) != NULL);
	path = at(name);
	CHECK_INT(mkdir(path, 0700), 0);
	CHECK_INT(chmod(path, mode), 0);
	return path;
}

static void make_file(const char *name)
{
	scoped_free char *path = at(name);
	int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	CHECK(fd >= 0);
	close(fd);
}

static mode_t mode_of(const char *path)
{
	struct stat st = {0};

	CHECK_INT(stat(path, &st), 0);
	return st.st_mode & 07777;
}

static void rights_of_others_are_taken_away(void)
{
	scoped_free char *path = make_dir("open", 0755);
	struct err err = {0};

	CHECK_INT(state_dir_check(&path, &err), 0);
	CHECK_INT(mode_of(path), 0700);
	CHECK_INT(state_dir_check(&path, &err), 0);
}

static void nothing_there_is_fine(void)
{
	scoped_free char *path = at("nothing");
	struct err err = {0};

	CHECK_INT(state_dir_check(&path, &err), 0);
}

static void a_link_of_our_own_is_followed(void)
{
	scoped_free char *dir = make_dir("real", 0700);
	scoped_free char *link = at("link");
	struct err err = {0};

	CHECK_INT(symlink(dir, link), 0);
	CHECK_INT(state_dir_check(&link, &err), 0);
	CHECK_STR(link, dir);
}

static void a_link_that_leads_nowhere(void)
{
	scoped_free char *link = at("dangling");
	struct err err = {0};

	CHECK_INT(symlink("/nonexistent/promptfs", link), 0);
	CHECK_INT(state_dir_check(&link, &err), -ENOENT);
	CHECK(strstr(err.why, "leads nowhere") != NULL);
}

static void what_belongs_to_somebody_else(void)
{
	scoped_free char *dir = make_dir("theirs", 0755);
	scoped_free char *target = make_dir("ours", 0700);
	scoped_free char *link = at("their-link");
	scoped_free char *before = strdup(link);
	struct err err = {0};

	if (geteuid() != 0) {
		puts("# only root can make files of another user");
		return;
	}
	CHECK_INT(chown(dir, 4711, 4711), 0);
	CHECK_INT(state_dir_check(&dir, &err), -EACCES);
	CHECK(strstr(err.why, "belongs to another user") != NULL);
	CHECK_INT(mode_of(dir), 0755);
	CHECK_INT(symlink(target, link), 0);
	CHECK_INT(lchown(link, 4711, 4711), 0);
	CHECK_INT(state_dir_check(&link, &err), -EACCES);
	CHECK(strstr(err.why, "symbolic link of another user") != NULL);
	CHECK_STR(link, before);
}

static void a_store_with_a_second_name(void)
{
	scoped_free char *dir = make_dir("linked", 0700);
	scoped_free char *store = at("linked/store.mdb");
	scoped_free char *other = at("other-name");
	struct err err = {0};

	make_file("linked/store.mdb");
	CHECK_INT(state_dir_check(&dir, &err), 0);
	CHECK_INT(link(store, other), 0);
	CHECK_INT(state_dir_check(&dir, &err), -EACCES);
	CHECK(strstr(err.why, "another name") != NULL);
	unlink(other);
	CHECK_INT(state_dir_check(&dir, &err), 0);
}

static void a_store_that_is_a_link(void)
{
	scoped_free char *dir = make_dir("planted", 0700);
	scoped_free char *store = at("planted/store.mdb");
	struct err err = {0};

	CHECK_INT(symlink("/etc/hostname", store), 0);
	CHECK_INT(state_dir_check(&dir, &err), -EACCES);
	CHECK(strstr(err.why, "not a file of its own") != NULL);
}

static void a_file_in_place_of_the_directory(void)
{
	scoped_free char *path = at("file");
	struct err err = {0};

	make_file("file");
	CHECK_INT(state_dir_check(&path, &err), -ENOTDIR);
	CHECK(strstr(err.why, path) != NULL);
}

static void clean_up(void)
{
	static const char *const names[] = {"open", "link", "real", "dangling",
		"theirs", "their-link", "ours", "linked/store.mdb", "linked",
		"planted/store.mdb", "planted", "file"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		scoped_free char *path = at(names[i]);

		remove(path);
	}
	CHECK_INT(rmdir(base), 0);
}

TAP_MAIN(TAP_CASE(rights_of_others_are_taken_away), TAP_CASE(nothing_there_is_fine),
	TAP_CASE(a_link_of_our_own_is_followed), TAP_CASE(a_link_that_leads_nowhere),
	TAP_CASE(what_belongs_to_somebody_else), TAP_CASE(a_store_with_a_second_name),
	TAP_CASE(a_store_that_is_a_link), TAP_CASE(a_file_in_place_of_the_directory),
	TAP_CASE(clean_up))
