// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of variables that give up what they hold when they go out of scope, where the kernel has
 * <linux/cleanup.h>.
 */
#include "suite.h"

#include <linux/err.h>

#include "allocator.h"

#ifdef DEFINE_FREE

/* Out of the function at either end; what was held is told through @was. */
static int hold_object(bool early, void **was)
{
	void *obj __free(kspan_free) = kspan_alloc(100, GFP_KERNEL);

	*was = obj;
	if (!obj)
		return -ENOMEM;
	if (early)
		return -EINTR;
	fill(obj, 0xff, 100);
	return 0;
}

static void object_is_freed_on_each_way_out(struct kunit *test)
{
	unsigned long frees = kspan_counter_sum(KSPAN_FREES);
	void *was;

	catch_reports();
	KUNIT_EXPECT_EQ(test, hold_object(true, &was), -EINTR);
	KUNIT_EXPECT_NOT_NULL(test, was);
	KUNIT_EXPECT_FALSE(test, kspan_owns(was));
	KUNIT_EXPECT_EQ(test, hold_object(false, &was), 0);
	KUNIT_EXPECT_FALSE(test, kspan_owns(was));
	KUNIT_EXPECT_GE(test, kspan_counter_sum(KSPAN_FREES), frees + 2);
	KUNIT_EXPECT_EQ(test, caught.nr, 0U);
}

static void *give_away(void)
{
	void *obj __free(kspan_free) = kspan_alloc(100, GFP_KERNEL);

	return_ptr(obj);
}

static void object_that_is_given_away_stays(struct kunit *test)
{
	void *obj = give_away();

	KUNIT_ASSERT_NOT_NULL(test, obj);
	KUNIT_EXPECT_TRUE(test, kspan_owns(obj));
	kspan_free(obj);
}

static void null_and_errors_are_left_alone(struct kunit *test)
{
	catch_reports();
	{
		void *none __free(kspan_free) = NULL;
		void *bad __free(kspan_free) = ERR_PTR(-ENOMEM);
		struct kspan_cache *cache __free(kspan_cache_destroy) = NULL;
		struct kspan_weak *weak __free(kspan_weak_put) = ERR_PTR(-EINVAL);

		KUNIT_EXPECT_NULL(test, none);
		KUNIT_EXPECT_TRUE(test, IS_ERR(bad));
		KUNIT_EXPECT_NULL(test, cache);
		KUNIT_EXPECT_TRUE(test, IS_ERR(weak));
	}
	KUNIT_EXPECT_EQ(test, caught.nr, 0U);
}

/* The last in scope goes first: the handle, the object, and then the cache that it is from. */
static void scope_of_cache_object_and_handle_leaves_nothing(struct kunit *test)
{
	unsigned long left = kspan_counter_sum(KSPAN_CACHES_LEFT);
	void *was = NULL;

	catch_reports();
	{
		struct kspan_cache *cache __free(kspan_cache_destroy) =
			kspan_cache_create("kspan-scope", 72, 0, 0, NULL);
		void *obj __free(kspan_free) =
			cache ? kspan_cache_alloc(cache, GFP_KERNEL) : NULL;
		struct kspan_weak *weak __free(kspan_weak_put) = kspan_weak_get(obj, GFP_KERNEL);

		KUNIT_EXPECT_NOT_NULL(test, obj);
		KUNIT_EXPECT_FALSE(test, IS_ERR(weak));
		was = obj;
	}
	KUNIT_EXPECT_FALSE(test, kspan_owns(was));
	KUNIT_EXPECT_EQ(test, caught.nr, 0U);
	KUNIT_EXPECT_EQ(test, kspan_counter_sum(KSPAN_CACHES_LEFT), left);
}

static struct kunit_case scope_cases[] = {
	KUNIT_CASE(object_is_freed_on_each_way_out),
	KUNIT_CASE(object_that_is_given_away_stays),
	KUNIT_CASE(null_and_errors_are_left_alone),
	KUNIT_CASE(scope_of_cache_object_and_handle_leaves_nothing),
	{}
};

#else

static void kernel_has_no_scope_based_cleanup(struct kunit *test)
{
	kunit_skip(test, "there is no <linux/cleanup.h>");
}

static struct kunit_case scope_cases[] = {
	KUNIT_CASE(kernel_has_no_scope_based_cleanup),
	{}
};

#endif /* DEFINE_FREE */

static struct kunit_suite scope_suite = {
	.name = "kspan_scope",
	.exit = allocator_test_exit,
	.test_cases = scope_cases,
};

kunit_test_suite(scope_suite);
