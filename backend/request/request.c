// SPDX-License-Identifier: MIT
/* The request itself, its components, its path and its keys. */
#include "backend/request/request.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backend/request/spell.h"
#include "cache/base/mem.h"
#include "cache/base/str.h"

void request_finish(struct request *r)
{
	if (!r)
		return;
	prompt_unref(r->prompt);
	for (int i = 0; i < OPT_COUNT_; i++)
		free(r->opt[i]);
	*r = (struct request){0};
}

int request_copy(struct request *ret, const struct request *r)
{
	struct request c = *r;
	bool failed = false;

	c.prompt = prompt_ref(r->prompt);
	for (int i = 0; i < OPT_COUNT_; i++) {
		c.opt[i] = r->opt[i] ? strdup(r->opt[i]) : NULL;
		failed |= r->opt[i] && !c.opt[i];
	}
	if (failed) {
		request_finish(&c);
		return -ENOMEM;
	}
	*ret = c;
	return 0;
}

bool request_is_file(const struct request *r)
{
	return r->prompt && r->model[0] && r->type != MEDIA_NONE && r->take > 0;
}

uint32_t request_job_takes(const struct request *r)
{
	uint64_t n = 0;

	if (!r->opt[OPT_COUNT] ||
		str_parse_u64(r->opt[OPT_COUNT], REQUEST_TAKE_MAX, &n) < 0 || n == 0)
		return 1;
	return (uint32_t)n;
}

int request_file_name(const struct request *r, struct buf *ret)
{
	const char *ext = media_ext(r->type);

	if (!media_traits(r->type)->is_timed)
		return buf_addf(ret, "%u.%s", r->take, ext);
	if (r->take == 1)
		return buf_addf(ret, "%us.%s", r->seconds, ext);
	return buf_addf(ret, "%us-%u.%s", r->seconds, r->take, ext);
}

void components_finish(struct components *c)
{
	for (uint32_t i = 0; i < c->n; i++)
		free(c->name[i]);
	*c = (struct components){0};
}

static int add_component(struct components *c, struct buf *b)
{
	char *name = buf_detach(b);

	if (!name)
		return -ENOMEM;
	c->name[c->n++] = name;
	return 0;
}

static int spell_option(const struct request *r, enum option_id id, struct buf *ret)
{
	int e = buf_addf(ret, "%s=", option_name(id));

	return e < 0 ? e : spell_encode(ret, r->opt[id], strlen(r->opt[id]), false);
}

static int add_options(const struct request *r, struct components *c, struct buf *b)
{
	int e = 0;

	for (enum option_id id = 0; id < OPT_COUNT_ && e == 0; id++) {
		if (!r->opt[id])
			continue;
		e = spell_option(r, id, b);
		if (e == 0)
			e = add_component(c, b);
	}
	return e;
}

static int build(const struct request *r, struct components *c, struct buf *b)
{
	int e = buf_adds(b, media_tree_name(r->tree));

	if (e == 0)
		e = add_component(c, b);
	if (e == 0 && r->prompt) {
		e = prompt_spelling(r->prompt, b);
		if (e == 0)
			e = add_component(c, b);
	}
	if (e == 0 && r->model[0]) {
		e = buf_adds(b, r->model);
		if (e == 0)
			e = add_component(c, b);
		if (e == 0)
			e = add_options(r, c, b);
	}
	if (e == 0 && request_is_file(r)) {
		e = request_file_name(r, b);
		if (e == 0)
			e = add_component(c, b);
	}
	return e;
}

int request_components(const struct request *r, struct components *ret)
{
	scoped(buf_finish) struct buf b = {0};
	struct components c = {0};
	int e = build(r, &c, &b);

	if (e < 0) {
		components_finish(&c);
		return e;
	}
	*ret = c;
	return 0;
}

/* The components joined; the second one is the hash where the identity is wanted, and
 * the last one `file` if that is not NULL. */
static int join(
	const struct request *r, bool identity, const char *file, struct buf *ret)
{
	scoped(components_finish) struct components c = {0};
	char hex[DIGEST_HEX];
	int e = request_components(r, &c);

	for (uint32_t i = 0; i < c.n && e == 0; i++) {
		const char *name = c.name[i];

		if (identity && i == 1) {
			digest_hex(&r->prompt->id, hex);
			name = hex;
		}
		if (file && i == c.n - 1)
			name = file;
		if (i > 0 || !identity)
			e = buf_addc(ret, '/');
		if (e == 0)
			e = buf_adds(ret, name);
	}
	return e;
}

int request_path(const struct request *r, struct buf *ret)
{
	return join(r, true, NULL, ret);
}

int request_display(const struct request *r, struct buf *ret)
{
	return join(r, false, NULL, ret);
}

static void key_of(const char *ns, const struct buf *path, struct digest *ret)
{
	digest_of_strings(ret, ns, path->data, NULL);
}

int request_key(const struct request *r, const char *ns, struct digest *ret)
{
	scoped(buf_finish) struct buf path = {0};
	int e = request_path(r, &path);

	if (e == 0)
		key_of(ns, &path, ret);
	return e;
}

int request_job_key(const struct request *r, const char *ns, struct digest *ret)
{
	scoped(buf_finish) struct buf path = {0}, file = {0};
	int e;

	if (!request_is_file(r) || request_job_takes(r) == 1)
		return request_key(r, ns, ret);
	e = media_traits(r->type)->is_timed ? buf_addf(&file, "%us-*", r->seconds)
					    : buf_adds(&file, "*");
	if (e == 0)
		e = buf_addf(&file, ".%s", media_ext(r->type));
	if (e == 0)
		e = join(r, true, file.data, &path);
	if (e == 0)
		key_of(ns, &path, ret);
	return e;
}
