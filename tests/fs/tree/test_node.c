// SPDX-License-Identifier: MIT
#include "fs/tree/node.h"

#include "cache/base/mem.h"
#include "fs/tree/attr.h"
#include "tests/support/tap.h"

static struct nodes *make(void)
{
	struct place root = {.kind = PLACE_ROOT};
	struct nodes *t = NULL;

	CHECK_INT(nodes_new(&root, FUSE_ROOT_ID, &t), 0);
	return t;
}

static struct node *name(struct nodes *t, fuse_ino_t parent, const char *n, ino_t ino)
{
	struct place p = {.kind = PLACE_MODELS};

	return nodes_name(t, parent, n, &p, ino);
}

static struct node *file(struct nodes *t, int key, uint32_t draw, const char *n)
{
	struct place p = {.kind = PLACE_MEDIA};
	struct digest d = {{(uint8_t)key}};

	return nodes_file(t, &d, draw, false, 7, n, &p, 100);
}

static void same_name_is_one_node(void)
{
	struct nodes *t = make();
	struct node *a = name(t, 1, "x", 5), *b = name(t, 1, "x", 5);

	CHECK(a == b);
	CHECK(name(t, 2, "x", 5) != a);
	CHECK(name(t, 1, "y", 5) != a);
	CHECK_INT((int64_t)a->lookups, 2);
	nodes_free(t);
}

static void ids_are_never_reused(void)
{
	struct nodes *t = make();
	fuse_ino_t id = name(t, 1, "x", 5)->id;
	struct node *again;

	nodes_forget(t, id, 1);
	again = name(t, 1, "x", 5);
	CHECK(again->id != id);
	CHECK_INT((int64_t)again->lookups, 1);
	nodes_free(t);
}

static void changed_meaning_is_a_new_node(void)
{
	struct nodes *t = make();
	struct node *a = name(t, 1, "@note", 5);

	CHECK(name(t, 1, "@note", 6) != a);
	CHECK(node_get(t, a->id) == a); /* still held by the kernel */
	nodes_free(t);
}

static void spellings_share_the_file(void)
{
	struct nodes *t = make();
	struct node *a = file(t, 1, 0, "1.png"), *b = file(t, 1, 0, "one.png");
	struct node_alias *others;

	CHECK(a == b);
	CHECK(file(t, 1, 1, "1.png") != a);
	CHECK(file(t, 2, 0, "1.png") != a);
	others = nodes_aliases(t, a, 7, "1.png");
	CHECK(others && !others->next);
	CHECK_STR(others ? others->name : NULL, "one.png");
	node_aliases_free(others);
	nodes_free(t);
}

static void a_pin_outlives_the_kernel(void)
{
	struct nodes *t = make();
	struct node *a = file(t, 1, 0, "1.png");
	fuse_ino_t id = a->id;

	node_pin(t, a);
	nodes_forget(t, id, 1);
	CHECK(node_get(t, id) == a);
	node_unpin(t, a);
	CHECK(file(t, 1, 0, "1.png")->id != id); /* it is gone */
	nodes_free(t);
}

static void rename_replaces(void)
{
	struct nodes *t = make();
	struct node *a = name(t, 1, "a", 5), *b = name(t, 1, "b", 6);
	scoped_free char *gone = NULL, *now = NULL;

	CHECK_INT(nodes_rename(t, 1, "a", "b"), 0);
	now = node_name(t, a);
	gone = node_name(t, b);
	CHECK_STR(now, "b");
	CHECK(gone == NULL);
	CHECK(name(t, 1, "b", 5) == a);
	nodes_free(t);
}

static void many_nodes(void)
{
	struct nodes *t = make();
	char n[24];
	int wrong = 0;

	for (int i = 0; i < 20000; i++) {
		snprintf(n, sizeof(n), "%d", i);
		wrong += !name(t, 1, n, 5);
	}
	for (int i = 0; i < 20000; i++) {
		snprintf(n, sizeof(n), "%d", i);
		wrong += name(t, 1, n, 5)->lookups != 2;
	}
	CHECK_INT(wrong, 0);
	/* Numbered one by one: no name was ever made twice. */
	CHECK_INT((int64_t)name(t, 1, "new", 5)->id, FUSE_ROOT_ID + 20001);
	nodes_free(t);
}

static void inode_numbers(void)
{
	struct digest k = {{1, 2, 3}};

	CHECK(ino_of_file(&k, 0) == ino_of_file(&k, 0));
	CHECK(ino_of_file(&k, 0) != ino_of_file(&k, 1));
	CHECK(ino_of_child(5, "a", 1) != ino_of_child(6, "a", 1));
	CHECK(ino_of_child(5, "a", 1) > FUSE_ROOT_ID);
}

static void placeholders(void)
{
	struct request picture = {.tree = TREE_PROMPTS, .type = MEDIA_PNG};
	struct request film = {
		.tree = TREE_VIDEOS, .type = MEDIA_MP4, .seconds = 100000};

	CHECK_INT(placeholder_size(&picture), 64 << 20);
	CHECK(placeholder_size(&film) > (64 << 20));
	CHECK(placeholder_size(&film) < (INT64_C(2) << 30));
	film.seconds = 30;
	CHECK_INT(placeholder_size(&film), 158388608);
}

static struct node *spelling(struct nodes *t, fuse_ino_t parent, int i)
{
	struct place p = {.kind = PLACE_MEDIA};
	struct digest d = {{1}};
	char n[24];

	snprintf(n, sizeof(n), "%d.png", i);
	return nodes_file(t, &d, 0, false, parent, n, &p, 100);
}

static size_t names_of(struct nodes *t, struct node *n)
{
	struct node_alias *list = nodes_aliases(t, n, 0, "");
	size_t count = 0;

	for (struct node_alias *a = list; a; a = a->next)
		count++;
	node_aliases_free(list);
	return count;
}

static void endless_spellings(void)
{
	struct nodes *t = make();
	fuse_ino_t dir = name(t, 1, "dir", 5)->id;
	struct node *n = NULL;

	for (int i = 0; i < NODE_NAMES_MAX; i++)
		n = spelling(t, dir, i);
	CHECK_INT((int64_t)names_of(t, n), NODE_NAMES_MAX);
	CHECK(!n->has_more_names);
	nodes_forget(t, dir, 1); /* its names are gone with it, but the first */
	CHECK(spelling(t, 1, 0) == n);
	CHECK_INT((int64_t)names_of(t, n), 2);
	CHECK(!n->has_more_names);
	for (int i = 0; i < 1000; i++)
		spelling(t, 1, i);
	CHECK_INT((int64_t)names_of(t, n), NODE_NAMES_MAX);
	CHECK(n->has_more_names);
	nodes_free(t);
}

/* What ends a name early decides how long the kernel may keep it. */
static void timeouts(void)
{
	struct nodes *t = make();
	struct promptfs fs = {.nodes = t};
	struct place orig = {.kind = PLACE_SIDECAR, .sidecar = SIDECAR_ORIG};
	struct place old = {.kind = PLACE_HISTORY_FILE};
	struct digest key = {{9}};
	struct node *n[] = {file(t, 1, 0, "1.png"),
		nodes_name(t, 7, "1.png.orig", &orig, 8),
		nodes_file(t, &key, 0, true, 7, "1.png~1", &old, 9)};
	struct stat st;
	double timeout;

	for (size_t i = 0; i < ARRAY_SIZE(n); i++) {
		node_stored(t, n[i], 1000, 1, 0, 0);
		CHECK_INT(node_attr(&fs, n[i], &st, &timeout), 0);
		CHECK_INT(st.st_size, 1000);
		CHECK_INT((int64_t)timeout, i == 0 ? (int64_t)STORED_TIMEOUT : 0);
	}
	nodes_free(t);
}

TAP_MAIN(TAP_CASE(endless_spellings), TAP_CASE(timeouts),
	TAP_CASE(same_name_is_one_node), TAP_CASE(ids_are_never_reused),
	TAP_CASE(changed_meaning_is_a_new_node), TAP_CASE(spellings_share_the_file),
	TAP_CASE(a_pin_outlives_the_kernel), TAP_CASE(rename_replaces),
	TAP_CASE(many_nodes), TAP_CASE(inode_numbers), TAP_CASE(placeholders))
