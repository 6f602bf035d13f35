// SPDX-License-Identifier: GPL-2.0
/*
 * A module that knows nothing of kspan: known numbers of pages from known functions, through each
 * of the kernel's ways to take and to give back, and objects of slab's that are made of pages, so
 * that what the taps say of them can be compared with what is true. scripts/tests/tap-pages has
 * the same numbers.
 *
 * It does so when it is loaded; of each kind some are freed at once and the rest when it is
 * unloaded. The last kind is a task that takes pages while a timer's handler does the same in the
 * middle of that, and each frees what the other has taken; how often is in the parameters hoarded
 * and gifted, and when it is over, nothing of it is left.
 *
 * With area=N it only has an area of N megabytes for as long as it is loaded.
 */
#include <linux/atomic.h>
#include <linux/delay.h>
#include <linux/gfp.h>
#include <linux/hrtimer.h>
#include <linux/irqflags.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "base/compat.h"

#define NR_KEPT		300
#define NR_ALL		500
#define NR_BLOCKS	40
#define NR_BLOCKS_KEPT	25
#define NR_BULK		64
#define NR_HOARD	64
#define BLOCK_ORDER	3
#define SPLIT_ORDER	4
#define SPLIT_PAGES	BIT(SPLIT_ORDER)
#define SPLIT_KEPT	12
#define EXACT_BYTES	(5 * PAGE_SIZE)
#define AREA_BYTES	(300 * PAGE_SIZE)

static unsigned int area;
module_param(area, uint, 0);
MODULE_PARM_DESC(area, "megabytes to have in one area");

static unsigned int ticks = 10000;
module_param(ticks, uint, 0);
MODULE_PARM_DESC(ticks, "how often the timer comes (default 10000)");

static unsigned long hoarded, gifted;
module_param(hoarded, ulong, 0444);
MODULE_PARM_DESC(hoarded, "pages that the task has taken in the end");
module_param(gifted, ulong, 0444);
MODULE_PARM_DESC(gifted, "and those that the timer has");

static struct page *single[NR_ALL], *blocks[NR_BLOCKS], *bulk[NR_BULK], *in_parts;
static struct folio *folios[NR_BLOCKS];
static unsigned long addresses[NR_ALL];
static void *exact, *areas[2], *objs[NR_ALL], *large[4], *mapped, *one_area;
static struct kmem_cache *cache;

/* ------------------------------------------------------------------ one kind each */

static noinline void pages_single(void)
{
	int i;

	for (i = 0; i < NR_ALL; i++)
		single[i] = alloc_page(GFP_KERNEL);
	for (i = NR_KEPT; i < NR_ALL; i++)
		__free_page(single[i]);
}

static noinline void pages_address(void)
{
	int i;

	for (i = 0; i < NR_ALL; i++)
		addresses[i] = i % 2 ? __get_free_page(GFP_KERNEL) : get_zeroed_page(GFP_KERNEL);
	for (i = NR_KEPT; i < NR_ALL; i++)
		free_page(addresses[i]);
}

static noinline void pages_block(void)
{
	int i;

	for (i = 0; i < NR_BLOCKS; i++)
		blocks[i] = alloc_pages(GFP_KERNEL | (i % 2 ? __GFP_COMP : 0), BLOCK_ORDER);
	for (i = NR_BLOCKS_KEPT; i < NR_BLOCKS; i++)
		__free_pages(blocks[i], BLOCK_ORDER);
}

static noinline void pages_folio(void)
{
	int i;

	for (i = 0; i < NR_BLOCKS; i++)
		folios[i] = folio_alloc(GFP_KERNEL, BLOCK_ORDER);
	for (i = NR_BLOCKS_KEPT; i < NR_BLOCKS; i++)
		folio_put(folios[i]);
}

static unsigned long fill(struct page **array, unsigned long nr)
{
#ifdef KSPAN_HAS_BULK_LIST
	return __alloc_pages_bulk(GFP_KERNEL, numa_mem_id(), NULL, nr, NULL, array);
#else
	return alloc_pages_bulk(GFP_KERNEL, nr, array);
#endif
}

/* A quarter of them twice, into the gaps. */
static noinline void pages_bulk(void)
{
	int i;

	while (fill(bulk, NR_BULK) < NR_BULK)
		cond_resched();
	for (i = 0; i < NR_BULK; i += 4) {
		__free_page(bulk[i]);
		bulk[i] = NULL;
	}
	while (fill(bulk, NR_BULK) < NR_BULK)
		cond_resched();
}

#ifdef KSPAN_HAS_ALLOC_PAGES_NOLOCK
static struct page *nolock[NR_BLOCKS];

/* With interrupts off, as if in the middle of anything; but not so many at once. */
static noinline void pages_nolock(void)
{
	unsigned long flags;
	int i;

	for (i = 0; i < NR_BLOCKS; i++) {
		local_irq_save(flags);
		nolock[i] = alloc_pages_nolock(0, NUMA_NO_NODE, 0);
		local_irq_restore(flags);
		if (i % 10 == 9)
			msleep(50);
	}
	for (i = NR_BLOCKS_KEPT; i < NR_BLOCKS; i++)
		__free_page(nolock[i]);
}

static void free_nolock(void)
{
	int i;

	for (i = 0; i < NR_BLOCKS_KEPT; i++)
		__free_page(nolock[i]);
}
#else
static void pages_nolock(void)
{
}

static void free_nolock(void)
{
}
#endif

static noinline void pages_split(void)
{
	int i;

	in_parts = alloc_pages(GFP_KERNEL, SPLIT_ORDER);
	if (!in_parts)
		return;
	split_page(in_parts, SPLIT_ORDER);
	for (i = SPLIT_KEPT; i < SPLIT_PAGES; i++)
		__free_page(in_parts + i);
}

static noinline void pages_exact(void)
{
	exact = alloc_pages_exact(EXACT_BYTES, GFP_KERNEL);
	barrier();
}

static noinline void pages_area(void)
{
	areas[0] = vmalloc(AREA_BYTES);
	areas[1] = vzalloc(AREA_BYTES);
	vfree(areas[1]);
}

/* ------------------------------------------------------------------ slab's */

static noinline void slab_objects(void)
{
	int i;

	for (i = 0; i < NR_ALL; i++)
		objs[i] = kmem_cache_alloc(cache, GFP_KERNEL);
	for (i = NR_KEPT; i < NR_ALL; i++)
		kmem_cache_free(cache, objs[i]);
}

static noinline void slab_large(size_t size)
{
	large[0] = kmalloc(100000, GFP_KERNEL);
	large[1] = kmalloc(size, GFP_KERNEL);
	large[2] = kmalloc_node(size, GFP_KERNEL, numa_node_id());
	large[3] = kvmalloc(size, GFP_KERNEL);
	kvfree(large[3]);
}

static noinline void slab_area(void)
{
	mapped = kvmalloc(KMALLOC_MAX_SIZE + 1, GFP_KERNEL);
	barrier();
}

/* ------------------------------------------------------------------ a task and a timer */

static struct page *hoard[NR_HOARD], *gifts[NR_HOARD];
static struct hrtimer timer;
static unsigned int ticked;

static void drop(struct page *page)
{
	if (page)
		__free_page(page);
}

static noinline void pages_in_timer(void)
{
	struct page *gift = alloc_page(GFP_ATOMIC);

	if (!gift)
		return;
	gifted++;
	drop(xchg(&gifts[ticked % NR_HOARD], gift));
}

static enum hrtimer_restart tick(struct hrtimer *unused)
{
	int i;

	for (i = 0; i < 8; i++)
		drop(xchg(&hoard[(ticked * 8 + i) % NR_HOARD], NULL));
	pages_in_timer();
	/* Read by the task. */
	WRITE_ONCE(ticked, ticked + 1);
	if (ticked == ticks)
		return HRTIMER_NORESTART;
	/* Never in step with what it interrupts. */
	hrtimer_forward_now(&timer, ns_to_ktime(40000 + ticked % 97 * 100));
	return HRTIMER_RESTART;
}

static noinline void pages_in_task(unsigned int i)
{
	struct page *page = alloc_page(GFP_KERNEL);

	if (!page)
		return;
	hoarded++;
	drop(xchg(&hoard[i % NR_HOARD], page));
}

static void work_both(void)
{
	unsigned int i = 0;

	kspan_hrtimer_setup(&timer, tick, CLOCK_MONOTONIC, HRTIMER_MODE_REL_PINNED);
	/* Both on one CPU, so that the one comes in the middle of the other. */
	migrate_disable();
	hrtimer_start(&timer, ns_to_ktime(40000), HRTIMER_MODE_REL_PINNED);
	while (READ_ONCE(ticked) < ticks) {
		pages_in_task(i++);
		drop(xchg(&gifts[i % NR_HOARD], NULL));
		cond_resched();
	}
	migrate_enable();
	hrtimer_cancel(&timer);
	for (i = 0; i < NR_HOARD; i++) {
		drop(hoard[i]);
		drop(gifts[i]);
	}
}

/* ------------------------------------------------------------------ all of it */

static void construct(void *obj)
{
}

static int __init pagesclient_init(void)
{
	size_t much = 100000;

	if (area) {
		one_area = vmalloc((size_t)area << 20);
		return one_area ? 0 : -ENOMEM;
	}
	/* With a constructor, lest it be merged with another cache. */
	cache = kmem_cache_create("pages_objects", 2000, 0, 0, construct);
	if (!cache)
		return -ENOMEM;
	OPTIMIZER_HIDE_VAR(much);
	pages_single();
	pages_address();
	pages_block();
	pages_folio();
	pages_bulk();
	pages_nolock();
	pages_split();
	pages_exact();
	pages_area();
	slab_objects();
	slab_large(much);
	slab_area();
	work_both();
	return 0;
}

static void __exit pagesclient_exit(void)
{
	int i;

	if (one_area) {
		vfree(one_area);
		return;
	}
	for (i = 0; i < NR_KEPT; i++) {
		__free_page(single[i]);
		free_page(addresses[i]);
		kmem_cache_free(cache, objs[i]);
	}
	for (i = 0; i < NR_BLOCKS_KEPT; i++) {
		__free_pages(blocks[i], BLOCK_ORDER);
		folio_put(folios[i]);
	}
	for (i = 0; i < NR_BULK; i++)
		__free_page(bulk[i]);
	free_nolock();
	for (i = 0; in_parts && i < SPLIT_KEPT; i++)
		__free_page(in_parts + i);
	if (exact)
		free_pages_exact(exact, EXACT_BYTES);
	vfree(areas[0]);
	for (i = 0; i < 3; i++)
		kfree(large[i]);
	kvfree(mapped);
	kmem_cache_destroy(cache);
}

module_init(pagesclient_init);
module_exit(pagesclient_exit);
MODULE_DESCRIPTION("Known pages from the kernel's own allocators");
MODULE_LICENSE("GPL");
