// SPDX-License-Identifier: GPL-2.0
/*
 * Tracing: the one place that knows both buckets and specials, and so the one place where their
 * locks could be nested. They never are:
 *
 *	Tracing never runs under a span's lock.
 *
 * In January 2014 the Go runtime had both nestings, and two threads deadlocked ("runtime: fix
 * specials deadlock"). Its two halves, and what stands here instead:
 *
 *	on free		The span's special lock was held while the specials were released, and
 *			releasing a profile special takes the bucket lock.
 *	instead		kspan_special_unlink() moves the object's specials to a private list
 *			under the span's lock and drops it. kspan_tracing_release() runs after.
 *
 *	on allocation	The bucket lock was held while the special was attached, and attaching
 *			takes the span's special lock.
 *	instead		kspan_bucket_alloc() counts under the bucket lock and drops it.
 *			kspan_attach() hangs it on after. The object is alive and owned by its
 *			caller between the two, so they need not be one step.
 *
 * Each half alone is enough to break the rule, so each is asserted by itself, wherever lockdep
 * is built in, and tested by itself (kunit/whole/ordering_test.c).
 *
 * On allocation, too, the special is allocated first: then nothing can fail once the bucket has
 * counted, and there is nothing to undo.
 */
#include <linux/lockdep.h>

#include "base/compat.h"
#include "base/gfp.h"
#include "base/hooks.h"
#include "base/lock.h"
#include "base/stats.h"
#include "events.h"
#include "heap/heap.h"
#include "special/special.h"
#include "tracing.h"

static struct kspan_bucket *count_sample(struct kspan_cache *cache, size_t slot_size,
					 u64 weight)
{
	struct kspan_stack stack;

	kspan_stack_capture(&kspan_heap_profile, &stack);
	return kspan_bucket_alloc(&kspan_heap_profile, &stack, slot_size, cache->label, weight,
				  KSPAN_GFP_OPTIONAL);
}

/* Whatever the caller lets the allocation do for memory, nothing is done for the sample. */
void kspan_tracing_alloc(struct kspan_cache *cache, void *obj, size_t slot_size, u64 weight)
{
	struct kspan_special *special;
	struct kspan_span *span;

	special = kspan_special_new(KSPAN_SPECIAL_PROFILE, KSPAN_GFP_OPTIONAL);
	if (!special)
		goto dropped;
	special->profile.taken_ns = kspan_profile_now();
	special->profile.weight = weight;
	special->profile.bucket = count_sample(cache, slot_size, weight);
	if (!special->profile.bucket)
		goto no_bucket;

	/* The bucket lock has been dropped: from here on only the span's. */
	span = kspan_pagemap_find(obj);
	kspan_profile_assert_unlocked(&kspan_heap_profile);
	kspan_test_point(KSPAN_AT_ATTACH);
	if (WARN_ON_ONCE(kspan_attach(span, obj, special))) {
		/* The object is fresh and ours: this is for one that was freed behind us. */
		kspan_tracing_release(span, special);
		return;
	}
	kspan_profile_count(&kspan_heap_profile, KSPAN_SAMPLES);
	kspan_trace(kspan_sample, obj, slot_size, weight, cache);
	return;

no_bucket:
	kspan_special_delete(special);
dropped:
	kspan_profile_count(&kspan_heap_profile, KSPAN_SAMPLES_DROPPED);
}

void kspan_tracing_release(struct kspan_span *span, struct kspan_special *special)
{
	u64 age;

	/* The special is on a private list, and the span's lock has been dropped. */
	lockdep_assert_not_held(&span->specials.lock);
	kspan_test_point(KSPAN_AT_RELEASE);
	age = kspan_profile_age(special->profile.taken_ns, kspan_profile_now());
	kspan_bucket_free_aged(special->profile.bucket, special->profile.weight, age);
	kspan_special_delete(special);
}

const struct kspan_bucket *kspan_tracing_bucket(const struct kspan_special *list)
{
	while (list && list->kind != KSPAN_SPECIAL_PROFILE)
		list = list->next;
	return list ? list->profile.bucket : NULL;
}
