/* SPDX-License-Identifier: GPL-2.0 */
/*
 * kspan: a slab allocator whose heap can be profiled all the time.
 *
 * This is the whole interface for modules that allocate from kspan. The names and
 * arguments follow <linux/slab.h>; what differs is said at each function. The kernel-doc
 * stands with the definitions in mm/.
 *
 * Contexts, unless a function says otherwise: process, softirq and hardirq, with
 * preemption or interrupts off. On PREEMPT_RT not from true hardirq context and not with
 * preemption or interrupts off, as for kmalloc(). From NMI an allocation returns NULL and
 * is counted, and a free is refused and counted. In the handler of a kprobe on kspan itself, an
 * allocation that would need a lock which is held returns NULL too; a free is put off.
 */
#ifndef _KSPAN_KSPAN_H
#define _KSPAN_KSPAN_H

#include <linux/bits.h>
#include <linux/compiler.h>
#include <linux/err.h>
#include <linux/gfp.h>
#include <linux/types.h>
#ifdef __has_include
#if __has_include(<linux/cleanup.h>)
#include <linux/cleanup.h>
#endif
#endif

#include "sizeclass.h"

struct kspan_cache;
struct kspan_weak;

/* Flags of kspan_cache_create(); any other bit makes it fail. */
#define KSPAN_HWCACHE_ALIGN	BIT(0)	/* objects do not share a cache line */
#define KSPAN_NO_PROFILE	BIT(1)	/* never sample objects of this cache */
#define KSPAN_POISON		BIT(2)	/* fill freed objects, check before reuse; not with a
					 * constructor or KSPAN_TYPESAFE_BY_RCU
					 */
#define KSPAN_RED_ZONE		BIT(3)	/* guard bytes behind each object */
#define KSPAN_TYPESAFE_BY_RCU	BIT(4)	/* pages leave only after a grace period */
#define KSPAN_GUARD		BIT(5)	/* sampled objects end at a page that is not there */
#define KSPAN_BYPASS		BIT(6)	/* each object from the kernel's slab, for its checkers */

/* Named caches. */
struct kspan_cache *kspan_cache_create(const char *name, unsigned int size, unsigned int align,
				       unsigned int flags, void (*ctor)(void *obj));
struct kspan_cache *kspan_cache_create_usercopy(const char *name, unsigned int size,
						unsigned int align, unsigned int flags,
						unsigned int useroffset, unsigned int usersize,
						void (*ctor)(void *obj));
void kspan_cache_destroy(struct kspan_cache *cache);
int kspan_cache_shrink(struct kspan_cache *cache);
unsigned int kspan_cache_size(struct kspan_cache *cache);

void *kspan_cache_alloc_node(struct kspan_cache *cache, gfp_t gfp, int node) __malloc;
void *kspan_cache_zalloc(struct kspan_cache *cache, gfp_t gfp) __malloc;
void kspan_cache_free(struct kspan_cache *cache, void *obj);
int kspan_cache_alloc_bulk(struct kspan_cache *cache, gfp_t gfp, size_t n, void **objs);
void kspan_cache_free_bulk(struct kspan_cache *cache, size_t n, void **objs);

/**
 * KSPAN_CACHE() - create a cache for objects of one structure type
 * @__struct: name of the structure, without the keyword
 * @__flags: KSPAN_* flags
 *
 * Return: the cache, or NULL.
 */
#define KSPAN_CACHE(__struct, __flags)						\
	kspan_cache_create(#__struct, sizeof(struct __struct),			\
			   __alignof__(struct __struct), (__flags), NULL)

/* Any size. */
void *kspan_alloc_node(size_t size, gfp_t gfp, int node) __malloc __alloc_size(1);
void *kspan_calloc(size_t n, size_t size, gfp_t gfp) __malloc __alloc_size(1, 2);
void *kspan_realloc(const void *obj, size_t size, gfp_t gfp) __alloc_size(2);
void kspan_free(const void *obj);
void kspan_free_sensitive(const void *obj);
void kspan_free_rcu(void *obj);
size_t kspan_size(const void *obj);
bool kspan_owns(const void *addr);
bool kspan_in_span(const void *addr);
bool kspan_free_own(const void *obj);

/* Hardened usercopy. */
bool kspan_usercopy_ok(const void *ptr, size_t n);
void kspan_check_object_size(const void *ptr, unsigned long n, bool to_user);

char *kspan_strdup(const char *s, gfp_t gfp) __malloc;
char *kspan_strndup(const char *s, size_t max, gfp_t gfp) __malloc;
void *kspan_memdup(const void *src, size_t len, gfp_t gfp) __malloc;

/*
 * What kspan_alloc() and kspan_cache_alloc() come down to; not to be called by themselves. Those
 * for a plain allocation are for gfp that the compiler knows not to have __GFP_ZERO.
 */
extern struct kspan_cache *kspan_class_cache[KSPAN_NR_CLASSES];
void *__kspan_alloc(size_t size, gfp_t gfp) __malloc __alloc_size(1);
void *__kspan_alloc_class(struct kspan_cache *cache, gfp_t gfp, size_t size)
	__malloc __alloc_size(3);
void *__kspan_alloc_class_plain(struct kspan_cache *cache, gfp_t gfp, size_t size)
	__malloc __alloc_size(3);
void *__kspan_cache_alloc(struct kspan_cache *cache, gfp_t gfp) __malloc;
void *__kspan_cache_alloc_plain(struct kspan_cache *cache, gfp_t gfp) __malloc;

/* Is an allocation with @gfp a plain one, as far as the compiler knows? */
#define kspan_is_plain(gfp)	(__builtin_constant_p(gfp) && !((gfp) & __GFP_ZERO))

/**
 * kspan_cache_alloc() - allocate an object from a cache
 * @cache: the cache
 * @gfp: as for kmalloc(); __GFP_ACCOUNT is accepted and charges nobody
 *
 * Context: any but NMI; sleeps only if @gfp lets it.
 * Return: the object, or NULL.
 */
static __always_inline __malloc void *kspan_cache_alloc(struct kspan_cache *cache, gfp_t gfp)
{
	if (kspan_is_plain(gfp))
		return __kspan_cache_alloc_plain(cache, gfp);
	return __kspan_cache_alloc(cache, gfp);
}

/* The index of the class of @size bytes; nothing is left of it when @size is constant. */
static __always_inline unsigned int kspan_class_index(size_t size)
{
#define KSPAN_CLASS_IS_LESS(slot, bytes)	+ (size > (slot))
	return 0 KSPAN_SIZE_CLASSES(KSPAN_CLASS_IS_LESS);
#undef KSPAN_CLASS_IS_LESS
}

/**
 * kspan_alloc() - allocate memory
 * @size: bytes
 * @gfp: as for kmalloc(); __GFP_ACCOUNT is accepted and charges nobody
 *
 * Power-of-two sizes are naturally aligned, all others to ARCH_KMALLOC_MINALIGN at least; and to
 * dma_get_cache_alignment() where kmalloc() would round the size to a multiple of it, so that DMA
 * may be done to the memory as it may to that of kmalloc(). The class of a constant size is found
 * by the compiler.
 *
 * Context: any but NMI; sleeps only if @gfp lets it.
 * Return: the memory; ZERO_SIZE_PTR for no bytes; NULL.
 */
static __always_inline __alloc_size(1) void *kspan_alloc(size_t size, gfp_t gfp)
{
	if (__builtin_constant_p(size) && size - 1 < KSPAN_MAX_CLASS_SIZE && !(gfp & __GFP_DMA)) {
		struct kspan_cache *cache = kspan_class_cache[kspan_class_index(size)];

		if (kspan_is_plain(gfp))
			return __kspan_alloc_class_plain(cache, gfp, size);
		return __kspan_alloc_class(cache, gfp, size);
	}
	return __kspan_alloc(size, gfp);
}

/**
 * kspan_zalloc() - allocate zeros
 * @size: bytes
 * @gfp: as for kmalloc()
 *
 * Context: any but NMI; sleeps only if @gfp lets it.
 * Return: as kspan_alloc().
 */
static __always_inline __alloc_size(1) void *kspan_zalloc(size_t size, gfp_t gfp)
{
	return kspan_alloc(size, gfp | __GFP_ZERO);
}

/* Finalizers, cleanups and weak handles. */
int kspan_set_finalizer(void *obj, void (*fn)(void *obj, void *arg), void *arg, gfp_t gfp);
bool kspan_clear_finalizer(void *obj);
int kspan_add_cleanup(void *obj, void (*fn)(void *arg), void *arg, gfp_t gfp);
void kspan_flush_finalizers(void);

struct kspan_weak *kspan_weak_get(void *obj, gfp_t gfp);
void *kspan_weak_deref(struct kspan_weak *weak);
void kspan_weak_put(struct kspan_weak *weak);

/*
 * Scope-based cleanup: a variable gives up what it holds when it goes out of scope, on kernels
 * that have <linux/cleanup.h> (since 6.5, and in later 6.1.y). __free(kspan_free) is for any
 * object, those of named caches included, __free(kspan_cache_destroy) for a cache,
 * __free(kspan_weak_put) for a weak handle. NULL and errors are left alone.
 */
#ifdef DEFINE_FREE
DEFINE_FREE(kspan_free, void *, if (!IS_ERR_OR_NULL(_T)) kspan_free(_T))
DEFINE_FREE(kspan_cache_destroy, struct kspan_cache *,
	    if (!IS_ERR_OR_NULL(_T)) kspan_cache_destroy(_T))
DEFINE_FREE(kspan_weak_put, struct kspan_weak *, if (!IS_ERR_OR_NULL(_T)) kspan_weak_put(_T))
#endif

#endif /* _KSPAN_KSPAN_H */
