// SPDX-License-Identifier: GPL-2.0
/*
 * What a freed object passes before its slot goes back, by its state:
 *
 *	has a finalizer		FINALIZING: the object stays, the finalizer is queued, and
 *				free_finalized() goes on when it has run
 *	had a weak handle,	RCU_NEXT: the object stays until a grace period has passed,
 *	kspan_free_rcu()	and kspan_free_waited() goes on then
 *	called in the middle	the same: no lock may be taken, see lock.h
 *	of kspan
 *	profile, cleanups	FREEING: unlinked, released, then the slot goes back, and only
 *				then are the cleanups queued
 *
 * A slot goes back to the pool only after all of its specials are gone: handed out before, it
 * could be sampled while its old profile special still hangs on it.
 *
 * Locks: none here. kspan_special_unlink() takes and drops that of the span's records.
 */
#include <linux/kmemleak.h>

#include "api/deferred.h"
#include "api/free.h"
#include "base/compat.h"
#include "base/hooks.h"
#include "base/lock.h"
#include "base/stats.h"
#include "heap/heap.h"
#include "special/special.h"
#include "tracing.h"

/*
 * State FREEING: releases the profile and the cleanups, which are on the private @list, and gives
 * the slot back in between.
 */
static void free_unlinked(struct kspan_span *span, void *obj, u8 *state,
			  struct kspan_special *list)
{
	struct kspan_special *special, *cleanups = NULL, **tail = &cleanups;
	struct kspan_cache *cache = span->cache;

	/* While it is known what allocated the object. */
	kspan_guard_check(span, obj, kspan_tracing_bucket(list));
	while ((special = list)) {
		list = special->next;
		switch (special->kind) {
		case KSPAN_SPECIAL_PROFILE:
			kspan_tracing_release(span, special);
			break;
		case KSPAN_SPECIAL_CLEANUP:
			special->next = NULL;
			*tail = special;
			tail = &special->next;
			break;
		case KSPAN_SPECIAL_WEAK:
			kspan_weak_release(special);
			break;
		default:
			kspan_special_delete(special);
		}
	}
	kmemleak_free(obj);
	kspan_supply_put(span, obj, state);
	/* The span may be gone from here on. */
	while ((special = cleanups)) {
		cleanups = special->next;
		kspan_finalizers_add(&cache->finalizers, special);
	}
}

static void free_last(struct kspan_span *span, void *obj, u8 *state)
{
	free_unlinked(span, obj, state,
		      kspan_special_unlink(&span->specials, obj - span->base, KSPAN_KINDS_ALL));
}

bool kspan_free_clear_weak(struct kspan_span *span, void *obj)
{
	struct kspan_special *weak;

	weak = kspan_special_unlink(&span->specials, obj - span->base,
				    KSPAN_KIND(KSPAN_SPECIAL_WEAK));
	if (weak)
		kspan_weak_release(weak);
	return weak;
}

/*
 * Nothing points to an object that waits for a grace period, which is marked and on no list:
 * kmemleak is to take it for no leak, and still to look for pointers in it, which its finalizer
 * may want.
 */
static void tell_of_waiting(const struct kspan_span *span, const u8 *state)
{
	unsigned int index = state - span->state;
	void *obj = kspan_span_object(span, index);

	if (!IS_ENABLED(CONFIG_DEBUG_KMEMLEAK) || kspan_nested())
		return;
	kmemleak_free(obj);
	kmemleak_alloc(obj, kspan_span_usable(span, index), 0, GFP_NOWAIT);
}

void kspan_free_later(struct kspan_span *span, u8 *state)
{
	/*
	 * A worker that sees the mark may free the object, and the span with it, after a grace
	 * period: not before this has put the span on the list.
	 */
	rcu_read_lock();
	tell_of_waiting(span, state);
	WRITE_ONCE(*state, KSPAN_STATE_RCU_NEXT);
	kspan_test_point(KSPAN_AT_DEFER);
	kspan_rcu_defer(span);
	rcu_read_unlock();
}

/* The finalizer of @obj, in state FINALIZING, has run. Process context. */
static void free_finalized(void *obj)
{
	struct kspan_span *span = kspan_pagemap_find(obj);
	u8 *state = &span->state[kspan_span_index(span, obj)];

	WRITE_ONCE(*state, KSPAN_STATE_FREEING);
	free_last(span, obj, state);
}

/* The same of one that had a weak handle: readers may hold it until a grace period. */
static void free_finalized_later(void *obj)
{
	struct kspan_span *span = kspan_pagemap_find(obj);
	u8 *state = &span->state[kspan_span_index(span, obj)];

	WRITE_ONCE(*state, KSPAN_STATE_FREEING);
	kspan_free_later(span, state);
}

/* Finalizer first, then readers of the weak handle, then the end. */
void kspan_free_claimed(struct kspan_span *span, void *obj, u8 *state)
{
	struct kspan_special *list, *special, *finalizer = NULL;
	bool had_weak = false;

	/* From here on nobody finds the object through its handle. */
	list = kspan_special_unlink_first(&span->specials, obj - span->base,
					  KSPAN_KIND(KSPAN_SPECIAL_FINALIZER) |
					  KSPAN_KIND(KSPAN_SPECIAL_WEAK));
	special = list;
	if (special && special->kind == KSPAN_SPECIAL_FINALIZER) {
		finalizer = special;
		special = special->next;
	}
	if (special && special->kind == KSPAN_SPECIAL_WEAK) {
		had_weak = true;
		kspan_weak_release(special);
	}
	if (finalizer) {
		finalizer->finalizer.then = had_weak ? free_finalized_later : free_finalized;
		WRITE_ONCE(*state, KSPAN_STATE_FINALIZING);
		kspan_finalizers_add(&span->cache->finalizers, finalizer);
	} else if (had_weak) {
		kspan_free_later(span, state);
	} else {
		free_unlinked(span, obj, state, list);
	}
}

void kspan_free_waited(struct kspan_span *span, unsigned int index)
{
	u8 *state = &span->state[index];

	WRITE_ONCE(*state, KSPAN_STATE_FREEING);
	kspan_free_claimed(span, kspan_span_object(span, index), state);
}

void kspan_free_forget(struct kspan_span *span)
{
	struct kspan_special *list, *special;
	unsigned int i;

	for (i = 0; i < span->nr_objs; i++) {
		list = kspan_special_unlink(&span->specials, i * span->slot_size, KSPAN_KINDS_ALL);
		while ((special = list)) {
			list = special->next;
			if (special->kind == KSPAN_SPECIAL_PROFILE)
				kspan_tracing_release(span, special);
			else if (special->kind == KSPAN_SPECIAL_WEAK)
				kspan_weak_release(special);
			else
				kspan_special_delete(special);
		}
	}
}
