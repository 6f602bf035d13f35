// SPDX-License-Identifier: GPL-2.0
/*
 * The depot of a node: magazines, which are batches of ready objects, between the arrays of the
 * node's CPUs and its spans (Bonwick and Adams 2001). A CPU whose array is full exchanges a full
 * magazine for an empty one, a CPU whose array is empty does the reverse: the lock is held for
 * two pointers, and objects that one CPU allocates and another frees go round without a look at
 * their spans. An array is not itself a magazine, since reaching it through a pointer would cost
 * each allocation and each free an instruction; filling and emptying it copies half of it.
 *
 * A magazine is either full, with cache->batch objects that count as handed out, or empty. Each
 * CPU keeps an empty one or two at hand. What all magazines of a node hold is bounded; beyond that,
 * objects go to their spans. The bound follows the load: each time that objects had to be taken
 * from spans after others were given to them, which the depot might have kept, it doubles, from
 * cache->depot_max to cache->depot_most. When the depot is drained, as memory pressure does first,
 * it is back where it began.
 *
 * Locks: the node's list lock, a leaf. Nothing is allocated or freed under it.
 */
#include <linux/slab.h>
#include <linux/string.h>

#include "base/compat.h"
#include "base/lock.h"
#include "heap/cache.h"
#include "heap/node.h"
#include "heap/own.h"

/* One of the node's two lists of magazines, under its lock. */
static void push(struct kspan_node *node, struct kspan_magazine **list, struct kspan_magazine *mag)
	kspan_must_hold(&node->lock)
{
	lockdep_assert_held(&node->lock);
	mag->next = *list;
	*list = mag;
}

static struct kspan_magazine *pop(struct kspan_node *node, struct kspan_magazine **list)
	kspan_must_hold(&node->lock)
{
	struct kspan_magazine *mag = *list;

	lockdep_assert_held(&node->lock);
	if (mag)
		*list = mag->next;
	return mag;
}

void kspan_magazines_free(struct kspan_magazine *mags)
{
	struct kspan_magazine *next;

	for (; mags; mags = next) {
		next = mags->next;
		kfree(mags);
	}
}

/*
 * Keeps @empty magazines of a list for whoever comes with a full one, as many as the node may have;
 * those that are too many.
 */
static struct kspan_magazine *keep_empty(struct kspan_node *node, struct kspan_magazine *empty)
	kspan_must_hold(&node->lock)
{
	struct kspan_magazine *next;

	lockdep_assert_held(&node->lock);
	for (; empty && node->nr_spares < node->depot_limit; empty = next) {
		next = empty->next;
		push(node, &node->spares, empty);
		node->nr_spares++;
	}
	return empty;
}

/*
 * Exchanges @full, which may not be kept by the caller, for an empty magazine or NULL. When the
 * node has enough full ones the objects go to their spans, and the magazine itself comes back
 * empty. Any context but NMI, no lock held.
 */
struct kspan_magazine *kspan_depot_put(struct kspan_cache *cache, int nid,
				       struct kspan_magazine *full)
{
	struct kspan_node *node = kspan_cache_node(cache, nid);
	struct kspan_magazine *empty = NULL;
	unsigned long flags;
	bool room;

	kspan_lock(&node->lock, flags);
	room = node->nr_magazines < node->depot_limit;
	node->overflowed |= !room;
	if (room) {
		push(node, &node->magazines, full);
		WRITE_ONCE(node->nr_magazines, node->nr_magazines + 1);
		empty = pop(node, &node->spares);
		if (empty)
			node->nr_spares--;
	}
	kspan_unlock(&node->lock, flags);
	if (room)
		return empty;
	kspan_node_give(cache, full->slot, kspan_cache_own(cache)->batch, full->mark);
	return full;
}
EXPORT_SYMBOL_FOR_TESTS(kspan_depot_put);

/*
 * Takes up to @most full magazines: the first, with the others behind it; NULL when there is none.
 * @empty, NULL or a list, is kept as by kspan_depot_keep(). Any context but NMI, no lock held.
 */
struct kspan_magazine *kspan_depot_get(struct kspan_cache *cache, int nid, unsigned int most,
				       struct kspan_magazine *empty)
{
	struct kspan_node *node = kspan_cache_node(cache, nid);
	struct kspan_magazine *first, *last = NULL;
	unsigned long flags;

	kspan_lock(&node->lock, flags);
	empty = keep_empty(node, empty);
	first = node->magazines;
	for (; most && node->magazines; most--) {
		last = pop(node, &node->magazines);
		if (unlikely(node->magazine_walk == last))
			node->magazine_walk = last->next;
		WRITE_ONCE(node->nr_magazines, node->nr_magazines - 1);
	}
	if (last)
		last->next = NULL;
	kspan_unlock(&node->lock, flags);
	kspan_magazines_free(empty);
	return first;
}
EXPORT_SYMBOL_FOR_TESTS(kspan_depot_get);

/*
 * Keeps empty magazines, @spare and those behind it, for whoever comes with a full one, or frees
 * what is too much. Any context but NMI, no lock held.
 */
void kspan_depot_keep(struct kspan_cache *cache, int nid, struct kspan_magazine *spare)
{
	struct kspan_node *node = kspan_cache_node(cache, nid);
	unsigned long flags;

	kspan_lock(&node->lock, flags);
	spare = keep_empty(node, spare);
	kspan_unlock(&node->lock, flags);
	kspan_magazines_free(spare);
}

/* What went to spans for want of room is wanted again. Under the node's lock. */
void kspan_depot_grow(const struct kspan_cache *cache, struct kspan_node *node)
{
	lockdep_assert_held(&node->lock);
	node->overflowed = false;
	node->depot_limit = min(2 * node->depot_limit, kspan_cache_own(cache)->depot_most);
}

/* Gives the objects of all magazines back to their spans. Any context but NMI, no lock held. */
void kspan_depot_drain(struct kspan_cache *cache, struct kspan_node *node)
{
	struct kspan_magazine *full, *spares, *mag;
	unsigned long flags;

	kspan_lock(&node->lock, flags);
	full = node->magazines;
	node->magazines = NULL;
	node->magazine_walk = NULL;
	WRITE_ONCE(node->nr_magazines, 0);
	spares = node->spares;
	node->spares = NULL;
	node->nr_spares = 0;
	node->depot_limit = kspan_cache_own(cache)->depot_max;
	node->overflowed = false;
	kspan_unlock(&node->lock, flags);

	while ((mag = full)) {
		full = mag->next;
		kspan_node_give(cache, mag->slot, kspan_cache_own(cache)->batch, mag->mark);
		kfree(mag);
	}
	kspan_magazines_free(spares);
}

/*
 * Begins a walk over the full magazines that are there. One that comes meanwhile may be left out,
 * and one that goes is. One walk at a time; process context.
 */
void kspan_depot_walk_start(struct kspan_node *node)
{
	unsigned long flags;

	kspan_lock(&node->lock, flags);
	node->magazine_walk = node->magazines;
	kspan_unlock(&node->lock, flags);
}
EXPORT_SYMBOL_FOR_TESTS(kspan_depot_walk_start);

/*
 * Copies the slots of the next one, so that the lock is held for no more than that; how many, 0 at
 * the end.
 */
unsigned int kspan_depot_walk_next(const struct kspan_cache *cache, struct kspan_node *node,
				   struct kspan_slot *slots, u8 *mark)
{
	const struct kspan_magazine *mag;
	unsigned long flags;

	kspan_lock(&node->lock, flags);
	mag = node->magazine_walk;
	if (mag) {
		memcpy(slots, mag->slot, kspan_cache_own(cache)->batch * sizeof(*slots));
		*mark = mag->mark;
		node->magazine_walk = mag->next;
	}
	kspan_unlock(&node->lock, flags);
	return mag ? kspan_cache_own(cache)->batch : 0;
}
EXPORT_SYMBOL_FOR_TESTS(kspan_depot_walk_next);

/* Objects in the magazines of @node. */
unsigned long kspan_depot_count(const struct kspan_cache *cache, const struct kspan_node *node)
{
	return (unsigned long)READ_ONCE(node->nr_magazines) * kspan_cache_own(cache)->batch;
}
