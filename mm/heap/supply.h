/* SPDX-License-Identifier: GPL-2.0 */
/* Where objects come from when there is none ready, and where they go when nobody has them. */
#ifndef _KSPAN_SUPPLY_H
#define _KSPAN_SUPPLY_H

#include <linux/gfp.h>
#include <linux/types.h>

#include "base/lock.h"

struct kspan_cache;
struct kspan_span;

/*
 * An object for the caller, of whom @size bytes were asked for, and what else a batch brings for
 * this CPU's array; NULL without memory. @node may be NUMA_NO_NODE; then memory policy decides
 * where new pages come from. Any context but NMI, no lock held; sleeps only if @gfp lets it.
 */
void *kspan_supply(struct kspan_cache *cache, size_t size, gfp_t gfp, int node) kspan_no_lock;

/* One of *@slot_size bytes or more in a span of its own, or in the kernel's slab. Likewise. */
void *kspan_supply_large(size_t size, size_t *slot_size, gfp_t gfp, int node) kspan_no_lock;

/*
 * Gives a slot back whose object has no records and nobody. State FREEING, or ALLOCATED with the
 * caller its only owner. Any context but NMI, no lock held.
 */
void kspan_supply_put(struct kspan_span *span, void *obj, u8 *state) kspan_no_lock;

/* @obj was allocated, and nobody has been told of it. Likewise. */
void kspan_supply_undo(void *obj) kspan_no_lock;

#endif /* _KSPAN_SUPPLY_H */
