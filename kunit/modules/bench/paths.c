// SPDX-License-Identifier: GPL-2.0
/*
 * Allocations from as many call paths as are wanted: two functions that call each other, left or
 * right by the bits of a number, so that each number has a stack of its own.
 */
#include <linux/compiler.h>

#include "bench.h"

static void *left(unsigned int path, unsigned int levels, const struct bench_side *side,
		  size_t size, gfp_t gfp);
static void *right(unsigned int path, unsigned int levels, const struct bench_side *side,
		   size_t size, gfp_t gfp);

static __always_inline void *descend(unsigned int path, unsigned int levels,
				     const struct bench_side *side, size_t size, gfp_t gfp)
{
	void *obj;

	if (!levels)
		obj = side->alloc(size, gfp);
	else if (path & 1)
		obj = right(path >> 1, levels - 1, side, size, gfp);
	else
		obj = left(path >> 1, levels - 1, side, size, gfp);
	barrier();	/* a call, never a jump */
	return obj;
}

static noinline __noclone void *left(unsigned int path, unsigned int levels,
				     const struct bench_side *side, size_t size, gfp_t gfp)
{
	return descend(path, levels, side, size, gfp);
}

static noinline __noclone void *right(unsigned int path, unsigned int levels,
				      const struct bench_side *side, size_t size, gfp_t gfp)
{
	return descend(path, levels, side, size, gfp);
}

/* Allocates from call path @path of the 2 to the power of @levels. */
void *bench_alloc_from(unsigned int path, unsigned int levels, const struct bench_side *side,
		       size_t size, gfp_t gfp)
{
	return descend(path, levels, side, size, gfp);
}
