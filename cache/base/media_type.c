// SPDX-License-Identifier: MIT
/* Looking rows up. */
#include "cache/base/media_type.h"

#include <errno.h>
#include <string.h>

bool media_is_known(enum media_type type)
{
	return (size_t)type < media_table_n && media_table[type].ext;
}

const struct media_traits *media_traits(enum media_type type)
{
	return &media_table[media_is_known(type) ? type : MEDIA_NONE];
}

const char *media_ext(enum media_type type)
{
	return media_traits(type)->ext;
}

const char *media_mime(enum media_type type)
{
	return media_traits(type)->mime;
}

enum media_type media_find(const char *ext)
{
	enum media_type type = MEDIA_NONE;

	for (size_t i = 1; i < media_table_n; i++) {
		if (media_table[i].ext && !strcmp(media_table[i].ext, ext))
			type = (enum media_type)i;
	}
	return type;
}

static bool begins_with(const char *data, size_t len, const char *first)
{
	for (; *first && len; first++, data++, len--) {
		if (*first != '.' && *first != *data)
			return false;
	}
	return !*first;
}

enum media_type media_sniff(const void *data, size_t len)
{
	for (size_t i = 1; i < media_table_n; i++) {
		const char *first = media_table[i].first;

		if (first && begins_with(data, len, first))
			return (enum media_type)i;
	}
	return MEDIA_NONE;
}

bool media_is_made_by(enum media_type type, enum model_kind kind)
{
	return media_traits(type)->made_by & MADE_BY(kind);
}

const struct media_traits *kind_traits(enum model_kind kind)
{
	size_t i = 1;

	while (i < media_table_n && !(media_table[i].made_by & MADE_BY(kind)))
		i++;
	return media_traits((enum media_type)i);
}

const char *media_tree_name(enum request_tree tree)
{
	return tree_table[tree];
}

int media_tree_find(const char *name, enum request_tree *ret)
{
	for (size_t i = 0; i < tree_table_n; i++) {
		if (!strcmp(tree_table[i], name)) {
			*ret = (enum request_tree)i;
			return 0;
		}
	}
	return -ENOENT;
}

bool media_tree_holds(enum request_tree tree, enum media_type type)
{
	for (size_t i = 0; i < kind_table_n; i++) {
		if (kind_table[i].tree == tree &&
			media_is_made_by(type, (enum model_kind)i))
			return true;
	}
	return false;
}
