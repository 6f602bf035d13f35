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

#include "heap/cache.h"

struct kspan_span_line;

/* A batch of ready objects on its way between CPUs, or the room for one: see depot.c. */
struct kspan_magazine {
	struct kspan_magazine *next;	/* in a depot, under the node's lock */
	u8 mark;			/* of the array that they come from */
	struct kspan_slot slot[];	/* cache->batch, all in use or none */
};

/* The spans of one cache whose pages are on one node. */
struct kspan_node {
	spinlock_t lock;		/* a leaf lock */
	struct list_head partial;	/* some objects handed out; under lock, as all below */
	struct list_head full;		/* all */
	struct list_head empty;		/* none */
	struct list_head all;		/* the oldest first */
	struct list_head *walk;		/* in all: where a walk goes on; NULL: there is none */
	unsigned long nr_spans;
	unsigned long nr_empty;
	unsigned long nr_pages;
	unsigned long nr_objs;
	unsigned long nr_out;		/* handed out: to callers, CPUs' arrays or the depot */

	/* The depot, under lock too. */
	struct kspan_magazine *magazines;	/* full ones */
	struct kspan_magazine *spares;		/* empty ones */
	struct kspan_magazine *magazine_walk;	/* of these: where a walk goes on; NULL: none */
	unsigned int nr_magazines;		/* read without the lock */
	unsigned int nr_spares;
};

/* node.c: the spans of a node. Any context but NMI, no lock held. */
void kspan_node_init(struct kspan_node *node);
unsigned int kspan_node_take(struct kspan_cache *cache, int nid, struct kspan_slot *slots,
			     unsigned int want);
unsigned int kspan_node_add(struct kspan_span *span, struct kspan_slot *slots,
			    unsigned int want);
void kspan_node_give(struct kspan_cache *cache, struct kspan_slot *slots, unsigned int n,
		     u8 from);
void kspan_node_stray(struct kspan_cache *cache, const struct kspan_slot *slot);
unsigned long kspan_node_release_empty(struct kspan_cache *cache, struct kspan_node *node,
				       unsigned long nr);
/* One of them that has objects out, off its lists, for good; NULL if there is none. */
struct kspan_span *kspan_node_orphan(struct kspan_node *node);
unsigned long kspan_node_walk(struct kspan_node *node, struct kspan_span_line *lines,
			      unsigned long room);

/* depot.c: the magazines of a node. Any context but NMI, no lock held. */
struct kspan_magazine *kspan_depot_put(struct kspan_cache *cache, int nid,
				       struct kspan_magazine *full);
struct kspan_magazine *kspan_depot_get(struct kspan_cache *cache, int nid,
				       struct kspan_magazine *empty);
void kspan_depot_walk_start(struct kspan_node *node);
unsigned int kspan_depot_walk_next(const struct kspan_cache *cache, struct kspan_node *node,
				   struct kspan_slot *slots, u8 *mark);
void kspan_depot_drain(struct kspan_cache *cache, struct kspan_node *node);
unsigned long kspan_depot_count(const struct kspan_cache *cache, const struct kspan_node *node);

#endif /* _KSPAN_NODE_H */
