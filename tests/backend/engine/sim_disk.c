// SPDX-License-Identifier: MIT
/* What LMDB writes with. These take the place of libc's functions for the whole
 * program, shared libraries too; nobody but LMDB uses them here.
 *
 * A durable step is a flush or the write of a header, which is what commits. A power
 * cut loses any part of what was written since the last flush: each page either made
 * it to the disk or has its old bytes. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tests/backend/engine/sim.h"

#define DISK_PAGE 4096u
#define FAULTS_PER_MILLE 12

static bool is_on, is_after;
static uint64_t die_at;
static enum sim_death how;

/* No header of libc's: its names are redirected where files are large. */
ssize_t disk_pwrite(int fd, const void *buf, size_t n, off_t at) __asm__("pwrite");
ssize_t disk_writev(int fd, const struct iovec *iov, int n) __asm__("writev");
int disk_fdatasync(int fd) __asm__("fdatasync");

struct undo_head {
	uint64_t at, len;
};

void disk_begin(uint64_t at, bool after, enum sim_death death)
{
	die_at = at;
	is_after = after;
	how = death;
	is_on = true;
	sim.world->durable_steps = 0;
	sim.world->undo_len = sim.world->undo_n = 0;
}

/* ---- what a power cut undoes ---- */

static void remember(int fd, uint64_t at, size_t len)
{
	struct sim_world *w = sim.world;
	struct undo_head h;

	if (how != SIM_POWER_CUT)
		return;
	/* Page by page, as disks do. */
	for (uint64_t end = at + len; at < end; at += h.len) {
		uint64_t in_page = DISK_PAGE - at % DISK_PAGE;
		uint8_t *to = w->undo + w->undo_len + sizeof(h);
		ssize_t got;

		h = (struct undo_head){at, end - at < in_page ? end - at : in_page};
		if (w->undo_len + sizeof(h) + h.len > sizeof(w->undo))
			return; /* what is not remembered has reached the disk */
		memset(to, 0, h.len);
		got = pread(fd, to, h.len, (off_t)at);
		(void)got;
		memcpy(to - sizeof(h), &h, sizeof(h));
		w->undo_len += sizeof(h) + h.len;
		w->undo_n++;
	}
}

static void forget(void)
{
	sim.world->undo_len = sim.world->undo_n = 0;
}

/* The newest first, so that what was there at the flush is what stays. */
static void undo_from(struct sim_world *w, int fd, size_t off, size_t n, struct dice *d)
{
	struct undo_head h;
	struct dice page;

	if (!n)
		return;
	memcpy(&h, w->undo + off, sizeof(h));
	undo_from(w, fd, off + sizeof(h) + h.len, n - 1, d);
	page = dice_of(d->state, h.at / DISK_PAGE);
	if (dice_is(&page, 50))
		(void)!pwrite(fd, w->undo + off + sizeof(h), h.len, (off_t)h.at);
}

void disk_undo(struct sim_world *w, const char *dir)
{
	char path[128];
	struct dice d = dice_of(w->seed, 500 + w->epoch);
	int fd;

	snprintf(path, sizeof(path), "%s/store.mdb", dir);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd >= 0)
		undo_from(w, fd, 0, w->undo_n, &d);
	if (fd >= 0)
		close(fd);
	w->undo_len = w->undo_n = 0;
}

/* ---- the calls ---- */

static bool fails(void)
{
	if (!sim.plan.has_disk_faults || sim.is_last ||
		dice_below(&sim.disk, 1000) >= FAULTS_PER_MILLE)
		return false;
	sim.world->past[sim.world->epoch].had_disk_fault = true;
	errno = dice_is(&sim.disk, 50) ? ENOSPC : EIO;
	return true;
}

static void durable(bool after)
{
	if (after == is_after && die_at && sim.world->durable_steps == die_at)
		sim_die(how);
}

ssize_t disk_pwrite(int fd, const void *buf, size_t n, off_t at)
{
	bool is_header = n < DISK_PAGE;
	ssize_t r;

	if (!is_on)
		return syscall(SYS_pwrite64, fd, buf, n, at);
	if (fails())
		return -1;
	if (is_header) {
		sim.world->durable_steps++;
		durable(false);
		sched_yield_here();
	}
	remember(fd, (uint64_t)at, n);
	r = syscall(SYS_pwrite64, fd, buf, n, at);
	if (is_header && (fcntl(fd, F_GETFL) & O_DSYNC))
		forget(); /* what went before was flushed, or LMDB has a fault */
	if (is_header)
		durable(true);
	return r;
}

ssize_t disk_writev(int fd, const struct iovec *iov, int n)
{
	size_t len = 0;

	if (!is_on)
		return syscall(SYS_writev, fd, iov, n);
	if (fails())
		return -1;
	for (int i = 0; i < n; i++)
		len += iov[i].iov_len;
	remember(fd, (uint64_t)lseek(fd, 0, SEEK_CUR), len);
	return syscall(SYS_writev, fd, iov, n);
}

int disk_fdatasync(int fd)
{
	int r = 0;

	if (!is_on)
		return (int)syscall(SYS_fdatasync, fd);
	if (fails())
		return -1;
	sim.world->durable_steps++;
	durable(false);
	sched_yield_here();
	forget();
	durable(true);
	return r;
}
