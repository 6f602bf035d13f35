// SPDX-License-Identifier: GPL-2.0
/*
 * The spans of a cache on one node: which are partial, full and empty, and the movement of
 * objects in and out of their bitmaps. Spans that become superfluous are given back after the
 * lock has been dropped.
 *
 * Locks: the node's list lock, a leaf. Nothing else is called under it.
 */
#include <linux/bitmap.h>
#include <linux/random.h>

#include "cache.h"
#include "compat.h"
#include "lock.h"
#include "pagemap.h"

/* A module parameter, off by default: an object of a new span costs a third more. */
bool kspan_freelist_random;
EXPORT_SYMBOL_FOR_TESTS(kspan_freelist_random);

void kspan_node_init(struct kspan_node *node)
{
	kspan_spin_lock_init(&node->lock, "kspan_node_lock");
	INIT_LIST_HEAD(&node->partial);
	INIT_LIST_HEAD(&node->full);
	INIT_LIST_HEAD(&node->empty);
}

static struct kspan_node *node_of(const struct kspan_span *span)
{
	return span->cache->node[span->nid];
}

/* Puts a span on the list that its number of free objects says. */
static void relist(struct kspan_node *node, struct kspan_span *span)
{
	enum kspan_span_list where = KSPAN_LIST_PARTIAL;
	struct list_head *list = &node->partial;

	lockdep_assert_held(&node->lock);
	if (!span->nr_free) {
		where = KSPAN_LIST_FULL;
		list = &node->full;
	} else if (span->nr_free == span->nr_objs) {
		where = KSPAN_LIST_EMPTY;
		list = &node->empty;
	}
	if (where == span->where)
		return;
	node->nr_empty += (where == KSPAN_LIST_EMPTY) - (span->where == KSPAN_LIST_EMPTY);
	span->where = where;
	list_move(&span->list, list);
}

static void take_one(struct kspan_span *span, unsigned int i, struct kspan_slot *slot)
{
	WRITE_ONCE(span->state[i], KSPAN_STATE_CACHED);
	slot->obj = kspan_span_object(span, i);
	slot->state = &span->state[i];
}

static void take_in_order(struct kspan_span *span, struct kspan_slot *slots, unsigned int want)
{
	unsigned int n = 0, w;
	unsigned long bits;

	for (w = 0; n < want; w++) {
		bits = span->free_map[w];
		for (; bits && n < want; bits &= bits - 1)
			take_one(span, w * BITS_PER_LONG + __ffs(bits), &slots[n++]);
		span->free_map[w] = bits;
	}
}

/*
 * Each the first that is free from a random place on. Behind objects that are taken that is not
 * quite as likely for each; but which is next, nobody can tell. The steps between are those of a
 * linear congruential generator, whose upper half is used.
 */
static void take_at_random(struct kspan_span *span, struct kspan_slot *slots, unsigned int want,
			   u64 *chance)
{
	unsigned int n, i;

	for (n = 0; n < want; n++) {
		*chance = *chance * 6364136223846793005ULL + 1442695040888963407ULL;
		i = (*chance >> 32) * span->nr_objs >> 32;
		i = find_next_bit(span->free_map, span->nr_objs, i);
		if (i >= span->nr_objs)
			i = find_first_bit(span->free_map, span->nr_objs);
		__clear_bit(i, span->free_map);
		take_one(span, i, &slots[n]);
	}
}

/* Takes up to @want objects out of @span's bitmap. */
static unsigned int take(struct kspan_node *node, struct kspan_span *span,
			 struct kspan_slot *slots, unsigned int want, u64 *chance)
{
	lockdep_assert_held(&node->lock);
	want = min(want, span->nr_free);
	if (READ_ONCE(kspan_freelist_random))
		take_at_random(span, slots, want, chance);
	else
		take_in_order(span, slots, want);
	span->nr_free -= want;
	node->nr_out += want;
	relist(node, span);
	return want;
}

/* Before the lock: the kernel's generator takes locks of its own. */
static u64 draw(void)
{
	return READ_ONCE(kspan_freelist_random) ? get_random_u64() : 0;
}

/* Up to @want objects from the spans of node @nid; how many. */
unsigned int kspan_node_take(struct kspan_cache *cache, int nid, struct kspan_slot *slots,
			     unsigned int want)
{
	struct kspan_node *node = cache->node[nid];
	struct kspan_span *span;
	unsigned long flags;
	unsigned int n = 0;
	u64 chance;

	if (!node)
		return 0;
	chance = draw();
	kspan_lock(&node->lock, flags);
	while (n < want) {
		span = list_first_entry_or_null(&node->partial, struct kspan_span, list);
		if (!span)
			span = list_first_entry_or_null(&node->empty, struct kspan_span, list);
		if (!span)
			break;
		n += take(node, span, slots + n, want - n, &chance);
	}
	kspan_unlock(&node->lock, flags);
	return n;
}

/* Enters a new span with its node, and takes up to @want objects from it; how many. */
unsigned int kspan_node_add(struct kspan_span *span, struct kspan_slot *slots, unsigned int want)
{
	struct kspan_node *node = node_of(span);
	u64 chance = draw();
	unsigned long flags;
	unsigned int n;

	kspan_lock(&node->lock, flags);
	node->nr_spans++;
	node->nr_pages += span->nr_pages;
	node->nr_objs += span->nr_objs;
	n = take(node, span, slots, want, &chance);
	kspan_unlock(&node->lock, flags);
	return n;
}

/* Takes @span off its node's books; the caller frees it after dropping the lock. */
static void remove(struct kspan_node *node, struct kspan_span *span, struct list_head *out)
{
	lockdep_assert_held(&node->lock);
	node->nr_empty--;
	node->nr_spans--;
	node->nr_pages -= span->nr_pages;
	node->nr_objs -= span->nr_objs;
	span->where = KSPAN_LIST_NONE;
	list_move(&span->list, out);
}

static void free_list(struct list_head *spans)
{
	struct kspan_span *span, *next;

	list_for_each_entry_safe(span, next, spans, list)
		kspan_span_free(span);
}

/*
 * Empty spans kept against the next burst: a sixteenth of all, and one more if it is a single
 * page. So an idle cache holds at most a page, and a burst leaves little behind.
 */
static unsigned long empty_limit(const struct kspan_cache *cache, const struct kspan_node *node)
{
	if (!cache->slot_size || cache->destroyed)
		return 0;
	return node->nr_spans / 16 + (cache->span_pages == 1);
}

/* Returns one object to its span, and moves spans that are one too many to @superfluous. */
static void give(struct kspan_node *node, struct kspan_span *span, const struct kspan_slot *slot,
		 struct list_head *superfluous)
{
	lockdep_assert_held(&node->lock);
	WRITE_ONCE(*slot->state, KSPAN_STATE_FREE);
	__set_bit(slot->state - span->state, span->free_map);
	span->nr_free++;
	node->nr_out--;
	if (span->nr_free == 1 || span->nr_free == span->nr_objs)
		relist(node, span);
	/* A single is not handed out again. */
	if (kspan_span_single(span))
		remove(node, span, superfluous);
	/* The limit falls as spans go: what was kept a moment ago may be too much now. */
	while (span->where == KSPAN_LIST_EMPTY && node->nr_empty > empty_limit(span->cache, node))
		remove(node, list_last_entry(&node->empty, struct kspan_span, list), superfluous);
}

/* Returns @n objects, in state CACHED or on their way out of it, to their spans. */
void kspan_node_give(struct kspan_slot *slots, unsigned int n)
{
	LIST_HEAD(superfluous);
	unsigned int i = 0;

	while (i < n) {
		/* An object keeps its span alive until it is given back. */
		struct kspan_span *span = kspan_pagemap_find(slots[i].obj);
		struct kspan_node *node = node_of(span);
		unsigned long flags;

		/* As many as are of this node, in one hold of its lock. */
		kspan_lock(&node->lock, flags);
		do {
			give(node, span, &slots[i], &superfluous);
			if (++i == n)
				break;
			span = kspan_pagemap_find(slots[i].obj);
		} while (node_of(span) == node);
		kspan_unlock(&node->lock, flags);
	}
	free_list(&superfluous);
}

/* Gives back up to @nr pages (at least a span) of empty spans; pages given back. */
unsigned long kspan_node_release_empty(struct kspan_cache *cache, struct kspan_node *node,
				       unsigned long nr)
{
	struct kspan_span *span, *next;
	unsigned long flags, pages = 0;
	LIST_HEAD(out);

	kspan_lock(&node->lock, flags);
	list_for_each_entry_safe(span, next, &node->empty, list) {
		if (pages >= nr)
			break;
		pages += span->nr_pages;
		remove(node, span, &out);
	}
	kspan_unlock(&node->lock, flags);
	free_list(&out);
	return pages;
}
