// SPDX-License-Identifier: MIT
/* From a place and a name to the place below: see grammar.h. */
#include "fs/grammar/grammar.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cache/base/mem.h"
#include "cache/base/str.h"
#include "fs/grammar/grammar_file.h"

#define NAME_MAX_LOOKUP 4095 /* bytes, the kernel's limit of a path */
#define NAME_MAX_INPUT 255
#define HASH_DIGITS 16

static const char *const control_files[CONTROL_FILES_] = {
	[CONTROL_STATUS] = "status.json",
	[CONTROL_METRICS] = "metrics.json",
	[CONTROL_CONFIG] = "config.json",
	[CONTROL_VERSION] = "version.json",
	[CONTROL_PROM] = "metrics.prom",
	[CONTROL_ERRORS] = "errors.log",
};

const char *control_file_name(enum control_file f)
{
	return (unsigned)f < CONTROL_FILES_ ? control_files[f] : NULL;
}

void place_finish(struct place *p)
{
	if (!p)
		return;
	request_finish(&p->req);
	free(p->name);
	*p = (struct place){0};
}

int place_copy(struct place *ret, const struct place *p)
{
	struct place c = *p;
	int r = request_copy(&c.req, &p->req);

	if (r < 0)
		return r;
	c.name = p->name ? strdup(p->name) : NULL;
	if (p->name && !c.name) {
		request_finish(&c.req);
		return -ENOMEM;
	}
	*ret = c;
	return 0;
}

bool place_is_dir(const struct place *p)
{
	switch (p->kind) {
	case PLACE_ROOT:
	case PLACE_TREE:
	case PLACE_PROMPT:
	case PLACE_MODEL:
	case PLACE_SELECT:
	case PLACE_HISTORY:
	case PLACE_INPUTS:
	case PLACE_MODELS:
	case PLACE_CONTROL:
		return true;
	default:
		return false;
	}
}

bool place_is_link(const struct place *p)
{
	return p->kind == PLACE_BEST || p->kind == PLACE_SELECT_LINK;
}

/* One step: `to` starts as a copy of `from` and becomes what the name means. */
struct step {
	const struct grammar_env *env;
	const struct place *from;
	const char *name; /* NUL-terminated copy */
	size_t len;
	bool may_appear; /* -ENOENT today, perhaps not tomorrow */
};

static int step_root(struct step *s, struct place *to)
{
	static const struct {
		const char *name;
		enum place_kind kind;
	} names[] = {
		{"README.txt", PLACE_README},
		{"inputs", PLACE_INPUTS},
		{"models", PLACE_MODELS},
		{".promptfs", PLACE_CONTROL},
	};

	if (media_tree_find(s->name, &to->req.tree) == 0) {
		to->kind = PLACE_TREE;
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (!strcmp(names[i].name, s->name)) {
			to->kind = names[i].kind;
			return 0;
		}
	}
	return -ENOENT;
}

/* Lower case in ret; false unless exactly 16 hex digits. */
static bool is_hash(const char *s, size_t len, char ret[static HASH_DIGITS + 1])
{
	if (len != HASH_DIGITS)
		return false;
	for (size_t i = 0; i < len; i++) {
		char c = s[i];

		if (c >= 'A' && c <= 'F')
			c = (char)(c + 32);
		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
			return false;
		ret[i] = c;
	}
	ret[len] = '\0';
	return true;
}

bool grammar_input_is_refused(const char *name)
{
	char hash[HASH_DIGITS + 1];
	size_t n = strlen(name);

	if (n > 4 && str_ends(name, ".txt"))
		n -= 4;
	return is_hash(name, n, hash);
}

/* "@name" and "@hash". */
static int prompt_by_reference(struct step *s, struct prompt **ret)
{
	char hash[HASH_DIGITS + 1];

	s->may_appear = true;
	if (is_hash(s->name + 1, s->len - 1, hash))
		return s->env->prompt_by_hash
			       ? s->env->prompt_by_hash(s->env->user, hash, ret)
			       : -ENOENT;
	if (s->len == 1 || s->len - 1 > NAME_MAX_INPUT || !s->env->prompt_by_input)
		return -ENOENT;
	return s->env->prompt_by_input(s->env->user, s->name + 1, ret);
}

static int step_tree(struct step *s, struct place *to)
{
	int r;

	if (prompt_name_is_reserved(s->name, s->len))
		return -ENOENT;
	r = s->name[0] == '@' ? prompt_by_reference(s, &to->req.prompt)
			      : prompt_from_name(s->name, s->len, &to->req.prompt);
	if (r == 0)
		to->kind = PLACE_PROMPT;
	return r;
}

static int step_prompt(struct step *s, struct place *to)
{
	const struct model_row *row;

	if (!strcmp(s->name, ".prompt")) {
		to->kind = PLACE_PROMPT_TEXT;
		return 0;
	}
	to->selector = selector_find(s->name, s->len);
	if (to->selector != SELECT_NONE) {
		to->kind = PLACE_SELECT;
		return 0;
	}
	row = catalogue_find(s->env->catalogue, s->name);
	if (!row || !row_makes(row, to->req.tree, MEDIA_NONE))
		return -ENOENT;
	memcpy(to->req.model, row->name, strlen(row->name) + 1);
	to->kind = PLACE_MODEL;
	return 0;
}

/* Below auto, best and cheap: what any model of this tree takes. */
static bool is_taken(const struct step *s, enum option_id id)
{
	const struct catalogue *c = s->env->catalogue;
	const struct request *req = &s->from->req;
	const struct model_row *row;

	if (req->model[0]) {
		row = catalogue_find(c, req->model);
		return row && row->option[id].is_taken;
	}
	for (size_t i = 0; i < catalogue_count(c); i++) {
		row = catalogue_at(c, i);
		if (row_makes(row, req->tree, MEDIA_NONE) && row->option[id].is_taken)
			return true;
	}
	return false;
}

static int step_option(struct step *s, const char *equals, struct place *to)
{
	size_t n = (size_t)(equals - s->name);
	enum option_id id = option_find(s->name, n);

	if (id == OPT_COUNT_ || to->req.opt[id] || !is_taken(s, id))
		return -ENOENT;
	return option_canonical(id, equals + 1, s->len - n - 1, &to->req.opt[id]);
}

/* Is this a file that the model, or with a selector some model, makes here? */
static bool fits_model(const struct step *s, const struct file_name *f)
{
	const struct request *req = &s->from->req;
	const struct model_row *row;

	if (!media_tree_holds(req->tree, f->type))
		return false;
	if (f->take > REQUEST_TAKE_MAX ||
		(req->opt[OPT_COUNT] && f->take > request_job_takes(req)))
		return false;
	if (!req->model[0])
		return true;
	row = catalogue_find(s->env->catalogue, req->model);
	return row && row_makes(row, req->tree, f->type);
}

static void set_file(struct place *to, const struct file_name *f)
{
	to->req.type = f->type;
	to->req.take = f->take;
	to->req.seconds = f->seconds;
}

static int step_best(struct step *s, struct place *to)
{
	struct file_name f = {.type = file_type_of_best(s->name), .take = 1};

	if (s->from->kind != PLACE_MODEL || f.type == MEDIA_NONE || !fits_model(s, &f))
		return -ENOENT;
	to->kind = PLACE_BEST;
	to->best = f.type;
	return 0;
}

static int step_model(struct step *s, struct place *to)
{
	const char *equals = memchr(s->name, '=', s->len);
	struct file_name f;

	if (equals)
		return step_option(s, equals, to);
	if (!strcmp(s->name, ".history") && s->from->kind == PLACE_MODEL) {
		to->kind = PLACE_HISTORY;
		return 0;
	}
	if (!file_name_parse(s->name, &f) || f.history)
		return step_best(s, to);
	if (!fits_model(s, &f))
		return -ENOENT;
	set_file(to, &f);
	to->sidecar = f.sidecar;
	to->kind = s->from->kind == PLACE_SELECT ? PLACE_SELECT_LINK
		   : f.sidecar                   ? PLACE_SIDECAR
						 : PLACE_MEDIA;
	return 0;
}

static int step_history(struct step *s, struct place *to)
{
	struct file_name f;

	if (!file_name_parse(s->name, &f) || !f.history || !fits_model(s, &f))
		return -ENOENT;
	set_file(to, &f);
	to->history = f.history;
	to->kind = PLACE_HISTORY_FILE;
	s->may_appear = true;
	return 0;
}

static int keep_name(struct place *to, const char *name, size_t len)
{
	to->name = strndup(name, len);
	return to->name ? 0 : -ENOMEM;
}

static int step_inputs(struct step *s, struct place *to)
{
	size_t count;
	int r = str_utf8_count(s->name, s->len, &count);

	if (r < 0)
		return r;
	if (s->len > NAME_MAX_INPUT)
		return -ENAMETOOLONG;
	if (grammar_input_is_refused(s->name))
		return -ENOENT;
	to->kind = PLACE_INPUT;
	return keep_name(to, s->name, s->len);
}

static int step_models(struct step *s, struct place *to)
{
	static const char ext[] = ".json";
	char name[REQUEST_MODEL_MAX + 1];
	size_t n = s->len - (sizeof(ext) - 1);
	const struct model_row *row;

	if (!str_ends(s->name, ext) || n == 0 || n > REQUEST_MODEL_MAX)
		return -ENOENT;
	memcpy(name, s->name, n);
	name[n] = '\0';
	row = catalogue_find(s->env->catalogue, name);
	if (!row)
		return -ENOENT;
	to->kind = PLACE_MODEL_JSON;
	return keep_name(to, row->name, strlen(row->name));
}

static int step_control(struct step *s, struct place *to)
{
	for (int i = 0; i < CONTROL_FILES_; i++) {
		if (!strcmp(control_files[i], s->name)) {
			to->kind = PLACE_CONTROL_FILE;
			to->control = (enum control_file)i;
			return 0;
		}
	}
	return -ENOENT;
}

/* Every directory has .cost and .quality. */
static bool step_report(struct step *s, struct place *to)
{
	bool cost = !strcmp(s->name, ".cost");

	if (!cost && strcmp(s->name, ".quality"))
		return false;
	to->dir = s->from->kind;
	to->kind = cost ? PLACE_DIR_COST : PLACE_DIR_QUALITY;
	return true;
}

static int step(struct step *s, struct place *to)
{
	if (!place_is_dir(s->from))
		return -ENOENT;
	if (step_report(s, to))
		return 0;
	switch (s->from->kind) {
	case PLACE_ROOT:
		return step_root(s, to);
	case PLACE_TREE:
		return step_tree(s, to);
	case PLACE_PROMPT:
		return step_prompt(s, to);
	case PLACE_MODEL:
	case PLACE_SELECT:
		return step_model(s, to);
	case PLACE_HISTORY:
		return step_history(s, to);
	case PLACE_INPUTS:
		return step_inputs(s, to);
	case PLACE_MODELS:
		return step_models(s, to);
	default:
		return step_control(s, to);
	}
}

int grammar_step(const struct grammar_env *env, const struct place *parent,
	const char *name, size_t len, struct place *ret, bool *ret_never)
{
	struct step s = {.env = env, .from = parent, .len = len};
	struct place to = {0};
	scoped_free char *copy = NULL;
	int r;

	*ret_never = false;
	if (len > NAME_MAX_LOOKUP)
		return -ENAMETOOLONG;
	if (memchr(name, 0, len))
		return -EILSEQ;
	copy = strndup(name, len);
	if (!copy)
		return -ENOMEM;
	s.name = copy;
	r = place_copy(&to, parent);
	if (r < 0)
		return r;
	r = step(&s, &to);
	if (r < 0) {
		place_finish(&to);
		*ret_never = r == -ENOENT && !s.may_appear;
		return r;
	}
	*ret = to;
	return 0;
}

int grammar_walk(const struct grammar_env *env, const char *path, struct place *ret)
{
	struct place at = {.kind = PLACE_ROOT};

	for (;;) {
		struct place next;
		bool never;
		size_t n;
		int r;

		path += strspn(path, "/");
		n = strcspn(path, "/");
		if (n == 0) {
			*ret = at;
			return 0;
		}
		r = grammar_step(env, &at, path, n, &next, &never);
		place_finish(&at);
		if (r < 0)
			return r;
		at = next;
		path += n;
	}
}
