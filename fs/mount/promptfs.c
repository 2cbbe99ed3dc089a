// SPDX-License-Identifier: MIT
/* Making and unmaking a struct promptfs. The main thread; see promptfs.h. */
#include "fs/mount/promptfs.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "cache/base/clk.h"
#include "cache/base/mem.h"
#include "fs/mount/spending.h"

static int prompt_by_hash(void *user, const char *hex16, struct prompt **ret)
{
	struct promptfs *fs = user;
	scoped_free char *text = NULL;
	size_t len;
	int r = cache_prompt_by_hash(fs->cache, hex16, &text, &len);

	return r < 0 ? r : prompt_from_text(text, len, ret);
}

static int prompt_by_input(void *user, const char *name, struct prompt **ret)
{
	struct promptfs *fs = user;
	scoped(buf_finish) struct buf file = {0};
	struct input_brief b = {0};
	int r = buf_addf(&file, "%s.txt", name);

	if (r == 0)
		r = cache_input_find(fs->cache, file.data, &b);
	if (r < 0)
		return r;
	if (b.size > REQUEST_PROMPT_MAX)
		return -ENAMETOOLONG;
	buf_clear(&file);
	r = buf_reserve(&file, b.size);
	if (r == 0)
		r = cache_read(
			fs->cache, b.blob_id, b.size, 0, file.data, b.size, NULL);
	return r < 0 ? r : prompt_from_text(file.data, b.size, ret);
}

static int open_catalogue(struct promptfs *fs, struct err *err)
{
	int r = catalogue_new(&fs->catalogue, err);

	if (r == 0 && fs->config->catalog)
		r = catalogue_merge_file(fs->catalogue, fs->config->catalog, err);
	return r;
}

static int start_engine(struct promptfs *fs, struct err *err)
{
	const struct config *c = fs->config;
	struct engine_config ec = {.cache = fs->cache,
		.catalogue = fs->catalogue,
		.ns = fs->ns,
		.backend = c->backend,
		.remote = fs->backend == BACKEND_LOCAL ? NULL : &fs->remote,
		.exe = "/proc/self/exe",
		.tmp_dir = c->state,
		.max_concurrent = c->max_concurrent,
		.stop_timeout_ms = (int)c->stop_timeout_s * 1000,
		.timeout_ms = (int)c->timeout_s * 1000,
		.latency_ms = (int)c->latency_ms,
		.fallback = c->fallback,
		.offline = c->offline,
		.enhance = c->enhance,
		.blocked_words = (const char *const *)c->blocked_words.word,
		.n_blocked_words = c->blocked_words.n,
		.deny_programs = (const char *const *)c->deny_programs.word,
		.n_deny_programs = c->deny_programs.n};

	return engine_start(&ec, &fs->engine, err);
}

static int open_all(struct promptfs *fs, struct config *config, struct err *err)
{
	struct cache_config cc = {
		.dir = config->state, .reserve_bytes = UINT64_C(64) << 20};
	int r;

	*fs = (struct promptfs){.config = config, .uid = getuid(), .gid = getgid()};
	pthread_mutex_init(&fs->input_names, NULL);
	pthread_mutex_init(&fs->snapshots_lock, NULL);
	pthread_mutex_init(&fs->handles_lock, NULL);
	fs->mounted_ms = clk_real_ms();
	fs->mountpoint = strdup("");
	r = fs->mountpoint ? spending_configure(fs, err) : err_oom(err);
	if (r == 0)
		r = open_catalogue(fs, err);
	cc.ns = fs->ns;
	if (r == 0)
		r = cache_open(&cc, &fs->cache, err);
	if (r == 0)
		r = start_engine(fs, err);
	if (r < 0) {
		promptfs_close(fs);
		return r;
	}
	fs->grammar = (struct grammar_env){.catalogue = fs->catalogue,
		.user = fs,
		.prompt_by_hash = prompt_by_hash,
		.prompt_by_input = prompt_by_input};
	return 0;
}

int promptfs_open(struct promptfs *fs, struct config *config, struct err *err)
{
	sigset_t all, before;
	int r;

	/* The threads made here inherit the mask: signals are for the main thread, and
	 * in a mount for signal_main. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = open_all(fs, config, err);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return r;
}

void promptfs_close(struct promptfs *fs)
{
	if (fs->engine)
		engine_stop(fs->engine);
	engine_free(fs->engine);
	cache_close(fs->cache);
	catalogue_free(fs->catalogue);
	spending_finish(fs);
	free(fs->mountpoint);
	*fs = (struct promptfs){0};
}
