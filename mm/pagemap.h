/* SPDX-License-Identifier: GPL-2.0 */
/* The page map: which span owns the page behind an address. */
#ifndef _KSPAN_PAGEMAP_H
#define _KSPAN_PAGEMAP_H

#include <linux/jump_label.h>
#include <linux/kasan.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/types.h>

struct kspan_span;

/* A leaf covers so many pages of the direct map: one page of pointers. */
#define KSPAN_LEAF_PAGES	(PAGE_SIZE / sizeof(void *))
#define KSPAN_LEAF_SHIFT	(PAGE_SHIFT - ilog2(sizeof(void *)))

struct kspan_leaf {
	struct kspan_span *span[KSPAN_LEAF_PAGES];	/* kspan_no_span where there is none */
};

struct kspan_pagemap {
	unsigned long nr_leaves;	/* never changes */
	struct kspan_leaf *leaf[];	/* kspan_no_leaf where there is none */
};

extern struct kspan_pagemap __rcu *kspan_pagemap;
extern unsigned long kspan_pagemap_start;	/* the first address of leaf 0, of any map */

/* What the map says of pages that are nobody's: a span of no cache in which nothing begins. */
extern struct kspan_span kspan_no_span;

/* Which page of the map @addr lies in, whatever tag of KASAN's it has. */
static __always_inline unsigned long kspan_pagemap_page(const void *addr)
{
	return ((unsigned long)kasan_reset_tag(addr) - kspan_pagemap_start) >> PAGE_SHIFT;
}

/*
 * The span whose page @addr lies in, or kspan_no_span. Any value is safe to ask about: only the
 * map is read, never the address. Under rcu_read_lock() or with preemption off, unless the
 * caller owns an object of the span, which keeps the span alive.
 */
static __always_inline struct kspan_span *__kspan_pagemap_find(const void *addr)
{
	/* Below all memory this wraps to a large number, which the bound refuses too. */
	unsigned long page = kspan_pagemap_page(addr);
	unsigned long i = page >> KSPAN_LEAF_SHIFT;
	/* The map is only replaced by a longer one with the same leaves. */
	struct kspan_pagemap *map = rcu_dereference_raw(kspan_pagemap);

	if (unlikely(i >= map->nr_leaves))
		return &kspan_no_span;
	/* Pairs with the release in kspan_pagemap_set(). */
	return smp_load_acquire(&rcu_dereference_raw(map->leaf[i])->span[page % KSPAN_LEAF_PAGES]);
}

/* On once a cache has objects outside the pages that the map knows: mm/bypass.c has those. */
DECLARE_STATIC_KEY_FALSE(kspan_bypassing);
struct kspan_span *kspan_bypass_find(const void *addr);

/* The same, NULL for none; and wherever the object lies. */
static inline struct kspan_span *kspan_pagemap_find(const void *addr)
{
	struct kspan_span *span = __kspan_pagemap_find(addr);

	if (likely(span != &kspan_no_span))
		return span;
	return static_branch_unlikely(&kspan_bypassing) ? kspan_bypass_find(addr) : NULL;
}

int kspan_pagemap_set(const void *base, unsigned int nr_pages, struct kspan_span *span,
		      gfp_t gfp);
void kspan_pagemap_clear(const void *base, unsigned int nr_pages);
int kspan_pagemap_grow(unsigned long nr_leaves);

/* What a visit has found: a leaf, none in this place, or the end of the map. */
enum kspan_visit { KSPAN_LEAF_VISITED, KSPAN_LEAF_NONE, KSPAN_LEAF_BEYOND };

/*
 * Calls @fn, under rcu_read_lock(), for each page of a span in leaf @i. By then the span may have
 * been freed, and its pages too, but not its header.
 */
enum kspan_visit kspan_pagemap_visit(unsigned long i,
				     void (*fn)(struct kspan_span *span, const void *page));
size_t kspan_pagemap_bytes(void);

int kspan_pagemap_init(void);
void kspan_pagemap_exit(void);

#endif /* _KSPAN_PAGEMAP_H */
