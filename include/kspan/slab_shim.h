/* SPDX-License-Identifier: GPL-2.0 */
/*
 * slab_shim.h: give an existing driver kspan's allocator without touching its source.
 *
 * Force this header into every C file of a module, and its kmalloc(), kvmalloc(),
 * kstrdup() and kmem_cache families come from kspan:
 *
 *	make -C $KDIR M=$PWD modules KCFLAGS="-include /path/to/slab_shim.h" \
 *	     KBUILD_EXTRA_SYMBOLS=/path/to/kspan/Module.symvers
 *
 * (scripts/shim-build does this, and Documentation/shim.rst tells the whole story.)
 *
 * Three rules make that safe:
 *
 *  - A free looks at whose memory it is given. What the core kernel allocated goes back
 *    to the core, in the driver's own code and in inline functions of kernel headers.
 *  - An allocation in an inline function of a kernel header stays with the core: such
 *    memory is often the core's to free. __FILE__ tells which file a call is written in,
 *    so this holds for every header, whether it is included before the driver's first
 *    line or after, and costs nothing at run time.
 *  - A cache that the shim created looks like a struct kmem_cache pointer with one
 *    address bit turned, and each operation asks that bit. Caches that the core made, or
 *    another module, therefore work unchanged in the same file. A turned pointer is not a
 *    canonical address: should one reach the core, the machine stops at the first access
 *    with the culprit on the stack, and no memory is harmed.
 *
 * The shim's functions are always inlined, so the innermost frame of a sampled stack is
 * the function of the driver that allocates, and not one of these.
 *
 * What it cannot cover:
 *
 *  - Memory that the driver allocates and code outside it frees or resizes: kspan has it
 *    handed back where the kernel has kprobes, else it leaks and is reported. Known cases
 *    in the tree: URB_FREE_BUFFER, a dma_fence without release, tty_port, platform_data,
 *    drm_pending_event, ff->private, fc->source and sb->s_subtype (the VFS frees them),
 *    seq->private under seq_release_private(), an skb built over kmalloc() memory, a buffer
 *    handed to the kfree() of another module. A clone of a struct posix_acl by kmemdup() is
 *    known by its type and left to the core; kfree_link() and bitmap_free() are covered.
 *  - Names that the driver takes back: one of those of caches, and its caches are the core's.
 *  - A cache whose pointer the driver gives away: dst_ops.kmem_cachep, lc_create(), the
 *    pool_data of a mempool that another module looks into, a cache exported to a module
 *    that is built without the shim. Build with -DKSPAN_SHIM_KEEP_CACHES to leave all of
 *    the driver's caches with the core. Slab mempools themselves are covered.
 *  - Macros (not inline functions) of kernel headers expand in the driver's file and are
 *    taken for its own code. Four of them allocate what the core frees: sk_psock_init_link(),
 *    dma_fence_chain_alloc(), rdma_zalloc_drv_obj() and bpf_map_kzalloc().
 *  - Allocators beside slab: pages, vmalloc(), percpu, devm_kmalloc(), mempools of kmalloc()
 *    memory, kmem_buckets, and core functions that return new memory, as memdup_user().
 *    They work as before and are not in the profile. kvmalloc() falls back to vmalloc().
 *  - Slab flags that kspan has no counterpart for are accepted and mean nothing
 *    (SLAB_ACCOUNT, SLAB_RECLAIM_ACCOUNT, ...); caches in a DMA zone stay with the core.
 *
 * Switches, as -D options, for a module or for one file with CFLAGS_file.o:
 *
 *	KSPAN_SHIM_OFF		leave this file alone
 *	KSPAN_SHIM_KEEP_CACHES	redirect the kmalloc() family only
 *	KSPAN_SHIM_OWN_PR_FMT	the file defines pr_fmt before its includes, which come
 *				after this header's; without it the compiler warns, harmlessly
 */
#ifndef _KSPAN_SLAB_SHIM_H
#define _KSPAN_SLAB_SHIM_H

/* Only a module can depend on kspan.ko; host programs and built-in code are left alone. */
#if defined(__KERNEL__) && defined(MODULE) && !defined(__ASSEMBLY__) && !defined(KSPAN_SHIM_OFF)

/*
 * What the kernel's inline functions call before a copy to or from user space: in this file, the
 * one that knows kspan's objects too. It has to come first: <linux/thread_info.h> has the calls.
 */
#define __check_object_size	kspan_check_object_size

#include <linux/bitmap.h>
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/mempool.h>
#include <linux/overflow.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/stringify.h>
#include <linux/thread_info.h>
#include <linux/uaccess.h>
#include <linux/version.h>
/* Its events have the names of functions that are others' below. */
#include <trace/events/kmem.h>

#include "kspan.h"

/*
 * ---------------------------------------------------------------------------------------
 * Whose code, whose memory, whose cache. Everything down to "The names" is compiled
 * while the allocator's names still mean the core's.
 */

/*
 * True in a file of the kernel's include directories. The string functions are folded by
 * the compiler. A driver's own include/linux/ would match too; that costs samples, never
 * safety.
 */
#define KSPAN_SHIM_IN(dir)	(!!__builtin_strstr(__FILE__, "include/" dir))
#define KSPAN_SHIM_CORE								\
	(KSPAN_SHIM_IN("linux/") || KSPAN_SHIM_IN("asm") || KSPAN_SHIM_IN("net/") ||	\
	 KSPAN_SHIM_IN("crypto/") || KSPAN_SHIM_IN("drm/") || KSPAN_SHIM_IN("media/") || \
	 KSPAN_SHIM_IN("rdma/") || KSPAN_SHIM_IN("scsi/") || KSPAN_SHIM_IN("sound/") ||	\
	 KSPAN_SHIM_IN("target/") || KSPAN_SHIM_IN("trace/") || KSPAN_SHIM_IN("acpi/") || \
	 KSPAN_SHIM_IN("xen/") || KSPAN_SHIM_IN("keys/") || KSPAN_SHIM_IN("kunit/"))

/* Copies of these are handed to the core, which frees them; the arguments are kmemdup()'s. */
struct posix_acl;
#define KSPAN_SHIM_CORE_TYPE(src, ...)						\
	_Generic((src), struct posix_acl *: true, const struct posix_acl *: true, default: false)

/*
 * Keep the caller on the stack: without this, "return kmalloc(...)" is compiled to a jump,
 * and the profile would blame the caller's caller.
 */
static __always_inline void *kspan_shim_no_tail_call(void *obj)
{
	OPTIMIZER_HIDE_VAR(obj);
	return obj;
}

#ifdef CONFIG_64BIT
#define KSPAN_SHIM_CACHE_BIT	BIT(62)
#else
#define KSPAN_SHIM_CACHE_BIT	BIT(0)
#endif

static __always_inline bool kspan_shim_is_ours(const struct kmem_cache *s)
{
	return s && (((unsigned long)s ^ PAGE_OFFSET) & KSPAN_SHIM_CACHE_BIT);
}

static __always_inline struct kspan_cache *kspan_shim_cache(const struct kmem_cache *s)
{
	return (struct kspan_cache *)((unsigned long)s ^ KSPAN_SHIM_CACHE_BIT);
}

/*
 * The one place where the shim asks whose an object is. Freed ones count: a double free is for
 * kspan to report, the core would take its page for a large object and give it away.
 */
static __always_inline bool kspan_shim_owns(const void *obj)
{
	return kspan_in_span(obj);
}

/*
 * ---------------------------------------------------------------------------------------
 * Freeing: always by owner.
 */

static __always_inline void kspan_shim_kfree(const void *obj)
{
	if (kspan_shim_owns(obj))
		kspan_free(obj);
	else
		kfree(obj);
}

static __always_inline void kspan_shim_kvfree(const void *obj)
{
	if (kspan_shim_owns(obj))
		kspan_free(obj);
	else
		kvfree(obj);
}

static __always_inline void kspan_shim_kfree_sensitive(const void *obj)
{
	if (kspan_shim_owns(obj))
		kspan_free_sensitive(obj);
	else
		kfree_sensitive(obj);
}

static __always_inline void kspan_shim_kvfree_sensitive(const void *obj, size_t len)
{
	if (kspan_shim_owns(obj))
		kspan_free_sensitive(obj);
	else
		kvfree_sensitive(obj, len);
}

static __always_inline void kspan_shim_kfree_const(const void *obj)
{
	if (kspan_shim_owns(obj))
		kspan_free(obj);
	else
		kfree_const(obj);
}

static __always_inline void kspan_shim_bitmap_free(const unsigned long *bitmap)
{
	kspan_shim_kfree(bitmap);
}

/* For inode_operations.get_link: the VFS calls it through set_delayed_call(). */
static inline void kspan_shim_kfree_link(void *link)
{
	kspan_shim_kfree(link);
}

static inline void kspan_shim_kfree_bulk(size_t n, void **objs)
{
	while (n)
		kspan_shim_kfree(objs[--n]);
}

#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 2, 0)
static __always_inline void kspan_shim_kvfree_atomic(const void *obj)
{
	if (kspan_shim_owns(obj))
		kspan_free(obj);
	else
		kvfree_atomic(obj);
}

DEFINE_FREE(kspan_shim_kvfree_atomic, void *,
	    if (!IS_ERR_OR_NULL(_T)) kspan_shim_kvfree_atomic(_T))
#endif

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 18, 0)
/* Of what kmalloc_nolock() gave, which stays with the core; elsewhere, of anything. */
static __always_inline void kspan_shim_kfree_nolock(const void *obj)
{
	if (kspan_shim_owns(obj))
		kspan_free(obj);
	else
		kfree_nolock(obj);
}
#endif

/* The targets of __free(kfree) and __free(kvfree). */
DEFINE_FREE(kspan_shim_kfree, void *, if (!IS_ERR_OR_NULL(_T)) kspan_shim_kfree(_T))
DEFINE_FREE(kspan_shim_kvfree, void *, if (!IS_ERR_OR_NULL(_T)) kspan_shim_kvfree(_T))
DEFINE_FREE(kspan_shim_kfree_sensitive, void *,
	    if (!IS_ERR_OR_NULL(_T)) kspan_shim_kfree_sensitive(_T))

/* Macros, because the core's branch has to know the name of the rcu_head. */
#define kspan_shim_kfree_rcu_2(ptr, rhf)					\
do {										\
	typeof(ptr) ___kspan_ptr = (ptr);					\
										\
	if (kspan_shim_owns(___kspan_ptr))						\
		kspan_free_rcu((void *)___kspan_ptr);				\
	else									\
		kvfree_rcu_arg_2(___kspan_ptr, rhf);				\
} while (0)

#define kspan_shim_kfree_rcu_1(ptr)						\
do {										\
	typeof(ptr) ___kspan_ptr = (ptr);					\
										\
	if (kspan_shim_owns(___kspan_ptr))						\
		kspan_free_rcu((void *)___kspan_ptr);				\
	else									\
		kvfree_rcu_arg_1(___kspan_ptr);					\
} while (0)

#define KSPAN_SHIM_1_OR_2(_1, _2, name, ...)	name
#define kspan_shim_kfree_rcu(...)						\
	KSPAN_SHIM_1_OR_2(__VA_ARGS__, kspan_shim_kfree_rcu_2,			\
			  kspan_shim_kfree_rcu_1)(__VA_ARGS__)

/* The core's macro, with its head of another type. */
#ifdef kfree_rcu_nolock
#define kspan_shim_kfree_rcu_nolock(ptr, rhf)					\
do {										\
	typeof(ptr) ___kspan_ptr = (ptr);					\
										\
	if (kspan_shim_owns(___kspan_ptr))						\
		kspan_free_rcu((void *)___kspan_ptr);				\
	else if (___kspan_ptr)							\
		kfree_call_rcu_nolock((void *)___kspan_ptr +			\
				      offsetof(typeof(*___kspan_ptr), rhf),	\
				      (void *)___kspan_ptr);			\
} while (0)
#endif

/*
 * ---------------------------------------------------------------------------------------
 * Allocating. @core is a constant at every call: true leaves the call with the core.
 */

static __always_inline void *kspan_shim_kmalloc(bool core, size_t size, gfp_t gfp)
{
	if (core)
		return kmalloc(size, gfp);
	return kspan_shim_no_tail_call(kspan_alloc(size, gfp));
}

static __always_inline void *kspan_shim_kmalloc_node(bool core, size_t size, gfp_t gfp, int node)
{
	if (core)
		return kmalloc_node(size, gfp, node);
	return kspan_shim_no_tail_call(kspan_alloc_node(size, gfp, node));
}

static __always_inline void *kspan_shim_kzalloc(bool core, size_t size, gfp_t gfp)
{
	return kspan_shim_kmalloc(core, size, gfp | __GFP_ZERO);
}

static __always_inline void *kspan_shim_kzalloc_node(bool core, size_t size, gfp_t gfp, int node)
{
	return kspan_shim_kmalloc_node(core, size, gfp | __GFP_ZERO, node);
}

static __always_inline void *kspan_shim_kmalloc_array(bool core, size_t n, size_t size, gfp_t gfp)
{
	size_t bytes;

	if (unlikely(check_mul_overflow(n, size, &bytes)))
		return NULL;
	return kspan_shim_kmalloc(core, bytes, gfp);
}

static __always_inline void *kspan_shim_kcalloc(bool core, size_t n, size_t size, gfp_t gfp)
{
	return kspan_shim_kmalloc_array(core, n, size, gfp | __GFP_ZERO);
}

static __always_inline void *kspan_shim_kmalloc_array_node(bool core, size_t n, size_t size,
							   gfp_t gfp, int node)
{
	size_t bytes;

	if (unlikely(check_mul_overflow(n, size, &bytes)))
		return NULL;
	return kspan_shim_kmalloc_node(core, bytes, gfp, node);
}

static __always_inline void *kspan_shim_kcalloc_node(bool core, size_t n, size_t size, gfp_t gfp,
						     int node)
{
	return kspan_shim_kmalloc_array_node(core, n, size, gfp | __GFP_ZERO, node);
}

/* Memory of the core stays the core's when it is resized. */
static __always_inline void *kspan_shim_krealloc(bool core, const void *old, size_t size, gfp_t gfp)
{
	if (ZERO_OR_NULL_PTR(old) ? core : !kspan_shim_owns(old))
		return krealloc(old, size, gfp);
	return kspan_shim_no_tail_call(kspan_realloc(old, size, gfp));
}

static __always_inline void *kspan_shim_krealloc_array(bool core, void *old, size_t n, size_t size,
						       gfp_t gfp)
{
	size_t bytes;

	if (unlikely(check_mul_overflow(n, size, &bytes)))
		return NULL;
	return kspan_shim_krealloc(core, old, bytes, gfp);
}

/* As the core's kvmalloc(): do not try hard for contiguous pages, there is vmalloc(). */
static __always_inline void *kspan_shim_kvmalloc_node(bool core, size_t size, gfp_t gfp, int node)
{
	gfp_t try = gfp;
	void *obj;

	if (core || size > KMALLOC_MAX_SIZE)
		return kvmalloc_node(size, gfp, node);

	if (size > PAGE_SIZE) {
		try |= __GFP_NOWARN;
		if (!(gfp & __GFP_RETRY_MAYFAIL))
			try |= __GFP_NORETRY;
		try &= ~__GFP_NOFAIL;
	}
	obj = kspan_alloc_node(size, try, node);
	if (!obj && size > PAGE_SIZE)
		obj = kvmalloc_node(size, gfp, node);
	return kspan_shim_no_tail_call(obj);
}

static __always_inline void *kspan_shim_kvmalloc(bool core, size_t size, gfp_t gfp)
{
	return kspan_shim_kvmalloc_node(core, size, gfp, NUMA_NO_NODE);
}

static __always_inline void *kspan_shim_kvzalloc(bool core, size_t size, gfp_t gfp)
{
	return kspan_shim_kvmalloc_node(core, size, gfp | __GFP_ZERO, NUMA_NO_NODE);
}

static __always_inline void *kspan_shim_kvzalloc_node(bool core, size_t size, gfp_t gfp, int node)
{
	return kspan_shim_kvmalloc_node(core, size, gfp | __GFP_ZERO, node);
}

static __always_inline void *kspan_shim_kvmalloc_array_node(bool core, size_t n, size_t size,
							    gfp_t gfp, int node)
{
	size_t bytes;

	if (unlikely(check_mul_overflow(n, size, &bytes)))
		return NULL;
	return kspan_shim_kvmalloc_node(core, bytes, gfp, node);
}

static __always_inline void *kspan_shim_kvmalloc_array(bool core, size_t n, size_t size, gfp_t gfp)
{
	return kspan_shim_kvmalloc_array_node(core, n, size, gfp, NUMA_NO_NODE);
}

static __always_inline void *kspan_shim_kvcalloc_node(bool core, size_t n, size_t size, gfp_t gfp,
						      int node)
{
	return kspan_shim_kvmalloc_array_node(core, n, size, gfp | __GFP_ZERO, node);
}

static __always_inline void *kspan_shim_kvcalloc(bool core, size_t n, size_t size, gfp_t gfp)
{
	return kspan_shim_kvcalloc_node(core, n, size, gfp, NUMA_NO_NODE);
}

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
static __always_inline void *kspan_shim_kvrealloc(bool core, const void *old, size_t size,
						  gfp_t gfp)
{
	void *obj;

	if (ZERO_OR_NULL_PTR(old) ? core : !kspan_shim_owns(old))
		return kvrealloc(old, size, gfp);
	/* What fits stays where it is, and a page or less never needs vmalloc(). */
	if (size <= PAGE_SIZE || (!ZERO_OR_NULL_PTR(old) && size <= kspan_size(old)))
		return kspan_shim_krealloc(false, old, size, gfp);
	obj = kspan_shim_kvmalloc(false, size, gfp);
	if (obj && !ZERO_OR_NULL_PTR(old)) {
		memcpy(obj, old, kspan_size(old));
		kspan_free(old);
	}
	return obj;
}
#else
/* The old size came with the call, no more is copied, and shrinking did nothing. */
static __always_inline void *kspan_shim_kvrealloc(bool core, const void *old, size_t old_size,
						  size_t size, gfp_t gfp)
{
	void *obj;

	if (ZERO_OR_NULL_PTR(old) ? core : !kspan_shim_owns(old))
		return kvrealloc(old, old_size, size, gfp);
	if (old_size >= size)
		return (void *)old;
	obj = kspan_shim_kvmalloc(false, size, gfp);
	if (obj && !ZERO_OR_NULL_PTR(old)) {
		memcpy(obj, old, old_size);
		kspan_free(old);
	}
	return obj;
}
#endif

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 18, 0)
/*
 * Sizes that are powers of two are naturally aligned: one that is large enough for @align is
 * asked for. What stays in its place may be neither of the node nor aligned, as with the core's.
 */
static __always_inline void *kspan_shim_krealloc_node_align(bool core, const void *old,
							    size_t size, unsigned long align,
							    gfp_t gfp, int node)
{
	void *obj;

	if (ZERO_OR_NULL_PTR(old) ? core : !kspan_shim_owns(old))
		return krealloc_node_align(old, size, align, gfp, node);
	if (!size || (align <= ARCH_KMALLOC_MINALIGN && node == NUMA_NO_NODE))
		return kspan_shim_no_tail_call(kspan_realloc(old, size, gfp));
	if (align > ARCH_KMALLOC_MINALIGN)
		size = roundup_pow_of_two(max(size, align));
	obj = kspan_alloc_node(size, gfp, node);
	if (obj && !ZERO_OR_NULL_PTR(old)) {
		memcpy(obj, old, min(size, kspan_size(old)));
		kspan_free(old);
	}
	return kspan_shim_no_tail_call(obj);
}

/* More than a page may be vmalloc()'s, which has no natural alignment: that is the core's. */
static __always_inline void *kspan_shim_kvrealloc_node_align(bool core, const void *old,
							     size_t size, unsigned long align,
							     gfp_t gfp, int node)
{
	void *obj;

	if (ZERO_OR_NULL_PTR(old) ? core || size > PAGE_SIZE : !kspan_shim_owns(old))
		return kvrealloc_node_align(old, size, align, gfp, node);
	if (size <= PAGE_SIZE)
		return kspan_shim_krealloc_node_align(core, old, size, align, gfp, node);
	obj = kvrealloc_node_align(NULL, size, align, gfp, node);
	if (obj && !ZERO_OR_NULL_PTR(old)) {
		memcpy(obj, old, min(size, kspan_size(old)));
		kspan_free(old);
	}
	return obj;
}
#endif

static __always_inline size_t kspan_shim_ksize(const void *obj)
{
	return kspan_shim_owns(obj) ? kspan_size(obj) : ksize(obj);
}

/*
 * ---------------------------------------------------------------------------------------
 * Strings and copies.
 */

static __always_inline char *kspan_shim_kstrdup(bool core, const char *s, gfp_t gfp)
{
	if (core)
		return kstrdup(s, gfp);
	return kspan_shim_no_tail_call(kspan_strdup(s, gfp));
}

/* A module cannot ask what lies in the kernel's read-only data, so this always copies. */
static __always_inline const char *kspan_shim_kstrdup_const(bool core, const char *s, gfp_t gfp)
{
	return core ? kstrdup_const(s, gfp) : kspan_shim_kstrdup(false, s, gfp);
}

static __always_inline char *kspan_shim_kstrndup(bool core, const char *s, size_t max, gfp_t gfp)
{
	if (core)
		return kstrndup(s, max, gfp);
	return kspan_shim_no_tail_call(kspan_strndup(s, max, gfp));
}

static __always_inline void *kspan_shim_kmemdup(bool core, const void *src, size_t len, gfp_t gfp)
{
	if (core)
		return kmemdup(src, len, gfp);
	return kspan_shim_no_tail_call(kspan_memdup(src, len, gfp));
}

static __always_inline void *kspan_shim_kmemdup_array(bool core, const void *src, size_t n,
						      size_t size, gfp_t gfp)
{
	return kspan_shim_kmemdup(core, src, size_mul(n, size), gfp);
}

static __always_inline void *kspan_shim_kvmemdup(bool core, const void *src, size_t len, gfp_t gfp)
{
	void *obj = kspan_shim_kvmalloc(core, len, gfp);

	if (obj)
		memcpy(obj, src, len);
	return obj;
}

static __always_inline char *kspan_shim_kmemdup_nul(bool core, const char *s, size_t len, gfp_t gfp)
{
	char *obj;

	if (!s)
		return NULL;
	obj = kspan_shim_kmalloc(core, len + 1, gfp);
	if (obj) {
		memcpy(obj, s, len);
		obj[len] = '\0';
	}
	return obj;
}

/* A string that the core's kasprintf() made: varargs cannot be inlined, so take a copy. */
static __always_inline char *kspan_shim_adopt(bool core, const char *s, gfp_t gfp)
{
	char *obj;

	if (core || !s)
		return (char *)s;
	obj = kspan_shim_kstrdup(false, s, gfp);
	kfree_const(s);
	return obj;
}

/*
 * ---------------------------------------------------------------------------------------
 * Caches.
 */

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

/*
 * ---------------------------------------------------------------------------------------
 * The names. Frees are plain names, so that a pointer to kfree() is one to the shim's. A name that
 * this kernel does not have is left alone: drivers for several kernels bring it themselves.
 */

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

#ifdef KSPAN_SHIM_OWN_PR_FMT
#undef pr_fmt
#endif

#endif /* __KERNEL__ && MODULE && !__ASSEMBLY__ && !KSPAN_SHIM_OFF */
#endif /* _KSPAN_SLAB_SHIM_H */
