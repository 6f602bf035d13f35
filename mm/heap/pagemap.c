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

static void set_pages(const void *base, unsigned int nr_pages, struct kspan_span *span)
{
	struct kspan_pagemap *map;
	unsigned long page;
	unsigned int n;

	rcu_read_lock();
	map = rcu_dereference(kspan_pagemap);
	page = kspan_pagemap_page(map, base);
	for (n = 0; n < nr_pages; n++, page++) {
		struct kspan_leaf *leaf = READ_ONCE(map->leaf[page >> KSPAN_LEAF_SHIFT]);

		/* Whoever sees the span sees it initialised; pairs with kspan_pagemap_find(). */
		smp_store_release(&leaf->span[page % KSPAN_LEAF_PAGES], span);
	}
	rcu_read_unlock();
}

int kspan_pagemap_set(const void *base, unsigned int nr_pages, struct kspan_span *span, gfp_t gfp)
{
	const unsigned long leaf_bytes = KSPAN_LEAF_PAGES << PAGE_SHIFT;
	const void *at = base, *end = base + nr_pages * PAGE_SIZE;

	for (; at < end; at = PTR_ALIGN(at + 1, leaf_bytes))
		if (install_leaf(at, gfp))
			return -ENOMEM;
	set_pages(base, nr_pages, span);
	return 0;
}
EXPORT_SYMBOL_FOR_TESTS(kspan_pagemap_set);

void kspan_pagemap_clear(const void *base, unsigned int nr_pages)
{
	set_pages(base, nr_pages, &kspan_no_span);
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
