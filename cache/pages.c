// SPDX-License-Identifier: MIT
/* What cache/pages.h says. Any thread, on a map of its own. */
#include "cache/pages.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache/base/mem.h"

#define META_PAGES 2
#define META_MAGIC 0xbeefc0deu
#define META_VERSION 1u
#define PAGE_HEADER 16u
#define NODE_HEADER 8u
#define KEY_BYTES_MAX 511u
#define DEPTH_MAX 32
#define PAGE_BYTES_MIN 512u
#define PAGE_BYTES_MAX 32768u
#define NO_PAGE UINT64_MAX
#define OPEN_LEAVES_MAX 4096 /* larger trees are left to verify */

enum page_flag { PAGE_BRANCH = 1, PAGE_LEAF = 2, PAGE_OVERFLOW = 4, PAGE_META = 8 };
enum node_flag { NODE_BIG = 1, NODE_TREE = 2 };
enum tree_flag { TREE_INTEGER_KEYS = 8, TREE_NOSUBDIR = 0x4000 };

/* As they lie in the file, in the machine's own byte order. */
struct tree {
	uint32_t pad;
	uint16_t flags, depth;
	uint64_t branches, leaves, overflows, entries, root;
};
struct meta {
	uint32_t magic, version;
	uint64_t address, map_bytes;
	struct tree trees[2]; /* free list; main */
	uint64_t last_page, txnid;
};
struct page {
	uint64_t number;
	uint16_t pad, flags;
	uint16_t lower, upper; /* of an overflow page: one u32, how many */
};

struct text {
	const uint8_t *p;
	size_t len;
};

struct node {
	uint16_t flags;
	uint64_t child; /* branch */
	uint32_t size;  /* leaf */
	struct text key;
	const uint8_t *data;
};

struct walk {
	const uint8_t *map;
	size_t map_bytes, page_bytes;
	uint64_t pages;     /* those that the header counts */
	uint8_t *seen;      /* a bit per page */
	const char *damage; /* what was found, at page `where` */
	uint64_t where;
	const _Atomic bool *stop;
};

/* One tree being walked. */
struct climb {
	struct walk *w;
	bool is_free_list;
	uint64_t leaves, branches, overflows, entries;
	struct text last;  /* key of the last leaf node */
	struct text floor; /* separator above the next leaf; NULL: none */
	int (*visit)(struct climb *c, const struct node *node, void *user);
	void *user;
};

static int damaged(struct walk *w, uint64_t page, const char *what)
{
	w->damage = what;
	w->where = page;
	return -EBADMSG;
}

/* ---- headers ---- */

static int meta_read(int fd, uint64_t offset, struct meta *ret)
{
	struct page header;
	uint8_t b[PAGE_HEADER + sizeof(*ret)];

	if (pread(fd, b, sizeof(b), (off_t)offset) != (ssize_t)sizeof(b))
		return -EBADMSG;
	memcpy(&header, b, sizeof(header));
	memcpy(ret, b + PAGE_HEADER, sizeof(*ret));
	if (!(header.flags & PAGE_META) || ret->magic != META_MAGIC)
		return -EBADMSG;
	return ret->version == META_VERSION ? 0 : -ENOTSUP;
}

static bool page_size_is_sane(uint32_t n)
{
	return n >= PAGE_BYTES_MIN && n <= PAGE_BYTES_MAX && !(n & (n - 1));
}

/* Commits alternate between the two headers: they differ by one, and each keeps to its
 * own parity. Anything else would silently take the store back to an older state. */
static bool txnids_are_sane(const struct meta m[META_PAGES])
{
	uint64_t a = m[0].txnid, b = m[1].txnid;

	return a % 2 == 0 && (b % 2 == 1 || !b) && (a > b ? a - b : b - a) <= 1;
}

static bool meta_is_sane(const struct meta *m, uint64_t file_bytes)
{
	const struct tree *t = m->trees;
	uint64_t end;

	if ((t[0].flags & ~TREE_NOSUBDIR) != TREE_INTEGER_KEYS || t[1].flags)
		return false;
	if (__builtin_add_overflow(m->last_page, 1u, &end) ||
		__builtin_mul_overflow(end, t[0].pad, &end))
		return false;
	return m->last_page >= META_PAGES - 1 && end <= file_bytes;
}

static int metas_read(int fd, struct meta ret[META_PAGES])
{
	int r = meta_read(fd, 0, &ret[0]);

	if (r < 0)
		return r;
	if (!page_size_is_sane(ret[0].trees[0].pad))
		return -EBADMSG;
	r = meta_read(fd, ret[0].trees[0].pad, &ret[1]);
	if (r < 0)
		return r;
	return ret[1].trees[0].pad == ret[0].trees[0].pad ? 0 : -EBADMSG;
}

/* ---- pages and nodes ---- */

static bool mark(struct walk *w, uint64_t page)
{
	uint8_t *byte = &w->seen[page / 8], bit = (uint8_t)(1u << page % 8);
	bool is_new = !(*byte & bit);

	*byte |= bit;
	return is_new;
}

static int page_get(
	struct walk *w, uint64_t number, struct page *ret, const uint8_t **ret_p)
{
	const uint8_t *p;

	if (number < META_PAGES || number >= w->pages)
		return damaged(w, number, "a page outside of the file is used");
	if (!mark(w, number))
		return damaged(w, number, "the page is used twice");
	p = w->map + number * w->page_bytes;
	memcpy(ret, p, sizeof(*ret));
	if (ret->number != number)
		return damaged(w, number, "the page has another one's number");
	*ret_p = p;
	return 0;
}

static int node_get(struct walk *w, const struct page *page, const uint8_t *p, size_t i,
	struct node *ret)
{
	uint16_t at, h[4];
	size_t end;

	memcpy(&at, p + PAGE_HEADER + 2 * i, sizeof(at));
	if (at < page->upper || at + NODE_HEADER > w->page_bytes)
		return damaged(w, page->number, "a node is outside of its page");
	memcpy(h, p + at, sizeof(h));
	*ret = (struct node){.flags = h[2], .size = h[0] | (uint32_t)h[1] << 16};
	ret->child = ret->size | (uint64_t)h[2] << 32;
	ret->key = (struct text){p + at + NODE_HEADER, h[3]};
	ret->data = ret->key.p + ret->key.len;
	end = at + NODE_HEADER + ret->key.len;
	if (page->flags & PAGE_LEAF)
		end += ret->flags & NODE_BIG ? sizeof(uint64_t) : ret->size;
	if (end > w->page_bytes || ret->key.len > KEY_BYTES_MAX)
		return damaged(w, page->number, "a node is outside of its page");
	return 0;
}

static int key_compare(const struct climb *c, struct text a, struct text b)
{
	uint64_t x, y;
	int r;

	if (c->is_free_list && a.len == sizeof(x) && b.len == sizeof(y)) {
		memcpy(&x, a.p, sizeof(x));
		memcpy(&y, b.p, sizeof(y));
		return x < y ? -1 : x > y;
	}
	r = memcmp(a.p, b.p, a.len < b.len ? a.len : b.len);
	if (r)
		return r;
	return a.len < b.len ? -1 : a.len > b.len;
}

static int big_check(struct climb *c, const struct page *page, const struct node *node)
{
	struct walk *w = c->w;
	struct page head;
	const uint8_t *p;
	uint64_t number, need;
	uint32_t pages;
	int r;

	memcpy(&number, node->data, sizeof(number));
	r = page_get(w, number, &head, &p);
	if (r < 0)
		return r;
	memcpy(&pages, p + offsetof(struct page, lower), sizeof(pages));
	need = ((uint64_t)node->size + PAGE_HEADER - 1) / w->page_bytes + 1;
	if (head.flags != PAGE_OVERFLOW || pages != need || pages > w->pages - number)
		return damaged(
			w, page->number, "a large value is not where it should be");
	for (uint32_t i = 1; i < pages; i++) {
		if (!mark(w, number + i))
			return damaged(w, number + i, "the page is used twice");
	}
	c->overflows += pages;
	return 0;
}

static int leaf_check(
	struct climb *c, const struct page *page, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct node node;
		int r = node_get(c->w, page, p, i, &node);

		if (r < 0)
			return r;
		if (c->entries && key_compare(c, c->last, node.key) >= 0)
			return damaged(c->w, page->number, "the keys are not in order");
		if (!i && c->floor.p && key_compare(c, node.key, c->floor) < 0)
			return damaged(c->w, page->number, "the keys are not in order");
		if (c->is_free_list && node.key.len != sizeof(uint64_t))
			return damaged(
				c->w, page->number, "the free list has a bad key");
		c->last = node.key;
		c->entries++;
		if (node.flags & NODE_BIG)
			r = big_check(c, page, &node);
		if (!r && c->visit)
			r = c->visit(c, &node, c->user);
		if (r < 0)
			return r;
	}
	return 0;
}

static int page_check(struct climb *c, uint64_t number, int depth);

/* Each child holds the keys from its own separator on; the first has none. */
static int branch_check(
	struct climb *c, const struct page *page, const uint8_t *p, size_t n, int depth)
{
	for (size_t i = 0; i < n; i++) {
		struct node node;
		int r = node_get(c->w, page, p, i, &node);

		if (r < 0)
			return r;
		if (i && c->entries && key_compare(c, c->last, node.key) >= 0)
			return damaged(c->w, page->number, "the keys are not in order");
		if (i)
			c->floor = node.key;
		r = page_check(c, node.child, depth - 1);
		if (r < 0)
			return r;
	}
	return 0;
}

static int page_check(struct climb *c, uint64_t number, int depth)
{
	struct walk *w = c->w;
	const uint8_t *p;
	struct page page;
	size_t n;
	int r = page_get(w, number, &page, &p);

	if (r < 0)
		return r;
	if (w->stop && *w->stop)
		return -ECANCELED;
	if (page.flags != (depth > 1 ? PAGE_BRANCH : PAGE_LEAF))
		return damaged(w, number, "the page is of another kind");
	if (page.lower < PAGE_HEADER || page.lower > page.upper ||
		page.upper > w->page_bytes || page.lower % 2)
		return damaged(w, number, "the page's bounds make no sense");
	n = (page.lower - PAGE_HEADER) / 2;
	if (!n || (depth > 1 && n < 2 && !c->is_free_list))
		return damaged(w, number, "the page is empty");
	if (depth > 1) {
		c->branches++;
		return branch_check(c, &page, p, n, depth);
	}
	c->leaves++;
	return leaf_check(c, &page, p, n);
}

static int tree_check(struct climb *c, const struct tree *t)
{
	struct walk *w = c->w;
	int r;

	if (t->root == NO_PAGE)
		return t->entries || t->depth
			       ? damaged(w, 0, "an empty tree has entries")
			       : 0;
	if (!t->depth || t->depth > DEPTH_MAX)
		return damaged(w, t->root, "the tree's depth makes no sense");
	r = page_check(c, t->root, t->depth);
	if (r < 0)
		return r;
	if (c->entries != t->entries || c->leaves != t->leaves ||
		c->branches != t->branches || c->overflows != t->overflows)
		return damaged(w, t->root, "the tree does not hold what it counts");
	return 0;
}

/* ---- the trees of a store ---- */

/* An entry of the free list: a count, then page numbers, falling. */
static int free_visit(struct climb *c, const struct node *node, void *user)
{
	struct walk *w = c->w;
	const uint8_t *p = node->data;
	uint64_t count, number, last = w->pages;

	(void)user;
	if (node->flags & NODE_BIG) {
		memcpy(&number, p, sizeof(number));
		p = w->map + number * w->page_bytes + PAGE_HEADER;
	}
	if (node->size < sizeof(count))
		return damaged(w, 0, "the free list is damaged");
	memcpy(&count, p, sizeof(count));
	if (count > node->size / sizeof(count) - 1)
		return damaged(w, 0, "the free list is damaged");
	for (uint64_t i = 1; i <= count; i++) {
		memcpy(&number, p + i * sizeof(number), sizeof(number));
		if (number < META_PAGES || number >= last)
			return damaged(w, number, "the free list is damaged");
		if (!mark(w, number))
			return damaged(w, number, "the page is in use and free");
		last = number;
	}
	return 0;
}

struct main_visit {
	bool is_open; /* only the trees that an open uses */
	struct pages_report *report;
};

static int report_damage(struct walk *w, struct pages_report *report, struct text tree)
{
	char sentence[200];

	if (!report)
		return -EBADMSG;
	snprintf(sentence, sizeof(sentence), "%.*s, page %llu: %s", (int)tree.len,
		(const char *)tree.p, (unsigned long long)w->where, w->damage);
	report->bad++;
	report->fn(report->user, sentence);
	return 0;
}

static bool text_is(struct text t, const char *s)
{
	return t.len == strlen(s) && !memcmp(t.p, s, t.len);
}

static int main_visit(struct climb *c, const struct node *node, void *user)
{
	struct main_visit *m = user;
	struct climb sub = {.w = c->w};
	struct tree t;
	int r;

	if (node->flags != NODE_TREE || node->size != sizeof(t))
		return damaged(c->w, 0, "a table's description is damaged");
	memcpy(&t, node->data, sizeof(t));
	if (t.flags || t.pad)
		return damaged(c->w, 0, "a table's description is damaged");
	if (m->is_open && !text_is(node->key, "meta") && !text_is(node->key, "pending"))
		return 0;
	if (m->is_open && t.leaves > OPEN_LEAVES_MAX)
		return 0;
	r = tree_check(&sub, &t);
	return r == -EBADMSG ? report_damage(c->w, m->report, node->key) : r;
}

static int trees_check(
	struct walk *w, const struct meta *m, bool is_open, struct pages_report *report)
{
	struct main_visit visit = {.is_open = is_open, .report = report};
	struct climb main_tree = {.w = w, .visit = main_visit, .user = &visit};
	struct climb free_list = {.w = w, .visit = free_visit, .is_free_list = true};
	int r = tree_check(&main_tree, &m->trees[1]);

	if (r == -EBADMSG && w->damage)
		r = report_damage(
			w, report, (struct text){(const uint8_t *)"tables", 6});
	if (r < 0 || (is_open && m->trees[0].leaves > OPEN_LEAVES_MAX))
		return r;
	r = tree_check(&free_list, &m->trees[0]);
	if (r == -EBADMSG)
		r = report_damage(w, report, (struct text){(const uint8_t *)"free", 4});
	return r;
}

static int walk_file(int fd, const struct meta *m, uint64_t file_bytes, bool is_open,
	struct pages_report *report)
{
	struct walk w = {
		.map_bytes = file_bytes,
		.page_bytes = m->trees[0].pad,
		.pages = m->last_page + 1,
		.stop = report ? report->stop : NULL,
	};
	void *map;
	int r;

	w.seen = calloc(w.pages / 8 + 1, 1);
	if (!w.seen)
		return -ENOMEM;
	map = mmap(NULL, w.map_bytes, PROT_READ, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED) {
		r = -errno;
		free(w.seen);
		return r;
	}
	w.map = map;
	r = trees_check(&w, m, is_open, report);
	munmap(map, w.map_bytes);
	free(w.seen);
	return r;
}

static int open_check(int fd, struct err *err, const char *path)
{
	struct meta m[META_PAGES];
	const struct meta *newest;
	struct stat st;
	int r;

	if (fstat(fd, &st) < 0)
		return err_errno(err, errno, "cannot open %s", path);
	r = metas_read(fd, m);
	if (r == -ENOTSUP)
		return err_set(
			err, ENOTSUP, "%s was made by another version of LMDB", path);
	if (r < 0)
		return err_set(
			err, EBADMSG, "%s is damaged or not a store of promptfs", path);
	newest = &m[m[1].txnid > m[0].txnid];
	if (!txnids_are_sane(m) || !meta_is_sane(newest, (uint64_t)st.st_size))
		return err_set(err, EBADMSG,
			"%s is cut short or damaged: its header speaks of %llu pages",
			path, (unsigned long long)newest->last_page + 1);
	r = walk_file(fd, newest, (uint64_t)st.st_size, true, NULL);
	if (r == -EBADMSG)
		return err_set(err, EBADMSG, "%s is damaged in its tables", path);
	return r < 0 ? err_errno(err, -r, "cannot check %s", path) : 0;
}

int pages_check_open(const char *path, struct err *err)
{
	scoped_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return err_errno(err, errno, "cannot open %s", path);
	return open_check(fd, err, path);
}

int pages_check_all(const char *path, uint64_t txnid, struct pages_report *report)
{
	scoped_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct meta m[META_PAGES];
	const struct meta *mine;
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	r = metas_read(fd, m);
	if (r < 0)
		return r;
	mine = &m[m[1].txnid == txnid];
	if (mine->txnid != txnid)
		return -EAGAIN;
	if (!meta_is_sane(mine, (uint64_t)st.st_size))
		return -EBADMSG;
	return walk_file(fd, mine, (uint64_t)st.st_size, false, report);
}
