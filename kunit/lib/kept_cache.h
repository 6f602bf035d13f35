/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A cache of a suite's, whose objects lose their content as soon as they are freed, and one object
 * that keeps their span: so a test may look at the memory of an object that is gone.
 */
#ifndef _KSPAN_KUNIT_KEPT_CACHE_H
#define _KSPAN_KUNIT_KEPT_CACHE_H

#include "profile_helpers.h"

#define OBJECT_SIZE	64
#define CONTENT		0x5a

static struct kspan_cache *cache;
static void *keeper;

/* A suite's init. */
static inline int kept_cache_begin(struct kunit *test, const char *name)
{
	if (test_begin(test))
		return -EINVAL;
	cache = kspan_cache_create(name, OBJECT_SIZE, 0, KSPAN_POISON, NULL);
	if (!cache)
		return -ENOMEM;
	kspan_profile_set_sample_bytes(HEAP, 0);
	keeper = kspan_cache_alloc(cache, GFP_KERNEL);
	return kspan_profile_set_sample_bytes(HEAP, 1);
}

/* A suite's exit. */
static inline void kept_cache_end(struct kunit *test)
{
	test_end(test);
	if (!cache)
		return;
	kspan_free(keeper);
	kspan_cache_destroy(cache);
}

static inline void *new_object(struct kunit *test)
{
	void *obj = kspan_cache_alloc(cache, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, obj);
	fill(obj, CONTENT, OBJECT_SIZE);
	return obj;
}

#endif /* _KSPAN_KUNIT_KEPT_CACHE_H */
