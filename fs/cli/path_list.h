// SPDX-License-Identifier: MIT
#pragma once
/* The files that a command line names, all of one store. One thread. */
#include <stddef.h>

#include "cache/base/err.h"

struct path_list {
	char **given; /* as the user wrote it; owned */
	char **tree;  /* from the root of the tree; owned */
	size_t n, cap;
	char *mountpoint; /* NULL: the store that the options name */
};

/* From the arguments; "-" reads one a line from stdin. */
int path_list_read(struct path_list *l, char **args, size_t n, struct err *err);
void path_list_finish(struct path_list *l);
