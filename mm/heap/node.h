/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A node's part of a cache: spans by how many of their objects are out (node.c), and magazines of
 * ready objects between the arrays of the node's CPUs and these spans (depot.c).
 */
#ifndef _KSPAN_NODE_H
#define _KSPAN_NODE_H

#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/types.h>

#include "base/lock.h"
#include "heap/cache.h"


/* A batch of ready objects on its way between CPUs, or the room for one: see depot.c. */
struct kspan_magazine {
	struct kspan_magazine *next;	/* in a depot, under the node's lock */
	u8 mark;			/* of the array that they come from */
	struct kspan_slot slot[];	/* cache->batch, all in use or none */
};

/* Touched under the lock of its node. */
#define kspan_in_node	kspan_guarded_by(&lock)

/* The spans of one cache whose pages are on one node. */
struct kspan_node {
	spinlock_t lock;			/* a leaf lock */
	struct list_head partial kspan_in_node;	/* some objects handed out */
	struct list_head full kspan_in_node;	/* all */
	struct list_head empty kspan_in_node;	/* none */
	struct list_head all kspan_in_node;	/* the oldest first */
	/* In all: where a walk goes on; NULL: there is none. */
	struct list_head *walk kspan_in_node;
	kspan_watched unsigned long nr_spans kspan_in_node;
	kspan_watched unsigned long nr_empty kspan_in_node;
	kspan_watched unsigned long nr_pages kspan_in_node;
	kspan_watched unsigned long nr_objs kspan_in_node;
	/* Handed out: to callers, CPUs' arrays or the depot. */
	kspan_watched unsigned long nr_out kspan_in_node;

	/* The depot. */
	struct kspan_magazine *magazines kspan_in_node;	/* full ones */
	struct kspan_magazine *spares kspan_in_node;	/* empty ones */
	/* Of the full ones: where a walk goes on; NULL: there is none. */
	struct kspan_magazine *magazine_walk kspan_in_node;
	kspan_watched unsigned int nr_magazines kspan_in_node;
	unsigned int nr_spares kspan_in_node;
	/* The most full ones: cache->depot_max or more. */
	unsigned int depot_limit kspan_in_node;
	bool overflowed kspan_in_node;	/* since objects were last taken from spans */
};

/*
 * Is anything free in spans of @node, which may be NULL? A look from afar, without the lock: what
 * others give back or take at this moment need not be seen.
 */
static inline bool kspan_node_has_free(const struct kspan_node *node)
{
	return node && READ_ONCE(node->nr_objs) != READ_ONCE(node->nr_out);
}

/* node.c: the spans of a node. Any context but NMI, no lock held. */
void kspan_node_init(const struct kspan_cache *cache, struct kspan_node *node);
unsigned int kspan_node_take(struct kspan_cache *cache, int nid, struct kspan_slot *slots,
			     unsigned int want) kspan_no_lock;
unsigned int kspan_node_add(struct kspan_span *span, struct kspan_slot *slots,
			    unsigned int want) kspan_no_lock;
unsigned int kspan_node_add_first(struct kspan_span *span, unsigned int want) kspan_no_lock;
void kspan_node_give(struct kspan_cache *cache, struct kspan_slot *slots, unsigned int n,
		     u8 from) kspan_no_lock;
void kspan_node_stray(struct kspan_cache *cache, const struct kspan_slot *slot) kspan_no_lock;
unsigned long kspan_node_release_empty(struct kspan_cache *cache, struct kspan_node *node,
				       unsigned long nr) kspan_no_lock;
/* One of them that has objects out, off its lists, for good; NULL if there is none. */
struct kspan_span *kspan_node_orphan(struct kspan_node *node) kspan_no_lock;

void kspan_depot_grow(const struct kspan_cache *cache, struct kspan_node *node)
	kspan_must_hold(&node->lock);

/* Objects are taken from spans, since the depot had none. Under the node's lock. */
static inline void kspan_depot_missed(const struct kspan_cache *cache, struct kspan_node *node)
	kspan_must_hold(&node->lock)
{
	if (unlikely(node->overflowed))
		kspan_depot_grow(cache, node);
}

/* Is there a full magazine? From afar too. */
static inline bool kspan_depot_has_full(const struct kspan_node *node)
{
	return READ_ONCE(node->nr_magazines);
}

/* depot.c: the magazines of a node. Any context but NMI, no lock held but where it says so. */
struct kspan_magazine *kspan_depot_put(struct kspan_cache *cache, int nid,
				       struct kspan_magazine *full) kspan_no_lock;
struct kspan_magazine *kspan_depot_get(struct kspan_cache *cache, int nid, unsigned int most,
				       struct kspan_magazine *empty) kspan_no_lock;
void kspan_depot_keep(struct kspan_cache *cache, int nid, struct kspan_magazine *spare)
	kspan_no_lock;
void kspan_depot_walk_start(struct kspan_node *node) kspan_no_lock;
unsigned int kspan_depot_walk_next(const struct kspan_cache *cache, struct kspan_node *node,
				   struct kspan_slot *slots, u8 *mark) kspan_no_lock;
void kspan_depot_drain(struct kspan_cache *cache, struct kspan_node *node) kspan_no_lock;
void kspan_magazines_free(struct kspan_magazine *mags) kspan_no_lock;
unsigned long kspan_depot_count(const struct kspan_cache *cache, const struct kspan_node *node);

#endif /* _KSPAN_NODE_H */
