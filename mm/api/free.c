// SPDX-License-Identifier: GPL-2.0
/*
 * Freeing. An object without specials goes from ALLOCATED to CACHED and into this CPU's array:
 * that load and store of its state byte are also what finds double frees. Everything else is
 * the slow path here:
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
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>

#include <kspan/kspan.h>

#include "api/deferred.h"
#include "api/free.h"
#include "base/compat.h"
#include "base/hooks.h"
#include "base/lock.h"
#include "base/report.h"
#include "base/stats.h"
#include "events.h"
#include "heap/cache.h"
#include "heap/fence.h"
#include "heap/guard.h"
#include "heap/kasan.h"
#include "heap/pagemap.h"
#include "heap/pcpu.h"
#include "special/special.h"
#include "tracing.h"

/* ---- What is wrong with a free ------------------------------------------------------- */

/* Says what is wrong with freeing @obj, from @cache or any. No lock held. */
static noinline void report_bad_free(struct kspan_cache *cache, const void *obj)
{
	const char *name = cache ? kspan_cache_name(cache) : "none";
	enum kspan_counter what = KSPAN_INVALID_FREES;
	const char *text = "free of memory that is not kspan's";
	struct kspan_span *span;
	bool print;
	int index;

	/* The span may be going away: @obj is not ours to keep it. */
	rcu_read_lock();
	span = kspan_pagemap_find(obj);
	if (span) {
		index = kspan_span_index(span, obj);
		name = kspan_cache_name(span->cache);
		if (index < 0 || index >= span->nr_objs) {
			text = "free of an address inside an object";
		} else if (cache && cache != span->cache) {
			what = KSPAN_WRONG_CACHE_FREES;
			text = "free into the wrong cache";
		} else {
			what = KSPAN_DOUBLE_FREES;
			text = "double free";
		}
	} else if (kspan_fence_freed(obj)) {
		/* Its span has gone, the slot's record has not. */
		what = KSPAN_DOUBLE_FREES;
		text = "double free";
		name = kspan_fence_freed(obj);
	}
	if (what == KSPAN_WRONG_CACHE_FREES)
		print = kspan_report(what, obj, "%s: %s, object of cache %s", text,
				     kspan_cache_name(cache), name);
	else
		print = kspan_report(what, obj, "%s, cache %s", text, name);
	if (print)
		kspan_fence_print(obj);
	rcu_read_unlock();
}

/* ---- The slow path ------------------------------------------------------------------- */

/* As slab decides it: late readers of a stable object must find it as it was. */
static bool want_zero(const struct kspan_cache *cache)
{
	return want_init_on_free() && !cache->ctor &&
	       !(cache->flags & (KSPAN_TYPESAFE_BY_RCU | KSPAN_POISON));
}

/* The memory of a single goes back to where it came from. State FREEING. */
static void put_single(struct kspan_span *span, u8 *state)
{
	struct kspan_slot self = { .obj = span->base, .state = state };

	if (want_zero(span->cache))
		memset(span->base, 0, span->asked[0]);
	if (test_bit(KSPAN_SPAN_FENCED, &span->flags))
		kspan_fence_free(span);
	kspan_node_give(span->cache, &self, 1, KSPAN_STATE_FREEING);
}

/* Gives a slot back whose object has no specials and nobody. State CACHED or on its way to it. */
static void put_slot(struct kspan_span *span, void *obj, u8 *state)
{
	struct kspan_cache *cache = span->cache;

	if (unlikely(kspan_span_single(span))) {
		put_single(span, state);
		return;
	}
	if (want_zero(cache)) {
		kspan_kasan_unpoison(obj, span->slot_size);
		memset(obj, 0, span->slot_size - cache->red_zone);
	}
	kspan_guard_free(span, obj);
	kspan_kasan_free(span, obj);
	WRITE_ONCE(*state, KSPAN_STATE_CACHED);
	if (!kspan_pcpu_push(cache, span, obj, state))
		kspan_pcpu_free_slow(cache, span, obj, state);
}

void kspan_free_unused(void *obj)
{
	struct kspan_span *span = kspan_pagemap_find(obj);

	put_slot(span, obj, &span->state[kspan_span_index(span, obj)]);
}

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
	kspan_guard_check(span, obj, kspan_profile_bucket(list));
	while ((special = list)) {
		list = special->next;
		switch (special->kind) {
		case KSPAN_SPECIAL_PROFILE:
			kspan_profile_release(span, special);
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
	put_slot(span, obj, state);
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

/* Takes the weak handle off; true if there was one. */
static bool clear_weak(struct kspan_span *span, void *obj)
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

static void free_after_grace_period(struct kspan_span *span, u8 *state)
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
	free_after_grace_period(span, state);
}

/* State FREEING: finalizer first, then readers of the weak handle, then the end. */
static void free_claimed(struct kspan_span *span, void *obj, u8 *state)
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
		free_after_grace_period(span, state);
	} else {
		free_unlinked(span, obj, state, list);
	}
}

/* Makes the caller the only one who frees this object: two at once are a double free too. */
static bool claim(u8 *state, u8 claimed)
{
	u8 old = READ_ONCE(*state);

	if (old != KSPAN_STATE_ALLOCATED && old != KSPAN_STATE_SPECIALS)
		return false;
	kspan_test_point(KSPAN_AT_CLAIM);
	return cmpxchg(state, old, claimed) == old;
}

/*
 * No lock may be taken here: the object waits as for a grace period, and the worker does all
 * that there is to do.
 */
static noinline void free_nested(struct kspan_span *span, void *obj, u8 *state)
{
	if (!claim(state, KSPAN_STATE_FREEING)) {
		report_bad_free(span->cache, obj);
		return;
	}
	kspan_count(KSPAN_NESTED_FREES);
	free_after_grace_period(span, state);
}

static noinline void free_slow(struct kspan_span *span, void *obj, u8 *state)
{
	if (claim(state, KSPAN_STATE_FREEING))
		free_claimed(span, obj, state);
	else
		report_bad_free(span->cache, obj);
}

void kspan_free_waited(struct kspan_span *span, unsigned int index)
{
	WRITE_ONCE(span->state[index], KSPAN_STATE_FREEING);
	free_claimed(span, kspan_span_object(span, index), &span->state[index]);
}

/*
 * Releases the records of every object of @span, whose objects nobody will free any more: the
 * module ends, and leaves their memory.
 */
void kspan_free_forget(struct kspan_span *span)
{
	struct kspan_special *list, *special;
	unsigned int i;

	for (i = 0; i < span->nr_objs; i++) {
		list = kspan_special_unlink(&span->specials, i * span->slot_size, KSPAN_KINDS_ALL);
		while ((special = list)) {
			list = special->next;
			if (special->kind == KSPAN_SPECIAL_PROFILE)
				kspan_profile_release(span, special);
			else if (special->kind == KSPAN_SPECIAL_WEAK)
				kspan_weak_release(special);
			else
				kspan_special_delete(special);
		}
	}
}

/* ---- Entry points -------------------------------------------------------------------- */

/*
 * Any free: @cache may be NULL, then any cache is right. What the fast path below gave up, and
 * what never takes it.
 */
static noinline void free_object(struct kspan_cache *cache, void *obj, unsigned long ip)
{
	struct kspan_span *span;
	u8 *state;
	int index;

	if (unlikely(ZERO_OR_NULL_PTR(obj)) || kspan_refuse_nmi())
		return;
	/* A valid @obj keeps its span; for any other address a grace period does. */
	rcu_read_lock();
	span = kspan_pagemap_find_rcu(obj);
	if (unlikely(!span || (cache && span->cache != cache)))
		goto bad;
	index = kspan_span_index(span, obj);
	if (unlikely(index < 0))
		goto bad;
	state = &span->state[index];
	if (unlikely(READ_ONCE(*state) != KSPAN_STATE_ALLOCATED &&
		     READ_ONCE(*state) != KSPAN_STATE_SPECIALS))
		goto bad;
	/* Valid so far as can be seen: from here on the object keeps its span. */
	rcu_read_unlock();

	kspan_trace(kspan_free, ip, obj, span->slot_size, span->cache);
	if (unlikely(kspan_nested())) {
		free_nested(span, obj, state);
		return;
	}
	if (READ_ONCE(*state) != KSPAN_STATE_ALLOCATED) {
		free_slow(span, obj, state);
		return;
	}
	if (unlikely(!claim(state, KSPAN_STATE_FREEING))) {
		report_bad_free(cache, obj);
		return;
	}
	kmemleak_free(obj);
	kspan_guard_check(span, obj, NULL);
	put_slot(span, obj, state);
	return;
bad:
	rcu_read_unlock();
	report_bad_free(cache, obj);
}

/*
 * What the fast paths free: a valid object of @span, of memory near this CPU, without specials,
 * in state ALLOCATED.
 */
static __always_inline bool is_plain(struct kspan_span *span, void *obj, u8 **state)
{
	size_t index;

	if (!__kspan_span_index(span, obj, &index))
		return false;
	*state = &span->state[index];
	/*
	 * The owner of the object wrote the state, or told its owner to be. Of two CPUs that free
	 * it at this very moment, one leaves a stray in its array, which is found there.
	 */
	return likely(data_race(**state) == KSPAN_STATE_ALLOCATED && !kspan_pcpu_remote(span));
}

/*
 * The fast path: a plain object, into this CPU's array. False: not done. @any is constant: the
 * cache is not known, and is the span's.
 */
static __always_inline bool free_fast(struct kspan_cache *cache, bool any, void *obj)
{
	struct kspan_span *span;
	bool done = false;
	u8 *state;

	if (static_branch_unlikely(&kspan_free_more) || unlikely(in_nmi()))
		return false;

	preempt_disable();
	span = __kspan_pagemap_find(obj);
	if (!any && unlikely(span->cache != cache))
		goto out;
	if (!is_plain(span, obj, &state))
		goto out;
	kmemleak_free(obj);
	/* Before it is in the array, whence an interrupt may take it. */
	kspan_kasan_free(span, obj);
	done = __kspan_pcpu_push(any ? span->cache : cache, obj, state);
out:
	preempt_enable();
	return done;
}

/*
 * As free_fast(), for as many of @n objects as there is room for in one array; how many were
 * freed. @cache may be NULL.
 */
static size_t free_run(struct kspan_cache *cache, size_t n, void **objs)
{
	struct kspan_pcpu *pcpu;
	struct kspan_slot *slot;
	struct kspan_span *span;
	size_t i = 0;
	u64 word;
	u32 limit;
	u8 *state;

	if (static_branch_unlikely(&kspan_free_more) || unlikely(in_nmi()) || !n)
		return 0;

	preempt_disable();
	if (!cache)
		cache = __kspan_pagemap_find(objs[0])->cache;
	if (unlikely(!cache))
		goto out;
	pcpu = this_cpu_ptr(cache->pcpu);
	word = kspan_pcpu_enter(cache->pcpu);
	limit = READ_ONCE(cache->pcpu_limit);
	if (unlikely((u32)word >= limit)) {
		kspan_pcpu_leave(cache->pcpu);
		goto out;
	}
	slot = &pcpu->slot[kspan_word_count(word)];
	n = min_t(size_t, n, limit / KSPAN_SLOT - kspan_word_count(word));
	for (; i < n; i++) {
		span = __kspan_pagemap_find(objs[i]);
		if (span->cache != cache || !is_plain(span, objs[i], &state))
			break;
		kmemleak_free(objs[i]);
		kspan_kasan_free(span, objs[i]);
		WRITE_ONCE(*state, (u8)word);
		*slot++ = (struct kspan_slot) { .obj = objs[i], .state = state };
	}
	kspan_pcpu_store(cache->pcpu, word + i * KSPAN_SLOT);
out:
	preempt_enable();
	return i;
}

/* As alloc_from_slow(): called last, it finds the caller's address by itself. */
static noinline void free_any_slow(void *obj)
{
	free_object(NULL, obj, _RET_IP_);
}

static noinline void free_to_slow(struct kspan_cache *cache, void *obj)
{
	free_object(cache, obj, _RET_IP_);
}

/**
 * kspan_free() - free an object
 * @obj: from any allocation function of kspan's, or NULL or ZERO_SIZE_PTR
 *
 * Freeing twice, an address inside an object or memory that is not kspan's is reported, counted
 * and refused.
 *
 * Context: any but NMI.
 */
notrace void kspan_free(const void *obj)
{
	if (unlikely(!free_fast(NULL, true, (void *)obj)))
		free_any_slow((void *)obj);
}
EXPORT_SYMBOL_GPL(kspan_free);

/**
 * kspan_cache_free() - free an object of a cache
 * @cache: the cache that it was allocated from
 * @obj: the object, or NULL
 *
 * As kspan_free(), and an object of another cache is reported, counted and refused too.
 *
 * Context: any but NMI.
 */
notrace void kspan_cache_free(struct kspan_cache *cache, void *obj)
{
	if (unlikely(!free_fast(cache, false, obj)))
		free_to_slow(cache, obj);
}
EXPORT_SYMBOL_GPL(kspan_cache_free);

/**
 * kspan_cache_free_bulk() - free many objects
 * @cache: the cache that they were allocated from, or NULL for any
 * @n: how many
 * @objs: the objects
 *
 * Context: any but NMI.
 */
void kspan_cache_free_bulk(struct kspan_cache *cache, size_t n, void **objs)
{
	size_t i;

	for (i = free_run(cache, n, objs); i < n; i += free_run(cache, n - i, objs + i)) {
		/* The array is full, or this one needs more than it. */
		free_object(cache, objs[i], _RET_IP_);
		i++;
	}
}
EXPORT_SYMBOL_GPL(kspan_cache_free_bulk);

/**
 * kspan_free_sensitive() - overwrite an object and free it
 * @obj: from any allocation function of kspan's, or NULL or ZERO_SIZE_PTR
 *
 * Context: any but NMI.
 */
void kspan_free_sensitive(const void *obj)
{
	size_t size = kspan_size(obj);

	if (size)
		memzero_explicit((void *)obj, size);
	free_object(NULL, (void *)obj, _RET_IP_);
}
EXPORT_SYMBOL_GPL(kspan_free_sensitive);

/**
 * kspan_free_rcu() - free an object after a grace period
 * @obj: from any allocation function of kspan's, or NULL or ZERO_SIZE_PTR
 *
 * Needs no rcu_head, allocates nothing and cannot fail; the object is not written to before the
 * grace period has passed. A weak handle reads NULL at once; a finalizer runs after.
 *
 * Context: any but NMI.
 */
void kspan_free_rcu(void *obj)
{
	struct kspan_span *span;
	u8 *state;

	if (ZERO_OR_NULL_PTR(obj) || kspan_refuse_nmi())
		return;
	span = kspan_free_find(obj);
	if (!span)
		goto bad;
	state = &span->state[kspan_span_index(span, obj)];
	if (!claim(state, KSPAN_STATE_FREEING))
		goto bad;
	kspan_trace(kspan_free, _RET_IP_, obj, span->slot_size, span->cache);
	/* Where no lock may be taken, that is left to the worker too. */
	if (likely(!kspan_nested()))
		clear_weak(span, obj);
	free_after_grace_period(span, state);
	return;
bad:
	report_bad_free(NULL, obj);
}
EXPORT_SYMBOL_GPL(kspan_free_rcu);
