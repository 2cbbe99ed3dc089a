// SPDX-License-Identifier: MIT
/* See slots.h. */
#include "backend/engine/slots.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "cache/base/mem.h"

struct lane {
	struct lane *next, *prev; /* ring of a user's programs */
	struct slot_user *user;
	struct slot_entry *first, *last;
	size_t n;
	uint64_t serial; /* of the next entry */
	char program[sizeof(((struct engine_who *)0)->program)];
};

struct slot_user {
	struct slot_user *next, *prev; /* ring of users */
	struct lane *turn;
	size_t n;
	enum engine_priority class;
	uint32_t uid;
};

void slots_finish(struct slots *s)
{
	assert(!s->turn[PRIORITY_OPEN] && !s->turn[PRIORITY_BATCH]);
}

/* Puts `e` in front of *turn, which is the end of the ring. */
#define ring_add(turn, e)                                                              \
	do {                                                                           \
		if (*(turn)) {                                                         \
			(e)->next = *(turn);                                           \
			(e)->prev = (*(turn))->prev;                                   \
			(e)->prev->next = (e)->next->prev = (e);                       \
		} else {                                                               \
			*(turn) = (e)->next = (e)->prev = (e);                         \
		}                                                                      \
	} while (0)

#define ring_remove(turn, e)                                                           \
	do {                                                                           \
		if (*(turn) == (e))                                                    \
			*(turn) = (e)->next == (e) ? NULL : (e)->next;                 \
		(e)->next->prev = (e)->prev;                                           \
		(e)->prev->next = (e)->next;                                           \
	} while (0)

static struct slot_user *user_find(
	const struct slots *s, enum engine_priority class, uint32_t uid)
{
	struct slot_user *u = s->turn[class];

	if (!u)
		return NULL;
	do {
		if (u->uid == uid)
			return u;
		u = u->next;
	} while (u != s->turn[class]);
	return NULL;
}

static struct lane *lane_find(const struct slot_user *u, const char *program)
{
	struct lane *l = u->turn;

	if (!l)
		return NULL;
	do {
		if (!strcmp(l->program, program))
			return l;
		l = l->next;
	} while (l != u->turn);
	return NULL;
}

/* The lane, made if it is not there, with its user. */
static struct lane *lane_get(
	struct slots *s, enum engine_priority class, uint32_t uid, const char *program)
{
	struct slot_user *u = user_find(s, class, uid);
	struct lane *l = u ? lane_find(u, program) : NULL;
	struct slot_user *made = NULL;

	if (l)
		return l;
	l = new0(struct lane);
	if (!u)
		u = made = new0(struct slot_user);
	if (!l || !u) {
		free(l);
		free(made);
		return NULL;
	}
	if (made) {
		u->class = class;
		u->uid = uid;
		ring_add(&s->turn[class], u);
	}
	l->user = u;
	strncpy(l->program, program, sizeof(l->program) - 1);
	ring_add(&u->turn, l);
	return l;
}

int slots_push(struct slots *s, enum engine_priority class, uint32_t uid,
	const char *program, struct slot_entry *e)
{
	struct lane *l = lane_get(s, class, uid, program);

	if (!l)
		return -ENOMEM;
	*e = (struct slot_entry){.lane = l, .prev = l->last, .serial = l->serial++};
	if (l->last)
		l->last->next = e;
	else
		l->first = e;
	l->last = e;
	l->n++;
	l->user->n++;
	s->n[class]++;
	return 0;
}

void slots_remove(struct slots *s, struct slot_entry *e)
{
	struct lane *l = e->lane;
	struct slot_user *u;

	if (!l)
		return;
	u = l->user;
	*(e->prev ? &e->prev->next : &l->first) = e->next;
	*(e->next ? &e->next->prev : &l->last) = e->prev;
	*e = (struct slot_entry){0};
	s->n[u->class]--;
	u->n--;
	if (--l->n == 0) {
		ring_remove(&u->turn, l);
		free(l);
	}
	if (u->n == 0) {
		ring_remove(&s->turn[u->class], u);
		free(u);
	}
}

struct slot_entry *slots_pop(struct slots *s)
{
	for (int c = 0; c < SLOT_CLASSES; c++) {
		struct slot_user *u = s->turn[c];
		struct slot_entry *e;

		if (!u)
			continue;
		e = u->turn->first;
		u->turn = u->turn->next;
		s->turn[c] = u->next;
		slots_remove(s, e);
		return e;
	}
	return NULL;
}

static size_t min_size(size_t a, size_t b)
{
	return a < b ? a : b;
}

uint32_t slots_position(const struct slots *s, const struct slot_entry *e)
{
	const struct lane *mine = e->lane, *l;
	const struct slot_user *u;
	size_t before, round; /* entries of my lane before me; of my user up to me */
	size_t n = 0;

	if (!mine)
		return 0;
	before = (size_t)(e->serial - mine->first->serial);
	round = before + 1;
	for (l = mine->next; l != mine; l = l->next)
		round += min_size(l->n, before);
	for (u = mine->user->next; u != mine->user; u = u->next)
		n += min_size(u->n, round - 1);
	if (mine->user->class == PRIORITY_BATCH)
		n += s->n[PRIORITY_OPEN];
	return (uint32_t)(n + round);
}
