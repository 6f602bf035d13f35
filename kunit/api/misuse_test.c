// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of misuse: each wrong free is refused, counted once and reported once with what is wrong
 * and where, and what it was about goes on working.
 */
#include "suite.h"

#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "special/special.h"
#include "allocator.h"

/* Of all counters of misuse, so that nothing is counted as something else. */
static unsigned long counted_before[KSPAN_NR_COUNTERS];

static void begin(void)
{
	int i;

	for (i = 0; i < KSPAN_NR_COUNTERS; i++)
		counted_before[i] = kspan_counter_sum(i);
	catch_reports();
}

/* One report since begin(), one event counted, and no allocation or free. */
static void expect_one(struct kunit *test, enum kspan_counter what, const void *addr,
		       const char *words)
{
	int i;

	expect_report(test, what, addr, words);
	for (i = KSPAN_INVALID_FREES; i < KSPAN_NR_COUNTERS; i++)
		KUNIT_EXPECT_EQ(test, kspan_counter_sum(i), counted_before[i] + (i == what));
	KUNIT_EXPECT_EQ(test, kspan_counter_sum(KSPAN_ALLOCS), counted_before[KSPAN_ALLOCS]);
	KUNIT_EXPECT_EQ(test, kspan_counter_sum(KSPAN_FREES), counted_before[KSPAN_FREES]);
}

/* No report, nothing counted, and no object given back. */
static void expect_nothing(struct kunit *test)
{
	int i;

	KUNIT_EXPECT_EQ(test, caught.nr, 0U);
	for (i = KSPAN_INVALID_FREES; i < KSPAN_NR_COUNTERS; i++)
		KUNIT_EXPECT_EQ(test, kspan_counter_sum(i), counted_before[i]);
	KUNIT_EXPECT_EQ(test, kspan_counter_sum(KSPAN_FREES), counted_before[KSPAN_FREES]);
}

/* ------------------------------------------------------------------ ways to free */

static void by_free(struct kspan_cache *cache, void *obj)
{
	kspan_free(obj);
}

static void by_free_own(struct kspan_cache *cache, void *obj)
{
	if (!kspan_free_own(obj))
		caught.nr += 1000;
}

static void by_cache_free(struct kspan_cache *cache, void *obj)
{
	kspan_cache_free(cache, obj);
}

static void by_free_bulk(struct kspan_cache *cache, void *obj)
{
	kspan_cache_free_bulk(cache, 1, &obj);
}

static void by_free_rcu(struct kspan_cache *cache, void *obj)
{
	kspan_free_rcu(obj);
}

static void by_free_sensitive(struct kspan_cache *cache, void *obj)
{
	kspan_free_sensitive(obj);
}

static void by_realloc(struct kspan_cache *cache, void *obj)
{
	if (kspan_realloc(obj, 200, GFP_KERNEL))
		caught.nr += 1000;
}

static void by_realloc_to_nothing(struct kspan_cache *cache, void *obj)
{
	if (kspan_realloc(obj, 0, GFP_KERNEL) != ZERO_SIZE_PTR)
		caught.nr += 1000;
}

static const struct way_case {
	const char *desc;
	void (*free)(struct kspan_cache *cache, void *obj);
	bool asks;		/* first, whose it is */
} way_cases[] = {
	{ "kspan_free", by_free },
	{ "kspan_free_own", by_free_own, true },
	{ "kspan_cache_free", by_cache_free },
	{ "kspan_cache_free_bulk", by_free_bulk },
	{ "kspan_free_rcu", by_free_rcu },
	{ "kspan_free_sensitive", by_free_sensitive },
	{ "kspan_realloc", by_realloc },
	{ "kspan_realloc to nothing", by_realloc_to_nothing },
};

static void way_desc(const struct way_case *c, char *desc)
{
	strscpy(desc, c->desc, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(way, way_cases, way_desc);

/* ------------------------------------------------------------------ twice */

static void double_free_is_refused(struct kunit *test)
{
	const struct way_case *c = test->param_value;
	struct kspan_cache *cache = kspan_cache_create("kspan-misuse", 64, 0, 0, NULL);
	void *obj, *other, *again, *third;

	KUNIT_ASSERT_NOT_NULL(test, cache);
	migrate_disable();
	other = kspan_cache_alloc(cache, GFP_KERNEL);
	obj = kspan_cache_alloc(cache, GFP_KERNEL);
	fill(other, 0x77, 64);
	kspan_cache_free(cache, obj);
	fill(obj, 0x11, 64);

	begin();
	c->free(cache, obj);
	expect_one(test, KSPAN_DOUBLE_FREES, obj, "double free, cache kspan-misuse");
	KUNIT_EXPECT_TRUE(test, filled_with(obj, 0x11, 64));

	/* It is in the pool once, not twice. */
	again = kspan_cache_alloc(cache, GFP_KERNEL);
	third = kspan_cache_alloc(cache, GFP_KERNEL);
	migrate_enable();
	KUNIT_EXPECT_PTR_EQ(test, again, obj);
	KUNIT_EXPECT_PTR_NE(test, third, obj);
	KUNIT_EXPECT_TRUE(test, filled_with(other, 0x77, 64));
	kspan_cache_free(cache, other);
	kspan_cache_free(cache, again);
	kspan_cache_free(cache, third);
	KUNIT_EXPECT_EQ(test, caught.nr, 1U);
	kspan_cache_destroy(cache);
	KUNIT_EXPECT_EQ(test, caught.nr, 1U);
}

/* Also when the object has left the CPU's array for its span. */
static void double_free_of_a_drained_object_is_refused(struct kunit *test)
{
	const struct way_case *c = test->param_value;
	struct kspan_cache *cache = kspan_cache_create("kspan-misuse", 64, 0, 0, NULL);
	void *obj, *other;

	KUNIT_ASSERT_NOT_NULL(test, cache);
	migrate_disable();
	other = kspan_cache_alloc(cache, GFP_KERNEL);
	obj = kspan_cache_alloc(cache, GFP_KERNEL);
	migrate_enable();
	kspan_cache_free(cache, obj);
	kspan_cache_shrink(cache);

	begin();
	c->free(cache, obj);
	expect_one(test, KSPAN_DOUBLE_FREES, obj, "double free, cache kspan-misuse");
	kspan_cache_free(cache, other);
	KUNIT_EXPECT_EQ(test, kspan_cache_shrink(cache), 0);
	kspan_cache_destroy(cache);
	KUNIT_EXPECT_EQ(test, caught.nr, 1U);
}

/* Its profile is counted out once. */
static void double_free_of_a_sampled_object_is_refused(struct kunit *test)
{
	const struct way_case *c = test->param_value;
	struct kspan_cache *cache = kspan_cache_create("kspan-misuse", 64, 0, 0, NULL);
	unsigned long specials = kspan_special_count();
	u64 rate = kspan_profile_sample_bytes(HEAP);
	void *obj, *keeper;
	int sampled;

	KUNIT_ASSERT_NOT_NULL(test, cache);
	migrate_disable();
	keeper = kspan_cache_alloc(cache, GFP_KERNEL);
	kspan_profile_set_sample_bytes(HEAP, 1);
	obj = kspan_cache_alloc(cache, GFP_KERNEL);
	kspan_profile_set_sample_bytes(HEAP, rate);
	migrate_enable();
	KUNIT_ASSERT_NOT_NULL(test, obj);
	sampled = state_of(obj);
	kspan_cache_free(cache, obj);
	begin();
	c->free(cache, obj);
	expect_one(test, KSPAN_DOUBLE_FREES, obj, "double free, cache kspan-misuse");
	KUNIT_EXPECT_EQ(test, sampled, (int)KSPAN_STATE_SPECIALS);
	kspan_cache_free(cache, keeper);
	kspan_cache_destroy(cache);
	KUNIT_EXPECT_EQ(test, kspan_special_count(), specials);
	KUNIT_EXPECT_EQ(test, caught.nr, 1U);
}

static void double_free_of_a_large_object_is_refused(struct kunit *test)
{
	const struct way_case *c = test->param_value;
	struct kspan_cache *cache = kspan_cache_create("kspan-misuse", 64, 0, 0, NULL);
	void *obj = kspan_alloc(100000, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, cache);
	KUNIT_ASSERT_NOT_NULL(test, obj);
	kspan_free(obj);
	begin();
	/* Its pages have gone with it, and may be anybody's. */
	if (c->asks) {
		KUNIT_EXPECT_FALSE(test, kspan_free_own(obj));
		expect_nothing(test);
	} else {
		c->free(cache, obj);
		expect_one(test, KSPAN_INVALID_FREES, obj, "free of memory that is not kspan's");
	}
	kspan_cache_destroy(cache);
}

/* ------------------------------------------------------------------ inside */

static void free_inside_an_object_is_refused(struct kunit *test)
{
	const struct way_case *c = test->param_value;
	struct kspan_cache *cache = kspan_cache_create("kspan-misuse", 64, 0, 0, NULL);
	static const size_t offsets[] = { 1, 8, 32, 63 };
	unsigned int i;
	void *obj;

	KUNIT_ASSERT_NOT_NULL(test, cache);
	obj = kspan_cache_alloc(cache, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, obj);
	fill(obj, 0x77, 64);
	for (i = 0; i < ARRAY_SIZE(offsets); i++) {
		begin();
		c->free(cache, obj + offsets[i]);
		expect_one(test, KSPAN_INVALID_FREES, obj + offsets[i],
			   "free of an address inside an object, cache kspan-misuse");
	}
	KUNIT_EXPECT_TRUE(test, kspan_owns(obj));
	KUNIT_EXPECT_TRUE(test, filled_with(obj, 0x77, 64));
	begin();
	kspan_cache_free(cache, obj);
	kspan_cache_destroy(cache);
	KUNIT_EXPECT_EQ(test, caught.nr, 0U);
}

static void free_inside_a_large_object_is_refused(struct kunit *test)
{
	static const size_t offsets[] = { 1, 64, PAGE_SIZE, 99999 };
	void *obj = kspan_alloc(100000, GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, obj);
	for (i = 0; i < ARRAY_SIZE(offsets); i++) {
		begin();
		kspan_free(obj + offsets[i]);
		expect_one(test, KSPAN_INVALID_FREES, obj + offsets[i], "inside an object");
	}
	begin();
	KUNIT_EXPECT_TRUE(test, kspan_owns(obj));
	kspan_free(obj);
	KUNIT_EXPECT_EQ(test, caught.nr, 0U);
}

/* Behind the last object of a span, where no object is. */
static void free_in_the_tail_of_a_span_is_refused(struct kunit *test)
{
	struct kspan_cache *cache = kspan_cache_create("kspan-misuse", 24, 0, 0, NULL);
	void *obj, *tail;

	KUNIT_ASSERT_NOT_NULL(test, cache);
	obj = kspan_cache_alloc(cache, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, obj);
	tail = span_of(obj)->base + span_of(obj)->nr_objs * 24;
	KUNIT_ASSERT_TRUE(test, kspan_in_span(tail));
	begin();
	kspan_free(tail);
	expect_one(test, KSPAN_INVALID_FREES, tail, "inside an object");
	begin();
	kspan_free(tail + 8);
	expect_one(test, KSPAN_INVALID_FREES, tail + 8, "inside an object");
	kspan_cache_free(cache, obj);
	kspan_cache_destroy(cache);
}

/* ------------------------------------------------------------------ foreign */

enum foreign { KMALLOC, VMALLOC, PAGES, STACK, DATA, TEXT, ERROR, USER, ONES };

static const struct foreign_case {
	const char *desc;
	enum foreign what;
} foreign_cases[] = {
	{ "kmalloc", KMALLOC }, { "vmalloc", VMALLOC }, { "pages", PAGES }, { "stack", STACK },
	{ "data", DATA }, { "text", TEXT }, { "error pointer", ERROR }, { "user", USER },
	{ "all ones", ONES },
};

static void foreign_desc(const struct foreign_case *c, char *desc)
{
	strscpy(desc, c->desc, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(foreign, foreign_cases, foreign_desc);

static void free_of_foreign_memory_is_refused(struct kunit *test)
{
	static u8 in_data[64] __aligned(64);
	const struct foreign_case *c = test->param_value;
	u8 on_stack[64] = {};
	struct kspan_cache *cache = kspan_cache_create("kspan-misuse", 64, 0, 0, NULL);
	void *slab = kmalloc(64, GFP_KERNEL | __GFP_ZERO), *area = vzalloc(64);
	void *page = (void *)get_zeroed_page(GFP_KERNEL), *const addrs[] = {
		[KMALLOC] = slab, [VMALLOC] = area, [PAGES] = page, [STACK] = on_stack,
		[DATA] = in_data, [TEXT] = free_of_foreign_memory_is_refused,
		[ERROR] = ERR_PTR(-ENOMEM), [USER] = (void *)0x400000, [ONES] = (void *)ULONG_MAX,
	};
	void *addr = addrs[c->what];
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, cache);
	KUNIT_ASSERT_NOT_NULL(test, addr);
	for (i = 0; i < ARRAY_SIZE(way_cases); i++) {
		if (way_cases[i].asks)
			continue;
		begin();
		way_cases[i].free(cache, addr);
		expect_one(test, KSPAN_INVALID_FREES, addr, "free of memory that is not kspan's");
	}
	begin();
	KUNIT_EXPECT_FALSE(test, kspan_free_own(addr));
	expect_nothing(test);
	if (c->what < TEXT)
		KUNIT_EXPECT_TRUE(test, filled_with(addr, 0, 64));
	free_page((unsigned long)page);
	vfree(area);
	kfree(slab);
	kspan_cache_destroy(cache);
}

/* Plain ones, those that are sampled, those that an array has no room for, and large ones. */
static void own_objects_are_freed(struct kunit *test)
{
	static const struct { size_t size; unsigned long rate; unsigned int n; } cases[] = {
		{ 64, 0, 1 }, { 64, 1, 1 }, { 64, 0, 600 }, { 100000, 0, 1 }, { 100000, 1, 1 },
	};
	void **objs = kunit_kzalloc(test, 600 * sizeof(*objs), GFP_KERNEL);
	unsigned long rate = kspan_profile_sample_bytes(HEAP);
	unsigned int i, k;

	KUNIT_ASSERT_NOT_NULL(test, objs);
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		KUNIT_ASSERT_EQ(test, kspan_profile_set_sample_bytes(HEAP, cases[i].rate), 0);
		for (k = 0; k < cases[i].n; k++) {
			objs[k] = kspan_alloc(cases[i].size, GFP_KERNEL);
			KUNIT_ASSERT_NOT_NULL(test, objs[k]);
		}
		begin();
		for (k = 0; k < cases[i].n; k++)
			KUNIT_EXPECT_TRUE(test, kspan_free_own(objs[k]));
		KUNIT_EXPECT_EQ(test, caught.nr, 0U);
		KUNIT_EXPECT_EQ(test, kspan_counter_sum(KSPAN_FREES),
				counted_before[KSPAN_FREES] + cases[i].n);
		for (k = 0; k < cases[i].n; k++)
			KUNIT_EXPECT_FALSE(test, kspan_owns(objs[k]));
	}
	kspan_profile_set_sample_bytes(HEAP, rate);
	begin();
	KUNIT_EXPECT_FALSE(test, kspan_free_own(NULL));
	KUNIT_EXPECT_FALSE(test, kspan_free_own(ZERO_SIZE_PTR));
	expect_nothing(test);
}

/* ------------------------------------------------------------------ wrong cache */

static void free_into_the_wrong_cache_is_refused(struct kunit *test)
{
	struct kspan_cache *right = kspan_cache_create("kspan-right", 64, 0, 0, NULL);
	struct kspan_cache *wrong = kspan_cache_create("kspan-wrong", 64, 0, 0, NULL);
	void *obj, *small = kspan_alloc(64, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, right);
	KUNIT_ASSERT_NOT_NULL(test, wrong);
	obj = kspan_cache_alloc(right, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, obj);
	fill(obj, 0x77, 64);

	begin();
	kspan_cache_free(wrong, obj);
	expect_one(test, KSPAN_WRONG_CACHE_FREES, obj,
		   "free into the wrong cache: kspan-wrong, object of cache kspan-right");
	begin();
	kspan_cache_free_bulk(wrong, 1, &obj);
	expect_one(test, KSPAN_WRONG_CACHE_FREES, obj, "kspan-wrong");
	begin();
	kspan_cache_free(wrong, small);
	expect_one(test, KSPAN_WRONG_CACHE_FREES, small, "object of cache kspan-64");
	/* An address that is no object of either is not one of the wrong cache. */
	begin();
	kspan_cache_free(wrong, obj + 8);
	expect_one(test, KSPAN_INVALID_FREES, obj + 8, "inside an object, cache kspan-right");

	begin();
	KUNIT_EXPECT_TRUE(test, kspan_owns(obj));
	KUNIT_EXPECT_TRUE(test, filled_with(obj, 0x77, 64));
	kspan_cache_free(right, obj);
	kspan_free(small);
	kspan_cache_destroy(wrong);
	kspan_cache_destroy(right);
	KUNIT_EXPECT_EQ(test, caught.nr, 0U);
}

/* ------------------------------------------------------------------ bulk, specials */

static void one_bad_free_in_a_bulk_leaves_the_others_alone(struct kunit *test)
{
	struct kspan_cache *cache = kspan_cache_create("kspan-misuse", 64, 0, 0, NULL);
	void *objs[10], *left_out;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, cache);
	KUNIT_ASSERT_EQ(test, kspan_cache_alloc_bulk(cache, GFP_KERNEL, 10, objs), 10);
	catch_reports();
	left_out = objs[5];
	objs[5] = objs[2];
	kspan_cache_free_bulk(cache, 10, objs);
	expect_report(test, KSPAN_DOUBLE_FREES, objs[2], "double free");
	for (i = 0; i < 10; i++)
		KUNIT_EXPECT_FALSE(test, kspan_owns(objs[i]));
	KUNIT_EXPECT_TRUE(test, kspan_owns(left_out));
	kspan_cache_free(cache, left_out);
	KUNIT_EXPECT_EQ(test, caught.nr, 1U);
	kspan_cache_destroy(cache);
	KUNIT_EXPECT_EQ(test, caught.nr, 1U);
}

static atomic_t finalized;

static void count_finalizer(void *obj, void *arg)
{
	atomic_inc(&finalized);
}

/* While the finalizer is queued or has run, once is enough. */
static void free_of_an_object_that_is_being_finalized_is_refused(struct kunit *test)
{
	void *obj = kspan_alloc(64, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, obj);
	atomic_set(&finalized, 0);
	KUNIT_ASSERT_EQ(test, kspan_set_finalizer(obj, count_finalizer, NULL, GFP_KERNEL), 0);
	catch_reports();
	kspan_free(obj);
	kspan_free(obj);
	expect_report(test, KSPAN_DOUBLE_FREES, obj, "double free");
	kspan_flush_finalizers();
	KUNIT_EXPECT_EQ(test, atomic_read(&finalized), 1);
	KUNIT_EXPECT_FALSE(test, kspan_owns(obj));
}

/* Somebody else frees the object when its state has been looked at, and not changed yet. */
static void *freed_meanwhile;

static bool free_meanwhile(enum kspan_test_point point)
{
	void *obj = freed_meanwhile;

	if (point == KSPAN_AT_CLAIM && in_task() && current == failing.task && obj) {
		freed_meanwhile = NULL;
		kspan_free(obj);
	}
	return false;
}

static const struct way_case claim_cases[] = {
	{ "kspan_free", by_free },
	{ "kspan_cache_free_bulk", by_free_bulk },
	{ "kspan_free_rcu", by_free_rcu },
};

KUNIT_ARRAY_PARAM(claim, claim_cases, way_desc);

static void of_two_frees_at_once_one_is_refused(struct kunit *test)
{
	const struct way_case *c = test->param_value;
	struct kspan_cache *cache = kspan_cache_create("kspan-at-once", 64, 0, 0, NULL);
	u64 rate = kspan_profile_sample_bytes(HEAP);
	void *obj, *keeper;

	KUNIT_ASSERT_NOT_NULL(test, cache);
	kspan_profile_set_sample_bytes(HEAP, 1);
	keeper = kspan_cache_alloc(cache, GFP_KERNEL);
	obj = kspan_cache_alloc(cache, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, obj);
	catch_reports();
	freed_meanwhile = obj;
	failing.task = current;
	kspan_set_test_hook(free_meanwhile);
	c->free(cache, obj);
	fail_nothing();
	KUNIT_EXPECT_NULL(test, freed_meanwhile);
	expect_report(test, KSPAN_DOUBLE_FREES, obj, "double free");
	kspan_rcu_flush();
	KUNIT_EXPECT_FALSE(test, kspan_owns(obj));
	kspan_free(keeper);
	kspan_profile_set_sample_bytes(HEAP, rate);
	kspan_cache_destroy(cache);
	KUNIT_EXPECT_EQ(test, caught.nr, 1U);
}

/* ------------------------------------------------------------------ suite */

static struct kunit_case misuse_cases[] = {
	KUNIT_CASE_PARAM(double_free_is_refused, way_gen_params),
	KUNIT_CASE_PARAM(double_free_of_a_drained_object_is_refused, way_gen_params),
	KUNIT_CASE_PARAM(double_free_of_a_sampled_object_is_refused, way_gen_params),
	KUNIT_CASE_PARAM(double_free_of_a_large_object_is_refused, way_gen_params),
	KUNIT_CASE_PARAM(free_inside_an_object_is_refused, way_gen_params),
	KUNIT_CASE(free_inside_a_large_object_is_refused),
	KUNIT_CASE(free_in_the_tail_of_a_span_is_refused),
	KUNIT_CASE_PARAM(free_of_foreign_memory_is_refused, foreign_gen_params),
	KUNIT_CASE(own_objects_are_freed),
	KUNIT_CASE(free_into_the_wrong_cache_is_refused),
	KUNIT_CASE(one_bad_free_in_a_bulk_leaves_the_others_alone),
	KUNIT_CASE(free_of_an_object_that_is_being_finalized_is_refused),
	KUNIT_CASE_PARAM(of_two_frees_at_once_one_is_refused, claim_gen_params),
	{}
};

static struct kunit_suite misuse_suite = {
	.name = "kspan_misuse",
	.exit = allocator_test_exit,
	.test_cases = misuse_cases,
};

kunit_test_suite(misuse_suite);
