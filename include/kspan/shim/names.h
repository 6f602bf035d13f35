/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The shim: the names. Frees are plain names, so that a pointer to kfree() is one to the shim's. A
 * name that this kernel does not have is left alone: drivers for several kernels bring it
 * themselves.
 */
#ifndef _KSPAN_SHIM_NAMES_H
#define _KSPAN_SHIM_NAMES_H

#undef __free_kfree
#undef bitmap_free
#undef kfree
#undef kfree_bulk
#undef kfree_const
#undef kfree_link
#undef kfree_rcu
#undef kfree_sensitive
#undef kvfree
#undef kvfree_rcu
#undef kvfree_sensitive
#undef ksize

#define __free_kfree			__free_kspan_shim_kfree
#define bitmap_free			kspan_shim_bitmap_free
#define kfree				kspan_shim_kfree
#define kfree_bulk			kspan_shim_kfree_bulk
#define kfree_const			kspan_shim_kfree_const
#define kfree_link			kspan_shim_kfree_link
#define kfree_rcu			kspan_shim_kfree_rcu
#define kfree_sensitive			kspan_shim_kfree_sensitive
#define kvfree				kspan_shim_kvfree
#define kvfree_rcu			kspan_shim_kfree_rcu
#define kvfree_sensitive		kspan_shim_kvfree_sensitive
#define ksize				kspan_shim_ksize

#ifdef kfree_rcu_mightsleep
#undef kfree_rcu_mightsleep
#define kfree_rcu_mightsleep		kspan_shim_kfree_rcu_1
#endif
#ifdef kvfree_rcu_mightsleep
#undef kvfree_rcu_mightsleep
#define kvfree_rcu_mightsleep		kspan_shim_kfree_rcu_1
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 9, 0)
#undef __free_kvfree
#define __free_kvfree			__free_kspan_shim_kvfree
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0)
#undef __free_kfree_sensitive
#define __free_kfree_sensitive		__free_kspan_shim_kfree_sensitive
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 18, 0)
#undef kfree_nolock
#define kfree_nolock			kspan_shim_kfree_nolock
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 2, 0)
#undef kvfree_atomic
#undef __free_kvfree_atomic
#define kvfree_atomic			kspan_shim_kvfree_atomic
#define __free_kvfree_atomic		__free_kspan_shim_kvfree_atomic
#endif
#ifdef kfree_rcu_nolock
#undef kfree_rcu_nolock
#define kfree_rcu_nolock		kspan_shim_kfree_rcu_nolock
#endif

#undef kcalloc
#undef kcalloc_node
#undef kmalloc
#undef kmalloc_array
#undef kmalloc_array_node
#undef kmalloc_node
#undef kmalloc_node_track_caller
#undef kmalloc_track_caller
#undef krealloc
#undef krealloc_array
#undef kvcalloc
#undef kvmalloc
#undef kvmalloc_array
#undef kvmalloc_node
#undef kvrealloc
#undef kvzalloc
#undef kvzalloc_node
#undef kzalloc
#undef kzalloc_node

#define kcalloc(...)			kspan_shim_kcalloc(KSPAN_SHIM_CORE, __VA_ARGS__)
#define kcalloc_node(...)		kspan_shim_kcalloc_node(KSPAN_SHIM_CORE, __VA_ARGS__)
#define kmalloc(...)			kspan_shim_kmalloc(KSPAN_SHIM_CORE, __VA_ARGS__)
#define kmalloc_array(...)		kspan_shim_kmalloc_array(KSPAN_SHIM_CORE, __VA_ARGS__)
#define kmalloc_array_node(...)		kspan_shim_kmalloc_array_node(KSPAN_SHIM_CORE, __VA_ARGS__)
#define kmalloc_node(...)		kspan_shim_kmalloc_node(KSPAN_SHIM_CORE, __VA_ARGS__)
#define kmalloc_node_track_caller(...)	kspan_shim_kmalloc_node(KSPAN_SHIM_CORE, __VA_ARGS__)
#define kmalloc_track_caller(...)	kspan_shim_kmalloc(KSPAN_SHIM_CORE, __VA_ARGS__)
#define krealloc(...)			kspan_shim_krealloc(KSPAN_SHIM_CORE, __VA_ARGS__)
#define krealloc_array(...)		kspan_shim_krealloc_array(KSPAN_SHIM_CORE, __VA_ARGS__)
#define kvcalloc(...)			kspan_shim_kvcalloc(KSPAN_SHIM_CORE, __VA_ARGS__)
#define kvmalloc(...)			kspan_shim_kvmalloc(KSPAN_SHIM_CORE, __VA_ARGS__)
#define kvmalloc_array(...)		kspan_shim_kvmalloc_array(KSPAN_SHIM_CORE, __VA_ARGS__)
#define kvmalloc_node(...)		kspan_shim_kvmalloc_node(KSPAN_SHIM_CORE, __VA_ARGS__)
#define kvrealloc(...)			kspan_shim_kvrealloc(KSPAN_SHIM_CORE, __VA_ARGS__)
#define kvzalloc(...)			kspan_shim_kvzalloc(KSPAN_SHIM_CORE, __VA_ARGS__)
#define kvzalloc_node(...)		kspan_shim_kvzalloc_node(KSPAN_SHIM_CORE, __VA_ARGS__)
#define kzalloc(...)			kspan_shim_kzalloc(KSPAN_SHIM_CORE, __VA_ARGS__)
#define kzalloc_node(...)		kspan_shim_kzalloc_node(KSPAN_SHIM_CORE, __VA_ARGS__)

#ifdef kvcalloc_node
#undef kvcalloc_node
#define kvcalloc_node(...)		kspan_shim_kvcalloc_node(KSPAN_SHIM_CORE, __VA_ARGS__)
#endif
#ifdef kvmalloc_array_node
#undef kvmalloc_array_node
#define kvmalloc_array_node(...)	kspan_shim_kvmalloc_array_node(KSPAN_SHIM_CORE, __VA_ARGS__)
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 18, 0)
#undef krealloc_node
#undef krealloc_node_align
#undef kvrealloc_node
#undef kvrealloc_node_align
#define krealloc_node_align(...)						\
	kspan_shim_krealloc_node_align(KSPAN_SHIM_CORE, __VA_ARGS__)
#define krealloc_node(old, size, gfp, node)					\
	kspan_shim_krealloc_node_align(KSPAN_SHIM_CORE, old, size, 1, gfp, node)
#define kvrealloc_node_align(...)						\
	kspan_shim_kvrealloc_node_align(KSPAN_SHIM_CORE, __VA_ARGS__)
#define kvrealloc_node(old, size, gfp, node)					\
	kspan_shim_kvrealloc_node_align(KSPAN_SHIM_CORE, old, size, 1, gfp, node)
#endif

#undef kmemdup
#undef kmemdup_nul
#undef kstrdup
#undef kstrdup_const
#undef kstrndup

#define kmemdup(...)								\
	kspan_shim_kmemdup(KSPAN_SHIM_CORE || KSPAN_SHIM_CORE_TYPE(__VA_ARGS__), __VA_ARGS__)
#define kmemdup_nul(...)		kspan_shim_kmemdup_nul(KSPAN_SHIM_CORE, __VA_ARGS__)
#define kstrdup(...)			kspan_shim_kstrdup(KSPAN_SHIM_CORE, __VA_ARGS__)
#define kstrdup_const(...)		kspan_shim_kstrdup_const(KSPAN_SHIM_CORE, __VA_ARGS__)
#define kstrndup(...)			kspan_shim_kstrndup(KSPAN_SHIM_CORE, __VA_ARGS__)

/* Where these are as old as that is not certain, but then they are the core's, and its memory. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 9, 0)
#undef kmemdup_array
#undef kvmemdup
#define kmemdup_array(...)		kspan_shim_kmemdup_array(KSPAN_SHIM_CORE, __VA_ARGS__)
#define kvmemdup(...)			kspan_shim_kvmemdup(KSPAN_SHIM_CORE, __VA_ARGS__)
#endif

/* In its own expansion, each of these names is the core's function. */
#define kasprintf(gfp, ...)							\
({										\
	gfp_t ___kspan_gfp = (gfp);						\
										\
	kspan_shim_adopt(KSPAN_SHIM_CORE, kasprintf(___kspan_gfp, __VA_ARGS__), ___kspan_gfp); \
})
#define kvasprintf(gfp, fmt, args)						\
({										\
	gfp_t ___kspan_gfp = (gfp);						\
										\
	kspan_shim_adopt(KSPAN_SHIM_CORE, kvasprintf(___kspan_gfp, fmt, args), ___kspan_gfp); \
})
#define kvasprintf_const(gfp, fmt, args)					\
({										\
	gfp_t ___kspan_gfp = (gfp);						\
										\
	(const char *)kspan_shim_adopt(KSPAN_SHIM_CORE,				\
				       kvasprintf_const(___kspan_gfp, fmt, args), ___kspan_gfp); \
})

/* Since 6.10 these name the functions below the macros; some code calls them. */
#ifdef alloc_hooks
#undef kmalloc_array_node_noprof
#undef kmalloc_array_noprof
#undef kmalloc_node_noprof
#undef kmalloc_node_track_caller_noprof
#undef kmalloc_noprof
#undef kmalloc_track_caller_noprof
#undef krealloc_array_noprof
#undef krealloc_noprof
#undef kvcalloc_node_noprof
#undef kvcalloc_noprof
#undef kvmalloc_array_node_noprof
#undef kvmalloc_array_noprof
#undef kvmalloc_node_noprof
#undef kvmalloc_noprof
#undef kzalloc_noprof

#define kmalloc_array_node_noprof(...)	kmalloc_array_node(__VA_ARGS__)
#define kmalloc_array_noprof(...)	kmalloc_array(__VA_ARGS__)
#define kmalloc_node_noprof(...)	kmalloc_node(__VA_ARGS__)
#define kmalloc_node_track_caller_noprof(size, gfp, node, caller) kmalloc_node(size, gfp, node)
#define kmalloc_noprof(...)		kmalloc(__VA_ARGS__)
#define kmalloc_track_caller_noprof(...) kmalloc(__VA_ARGS__)
#define kmemdup_noprof(...)		kmemdup(__VA_ARGS__)
#define krealloc_array_noprof(...)	krealloc_array(__VA_ARGS__)
#define krealloc_noprof(...)		krealloc(__VA_ARGS__)
#define kvcalloc_node_noprof(...)	kvcalloc_node(__VA_ARGS__)
#define kvcalloc_noprof(...)		kvcalloc(__VA_ARGS__)
#define kvmalloc_array_node_noprof(...)						\
	kspan_shim_kvmalloc_array_node(KSPAN_SHIM_CORE, __VA_ARGS__)
#define kvmalloc_array_noprof(...)	kvmalloc_array(__VA_ARGS__)
#define kvmalloc_node_noprof(...)	kvmalloc_node(__VA_ARGS__)
#define kvmalloc_noprof(...)		kvmalloc(__VA_ARGS__)
#define kvrealloc_noprof(...)		kvrealloc(__VA_ARGS__)
#define kzalloc_noprof(...)		kzalloc(__VA_ARGS__)
#endif

#ifndef KSPAN_SHIM_KEEP_CACHES

#ifdef kmem_cache_create
/* What the core's macros kmem_cache_create(), KMEM_CACHE() and KMEM_CACHE_USERCOPY() call. */
#define __kmem_cache_create							\
	(KSPAN_SHIM_CACHES ? kspan_shim_cache_create : __kmem_cache_create)
#define __kmem_cache_create_args						\
	(KSPAN_SHIM_CACHES ? kspan_shim_cache_create_args : __kmem_cache_create_args)
#define __kmem_cache_default_args						\
	(KSPAN_SHIM_CACHES ? kspan_shim_cache_create_default : __kmem_cache_default_args)
#else
#define kmem_cache_create(...)							\
	((KSPAN_SHIM_CACHES ? kspan_shim_cache_create : kmem_cache_create)(__VA_ARGS__))
#endif

#undef kmem_cache_alloc
#undef kmem_cache_alloc_bulk
#undef kmem_cache_alloc_lru
#undef kmem_cache_alloc_node
#undef kmem_cache_create_usercopy
#undef kmem_cache_destroy
#undef kmem_cache_free
#undef kmem_cache_free_bulk
#undef kmem_cache_shrink
#undef kmem_cache_size
#undef kmem_cache_zalloc
#undef mempool_alloc_slab
#undef mempool_create_slab_pool
#undef mempool_free_slab
#undef mempool_init_slab_pool
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
#undef kmem_cache_charge
#define kmem_cache_charge		kspan_shim_cache_charge
#endif

#define kmem_cache_alloc		kspan_shim_cache_alloc
#define kmem_cache_alloc_bulk		kspan_shim_cache_alloc_bulk
#define kmem_cache_alloc_lru		kspan_shim_cache_alloc_lru
#define kmem_cache_alloc_node		kspan_shim_cache_alloc_node
#define kmem_cache_create_usercopy(...)						\
	((KSPAN_SHIM_CACHES ? kspan_shim_cache_create_usercopy :		\
			      kmem_cache_create_usercopy)(__VA_ARGS__))
#define kmem_cache_destroy		kspan_shim_cache_destroy
#define kmem_cache_free			kspan_shim_cache_free
#define kmem_cache_free_bulk		kspan_shim_cache_free_bulk
#define kmem_cache_shrink		kspan_shim_cache_shrink
#define kmem_cache_size			kspan_shim_cache_size
#define kmem_cache_zalloc		kspan_shim_cache_zalloc
#define mempool_alloc_slab		kspan_shim_mempool_alloc_slab
#define mempool_create_slab_pool	kspan_shim_mempool_create_slab_pool
#define mempool_free_slab		kspan_shim_mempool_free_slab
#define mempool_init_slab_pool		kspan_shim_mempool_init_slab_pool

#ifdef alloc_hooks
#define kmem_cache_alloc_bulk_noprof	kspan_shim_cache_alloc_bulk
#define kmem_cache_alloc_lru_noprof	kspan_shim_cache_alloc_lru
#define kmem_cache_alloc_node_noprof	kspan_shim_cache_alloc_node
#define kmem_cache_alloc_noprof		kspan_shim_cache_alloc
#endif

#endif /* !KSPAN_SHIM_KEEP_CACHES */

#endif /* _KSPAN_SHIM_NAMES_H */
