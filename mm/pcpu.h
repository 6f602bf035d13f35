/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The fast path: a CPU's array of ready objects. No lock, no atomic and no masking of
 * interrupts: preemption is off, and the busy flag sends an interrupt that comes in the middle
 * to the node's list.
 */
#ifndef _KSPAN_PCPU_H
#define _KSPAN_PCPU_H

#include <linux/jump_label.h>
#include <linux/preempt.h>
#include <linux/topology.h>

#include "cache.h"
#include "stats.h"

/* On when there is more than one node, so that objects must find the way back to theirs. */
DECLARE_STATIC_KEY_FALSE(kspan_numa);

/* In NMI nothing is allocated or freed: whatever was interrupted may be half done. */
static __always_inline bool kspan_refuse_nmi(void)
{
	if (likely(!in_nmi()))
		return false;
	kspan_count(KSPAN_NMI_REFUSED);
	return true;
}

/* An object of @cache from this CPU's array, now ALLOCATED; NULL if there is none. */
static __always_inline void *kspan_pcpu_pop(struct kspan_cache *cache)
{
	struct kspan_pcpu *pcpu;
	void *obj = NULL;

	preempt_disable();
	pcpu = this_cpu_ptr(cache->pcpu);
	if (likely(!pcpu->busy)) {
		pcpu->busy = 1;
		barrier();	/* an interrupt from here on sees busy */
		if (likely(pcpu->count)) {
			struct kspan_slot *slot = &pcpu->slot[--pcpu->count];

			obj = slot->obj;
			WRITE_ONCE(*slot->state, KSPAN_STATE_ALLOCATED);
		}
		barrier();
		pcpu->busy = 0;
	}
	preempt_enable();
	return obj;
}

/* Puts a freed object of @span into this CPU's array; false if it does not go there. */
static __always_inline bool kspan_pcpu_push(struct kspan_cache *cache,
					    const struct kspan_span *span, void *obj, u8 *state)
{
	struct kspan_pcpu *pcpu;
	bool done = false;

	preempt_disable();
	pcpu = this_cpu_ptr(cache->pcpu);
	if (static_branch_unlikely(&kspan_numa) && span->nid != numa_mem_id())
		goto out;
	if (likely(!pcpu->busy)) {
		pcpu->busy = 1;
		barrier();	/* as in kspan_pcpu_pop() */
		if (likely(pcpu->count < pcpu->capacity)) {
			struct kspan_slot *slot = &pcpu->slot[pcpu->count++];

			slot->obj = obj;
			slot->state = state;
			done = true;
		}
		barrier();
		pcpu->busy = 0;
	}
out:
	preempt_enable();
	return done;
}

#endif /* _KSPAN_PCPU_H */
