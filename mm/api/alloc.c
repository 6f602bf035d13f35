// SPDX-License-Identifier: GPL-2.0
/*
 * Allocating. The fast path takes a ready object from this CPU's array (heap/pcpu.h); the slow path
 * asks for one where there is none (heap/supply.c). Then what every allocation gets: zeroing as the
 * kernel is configured, a tracepoint, and the sampler's look.
 *
 * Locks: none here, and none held when the profile is told.
 */
#include <linux/kmemleak.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/string.h>

#include <kspan/kspan.h>

#include "base/compat.h"
#include "base/lock.h"
#include "base/stats.h"
#include "events.h"
#include "heap/heap.h"
#include "heap/pcpu.h"
#include "tracing.h"

/* ---- What an allocation gets --------------------------------------------------------- */

/* As slab decides it: objects of a constructor keep what it made, stable ones too. */
static bool zero_on_alloc(const struct kspan_cache *cache, gfp_t gfp)
{
	if (cache->ctor)
		return false;
	if (cache->flags & (KSPAN_TYPESAFE_BY_RCU | KSPAN_POISON))
		return gfp & __GFP_ZERO;
	return want_init_on_alloc(gfp);
}

/* Zeroes and tells of an object, as the kernel is configured and whoever listens wants. */
static noinline void *finish(struct kspan_cache *cache, void *obj, size_t size, size_t slot_size,
			     gfp_t gfp, unsigned long ip)
{
	/* A red zone begins where the size that was asked for ends. */
	if (zero_on_alloc(cache, gfp)) {
		kspan_kasan_unpoison(obj, slot_size);
		memset(obj, 0, cache->flags & KSPAN_RED_ZONE ? size : slot_size);
	}
	kspan_kasan_alloc(obj, size, slot_size);
	/* Not in the middle of kspan: it allocates for itself, and the lock there may be raw. */
	if (!kspan_nested())
		kmemleak_alloc(obj, size, 1, gfp);
	kspan_trace(kspan_alloc, ip, obj, size, slot_size, gfp, cache);
	return obj;
}

/* Is there anything for finish() to do? */
static __always_inline bool wants_more(gfp_t gfp)
{
	return static_branch_unlikely(&kspan_alloc_more) || unlikely(gfp & __GFP_ZERO) ||
	       KSPAN_EACH_IS_TOLD;
}

/* *@obj is a sample: puts an object in a slot of guard mode in its place. False: there is none. */
static noinline bool guarded(struct kspan_cache *cache, void **obj, size_t size, gfp_t gfp,
			     int node)
{
	void *fenced = kspan_fence_alloc(cache, size, gfp, node);

	if (!fenced)
		return false;
	kspan_supply_undo(*obj);
	*obj = fenced;
	return true;
}

static noinline void *alloc_slow(struct kspan_cache *cache, size_t size, gfp_t gfp, int node,
				 unsigned long ip)
{
	bool here = node == NUMA_NO_NODE || node == numa_mem_id(), counted, sampled;
	size_t slot_size = cache->slot_size;
	void *obj = NULL;
	u64 weight;

	if (kspan_refuse_nmi())
		return NULL;
	if (here && kspan_pcpu_has_some(cache))
		obj = kspan_pcpu_pop_any(cache, &sampled, &weight);
	counted = obj;
	if (!obj && !kspan_refuse_nested()) {
		/* Caches are of one zone: DMA memory is had with kspan_alloc(). */
		gfp &= ~(__GFP_DMA | __GFP_DMA32);
		if (cache->flags & KSPAN_BYPASS)
			slot_size = size;
		obj = kspan_supply(cache, size, gfp, node);
	}
	if (!obj) {
		kspan_count(KSPAN_ALLOC_FAILURES);
		return NULL;
	}
	if (kspan_checked(cache))
		__kspan_guard_alloc(kspan_pagemap_find(obj), obj, size);
	if (!counted)
		sampled = here ? kspan_pcpu_charge(cache, &weight)
			       : kspan_pcpu_charge_alone(cache, cache->slot_size, &weight);
	if (unlikely(cache->flags & KSPAN_GUARD) && sampled &&
	    guarded(cache, &obj, size, gfp, node))
		slot_size = size;
	if (wants_more(gfp))
		finish(cache, obj, size, slot_size, gfp, ip);
	if (sampled)
		kspan_tracing_alloc(cache, obj, cache->slot_size, weight);
	return obj;
}

/* Above the size classes, or in a zone of its own. */
static noinline void *alloc_large(size_t size, gfp_t gfp, int node, unsigned long ip)
{
	size_t slot_size = PAGE_ALIGN(size);
	void *obj;
	u64 weight;

	if (kspan_refuse_nested())
		return NULL;
	obj = kspan_supply_large(size, &slot_size, gfp, node);
	if (!obj) {
		kspan_count(KSPAN_ALLOC_FAILURES);
		return NULL;
	}
	finish(kspan_large_cache, obj, size, slot_size, gfp, ip);
	if (kspan_pcpu_charge_alone(kspan_large_cache, slot_size, &weight))
		kspan_tracing_alloc(kspan_large_cache, obj, slot_size, weight);
	return obj;
}

/* ---- The fast path ------------------------------------------------------------------- */

/* Where it can tell, says so when @gfp may sleep and the caller must not. */
static __always_inline void check_context(gfp_t gfp)
{
	if (IS_ENABLED(CONFIG_DEBUG_ATOMIC_SLEEP) || IS_ENABLED(CONFIG_LOCKDEP))
		might_alloc(gfp);
}

/*
 * The parts of alloc_from() that are seldom run. They are called last and so find the caller's
 * address where it was; taking it earlier would cost each allocation a load. @size 0 stands for
 * the object size of @cache.
 */
static noinline void *alloc_from_slow(struct kspan_cache *cache, gfp_t gfp, size_t size)
{
	return alloc_slow(cache, size ?: cache->object_size, gfp, NUMA_NO_NODE, _RET_IP_);
}

static noinline void *alloc_from_more(struct kspan_cache *cache, gfp_t gfp, size_t size, void *obj)
{
	return finish(cache, obj, size ?: cache->object_size, cache->slot_size, gfp, _RET_IP_);
}

/* @zero is constant: may @gfp ask for zeros? */
static __always_inline void *alloc_from(struct kspan_cache *cache, gfp_t gfp, size_t size,
					bool zero)
{
	void *obj;

	check_context(gfp);
	if (unlikely(kspan_in_nmi() || !kspan_pcpu_pop(cache, &obj)))
		return alloc_from_slow(cache, gfp, size);
	if (wants_more(zero ? gfp : 0))
		return alloc_from_more(cache, gfp, size, obj);
	return obj;
}

static __always_inline void *alloc_size(size_t size, gfp_t gfp)
{
	if (likely(size - 1 < KSPAN_MAX_CLASS_SIZE && !(gfp & __GFP_DMA)))
		return alloc_from(kspan_class_cache[kspan_class_of(size)], gfp, size, true);
	if (!size)
		return ZERO_SIZE_PTR;
	check_context(gfp);
	return alloc_large(size, gfp, NUMA_NO_NODE, _RET_IP_);
}

/* ---- Named caches -------------------------------------------------------------------- */

/**
 * __kspan_cache_alloc() - kspan_cache_alloc() with any gfp
 * @cache: the cache
 * @gfp: as for kmalloc()
 *
 * For kspan_cache_alloc() alone.
 *
 * Context: any but NMI; sleeps only if @gfp lets it.
 * Return: the object, or NULL.
 */
notrace void *__kspan_cache_alloc(struct kspan_cache *cache, gfp_t gfp)
{
	return alloc_from(cache, gfp, 0, true);
}
EXPORT_SYMBOL_GPL(__kspan_cache_alloc);

/**
 * __kspan_cache_alloc_plain() - kspan_cache_alloc() without zeros
 * @cache: the cache
 * @gfp: as for kmalloc(), without __GFP_ZERO
 *
 * For kspan_cache_alloc() alone, which leaves the question to the compiler.
 *
 * Context: any but NMI; sleeps only if @gfp lets it.
 * Return: the object, or NULL.
 */
notrace void *__kspan_cache_alloc_plain(struct kspan_cache *cache, gfp_t gfp)
{
	return alloc_from(cache, gfp, 0, false);
}
EXPORT_SYMBOL_GPL(__kspan_cache_alloc_plain);

/**
 * kspan_cache_alloc_node() - allocate an object from a cache, near a node
 * @cache: the cache
 * @gfp: as for kmalloc(); with __GFP_THISNODE from no other node
 * @node: the node, or NUMA_NO_NODE
 *
 * Context: any but NMI; sleeps only if @gfp lets it.
 * Return: the object, or NULL.
 */
void *kspan_cache_alloc_node(struct kspan_cache *cache, gfp_t gfp, int node)
{
	if (node == NUMA_NO_NODE)
		return alloc_from(cache, gfp, 0, true);
	check_context(gfp);
	return alloc_slow(cache, cache->object_size, gfp, node, _RET_IP_);
}
EXPORT_SYMBOL_GPL(kspan_cache_alloc_node);

/**
 * kspan_cache_zalloc() - allocate an object of zeros from a cache
 * @cache: the cache; one without a constructor
 * @gfp: as for kmalloc()
 *
 * Context: any but NMI; sleeps only if @gfp lets it.
 * Return: the object, or NULL.
 */
void *kspan_cache_zalloc(struct kspan_cache *cache, gfp_t gfp)
{
	return alloc_from(cache, gfp | __GFP_ZERO, 0, true);
}
EXPORT_SYMBOL_GPL(kspan_cache_zalloc);

/*
 * As kspan_cache_alloc_bulk(), which has taken the first @done objects out of the array. Called
 * last, it finds the caller's address by itself.
 */
static noinline int alloc_bulk_slow(struct kspan_cache *cache, gfp_t gfp, size_t n, void **objs,
				    size_t done)
{
	size_t i = 0;

	if (!done && !kspan_in_nmi())
		done = kspan_pcpu_pop_bulk(cache, n, objs);
	while (true) {
		if (wants_more(gfp)) {
			for (; i < done; i++)
				finish(cache, objs[i], cache->object_size, cache->slot_size, gfp,
				       _RET_IP_);
		}
		i = done;
		if (i == n)
			return n;
		objs[i] = alloc_slow(cache, cache->object_size, gfp, NUMA_NO_NODE, _RET_IP_);
		if (unlikely(!objs[i])) {
			kspan_cache_free_bulk(cache, i, objs);
			return 0;
		}
		/* Which has filled the array again. */
		done = ++i;
		if (!kspan_in_nmi())
			done += kspan_pcpu_pop_bulk(cache, n - i, objs + i);
	}
}

/**
 * kspan_cache_alloc_bulk() - allocate many objects from a cache
 * @cache: the cache
 * @gfp: as for kmalloc()
 * @n: how many
 * @objs: where their addresses go
 *
 * Context: any but NMI; sleeps only if @gfp lets it.
 * Return: @n, or 0 when not all could be had; then none is allocated.
 */
notrace int kspan_cache_alloc_bulk(struct kspan_cache *cache, gfp_t gfp, size_t n, void **objs)
{
	size_t done = 0;

	check_context(gfp);
	if (likely(n <= KSPAN_SLOTS_MAX && !kspan_in_nmi()))
		done = kspan_pcpu_pop_all(cache, n, objs, KSPAN_AT_ONCE);
	if (unlikely(done != n || wants_more(gfp)))
		return alloc_bulk_slow(cache, gfp, n, objs, done);
	return n;
}
EXPORT_SYMBOL_GPL(kspan_cache_alloc_bulk);

/* ---- Any size ------------------------------------------------------------------------ */

/**
 * __kspan_alloc() - kspan_alloc() of a size that the compiler does not know
 * @size: bytes
 * @gfp: as for kmalloc()
 *
 * For kspan_alloc() alone.
 *
 * Context: any but NMI; sleeps only if @gfp lets it.
 * Return: as kspan_alloc().
 */
notrace void *__kspan_alloc(size_t size, gfp_t gfp)
{
	return alloc_size(size, gfp);
}
EXPORT_SYMBOL_GPL(__kspan_alloc);

/**
 * __kspan_alloc_class() - kspan_alloc() of a constant size
 * @cache: the cache of its class, from kspan_class_cache
 * @gfp: as for kmalloc()
 * @size: bytes
 *
 * For kspan_alloc() alone.
 *
 * Context: any but NMI; sleeps only if @gfp lets it.
 * Return: the memory, or NULL.
 */
notrace void *__kspan_alloc_class(struct kspan_cache *cache, gfp_t gfp, size_t size)
{
	return alloc_from(cache, gfp, size, true);
}
EXPORT_SYMBOL_GPL(__kspan_alloc_class);

/**
 * __kspan_alloc_class_plain() - kspan_alloc() of a constant size without zeros
 * @cache: the cache of its class, from kspan_class_cache
 * @gfp: as for kmalloc(), without __GFP_ZERO
 * @size: bytes
 *
 * For kspan_alloc() alone, which leaves the question to the compiler.
 *
 * Context: any but NMI; sleeps only if @gfp lets it.
 * Return: the memory, or NULL.
 */
notrace void *__kspan_alloc_class_plain(struct kspan_cache *cache, gfp_t gfp, size_t size)
{
	return alloc_from(cache, gfp, size, false);
}
EXPORT_SYMBOL_GPL(__kspan_alloc_class_plain);

/**
 * kspan_alloc_node() - allocate memory near a node
 * @size: bytes
 * @gfp: as for kmalloc(); with __GFP_THISNODE from no other node
 * @node: the node, or NUMA_NO_NODE
 *
 * Context: any but NMI; sleeps only if @gfp lets it.
 * Return: as kspan_alloc().
 */
void *kspan_alloc_node(size_t size, gfp_t gfp, int node)
{
	check_context(gfp);
	if (!size)
		return ZERO_SIZE_PTR;
	if (size > KSPAN_MAX_CLASS_SIZE || gfp & __GFP_DMA)
		return alloc_large(size, gfp, node, _RET_IP_);
	return alloc_slow(kspan_class_cache[kspan_class_of(size)], size, gfp, node, _RET_IP_);
}
EXPORT_SYMBOL_GPL(kspan_alloc_node);

/**
 * kspan_calloc() - allocate an array of zeros
 * @n: elements
 * @size: bytes of an element
 * @gfp: as for kmalloc()
 *
 * Context: any but NMI; sleeps only if @gfp lets it.
 * Return: as kspan_alloc(); NULL if @n times @size overflows.
 */
void *kspan_calloc(size_t n, size_t size, gfp_t gfp)
{
	size_t bytes;

	if (unlikely(check_mul_overflow(n, size, &bytes)))
		return NULL;
	return alloc_size(bytes, gfp | __GFP_ZERO);
}
EXPORT_SYMBOL_GPL(kspan_calloc);

/**
 * kspan_realloc() - change the size of an allocation
 * @obj: from any allocation function of kspan's, or NULL or ZERO_SIZE_PTR
 * @size: bytes; 0 frees @obj
 * @gfp: as for kmalloc(); __GFP_ZERO holds if every allocation of @obj had it: what a smaller
 *	size leaves unused is cleared, as a larger one may bring it back
 *
 * Context: any but NMI; sleeps only if @gfp lets it.
 * Return: memory with the old content up to the smaller size, at @obj or elsewhere; then @obj
 * is freed, and its specials with it. ZERO_SIZE_PTR for no bytes. NULL, and @obj as it was, if
 * there is no memory or @obj is not an allocated object of kspan's.
 */
void *kspan_realloc(const void *obj, size_t size, gfp_t gfp)
{
	size_t old;
	void *new;

	if (!size) {
		kspan_free(obj);
		return ZERO_SIZE_PTR;
	}
	if (ZERO_OR_NULL_PTR(obj))
		return alloc_size(size, gfp);
	old = kspan_size(obj);
	if (unlikely(!old)) {
		/* Not ours: say so, as a free of it does, and refuse. */
		kspan_free(obj);
		return NULL;
	}
	if (size <= old) {
		if (want_init_on_alloc(gfp))
			memset((void *)obj + size, 0, old - size);
		kspan_kasan_alloc(obj, size, old);
		return (void *)obj;
	}
	new = alloc_size(size, gfp);
	if (new) {
		memcpy(new, obj, old);
		kspan_free(obj);
	}
	return new;
}
EXPORT_SYMBOL_GPL(kspan_realloc);

/* ---- Copies -------------------------------------------------------------------------- */

/**
 * kspan_strdup() - copy a string
 * @s: the string, or NULL
 * @gfp: as for kmalloc()
 *
 * Context: any but NMI; sleeps only if @gfp lets it.
 * Return: the copy; NULL if @s is NULL or there is no memory.
 */
char *kspan_strdup(const char *s, gfp_t gfp)
{
	return s ? kspan_memdup(s, strlen(s) + 1, gfp) : NULL;
}
EXPORT_SYMBOL_GPL(kspan_strdup);

/**
 * kspan_strndup() - copy the beginning of a string
 * @s: the string, or NULL
 * @max: the most characters to copy, without the terminating NUL
 * @gfp: as for kmalloc()
 *
 * Context: any but NMI; sleeps only if @gfp lets it.
 * Return: the copy, terminated; NULL if @s is NULL or there is no memory.
 */
char *kspan_strndup(const char *s, size_t max, gfp_t gfp)
{
	size_t len;
	char *copy;

	if (!s)
		return NULL;
	len = strnlen(s, max);
	copy = alloc_size(len + 1, gfp);
	if (copy) {
		memcpy(copy, s, len);
		copy[len] = '\0';
	}
	return copy;
}
EXPORT_SYMBOL_GPL(kspan_strndup);

/**
 * kspan_memdup() - copy memory
 * @src: the memory
 * @len: bytes
 * @gfp: as for kmalloc()
 *
 * Context: any but NMI; sleeps only if @gfp lets it.
 * Return: the copy, or NULL.
 */
void *kspan_memdup(const void *src, size_t len, gfp_t gfp)
{
	void *copy = alloc_size(len, gfp);

	if (copy)
		memcpy(copy, src, len);
	return copy;
}
EXPORT_SYMBOL_GPL(kspan_memdup);
