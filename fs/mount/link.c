// SPDX-License-Identifier: MIT
/* See link.h. */
#include "fs/mount/link.h"

#include <errno.h>
#include <string.h>

#include "cache/base/clk.h"
#include "cache/base/mem.h"

static bool is_generated(void *user, const struct request *req)
{
	struct promptfs *fs = user;
	struct file_brief b;
	struct digest key;

	return request_key(req, fs->ns, &key) == 0 &&
	       cache_brief(fs->cache, &key, &b, NULL) == 0 &&
	       b.state == RECORD_GENERATED;
}

struct select_env link_env(struct promptfs *fs, char today[static 11])
{
	clk_format_day(clk_real_ms(), today);
	return (struct select_env){.catalogue = fs->catalogue,
		.backend = fs->backend,
		.today = today,
		.user = fs,
		.exists = is_generated};
}

static int link_select(struct promptfs *fs, const struct place *p, char **ret)
{
	const char *suffix = sidecar_suffix(p->sidecar);
	scoped(buf_finish) struct buf b = {0};
	char today[11];
	struct select_env env = link_env(fs, today);
	const struct model_row *row;
	int r = select_model(&env, p->selector, &p->req, &row);

	if (r == 0)
		r = select_link(&p->req, row, suffix ? suffix : "", &b);
	if (r < 0)
		return r;
	*ret = buf_detach(&b);
	return *ret ? 0 : -ENOMEM;
}

int listed_dir(struct promptfs *fs, const struct place *p, uint64_t *ret)
{
	scoped(components_finish) struct components c = {0};
	enum place_kind kind = p->kind == PLACE_DIR_COST || p->kind == PLACE_DIR_QUALITY
				       ? p->dir
				       : p->kind;
	int r;

	switch (kind) {
	case PLACE_ROOT:
		*ret = 1;
		return 0;
	case PLACE_TREE:
	case PLACE_PROMPT:
	case PLACE_MODEL:
	case PLACE_BEST:
	case PLACE_HISTORY:
		break;
	default:
		return -ENOENT;
	}
	r = request_components(&p->req, &c);
	if (r < 0)
		return r;
	return cache_dir_find(fs->cache, (const char *const *)c.name, c.n, ret);
}

int link_best(struct promptfs *fs, const struct place *p, char **ret)
{
	uint64_t dir;
	int r = listed_dir(fs, p, &dir);

	return r < 0 ? r : cache_best(fs->cache, dir, p->best, ret);
}

int link_target(struct promptfs *fs, const struct place *p, char **ret)
{
	return p->kind == PLACE_BEST ? link_best(fs, p, ret) : link_select(fs, p, ret);
}
