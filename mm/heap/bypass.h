/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Bypass: each object of the caches that ask for it (KSPAN_BYPASS), or of all (the module parameter
 * bypass), is an allocation of the kernel's own slab, so that what watches over that sees it.
 */
#ifndef _KSPAN_BYPASS_H
#define _KSPAN_BYPASS_H

#include <linux/gfp.h>
#include <linux/types.h>

#include "base/lock.h"

struct kspan_cache;
struct kspan_span;

/* Before the first object of a named cache. Process context, may sleep. 0 or -ENOMEM. */
int kspan_bypass_open(struct kspan_cache *cache) kspan_no_lock;
/* After the last. Process context, may sleep. */
void kspan_bypass_close(struct kspan_cache *cache) kspan_no_lock;

/* Is an allocation with @gfp one for the kernel's slab, in a cache that bypasses kspan? */
static inline bool kspan_bypass_takes(gfp_t gfp)
{
	return !(gfp & __GFP_DMA32);
}

/*
 * An object of @cache, handed out; NULL when there is no memory. @size bytes were asked for. Any
 * context but NMI; sleeps only if @gfp lets it.
 */
void *kspan_bypass_alloc(struct kspan_cache *cache, size_t size, gfp_t gfp, int node) kspan_no_lock;

/* @span is on no list any more, and is not found from here on. */
void kspan_bypass_forget(struct kspan_span *span) kspan_no_lock;
/* Frees its object. Any context but NMI. */
void kspan_bypass_free(struct kspan_span *span) kspan_no_lock;

#endif /* _KSPAN_BYPASS_H */
