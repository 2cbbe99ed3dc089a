// SPDX-License-Identifier: MIT
/* See path_list.h. */
#include "fs/cli/path_list.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cache/base/media_type.h"
#include "cache/base/mem.h"
#include "cache/base/str.h"
#include "fs/mount/mount_table.h"

#define PATHS_MAX 1000000u

void path_list_finish(struct path_list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free(l->given[i]);
		free(l->tree[i]);
	}
	free(l->given);
	free(l->tree);
	free(l->mountpoint);
	*l = (struct path_list){0};
}

static int grow(struct path_list *l)
{
	size_t cap = l->cap ? l->cap * 2 : 64;
	char **p;

	if (l->n < l->cap)
		return 0;
	p = reallocarray(l->given, cap, sizeof(*p));
	if (!p)
		return -ENOMEM;
	l->given = p;
	p = reallocarray(l->tree, cap, sizeof(*p));
	if (!p)
		return -ENOMEM;
	l->tree = p;
	l->cap = cap;
	return 0;
}

static bool is_tree_path(const char *path)
{
	for (size_t i = 0; i < tree_table_n; i++) {
		size_t n = strlen(tree_table[i]);

		if (path[0] == '/' && str_starts(path + 1, tree_table[i]) &&
			path[1 + n] == '/')
			return true;
	}
	return false;
}

static int split(const struct mount_table *t, const char *path, char **ret_mountpoint,
	char **ret_tree, struct err *err)
{
	scoped_free char *cwd = getcwd(NULL, 0);
	int r = mount_table_split(
		t, cwd ? cwd : "/", path, ret_mountpoint, ret_tree, err);

	if (r != -ENOENT || !is_tree_path(path))
		return r;
	*ret_mountpoint = NULL;
	*ret_tree = strdup(path);
	return *ret_tree ? 0 : err_oom(err);
}

static int add(struct path_list *l, const struct mount_table *t, const char *path,
	struct err *err)
{
	scoped_free char *mountpoint = NULL;
	scoped_free char *tree = NULL;
	scoped_free char *given = strdup(path);
	int r;

	if (l->n >= PATHS_MAX)
		return err_set(err, E2BIG, "more than %u paths", PATHS_MAX);
	if (!given || grow(l) < 0)
		return err_oom(err);
	r = split(t, path, &mountpoint, &tree, err);
	if (r < 0)
		return r;
	if (l->n && (!mountpoint != !l->mountpoint ||
			    (mountpoint && strcmp(mountpoint, l->mountpoint))))
		return err_set(err, EINVAL,
			"%.120s is in another store than the paths before; "
			"one at a time",
			path);
	if (!l->n)
		l->mountpoint = steal_ptr(mountpoint);
	l->given[l->n] = steal_ptr(given);
	l->tree[l->n++] = steal_ptr(tree);
	return 0;
}

static int add_lines(
	struct path_list *l, const struct mount_table *t, FILE *in, struct err *err)
{
	scoped_free char *line = NULL;
	size_t cap = 0;
	ssize_t len;
	int r = 0;

	while (r == 0 && (len = getline(&line, &cap, in)) >= 0) {
		if (len && line[len - 1] == '\n')
			line[--len] = '\0';
		if (len)
			r = add(l, t, line, err);
	}
	if (r == 0 && ferror(in))
		r = err_errno(err, EIO, "cannot read the list");
	return r;
}

int path_list_read(struct path_list *l, char **args, size_t n, struct err *err)
{
	scoped(mount_table_finish) struct mount_table t = {0};
	int r = mount_table_read(&t, err);

	for (size_t i = 0; i < n && r == 0; i++) {
		if (!strcmp(args[i], "-"))
			r = add_lines(l, &t, stdin, err);
		else
			r = add(l, &t, args[i], err);
	}
	if (r < 0)
		path_list_finish(l);
	return r;
}
