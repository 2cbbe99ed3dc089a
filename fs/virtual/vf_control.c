// SPDX-License-Identifier: MIT
/* The files of /.promptfs and /models. Any thread. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "cache/base/clk.h"
#include "cache/base/json.h"
#include "cache/base/mem.h"
#include "cache/base/money.h"
#include "fs/mount/libfuse.h"
#include "fs/virtual/budget.h"
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
	if (r == 0)
		r = budget_add_money(fs, o);
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

static int64_t requests(const struct totals *t)
{
	return (int64_t)t->requests;
}

static int64_t failures(const struct totals *t)
{
	return (int64_t)t->failed;
}

static int64_t draws(const struct totals *t)
{
	return (int64_t)t->generated;
}

static int64_t generation_us(const struct totals *t)
{
	return (int64_t)t->duration_ms * 1000;
}

static int64_t spent_ud(const struct totals *t)
{
	return t->spent_ud;
}

static int64_t saved_ud(const struct totals *t)
{
	return t->saved_ud;
}

/* Counters by model. The format wants all lines of one metric together. */
static const struct prom_counter {
	const char *name, *help;
	int64_t (*get)(const struct totals *t);
	bool in_millionths;
} counters[] = {
	{"requests", "jobs that ended", requests, false},
	{"failures", "jobs that failed", failures, false},
	{"generated", "files made", draws, false},
	{"generation_seconds", "time it took to make them", generation_us, true},
	{"spent_usd", "US dollars charged", spent_ud, true},
	{"saved_usd", "US dollars that opens of stored files would have cost", saved_ud,
		true},
};

struct prom_print {
	struct buf *out;
	const struct prom_counter *counter;
};

static int prom_model(void *user, const char *model, const struct totals *t)
{
	const struct prom_print *p = user;
	int64_t value = p->counter->get(t);
	char text[MONEY_TEXT];

	if (p->counter->in_millionths)
		money_format(value, text);
	else
		snprintf(text, sizeof(text), "%" PRId64, value);
	return buf_addf(p->out, "promptfs_%s_total{model=\"%s\"} %s\n",
		p->counter->name, model, text);
}

static int prom_counters(struct promptfs *fs, struct buf *out)
{
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(counters) && r == 0; i++) {
		struct prom_print p = {.out = out, .counter = &counters[i]};

		r = buf_addf(out,
			"# HELP promptfs_%s_total %s\n"
			"# TYPE promptfs_%s_total counter\n",
			p.counter->name, p.counter->help, p.counter->name);
		if (r == 0)
			r = cache_totals_by_model(fs->cache, 1, prom_model, &p);
	}
	return r;
}

static int prom_gauge(
	struct buf *out, const char *name, const char *help, const cJSON *slots)
{
	return buf_addf(out,
		"# HELP promptfs_%s %s\n"
		"# TYPE promptfs_%s gauge\n"
		"promptfs_%s %" PRId64 "\n",
		name, help, name, name, json_int(slots, name, 0));
}

static int print_prom(struct promptfs *fs, struct buf *out)
{
	scoped_json cJSON *o = cJSON_CreateObject();
	const cJSON *slots;
	int r = o ? prom_counters(fs, out) : -ENOMEM;

	if (r == 0)
		r = engine_status(fs->engine, o);
	if (r < 0)
		return r;
	slots = cJSON_GetObjectItemCaseSensitive(o, "slots");
	r = prom_gauge(out, "active_requests", "jobs that run", slots);
	return r < 0 ? r : prom_gauge(out, "queue_size", "jobs that wait", slots);
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
