// SPDX-License-Identifier: GPL-2.0
/*
 * Instructions of taking pages and giving them back, for what a tap on these adds: the least of
 * forty runs with interrupts off, but for arrays and areas, less an empty loop; and the mean of as
 * many, with whatever is done for samples now and then.
 */
#include <linux/gfp.h>
#include <linux/kernel.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/vmalloc.h>

#include "base/compat.h"
#include "bench.h"

#define RUNS		40
#define PAIRS		320
#define BATCH		32
#define BLOCK_ORDER	3
#define AREAS		10
#define AREA_PAGES	(PAIRS / AREAS)

static struct page *pages[BATCH];

static void nothing(void)
{
	int i;

	for (i = 0; i < PAIRS; i++)
		barrier();
}

static void take_single(void)
{
	int i;

	for (i = 0; i < PAIRS; i++)
		__free_page(alloc_page(GFP_KERNEL));
}

static void take_blocks(void)
{
	int i;

	for (i = 0; i < PAIRS; i++)
		__free_pages(alloc_pages(GFP_KERNEL, BLOCK_ORDER), BLOCK_ORDER);
}

static void take_batches(void)
{
	int i, j;

	for (i = 0; i < PAIRS / BATCH; i++) {
		for (j = 0; j < BATCH; j++)
			pages[j] = alloc_page(GFP_KERNEL);
		for (j = 0; j < BATCH; j++)
			__free_page(pages[j]);
	}
}

static unsigned long fill(void)
{
#ifdef KSPAN_HAS_BULK_LIST
	return __alloc_pages_bulk(GFP_KERNEL, numa_mem_id(), NULL, BATCH, NULL, pages);
#else
	return alloc_pages_bulk(GFP_KERNEL, BATCH, pages);
#endif
}

static void take_arrays(void)
{
	int i, j;

	for (i = 0; i < PAIRS / BATCH; i++) {
		while (fill() < BATCH)
			;
		for (j = 0; j < BATCH; j++) {
			__free_page(pages[j]);
			pages[j] = NULL;
		}
	}
}

static void take_areas(void)
{
	int i;

	for (i = 0; i < AREAS; i++)
		vfree(vmalloc(AREA_PAGES * PAGE_SIZE));
}

static const struct {
	const char *name;
	bool irqs_off;
	void (*fn)(void);
} table[] = {
	{ "single", true, take_single },
	{ "block8", true, take_blocks },
	{ "batch32", true, take_batches },
	{ "array32", false, take_arrays },
	{ "area32", false, take_areas },
};

int bench_pages(void)
{
	u64 empty = bench_count(nothing, RUNS, true), least, mean;
	unsigned int i, run;

	for (i = 0; i < ARRAY_SIZE(table); i++) {
		least = bench_count(table[i].fn, RUNS, table[i].irqs_off);
		for (mean = 0, run = 0; run < RUNS; run++)
			mean += bench_count(table[i].fn, 1, table[i].irqs_off);
		bench_figure("pages", table[i].name, "instructions", "kernel=%llu mean=%llu",
			     div_u64(least - empty + PAIRS / 2, PAIRS),
			     div_u64(mean - empty * RUNS + PAIRS * RUNS / 2, PAIRS * RUNS));
	}
	return 0;
}
