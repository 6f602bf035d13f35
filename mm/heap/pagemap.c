// SPDX-License-Identifier: GPL-2.0
/*
 * The page map: a radix tree of two levels over the kernel's direct map, from page to span
 * (tcmalloc's pagemap). A lookup is three loads and one compare, touches no struct page and is
 * safe for any address at all: user, vmalloc, module, a hole in memory, freed. That is why
 * ownership is asked here and not of page->private, which many others use for their own.
 *
 * A leaf of one page covers 2 MiB (with 4 KiB pages), so the map costs 0.2 % of the memory
 * around spans. Leaves stay until the module leaves.
 *
 * Here are the leaves and what is in them; the root, which may be replaced by a longer one while
 * they are, is in pagemap_root.c.
 *
 * Locks: kspan_pagemap_lock, for the installation of leaves. Readers take nothing; RCU, or
 * preemption being off, keeps the root.
 */
#include <linux/mm.h>
#include <linux/spinlock.h>

#include "base/compat.h"
#include "base/hooks.h"
#include "base/lock.h"
#include "heap/pagemap.h"
#include "heap/pagemap_root.h"
#include "heap/span.h"

struct kspan_span kspan_no_span;	/* reciprocal 0: no address is an object of it */
EXPORT_SYMBOL_FOR_TESTS(kspan_no_span);

struct kspan_leaf kspan_no_leaf = {
	.span = { [0 ... KSPAN_LEAF_PAGES - 1] = &kspan_no_span },
};

atomic_long_t kspan_pagemap_size;

static unsigned long leaf_index(const struct kspan_pagemap *map, const void *addr)
{
	return kspan_pagemap_page(map, addr) >> KSPAN_LEAF_SHIFT;
}

/* Makes sure that the leaf for @addr is a real one. */
static int install_leaf(const void *addr, gfp_t gfp)
{
	struct kspan_leaf *spare;
	struct kspan_pagemap *map;
	unsigned long flags, i;
	int err = -ENOMEM;

	rcu_read_lock();
	map = rcu_dereference(kspan_pagemap);
	i = leaf_index(map, addr);
	if (i < kspan_pagemap_leaves(map) && READ_ONCE(map->leaf[i]) != &kspan_no_leaf)
		err = 0;
	rcu_read_unlock();
	if (!err)
		return 0;

	spare = (void *)__get_free_page(gfp);
	if (!spare)
		return -ENOMEM;
	*spare = kspan_no_leaf;
	kspan_test_point(KSPAN_AT_LEAF);

	kspan_lock(&kspan_pagemap_lock, flags);
	map = kspan_root_map();
	i = leaf_index(map, addr);
	if (kspan_root_has_room(map, i)) {
		err = 0;
		if (map->leaf[i] == &kspan_no_leaf) {
			/* The leaf is filled before it is published: readers depend on it. */
			smp_store_release(&map->leaf[i], spare);
			spare = NULL;
		}
	}
	kspan_unlock(&kspan_pagemap_lock, flags);

	if (spare)
		free_page((unsigned long)spare);
	else
		atomic_long_add(PAGE_SIZE, &kspan_pagemap_size);
	return err;
}

/* Enters @span for the pages from @at to @end, all of one leaf; false: there is none yet. */
static __always_inline bool set_pages(const void *at, const void *end, struct kspan_span *span)
{
	struct kspan_leaf *leaf = NULL;
	struct kspan_pagemap *map;
	struct kspan_span **place;
	unsigned long page, i;

	rcu_read_lock();
	map = rcu_dereference(kspan_pagemap);
	page = kspan_pagemap_page(map, at);
	i = page >> KSPAN_LEAF_SHIFT;
	if (likely(i < kspan_pagemap_leaves(map)))
		leaf = READ_ONCE(map->leaf[i]);
	/* A leaf stays, whatever becomes of the root. */
	rcu_read_unlock();
	if (unlikely(!leaf || leaf == &kspan_no_leaf))
		return false;
#pragma GCC unroll 4
	for (place = &leaf->span[page % KSPAN_LEAF_PAGES]; at < end; at += PAGE_SIZE, place++)
		/* Whoever sees the span sees it initialised; pairs with kspan_pagemap_find(). */
		smp_store_release(place, span);
	return true;
}

/* Where the leaf ends that @at is in, or @end if that comes before. */
static const void *leaf_end(const void *at, const void *end)
{
	return min_t(const void *, PTR_ALIGN(at + 1, KSPAN_LEAF_PAGES << PAGE_SHIFT), end);
}

/* For several leaves, or one that is not there: all have to be before anybody finds the span. */
static noinline int set_leaves(const void *base, const void *end, struct kspan_span *span,
			       gfp_t gfp)
{
	const void *at;

	for (at = base; at < end; at = leaf_end(at, end))
		if (install_leaf(at, gfp))
			return -ENOMEM;
	for (at = base; at < end; at = leaf_end(at, end))
		set_pages(at, leaf_end(at, end), span);
	return 0;
}

int kspan_pagemap_set(const void *base, unsigned int nr_pages, struct kspan_span *span, gfp_t gfp)
{
	const void *end = base + nr_pages * PAGE_SIZE;

	if (likely(leaf_end(base, end) == end && set_pages(base, end, span)))
		return 0;
	return set_leaves(base, end, span, gfp);
}
EXPORT_SYMBOL_FOR_TESTS(kspan_pagemap_set);

void kspan_pagemap_clear(const void *base, unsigned int nr_pages)
{
	const void *at, *end = base + nr_pages * PAGE_SIZE;

	for (at = base; at < end; at = leaf_end(at, end))
		set_pages(at, leaf_end(at, end), &kspan_no_span);
}
EXPORT_SYMBOL_FOR_TESTS(kspan_pagemap_clear);

enum kspan_visit kspan_pagemap_visit(unsigned long *place,
				     void (*fn)(struct kspan_span *span, const void *page))
{
	enum kspan_visit found = KSPAN_LEAF_BEYOND;
	const struct kspan_pagemap *map;
	const struct kspan_leaf *leaf;
	unsigned long i = *place;
	struct kspan_span *span;
	const void *page;
	unsigned int n;

	rcu_read_lock();
	map = rcu_dereference(kspan_pagemap);
	if (i < kspan_pagemap_leaves(map)) {
		*place = kspan_root_next(map, i);
		page = (void *)(map->start + ((i * KSPAN_LEAF_PAGES) << PAGE_SHIFT));
		leaf = READ_ONCE(map->leaf[i]);
		found = leaf == &kspan_no_leaf ? KSPAN_LEAF_NONE : KSPAN_LEAF_VISITED;
		for (n = 0; found == KSPAN_LEAF_VISITED && n < KSPAN_LEAF_PAGES; n++) {
			/* Pairs with the release in set_pages(). */
			span = smp_load_acquire(&leaf->span[n]);
			if (span != &kspan_no_span)
				fn(span, page + n * PAGE_SIZE);
		}
	}
	rcu_read_unlock();
	return found;
}
EXPORT_SYMBOL_FOR_TESTS(kspan_pagemap_visit);

size_t kspan_pagemap_bytes(void)
{
	return atomic_long_read(&kspan_pagemap_size);
}
EXPORT_SYMBOL_FOR_TESTS(kspan_pagemap_bytes);
