/* SPDX-License-Identifier: GPL-2.0 */
/* The shim: caches, and the mempools over them. */
#ifndef _KSPAN_SHIM_CACHE_H
#define _KSPAN_SHIM_CACHE_H

#ifndef KSPAN_SHIM_KEEP_CACHES

/*
 * Does @name still mean @shim? True where this macro is expanded, unless the driver has taken the
 * name back by then. __stringify() expands it; the compiler compares.
 */
#define KSPAN_SHIM_MEANS(name, shim)	(!__builtin_strcmp(__stringify(name), __stringify(shim)))

/*
 * Do all names that are told of a cache? A driver that has taken back but one of them with #undef,
 * or made it a macro of its own, would hand the core a cache of kspan's: it gets the core's.
 */
#define KSPAN_SHIM_CACHES							\
	(KSPAN_SHIM_MEANS(kmem_cache_alloc, kspan_shim_cache_alloc) &&		\
	 KSPAN_SHIM_MEANS(kmem_cache_alloc_bulk, kspan_shim_cache_alloc_bulk) &&	\
	 KSPAN_SHIM_MEANS(kmem_cache_alloc_lru, kspan_shim_cache_alloc_lru) &&	\
	 KSPAN_SHIM_MEANS(kmem_cache_alloc_node, kspan_shim_cache_alloc_node) &&	\
	 KSPAN_SHIM_MEANS(kmem_cache_destroy, kspan_shim_cache_destroy) &&	\
	 KSPAN_SHIM_MEANS(kmem_cache_free, kspan_shim_cache_free) &&		\
	 KSPAN_SHIM_MEANS(kmem_cache_free_bulk, kspan_shim_cache_free_bulk) &&	\
	 KSPAN_SHIM_MEANS(kmem_cache_shrink, kspan_shim_cache_shrink) &&		\
	 KSPAN_SHIM_MEANS(kmem_cache_size, kspan_shim_cache_size) &&		\
	 KSPAN_SHIM_MEANS(kmem_cache_zalloc, kspan_shim_cache_zalloc) &&		\
	 KSPAN_SHIM_MEANS(mempool_alloc_slab, kspan_shim_mempool_alloc_slab) &&	\
	 KSPAN_SHIM_MEANS(mempool_create_slab_pool, kspan_shim_mempool_create_slab_pool) && \
	 KSPAN_SHIM_MEANS(mempool_free_slab, kspan_shim_mempool_free_slab) &&	\
	 KSPAN_SHIM_MEANS(mempool_init_slab_pool, kspan_shim_mempool_init_slab_pool))

static inline struct kmem_cache *kspan_shim_cache_new(const char *name, unsigned int size,
						      unsigned int align, slab_flags_t flags,
						      unsigned int useroffset,
						      unsigned int usersize, void (*ctor)(void *))
{
	unsigned int kspan_flags = 0;
	struct kspan_cache *cache;

	if (flags & SLAB_HWCACHE_ALIGN)
		kspan_flags |= KSPAN_HWCACHE_ALIGN;
	if (flags & SLAB_TYPESAFE_BY_RCU)
		kspan_flags |= KSPAN_TYPESAFE_BY_RCU;
	if (flags & SLAB_POISON)
		kspan_flags |= KSPAN_POISON;
	if (flags & SLAB_RED_ZONE)
		kspan_flags |= KSPAN_RED_ZONE;

	cache = kspan_cache_create_usercopy(name, size, align, kspan_flags, useroffset, usersize,
					    ctor);
	if (!cache) {
		if (flags & SLAB_PANIC)
			panic("kspan: cannot create cache %s\n", name);
		return NULL;
	}
	return (struct kmem_cache *)((unsigned long)cache ^ KSPAN_SHIM_CACHE_BIT);
}

/* kspan has no caches in a DMA zone. */
#define KSPAN_SHIM_CORE_SLAB	(SLAB_CACHE_DMA | SLAB_CACHE_DMA32)

static inline struct kmem_cache *kspan_shim_cache_create(const char *name, unsigned int size,
							 unsigned int align, slab_flags_t flags,
							 void (*ctor)(void *))
{
	if (flags & KSPAN_SHIM_CORE_SLAB)
		return kmem_cache_create(name, size, align, flags, ctor);
	/* As slab has it: of such a cache user space sees nothing. */
	return kspan_shim_cache_new(name, size, align, flags, 0, 0, ctor);
}

static inline struct kmem_cache *
kspan_shim_cache_create_usercopy(const char *name, unsigned int size, unsigned int align,
				 slab_flags_t flags, unsigned int useroffset,
				 unsigned int usersize, void (*ctor)(void *))
{
	if (flags & KSPAN_SHIM_CORE_SLAB)
		return kmem_cache_create_usercopy(name, size, align, flags, useroffset, usersize,
						  ctor);
	return kspan_shim_cache_new(name, size, align, flags, useroffset, usersize, ctor);
}

#ifdef kmem_cache_create	/* since 6.12 a choice by type between three functions */
static inline struct kmem_cache *
kspan_shim_cache_create_args(const char *name, unsigned int size, struct kmem_cache_args *args,
			     slab_flags_t flags)
{
	if (flags & KSPAN_SHIM_CORE_SLAB)
		return kmem_cache_create(name, size, args, flags);
	return kspan_shim_cache_new(name, size, args->align, flags, args->useroffset,
				    args->usersize, args->ctor);
}

static inline struct kmem_cache *
kspan_shim_cache_create_default(const char *name, unsigned int size, struct kmem_cache_args *args,
				slab_flags_t flags)
{
	struct kmem_cache_args none = {};

	return kspan_shim_cache_create_args(name, size, &none, flags);
}
#endif

static inline void kspan_shim_cache_destroy(struct kmem_cache *s)
{
	if (kspan_shim_is_ours(s))
		kspan_cache_destroy(kspan_shim_cache(s));
	else
		kmem_cache_destroy(s);
}

static inline int kspan_shim_cache_shrink(struct kmem_cache *s)
{
	if (kspan_shim_is_ours(s))
		return kspan_cache_shrink(kspan_shim_cache(s));
	return kmem_cache_shrink(s);
}

static inline unsigned int kspan_shim_cache_size(struct kmem_cache *s)
{
	if (kspan_shim_is_ours(s))
		return kspan_cache_size(kspan_shim_cache(s));
	return kmem_cache_size(s);
}

static __always_inline void *kspan_shim_cache_alloc(struct kmem_cache *s, gfp_t gfp)
{
	if (!kspan_shim_is_ours(s))
		return kmem_cache_alloc(s, gfp);
	return kspan_shim_no_tail_call(kspan_cache_alloc(kspan_shim_cache(s), gfp));
}

static __always_inline void *kspan_shim_cache_zalloc(struct kmem_cache *s, gfp_t gfp)
{
	return kspan_shim_cache_alloc(s, gfp | __GFP_ZERO);
}

static __always_inline void *kspan_shim_cache_alloc_node(struct kmem_cache *s, gfp_t gfp, int node)
{
	if (!kspan_shim_is_ours(s))
		return kmem_cache_alloc_node(s, gfp, node);
	return kspan_shim_no_tail_call(kspan_cache_alloc_node(kspan_shim_cache(s), gfp, node));
}

/* The list is for charging a memory cgroup, which kspan's memory never is. */
static __always_inline void *kspan_shim_cache_alloc_lru(struct kmem_cache *s, struct list_lru *lru,
							gfp_t gfp)
{
	if (!kspan_shim_is_ours(s))
		return kmem_cache_alloc_lru(s, lru, gfp);
	return kspan_shim_no_tail_call(kspan_cache_alloc(kspan_shim_cache(s), gfp));
}

/* How many, or in 7.x whether: as the core's function has it. */
#ifdef alloc_hooks
#define KSPAN_SHIM_BULK		typeof(kmem_cache_alloc_bulk_noprof(NULL, 0, 0, NULL))
#else
#define KSPAN_SHIM_BULK		typeof(kmem_cache_alloc_bulk(NULL, 0, 0, NULL))
#endif

static __always_inline KSPAN_SHIM_BULK
kspan_shim_cache_alloc_bulk(struct kmem_cache *s, gfp_t gfp, size_t n, void **objs)
{
	int got;

	if (!kspan_shim_is_ours(s))
		return kmem_cache_alloc_bulk(s, gfp, n, objs);
	got = kspan_cache_alloc_bulk(kspan_shim_cache(s), gfp, n, objs);
	OPTIMIZER_HIDE_VAR(got);	/* no tail call here either */
	return got;
}

static __always_inline void kspan_shim_cache_free(struct kmem_cache *s, void *obj)
{
	if (kspan_shim_is_ours(s))
		kspan_cache_free(kspan_shim_cache(s), obj);
	else
		kmem_cache_free(s, obj);
}

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
/* kspan's memory is charged to nobody. */
static __always_inline bool kspan_shim_cache_charge(void *obj, gfp_t gfp)
{
	return kspan_shim_owns(obj) || kmem_cache_charge(obj, gfp);
}
#endif

/* Without a cache, the objects may come from anywhere. */
static inline void kspan_shim_cache_free_bulk(struct kmem_cache *s, size_t n, void **objs)
{
	if (!s)
		kspan_shim_kfree_bulk(n, objs);
	else if (kspan_shim_is_ours(s))
		kspan_cache_free_bulk(kspan_shim_cache(s), n, objs);
	else
		kmem_cache_free_bulk(s, n, objs);
}

/*
 * A mempool keeps its cache as a void pointer, so the pool's own functions must know it.
 * These are no callers of interest: as tail calls they leave mempool_alloc() on the stack.
 */
static inline void *kspan_shim_mempool_alloc_slab(gfp_t gfp, void *pool_data)
{
	if (!kspan_shim_is_ours(pool_data))
		return kmem_cache_alloc(pool_data, gfp);
	return kspan_cache_alloc(kspan_shim_cache(pool_data), gfp);
}

static inline void kspan_shim_mempool_free_slab(void *obj, void *pool_data)
{
	kspan_shim_cache_free(pool_data, obj);
}

static inline int kspan_shim_mempool_init_slab_pool(mempool_t *pool, int min_nr,
						    struct kmem_cache *s)
{
	return mempool_init(pool, min_nr, kspan_shim_mempool_alloc_slab,
			    kspan_shim_mempool_free_slab, s);
}

static inline mempool_t *kspan_shim_mempool_create_slab_pool(int min_nr, struct kmem_cache *s)
{
	return mempool_create(min_nr, kspan_shim_mempool_alloc_slab,
			      kspan_shim_mempool_free_slab, s);
}

#endif /* !KSPAN_SHIM_KEEP_CACHES */

#endif /* _KSPAN_SHIM_CACHE_H */
