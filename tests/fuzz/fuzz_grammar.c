// SPDX-License-Identifier: MIT
/* A path of anybody's: whatever is found must have a canonical spelling that leads to
 * the same place. */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "cache/base/buf.h"
#include "cache/base/mem.h"
#include "fs/grammar/grammar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* The prompts that were listed by hash: here, the last one that was seen. */
static int by_hash(void *user, const char *hex16, struct prompt **ret)
{
	struct prompt *p = *(struct prompt **)user;
	char hex[DIGEST_HEX];

	if (!p)
		return -ENOENT;
	digest_hex(&p->id, hex);
	if (strncmp(hex, hex16, 16))
		return -ENOENT;
	*ret = prompt_ref(p);
	return 0;
}

static int by_input(void *user, const char *name, struct prompt **ret)
{
	return prompt_from_text(name, strlen(name), ret);
}

static void check_way_back(const struct grammar_env *env, const struct place *p)
{
	scoped(buf_finish) struct buf shown = {0};
	struct digest key, again;
	struct place back = {0};
	int r;

	*(struct prompt **)env->user = p->req.prompt;
	if (request_display(&p->req, &shown) < 0)
		return;
	r = grammar_walk(env, shown.data, &back);
	assert(r == 0);
	r = request_key(&p->req, "local", &key);
	assert(r == 0);
	r = request_key(&back.req, "local", &again);
	assert(r == 0);
	assert(!memcmp(&key, &again, sizeof(key)));
	place_finish(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct catalogue *catalogue;
	struct prompt *seen = NULL;
	struct grammar_env env = {
		.user = &seen, .prompt_by_hash = by_hash, .prompt_by_input = by_input};
	scoped_free char *path = strndup((const char *)data, len);
	struct place p = {0};
	int r;

	if (!path || (!catalogue && catalogue_new(&catalogue, NULL) < 0))
		return 0;
	env.catalogue = catalogue;
	r = grammar_walk(&env, path, &p);
	assert(r == 0 || r == -ENOENT || r == -EILSEQ || r == -ENAMETOOLONG);
	if (r < 0)
		return 0;
	if (p.kind == PLACE_PROMPT || p.kind == PLACE_MODEL || p.kind == PLACE_MEDIA)
		check_way_back(&env, &p);
	place_finish(&p);
	return 0;
}
