/* SPDX-License-Identifier: GPL-2.0 */
/* Whose a page is: by the functions through which it was taken. */
#ifndef _KSPAN_TAP_PAGES_TEXT_H
#define _KSPAN_TAP_PAGES_TEXT_H

#include <linux/types.h>

struct kspan_stack;

enum kspan_pages_use {
	KSPAN_PAGES_PLAIN,	/* whoever called the page allocator */
	KSPAN_PAGES_VMALLOC,	/* vmalloc(), for its caller */
	KSPAN_PAGES_SLAB,	/* the slab allocator, or kvmalloc(): the slab tap tells of it */
};

/*
 * Cuts what is inside the allocators off @stack, which may begin with frames of a tracepoint; or
 * @caller called the page allocator, if it is not 0. Any context.
 */
enum kspan_pages_use kspan_pages_trim(struct kspan_stack *stack, unsigned long caller);

/*
 * Is a call of alloc_pages_bulk() in the middle of @stack's beginning, in the page allocator? Any
 * context.
 */
bool kspan_pages_in_bulk(const struct kspan_stack *stack);

/* Learns which functions are whose, if that is not known. Process context; 0 or an errno. */
int kspan_pages_learn(void);

#endif /* _KSPAN_TAP_PAGES_TEXT_H */
