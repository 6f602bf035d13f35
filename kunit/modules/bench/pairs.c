// SPDX-License-Identifier: GPL-2.0
/*
 * Instructions of an allocation and its free, with the calls as a user would write them: each
 * figure is the least of forty runs of 320 pairs (256 for a burst) with interrupts off, less an
 * empty loop. The functions for bulk calls are to be called with interrupts on; their runs are
 * short enough for most to be free of ticks.
 */
#include <linux/kernel.h>
#include <linux/slab.h>

#include <kspan/kspan.h>

#include "bench.h"

#define RUNS	40
#define PAIRS	320
#define BATCH	32
#define BURST	256
#define SIZE	192

static struct kmem_cache *slab_cache;
static struct kspan_cache *kspan_cache;
static size_t size = SIZE;		/* not a constant for the compiler */
static void *objs[BURST];

/* ------------------------------------------------------------------ one call of each kind */

typedef void *(*alloc_fn)(void);
typedef void (*free_fn)(void *obj);

static __always_inline void *slab_named(void)
{
	return kmem_cache_alloc(slab_cache, GFP_KERNEL);
}

static __always_inline void slab_named_free(void *obj)
{
	kmem_cache_free(slab_cache, obj);
}

static __always_inline void *kspan_named(void)
{
	return kspan_cache_alloc(kspan_cache, GFP_KERNEL);
}

static __always_inline void kspan_named_free(void *obj)
{
	kspan_cache_free(kspan_cache, obj);
}

static __always_inline void *slab_constant(void)
{
	return kmalloc(SIZE, GFP_KERNEL);
}

static __always_inline void *kspan_constant(void)
{
	return kspan_alloc(SIZE, GFP_KERNEL);
}

static __always_inline void *slab_variable(void)
{
	return kmalloc(READ_ONCE(size), GFP_KERNEL);
}

static __always_inline void *kspan_variable(void)
{
	return kspan_alloc(READ_ONCE(size), GFP_KERNEL);
}

static __always_inline void slab_any_free(void *obj)
{
	kfree(obj);
}

static __always_inline void kspan_any_free(void *obj)
{
	kspan_free(obj);
}

/* ------------------------------------------------------------------ patterns */

/* Each object is freed before the next is allocated. */
static __always_inline void in_turn(alloc_fn alloc, free_fn free)
{
	int i;

	for (i = 0; i < PAIRS; i++)
		free(alloc());
}

/* @n are allocated, then freed in the order in which they came. */
static __always_inline void in_batches(alloc_fn alloc, free_fn free, int total, int n)
{
	int i, j;

	for (i = 0; i < total / n; i++) {
		for (j = 0; j < n; j++)
			objs[j] = alloc();
		for (j = 0; j < n; j++)
			free(objs[j]);
	}
}

static void nothing(void)
{
	int i;

	for (i = 0; i < PAIRS; i++)
		barrier();
}

#define LOOP(name, pattern, ...)						\
	static void name(void) { pattern(__VA_ARGS__); }

LOOP(slab_named_pairs, in_turn, slab_named, slab_named_free)
LOOP(kspan_named_pairs, in_turn, kspan_named, kspan_named_free)
LOOP(slab_constant_pairs, in_turn, slab_constant, slab_any_free)
LOOP(kspan_constant_pairs, in_turn, kspan_constant, kspan_any_free)
LOOP(slab_variable_pairs, in_turn, slab_variable, slab_any_free)
LOOP(kspan_variable_pairs, in_turn, kspan_variable, kspan_any_free)
LOOP(slab_named_batches, in_batches, slab_named, slab_named_free, PAIRS, BATCH)
LOOP(kspan_named_batches, in_batches, kspan_named, kspan_named_free, PAIRS, BATCH)
LOOP(slab_constant_batches, in_batches, slab_constant, slab_any_free, PAIRS, BATCH)
LOOP(kspan_constant_batches, in_batches, kspan_constant, kspan_any_free, PAIRS, BATCH)
LOOP(slab_named_burst, in_batches, slab_named, slab_named_free, BURST, BURST)
LOOP(kspan_named_burst, in_batches, kspan_named, kspan_named_free, BURST, BURST)

static void slab_bulk(void)
{
	int i;

	/* It says how many it has allocated, and since 7.0 whether: all or none, either way. */
	for (i = 0; i < PAIRS / BATCH; i++)
		if (kmem_cache_alloc_bulk(slab_cache, GFP_KERNEL, BATCH, objs))
			kmem_cache_free_bulk(slab_cache, BATCH, objs);
}

static void kspan_bulk(void)
{
	int i;

	for (i = 0; i < PAIRS / BATCH; i++) {
		int n = kspan_cache_alloc_bulk(kspan_cache, GFP_KERNEL, BATCH, objs);

		if (n)
			kspan_cache_free_bulk(kspan_cache, n, objs);
	}
}

/* ------------------------------------------------------------------ the table */

static const struct pair {
	const char *name;
	unsigned int pairs;
	bool irqs_off;
	void (*slab)(void);
	void (*kspan)(void);
} table[] = {
	{ "named", PAIRS, true, slab_named_pairs, kspan_named_pairs },
	{ "constant", PAIRS, true, slab_constant_pairs, kspan_constant_pairs },
	{ "variable", PAIRS, true, slab_variable_pairs, kspan_variable_pairs },
	{ "batch32", PAIRS, true, slab_named_batches, kspan_named_batches },
	{ "constant_batch32", PAIRS, true, slab_constant_batches, kspan_constant_batches },
	{ "bulk32", PAIRS, false, slab_bulk, kspan_bulk },
	{ "burst256", BURST, true, slab_named_burst, kspan_named_burst },
};

/* Instructions of a pair, of which a run has @pairs. */
static u64 of_a_pair(void (*fn)(void), unsigned int pairs, bool irqs_off)
{
	u64 empty = bench_count(nothing, RUNS, true) * pairs / PAIRS;

	return DIV_ROUND_CLOSEST_ULL(bench_count(fn, RUNS, irqs_off) - empty, pairs);
}

int bench_pairs(void)
{
	unsigned int i;
	int err = -ENOMEM;

	slab_cache = kmem_cache_create("bench_pairs", SIZE, 0, 0, NULL);
	kspan_cache = kspan_cache_create("bench_pairs", SIZE, 0, 0, NULL);
	if (!slab_cache || !kspan_cache)
		goto out;
	for (i = 0; i < ARRAY_SIZE(table); i++) {
		const struct pair *p = &table[i];

		bench_figure("pairs", p->name, "instructions", "size=%d slab=%llu kspan=%llu", SIZE,
			     of_a_pair(p->slab, p->pairs, p->irqs_off),
			     of_a_pair(p->kspan, p->pairs, p->irqs_off));
	}
	err = 0;
out:
	kmem_cache_destroy(slab_cache);
	kspan_cache_destroy(kspan_cache);
	return err;
}
