/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Poison and red zones, of the caches that ask for them (KSPAN_POISON, KSPAN_RED_ZONE) or of all
 * (module parameters).
 */
#ifndef _KSPAN_GUARD_H
#define _KSPAN_GUARD_H

#include "heap/cache.h"

struct kspan_bucket;

/* Bytes of red zone behind an object of @size bytes in slots aligned to @align. */
unsigned int kspan_guard_red_zone(unsigned int size, unsigned int align);

void __kspan_guard_init(struct kspan_span *span, void *obj);
void __kspan_guard_alloc(struct kspan_span *span, void *obj, size_t size);
void __kspan_guard_check(const struct kspan_span *span, const void *obj,
			 const struct kspan_bucket *bucket);
void __kspan_guard_free(struct kspan_span *span, void *obj);

/* A new single, allocated. */
void kspan_guard_single(struct kspan_span *span);

static inline bool kspan_checked(const struct kspan_cache *cache)
{
	return unlikely(cache->flags & KSPAN_CHECK_FLAGS);
}

/* A new object, never handed out. */
static inline void kspan_guard_init(struct kspan_span *span, void *obj)
{
	if (kspan_checked(span->cache))
		__kspan_guard_init(span, obj);
}

/* About to be freed: was it overrun? @bucket says what allocated it, NULL if that is not known. */
static inline void kspan_guard_check(const struct kspan_span *span, const void *obj,
				     const struct kspan_bucket *bucket)
{
	if (kspan_checked(span->cache) || kspan_span_single(span))
		__kspan_guard_check(span, obj, bucket);
}

/* Just freed, and no single. */
static inline void kspan_guard_free(struct kspan_span *span, void *obj)
{
	if (kspan_checked(span->cache))
		__kspan_guard_free(span, obj);
}

#endif /* _KSPAN_GUARD_H */
