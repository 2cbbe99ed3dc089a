// SPDX-License-Identifier: MIT
/* See who.h. */
#include "fs/mount/who.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache/base/mem.h"
#include "cache/base/str.h"
#include "fs/mount/promptfs.h"

/* /proc/<tid>/status as text; false where it cannot be read. */
static bool read_status(pid_t tid, char *text, size_t size)
{
	char path[40];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)tid);
	scoped_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, text, size - 1);
	if (n <= 0)
		return false;
	text[n] = '\0';
	return true;
}

/* The number after "\n<field>:"; false if there is none. */
static bool field(
	const char *status, const char *name, int base, unsigned long long *ret)
{
	char tag[24];
	const char *at;

	snprintf(tag, sizeof(tag), "\n%s:", name);
	at = strstr(status, tag);
	if (!at)
		return false;
	*ret = strtoull(at + strlen(tag), NULL, base);
	return true;
}

static void copy_name(char *ret, size_t size, const char *name)
{
	const char *slash = strrchr(name, '/');
	const char *deleted;
	size_t n;

	name = slash ? slash + 1 : name;
	deleted = strstr(name, " (deleted)");
	n = deleted ? (size_t)(deleted - name) : strlen(name);
	snprintf(ret, size, "%.*s", (int)n, name);
}

static bool may_spend(const struct promptfs *fs, uid_t uid)
{
	const struct uid_list *l = &fs->config->spenders;

	for (size_t i = 0; i < l->n; i++) {
		if (l->uid[i] == uid)
			return true;
	}
	return uid == fs->uid;
}

void who_of(const struct promptfs *fs, pid_t tid, uid_t uid, struct engine_who *ret)
{
	char status[4096], path[40], target[4096];
	unsigned long long tgid;
	ssize_t n;

	*ret = (struct engine_who){.uid = uid, .may_spend = may_spend(fs, uid)};
	if (tid <= 0 || !read_status(tid, status, sizeof(status)))
		return;
	if (!field(status, "Tgid", 10, &tgid))
		tgid = (unsigned long long)tid;
	ret->pid = (uint32_t)tgid;
	snprintf(path, sizeof(path), "/proc/%llu/exe", tgid);
	n = readlink(path, target, sizeof(target) - 1);
	if (n > 0) {
		target[n] = '\0';
		copy_name(ret->program, sizeof(ret->program), target);
		return;
	}
	if (str_starts(status, "Name:\t")) {
		size_t len = strcspn(status + 6, "\n");

		snprintf(ret->program, sizeof(ret->program), "%.*s", (int)len,
			status + 6);
	}
}

#define BIT(sig) (1ULL << ((sig)-1))

bool signals_mean_stop(unsigned long long pending, unsigned long long caught,
	unsigned long long ignored)
{
	const unsigned long long always =
		BIT(SIGINT) | BIT(SIGTERM) | BIT(SIGQUIT) | BIT(SIGHUP) | BIT(SIGKILL);
	/* Default action: ignore, or stop and go on. */
	const unsigned long long harmless = BIT(SIGCHLD) | BIT(SIGURG) | BIT(SIGWINCH) |
					    BIT(SIGCONT) | BIT(SIGSTOP) | BIT(SIGTSTP) |
					    BIT(SIGTTIN) | BIT(SIGTTOU);

	if (pending & BIT(SIGKILL))
		return true;
	pending &= ~ignored;
	return (pending & always) || (pending & ~caught & ~harmless);
}

bool who_wants_stop(pid_t tid)
{
	char status[4096];
	unsigned long long own, shared, caught, ignored;

	if (tid <= 0 || !read_status(tid, status, sizeof(status)))
		return true;
	if (!field(status, "SigPnd", 16, &own) ||
		!field(status, "ShdPnd", 16, &shared) ||
		!field(status, "SigCgt", 16, &caught) ||
		!field(status, "SigIgn", 16, &ignored))
		return true;
	return signals_mean_stop(own | shared, caught, ignored);
}
