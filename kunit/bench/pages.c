// SPDX-License-Identifier: GPL-2.0
/*
 * Instructions of the page allocator, which kspan takes its spans from and can watch: a block is
 * allocated and freed at once, so that the pages are those that the CPU has at hand.
 */
#include <linux/gfp.h>
#include <linux/kernel.h>

#include "bench.h"

static __always_inline void in_turn(unsigned int order)
{
	int i;

	for (i = 0; i < BENCH_PAIRS; i++) {
		struct page *page = alloc_pages(GFP_KERNEL, order);

		if (page)
			__free_pages(page, order);
	}
}

static void one_page(void)
{
	in_turn(0);
}

static void eight_pages(void)
{
	in_turn(3);
}

static u64 of_a_pair(void (*fn)(void))
{
	return DIV_ROUND_CLOSEST_ULL(bench_count(fn, BENCH_RUNS, true), BENCH_PAIRS);
}

int bench_pages(void)
{
	bench_figure("pages", "page", "instructions", "order=0 kernel=%llu", of_a_pair(one_page));
	bench_figure("pages", "block", "instructions", "order=3 kernel=%llu",
		     of_a_pair(eight_pages));
	return 0;
}
