// SPDX-License-Identifier: MIT
#pragma once
/* A medium that exists in tests only: it has seconds and no pixels, a tree of its own
 * and a kind of model of its own. media_table.c beside this file has its rows. */
#include <stdlib.h>

#include "backend/model/catalogue.h"
#include "cache/base/media_type.h"

#define MEDIA_SAMPLE ((enum media_type)200) /* far from what is stored today */
#define MODEL_SAMPLE ((enum model_kind)(MODEL_TEXT + 1))
#define TREE_TESTS ((enum request_tree)(TREE_VIDEOS + 1))

/* No wire protocol makes samples, so a row that was read as a video's becomes one. */
static inline const struct model_row *sample_row(const struct catalogue *c)
{
	struct model_row *row = (struct model_row *)catalogue_find(c, "veo-1.5");

	row->kind = MODEL_SAMPLE;
	return row;
}
