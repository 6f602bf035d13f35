/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tracing: the one place where the heap's objects, the records on them and the profile meet. A
 * sample is counted in the profile, and a record on its object remembers where; when that is freed
 * the record takes it out again. That the locks of the two never nest is said, and why, in
 * tracing.c. No lock of its own.
 */
#ifndef _KSPAN_TRACING_H
#define _KSPAN_TRACING_H

#include <linux/types.h>

#include "base/lock.h"

struct kspan_bucket;
struct kspan_cache;
struct kspan_span;
struct kspan_special;

/* @obj was allocated and is a sample of that weight. Any context but NMI, no lock held. */
void kspan_tracing_alloc(struct kspan_cache *cache, void *obj, size_t slot_size, u64 weight)
	kspan_no_lock;

/* Takes the unlinked profile special out of its bucket and deletes it. Likewise. */
void kspan_tracing_release(struct kspan_span *span, struct kspan_special *special) kspan_no_lock;

/* The bucket of the profile special among those on @list, unlinked and not released; or NULL. */
const struct kspan_bucket *kspan_tracing_bucket(const struct kspan_special *list);

#endif /* _KSPAN_TRACING_H */
