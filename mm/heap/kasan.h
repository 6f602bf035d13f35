/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What KASAN is told of kspan's objects: one is accessible from its allocation to its free, in the
 * bytes that were asked for and no further. Without generic KASAN nothing. The free of a single
 * (span.h) is left to others: those of the kernel's slab it knows already, and guard mode has the
 * hardware look.
 */
#ifndef _KSPAN_KASAN_H
#define _KSPAN_KASAN_H

#include <linux/kasan.h>
#include <linux/kconfig.h>

#include "heap/cache.h"

/*
 * Does the kernel want to be told of each object? Then no allocation ends on the fast path, where
 * the size that was asked for is not known any more.
 */
#define KSPAN_EACH_IS_TOLD	(IS_ENABLED(CONFIG_DEBUG_KMEMLEAK) || \
				 IS_ENABLED(CONFIG_KASAN_GENERIC))

#ifdef CONFIG_KASAN_GENERIC

void kspan_kasan_poison_pages(const void *base, size_t size);
void kspan_kasan_unpoison(const void *obj, size_t size);
void kspan_kasan_alloc(const void *obj, size_t size, size_t room);
void kspan_kasan_free(const struct kspan_span *span, const void *obj);

#else

static inline void kspan_kasan_poison_pages(const void *base, size_t size) { }
static inline void kspan_kasan_unpoison(const void *obj, size_t size) { }
static inline void kspan_kasan_alloc(const void *obj, size_t size, size_t room) { }
static inline void kspan_kasan_free(const struct kspan_span *span, const void *obj) { }

#endif

#endif /* _KSPAN_KASAN_H */
