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
#include <linux/string.h>

#include "base/compat.h"
#include "base/hooks.h"
#include "base/lock.h"
#include "base/report.h"
#include "heap/cache.h"
#include "heap/node.h"
#include "heap/own.h"
#include "heap/pagemap.h"

/* A module parameter, off by default: an object of a new span costs a third more. */
bool kspan_freelist_random;
EXPORT_SYMBOL_FOR_TESTS(kspan_freelist_random);

void kspan_node_init(const struct kspan_cache *cache, struct kspan_node *node)
	kspan_not_checked
{
	node->depot_limit = kspan_cache_own(cache)->depot_max;
	kspan_spin_lock_init(&node->lock, "kspan_node_lock");
	INIT_LIST_HEAD(&node->partial);
	INIT_LIST_HEAD(&node->full);
	INIT_LIST_HEAD(&node->empty);
	INIT_LIST_HEAD(&node->all);
}

static struct kspan_node *node_of(const struct kspan_span *span)
{
	return kspan_cache_node(span->cache, span->nid);
}

/* The first span of a list of the node's, or NULL. */
static struct kspan_span *first_of(struct list_head *list)
{
	struct kspan_span_own *own = list_first_entry_or_null(list, struct kspan_span_own, list);

	return own ? &own->span : NULL;
}

/* Puts a span on the list that its number of free objects says. */
static void relist(struct kspan_node *node, struct kspan_span *span)
	kspan_must_hold(&node->lock)
{
	struct kspan_span_own *own = kspan_span_own(span);
	enum kspan_span_list where = KSPAN_LIST_PARTIAL;
	struct list_head *list = &node->partial;

	lockdep_assert_held(&node->lock);
	if (!own->nr_free) {
		where = KSPAN_LIST_FULL;
		list = &node->full;
	} else if (own->nr_free == span->nr_objs) {
		where = KSPAN_LIST_EMPTY;
		list = &node->empty;
	}
	if (where == own->where)
		return;
	WRITE_ONCE(node->nr_empty, node->nr_empty + (where == KSPAN_LIST_EMPTY) -
				   (own->where == KSPAN_LIST_EMPTY));
	own->where = where;
	list_move(&own->list, list);
}

/* Objects on their way out of bitmaps. */
struct taking {
	struct kspan_slot *slots;
	unsigned int n, want;
	u64 chance;
	const void *freed_twice;	/* found on the way, to be reported without the lock */
};

/*
 * Object @i, whose bit is cleared. If it is not FREE it was freed once more by another CPU, whose
 * array it is in or was handed out from: then it stays out.
 */
static void take_one(struct kspan_span *span, unsigned int i, struct taking *t)
{
	struct kspan_slot *slot = &t->slots[t->n];

	slot->obj = kspan_span_object(span, i);
	slot->state = &span->state[i];
	if (likely(READ_ONCE(span->state[i]) == KSPAN_STATE_FREE)) {
		WRITE_ONCE(span->state[i], KSPAN_STATE_CACHED);
		t->n++;
	} else {
		t->freed_twice = slot->obj;
	}
}

static void take_in_order(struct kspan_span *span, struct taking *t, unsigned int want)
{
	unsigned long bits;
	unsigned int w;

	for (w = 0; want; w++) {
		bits = span->free_map[w];
		for (; bits && want; bits &= bits - 1, want--)
			take_one(span, w * BITS_PER_LONG + __ffs(bits), t);
		span->free_map[w] = bits;
	}
}

/*
 * Each the first that is free from a random place on. Behind objects that are taken that is not
 * quite as likely for each; but which is next, nobody can tell. The steps between are those of a
 * linear congruential generator, whose upper half is used.
 */
static void take_at_random(struct kspan_span *span, struct taking *t, unsigned int want)
{
	unsigned int i;

	while (want--) {
		t->chance = t->chance * 6364136223846793005ULL + 1442695040888963407ULL;
		i = (t->chance >> 32) * span->nr_objs >> 32;
		i = find_next_bit(span->free_map, span->nr_objs, i);
		if (i >= span->nr_objs)
			i = find_first_bit(span->free_map, span->nr_objs);
		__clear_bit(i, span->free_map);
		take_one(span, i, t);
	}
}

/* Takes what is still wanted, or as much as there is, out of @span's bitmap. */
static void take_from_span(struct kspan_node *node, struct kspan_span *span, struct taking *t)
	kspan_must_hold(&node->lock)
{
	struct kspan_span_own *own = kspan_span_own(span);
	unsigned int want = min(t->want - t->n, own->nr_free);

	lockdep_assert_held(&node->lock);
	if (READ_ONCE(kspan_freelist_random))
		take_at_random(span, t, want);
	else
		take_in_order(span, t, want);
	own->nr_free -= want;
	WRITE_ONCE(node->nr_out, node->nr_out + want);
	relist(node, span);
}

static void report_twice(const struct kspan_cache *cache, const void *obj)
{
	kspan_report(KSPAN_DOUBLE_FREES, obj, "double free by two CPUs at once, cache %s",
		     kspan_cache_name(cache));
}

/*
 * A slot whose object another CPU has freed too, at the same moment, and which is that CPU's: it
 * is told of, and goes nowhere. Any context but NMI, no lock held.
 */
void kspan_node_stray(struct kspan_cache *cache, const struct kspan_slot *slot)
{
	report_twice(cache, slot->obj);
}

/* Before the lock: the kernel's generator takes locks of its own. */
static u64 draw_chance(void)
{
	return READ_ONCE(kspan_freelist_random) ? get_random_u64() : 0;
}

/* Up to @want objects from the spans of node @nid; how many. */
unsigned int kspan_node_take(struct kspan_cache *cache, int nid, struct kspan_slot *slots,
			     unsigned int want)
{
	struct taking t = { .slots = slots, .want = want };
	struct kspan_node *node = kspan_cache_node(cache, nid);
	struct kspan_span *span;
	unsigned long flags;

	if (!kspan_node_has_free(node))
		return 0;
	t.chance = draw_chance();
	kspan_lock(&node->lock, flags);
	kspan_depot_missed(cache, node);
	while (t.n < want) {
		span = first_of(&node->partial);
		if (!span)
			span = first_of(&node->empty);
		if (!span)
			break;
		take_from_span(node, span, &t);
	}
	kspan_unlock(&node->lock, flags);
	if (unlikely(t.freed_twice))
		report_twice(cache, t.freed_twice);
	return t.n;
}

/* Enters a new span in its node's books; not in its lists yet. */
static void enter_span(struct kspan_node *node, struct kspan_span *span)
	kspan_must_hold(&node->lock)
{
	lockdep_assert_held(&node->lock);
	list_add_tail(&kspan_span_own(span)->all, &node->all);
	WRITE_ONCE(node->nr_spans, node->nr_spans + 1);
	WRITE_ONCE(node->nr_pages, node->nr_pages + span->nr_pages);
	WRITE_ONCE(node->nr_objs, node->nr_objs + span->nr_objs);
}

/* Enters a new span with its node, and takes up to @want objects from it; how many. */
unsigned int kspan_node_add(struct kspan_span *span, struct kspan_slot *slots, unsigned int want)
{
	struct taking t = { .slots = slots, .want = want, .chance = draw_chance() };
	struct kspan_node *node = node_of(span);
	unsigned long flags;

	kspan_lock(&node->lock, flags);
	enter_span(node, span);
	take_from_span(node, span, &t);
	kspan_unlock(&node->lock, flags);
	return t.n;
}

/*
 * The same, but the objects are the first ones, and the caller knows what that means: their state
 * is still FREE.
 */
unsigned int kspan_node_add_first(struct kspan_span *span, unsigned int want)
{
	struct kspan_span_own *own = kspan_span_own(span);
	struct kspan_node *node = node_of(span);
	unsigned int n = min_t(unsigned int, want, span->nr_objs);
	bool full = n == span->nr_objs;
	unsigned long flags;

	/* Nobody else has it yet. */
	span->free_map[0] &= ~GENMASK(n - 1, 0);
	own->nr_free -= n;
	own->where = full ? KSPAN_LIST_FULL : KSPAN_LIST_PARTIAL;
	kspan_lock(&node->lock, flags);
	kspan_depot_missed(span->cache, node);
	enter_span(node, span);
	WRITE_ONCE(node->nr_out, node->nr_out + n);
	list_add(&own->list, full ? &node->full : &node->partial);
	kspan_unlock(&node->lock, flags);
	return n;
}

/* Takes @span off its node's books; the caller frees it after dropping the lock. */
static void remove(struct kspan_node *node, struct kspan_span *span, struct list_head *out)
	kspan_must_hold(&node->lock)
{
	struct kspan_span_own *own = kspan_span_own(span);

	lockdep_assert_held(&node->lock);
	WRITE_ONCE(node->nr_empty, node->nr_empty - 1);
	WRITE_ONCE(node->nr_spans, node->nr_spans - 1);
	WRITE_ONCE(node->nr_pages, node->nr_pages - span->nr_pages);
	WRITE_ONCE(node->nr_objs, node->nr_objs - span->nr_objs);
	own->where = KSPAN_LIST_NONE;
	list_move(&own->list, out);
	if (node->walk == &own->all)
		node->walk = own->all.next;
	list_del(&own->all);
}

/*
 * May @span, all of whose objects seem to be in its bitmap, be freed? Not if one was freed once
 * more by another CPU, which then has it, or had it wait for a grace period. The books are put
 * right then. @twice is such an object.
 */
static bool may_go(struct kspan_node *node, struct kspan_span *span, const void **twice)
	kspan_must_hold(&node->lock)
{
	struct kspan_span_own *own = kspan_span_own(span);
	unsigned int i;

	lockdep_assert_held(&node->lock);
	/* A CPU that frees one twice may be writing: it comes to where that is found as well. */
	if (unlikely(data_race(memchr_inv(span->state, KSPAN_STATE_FREE, span->nr_objs)))) {
		for (i = 0; i < span->nr_objs; i++) {
			if (READ_ONCE(span->state[i]) == KSPAN_STATE_FREE)
				continue;
			*twice = kspan_span_object(span, i);
			__clear_bit(i, span->free_map);
			own->nr_free--;
			WRITE_ONCE(node->nr_out, node->nr_out + 1);
		}
		relist(node, span);
		return false;
	}
	return likely(!test_bit(KSPAN_SPAN_RCU_QUEUED, &span->flags));
}

static void free_list(struct list_head *spans)
{
	struct kspan_span_own *own, *next;

	list_for_each_entry_safe(own, next, spans, list)
		kspan_span_free(&own->span);
}

/*
 * Empty spans kept against the next burst: a sixteenth of all, and one more if it is a single
 * page. So an idle cache holds at most a page, and a burst leaves little behind.
 */
static unsigned long empty_limit(const struct kspan_cache *cache, const struct kspan_node *node)
	kspan_must_hold(&node->lock)
{
	if (!cache->slot_size || cache->destroyed)
		return 0;
	return node->nr_spans / 16 + (kspan_cache_own(cache)->span_pages == 1);
}

/*
 * Returns one object to its span, and moves spans that are one too many to @superfluous. @twice
 * is an object that was found to be freed twice.
 */
static void give(struct kspan_node *node, struct kspan_span *span, const struct kspan_slot *slot,
		 struct list_head *superfluous, const void **twice)
	kspan_must_hold(&node->lock)
{
	struct kspan_span_own *own = kspan_span_own(span);
	struct kspan_span *last;
	unsigned int most = 4;
	bool emptied;

	lockdep_assert_held(&node->lock);
	WRITE_ONCE(*slot->state, KSPAN_STATE_FREE);
	if (unlikely(__test_and_set_bit(slot->state - span->state, span->free_map))) {
		*twice = slot->obj;
		return;
	}
	own->nr_free++;
	WRITE_ONCE(node->nr_out, node->nr_out - 1);
	if (own->nr_free == 1 || own->nr_free == span->nr_objs)
		relist(node, span);
	/* A single is not handed out again. */
	if (kspan_span_single(span))
		remove(node, span, superfluous);
	/*
	 * The limit falls as spans go, and when the cache is destroyed: what was kept a moment ago
	 * may be too much now. What is left after a few goes with the next ones.
	 */
	emptied = own->where == KSPAN_LIST_EMPTY;
	for (; most && emptied && node->nr_empty > empty_limit(span->cache, node); most--) {
		last = &list_last_entry(&node->empty, struct kspan_span_own, list)->span;
		/* A larger one first, so that a page is what stays at the end. */
		if (first_of(&node->empty)->nr_pages > last->nr_pages)
			last = first_of(&node->empty);
		if (likely(may_go(node, last, twice)))
			remove(node, last, superfluous);
		else if (kspan_span_own(last)->where == KSPAN_LIST_EMPTY)
			break;
	}
}

/*
 * The span of a slot whose state is @from, or NULL: it is a stray, which need not even have a span
 * any more. Under RCU.
 */
static struct kspan_span *home_of(const struct kspan_slot *slot, u8 from)
	kspan_must_rcu
{
	struct kspan_span *span = kspan_pagemap_find_rcu(slot->obj);

	if (unlikely(!span || (size_t)(slot->state - span->state) >= span->nr_objs))
		return NULL;
	return likely(READ_ONCE(*slot->state) == from) ? span : NULL;
}

/* Returns @n objects of @cache to their spans. Their state is @from, but for strays. */
void kspan_node_give(struct kspan_cache *cache, struct kspan_slot *slots, unsigned int n, u8 from)
{
	LIST_HEAD(superfluous);
	unsigned int i = 0;

	while (i < n) {
		const void *twice = NULL;
		struct kspan_node *node;
		struct kspan_span *span;
		unsigned long flags;

		rcu_read_lock();
		span = home_of(&slots[i], from);
		if (unlikely(!span)) {
			rcu_read_unlock();
			kspan_node_stray(cache, &slots[i++]);
			continue;
		}
		/* An object keeps its span alive until it is given back. */
		node = node_of(span);
		/* As many as are of this node, in one hold of its lock. */
		kspan_lock(&node->lock, flags);
		do {
			give(node, span, &slots[i], &superfluous, &twice);
			if (++i == n)
				break;
			span = home_of(&slots[i], from);
		} while (span && node_of(span) == node);
		kspan_unlock(&node->lock, flags);
		rcu_read_unlock();
		if (unlikely(twice))
			report_twice(cache, twice);
	}
	free_list(&superfluous);
}

struct kspan_span *kspan_node_orphan(struct kspan_node *node)
{
	struct kspan_span *span;
	unsigned long flags;

	kspan_lock(&node->lock, flags);
	span = first_of(&node->partial);
	if (!span)
		span = first_of(&node->full);
	if (span) {
		list_del_init(&kspan_span_own(span)->list);
		list_del_init(&kspan_span_own(span)->all);
	}
	kspan_unlock(&node->lock, flags);
	return span;
}

/* So many spans are looked at in one hold of the lock. */
#define WALK_AT_ONCE	32

/* As kspan_node_release_empty(), of a few; *@left are still to be looked at. */
static unsigned long release_some(struct kspan_cache *cache, struct kspan_node *node,
				  unsigned long nr, unsigned long *left)
{
	unsigned long flags, pages = 0;
	const void *twice = NULL;
	struct kspan_span *span;
	LIST_HEAD(out);
	int i;

	kspan_lock(&node->lock, flags);
	for (i = 0; i < WALK_AT_ONCE && *left && pages < nr; i++) {
		span = first_of(&node->empty);
		if (!span) {
			*left = 0;
			break;
		}
		--*left;
		if (likely(may_go(node, span, &twice))) {
			pages += span->nr_pages;
			remove(node, span, &out);
		} else if (kspan_span_own(span)->where == KSPAN_LIST_EMPTY) {
			/* Behind those that are still to be looked at. */
			list_move_tail(&kspan_span_own(span)->list, &node->empty);
		}
	}
	kspan_unlock(&node->lock, flags);
	if (unlikely(twice))
		report_twice(cache, twice);
	free_list(&out);
	return pages;
}

/* Gives back up to @nr pages (at least a span) of empty spans; pages given back. */
unsigned long kspan_node_release_empty(struct kspan_cache *cache, struct kspan_node *node,
				       unsigned long nr)
{
	unsigned long pages = 0, left = READ_ONCE(node->nr_empty);

	while (pages < nr && left) {
		pages += release_some(cache, node, nr - pages, &left);
		kspan_test_point(KSPAN_AT_WALK);
	}
	return pages;
}
