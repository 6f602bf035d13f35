// SPDX-License-Identifier: GPL-2.0
/*
 * The root of the page map: an array over all addresses from the first memory to the last, wherever
 * a kernel with a randomised layout has put that in a direct map of many terabytes. Between two
 * nodes there may be terabytes of nothing, so that it is an array of virtual addresses alone: its
 * pages, each for 1 GiB of memory, are mapped one behind the other, and where there is no memory
 * that is one and the same page. When memory is added that has no place in it, before what was the
 * first, in a hole or behind the last, a longer root is mapped of the same pages and some new
 * ones, and takes the place of the old one, which goes after a grace period. Nothing is copied, so
 * that leaves may be installed through either, and no lock is held for longer than it takes to set
 * a pointer.
 *
 * Locks: kspan_pagemap_mutex, and inside it kspan_pagemap_lock. Process context.
 */
#include <linux/memory.h>
#include <linux/mmzone.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "base/compat.h"
#include "base/lock.h"
#include "heap/pagemap_root.h"

/* Pages of a root, each with so many entries, cover so many bytes. */
#define ROOT_ENTRIES	(PAGE_SIZE / sizeof(struct kspan_leaf *))
#define ROOT_SHIFT	(PAGE_SHIFT + KSPAN_LEAF_SHIFT + ilog2(ROOT_ENTRIES))
#define ROOT_BYTES	BIT(ROOT_SHIFT)

/* A root, by its pages. What readers see of it begins at the end of the head. */
struct root {
	struct kspan_pagemap *map;
	unsigned long start;		/* address; a multiple of ROOT_BYTES, as all roots' */
	unsigned long nr_pages;		/* of entries */
	struct page **page;		/* those, no_leaves for no memory; the head behind */
};

DEFINE_SPINLOCK(kspan_pagemap_lock);
/* One who replaces the root at a time; kspan_pagemap_lock is taken inside. */
static DEFINE_MUTEX(kspan_pagemap_mutex);

struct kspan_pagemap __rcu *kspan_pagemap;
EXPORT_SYMBOL_FOR_TESTS(kspan_pagemap);

static struct root root;	/* written under both locks */
static struct page *no_leaves;	/* full of kspan_no_leaf, and never written to */

/* ---- What those see who install leaves ------------------------------------------------- */

struct kspan_pagemap *kspan_root_map(void)
{
	lockdep_assert_held(&kspan_pagemap_lock);
	return root.map;
}

bool kspan_root_has_room(const struct kspan_pagemap *map, unsigned long i)
{
	lockdep_assert_held(&kspan_pagemap_lock);
	return i < kspan_pagemap_leaves(map) && root.page[i / ROOT_ENTRIES] != no_leaves;
}

unsigned long kspan_root_next(const struct kspan_pagemap *map, unsigned long i)
{
	if (i % ROOT_ENTRIES || vmalloc_to_page(&map->leaf[i]) != no_leaves)
		return i + 1;
	return i + ROOT_ENTRIES;
}

/* ---- Another one ----------------------------------------------------------------------- */

static struct page *entries_new(void)
{
	struct page *page = alloc_page(GFP_KERNEL);
	struct kspan_leaf **entry;
	unsigned int i;

	if (!page)
		return NULL;
	entry = page_address(page);
	for (i = 0; i < ROOT_ENTRIES; i++)
		entry[i] = &kspan_no_leaf;
	return page;
}

/* The page of the present root for the entries at @addr; no_leaves if it has none. */
static struct page *page_at(unsigned long addr)
{
	unsigned long k = (addr - root.start) >> ROOT_SHIFT;

	return k < root.nr_pages ? root.page[k] : no_leaves;
}

/* Gives up a root that was begun: what it has not from the present one. */
static void root_undo(struct root *new)
{
	unsigned long k;

	for (k = 0; k < new->nr_pages; k++)
		if (new->page[k] != page_at(new->start + (k << ROOT_SHIFT)))
			__free_page(new->page[k]);
	kvfree(new->page);
}

/* Begins one for @first to @last and all that the present one covers, with the pages of that. */
static int root_begin(struct root *new, unsigned long first, unsigned long last)
{
	unsigned long k;

	if (root.nr_pages) {
		first = min(first, root.start);
		last = max(last, root.start + (root.nr_pages << ROOT_SHIFT) - 1);
	}
	new->start = round_down(first, ROOT_BYTES);
	new->nr_pages = ((last - new->start) >> ROOT_SHIFT) + 1;
	new->page = kvmalloc_array(new->nr_pages + 1, sizeof(*new->page), GFP_KERNEL);
	if (!new->page)
		return -ENOMEM;
	for (k = 0; k < new->nr_pages; k++)
		new->page[k] = page_at(new->start + (k << ROOT_SHIFT));
	return 0;
}

/* There is memory from @first to @last, which it covers. */
static int root_fill(struct root *new, unsigned long first, unsigned long last)
{
	unsigned long k;

	for (k = (first - new->start) >> ROOT_SHIFT; k <= (last - new->start) >> ROOT_SHIFT; k++) {
		if (new->page[k] != no_leaves)
			continue;
		new->page[k] = entries_new();
		if (!new->page[k]) {
			new->page[k] = no_leaves;
			return -ENOMEM;
		}
	}
	return 0;
}

/* Where a root is mapped: its head is the first page there, the last in page[]. */
static void *root_address(const struct root *root)
{
	return (void *)PAGE_ALIGN_DOWN((unsigned long)root->map);
}

static int root_map(struct root *new)
{
	struct page **pages = kvmalloc_array(new->nr_pages + 1, sizeof(*pages), GFP_KERNEL);
	struct page *first = alloc_page(GFP_KERNEL);
	struct kspan_pagemap_head *head;
	void *addr = NULL;

	if (pages && first) {
		pages[0] = first;
		memcpy(pages + 1, new->page, new->nr_pages * sizeof(*pages));
		addr = vmap(pages, new->nr_pages + 1, VM_MAP, PAGE_KERNEL);
	}
	kvfree(pages);
	if (!addr) {
		if (first)
			__free_page(first);
		return -ENOMEM;
	}
	new->page[new->nr_pages] = first;
	/* So that the entries begin with the page behind. */
	head = addr + PAGE_SIZE - sizeof(*head);
	head->nr_leaves = new->nr_pages * ROOT_ENTRIES;
	head->map.start = new->start;
	new->map = &head->map;
	return 0;
}

/* Bytes of a root's own, whatever the pages are that it may share. */
static size_t root_bytes(const struct root *root)
{
	return root->nr_pages ? PAGE_SIZE + (root->nr_pages + 1) * sizeof(*root->page) : 0;
}

/* Puts @new in the place of the present one, all of whose pages it has. */
static void root_replace(struct root *new)
	kspan_must_hold_mutex(&kspan_pagemap_mutex)
{
	unsigned long flags, k, filled = 0;
	struct root old = root;

	for (k = 0; k < new->nr_pages; k++)
		filled += new->page[k] != page_at(new->start + (k << ROOT_SHIFT));
	atomic_long_add(filled * PAGE_SIZE + root_bytes(new) - root_bytes(&old),
			&kspan_pagemap_size);

	kspan_lock(&kspan_pagemap_lock, flags);
	root = *new;
	rcu_assign_pointer(kspan_pagemap, new->map);
	kspan_unlock(&kspan_pagemap_lock, flags);

	if (!old.nr_pages)
		return;
	synchronize_rcu();
	vunmap(root_address(&old));
	__free_page(old.page[old.nr_pages]);
	kvfree(old.page);
}

static bool covered(unsigned long first, unsigned long last)
{
	unsigned long at;

	for (at = round_down(first, ROOT_BYTES); at <= last; at += ROOT_BYTES)
		if (page_at(at) == no_leaves)
			return false;
	return true;
}

/* For memory from @first to @last. */
static int cover(unsigned long first, unsigned long last)
	kspan_must_hold_mutex(&kspan_pagemap_mutex)
{
	struct root new;
	int err;

	lockdep_assert_held(&kspan_pagemap_mutex);
	if (covered(first, last))
		return 0;
	err = root_begin(&new, first, last);
	if (err)
		return err;
	err = root_fill(&new, first, last) ?: root_map(&new);
	if (err)
		root_undo(&new);
	else
		root_replace(&new);
	return err;
}

int kspan_pagemap_cover(const void *first, const void *last)
{
	int err;

	mutex_lock(&kspan_pagemap_mutex);
	err = cover((unsigned long)first, (unsigned long)last);
	mutex_unlock(&kspan_pagemap_mutex);
	return err;
}
EXPORT_SYMBOL_FOR_TESTS(kspan_pagemap_cover);

/* ---- Memory ---------------------------------------------------------------------------- */

static unsigned long address_of(unsigned long pfn)
{
	return (unsigned long)__va(PFN_PHYS(pfn));
}

static int memory_event(struct notifier_block *nb, unsigned long action, void *data)
{
	struct memory_notify *event = data;

	/* Before pages of the new range can be allocated. */
	if (action != MEM_GOING_ONLINE)
		return NOTIFY_OK;
	return notifier_from_errno(kspan_pagemap_cover(__va(PFN_PHYS(event->start_pfn)),
						       __va(PFN_PHYS(event->start_pfn +
								     event->nr_pages)) - 1));
}

static struct notifier_block memory_notifier = { .notifier_call = memory_event };

/* Is there any in the section that begins at @pfn? */
static bool section_present(unsigned long pfn)
{
#ifdef CONFIG_SPARSEMEM
	return present_section_nr(pfn_to_section_nr(pfn));
#else
	return true;
#endif
}

/* What a node has: holes in it are left out where they are whole sections. */
static int fill_node(struct root *new, int nid)
{
#ifdef CONFIG_SPARSEMEM
	const unsigned long step = PAGES_PER_SECTION;
#else
	const unsigned long step = pageblock_nr_pages;
#endif
	unsigned long pfn = node_start_pfn(nid), end = node_end_pfn(nid), next;

	for (; pfn < end; pfn = next) {
		next = min(round_down(pfn, step) + step, end);
		if (section_present(pfn) &&
		    root_fill(new, address_of(pfn), address_of(next) - 1))
			return -ENOMEM;
		cond_resched();
	}
	return 0;
}

/* The memory that there is, wherever it came from. */
static int cover_present(void)
	kspan_must_hold_mutex(&kspan_pagemap_mutex)
{
	unsigned long first = ULONG_MAX, last = 0;
	struct root new;
	int nid, err;

	lockdep_assert_held(&kspan_pagemap_mutex);
	for_each_online_node(nid) {
		if (!node_present_pages(nid))
			continue;
		first = min(first, address_of(node_start_pfn(nid)));
		last = max(last, address_of(node_end_pfn(nid)) - 1);
	}
	err = root_begin(&new, first, last);
	if (err)
		return err;
	for_each_online_node(nid)
		if (!err && node_present_pages(nid))
			err = fill_node(&new, nid);
	err = err ?: root_map(&new);
	if (err)
		root_undo(&new);
	else
		root_replace(&new);
	return err;
}

static void free_all(void)
	kspan_not_checked
{
	unsigned long k, i;

	for (k = 0; k < root.nr_pages; k++) {
		struct kspan_leaf **entry = page_address(root.page[k]);

		if (root.page[k] == no_leaves)
			continue;
		for (i = 0; i < ROOT_ENTRIES; i++)
			if (entry[i] != &kspan_no_leaf)
				free_page((unsigned long)entry[i]);
		__free_page(root.page[k]);
		cond_resched();
	}
	if (root.nr_pages) {
		vunmap(root_address(&root));
		__free_page(root.page[root.nr_pages]);
		kvfree(root.page);
	}
	__free_page(no_leaves);
}

int kspan_pagemap_init(void)
{
	int err;

	no_leaves = entries_new();
	if (!no_leaves)
		return -ENOMEM;
	/* From here on it hears of memory that comes; what came before is looked for after. */
	err = register_memory_notifier(&memory_notifier);
	if (err) {
		__free_page(no_leaves);
		return err;
	}
	mutex_lock(&kspan_pagemap_mutex);
	err = cover_present();
	mutex_unlock(&kspan_pagemap_mutex);
	if (err)
		kspan_pagemap_exit();
	return err;
}

/* After the last span has gone, and a grace period since. */
void kspan_pagemap_exit(void)
{
	unregister_memory_notifier(&memory_notifier);
	free_all();
}
