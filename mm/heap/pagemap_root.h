/* SPDX-License-Identifier: GPL-2.0 */
/* The page map, as the heap alone sees it: entries, walks over it, and its root. */
#ifndef _KSPAN_PAGEMAP_ROOT_H
#define _KSPAN_PAGEMAP_ROOT_H

#include <linux/atomic.h>
#include <linux/spinlock.h>

#include "base/lock.h"
#include "heap/pagemap.h"

/* ---- Entries ------------------------------------------------------------------------- */

/*
 * Enters @span for @nr_pages pages at @base, which the caller owns. Any context but NMI, no lock
 * held; sleeps only if @gfp lets it. 0 or -ENOMEM.
 */
int kspan_pagemap_set(const void *base, unsigned int nr_pages, struct kspan_span *span,
		      gfp_t gfp) kspan_no_lock;
/* Any context. */
void kspan_pagemap_clear(const void *base, unsigned int nr_pages) kspan_no_lock;
/* There is, or will be, memory from @first to @last. Process context, may sleep. 0 or -ENOMEM. */
int kspan_pagemap_cover(const void *first, const void *last) kspan_no_lock;

/* What a visit has found: a leaf, none in this place, or the end of the map. */
enum kspan_visit { KSPAN_LEAF_VISITED, KSPAN_LEAF_NONE, KSPAN_LEAF_BEYOND };

/*
 * Calls @fn, under rcu_read_lock(), for each page of a span in the leaf at *@place, and moves that
 * on: they are numbered from 0. By then the span may have been freed, and its pages too, but not
 * its header. A map that takes in memory below gives some places a higher number; whoever walks on
 * comes by some leaves twice, and misses none.
 */
enum kspan_visit kspan_pagemap_visit(unsigned long *place,
				     void (*fn)(struct kspan_span *span, const void *page))
	kspan_no_lock;

/* ---- The root ------------------------------------------------------------------------ */

/* Stands where there is no leaf, and is never written to. */
extern struct kspan_leaf kspan_no_leaf;

/* Bytes of all leaves, of pages of the root and of roots themselves. */
extern atomic_long_t kspan_pagemap_size;

/* Guards the installation of leaves and of another root: a leaf lock. */
extern spinlock_t kspan_pagemap_lock;

/* The present root, and whether it has room for leaf @i; both under kspan_pagemap_lock. */
struct kspan_pagemap *kspan_root_map(void)
	kspan_must_hold(&kspan_pagemap_lock);
bool kspan_root_has_room(const struct kspan_pagemap *map, unsigned long i)
	kspan_must_hold(&kspan_pagemap_lock);

/* The leaf behind @i, or behind all that cannot be since there is no memory. Under RCU. */
unsigned long kspan_root_next(const struct kspan_pagemap *map, unsigned long i) kspan_must_rcu;

#endif /* _KSPAN_PAGEMAP_ROOT_H */
