// SPDX-License-Identifier: MIT
/* The rows: built in, merged with files of the user, found by name. */
#include "backend/model/catalogue.h"

#include <errno.h>
#include <string.h>

#include "backend/model/models.h"
#include "backend/model/model_row.h"
#include "cache/base/json.h"
#include "cache/base/mem.h"
#include "cache/base/str.h"

/* Rows are parsed again from `raw` after every merge; `raw` owns their strings. */
struct catalogue {
	cJSON *raw; /* {name: row} */
	struct model_row *rows;
	size_t n;
};

static void free_rows(struct model_row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		row_finish(&rows[i]);
	free(rows);
}

void catalogue_free(struct catalogue *c)
{
	if (!c)
		return;
	free_rows(c->rows, c->n);
	cJSON_Delete(c->raw);
	free(c);
}

static const struct model_row *find_in(
	const struct model_row *rows, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++) {
		if (!strcmp(rows[i].name, name))
			return &rows[i];
	}
	for (size_t i = 0; i < n; i++) {
		if (str_in(name, rows[i].aliases, rows[i].n_aliases))
			return &rows[i];
	}
	return NULL;
}

/* A name is a directory of the tree, next to auto, best, cheap and .prompt. */
static bool is_name(const char *s)
{
	static const char *const taken[] = {"auto", "best", "cheap"};
	static const char extra[] = "._@:+-";
	size_t n = s ? strlen(s) : 0;

	if (n == 0 || n > REQUEST_MODEL_MAX || s[0] == '.' || s[0] == '@' ||
		str_in(s, taken, ARRAY_SIZE(taken)))
		return false;
	for (; *s; s++) {
		bool alnum = (*s >= '0' && *s <= '9') || (*s >= 'a' && *s <= 'z') ||
			     (*s >= 'A' && *s <= 'Z');

		if (!alnum && !strchr(extra, *s))
			return false;
	}
	return true;
}

static int check_names(
	const struct row_parser *p, const struct model_row *rows, size_t n, size_t at)
{
	const struct model_row *row = &rows[at];

	if (!is_name(row->name))
		return row_fail(p, "the name cannot be a directory");
	for (size_t i = 0; i < row->n_aliases; i++) {
		if (!is_name(row->aliases[i]))
			return row_fail(p, "the alias \"%s\" cannot be a directory",
				row->aliases[i]);
		if (find_in(rows, n, row->aliases[i]) != row)
			return row_fail(p, "the alias \"%s\" is another model's",
				row->aliases[i]);
	}
	return 0;
}

static int check_links(
	const struct row_parser *p, const struct model_row *rows, size_t n, size_t at)
{
	const struct model_row *row = &rows[at];

	for (size_t i = 0; i < row->n_successors; i++) {
		const struct model_row *to = find_in(rows, n, row->successors[i]);

		if (!to || to == row)
			return row_fail(p, "its successor \"%s\" is no other model",
				row->successors[i]);
	}
	if (row->fallback) {
		const struct model_row *to = find_in(rows, n, row->fallback);

		if (!to || to == row)
			return row_fail(p, "its fallback \"%s\" is no other model",
				row->fallback);
	}
	return 0;
}

static int parse_rows(
	const cJSON *raw, const char *origin, struct catalogue *c, struct err *err)
{
	size_t n = (size_t)cJSON_GetArraySize(raw), at = 0;
	struct model_row *rows = new_array(struct model_row, n + 1);
	struct row_parser p = {.origin = origin, .err = err};
	const cJSON *e;
	int r = rows ? 0 : err_oom(err);

	if (r == 0 && n > CATALOGUE_ROWS_MAX)
		r = err_set(err, EINVAL, "%s: more than %d models", origin,
			CATALOGUE_ROWS_MAX);
	if (r < 0)
		goto fail;
	cJSON_ArrayForEach(e, raw)
	{
		p.name = e->string;
		r = row_parse(&p, e, &rows[at]);
		if (r < 0)
			goto fail;
		at++;
	}
	for (size_t i = 0; i < n && r == 0; i++) {
		p.name = rows[i].name;
		r = check_names(&p, rows, n, i);
		if (r == 0)
			r = check_links(&p, rows, n, i);
	}
	if (r < 0)
		goto fail;
	free_rows(c->rows, c->n);
	c->rows = rows;
	c->n = n;
	return 0;
fail:
	free_rows(rows, at);
	return r;
}

/* A price that a file of the user gives is that file's, not the provider's. */
static bool own_price(cJSON *row, const cJSON *given, const char *origin)
{
	if (!cJSON_GetObjectItemCaseSensitive(given, "price") ||
		cJSON_GetObjectItemCaseSensitive(given, "source"))
		return true;
	cJSON_DeleteItemFromObjectCaseSensitive(row, "source");
	if (!cJSON_GetObjectItemCaseSensitive(given, "as_of"))
		cJSON_DeleteItemFromObjectCaseSensitive(row, "as_of");
	return cJSON_AddStringToObject(row, "source", origin) != NULL;
}

/* null takes a member away. */
static bool put(cJSON *object, const char *name, const cJSON *value)
{
	cJSON *copy;
	bool ok;

	if (cJSON_IsNull(value)) {
		cJSON_DeleteItemFromObjectCaseSensitive(object, name);
		return true;
	}
	copy = cJSON_Duplicate(value, true);
	if (!copy)
		return false;
	if (cJSON_GetObjectItemCaseSensitive(object, name))
		ok = cJSON_ReplaceItemInObjectCaseSensitive(object, name, copy);
	else
		ok = cJSON_AddItemToObject(object, name, copy);
	if (!ok)
		cJSON_Delete(copy);
	return ok;
}

static int overlay_row(
	cJSON *raw, const cJSON *given, const char *origin, struct err *err)
{
	cJSON *row = cJSON_GetObjectItemCaseSensitive(raw, given->string);
	const cJSON *m;

	if (!cJSON_IsObject(given))
		return err_set(err, EINVAL, "%s: model \"%s\": not an object", origin,
			given->string);
	for (m = given->child; m; m = m->next) {
		for (const cJSON *d = m->next; d; d = d->next) {
			if (!strcmp(d->string, m->string))
				return err_set(err, EINVAL,
					"%s: model \"%s\": \"%s\" stands there twice",
					origin, given->string, m->string);
		}
	}
	if (!row)
		row = cJSON_AddObjectToObject(raw, given->string);
	if (!row)
		return err_oom(err);
	cJSON_ArrayForEach(m, given)
	{
		if (!put(row, m->string, m))
			return err_oom(err);
	}
	return own_price(row, given, origin) ? 0 : err_oom(err);
}

static int overlay(cJSON *raw, const cJSON *doc, const char *origin, struct err *err)
{
	const cJSON *models = cJSON_GetObjectItemCaseSensitive(doc, "models"), *e;

	if (!cJSON_IsObject(doc) || !cJSON_IsObject(models) || doc->child->next)
		return err_set(err, EINVAL, "%s: not {\"models\":{...}}", origin);
	cJSON_ArrayForEach(e, models)
	{
		int r = overlay_row(raw, e, origin, err);

		if (r < 0)
			return r;
	}
	return 0;
}

int catalogue_merge(struct catalogue *c, const char *origin, const char *json,
	size_t len, struct err *err)
{
	scoped_json cJSON *doc = json_parse(json, len, err);
	scoped_json cJSON *raw = NULL;
	cJSON *old;
	int r;

	if (!doc)
		return err_wrap(err, -EINVAL, "%s", origin);
	raw = c->raw ? cJSON_Duplicate(c->raw, true) : cJSON_CreateObject();
	if (!raw)
		return err_oom(err);
	r = overlay(raw, doc, origin, err);
	if (r == 0)
		r = parse_rows(raw, origin, c, err);
	if (r < 0)
		return r;
	old = c->raw;
	c->raw = steal_ptr(raw);
	cJSON_Delete(old);
	return 0;
}

int catalogue_merge_file(struct catalogue *c, const char *path, struct err *err)
{
	scoped(buf_finish) struct buf b = {0};
	int r = buf_read_file(&b, path, CATALOGUE_FILE_MAX, err);

	return r < 0 ? r : catalogue_merge(c, path, b.data ? b.data : "", b.len, err);
}

int catalogue_new(struct catalogue **ret, struct err *err)
{
	struct catalogue *c = new0(struct catalogue);
	int r;

	if (!c)
		return err_oom(err);
	r = catalogue_merge(c, "built-in models", models_json, models_json_len, err);
	if (r < 0) {
		catalogue_free(c);
		return r;
	}
	*ret = c;
	return 0;
}

const struct model_row *catalogue_find(const struct catalogue *c, const char *name)
{
	return find_in(c->rows, c->n, name);
}

size_t catalogue_count(const struct catalogue *c)
{
	return c->n;
}

const struct model_row *catalogue_at(const struct catalogue *c, size_t i)
{
	return i < c->n ? &c->rows[i] : NULL;
}

int catalogue_row_json(
	const struct catalogue *c, const struct model_row *row, struct buf *ret)
{
	scoped_json cJSON *out = cJSON_CreateObject();
	const cJSON *raw = cJSON_GetObjectItemCaseSensitive(c->raw, row->name), *m;

	if (!out || !cJSON_AddStringToObject(out, "name", row->name))
		return -ENOMEM;
	cJSON_ArrayForEach(m, raw)
	{
		if (!put(out, m->string, m))
			return -ENOMEM;
	}
	return json_print(ret, out);
}
