// SPDX-License-Identifier: GPL-2.0
/*
 * Instructions by size. Recycled: an allocation and its free, in turn, of a size that the
 * compiler does not know, least of forty runs of 320. Fresh: an allocation out of a cache that
 * has never had an object, so that slabs and spans are made, 256 in a row, least of five new
 * caches; with interrupts off and so with GFP_ATOMIC. An empty loop is taken off both.
 */
#include <linux/irqflags.h>
#include <linux/kernel.h>
#include <linux/timex.h>

#include "bench.h"

#define RUNS		40
#define PAIRS		320
#define FRESH_RUNS	5
#define FRESH		256

static const unsigned int sizes[] = {
	8, 16, 32, 64, 96, 128, 192, 256, 512, 1000, 1024, 2048, 3000, 4096, 8192, 16384, 32768,
};

static const struct bench_side *side;
static size_t size;
static void *objs[FRESH];

static void recycled_run(void)
{
	int i;

	for (i = 0; i < PAIRS; i++)
		side->free(side->alloc(READ_ONCE(size), GFP_KERNEL));
}

static u64 recycled(const struct bench_side *s)
{
	side = s;
	return bench_count(recycled_run, RUNS, true);
}

/* What FRESH allocations take in a new cache, or U64_MAX. */
static u64 fresh_run(const struct bench_side *s)
{
	void *cache = s->create("bench_fresh", size);
	unsigned long flags;
	u64 time;
	int i;

	if (!cache)
		return U64_MAX;
	local_irq_save(flags);
	time = get_cycles();
	for (i = 0; i < FRESH; i++)
		objs[i] = s->cache_alloc(cache, GFP_ATOMIC);
	time = get_cycles() - time;
	local_irq_restore(flags);
	for (i = 0; i < FRESH; i++) {
		if (objs[i])
			s->cache_free(cache, objs[i]);
		else
			time = U64_MAX;
	}
	s->destroy(cache);
	return time;
}

static u64 fresh(const struct bench_side *s)
{
	u64 least = U64_MAX;
	int run;

	for (run = 0; run < FRESH_RUNS; run++)
		least = min(least, fresh_run(s));
	return least;
}

static void print(const char *name, u64 (*measure)(const struct bench_side *s), unsigned int n)
{
	u64 loop = measure(&bench_sides[BENCH_NOTHING]);
	u64 slab = measure(&bench_sides[BENCH_SLAB]) - loop;
	u64 kspan = measure(&bench_sides[BENCH_KSPAN]) - loop;

	bench_figure("sizes", name, "instructions", "size=%zu slab=%llu kspan=%llu", size,
		     DIV_ROUND_CLOSEST_ULL(slab, n), DIV_ROUND_CLOSEST_ULL(kspan, n));
}

int bench_sizes(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		size = sizes[i];
		print("recycled", recycled, PAIRS);
		print("fresh", fresh, FRESH);
	}
	return 0;
}
