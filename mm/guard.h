/* SPDX-License-Identifier: GPL-2.0 */
/* Poison and red zones of the caches that ask for them (KSPAN_POISON, KSPAN_RED_ZONE). */
#ifndef _KSPAN_GUARD_H
#define _KSPAN_GUARD_H

#include "cache.h"

/* Bytes of red zone behind an object of @size bytes in slots aligned to @align. */
unsigned int kspan_guard_red_zone(unsigned int size, unsigned int align);

void __kspan_guard_init(struct kspan_cache *cache, void *obj);
void __kspan_guard_alloc(struct kspan_cache *cache, void *obj);
void __kspan_guard_free(struct kspan_cache *cache, void *obj);

/* A new object, never handed out. */
static inline void kspan_guard_init(struct kspan_cache *cache, void *obj)
{
	if (unlikely(cache->flags & KSPAN_GUARD_FLAGS))
		__kspan_guard_init(cache, obj);
}

/* About to be handed out: was it written to while it was free? */
static inline void kspan_guard_alloc(struct kspan_cache *cache, void *obj)
{
	if (unlikely(cache->flags & KSPAN_GUARD_FLAGS))
		__kspan_guard_alloc(cache, obj);
}

/* Just freed: was it overrun? */
static inline void kspan_guard_free(struct kspan_cache *cache, void *obj)
{
	if (unlikely(cache->flags & KSPAN_GUARD_FLAGS))
		__kspan_guard_free(cache, obj);
}

#endif /* _KSPAN_GUARD_H */
