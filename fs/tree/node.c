// SPDX-License-Identifier: MIT
/* The node table and its two indexes, by id and by what a node stands for. Any thread,
 * under one mutex; see node.h. */
#include "fs/tree/node.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "cache/base/mem.h"

struct nodes {
	pthread_mutex_t mutex;
	struct node **by_id, **by_ident; /* chained, `buckets` each, a power of two */
	size_t buckets, count;
	fuse_ino_t next;
};

static size_t mix(uint64_t h)
{
	h ^= h >> 33;
	h *= UINT64_C(0xff51afd7ed558ccd);
	h ^= h >> 33;
	return (size_t)h;
}

static size_t hash_name(fuse_ino_t parent, const char *name)
{
	uint64_t h = UINT64_C(1469598103934665603) ^ parent;

	for (; *name; name++)
		h = (h ^ (unsigned char)*name) * UINT64_C(1099511628211);
	return mix(h);
}

static size_t hash_key(const struct digest *key, uint32_t draw)
{
	return mix(digest_u64(key) + draw);
}

static size_t ident_of(const struct node *n)
{
	return n->by_key ? hash_key(&n->key, n->draw)
			 : hash_name(n->alias.parent, n->alias.name);
}

static void insert_ident(struct nodes *t, struct node *n)
{
	struct node **p = &t->by_ident[ident_of(n) & (t->buckets - 1)];

	n->next_ident = *p;
	*p = n;
}

static void insert(struct nodes *t, struct node *n)
{
	struct node **p = &t->by_id[mix(n->id) & (t->buckets - 1)];

	n->next_id = *p;
	*p = n;
	insert_ident(t, n);
}

static void unlink_ident(struct nodes *t, struct node *n)
{
	struct node **p = &t->by_ident[ident_of(n) & (t->buckets - 1)];

	while (*p && *p != n)
		p = &(*p)->next_ident;
	if (*p)
		*p = n->next_ident;
}

static void unlink_id(struct nodes *t, struct node *n)
{
	struct node **p = &t->by_id[mix(n->id) & (t->buckets - 1)];

	while (*p != n)
		p = &(*p)->next_id;
	*p = n->next_id;
}

/* Failing to grow only makes the chains longer. */
static void grow(struct nodes *t)
{
	size_t old = t->buckets;
	struct node **all = t->by_id;
	struct node **by_id = new_array(struct node *, old * 2);
	struct node **by_ident = new_array(struct node *, old * 2);

	if (!by_id || !by_ident) {
		free(by_id);
		free(by_ident);
		return;
	}
	free(t->by_ident);
	t->by_id = by_id;
	t->by_ident = by_ident;
	t->buckets = old * 2;
	for (size_t i = 0; i < old; i++) {
		for (struct node *n = all[i], *next; n; n = next) {
			next = n->next_id;
			insert(t, n);
		}
	}
	free(all);
}

static void node_free(struct node *n)
{
	if (!n)
		return;
	place_finish(&n->place);
	node_aliases_free(n->alias.next);
	vfile_finish(&n->vfile);
	free(n->alias.name);
	free(n);
}

int nodes_new(const struct place *root, ino_t root_ino, struct nodes **ret)
{
	struct nodes *t = new0(struct nodes);
	struct node *n = new0(struct node);

	if (t) {
		t->buckets = 1024;
		t->by_id = new_array(struct node *, t->buckets);
		t->by_ident = new_array(struct node *, t->buckets);
		pthread_mutex_init(&t->mutex, NULL);
		t->next = FUSE_ROOT_ID + 1;
	}
	if (n)
		n->alias.name = strdup("");
	if (!t || !t->by_id || !t->by_ident || !n || !n->alias.name ||
		place_copy(&n->place, root) < 0) {
		node_free(n);
		nodes_free(t);
		return -ENOMEM;
	}
	n->id = FUSE_ROOT_ID;
	n->ino = root_ino;
	n->lookups = 1;
	insert(t, n);
	t->count = 1;
	*ret = t;
	return 0;
}

void nodes_free(struct nodes *t)
{
	if (!t)
		return;
	for (size_t i = 0; t->by_id && i < t->buckets; i++) {
		for (struct node *n = t->by_id[i], *next; n; n = next) {
			next = n->next_id;
			node_free(n);
		}
	}
	free(t->by_id);
	free(t->by_ident);
	pthread_mutex_destroy(&t->mutex);
	free(t);
}

pthread_mutex_t *nodes_mutex(struct nodes *t)
{
	return &t->mutex;
}

static struct node *find_id(struct nodes *t, fuse_ino_t id)
{
	struct node *n = t->by_id[mix(id) & (t->buckets - 1)];

	while (n && n->id != id)
		n = n->next_id;
	return n;
}

struct node *node_get(struct nodes *t, fuse_ino_t id)
{
	pthread_mutex_lock(&t->mutex);
	struct node *n = find_id(t, id);
	pthread_mutex_unlock(&t->mutex);
	assert(n); /* the kernel names only nodes that it holds */
	return n;
}

static struct node *find_name(struct nodes *t, fuse_ino_t parent, const char *name)
{
	struct node *n = t->by_ident[hash_name(parent, name) & (t->buckets - 1)];

	while (n &&
		(n->by_key || n->alias.parent != parent || strcmp(n->alias.name, name)))
		n = n->next_ident;
	return n;
}

static struct node *find_file(
	struct nodes *t, const struct digest *key, uint32_t draw, bool is_history)
{
	struct node *n = t->by_ident[hash_key(key, draw) & (t->buckets - 1)];

	while (n && !(n->by_key && n->draw == draw && n->is_history == is_history &&
			    !memcmp(&n->key, key, sizeof(*key))))
		n = n->next_ident;
	return n;
}

static struct node *add(struct nodes *t, struct node init, fuse_ino_t parent,
	const char *name, struct place *place)
{
	struct node *n = new0(struct node);
	char *copy = strdup(name);

	if (!n || !copy) {
		free(n);
		free(copy);
		return NULL;
	}
	*n = init;
	n->id = t->next++;
	n->lookups = 1;
	n->place = *place;
	*place = (struct place){0};
	n->alias = (struct node_alias){.parent = parent, .name = copy};
	if (++t->count > 2 * t->buckets)
		grow(t);
	insert(t, n);
	return n;
}

/* No name reaches it any more; the kernel still may hold it. */
static void orphan(struct nodes *t, struct node *n)
{
	unlink_ident(t, n);
	n->alias.parent = 0;
	insert_ident(t, n);
}

struct node *nodes_name(struct nodes *t, fuse_ino_t parent, const char *name,
	struct place *take_place, ino_t ino)
{
	pthread_mutex_lock(&t->mutex);
	struct node *n = find_name(t, parent, name);
	if (n && n->ino != ino) { /* an @name whose text has changed, a new input */
		orphan(t, n);
		n = NULL;
	}
	if (n)
		n->lookups++;
	else
		n = add(t, (struct node){.ino = ino}, parent, name, take_place);
	pthread_mutex_unlock(&t->mutex);
	place_finish(take_place);
	return n;
}

static struct node_alias *alias_new(fuse_ino_t parent, const char *name)
{
	struct node_alias *a = new0(struct node_alias);

	if (a)
		a->name = strdup(name);
	if (!a || !a->name) {
		free(a);
		return NULL;
	}
	a->parent = parent;
	return a;
}

/* Those below a directory that the kernel has forgotten, and their names with it. */
static size_t sweep_aliases(struct nodes *t, struct node *n)
{
	size_t left = 1;

	for (struct node_alias **p = &n->alias.next, *a; (a = *p);) {
		if (find_id(t, a->parent)) {
			p = &a->next;
			left++;
			continue;
		}
		*p = steal_ptr(a->next);
		node_aliases_free(a);
	}
	return left;
}

/* A path has endless spellings, so this list is bounded. */
static void remember_alias(
	struct nodes *t, struct node *n, fuse_ino_t parent, const char *name)
{
	struct node_alias *a = &n->alias;
	size_t count = 0;

	for (; a; a = a->next, count++) {
		if (a->parent == parent && !strcmp(a->name, name))
			return;
	}
	if (count >= NODE_NAMES_MAX)
		count = sweep_aliases(t, n);
	a = count < NODE_NAMES_MAX ? alias_new(parent, name) : NULL;
	if (!a) {
		atomic_store(&n->has_more_names, true);
		return;
	}
	a->next = n->alias.next;
	n->alias.next = a;
}

struct node *nodes_file(struct nodes *t, const struct digest *key, uint32_t draw,
	bool is_history, fuse_ino_t parent, const char *name, struct place *take_place,
	ino_t ino)
{
	struct node init = {.by_key = true,
		.is_history = is_history,
		.key = *key,
		.draw = draw,
		.ino = ino};

	pthread_mutex_lock(&t->mutex);
	struct node *n = find_file(t, key, draw, is_history);
	if (n) {
		n->lookups++;
		remember_alias(t, n, parent, name);
	} else {
		n = add(t, init, parent, name, take_place);
	}
	pthread_mutex_unlock(&t->mutex);
	place_finish(take_place);
	return n;
}

/* Mutex held. Frees n when nothing holds it. */
static struct node *drop(struct nodes *t, struct node *n)
{
	if (n->lookups || n->pins || n->id == FUSE_ROOT_ID)
		return NULL;
	unlink_id(t, n);
	unlink_ident(t, n);
	t->count--;
	return n;
}

void nodes_forget(struct nodes *t, fuse_ino_t id, uint64_t count)
{
	struct node *dead = NULL;

	pthread_mutex_lock(&t->mutex);
	struct node *n = find_id(t, id);
	if (n && n->id != FUSE_ROOT_ID) {
		assert(n->lookups >= count);
		n->lookups -= count;
		dead = drop(t, n);
	}
	pthread_mutex_unlock(&t->mutex);
	node_free(dead);
}

void node_pin(struct nodes *t, struct node *n)
{
	pthread_mutex_lock(&t->mutex);
	n->pins++;
	pthread_mutex_unlock(&t->mutex);
}

void node_unpin(struct nodes *t, struct node *n)
{
	pthread_mutex_lock(&t->mutex);
	assert(n->pins > 0);
	n->pins--;
	struct node *dead = drop(t, n);
	pthread_mutex_unlock(&t->mutex);
	node_free(dead);
}

void node_stored(struct nodes *t, struct node *n, uint64_t size, uint64_t blob_id,
	int64_t created_ms, int64_t estimate_ud)
{
	pthread_mutex_lock(&t->mutex);
	if (!atomic_load(&n->is_stored)) {
		n->size = size;
		n->blob_id = blob_id;
		n->created_ms = created_ms;
		n->estimate_ud = estimate_ud;
		atomic_store(&n->is_stored, true);
	}
	pthread_mutex_unlock(&t->mutex);
}

int nodes_rename(struct nodes *t, fuse_ino_t parent, const char *from, const char *to)
{
	char *name = strdup(to);

	if (!name)
		return -ENOMEM;
	pthread_mutex_lock(&t->mutex);
	struct node *victim = find_name(t, parent, to);
	struct node *n = find_name(t, parent, from);
	if (n && n != victim) {
		if (victim)
			orphan(t, victim);
		unlink_ident(t, n);
		free(n->alias.name);
		n->alias.name = steal_ptr(name);
		insert_ident(t, n);
	}
	pthread_mutex_unlock(&t->mutex);
	free(name);
	return 0;
}

void nodes_unlink(struct nodes *t, fuse_ino_t parent, const char *name)
{
	pthread_mutex_lock(&t->mutex);
	struct node *n = find_name(t, parent, name);
	if (n)
		orphan(t, n);
	pthread_mutex_unlock(&t->mutex);
}

char *node_name(struct nodes *t, struct node *n)
{
	pthread_mutex_lock(&t->mutex);
	char *name = n->alias.parent ? strdup(n->alias.name) : NULL;
	pthread_mutex_unlock(&t->mutex);
	return name;
}

struct node_alias *nodes_aliases(
	struct nodes *t, struct node *n, fuse_ino_t parent, const char *name)
{
	struct node_alias *list = NULL;

	pthread_mutex_lock(&t->mutex);
	for (struct node_alias *a = &n->alias; a; a = a->next) {
		struct node_alias *copy;

		if (a->parent == parent && !strcmp(a->name, name))
			continue;
		copy = alias_new(a->parent, a->name);
		if (!copy)
			break;
		copy->next = list;
		list = copy;
	}
	pthread_mutex_unlock(&t->mutex);
	return list;
}

void node_aliases_free(struct node_alias *list)
{
	while (list) {
		struct node_alias *next = list->next;

		free(list->name);
		free(list);
		list = next;
	}
}
