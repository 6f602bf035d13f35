// SPDX-License-Identifier: GPL-2.0
/*
 * Questions about an address: does an object of kspan's lie there, and how large is it?
 *
 * Locks: none. The page map is read under RCU, and what it says may have changed a moment later,
 * unless the caller owns the object.
 */
#include <linux/rcupdate.h>

#include <kspan/kspan.h>

#include "api/api.h"
#include "heap/heap.h"

struct kspan_span *kspan_free_find(const void *obj)
{
	struct kspan_span *span;
	int index;
	u8 state;

	rcu_read_lock();
	span = kspan_pagemap_find_rcu(obj);
	if (span) {
		index = kspan_span_index(span, obj);
		state = index < 0 ? KSPAN_STATE_FREE : READ_ONCE(span->state[index]);
		/* An allocated object keeps its span beyond the unlock. */
		if (state != KSPAN_STATE_ALLOCATED && state != KSPAN_STATE_SPECIALS)
			span = NULL;
	}
	rcu_read_unlock();
	return span;
}

/**
 * kspan_size() - bytes that the caller may use of an object
 * @obj: from any allocation function of kspan's, or NULL or ZERO_SIZE_PTR
 *
 * Context: any.
 * Return: at least the size that was asked for, in bytes; 0 for NULL and ZERO_SIZE_PTR, and for
 * anything that is not an allocated object of kspan's.
 */
size_t kspan_size(const void *obj)
{
	struct kspan_span *span = kspan_free_find(obj);
	size_t size;

	if (!span)
		return 0;
	size = kspan_span_usable(span, kspan_span_index(span, obj));
	kspan_kasan_unpoison(obj, size);
	return size;
}
EXPORT_SYMBOL_GPL(kspan_size);

/**
 * kspan_owns() - does an address lie in a live object of kspan's?
 * @addr: any value
 *
 * Interior addresses count. An object is live until its free is complete: one that waits for
 * its finalizer or a grace period still is.
 *
 * Context: any.
 * Return: true if it does. Unless the caller owns the object, it may be gone a moment later.
 */
bool kspan_owns(const void *addr)
{
	struct kspan_span *span;
	bool owns = false;
	unsigned int i;
	u8 state;

	rcu_read_lock();
	span = kspan_pagemap_find_rcu(addr);
	if (span) {
		i = kspan_span_index_inside(span, addr);
		state = i < span->nr_objs ? READ_ONCE(span->state[i]) : KSPAN_STATE_FREE;
		owns = kspan_state_in_use(state);
	}
	rcu_read_unlock();
	return owns;
}
EXPORT_SYMBOL_GPL(kspan_owns);

/**
 * kspan_in_span() - does an address lie in a page of kspan's?
 * @addr: any value
 *
 * True for free objects too: who must decide whether kspan or the core kernel is to be told of
 * a free asks this, so that a double free reaches the allocator that can tell.
 *
 * Context: any.
 * Return: true if it does.
 */
bool kspan_in_span(const void *addr)
{
	bool in;

	/* Asked often: this keeps the map as rcu_read_lock() does, and is no call. */
	preempt_disable();
	in = kspan_pagemap_find_rcu(addr);
	preempt_enable();
	return in || kspan_fence_contains(addr);
}
EXPORT_SYMBOL_GPL(kspan_in_span);
