/* SPDX-License-Identifier: GPL-2.0 */
/* What a tap has to know of the kernel's slab allocator and what no interface tells. */
#ifndef _KSPAN_TAP_SLAB_LAYOUT_H
#define _KSPAN_TAP_SLAB_LAYOUT_H

#include <linux/slab.h>
#include <linux/types.h>

struct kspan_label;
struct kspan_stack;

/* Where a kmem_cache has what is asked for here, in bytes; 0: not found. */
struct kspan_slab_layout {
	u16 size;		/* of a slot, unsigned int */
	u16 name;
	u16 page_cache;		/* in a struct page, its kmem_cache */
};

extern struct kspan_slab_layout kspan_slab_layout;

/* Bytes from one object of @cache to the next. */
static __always_inline size_t kspan_slab_size(struct kmem_cache *cache)
{
	u16 at = kspan_slab_layout.size;

	return likely(at) ? *(unsigned int *)((char *)cache + at) : kmem_cache_size(cache);
}

/* Bytes of the slot that the object at @addr has; @size if that is not known. Any context. */
size_t kspan_slab_slot(unsigned long addr, size_t size);

/* The name of @cache, or of that which the object at @addr is of. Any context. */
const char *kspan_slab_name(unsigned long addr, struct kmem_cache *cache);

/* Cuts what is inside the slab allocator off @stack; @caller called it. Any context. */
void kspan_slab_trim(struct kspan_stack *stack, unsigned long caller);
/* Is @addr in a function of the slab allocator that allocates? Any context. */
bool kspan_slab_text(unsigned long addr);
/* In one that tells of a large object after that was told of with itself as the caller? */
bool kspan_slab_tells_again(unsigned long addr);

/* Process context. 0 or -ENOMEM. */
int kspan_slab_layout_init(void);

#endif /* _KSPAN_TAP_SLAB_LAYOUT_H */
