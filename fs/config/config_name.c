// SPDX-License-Identifier: MIT
/* Which option a name means, what FUSE's own are called, and what a slip was meant
 * to be. Pure. */
#include <string.h>

#include "cache/base/mem.h"
#include "cache/base/str.h"
#include "fs/config/config_table.h"

/* Longer than any known name; above it nothing is suggested. */
#define OPTION_NAME_MAX 32u

/* What libfuse's own parser takes. With '=' at the end: needs a value. */
static const char *const fuse_words[] = {"allow_other", "allow_root", "auto_unmount",
	"default_permissions", "ro", "rw", "suid", "nosuid", "dev", "nodev", "exec",
	"noexec", "async", "sync", "dirsync", "noatime",
	"fsname=", "subtype=", "max_read="};

/* What fstab and mount(8) add for themselves, or what means nothing to us. */
static const char *const ignored_words[] = {"defaults", "auto", "noauto", "user",
	"nouser", "users", "owner", "group", "nofail", "_netdev", "atime", "diratime",
	"nodiratime", "relatime", "norelatime", "strictatime", "nostrictatime",
	"lazytime", "nolazytime", "silent", "loud", "nonempty"};

const struct config_row *config_find_row(const char *name, size_t len)
{
	for (size_t i = 0; i < config_rows_n; i++) {
		if (!strncmp(config_rows[i].name, name, len) &&
			!config_rows[i].name[len])
			return &config_rows[i];
	}
	return NULL;
}

static size_t edit_distance(const char *a, size_t n, const char *b, size_t m)
{
	size_t row[OPTION_NAME_MAX + 1];

	for (size_t j = 0; j <= m; j++)
		row[j] = j;
	for (size_t i = 1; i <= n; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= m; j++) {
			size_t best = diagonal + (a[i - 1] != b[j - 1]);

			diagonal = row[j];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
		}
	}
	return row[m];
}

static void nearest_of(const char *name, size_t len, const char *known,
	const char **best, size_t *distance)
{
	size_t m = strcspn(known, "="), d;

	if (len > OPTION_NAME_MAX || m > OPTION_NAME_MAX)
		return;
	d = edit_distance(name, len, known, m);
	if (d < *distance) {
		*distance = d;
		*best = known;
	}
}

const char *config_nearest(const char *name, size_t len, bool with_fuse)
{
	size_t distance = len / 3 + 2;
	const char *best = NULL;

	for (size_t i = 0; i < config_rows_n; i++)
		nearest_of(name, len, config_rows[i].name, &best, &distance);
	for (size_t i = 0; with_fuse && i < ARRAY_SIZE(fuse_words); i++)
		nearest_of(name, len, fuse_words[i], &best, &distance);
	return best;
}

bool config_is_fuse_option(const char *option, size_t name_len)
{
	bool has_value = option[name_len] == '=';

	for (size_t i = 0; i < ARRAY_SIZE(fuse_words); i++) {
		if (!strncmp(fuse_words[i], option, name_len) &&
			!strcmp(fuse_words[i] + name_len, has_value ? "=" : ""))
			return true;
	}
	return false;
}

bool config_is_ignored(const char *option, size_t name_len)
{
	if (str_starts(option, "x-") || str_starts(option, "X-") ||
		str_starts(option, "comment="))
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(ignored_words); i++) {
		if (!option[name_len] && !strcmp(ignored_words[i], option))
			return true;
	}
	return false;
}
