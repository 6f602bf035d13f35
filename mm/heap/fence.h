/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Guard mode: sampled objects of the caches that ask for it (KSPAN_GUARD), or of all (the module
 * parameter guard), lie at the end of a page of their own beside pages that cannot be reached.
 */
#ifndef _KSPAN_FENCE_H
#define _KSPAN_FENCE_H

#include <linux/gfp.h>
#include <linux/types.h>

#include "base/lock.h"

struct kspan_cache;
struct kspan_span;

#define KSPAN_FENCE_SLOTS_DEFAULT	255

/* Makes the slots, if there are none yet. Process context. 0 or an error, and then it said why. */
int kspan_fence_open(void)
	kspan_no_lock;

/* Can objects of @size bytes of a cache with @flags be guarded? */
bool kspan_fence_fits(size_t size, unsigned int flags);

/*
 * An object of @cache in a slot, handed out; NULL when there is no free slot, no memory for its
 * header, or none may be used here. @size bytes were asked for. Any context but NMI.
 */
void *kspan_fence_alloc(struct kspan_cache *cache, size_t size, gfp_t gfp, int node) kspan_no_lock;

/* From here on every access to the object of @span faults. Any context but NMI. */
void kspan_fence_free(struct kspan_span *span) kspan_no_lock;

/* @span, which had a slot, is on no list any more: the slot is the last in line for another. */
void kspan_fence_put(struct kspan_span *span) kspan_no_lock;

/* Does @addr lie in a slot or beside one? Any context. */
bool kspan_fence_contains(const void *addr);

/* The cache of the object that began at @obj, if that was the last in its slot; or NULL. */
const char *kspan_fence_freed(const void *obj);

/* Prints what is known of the object whose slot @addr lies in. Any context. */
void kspan_fence_print(const void *addr) kspan_no_lock;

size_t kspan_fence_bytes(void);

/* With @on the slots are made at once, else when a cache asks. 0 or an error. */
int kspan_fence_init(bool on, unsigned int nr_slots);
void kspan_fence_exit(void);

#endif /* _KSPAN_FENCE_H */
