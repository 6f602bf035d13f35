// SPDX-License-Identifier: GPL-2.0
/*
 * The allocators that are compared, each behind the same functions. A call through them costs the
 * same few instructions on every side.
 */
#include <linux/slab.h>

#include <kspan/kspan.h>

#include "bench.h"

static void *slab_create(const char *name, unsigned int size)
{
	return kmem_cache_create(name, size, 0, 0, NULL);
}

static void slab_destroy(void *cache)
{
	kmem_cache_destroy(cache);
}

static void slab_shrink(void *cache)
{
	kmem_cache_shrink(cache);
}

static void *slab_cache_alloc(void *cache, gfp_t gfp)
{
	return kmem_cache_alloc(cache, gfp);
}

static void slab_cache_free(void *cache, void *obj)
{
	kmem_cache_free(cache, obj);
}

static void *slab_alloc(size_t size, gfp_t gfp)
{
	return kmalloc(size, gfp);
}

static void slab_free(void *obj)
{
	kfree(obj);
}

static void *kspan_side_create(const char *name, unsigned int size)
{
	return kspan_cache_create(name, size, 0, 0, NULL);
}

static void kspan_side_destroy(void *cache)
{
	kspan_cache_destroy(cache);
}

static void kspan_side_shrink(void *cache)
{
	kspan_cache_shrink(cache);
}

static void *kspan_side_cache_alloc(void *cache, gfp_t gfp)
{
	return kspan_cache_alloc(cache, gfp);
}

static void kspan_side_cache_free(void *cache, void *obj)
{
	kspan_cache_free(cache, obj);
}

static void *kspan_side_alloc(size_t size, gfp_t gfp)
{
	return kspan_alloc(size, gfp);
}

static void kspan_side_free(void *obj)
{
	kspan_free(obj);
}

/* Stands for every object of the side that has none. */
static u64 no_object;

static void *nothing_create(const char *name, unsigned int size)
{
	return &no_object;
}

static void nothing_cache(void *cache)
{
}

static void *nothing_cache_alloc(void *cache, gfp_t gfp)
{
	return &no_object;
}

static void nothing_cache_free(void *cache, void *obj)
{
}

static void *nothing_alloc(size_t size, gfp_t gfp)
{
	return &no_object;
}

static void nothing_free(void *obj)
{
}

const struct bench_side bench_sides[BENCH_NR_WHO] = {
	[BENCH_SLAB] = {
		.name = "slab",
		.create = slab_create,
		.destroy = slab_destroy,
		.shrink = slab_shrink,
		.cache_alloc = slab_cache_alloc,
		.cache_free = slab_cache_free,
		.alloc = slab_alloc,
		.free = slab_free,
	},
	[BENCH_KSPAN] = {
		.name = "kspan",
		.create = kspan_side_create,
		.destroy = kspan_side_destroy,
		.shrink = kspan_side_shrink,
		.cache_alloc = kspan_side_cache_alloc,
		.cache_free = kspan_side_cache_free,
		.alloc = kspan_side_alloc,
		.free = kspan_side_free,
	},
	[BENCH_NOTHING] = {
		.name = "loop",
		.create = nothing_create,
		.destroy = nothing_cache,
		.shrink = nothing_cache,
		.cache_alloc = nothing_cache_alloc,
		.cache_free = nothing_cache_free,
		.alloc = nothing_alloc,
		.free = nothing_free,
	},
};
