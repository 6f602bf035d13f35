/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the heap alone knows of spans and caches. It lies in one piece with what all see of them
 * (span.h, cache.h), so that the way from one to the other costs nothing.
 */
#ifndef _KSPAN_OWN_H
#define _KSPAN_OWN_H

#include <linux/container_of.h>
#include <linux/list.h>
#include <linux/log2.h>
#include <linux/rbtree.h>
#include <linux/slab.h>
#include <linux/types.h>

#include "base/lock.h"
#include "heap/cache.h"
#include "heap/span.h"

struct kspan_node;

/* On which of its node's lists a span is. */
enum kspan_span_list { KSPAN_LIST_NONE, KSPAN_LIST_PARTIAL, KSPAN_LIST_FULL, KSPAN_LIST_EMPTY };

struct kspan_span_own {
	union {
		/* Under the list lock of the node. */
		struct {
			struct list_head list;
			u32 nr_free;	/* bits set in free_map */
			enum kspan_span_list where;
		};
		struct rb_node by_address;	/* retire.c's, once retired */
	};
	union {
		struct list_head all;	/* of its node, by age; under the list lock */
		struct rcu_head rcu;	/* once it has left */
	};
	struct kspan_span span;		/* ends with state[] */
};

/* What a free reads of a span lies in one cache line. */
static_assert(offsetof(struct kspan_span_own, span.base) == 64);

static inline struct kspan_span_own *kspan_span_own(const struct kspan_span *span)
{
	return container_of(span, struct kspan_span_own, span);
}

struct kspan_cache_own {
	struct kspan_cache cache;
	/* Written before the first allocation, never after. */
	unsigned int batch;		/* objects that move at once between arrays and nodes */
	unsigned int depot_max;		/* the most full magazines of a node, at first */
	unsigned int depot_most;	/* and when more are wanted again and again */
	unsigned int span_pages;	/* as many as a span has where there is memory */
	unsigned int many_pages;	/* likewise, of a node that has many spans */
	unsigned int align;		/* bytes; 0: by the size, see kspan_cache_align() */
	struct kmem_cache *kernels;	/* of a named cache that bypasses kspan, else NULL */
	struct kspan_node *node[];	/* nr_node_ids, NULL for a node that is not possible */
};

static inline struct kspan_cache_own *kspan_cache_own(const struct kspan_cache *cache)
{
	return container_of(cache, struct kspan_cache_own, cache);
}

static inline struct kspan_node *kspan_cache_node(const struct kspan_cache *cache, int nid)
{
	return kspan_cache_own(cache)->node[nid];
}

/* What an object of @size bytes that does not lie in a slot of @cache's is aligned to. */
static inline unsigned int kspan_cache_align(const struct kspan_cache *cache, size_t size)
{
	unsigned int align = kspan_cache_own(cache)->align;

	if (align)
		return align;
	return max_t(unsigned int, is_power_of_2(size) ? size : 1, ARCH_KMALLOC_MINALIGN);
}

/* span.c: spans, made and freed. No lock held. */
struct kspan_span *kspan_span_new(struct kspan_cache *cache, size_t slot_size, gfp_t gfp,
				  int node) kspan_no_lock;
struct kspan_span *kspan_span_new_single(struct kspan_cache *cache, void *obj, size_t room,
					 size_t size, int kind, int nid, gfp_t gfp) kspan_no_lock;
void kspan_span_free(struct kspan_span *span) kspan_no_lock;
void kspan_span_free_retired(struct kspan_span *span) kspan_no_lock;
size_t kspan_span_header_bytes(const struct kspan_span *span);
u32 kspan_span_reciprocal(u32 slot_size, u32 nr_objs);

/* Bytes behind the header of a single, which are those of whoever's memory it has. */
#define KSPAN_SINGLE_TAIL	(7 * sizeof(long))

static inline void *kspan_span_tail(const struct kspan_span *span)
{
	return PTR_ALIGN((void *)&span->asked[1], sizeof(long));
}

#endif /* _KSPAN_OWN_H */
