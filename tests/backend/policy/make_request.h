// SPDX-License-Identifier: MIT
#pragma once
/* Requests from short descriptions. */
#include <stdlib.h>
#include <string.h>

#include "backend/model/catalogue.h"
#include "backend/request/request.h"
#include "tests/support/tap.h"

static inline struct catalogue *test_catalogue(void)
{
	struct catalogue *c = NULL;
	struct err err = {0};

	if (catalogue_new(&c, &err) < 0) {
		printf("# %s\n", err.why);
		exit(1);
	}
	return c;
}

/* "1.png", "30s.mp4", "1.txt" with "key=value key=value". */
static inline void test_request(
	struct request *r, const char *prompt, const char *file, const char *options)
{
	char words[256], *save = NULL;

	*r = (struct request){.take = 1, .type = MEDIA_PNG};
	CHECK_INT(prompt_from_text(prompt, strlen(prompt), &r->prompt), 0);
	if (strstr(file, ".mp4")) {
		r->tree = TREE_VIDEOS;
		r->type = MEDIA_MP4;
		r->seconds = (uint32_t)strtoul(file, NULL, 10);
	} else {
		r->take = (uint16_t)strtoul(file, NULL, 10);
		r->type = strstr(file, ".txt") ? MEDIA_TEXT : MEDIA_PNG;
	}
	snprintf(words, sizeof(words), "%s", options ? options : "");
	for (char *w = strtok_r(words, " ", &save); w; w = strtok_r(NULL, " ", &save)) {
		char *equals = strchr(w, '=');
		enum option_id id = option_find(w, (size_t)(equals - w));

		r->opt[id] = strdup(equals + 1);
	}
}
