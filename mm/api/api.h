/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The functions that other modules call, which include/kspan/kspan.h declares, and nothing below:
 * alloc.c, free.c with what a freed object passes (release.c, deferred.c), query.c, and the life of
 * caches (cache.c, leak.c). Here the heap, the records on objects and tracing come together: an
 * allocation goes down into heap/ for an object and then, if it is a sample, into tracing.c; a
 * free takes the records off first, and the slot goes back last.
 *
 * Whatever is called here may be called in any context but NMI, unless its kernel-doc says less. No
 * lock is held in this wing but kspan_cache_mutex of the heap's.
 *
 * This is the one header that the shim and the module include; the others are the wing's own.
 */
#ifndef _KSPAN_API_H
#define _KSPAN_API_H

struct kspan_span;

/* query.c: the span of the allocated object that begins at @obj; NULL for anything else. */
struct kspan_span *kspan_free_find(const void *obj);

/*
 * cache.c: the caches behind kspan_alloc(). @flags are those of every cache: KSPAN_POISON,
 * KSPAN_RED_ZONE, KSPAN_GUARD, or KSPAN_BYPASS. At the end, what was never destroyed goes.
 */
int kspan_cache_init(unsigned int flags);
void kspan_cache_exit(void);

/* leak.c: hears of modules that leave. */
int kspan_leak_init(void);
void kspan_leak_exit(void);

#endif /* _KSPAN_API_H */
