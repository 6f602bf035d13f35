// SPDX-License-Identifier: GPL-2.0
/*
 * What the allocators take from the page allocator. Pages are counted where they come from: those
 * that are free, the free ones on each CPU's lists included, before and after, so that whatever
 * an allocator needs besides its objects counts: headers, maps, arrays for each CPU. Where a line
 * says unit=slab_pages the kernel's own counter of slab pages is read instead, which knows no
 * arrays for each CPU.
 *
 * Nothing else runs in the guest meanwhile, which has one CPU and one node.
 */
#include <linux/delay.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/vmstat.h>

#include <kspan/kspan.h>

#include "bench.h"

#define MIXED		20000
#define BURST		100000
#define BURST_SIZE	192
#define IDLE		1000

static void **objs;

/* ------------------------------------------------------------------ counters */

/*
 * Lets what earlier steps have left to workers and grace periods come to its end: kfree_rcu()
 * collects for five seconds.
 */
static void settle(void)
{
	msleep(6000);
	rcu_barrier();
	msleep(100);
}

/* Free pages, exactly. */
static long free_pages_now(void)
{
	struct zone *zones = NODE_DATA(first_online_node)->node_zones;
	long sum = 0;
	int i, cpu;

	for (i = 0; i < MAX_NR_ZONES; i++) {
		if (!populated_zone(&zones[i]))
			continue;
		sum += zone_page_state_snapshot(&zones[i], NR_FREE_PAGES);
		for_each_online_cpu(cpu)
			sum += per_cpu_ptr(zones[i].per_cpu_pageset, cpu)->count;
	}
	return sum;
}

/* One of the node's counters, exactly. */
static long node_pages_now(enum node_stat_item item)
{
	struct pglist_data *node = NODE_DATA(first_online_node);
	long sum = atomic_long_read(&node->vm_stat[item]);
	int cpu;

	for_each_online_cpu(cpu)
		sum += per_cpu_ptr(node->per_cpu_nodestats, cpu)->vm_node_stat_diff[item];
	return sum;
}

static long slab_pages_now(void)
{
	return node_pages_now(NR_SLAB_UNRECLAIMABLE_B) + node_pages_now(NR_SLAB_RECLAIMABLE_B);
}

struct pages {
	long all;
	long slab;
};

/* Pages in use. */
static struct pages pages_now(void)
{
	return (struct pages){ .all = -free_pages_now(), .slab = slab_pages_now() };
}

static struct pages pages_settled(void)
{
	settle();
	return pages_now();
}

static struct pages pages_since(struct pages before)
{
	struct pages now = pages_now();

	return (struct pages){ .all = now.all - before.all, .slab = now.slab - before.slab };
}

static void print(const char *name, unsigned long n, unsigned int size, const char *unit,
		  long slab, long kspan)
{
	bench_figure("memory", name, unit, "objects=%lu size=%u slab=%ld kspan=%ld", n, size, slab,
		     kspan);
}

/* ------------------------------------------------------------------ objects of any size */

static struct pages mixed_side(const struct bench_side *side)
{
	struct pages before = pages_settled(), used;
	u32 random = 1;
	int i;

	for (i = 0; i < MIXED; i++)
		objs[i] = side->alloc(1 + bench_random(&random) % 8192, GFP_KERNEL);
	used = pages_since(before);
	for (i = 0; i < MIXED; i++)
		side->free(objs[i]);
	return used;
}

static void mixed(void)
{
	/* kspan first: its headers find no room in slabs that the other side has left. */
	struct pages kspan = mixed_side(&bench_sides[BENCH_KSPAN]);
	struct pages slab = mixed_side(&bench_sides[BENCH_SLAB]);

	print("mixed", MIXED, 0, "pages", slab.all, kspan.all);
	print("mixed", MIXED, 0, "slab_pages", slab.slab, kspan.slab);
}

/* ------------------------------------------------------------------ caches without objects */

static struct pages idle_side(const struct bench_side *side)
{
	struct pages before, used;
	char name[32];
	int i;

	before = pages_settled();
	for (i = 0; i < IDLE; i++) {
		snprintf(name, sizeof(name), "bench_idle_%d", i);
		objs[i] = side->create(name, BURST_SIZE);
	}
	used = pages_since(before);
	for (i = 0; i < IDLE; i++)
		if (objs[i])
			side->destroy(objs[i]);
	return used;
}

static void idle(void)
{
	struct pages kspan = idle_side(&bench_sides[BENCH_KSPAN]);
	struct pages slab = idle_side(&bench_sides[BENCH_SLAB]);
	long bytes = PAGE_SIZE;

	print("idle_cache", 0, BURST_SIZE, "bytes", slab.all * bytes / IDLE,
	      kspan.all * bytes / IDLE);
	print("idle_cache", 0, BURST_SIZE, "slab_bytes", slab.slab * bytes / IDLE,
	      kspan.slab * bytes / IDLE);
}

/* ------------------------------------------------------------------ after a burst */

struct burst {
	long peak;
	long freed;
	long shrunk;
};

static struct burst burst_side(const struct bench_side *side)
{
	void *cache = side->create("bench_burst", BURST_SIZE);
	struct pages before = pages_settled();
	struct burst burst;
	int i;

	if (!cache)
		return (struct burst){};
	for (i = 0; i < BURST; i++)
		objs[i] = side->cache_alloc(cache, GFP_KERNEL);
	burst.peak = pages_since(before).all;
	for (i = 0; i < BURST; i++)
		side->cache_free(cache, objs[i]);
	settle();
	burst.freed = pages_since(before).all;
	side->shrink(cache);
	settle();
	burst.shrunk = pages_since(before).all;
	side->destroy(cache);
	return burst;
}

static void burst(void)
{
	struct burst kspan = burst_side(&bench_sides[BENCH_KSPAN]);
	struct burst slab = burst_side(&bench_sides[BENCH_SLAB]);

	print("burst_peak", BURST, BURST_SIZE, "pages", slab.peak, kspan.peak);
	print("burst_freed", BURST, BURST_SIZE, "pages", slab.freed, kspan.freed);
	print("burst_shrunk", BURST, BURST_SIZE, "pages", slab.shrunk, kspan.shrunk);
}

/* ------------------------------------------------------------------ size classes */

static const struct {
	unsigned int slot;
	unsigned int span;
} classes[] = {
#define SLOT_AND_SPAN(slot, bytes)	{ slot, bytes },
	KSPAN_SIZE_CLASSES(SLOT_AND_SPAN)
#undef SLOT_AND_SPAN
};

/*
 * For the smallest request that each class serves, which wastes most, the part that is lost to
 * rounding and at the end of the span; beside what kmalloc() loses to rounding.
 */
static int waste(void)
{
	unsigned int i, least = 1;

	for (i = 0; i < ARRAY_SIZE(classes); least = classes[i].slot + 1, i++) {
		unsigned int span = classes[i].span, used = span / classes[i].slot * least;
		void *slab = kmalloc(least, GFP_KERNEL), *kspan = kspan_alloc(least, GFP_KERNEL);
		int err = -ENOMEM;

		if (slab && kspan) {
			bench_figure("memory", "class", "thousandths",
				     "slot=%u size=%u slab=%zu kspan=%u", classes[i].slot, least,
				     1000 - (size_t)least * 1000 / ksize(slab),
				     1000 - used * 1000 / span);
			err = kspan_size(kspan) == classes[i].slot ? 0 : -EINVAL;
		}
		kfree(slab);
		kspan_free(kspan);
		if (err)
			return err;
	}
	return 0;
}

int bench_memory(void)
{
	objs = kvcalloc(BURST, sizeof(*objs), GFP_KERNEL);
	if (!objs)
		return -ENOMEM;
	mixed();
	idle();
	burst();
	kvfree(objs);
	return waste();
}
