// SPDX-License-Identifier: MIT
/* See mount_table.h. */
#include "fs/mount/mount_table.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "cache/base/buf.h"
#include "cache/base/json.h"
#include "cache/base/mem.h"
#include "cache/base/str.h"

#define MOUNTINFO_MAX (16u * 1024u * 1024u)
#define CONFIG_JSON_MAX (1024u * 1024u)
#define MOUNT_TYPE "fuse.promptfs"

void mount_table_finish(struct mount_table *t)
{
	for (size_t i = 0; i < t->n; i++)
		free(t->mountpoint[i]);
	t->n = 0;
}

static bool is_octal(char c)
{
	return c >= '0' && c <= '7';
}

/* The kernel writes blanks and backslashes as \040. In place. */
static void unescape(char *s)
{
	char *to = s;

	for (; *s; s++) {
		if (*s == '\\' && is_octal(s[1]) && is_octal(s[2]) && is_octal(s[3])) {
			*to++ = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 |
				       (s[3] - '0'));
			s += 3;
		} else {
			*to++ = *s;
		}
	}
	*to = '\0';
}

/* "36 35 98:0 /root /mount/point opts [tags] - type source super" */
static int parse_line(struct mount_table *t, const char *line, size_t len)
{
	scoped_free char *copy = strndup(line, len);
	char *rest, *field = NULL, *type;

	if (!copy)
		return -ENOMEM;
	type = strstr(copy, " - ");
	if (!type || !str_starts(type + 3, MOUNT_TYPE " ") || t->n >= MOUNT_TABLE_MAX)
		return 0;
	rest = copy;
	for (int i = 0; i < 5 && rest; i++)
		field = strsep(&rest, " ");
	if (!rest || *field != '/')
		return 0;
	field = strdup(field);
	if (!field)
		return -ENOMEM;
	unescape(field);
	t->mountpoint[t->n++] = field;
	return 0;
}

int mount_table_parse(struct mount_table *ret, const char *text)
{
	int r = 0;

	while (*text && r == 0) {
		size_t len = strcspn(text, "\n");

		r = parse_line(ret, text, len);
		text += len + (text[len] == '\n');
	}
	return r;
}

int mount_table_read(struct mount_table *ret, struct err *err)
{
	scoped(buf_finish) struct buf b = {0};
	int r = buf_read_file(&b, "/proc/self/mountinfo", MOUNTINFO_MAX, err);

	if (r < 0)
		return r;
	*ret = (struct mount_table){0};
	r = mount_table_parse(ret, b.data ? b.data : "");
	if (r < 0)
		mount_table_finish(ret);
	return r < 0 ? err_oom(err) : 0;
}

bool mount_table_has(const struct mount_table *t, const char *mountpoint)
{
	return str_in(mountpoint, (const char *const *)t->mountpoint, t->n);
}

/* Appends the components of `path`, taking away one at each "..". -ENOENT: above the
 * start. */
static int add_normal(struct buf *out, const char *path)
{
	int r = 0;

	while (*path && r == 0) {
		size_t len = strcspn(path, "/");

		if (len == 2 && path[0] == '.' && path[1] == '.') {
			if (!out->len)
				return -ENOENT;
			while (out->data[--out->len] != '/')
				continue;
			out->data[out->len] = '\0';
		} else if (len && !(len == 1 && *path == '.')) {
			r = buf_addc(out, '/');
			if (r == 0)
				r = buf_add(out, path, len);
		}
		path += len + (path[len] == '/');
	}
	return r;
}

/* The length of the prefix of `path` that is a mount point, as a real path; 0: none. */
static size_t find_prefix(
	const struct mount_table *t, char *path, char **ret_mountpoint)
{
	for (size_t i = 1;; i++) {
		char c = path[i];
		scoped_free char *real = NULL;

		if (c && c != '/')
			continue;
		path[i] = '\0';
		real = realpath(path, NULL);
		path[i] = c;
		if (real && mount_table_has(t, real)) {
			*ret_mountpoint = steal_ptr(real);
			return i;
		}
		if (!real || !c)
			return 0;
	}
}

int mount_table_split(const struct mount_table *t, const char *cwd, const char *path,
	char **ret_mountpoint, char **ret_tree, struct err *err)
{
	scoped(buf_finish) struct buf full = {0};
	scoped(buf_finish) struct buf tree = {0};
	scoped_free char *mountpoint = NULL;
	size_t len;
	int r = *path == '/' ? 0 : buf_addf(&full, "%s/", cwd);

	if (r == 0)
		r = buf_adds(&full, path);
	if (r < 0)
		return err_oom(err);
	len = full.len ? find_prefix(t, full.data, &mountpoint) : 0;
	if (!len)
		return err_set(
			err, ENOENT, "%.150s is not in a mounted promptfs", path);
	r = add_normal(&tree, full.data + len);
	if (r == -ENOENT)
		return err_set(
			err, ENOENT, "%.150s is not in a mounted promptfs", path);
	if (r == 0 && !tree.len)
		r = buf_addc(&tree, '/');
	if (r < 0)
		return err_oom(err);
	*ret_tree = buf_detach(&tree);
	*ret_mountpoint = steal_ptr(mountpoint);
	return 0;
}

int mount_state(const char *mountpoint, char **ret, struct err *err)
{
	scoped(buf_finish) struct buf path = {0};
	scoped_json cJSON *config = NULL;
	const char *state;

	if (buf_addf(&path, "%s/.promptfs/config.json", mountpoint) < 0)
		return err_oom(err);
	config = json_parse_file(path.data, CONFIG_JSON_MAX, err);
	if (!config)
		return err_wrap(err, -EIO, "cannot ask the mount");
	state = json_str(config, "state", NULL);
	if (!state)
		return err_set(err, EPROTO, "%s does not name its store", path.data);
	*ret = strdup(state);
	return *ret ? 0 : err_oom(err);
}
