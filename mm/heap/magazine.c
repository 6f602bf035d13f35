// SPDX-License-Identifier: GPL-2.0
/*
 * Magazines, as a CPU sees them: its array is filled from one and emptied into one, a batch at a
 * time, and has an empty one at hand. Where they lie meanwhile is in depot.c.
 *
 * A batch is copied into a magazine with the array busy and preemption off, and goes to the
 * node after both: on PREEMPT_RT the node's lock may sleep. No lock of its own.
 */
#include <linux/kmemleak.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>

#include "base/compat.h"
#include "base/hooks.h"
#include "base/stats.h"
#include "heap/cache.h"
#include "heap/node.h"
#include "heap/own.h"
#include "heap/pcpu.h"

/*
 * This CPU's spare magazine is taken and put there by one instruction each, so that nobody need be
 * inside the array for it; whoever migrates in between has taken, or left, another CPU's.
 */
static struct kspan_magazine *take_spare_magazine(struct kspan_cache *cache)
{
	return this_cpu_xchg(cache->pcpu->spare, NULL);
}

/* Leaves an empty magazine, if there is one, with this CPU for the next time. */
static void keep_spare_magazine(struct kspan_cache *cache, struct kspan_magazine *spare)
{
	if (spare && unlikely(this_cpu_cmpxchg(cache->pcpu->spare, NULL, spare)))
		kfree(spare);
}

/*
 * Fills this CPU's array from @full, a magazine of node @nid, and from another behind it, but for
 * the last object of the first. What does not fit goes to the spans. Under RCU.
 */
static void empty_magazines(struct kspan_cache *cache, int nid, struct kspan_magazine *full)
{
	unsigned int batch = kspan_cache_own(cache)->batch, n = batch - 1, left;

	do {
		left = kspan_pcpu_put(cache, nid, full->slot, n, full->mark);
		if (unlikely(left))
			kspan_node_give(cache, full->slot, left, full->mark);
		n = batch;
		full = full->next;
	} while (full);
}

/* An object out of a magazine of node @nid, whose others go to this CPU's array; or NULL. */
void *kspan_pcpu_refill(struct kspan_cache *cache, int nid)
{
	unsigned int last = kspan_cache_own(cache)->batch - 1;
	struct kspan_magazine *full, *rest;
	void *obj = NULL;

	/* The header that a stray points to: see retire.c. */
	rcu_read_lock();
	/* As much as the array has room for, unless somebody is inside. */
	full = kspan_depot_get(cache, nid,
			       kspan_word_alone(raw_cpu_read(cache->pcpu->word)) ? 2 : 1);
	if (!full) {
		rcu_read_unlock();
		return NULL;
	}
	if (likely(READ_ONCE(*full->slot[last].state) == full->mark)) {
		obj = full->slot[last].obj;
		WRITE_ONCE(*full->slot[last].state, KSPAN_STATE_ALLOCATED);
	} else {
		kspan_node_stray(cache, &full->slot[last]);
	}
	empty_magazines(cache, nid, full);
	rcu_read_unlock();
	/* They are empty. Once the first is the CPU's spare one, it is whoever's that takes it. */
	rest = full->next;
	if (unlikely(this_cpu_cmpxchg(cache->pcpu->spare, NULL, full)))
		rest = full;
	if (rest)
		kspan_depot_keep(cache, nid, rest);
	return obj;
}

static struct kspan_magazine *magazine_new(const struct kspan_cache *cache)
{
	struct kspan_magazine *mag;

	if (kspan_test_point(KSPAN_FAIL_MAGAZINE))
		return NULL;
	mag = kmalloc(struct_size(mag, slot, kspan_cache_own(cache)->batch),
		      KSPAN_GFP_OPTIONAL);
	kmemleak_ignore(mag);	/* as the arrays */
	return mag;
}

/*
 * Moves the older half of this CPU's array, if it is full, to a magazine and that to the depot:
 * the recently freed ones are in the CPU's hardware cache. Without memory for a magazine
 * nothing happens. True if there is room now.
 */
static bool flush_older_half(struct kspan_cache *cache)
{
	struct kspan_magazine *mag = take_spare_magazine(cache);
	struct kspan_pcpu *pcpu;
	bool moved = false;
	u32 limit;
	u64 word;
	int nid;

	if (!mag)
		mag = magazine_new(cache);
	if (!mag)
		return false;
	/* Whoever looks for strays sees them in the array, or a grace period later in the depot. */
	rcu_read_lock();
	preempt_disable();
	nid = numa_mem_id();
	pcpu = this_cpu_ptr(cache->pcpu);
	word = kspan_pcpu_enter(cache->pcpu);
	limit = READ_ONCE(cache->pcpu_limit);
	if (limit && kspan_word_alone(word) && (u32)word >= limit) {
		kspan_pcpu_take_oldest(pcpu, &word, mag->slot, kspan_cache_own(cache)->batch);
		mag->mark = (u8)word;
		kspan_pcpu_store(cache->pcpu, word);
		kspan_count(KSPAN_FLUSHES);
		moved = true;
	} else {
		kspan_pcpu_leave(cache->pcpu);
	}
	preempt_enable();
	if (likely(moved))
		mag = kspan_depot_put(cache, nid, mag);
	rcu_read_unlock();
	keep_spare_magazine(cache, mag);
	return moved;
}

/*
 * Makes room in this CPU's array, if that is full; false if there is none, or that was not what
 * the fast path gave up for. Any context but NMI.
 */
bool kspan_pcpu_make_room(struct kspan_cache *cache)
{
	u32 limit = READ_ONCE(cache->pcpu_limit);

	/* A look from afar: by the time it matters, the array is looked at again. */
	return limit && (u32)raw_cpu_read(cache->pcpu->word) >= limit && !kspan_nested() &&
	       flush_older_half(cache);
}

/*
 * Frees an object that the fast path did not take: its array is full, busy or has no room at
 * all, or its span is on another node.
 */
void kspan_pcpu_free_slow(struct kspan_cache *cache, const struct kspan_span *span, void *obj,
			  u8 *state)
{
	struct kspan_slot self = { .obj = obj, .state = state };

	kspan_pcpu_make_room(cache);
	if (!kspan_pcpu_push(cache, span, obj, state))
		kspan_node_give(cache, &self, 1, KSPAN_STATE_CACHED);
}
