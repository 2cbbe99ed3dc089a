// SPDX-License-Identifier: MIT
#pragma once
/* Remotes and requests for them; rows as a user would write them. */
#include "backend/provider/remote.h"

#include "tests/backend/provider/wire_case.h"

#define R "/publishers/google/models/"
#define OP "projects/p/locations/europe-west4" R "veo-2.0-generate-001/operations/12-ab"

static inline struct remote *test_remote(struct remote_config c)
{
	struct remote *r = NULL;
	struct err err = {0};

	if (remote_new(&c, &r, &err) < 0) {
		printf("# %s\n", err.why);
		exit(1);
	}
	return r;
}

static inline struct remote *test_vertex(void)
{
	return test_remote(
		(struct remote_config){.backend = BACKEND_VERTEX, .project = "p"});
}

static inline struct remote *test_remote_of(enum backend_id backend)
{
	return backend == BACKEND_VERTEX
		       ? test_vertex()
		       : test_remote((struct remote_config){.backend = backend});
}

/* Rows as a user would write them for a server of his own. */
static const char user_rows[] =
	"{\"models\":{"
	"\"sd\":{\"kind\":\"picture\",\"protocol\":\"openai-image\","
	"\"wire\":{\"openai\":\"sd-v1-5\"},\"price\":0,"
	"\"options\":{\"count\":{\"min\":1,\"max\":4},\"negative\":true,"
	"\"image\":{\"min\":0,\"max\":1}}},"
	"\"dear\":{\"kind\":\"picture\",\"protocol\":\"openai-image\","
	"\"wire\":{\"openai\":\"dear\"},\"price\":{\"image\":0.04}},"
	"\"llama\":{\"kind\":\"text\",\"protocol\":\"openai-chat\","
	"\"wire\":{\"openai\":\"llama\"},\"price\":0},"
	"\"odd\":{\"kind\":\"picture\",\"protocol\":\"imagen\","
	"\"wire\":{\"openai\":\"odd\"},\"price\":0},"
	"\"lonely\":{\"kind\":\"picture\",\"protocol\":\"imagen\","
	"\"wire\":{\"vertex\":\"lonely\"},\"price\":0}}}";

static inline void add_user_rows(struct wire_fixture *f, const char *model)
{
	struct err err = {0};

	if (catalogue_merge(f->catalogue, "mine", user_rows, strlen(user_rows), &err) <
		0) {
		printf("# %s\n", err.why);
		exit(1);
	}
	f->job.row = catalogue_find(f->catalogue, model);
}

static inline void remote_fixture(struct wire_fixture *f, const char *model,
	const char *file, const char *options)
{
	wire_fixture(f, "imagen-3", file, options, false);
	add_user_rows(f, model);
	if (!f->job.row) {
		printf("# no model %s\n", model);
		exit(1);
	}
	f->job.n_takes = 1;
}
