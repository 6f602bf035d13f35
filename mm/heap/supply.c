// SPDX-License-Identifier: GPL-2.0
/*
 * Supply: an object when no array has one ready, out of the depot, the spans of the nodes, new
 * pages, or the kernel's slab, in the order that Documentation/design.rst gives reasons for. And
 * the way back, of an object that nobody has any more: as the kernel is configured it is zeroed,
 * the checkers are told, and it goes to this CPU's array or to its span.
 *
 * Locks: none here, and none held.
 */
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "base/compat.h"
#include "base/stats.h"
#include "heap/bypass.h"
#include "heap/cache.h"
#include "heap/fence.h"
#include "heap/guard.h"
#include "heap/kasan.h"
#include "heap/node.h"
#include "heap/own.h"
#include "heap/pagemap.h"
#include "heap/pcpu.h"
#include "heap/policy.h"
#include "heap/supply.h"

/* ---- Out ----------------------------------------------------------------------------- */

/*
 * An object from a span on another node than @nid, the nearest first. @node is as asked for: with
 * NUMA_NO_NODE the policy is asked.
 */
static void *take_elsewhere(struct kspan_cache *cache, gfp_t gfp, int node, int nid)
{
	struct kspan_slot slot;
	nodemask_t left = node_online_map;
	int other, nearest;

	for (node_clear(nid, left); !nodes_empty(left); node_clear(nearest, left)) {
		nearest = first_node(left);
		for_each_node_mask(other, left)
			if (node_distance(nid, other) < node_distance(nid, nearest))
				nearest = other;
		if (kspan_cpuset_allows(nearest, gfp) &&
		    (node != NUMA_NO_NODE || kspan_policy_allows(nearest)) &&
		    kspan_node_take(cache, nearest, &slot, 1)) {
			WRITE_ONCE(*slot.state, KSPAN_STATE_ALLOCATED);
			return slot.obj;
		}
	}
	return NULL;
}

/* Of @n objects of @nid on their way one for the caller; the others go to this CPU's array. */
static void *keep_one(struct kspan_cache *cache, int nid, struct kspan_slot *slots,
		      unsigned int n)
{
	void *obj = slots[n - 1].obj;

	WRITE_ONCE(*slots[n - 1].state, KSPAN_STATE_ALLOCATED);
	if (n > 1)
		kspan_node_give(cache, slots,
				kspan_pcpu_put(cache, nid, slots, n - 1, KSPAN_STATE_CACHED),
				KSPAN_STATE_CACHED);
	/* The stack is scanned long after, as it is left: these would hide leaks. */
	if (IS_ENABLED(CONFIG_DEBUG_KMEMLEAK))
		memzero_explicit(slots, n * sizeof(*slots));
	return obj;
}

/* As kspan_supply(), from spans of @nid: up to @want objects. */
static noinline void *take_from_spans(struct kspan_cache *cache, int nid, unsigned int want)
{
	struct kspan_slot slots[KSPAN_BATCH_MAX] KSPAN_UNINITIALIZED;
	unsigned int n = kspan_node_take(cache, nid, slots, want);

	return n ? keep_one(cache, nid, slots, n) : NULL;
}

/* Likewise from @span, which is new, in random order. */
static noinline void *take_new_at_random(struct kspan_cache *cache, struct kspan_span *span,
					 unsigned int want)
{
	struct kspan_slot slots[KSPAN_BATCH_MAX] KSPAN_UNINITIALIZED;

	return keep_one(cache, span->nid, slots, kspan_node_add(span, slots, want));
}

/* Objects of @span, which is new, from 1 to before @end: they are in nobody's array. */
static noinline void give_new(struct kspan_cache *cache, struct kspan_span *span, unsigned int end)
{
	struct kspan_slot slot;

	while (--end) {
		slot = (struct kspan_slot) {
			.obj = kspan_span_object(span, end), .state = &span->state[end],
		};
		WRITE_ONCE(*slot.state, KSPAN_STATE_CACHED);
		kspan_node_give(cache, &slot, 1, KSPAN_STATE_CACHED);
	}
}

/*
 * Likewise in order. The way by slots would be twice as long: of objects that are nobody's yet it
 * is known where they lie and what their states are.
 */
static void *take_new(struct kspan_cache *cache, struct kspan_span *span, unsigned int want)
{
	unsigned int n = kspan_node_add_first(span, want);

	WRITE_ONCE(span->state[0], KSPAN_STATE_ALLOCATED);
	if (n > 1)
		n = kspan_pcpu_put_new(cache, span, 1, n);
	if (unlikely(n > 1))
		give_new(cache, span, n);
	return span->base;
}

/*
 * As kspan_supply(), with up to @want objects of @nid, or one of any other node: from spans of
 * @nid, from new pages there, from spans elsewhere, from new pages wherever @node and the policy
 * say. A node that is full would else give a new span elsewhere for each object. For pages of @nid
 * alone nothing is reclaimed; whoever insists on them, with __GFP_THISNODE, gets no others.
 */
static void *refill_from_spans(struct kspan_cache *cache, gfp_t gfp, int node, int nid,
			       unsigned int want)
{
	struct kspan_span *span = NULL;
	void *obj = NULL;

	if (kspan_node_has_free(kspan_cache_node(cache, nid)))
		obj = take_from_spans(cache, nid, want);
	if (obj)
		return obj;
	if (static_branch_unlikely(&kspan_numa) && !(gfp & __GFP_THISNODE)) {
		if ((node != NUMA_NO_NODE || kspan_policy_prefers(nid)) &&
		    kspan_cpuset_allows(nid, gfp))
			span = kspan_span_new(cache, cache->slot_size,
					      kspan_gfp_optional(gfp) | __GFP_THISNODE |
					      (gfp & __GFP_KSWAPD_RECLAIM), nid);
		if (!span)
			obj = take_elsewhere(cache, gfp, node, nid);
		if (obj)
			return obj;
	}
	if (!span)
		span = kspan_span_new(cache, cache->slot_size, gfp, node);
	if (!span)
		return NULL;
	if (span->nid != nid)
		want = 1;
	if (READ_ONCE(kspan_freelist_random))
		return take_new_at_random(cache, span, want);
	return take_new(cache, span, want);
}

/*
 * As many objects as are asked for where there are none: one for the caller, and the others fill
 * this CPU's array. Of large objects, of which it holds four, a batch would be two.
 */
static unsigned int wanted(const struct kspan_cache *cache)
{
	return clamp_t(unsigned int, READ_ONCE(cache->pcpu_limit) / KSPAN_SLOT, 1,
		       KSPAN_BATCH_MAX);
}

void *kspan_supply(struct kspan_cache *cache, size_t size, gfp_t gfp, int node)
{
	int here = numa_mem_id(), nid = node == NUMA_NO_NODE ? here : node;
	void *obj = NULL;

	if (cache->flags & KSPAN_BYPASS)
		return kspan_bypass_alloc(cache, size, gfp, node);
	if (nid == here && kspan_depot_has_full(kspan_cache_node(cache, here)))
		obj = kspan_pcpu_refill(cache, here);
	if (!obj)
		obj = refill_from_spans(cache, gfp, node, nid, nid == here ? wanted(cache) : 1);
	if (obj)
		kspan_count(KSPAN_REFILLS);
	return obj;
}

void *kspan_supply_large(size_t size, size_t *slot_size, gfp_t gfp, int node)
{
	bool red_zone = kspan_large_cache->flags & KSPAN_RED_ZONE;
	struct kspan_span *span;
	struct kspan_slot slot;

	if (size > KMALLOC_MAX_SIZE)
		return NULL;
	if (kspan_large_cache->flags & KSPAN_BYPASS && kspan_bypass_takes(gfp)) {
		*slot_size = size;
		return kspan_bypass_alloc(kspan_large_cache, size, gfp, node);
	}
	/* Whole pages get a page of red zone, but for the largest, which can have none. */
	if (red_zone && size == *slot_size && size < KMALLOC_MAX_SIZE)
		*slot_size += PAGE_SIZE;
	span = kspan_span_new(kspan_large_cache, *slot_size, gfp, node);
	if (!span)
		return NULL;
	kspan_node_add(span, &slot, 1);
	WRITE_ONCE(*slot.state, KSPAN_STATE_ALLOCATED);
	if (red_zone)
		__kspan_guard_alloc(span, slot.obj, size);
	return slot.obj;
}

/* ---- Back ---------------------------------------------------------------------------- */

/* As slab decides it: late readers of a stable object must find it as it was. */
static bool zero_on_free(const struct kspan_cache *cache)
{
	return want_init_on_free() && !cache->ctor &&
	       !(cache->flags & (KSPAN_TYPESAFE_BY_RCU | KSPAN_POISON));
}

/* The memory of a single goes back to where it came from. State FREEING. */
static void put_single(struct kspan_span *span, u8 *state)
{
	struct kspan_slot self = { .obj = span->base, .state = state };

	if (zero_on_free(span->cache))
		memset(span->base, 0, span->asked[0]);
	if (test_bit(KSPAN_SPAN_FENCED, &span->flags))
		kspan_fence_free(span);
	kspan_node_give(span->cache, &self, 1, KSPAN_STATE_FREEING);
}

void kspan_supply_put(struct kspan_span *span, void *obj, u8 *state)
{
	struct kspan_cache *cache = span->cache;

	if (unlikely(kspan_span_single(span))) {
		put_single(span, state);
		return;
	}
	if (zero_on_free(cache)) {
		kspan_kasan_unpoison(obj, span->slot_size);
		memset(obj, 0, span->slot_size - cache->red_zone);
	}
	kspan_guard_free(span, obj);
	kspan_kasan_free(span, obj);
	WRITE_ONCE(*state, KSPAN_STATE_CACHED);
	if (!kspan_pcpu_push(cache, span, obj, state))
		kspan_pcpu_free_slow(cache, span, obj, state);
}

void kspan_supply_undo(void *obj)
{
	struct kspan_span *span = kspan_pagemap_find(obj);
	u8 *state = &span->state[kspan_span_index(span, obj)];

	kspan_supply_put(span, obj, state);
}
