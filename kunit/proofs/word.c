// SPDX-License-Identifier: GPL-2.0
/*
 * The fast path on one CPU, and interrupts between any two of its accesses, each of which allocates
 * or frees something itself and may be interrupted in turn: no object is lost, or handed out twice.
 * The array has room for two of three objects; what its word begins with is one of a few, since
 * fields.c speaks for all words.
 */
#include "pcpu.h"
#include "every.h"

#define OBJECTS		3
#define ROOM		2
#define OPERATIONS	3	/* of the task's, one after the other */
#define INTERRUPTS	3	/* all in all */
#define DEPTH		3	/* at most so many of them nested */

static struct {
	struct kspan_pcpu pcpu;
	struct kspan_slot slot[ROOM];
} array;
static struct kspan_cache cache;
static u8 state[OBJECTS], no_state;
static u64 memory[OBJECTS];
/* Where an object is: nobody else may say. */
static enum { READY, OURS, BACK } where[OBJECTS];
static unsigned int depth, interrupts;

/* One that is ready, if there is any: it is ours from then on. */
static void allocate(void)
{
	void *obj = NULL;
	unsigned int i;

	if (!kspan_pcpu_pop(&cache, &obj))
		return;
	for (i = 0; i < OBJECTS; i++)
		if (obj == &memory[i])
			break;
	prove(i < OBJECTS);
	prove(where[i] == READY);
	prove(state[i] == KSPAN_STATE_ALLOCATED);
	where[i] = OURS;
}

/* One of ours, if there is any: into the array, or back to where others are. */
static void release(void)
{
	unsigned int i = choose(OBJECTS);

	if (where[i] != OURS)
		return;
	where[i] = READY;
	if (!__kspan_pcpu_push(&cache, &memory[i], &state[i]))
		where[i] = BACK;
}

static void interrupt(void)
{
	if (depth == DEPTH || interrupts == INTERRUPTS || !choose(2))
		return;
	depth++;
	interrupts++;
	if (choose(2))
		allocate();
	else
		release();
	depth--;
}

void prove_word(void)
{
	static const u32 budgets[] = { 0, 1, S32_MAX };
	u32 budget = budgets[choose(ARRAY_SIZE(budgets))];
	u8 mark = kspan_mark_of(choose(2) * (KSPAN_NR_MARKS - 1));
	unsigned int n = choose(ROOM + 1), i, j, ready = 0;

	interrupts = 0;
	cache.pcpu = &array.pcpu;
	cache.pcpu_limit = ROOM * KSPAN_SLOT;
	array.pcpu.bottom.state = &no_state;
	array.pcpu.word = (u64)budget << 32 | n * KSPAN_SLOT | mark;
	for (i = 0; i < OBJECTS; i++) {
		where[i] = i < n ? READY : OURS;
		state[i] = i < n ? mark : KSPAN_STATE_ALLOCATED;
		if (i < n)
			array.slot[i] = (struct kspan_slot) { &memory[i], &state[i] };
	}

	for (i = 0; i < OPERATIONS; i++)
		if (choose(2))
			allocate();
		else
			release();

	/* Nobody is inside, the mark is as it was, no budget has come from nowhere. */
	prove(kspan_word_alone(array.pcpu.word));
	prove((u8)array.pcpu.word == mark);
	prove(array.pcpu.word >> 32 <= budget);
	/* What is ready is in the array, once. */
	for (i = 0; i < OBJECTS; i++)
		ready += where[i] == READY;
	prove(kspan_word_count(array.pcpu.word) == ready);
	for (i = 0; i < ready; i++) {
		for (j = 0; j < OBJECTS; j++)
			if (array.slot[i].obj == &memory[j])
				break;
		prove(j < OBJECTS && where[j] == READY && array.slot[i].state == &state[j]);
		for (j = 0; j < i; j++)
			prove(array.slot[i].obj != array.slot[j].obj);
	}
}

EVERY(prove_word)
