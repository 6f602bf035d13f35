// SPDX-License-Identifier: GPL-2.0
/*
 * What an allocation and its free cost, in guest instructions, beside the kernel's own slab in
 * the same boot. Under QEMU's -icount the cycle counter counts instructions exactly. Each figure
 * is the least of forty runs of 300 pairs with interrupts off, less an empty loop. The module
 * prints its table and refuses to stay.
 */
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/timex.h>

#include <kspan/kspan.h>

#define RUNS	40
#define PAIRS	300
#define BATCH	30
#define SIZE	192

static struct kmem_cache *slab_cache;
static struct kspan_cache *kspan_cache;
static void *batch[BATCH];

static void nothing(void)
{
	int i;

	for (i = 0; i < PAIRS; i++)
		barrier();
}

static void slab_named(void)
{
	int i;

	for (i = 0; i < PAIRS; i++)
		kmem_cache_free(slab_cache, kmem_cache_alloc(slab_cache, GFP_KERNEL));
}

static void kspan_named(void)
{
	int i;

	for (i = 0; i < PAIRS; i++)
		kspan_cache_free(kspan_cache, kspan_cache_alloc(kspan_cache, GFP_KERNEL));
}

static void slab_sized(void)
{
	int i;

	for (i = 0; i < PAIRS; i++)
		kfree(kmalloc(SIZE, GFP_KERNEL));
}

static void kspan_sized(void)
{
	int i;

	for (i = 0; i < PAIRS; i++)
		kspan_free(kspan_alloc(SIZE, GFP_KERNEL));
}

static void slab_batch(void)
{
	int i, j;

	for (i = 0; i < PAIRS / BATCH; i++) {
		for (j = 0; j < BATCH; j++)
			batch[j] = kmem_cache_alloc(slab_cache, GFP_KERNEL);
		for (j = 0; j < BATCH; j++)
			kmem_cache_free(slab_cache, batch[j]);
	}
}

static void kspan_batch(void)
{
	int i, j;

	for (i = 0; i < PAIRS / BATCH; i++) {
		for (j = 0; j < BATCH; j++)
			batch[j] = kspan_cache_alloc(kspan_cache, GFP_KERNEL);
		for (j = 0; j < BATCH; j++)
			kspan_cache_free(kspan_cache, batch[j]);
	}
}

/* Instructions of one run. */
static u64 measure(void (*fn)(void))
{
	u64 least = U64_MAX;
	unsigned long flags;
	int run;

	for (run = 0; run < RUNS; run++) {
		u64 time;

		local_irq_save(flags);
		time = get_cycles();
		fn();
		time = get_cycles() - time;
		local_irq_restore(flags);
		least = min(least, time);
		cond_resched();
	}
	return least;
}

static void print_pair(const char *what, void (*slab)(void), void (*kspan)(void))
{
	u64 empty = measure(nothing), theirs = measure(slab) - empty, ours = measure(kspan) - empty;

	pr_info("cost: %s slab %llu kspan %llu\n", what, theirs / PAIRS, ours / PAIRS);
}

static int __init cost_init(void)
{
	slab_cache = kmem_cache_create("cost", SIZE, 0, 0, NULL);
	kspan_cache = kspan_cache_create("cost", SIZE, 0, 0, NULL);
	if (slab_cache && kspan_cache) {
		print_pair("named", slab_named, kspan_named);
		print_pair("sized", slab_sized, kspan_sized);
		print_pair("batch", slab_batch, kspan_batch);
	}
	kmem_cache_destroy(slab_cache);
	kspan_cache_destroy(kspan_cache);
	return -EAGAIN;
}

module_init(cost_init);
MODULE_DESCRIPTION("Instructions of an allocation and its free");
MODULE_LICENSE("GPL");
