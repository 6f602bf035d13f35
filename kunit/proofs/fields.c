// SPDX-License-Identifier: GPL-2.0
/*
 * The word of the fast path, whatever is in it: what changes one of its fields does not carry into
 * another, with as many inside at once as marks are apart.
 */
#include "pcpu.h"

static void interrupt(void)
{
}

static struct {
	struct kspan_pcpu pcpu;
	struct kspan_slot slot[BIT(8) * sizeof(long) / sizeof(struct kspan_slot)];
} array;

/* An array that nobody is in, with any budget, any mark and any number of slots filled. */
static u64 any_word(u32 *budget, u32 *n, u8 *mark)
{
	*budget = nondet_u32();
	*n = nondet_u32();
	*mark = kspan_mark_of(nondet_uint());
	given(*budget <= S32_MAX);
	given(*n < ARRAY_SIZE(array.slot));
	return (u64)*budget << 32 | *n * KSPAN_SLOT | *mark;
}

void prove_inside(void)
{
	u32 budget, n, i, k = nondet_u32();
	u8 mark, byte, other = kspan_mark_of(nondet_uint());
	u64 word = any_word(&budget, &n, &mark), before;
	bool spent;

	given(k < KSPAN_MARK_STEP);
	array.pcpu.word = word;
	for (i = 0; i < k; i++)
		prove(kspan_pcpu_enter(&array.pcpu) == word + i * KSPAN_WORD_BUSY);

	byte = array.pcpu.word;
	prove(array.pcpu.word >> 32 == budget);
	prove((array.pcpu.word >> 24 & 0xff) == k);
	prove((array.pcpu.word >> 8 & 0xffff) == n * KSPAN_SLOT >> 8);
	prove(byte == mark + k);
	prove(kspan_word_alone(array.pcpu.word) == !k);
	prove(kspan_word_count(array.pcpu.word) == n);
	prove(&kspan_slot_at(&array.pcpu, kspan_pcpu_place(&array.pcpu), obj) ==
	      &array.pcpu.slot[n].obj);
	prove(&kspan_slot_below(&array.pcpu, kspan_pcpu_place(&array.pcpu), state) ==
	      (void **)&array.pcpu.slot[(long)n - 1].state);
	/* With others inside it is neither a mark nor any other state of an object. */
	prove(byte >= KSPAN_NR_STATES);
	prove(!k || byte != other);

	/* Who pops or pushes does so from any of these, and leaves the fields of others alone. */
	before = array.pcpu.word;
	prove(kspan_pcpu_enter_spending(&array.pcpu, &spent) == before);
	prove(spent == !budget);
	prove((u32)array.pcpu.word == (u32)before + KSPAN_WORD_BUSY);
	kspan_pcpu_not_popped(&array.pcpu);
	prove(array.pcpu.word == before);
	if (budget && n) {
		kspan_pcpu_enter_spending(&array.pcpu, &spent);
		kspan_pcpu_popped(&array.pcpu);
		prove(array.pcpu.word == before - KSPAN_WORD_BUDGET - KSPAN_SLOT);
		array.pcpu.word = before;
	}
	if (n + 1 < ARRAY_SIZE(array.slot)) {
		kspan_pcpu_enter(&array.pcpu);
		kspan_pcpu_pushed(&array.pcpu);
		prove(array.pcpu.word == before + KSPAN_SLOT);
		array.pcpu.word = before;
	}

	for (i = 0; i < k; i++)
		kspan_pcpu_leave(&array.pcpu);
	prove(array.pcpu.word == word);
}

/* What is done to the word alone: by who pops and pushes, @i at a time. */
void prove_steps(void)
{
	u32 budget, n, k = nondet_u32(), i = nondet_u32(), room = nondet_u32();
	u8 mark;
	u64 word = any_word(&budget, &n, &mark), popped, pushed;

	given(i <= n && i <= budget);
	popped = word - i * (KSPAN_WORD_BUDGET + KSPAN_SLOT);
	prove(popped >> 32 == budget - i && kspan_word_count(popped) == n - i);
	prove((u8)popped == mark && kspan_word_alone(popped));
	/* A budget that is spent is seen by the sign; of an empty array the mark is still right. */
	popped = word - (KSPAN_WORD_BUDGET + KSPAN_SLOT);
	prove(((s64)popped < 0) == !budget || !n);
	prove((u8)popped == mark);

	/* One comparison says whether there is room and nobody inside. */
	given(room < ARRAY_SIZE(array.slot) && k < KSPAN_MARK_STEP);
	prove(((u32)(word + k * KSPAN_WORD_BUSY) < room * KSPAN_SLOT) == (!k && n < room));
	given(n + i < ARRAY_SIZE(array.slot));
	pushed = word + i * KSPAN_SLOT;
	prove(pushed >> 32 == budget && kspan_word_count(pushed) == n + i);
	prove((u8)pushed == mark && kspan_word_alone(pushed));
}
