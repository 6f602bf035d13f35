/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The fast path: a CPU's array of ready objects. No lock, no atomic and no masking of
 * interrupts. Preemption is off, and one word for each CPU and cache says all:
 *
 *	63      32 31   24 23         0
 *	+---------+-------+-----------+
 *	| budget  | busy  |  offset   |
 *	+---------+-------+-----------+
 *
 * offset	bytes of slots that are filled: where the next free goes
 * busy		how many are inside, nested: an addition that no interrupt can divide enters, and
 *		whoever finds others inside leaves again and goes to the node instead
 * budget	allocations until the next is one for the slow path, which then decides whether it
 *		is a sample; below zero when it is spent
 *
 * One subtraction pops a slot and spends the budget, and two sign tests find an empty array, a
 * busy one and a spent budget. The budget also counts: no counter is touched on allocation.
 */
#ifndef _KSPAN_PCPU_H
#define _KSPAN_PCPU_H

#include <linux/bits.h>
#include <linux/jump_label.h>
#include <linux/preempt.h>
#include <linux/topology.h>

#include "cache.h"
#include "lock.h"
#include "stats.h"

#define KSPAN_WORD_BUSY		BIT_ULL(24)
#define KSPAN_WORD_BUDGET	BIT_ULL(32)
#define KSPAN_OFFSET_LIMIT	BIT(16)		/* bytes; no array is as large */
#define KSPAN_SLOT		sizeof(struct kspan_slot)

/* On when there is more than one node, so that objects must find the way back to theirs. */
DECLARE_STATIC_KEY_FALSE(kspan_numa);

/*
 * On while allocations, or frees, may have more to do than the fast path does: memory is to be
 * zeroed, or somebody listens to the tracepoint. The four functions that
 * are nothing but fast path are not for ftrace either, which would cost them an instruction.
 */
DECLARE_STATIC_KEY_FALSE(kspan_alloc_more);
DECLARE_STATIC_KEY_FALSE(kspan_free_more);

/* The slot at @offset bytes, as an address for this_cpu operations. */
static __always_inline struct kspan_slot __percpu *
kspan_pcpu_slot(struct kspan_pcpu __percpu *pcpu, u32 offset)
{
	return (struct kspan_slot __percpu *)((char __percpu *)pcpu->slot + offset);
}

/*
 * Enters this CPU's array: the word as it was. The caller has preemption off, and leaves with
 * kspan_pcpu_leave(), or with a plain store of a new word if nobody was inside before.
 */
static __always_inline u64 kspan_pcpu_enter(struct kspan_pcpu __percpu *pcpu)
{
	return this_cpu_add_return(pcpu->word, KSPAN_WORD_BUSY) - KSPAN_WORD_BUSY;
}

static __always_inline void kspan_pcpu_leave(struct kspan_pcpu __percpu *pcpu)
{
	this_cpu_sub(pcpu->word, KSPAN_WORD_BUSY);
}

/* Ends what kspan_pcpu_enter() began, and was alone in: interrupts have restored the word. */
static __always_inline void kspan_pcpu_store(struct kspan_pcpu __percpu *pcpu, u64 word)
{
	barrier();	/* the slots are written before they count */
	__this_cpu_write(pcpu->word, word);
}

/*
 * Takes an object of @cache, now ALLOCATED, from this CPU's array; false if the array is empty
 * or busy, or the budget is spent.
 */
static __always_inline bool kspan_pcpu_pop(struct kspan_cache *cache, void **obj)
{
	struct kspan_pcpu __percpu *pcpu = cache->pcpu;
	struct kspan_slot __percpu *slot;
	u64 word;

	preempt_disable();
	word = kspan_pcpu_enter(pcpu) - KSPAN_WORD_BUDGET - KSPAN_SLOT;
	/*
	 * An empty array borrows from busy: what is left of that, or of its lack, is above any
	 * offset.
	 */
	if (unlikely((s64)word < 0 || (u32)word >= KSPAN_OFFSET_LIMIT)) {
		kspan_pcpu_leave(pcpu);
		preempt_enable();
		return false;
	}
	slot = kspan_pcpu_slot(pcpu, word);
	*obj = __this_cpu_read(slot->obj);
	WRITE_ONCE(*__this_cpu_read(slot->state), KSPAN_STATE_ALLOCATED);
	kspan_pcpu_store(pcpu, word);
	preempt_enable();
	return true;
}

/*
 * Puts a freed object into this CPU's array and marks it CACHED; false if it is full or busy.
 * The caller has preemption off.
 */
static __always_inline bool __kspan_pcpu_push(struct kspan_cache *cache, void *obj, u8 *state)
{
	struct kspan_pcpu __percpu *pcpu = cache->pcpu;
	struct kspan_slot __percpu *slot;
	u64 word = kspan_pcpu_enter(pcpu);

	/* Written once more when the cache is destroyed with objects left: any time will do. */
	if (unlikely((u32)word >= data_race(cache->pcpu_limit))) {
		kspan_pcpu_leave(pcpu);
		return false;
	}
	slot = kspan_pcpu_slot(pcpu, word);
	WRITE_ONCE(*state, KSPAN_STATE_CACHED);
	__this_cpu_write(slot->obj, obj);
	__this_cpu_write(slot->state, state);
	kspan_pcpu_store(pcpu, word + KSPAN_SLOT);
	return true;
}

/* Are objects of @span at home on another node than this CPU's? */
static __always_inline bool kspan_pcpu_remote(const struct kspan_span *span)
{
	return static_branch_unlikely(&kspan_numa) && span->nid != numa_mem_id();
}

static __always_inline bool kspan_pcpu_push(struct kspan_cache *cache,
					    const struct kspan_span *span, void *obj, u8 *state)
{
	bool done;

	preempt_disable();
	done = !kspan_pcpu_remote(span) && __kspan_pcpu_push(cache, obj, state);
	preempt_enable();
	return done;
}

#endif /* _KSPAN_PCPU_H */
