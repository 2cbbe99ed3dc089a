// SPDX-License-Identifier: MIT
/* /.promptfs and /models. */
#include <errno.h>
#include <inttypes.h>

#include "cache/base/clk.h"
#include "cache/base/json.h"
#include "cache/base/mem.h"
#include "cache/base/money.h"
#include "fs/virtual/vfile.h"

static int add_store(struct promptfs *fs, cJSON *o)
{
	struct cache_stat st;
	cJSON *store;
	int r = cache_stat(fs->cache, &st);

	if (r < 0)
		return r;
	store = cJSON_AddObjectToObject(o, "store");
	cJSON_AddStringToObject(store, "directory", fs->config->state);
	json_add_int(store, "size_bytes", (int64_t)st.file_bytes);
	json_add_int(store, "used_bytes", (int64_t)st.used_bytes);
	json_add_int(store, "map_bytes", (int64_t)st.map_bytes);
	json_add_int(store, "blobs", (int64_t)st.blobs);
	json_add_int(store, "files", (int64_t)st.files);
	json_add_int(store, "prompts", (int64_t)st.prompts);
	return 0;
}

static int fill_status(struct promptfs *fs, cJSON *o)
{
	int r = engine_status(fs->engine, o);

	if (r == 0)
		r = add_store(fs, o);
	cJSON_AddStringToObject(o, "mountpoint", fs->mountpoint);
	json_add_int(o, "uptime_seconds", (clk_real_ms() - fs->mounted_ms) / 1000);
	return r;
}

static int fill_version(struct promptfs *fs, cJSON *o)
{
	cJSON_AddStringToObject(o, "promptfs", PROMPTFS_VERSION);
	cJSON_AddStringToObject(o, "libfuse", fuse_pkgversion());
	cJSON_AddStringToObject(o, "backend", fs->config->backend);
	return 0;
}

static int fill_config(struct promptfs *fs, cJSON *o)
{
	return config_to_json(fs->config, o);
}

static int fill_metrics(struct promptfs *fs, cJSON *o)
{
	return engine_metrics(fs->engine, o);
}

static int print_filled(struct promptfs *fs, struct buf *out,
	int (*fill)(struct promptfs *fs, cJSON *o))
{
	scoped_json cJSON *o = cJSON_CreateObject();
	int r = o ? fill(fs, o) : -ENOMEM;

	return r < 0 ? r : json_print(out, o);
}

/* ---- Prometheus ---- */

static int prom_model(void *user, const char *model, const struct totals *t)
{
	char spent[MONEY_TEXT], saved[MONEY_TEXT];

	money_format(t->spent_ud, spent);
	money_format(t->saved_ud, saved);
	return buf_addf(user,
		"promptfs_requests_total{model=\"%s\"} %" PRIu64 "\n"
		"promptfs_failures_total{model=\"%s\"} %" PRIu64 "\n"
		"promptfs_generated_total{model=\"%s\"} %" PRIu64 "\n"
		"promptfs_generation_seconds_total{model=\"%s\"} %.3f\n"
		"promptfs_spent_usd_total{model=\"%s\"} %s\n"
		"promptfs_saved_usd_total{model=\"%s\"} %s\n",
		model, t->requests, model, t->failed, model, t->generated, model,
		(double)t->duration_ms / 1000, model, spent, model, saved);
}

static int print_prom(struct promptfs *fs, struct buf *out)
{
	scoped_json cJSON *o = cJSON_CreateObject();
	const cJSON *slots;
	int r = buf_adds(out, "# TYPE promptfs_requests_total counter\n"
			      "# TYPE promptfs_failures_total counter\n"
			      "# TYPE promptfs_generated_total counter\n"
			      "# TYPE promptfs_generation_seconds_total counter\n"
			      "# TYPE promptfs_spent_usd_total counter\n"
			      "# TYPE promptfs_saved_usd_total counter\n"
			      "# TYPE promptfs_active_requests gauge\n"
			      "# TYPE promptfs_queue_size gauge\n");

	if (r == 0)
		r = cache_totals_by_model(fs->cache, 1, prom_model, out);
	if (r == 0)
		r = o ? engine_status(fs->engine, o) : -ENOMEM;
	if (r < 0)
		return r;
	slots = cJSON_GetObjectItemCaseSensitive(o, "slots");
	return buf_addf(out,
		"promptfs_active_requests %" PRId64 "\n"
		"promptfs_queue_size %" PRId64 "\n",
		json_int(slots, "active_requests", 0),
		json_int(slots, "queue_size", 0));
}

int vf_control(struct promptfs *fs, const struct place *p, struct buf *out)
{
	switch (p->control) {
	case CONTROL_STATUS:
		return print_filled(fs, out, fill_status);
	case CONTROL_METRICS:
		return print_filled(fs, out, fill_metrics);
	case CONTROL_CONFIG:
		return print_filled(fs, out, fill_config);
	case CONTROL_VERSION:
		return print_filled(fs, out, fill_version);
	case CONTROL_PROM:
		return print_prom(fs, out);
	case CONTROL_ERRORS:
		return engine_errors(fs->engine, out);
	default:
		return -ENOENT;
	}
}

int vf_model(struct promptfs *fs, const struct place *p, struct buf *out)
{
	const struct model_row *row = catalogue_find(fs->catalogue, p->name);

	return row ? catalogue_row_json(fs->catalogue, row, out) : -ENOENT;
}
