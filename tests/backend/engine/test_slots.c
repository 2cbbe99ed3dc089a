// SPDX-License-Identifier: MIT
#include "backend/engine/slots.h"

#include <errno.h>

#include "cache/base/mem.h"
#include "tests/support/tap.h"

struct item {
	struct slot_entry slot;
	char name[16];
};

static struct item *push(struct slots *s, enum engine_priority class, uint32_t uid,
	const char *program, const char *name)
{
	struct item *i = new0(struct item);

	snprintf(i->name, sizeof(i->name), "%s", name);
	CHECK_INT(slots_push(s, class, uid, program, &i->slot), 0);
	return i;
}

static void drain(struct slots *s, char *out, size_t size)
{
	struct slot_entry *e;

	out[0] = '\0';
	while ((e = slots_pop(s))) {
		struct item *i = container_of(e, struct item, slot);

		strncat(out, i->name, size - strlen(out) - 1);
		strncat(out, " ", size - strlen(out) - 1);
		free(i);
	}
	slots_finish(s);
}

static void users_then_programs_take_turns(void)
{
	struct slots s = {0};
	char out[200];

	push(&s, PRIORITY_BATCH, 1, "cat", "b1");
	push(&s, PRIORITY_OPEN, 1, "cat", "1c1");
	push(&s, PRIORITY_OPEN, 1, "cat", "1c2");
	push(&s, PRIORITY_OPEN, 1, "cat", "1c3");
	push(&s, PRIORITY_OPEN, 1, "ls", "1l1");
	push(&s, PRIORITY_OPEN, 1, "ls", "1l2");
	push(&s, PRIORITY_OPEN, 2, "cat", "2c1");
	push(&s, PRIORITY_OPEN, 2, "cat", "2c2");
	drain(&s, out, sizeof(out));
	CHECK_STR(out, "1c1 2c1 1l1 2c2 1c2 1l2 1c3 b1 ");
}

static void entries_leave_from_anywhere(void)
{
	struct slots s = {0};
	struct item *i[4];
	char out[200];

	for (int k = 0; k < 4; k++)
		i[k] = push(&s, PRIORITY_OPEN, 1, "cat", (char[]){'a' + k, 0});
	slots_remove(&s, &i[1]->slot);
	slots_remove(&s, &i[1]->slot); /* fine twice */
	slots_remove(&s, &i[3]->slot);
	slots_remove(&s, &i[0]->slot);
	CHECK_INT(s.n[PRIORITY_OPEN], 1);
	drain(&s, out, sizeof(out));
	CHECK_STR(out, "c ");
	for (int k = 0; k < 4; k++)
		if (k != 2)
			free(i[k]);
}

static void positions_count_turns(void)
{
	struct slots s = {0};
	struct item *mine = NULL, *other, *batch;
	char out[2000];

	for (int k = 0; k < 100; k++)
		mine = push(&s, PRIORITY_OPEN, 1, "cat", "x");
	CHECK_INT(slots_position(&s, &mine->slot), 100);
	other = push(&s, PRIORITY_OPEN, 2, "cat", "y");
	CHECK(slots_position(&s, &other->slot) <= 2);
	CHECK_INT(slots_position(&s, &mine->slot), 101);
	batch = push(&s, PRIORITY_BATCH, 3, "cat", "z");
	CHECK_INT(slots_position(&s, &batch->slot), 102);
	drain(&s, out, sizeof(out));
}

TAP_MAIN(TAP_CASE(users_then_programs_take_turns),
	TAP_CASE(entries_leave_from_anywhere), TAP_CASE(positions_count_turns))
