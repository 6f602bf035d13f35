// SPDX-License-Identifier: GPL-2.0
/*
 * Magazines, as a CPU sees them: its array is filled from one and emptied into one, a batch at a
 * time, and has an empty one or two at hand. Where they lie meanwhile is in depot.c.
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
 * This CPU's spare magazines, one or two, are taken and put there by one instruction each, so that
 * nobody need be inside the array for it; whoever migrates in between has taken, or left, another
 * CPU's.
 */
static struct kspan_magazine *take_spares(struct kspan_cache *cache)
{
	return this_cpu_xchg(cache->pcpu->spare, NULL);
}

/* Leaves @spares with this CPU for the next time; false if it has some. */
static bool keep_spares(struct kspan_cache *cache, struct kspan_magazine *spares)
{
	return likely(!this_cpu_cmpxchg(cache->pcpu->spare, NULL, spares));
}

/*
 * Slots of a magazine of node @nid, from @first on, go to this CPU's array: the first is the next
 * one to be handed out. What does not fit goes to the spans. Under RCU.
 */
static void empty_magazine(struct kspan_cache *cache, int nid, struct kspan_magazine *mag,
			   unsigned int first)
{
	unsigned int n = kspan_cache_own(cache)->batch - first, left;

	left = kspan_pcpu_put(cache, nid, mag->slot + first, n, mag->mark);
	if (unlikely(left))
		kspan_node_give(cache, mag->slot + first, left, mag->mark);
}

/*
 * An object out of a magazine of node @nid, whose others go to this CPU's array, and those of
 * another one as well; or NULL. Objects are handed out in the order in which they were freed, of
 * two magazines the older one first: where one CPU allocates what another frees, neighbours stay
 * together, whose states are in one cache line.
 */
void *kspan_pcpu_refill(struct kspan_cache *cache, int nid)
{
	struct kspan_magazine *full, *oldest;
	void *obj = NULL;

	/* The header that a stray points to: see retire.c. */
	rcu_read_lock();
	/* As much as there is room for, unless somebody is inside; for what was emptied before. */
	full = kspan_depot_get(cache, nid,
			       kspan_word_alone(raw_cpu_read(cache->pcpu->word)) ? 2 : 1,
			       take_spares(cache));
	if (!full) {
		rcu_read_unlock();
		return NULL;
	}
	oldest = full->next ?: full;
	if (likely(READ_ONCE(*oldest->slot[0].state) == oldest->mark)) {
		obj = oldest->slot[0].obj;
		WRITE_ONCE(*oldest->slot[0].state, KSPAN_STATE_ALLOCATED);
	} else {
		kspan_node_stray(cache, &oldest->slot[0]);
	}
	if (oldest != full)
		empty_magazine(cache, nid, full, 0);
	empty_magazine(cache, nid, oldest, 1);
	rcu_read_unlock();
	/* They are empty. */
	if (!keep_spares(cache, full))
		kspan_depot_keep(cache, nid, full);
	return obj;
}

static struct kspan_magazine *magazine_new(const struct kspan_cache *cache)
{
	struct kspan_magazine *mag;

	if (kspan_test_point(KSPAN_FAIL_MAGAZINE))
		return NULL;
	mag = kmalloc(struct_size(mag, slot, kspan_cache_own(cache)->batch),
		      KSPAN_GFP_OPTIONAL);
	if (!mag)
		return NULL;
	mag->next = NULL;
	kmemleak_ignore(mag);	/* as the arrays */
	return mag;
}

/*
 * Half of an array that is full, in @mag, from a CPU that has the array to itself: the older half,
 * since what was freed recently is in the CPU's hardware cache. A CPU that has not allocated since
 * the last time frees what others allocate: it will not want these either, and the newer half need
 * not be moved into the place of the other one.
 */
static void fill_magazine(struct kspan_cache *cache, struct kspan_pcpu *pcpu, u64 *word,
			  struct kspan_magazine *mag)
{
	u64 allocs = pcpu->allocs - (*word >> 32);

	if (allocs == pcpu->flushed_at)
		kspan_pcpu_take_newest(pcpu, word, mag->slot, kspan_cache_own(cache)->batch);
	else
		kspan_pcpu_take_oldest(pcpu, word, mag->slot, kspan_cache_own(cache)->batch);
	pcpu->flushed_at = allocs;
	mag->mark = (u8)*word;
}

/*
 * Moves half of this CPU's array, if it is full, to a magazine and that to the depot. Without
 * memory for a magazine nothing happens. True if there is room now.
 */
static bool flush_half(struct kspan_cache *cache)
{
	struct kspan_magazine *mag = take_spares(cache), *rest = NULL;
	struct kspan_pcpu *pcpu;
	bool moved = false;
	u32 limit;
	u64 word;
	int nid;

	if (mag)
		rest = mag->next;
	else
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
		fill_magazine(cache, pcpu, &word, mag);
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
	if (mag) {
		mag->next = rest;
		rest = mag;
	}
	if (rest && unlikely(!keep_spares(cache, rest)))
		kspan_magazines_free(rest);
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
	       flush_half(cache);
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
