// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of bypass: objects of the kernel's slab are kspan's in everything but where their memory
 * comes from. That KASAN and kmemleak see them is for scripts/tests/hardening.
 */
#include "suite.h"

#include "special/special.h"
#include "geometry.h"
#include "profile_helpers.h"

#define OBJ_SIZE	100
#define NR_OBJS		300

static struct kspan_cache *cache;
static unsigned long specials_before;

static int bypass_test_init(struct kunit *test)
{
	if (test_begin(test))
		return -EINVAL;
	specials_before = kspan_special_count();
	cache = kspan_cache_create("bypass", OBJ_SIZE, 0, KSPAN_BYPASS, NULL);
	return cache ? 0 : -ENOMEM;
}

static void bypass_test_exit(struct kunit *test)
{
	test_end(test);
	kspan_cache_destroy(cache);
	KUNIT_EXPECT_EQ(test, kspan_special_count(), specials_before);
}

static u8 *new_object(struct kunit *test)
{
	u8 *obj = kspan_cache_alloc(cache, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, obj);
	return obj;
}

/* ------------------------------------------------------------------ addresses */

static void object_is_not_in_a_page_of_kspans(struct kunit *test)
{
	unsigned long pages = kspan_span_pages();
	u8 *obj = new_object(test);

	rcu_read_lock();
	KUNIT_EXPECT_PTR_EQ(test, __kspan_pagemap_find(obj), &kspan_no_span);
	rcu_read_unlock();
	KUNIT_EXPECT_NOT_NULL(test, span_of(obj));
	KUNIT_EXPECT_EQ(test, kspan_span_pages(), pages);
	kspan_free(obj);
	KUNIT_EXPECT_NULL(test, span_of(obj));
}

static bool owned(const u8 *obj)
{
	return kspan_owns(obj) && kspan_owns(obj + OBJ_SIZE / 2) && kspan_owns(obj + OBJ_SIZE - 1);
}

/* Many in one page, which come and go in any order. */
static void each_of_many_is_found(struct kunit *test)
{
	void **objs = objs_new(test, NR_OBJS);
	unsigned int i, step;

	for (i = 0; i < NR_OBJS; i++) {
		objs[i] = new_object(test);
		fill(objs[i], i, OBJ_SIZE);
		KUNIT_EXPECT_FALSE(test, kspan_owns(objs[i] + OBJ_SIZE));
	}
	for (step = 3; step; step--) {
		for (i = 0; i < NR_OBJS; i++) {
			KUNIT_EXPECT_EQ(test, owned(objs[i]), i % 3 < step);
			if (i % 3 >= step)
				continue;
			KUNIT_EXPECT_TRUE(test, filled_with(objs[i], i, OBJ_SIZE));
			KUNIT_EXPECT_PTR_EQ(test, span_of(objs[i] + 7)->base, objs[i]);
			if (i % 3 == step - 1)
				kspan_free(objs[i]);
		}
	}
}

/* What is of no size has exactly what was asked for, and no cache of the kernel's. */
static void objects_of_any_size_are_as_asked_for(struct kunit *test)
{
	static const size_t sizes[] = { KSPAN_MAX_CLASS_SIZE + 1, 40001, 9 * PAGE_SIZE };
	unsigned int before = kspan_large_cache->flags, i;
	struct test_counts told;
	u8 *obj;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		kspan_large_cache->flags |= KSPAN_BYPASS;
		obj = kspan_zalloc(sizes[i], GFP_KERNEL);
		kspan_large_cache->flags = before;
		KUNIT_ASSERT_NOT_NULL(test, obj);
		KUNIT_EXPECT_PTR_EQ(test, (u8 *)kspan_bypass_find(obj)->base, obj);
		KUNIT_EXPECT_EQ(test, kspan_size(obj), sizes[i]);
		KUNIT_EXPECT_TRUE(test, filled_with(obj, 0, sizes[i]));
		fill(obj, 0x5a, sizes[i]);
		told = test_count_rows(test, kspan_cache_name(kspan_large_cache), NULL);
		KUNIT_EXPECT_EQ(test, told.inuse_bytes, (u64)sizes[i]);
		kspan_free(obj);
		KUNIT_EXPECT_FALSE(test, kspan_owns(obj));
	}
	KUNIT_EXPECT_NULL(test, kspan_cache_own(kspan_large_cache)->kernels);
}

static const struct geometry_case geometry_cases[] = {
	GEOMETRY_CASES,
	{ "poison, red zone, guard", 100, 0, KSPAN_POISON | KSPAN_RED_ZONE | KSPAN_GUARD,
	  ARCH_KMALLOC_MINALIGN },
	{ "many pages", 70001, 0, 0, ARCH_KMALLOC_MINALIGN },
};

KUNIT_ARRAY_PARAM(geometry, geometry_cases, geometry_desc);

static void object_is_as_the_cache_says(struct kunit *test)
{
	const struct geometry_case *c = test->param_value;
	struct kspan_cache *other = kspan_cache_create("bypass", c->size, c->align,
						       c->flags | KSPAN_BYPASS, NULL);
	u8 *objs[5];
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, other);
	for (i = 0; i < ARRAY_SIZE(objs); i++) {
		objs[i] = kspan_cache_zalloc(other, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, objs[i]);
		KUNIT_EXPECT_TRUE(test, IS_ALIGNED((unsigned long)objs[i], c->aligned));
		KUNIT_EXPECT_TRUE(test, filled_with(objs[i], 0, c->size));
		KUNIT_EXPECT_EQ(test, kspan_size(objs[i]), (size_t)c->size);
		KUNIT_EXPECT_TRUE(test, kspan_owns(objs[i] + c->size - 1));
		fill(objs[i], 0x5a, c->size);
	}
	for (i = 0; i < ARRAY_SIZE(objs); i++)
		kspan_cache_free(other, objs[i]);
	kspan_cache_destroy(other);
}

/* ------------------------------------------------------------------ freeing */

static void bad_frees_are_reported(struct kunit *test)
{
	/* The kernel has it, and perhaps has given it to somebody else. */
	expect_bad_frees_reported(test, new_object(test), "bypass", KSPAN_INVALID_FREES,
				  "not kspan's");
}

static const unsigned int rcu_flags[] = { 0, KSPAN_TYPESAFE_BY_RCU };

/* Its memory too, where the cache promises that. */
static void object_stays_until_its_grace_period(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(rcu_flags); i++) {
		struct kspan_cache *other = kspan_cache_create("bypass-rcu", OBJ_SIZE, 0,
							       rcu_flags[i] | KSPAN_BYPASS, NULL);
		bool intact;
		u8 *obj;

		KUNIT_ASSERT_NOT_NULL(test, other);
		obj = kspan_cache_alloc(other, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, obj);
		fill(obj, 0x33, OBJ_SIZE);
		rcu_read_lock();
		if (rcu_flags[i])
			kspan_free(obj);
		else
			kspan_free_rcu(obj);
		mdelay(20);
		intact = filled_with(obj, 0x33, OBJ_SIZE);
		rcu_read_unlock();
		KUNIT_EXPECT_TRUE(test, intact);
		kspan_cache_destroy(other);
	}
}

static void finalize(void *obj, void *arg)
{
	*(bool *)arg = kspan_owns(obj);
}

static void clean_up(void *arg)
{
	(*(unsigned int *)arg)++;
}

static void records_work(struct kunit *test)
{
	struct kspan_weak *weak;
	unsigned int cleanups = 0;
	bool finalized = false;
	u8 *obj = new_object(test);

	KUNIT_EXPECT_EQ(test, kspan_set_finalizer(obj, finalize, &finalized, GFP_KERNEL), 0);
	KUNIT_EXPECT_EQ(test, kspan_add_cleanup(obj, clean_up, &cleanups, GFP_KERNEL), 0);
	weak = kspan_weak_get(obj, GFP_KERNEL);
	KUNIT_ASSERT_FALSE(test, IS_ERR(weak));
	kspan_free(obj);
	rcu_read_lock();
	KUNIT_EXPECT_NULL(test, kspan_weak_deref(weak));
	rcu_read_unlock();
	kspan_weak_put(weak);
	test_settle();
	KUNIT_EXPECT_TRUE(test, finalized);
	KUNIT_EXPECT_EQ(test, cleanups, 1U);
	KUNIT_EXPECT_FALSE(test, kspan_owns(obj));
}

static void late_free_of_a_destroyed_cache_works(struct kunit *test)
{
	struct kspan_cache *other = kspan_cache_create("bypass-late", OBJ_SIZE, 0, KSPAN_BYPASS,
						       NULL);
	u8 *obj;

	KUNIT_ASSERT_NOT_NULL(test, other);
	obj = kspan_cache_alloc(other, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, obj);
	catch_reports();
	kspan_cache_destroy(other);
	KUNIT_EXPECT_EQ(test, (int)caught.what, (int)KSPAN_CACHES_LEFT);
	KUNIT_EXPECT_TRUE(test, kspan_owns(obj));
	catch_reports();
	kspan_free(obj);
	KUNIT_EXPECT_EQ(test, caught.nr, 0U);
	KUNIT_EXPECT_FALSE(test, kspan_owns(obj));
}

/* ------------------------------------------------------------------ everything else */

static void without_a_header_there_is_no_object(struct kunit *test)
{
	unsigned long failures = kspan_counter_sum(KSPAN_ALLOC_FAILURES);
	void *obj;

	fail_all(KSPAN_FAIL_HEADER);
	obj = kspan_cache_alloc(cache, GFP_KERNEL);
	fail_nothing();
	KUNIT_EXPECT_NULL(test, obj);
	KUNIT_EXPECT_EQ(test, kspan_counter_sum(KSPAN_ALLOC_FAILURES), failures + 1);
}

static void bulk_works(struct kunit *test)
{
	void **objs = objs_new(test, NR_OBJS);

	KUNIT_ASSERT_EQ(test, kspan_cache_alloc_bulk(cache, GFP_KERNEL, NR_OBJS, objs), NR_OBJS);
	KUNIT_EXPECT_TRUE(test, owned(objs[0]) && owned(objs[NR_OBJS - 1]));
	kspan_cache_free_bulk(cache, NR_OBJS, objs);
	KUNIT_EXPECT_FALSE(test, owned(objs[0]) || owned(objs[NR_OBJS - 1]));
}

static void realloc_moves_the_content(struct kunit *test)
{
	u8 *obj = new_object(test), *more;

	fill(obj, 0x33, OBJ_SIZE);
	more = kspan_realloc(obj, OBJ_SIZE + 1, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, more);
	KUNIT_EXPECT_TRUE(test, filled_with(more, 0x33, OBJ_SIZE));
	KUNIT_EXPECT_FALSE(test, kspan_owns(obj));
	kspan_free(more);
}

static void alloc_and_free(void *arg)
{
	void *obj = kspan_cache_alloc(cache, GFP_ATOMIC);

	*(bool *)arg = owned(obj);
	kspan_free(obj);
}

KUNIT_ARRAY_PARAM(context, test_contexts, test_context_desc);

static void works_in_every_context(struct kunit *test)
{
	const struct test_context *context = test->param_value;
	bool was_owned = false;

	context->call(alloc_and_free, &was_owned);
	KUNIT_EXPECT_TRUE(test, was_owned);
}

static void object_counts_once(struct kunit *test)
{
	unsigned long allocs = kspan_counter_sum(KSPAN_ALLOCS);
	unsigned long frees = kspan_counter_sum(KSPAN_FREES);
	u8 *obj = new_object(test);

	KUNIT_EXPECT_EQ(test, kspan_counter_sum(KSPAN_ALLOCS), allocs + 1);
	KUNIT_EXPECT_EQ(test, kspan_counter_sum(KSPAN_FREES), frees);
	KUNIT_EXPECT_EQ(test, test_count_rows(test, "bypass", NULL).inuse_objects, 1ULL);
	kspan_free(obj);
	KUNIT_EXPECT_EQ(test, kspan_counter_sum(KSPAN_FREES), frees + 1);
	KUNIT_EXPECT_EQ(test, test_count_rows(test, "bypass", NULL).inuse_objects, 0ULL);
}

static struct kunit_case bypass_cases[] = {
	KUNIT_CASE(object_is_not_in_a_page_of_kspans),
	KUNIT_CASE(each_of_many_is_found),
	KUNIT_CASE(objects_of_any_size_are_as_asked_for),
	KUNIT_CASE_PARAM(object_is_as_the_cache_says, geometry_gen_params),
	KUNIT_CASE(bad_frees_are_reported),
	KUNIT_CASE(object_stays_until_its_grace_period),
	KUNIT_CASE(records_work),
	KUNIT_CASE(late_free_of_a_destroyed_cache_works),
	KUNIT_CASE(without_a_header_there_is_no_object),
	KUNIT_CASE(bulk_works),
	KUNIT_CASE(realloc_moves_the_content),
	KUNIT_CASE_PARAM(works_in_every_context, context_gen_params),
	KUNIT_CASE(object_counts_once),
	{}
};

static struct kunit_suite bypass_suite = {
	.name = "kspan_bypass",
	.init = bypass_test_init,
	.exit = bypass_test_exit,
	.test_cases = bypass_cases,
};

kunit_test_suite(bypass_suite);
