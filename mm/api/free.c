// SPDX-License-Identifier: GPL-2.0
/*
 * Freeing. An object without specials goes from ALLOCATED to CACHED and into this CPU's array:
 * that load and store of its state byte are also what finds double frees. Everything else is
 * the slow path, and what an object has to pass before its slot may be used again is in release.c.
 *
 * Locks: none.
 */
#include <linux/kmemleak.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>

#include <kspan/kspan.h>

#include "api/free.h"
#include "base/compat.h"
#include "base/hooks.h"
#include "base/lock.h"
#include "base/report.h"
#include "base/stats.h"
#include "events.h"
#include "heap/heap.h"
#include "heap/pcpu.h"

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
	kspan_free_later(span, state);
}

static noinline void free_slow(struct kspan_span *span, void *obj, u8 *state)
{
	if (claim(state, KSPAN_STATE_FREEING))
		kspan_free_claimed(span, obj, state);
	else
		report_bad_free(span->cache, obj);
}

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
	kspan_supply_put(span, obj, state);
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
	return likely(data_race(**state) == KSPAN_STATE_ALLOCATED && !kspan_pcpu_not_here(span));
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

	if (unlikely(kspan_in_nmi()))
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

/* The span of an object of @cache's that may go into this CPU's array, or NULL. */
static __always_inline struct kspan_span *find_near(const struct kspan_cache *cache,
						    const void *obj)
	kspan_must_rcu
{
	struct kspan_span *span = __kspan_pagemap_find(obj);

	return likely(span->cache == cache && !kspan_pcpu_not_here(span)) ? span : NULL;
}

/*
 * A run of objects of one span, as enter_in_slots() knows it: those that are freed together mostly come
 * from a span or two, and this saves most of them the page map.
 */
struct run {
	struct kspan_span *span;
	unsigned long minus_base, nr_objs;
	u64 inverse;			/* as in struct kspan_cache, for all of them */
	unsigned int shift;
};

/* Which object of the run begins at @obj: nr_objs or more is none. */
static __always_inline size_t index_in_run(const struct run *run, const void *obj)
{
	return kspan_slot_index((unsigned long)kasan_reset_tag(obj) + run->minus_base,
				run->inverse, run->shift);
}

/*
 * Enters @obj of @cache in a slot of this CPU's array, and begins another run where it is of none;
 * false if it is not plain.
 */
static __always_inline bool enter_in_slot(struct run *run, const struct kspan_cache *cache,
					  void *obj, u8 mark, struct kspan_slot *slot)
	kspan_must_rcu
{
	size_t index = index_in_run(run, obj);
	u8 *state;

	if (unlikely(index >= run->nr_objs)) {
		run->span = find_near(cache, obj);
		if (!run->span)
			return false;
		run->minus_base = -(unsigned long)kasan_reset_tag(run->span->base);
		run->nr_objs = run->span->nr_objs;
		index = index_in_run(run, obj);
		if (unlikely(index >= run->nr_objs))
			return false;
	}
	state = &run->span->state[index];
	/* As in is_plain(). */
	if (unlikely(data_race(*state) != KSPAN_STATE_ALLOCATED))
		return false;
	kmemleak_free(obj);
	kspan_kasan_free(run->span, obj);
	WRITE_ONCE(*state, mark);
	slot->obj = obj;
	slot->state = state;
	return true;
}

/*
 * Enters @n objects of @cache in slots from @slot on, as far as they are plain; how many are left.
 * @at_once is constant.
 */
static __always_inline size_t enter_in_slots(const struct kspan_cache *cache, size_t n, void **objs,
					     u8 mark, struct kspan_slot *slot, size_t at_once)
	kspan_must_rcu
{
	struct run run = { .inverse = cache->inverse, .shift = cache->shift };
	size_t k;

	for (; n >= at_once; n -= at_once) {
#pragma GCC unroll 16
		for (k = 0; k < at_once; k++)
			if (unlikely(!enter_in_slot(&run, cache, objs[k], mark, &slot[k])))
				return n - k;
		objs += at_once;
		slot += at_once;
	}
	for (; n; n--, objs++, slot++)
		if (unlikely(!enter_in_slot(&run, cache, *objs, mark, slot)))
			break;
	return n;
}

/*
 * As free_fast(), for @n objects of @cache, one to KSPAN_SLOTS_MAX, if there is room for all of them
 * in this CPU's array; how many are left.
 */
static __always_inline size_t free_all(struct kspan_cache *cache, size_t n, void **objs,
				       size_t at_once)
{
	u64 word, then;

	preempt_disable();
	word = kspan_pcpu_enter(cache->pcpu);
	then = word + (n - 1) * KSPAN_SLOT;
	/* As __kspan_pcpu_push() asks for the last of them. */
	if (likely((u32)then < READ_ONCE(cache->pcpu_limit))) {
		then += KSPAN_SLOT;
		n = enter_in_slots(cache, n, objs, (u8)then,
				   kspan_slot_of(this_cpu_ptr(cache->pcpu), word), at_once);
		kspan_pcpu_store(cache->pcpu, then - n * KSPAN_SLOT);
	} else {
		kspan_pcpu_leave(cache->pcpu);
	}
	preempt_enable();
	return n;
}

/* The same with as many of any @n as there seems to be room for; how many were freed. */
static size_t free_some(struct kspan_cache *cache, size_t n, void **objs)
{
	u32 word = raw_cpu_read(cache->pcpu->word), limit = READ_ONCE(cache->pcpu_limit);

	if (word >= limit)
		return 0;
	n = min_t(size_t, n, limit / KSPAN_SLOT - kspan_word_count(word));
	return n - free_all(cache, n, objs, 1);
}

/*
 * The cache of an object that is plain, or NULL. It is read where the header cannot go: somebody
 * else may free the object too, by mistake.
 */
static struct kspan_cache *cache_of_plain(void *obj)
{
	struct kspan_cache *cache;
	struct kspan_span *span;
	u8 *state;

	preempt_disable();
	span = __kspan_pagemap_find(obj);
	cache = is_plain(span, obj, &state) ? span->cache : NULL;
	preempt_enable();
	return cache;
}

/*
 * What the fast path has not freed: mostly the array is full, and once there is room it is asked
 * again. As alloc_from_slow(): called last, these find the caller's address by themselves.
 */
static __always_inline void free_slowly(void *obj, unsigned long ip)
{
	struct kspan_cache *cache = kspan_in_nmi() ? NULL : cache_of_plain(obj);

	if (!cache || !kspan_pcpu_make_room(cache) || !free_fast(NULL, true, obj))
		free_object(NULL, obj, ip);
}

static noinline void free_any_slow(void *obj)
{
	free_slowly(obj, _RET_IP_);
}

static noinline bool free_own_slow(void *obj)
{
	if (!kspan_in_span(obj))
		return false;
	free_slowly(obj, _RET_IP_);
	return true;
}

static noinline void free_to_slow(struct kspan_cache *cache, void *obj)
{
	if (!cache || kspan_in_nmi() || !kspan_pcpu_make_room(cache) ||
	    !free_fast(cache, false, obj))
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
 * kspan_free_own() - free an object if it is kspan's
 * @obj: any value
 *
 * Does what kspan_free() does if kspan_in_span() is true of @obj, else nothing: for who has objects
 * of several allocators. It asks no page map twice.
 *
 * Context: any but NMI; in NMI it only says whose the object is.
 * Return: false if it is not kspan's, NULL and ZERO_SIZE_PTR among others.
 */
notrace bool kspan_free_own(const void *obj)
{
	if (likely(free_fast(NULL, true, (void *)obj)))
		return true;
	return free_own_slow((void *)obj);
}
EXPORT_SYMBOL_GPL(kspan_free_own);

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

/* As kspan_cache_free_bulk(). Called last, it finds the caller's address by itself. */
static noinline void free_bulk_slow(struct kspan_cache *cache, size_t n, void **objs)
{
	struct kspan_cache *of;
	size_t i = 0;

	while (i < n) {
		of = kspan_in_nmi() ? NULL : cache ?: cache_of_plain(objs[i]);
		if (of)
			i += free_some(of, n - i, objs + i);
		/* The array is full, or this one needs more than it. */
		if (i < n)
			free_object(cache, objs[i++], _RET_IP_);
	}
}

/**
 * kspan_cache_free_bulk() - free many objects
 * @cache: the cache that they were allocated from, or NULL for any
 * @n: how many
 * @objs: the objects
 *
 * Context: any but NMI.
 */
notrace void kspan_cache_free_bulk(struct kspan_cache *cache, size_t n, void **objs)
{
	size_t left = n;

	if (likely(cache && n - 1 < KSPAN_SLOTS_MAX && !kspan_in_nmi()))
		left = free_all(cache, n, objs, KSPAN_AT_ONCE);
	if (unlikely(left))
		free_bulk_slow(cache, left, objs + n - left);
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
		kspan_free_clear_weak(span, obj);
	kspan_free_later(span, state);
	return;
bad:
	report_bad_free(NULL, obj);
}
EXPORT_SYMBOL_GPL(kspan_free_rcu);
