/* SPDX-License-Identifier: GPL-2.0 */
/* The page map: which span owns the page behind an address. */
#ifndef _KSPAN_PAGEMAP_H
#define _KSPAN_PAGEMAP_H

#include <linux/container_of.h>
#include <linux/jump_label.h>
#include <linux/kasan.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/types.h>

#include "base/lock.h"

struct kspan_span;

/* A leaf covers so many pages of the direct map: one page of pointers. */
#define KSPAN_LEAF_PAGES	(PAGE_SIZE / sizeof(void *))
#define KSPAN_LEAF_SHIFT	(PAGE_SHIFT - ilog2(sizeof(void *)))

struct kspan_leaf {
	/* kspan_no_span where there is none. */
	struct kspan_span *span[KSPAN_LEAF_PAGES] kspan_marked;
};

struct kspan_pagemap {
	unsigned long start;		/* the first address of leaf 0 */
	struct kspan_leaf *leaf[];	/* kspan_no_leaf where there is none */
};

/* In front of it: with leaf[] at 8 gcc needs no instruction to get there, and at 16 it does. */
struct kspan_pagemap_head {
	unsigned long nr_leaves;
	struct kspan_pagemap map;
};

static __always_inline unsigned long kspan_pagemap_leaves(const struct kspan_pagemap *map)
{
	return container_of(map, const struct kspan_pagemap_head, map)->nr_leaves;
}

/* Replaced, under RCU, when memory is added that it has no place for. */
extern struct kspan_pagemap __rcu *kspan_pagemap;

/* What the map says of pages that are nobody's: a span of no cache in which nothing begins. */
extern struct kspan_span kspan_no_span;

/* Which page of @map @addr lies in, whatever tag of KASAN's it has. */
static __always_inline unsigned long kspan_pagemap_page(const struct kspan_pagemap *map,
							const void *addr)
{
	return ((unsigned long)kasan_reset_tag(addr) - map->start) >> PAGE_SHIFT;
}

/*
 * The span whose page @addr lies in, or kspan_no_span. Any value is safe to ask about: only the
 * map is read, never the address. Under rcu_read_lock() or with preemption off, which keeps the
 * map, and the span unless the caller owns an object of it.
 */
static __always_inline struct kspan_span *__kspan_pagemap_find(const void *addr)
	kspan_must_rcu
{
	const struct kspan_pagemap *map = rcu_dereference_check(kspan_pagemap,
								rcu_read_lock_sched_held());
	/* Below the map this wraps to a large number, which the bound refuses too. */
	unsigned long page = kspan_pagemap_page(map, addr);
	unsigned long i = page >> KSPAN_LEAF_SHIFT;

	if (unlikely(i >= kspan_pagemap_leaves(map)))
		return &kspan_no_span;
	/* Pairs with the release in kspan_pagemap_set(). */
	return smp_load_acquire(&rcu_dereference_raw(map->leaf[i])->span[page % KSPAN_LEAF_PAGES]);
}

/* On once a cache has objects outside the pages that the map knows: heap/bypass.c has those. */
DECLARE_STATIC_KEY_FALSE(kspan_bypassing);
struct kspan_span *kspan_bypass_find(const void *addr) kspan_must_rcu;

/* The same, NULL for none; and wherever the object lies. */
static inline struct kspan_span *kspan_pagemap_find_rcu(const void *addr)
	kspan_must_rcu
{
	struct kspan_span *span = __kspan_pagemap_find(addr);

	if (likely(span != &kspan_no_span))
		return span;
	return static_branch_unlikely(&kspan_bypassing) ? kspan_bypass_find(addr) : NULL;
}

/* For whoever owns an object, which keeps the span but not the map: that is kept here. */
static inline struct kspan_span *kspan_pagemap_find(const void *addr)
{
	struct kspan_span *span;

	rcu_read_lock();
	span = kspan_pagemap_find_rcu(addr);
	rcu_read_unlock();
	return span;
}

size_t kspan_pagemap_bytes(void);

int kspan_pagemap_init(void);
void kspan_pagemap_exit(void);

#endif /* _KSPAN_PAGEMAP_H */
