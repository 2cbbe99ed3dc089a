// SPDX-License-Identifier: MIT
/* Which snapshot a look and an open get; the README's length follows the mount point.
 */
#include "fs/virtual/vfile.h"

#include "cache/base/mem.h"
#include "tests/support/tap.h"

struct fixture {
	struct config config;
	struct promptfs fs;
	struct vfile vfile;
};

static const struct place readme = {.kind = PLACE_README};

static void set_up(struct fixture *f)
{
	*f = (struct fixture){0};
	f->config.backend = (char *)"local";
	f->fs.config = &f->config;
	f->fs.mountpoint = (char *)"/m";
	pthread_mutex_init(&f->fs.snapshots_lock, NULL);
}

static int64_t look(struct fixture *f)
{
	struct stat st = {0};

	CHECK_INT(vfile_attr(&f->fs, &readme, &f->vfile, &st), 0);
	return st.st_size;
}

static void grow_old(struct fixture *f)
{
	f->vfile.snapshot->made_mono_ms -= 2000;
	f->fs.mountpoint = (char *)"/a/longer/mount/point";
}

static void a_look_takes_an_old_one_anew(void)
{
	struct fixture f;
	int64_t before;

	set_up(&f);
	before = look(&f);
	CHECK_INT(look(&f), before);
	grow_old(&f);
	CHECK(look(&f) > before);
	vfile_finish(&f.vfile);
}

/* sendfile and mmap go by the size of the last look, a moment before the open. */
static void an_open_takes_what_was_told(void)
{
	struct snapshot *s = NULL;
	struct fixture f;
	int64_t told;

	set_up(&f);
	told = look(&f);
	grow_old(&f);
	CHECK_INT(vfile_open(&f.fs, &readme, &f.vfile, &s), 0);
	CHECK_INT((int64_t)s->len, told);
	CHECK_INT(look(&f), told); /* held while open */
	vfile_close(&f.fs, &f.vfile, s);
	CHECK(look(&f) > told);
	vfile_finish(&f.vfile);
}

static void an_open_without_a_look(void)
{
	struct snapshot *s = NULL;
	struct fixture f;

	set_up(&f);
	CHECK_INT(vfile_open(&f.fs, &readme, &f.vfile, &s), 0);
	CHECK_INT((int64_t)s->len, look(&f));
	vfile_close(&f.fs, &f.vfile, s);
	vfile_finish(&f.vfile);
}

TAP_MAIN(TAP_CASE(a_look_takes_an_old_one_anew), TAP_CASE(an_open_takes_what_was_told),
	TAP_CASE(an_open_without_a_look))
