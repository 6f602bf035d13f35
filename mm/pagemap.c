// SPDX-License-Identifier: GPL-2.0
/*
 * The page map: a radix tree of two levels over the kernel's direct map, from page to span
 * (tcmalloc's pagemap). It begins where memory does, since a kernel with a randomised layout
 * may place that anywhere in a direct map of many terabytes. A lookup is three loads and one
 * compare, touches no struct page and is safe for any address at all: user, vmalloc, module, a
 * hole in memory, freed. That is why ownership is asked here and not of page->private, which
 * many others use for their own.
 *
 * A leaf of one page covers 2 MiB (with 4 KiB pages), so the map costs 0.2 % of the memory
 * around spans. Leaves stay until the module leaves; the root grows when memory is hot-added.
 *
 * Locks: kspan_pagemap_lock, a leaf lock, guards the installation of leaves and of a longer root.
 * Readers take nothing.
 */
#include <linux/memory.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/vmalloc.h>

#include "compat.h"
#include "hooks.h"
#include "lock.h"
#include "pagemap.h"
#include "span.h"

struct kspan_span kspan_no_span;	/* reciprocal 0: no address is an object of it */
EXPORT_SYMBOL_FOR_TESTS(kspan_no_span);

static struct kspan_leaf kspan_no_leaf = {
	.span = { [0 ... KSPAN_LEAF_PAGES - 1] = &kspan_no_span },
};

/* Installs leaves and a longer root. */
static DEFINE_SPINLOCK(kspan_pagemap_lock);
/* One grower at a time; kspan_pagemap_lock is taken inside. */
static DEFINE_MUTEX(kspan_pagemap_mutex);
static atomic_long_t pagemap_bytes;

struct kspan_pagemap __rcu *kspan_pagemap;
EXPORT_SYMBOL_FOR_TESTS(kspan_pagemap);
unsigned long kspan_pagemap_start __ro_after_init;
EXPORT_SYMBOL_FOR_TESTS(kspan_pagemap_start);

static unsigned long leaf_index(const void *addr)
{
	return kspan_pagemap_page(addr) >> KSPAN_LEAF_SHIFT;
}

/* Makes sure that leaf @i is a real one. */
static int install_leaf(unsigned long i, gfp_t gfp)
{
	struct kspan_leaf *spare;
	struct kspan_pagemap *map;
	unsigned long flags;
	int err = -ENOMEM;

	rcu_read_lock();
	map = rcu_dereference(kspan_pagemap);
	if (i < map->nr_leaves && READ_ONCE(map->leaf[i]) != &kspan_no_leaf)
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
	map = rcu_dereference_protected(kspan_pagemap, lockdep_is_held(&kspan_pagemap_lock));
	if (i < map->nr_leaves) {
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
		atomic_long_add(PAGE_SIZE, &pagemap_bytes);
	return err;
}

static void set_pages(const void *base, unsigned int nr_pages, struct kspan_span *span)
{
	unsigned long page = kspan_pagemap_page(base);
	struct kspan_pagemap *map;
	unsigned int n;

	rcu_read_lock();
	map = rcu_dereference(kspan_pagemap);
	for (n = 0; n < nr_pages; n++, page++) {
		struct kspan_leaf *leaf = READ_ONCE(map->leaf[page >> KSPAN_LEAF_SHIFT]);

		/* Whoever sees the span sees it initialised; pairs with kspan_pagemap_find(). */
		smp_store_release(&leaf->span[page % KSPAN_LEAF_PAGES], span);
	}
	rcu_read_unlock();
}

/* Enters @span for @nr_pages pages at @base, which the caller owns. 0 or -ENOMEM; no lock held. */
int kspan_pagemap_set(const void *base, unsigned int nr_pages, struct kspan_span *span, gfp_t gfp)
{
	unsigned long i, last = leaf_index(base + nr_pages * PAGE_SIZE - 1);

	for (i = leaf_index(base); i <= last; i++)
		if (install_leaf(i, gfp))
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

enum kspan_visit kspan_pagemap_visit(unsigned long i,
				     void (*fn)(struct kspan_span *span, const void *page))
{
	const void *page = (void *)(kspan_pagemap_start + ((i * KSPAN_LEAF_PAGES) << PAGE_SHIFT));
	enum kspan_visit found = KSPAN_LEAF_BEYOND;
	const struct kspan_pagemap *map;
	const struct kspan_leaf *leaf;
	struct kspan_span *span;
	unsigned int n;

	rcu_read_lock();
	map = rcu_dereference(kspan_pagemap);
	if (i < map->nr_leaves) {
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

size_t kspan_pagemap_bytes(void)
{
	return atomic_long_read(&pagemap_bytes);
}

/* Makes the root at least @nr_leaves long. Process context, may sleep. 0 or -ENOMEM. */
int kspan_pagemap_grow(unsigned long nr_leaves)
{
	struct kspan_pagemap *map, *old;
	unsigned long flags, have, i;

	mutex_lock(&kspan_pagemap_mutex);
	old = rcu_dereference_protected(kspan_pagemap, lockdep_is_held(&kspan_pagemap_mutex));
	have = old ? old->nr_leaves : 0;
	if (nr_leaves <= have) {
		mutex_unlock(&kspan_pagemap_mutex);
		return 0;
	}
	map = kvmalloc(struct_size(map, leaf, nr_leaves), GFP_KERNEL);
	if (!map) {
		mutex_unlock(&kspan_pagemap_mutex);
		return -ENOMEM;
	}
	map->nr_leaves = nr_leaves;
	for (i = have; i < nr_leaves; i++)
		map->leaf[i] = &kspan_no_leaf;
	kspan_lock(&kspan_pagemap_lock, flags);
	if (have)
		memcpy(map->leaf, old->leaf, have * sizeof(map->leaf[0]));
	rcu_assign_pointer(kspan_pagemap, map);
	kspan_unlock(&kspan_pagemap_lock, flags);
	atomic_long_add((nr_leaves - have) * sizeof(map->leaf[0]), &pagemap_bytes);
	mutex_unlock(&kspan_pagemap_mutex);

	if (old) {
		synchronize_rcu();
		kvfree(old);
	}
	return 0;
}
EXPORT_SYMBOL_FOR_TESTS(kspan_pagemap_grow);

static int memory_event(struct notifier_block *nb, unsigned long action, void *data)
{
	struct memory_notify *event = data;

	/* Before pages of the new range can be allocated. */
	if (action == MEM_GOING_ONLINE) {
		const void *first = __va(PFN_PHYS(event->start_pfn));
		const void *last = __va(PFN_PHYS(event->start_pfn + event->nr_pages) - 1);

		/* Below what was the first memory there is no place in the map. */
		if ((unsigned long)first < kspan_pagemap_start)
			return notifier_from_errno(-EINVAL);
		return notifier_from_errno(kspan_pagemap_grow(leaf_index(last) + 1));
	}
	return NOTIFY_OK;
}

static struct notifier_block memory_notifier = { .notifier_call = memory_event };

/* Where the memory of the first node begins, rounded down to what a leaf covers. */
static unsigned long first_memory(void)
{
	unsigned long first = ULONG_MAX;
	int nid;

	for_each_online_node(nid)
		if (node_present_pages(nid))
			first = min(first, (unsigned long)__va(PFN_PHYS(node_start_pfn(nid))));
	return round_down(first, KSPAN_LEAF_PAGES << PAGE_SHIFT);
}

int kspan_pagemap_init(void)
{
	int err;

	kspan_pagemap_start = first_memory();
	err = kspan_pagemap_grow(leaf_index(high_memory - 1) + 1);
	if (err)
		return err;
	err = register_memory_notifier(&memory_notifier);
	if (err)
		kvfree(rcu_dereference_raw(kspan_pagemap));
	return err;
}

/* After the last span has gone, and a grace period since. */
void kspan_pagemap_exit(void)
{
	struct kspan_pagemap *map = rcu_dereference_raw(kspan_pagemap);
	unsigned long i;

	unregister_memory_notifier(&memory_notifier);
	for (i = 0; i < map->nr_leaves; i++)
		if (map->leaf[i] != &kspan_no_leaf)
			free_page((unsigned long)map->leaf[i]);
	kvfree(map);
}
