/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: Mempools
 *
 * kspan as the allocator of a mempool, in ``<kspan/mempool.h>``: an element comes from kspan while
 * it has memory, and from the pool's reserve when it has none, so that mempool_alloc() with a gfp
 * that may sleep does not fail. The reserve's elements are live objects to the profile, held by
 * who created the pool.
 *
 * Each function fits mempool_alloc_t or mempool_free_t, for mempool_init() and the like as well
 * as for the pools that are created here. mempool_destroy() comes before
 * kspan_cache_destroy() of the cache.
 */
#ifndef _KSPAN_MEMPOOL_H
#define _KSPAN_MEMPOOL_H

#include <linux/mempool.h>

#include <kspan/kspan.h>

/**
 * kspan_mempool_alloc() - a mempool_alloc_t that takes elements from a cache
 * @gfp: as for kmalloc()
 * @pool_data: the struct kspan_cache; like a kmem_cache's, it must not have a constructor
 *
 * Context: any but NMI; sleeps only if @gfp lets it.
 * Return: the element, or NULL.
 */
static inline void *kspan_mempool_alloc(gfp_t gfp, void *pool_data)
{
	return kspan_cache_alloc(pool_data, gfp);
}

/**
 * kspan_mempool_free() - the mempool_free_t for kspan_mempool_alloc()
 * @element: what it returned
 * @pool_data: the same cache
 *
 * Context: any but NMI.
 */
static inline void kspan_mempool_free(void *element, void *pool_data)
{
	kspan_cache_free(pool_data, element);
}

/**
 * kspan_mempool_alloc_size() - a mempool_alloc_t that takes elements of a size
 * @gfp: as for kmalloc()
 * @pool_data: the size in bytes, as a pointer
 *
 * Context: any but NMI; sleeps only if @gfp lets it.
 * Return: the element, or NULL.
 */
static inline void *kspan_mempool_alloc_size(gfp_t gfp, void *pool_data)
{
	return kspan_alloc((size_t)pool_data, gfp);
}

/**
 * kspan_mempool_free_size() - the mempool_free_t for kspan_mempool_alloc_size()
 * @element: what it returned
 * @pool_data: the size in bytes, as a pointer
 *
 * Context: any but NMI.
 */
static inline void kspan_mempool_free_size(void *element, void *pool_data)
{
	kspan_free(element);
}

/**
 * kspan_mempool_create() - create a mempool on a cache
 * @min_nr: elements in reserve
 * @cache: where elements come from, without a constructor
 *
 * Context: process context; may sleep.
 * Return: the pool, for mempool_destroy(); NULL.
 */
static inline mempool_t *kspan_mempool_create(int min_nr, struct kspan_cache *cache)
{
	return mempool_create(min_nr, kspan_mempool_alloc, kspan_mempool_free, cache);
}

/**
 * kspan_mempool_create_size() - create a mempool of elements of a size
 * @min_nr: elements in reserve
 * @size: bytes of an element, not 0
 *
 * Context: process context; may sleep.
 * Return: the pool, for mempool_destroy(); NULL.
 */
static inline mempool_t *kspan_mempool_create_size(int min_nr, size_t size)
{
	return mempool_create(min_nr, kspan_mempool_alloc_size, kspan_mempool_free_size,
			      (void *)size);
}

#endif /* _KSPAN_MEMPOOL_H */
