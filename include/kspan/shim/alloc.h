/* SPDX-License-Identifier: GPL-2.0 */
/* The shim: allocating. @core is a constant at every call: true leaves the call with the core. */
#ifndef _KSPAN_SHIM_ALLOC_H
#define _KSPAN_SHIM_ALLOC_H

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

#endif /* _KSPAN_SHIM_ALLOC_H */
