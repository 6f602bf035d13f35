// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of objects that the kernel itself frees or resizes: here kfree() and the rest are the
 * kernel's own. Handed back they are freed as by kspan_free().
 */
#include "suite.h"

#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/string.h>

#include "base/compat.h"
#include "heap/hold.h"
#include "shim/shim.h"
#include "special/special.h"
#include "allocator.h"

static unsigned long counted(enum kspan_counter what)
{
	return kspan_counter_sum(what);
}

/* No place to hide the size from: fortified functions would stop what is to be tried. */
static void *hidden(void *obj)
{
	OPTIMIZER_HIDE_VAR(obj);
	return obj;
}

static void skip_unless_handed_back(struct kunit *test)
{
	if (!kspan_handback_works())
		kunit_skip(test, "this kernel's functions cannot be probed");
}

/* ------------------------------------------------------------------ handed back */

static void way_kfree(void *obj)
{
	kfree(obj);
}

static void way_kvfree(void *obj)
{
	kvfree(obj);
}

static void way_kfree_sensitive(void *obj)
{
	kfree_sensitive(obj);
}

static void way_kfree_bulk(void *obj)
{
	void *objs[] = { kmalloc(64, GFP_KERNEL), obj, kmalloc(64, GFP_KERNEL) };

	kfree_bulk(ARRAY_SIZE(objs), objs);
}

static void way_krealloc_to_nothing(void *obj)
{
	void *nothing = krealloc(obj, 0, GFP_KERNEL);

	/* Not to be ignored, says the compiler. */
	WARN_ON(nothing != ZERO_SIZE_PTR);
}

static const struct way_case {
	const char *desc;
	void (*free)(void *obj);
	size_t size;
	bool counts;	/* not what goes by resizing */
} way_cases[] = {
	{ "kfree of 8", way_kfree, 8, true },
	{ "kfree of 192", way_kfree, 192, true },
	{ "kfree of 4096", way_kfree, 4096, true },
	{ "kfree of 100000", way_kfree, 100000, true },
	{ "kvfree", way_kvfree, 64, true },
	{ "kfree_sensitive of 64", way_kfree_sensitive, 64, true },
	{ "kfree_sensitive of 70000", way_kfree_sensitive, 70000, true },
	{ "kfree_bulk of 96", way_kfree_bulk, 96, true },
	{ "kfree_bulk of 70000", way_kfree_bulk, 70000, true },
	{ "krealloc to nothing", way_krealloc_to_nothing, 64, false },
};

static void way_desc(const struct way_case *c, char *desc)
{
	strscpy(desc, c->desc, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(way, way_cases, way_desc);

static void what_the_kernel_frees_is_freed(struct kunit *test)
{
	const struct way_case *c = test->param_value;
	unsigned long frees, lost = counted(KSPAN_CORE_FREES_LOST);
	unsigned long core = counted(KSPAN_CORE_FREES);
	void *obj, *before, *behind;
	struct page *page;
	int refs;

	skip_unless_handed_back(test);
	migrate_disable();
	before = kspan_alloc(c->size, GFP_KERNEL);
	obj = kspan_alloc(c->size, GFP_KERNEL);
	behind = kspan_alloc(c->size, GFP_KERNEL);
	migrate_enable();
	KUNIT_ASSERT_NOT_NULL(test, before);
	KUNIT_ASSERT_NOT_NULL(test, obj);
	KUNIT_ASSERT_NOT_NULL(test, behind);
	fill(before, 0x11, c->size);
	fill(obj, 0x22, c->size);
	fill(behind, 0x33, c->size);
	page = virt_to_head_page(before);
	refs = page_ref_count(page);

	catch_reports();
	frees = counted(KSPAN_FREES);
	c->free(hidden(obj));
	KUNIT_EXPECT_FALSE(test, kspan_owns(obj));
	KUNIT_EXPECT_EQ(test, counted(KSPAN_FREES), frees + 1);
	KUNIT_EXPECT_EQ(test, counted(KSPAN_CORE_FREES), core + c->counts);
	KUNIT_EXPECT_EQ(test, page_ref_count(page), refs);
	kspan_hold_look_at_all();
	KUNIT_EXPECT_EQ(test, counted(KSPAN_CORE_FREES_LOST), lost);
	KUNIT_EXPECT_TRUE(test, filled_with(before, 0x11, c->size));
	KUNIT_EXPECT_TRUE(test, filled_with(behind, 0x33, c->size));
	kspan_free(before);
	kspan_free(behind);
	/* A first one from here may have been reported, and nothing else. */
	KUNIT_EXPECT_TRUE(test, !caught.nr || caught.what == KSPAN_CORE_FREES);
	KUNIT_EXPECT_LE(test, caught.nr, 1U);
}

static noinline void one_place(void *obj)
{
	kfree(hidden(obj));
	barrier();
}

/* Of one cache, which is named. */
static void a_place_is_reported_once(struct kunit *test)
{
	struct kspan_cache *cache;
	void *obj;
	int i;

	skip_unless_handed_back(test);
	cache = kspan_cache_create("kspan-place", 72, 0, 0, NULL);
	KUNIT_ASSERT_NOT_NULL(test, cache);
	catch_reports();
	for (i = 0; i < 10; i++) {
		obj = kspan_cache_alloc(cache, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, obj);
		one_place(obj);
		if (!i)
			expect_report(test, KSPAN_CORE_FREES, obj,
				      "cache kspan-place, handed back");
	}
	KUNIT_EXPECT_EQ(test, caught.nr, 1U);
	kspan_cache_destroy(cache);
	KUNIT_EXPECT_EQ(test, caught.nr, 1U);
}

static void a_second_kfree_is_a_double_free(struct kunit *test)
{
	unsigned long core = counted(KSPAN_CORE_FREES);
	void *keeper, *obj;

	skip_unless_handed_back(test);
	keeper = kspan_alloc(64, GFP_KERNEL);
	obj = kspan_alloc(64, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, keeper);
	KUNIT_ASSERT_NOT_NULL(test, obj);
	catch_reports();
	kfree(hidden(obj));
	catch_reports();
	kfree(hidden(obj));
	expect_report(test, KSPAN_DOUBLE_FREES, obj, "double free, cache kspan-64");
	KUNIT_EXPECT_EQ(test, counted(KSPAN_CORE_FREES), core + 1);
	kspan_free(keeper);
}

static atomic_t finalized;

static void count_finalizer(void *obj, void *arg)
{
	atomic_inc(&finalized);
}

static void records_are_released(struct kunit *test)
{
	unsigned long specials = kspan_special_count();
	u64 rate = kspan_profile_sample_bytes(HEAP);
	void *obj;

	skip_unless_handed_back(test);
	kspan_profile_set_sample_bytes(HEAP, 1);
	obj = kspan_alloc(64, GFP_KERNEL);
	kspan_profile_set_sample_bytes(HEAP, rate);
	KUNIT_ASSERT_NOT_NULL(test, obj);
	atomic_set(&finalized, 0);
	KUNIT_ASSERT_EQ(test, kspan_set_finalizer(obj, count_finalizer, NULL, GFP_KERNEL), 0);
	KUNIT_EXPECT_EQ(test, kspan_special_count(), specials + 2);
	catch_reports();
	kfree(hidden(obj));
	kspan_flush_finalizers();
	KUNIT_EXPECT_EQ(test, atomic_read(&finalized), 1);
	KUNIT_EXPECT_FALSE(test, kspan_owns(obj));
	KUNIT_EXPECT_EQ(test, kspan_special_count(), specials);
}

static void free_here(void *obj)
{
	kfree(obj);
}

/* Where the probe's handler finds interrupts off already. */
static void an_interrupt_hands_back_too(struct kunit *test)
{
	void *obj;
	int cpu;

	skip_unless_handed_back(test);
	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		kunit_skip(test, "kfree() is not for interrupts here");
	obj = kspan_alloc(64, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, obj);
	catch_reports();
	cpu = get_cpu();
	put_cpu();
	KUNIT_EXPECT_EQ(test, smp_call_function_single(cpu, free_here, hidden(obj), 1), 0);
	KUNIT_EXPECT_FALSE(test, kspan_owns(obj));
}

static void krealloc_keeps_what_is_there(struct kunit *test)
{
	u8 *obj, *more;

	skip_unless_handed_back(test);
	obj = kspan_alloc(100, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, obj);
	catch_reports();
	fill(obj, 0x22, 100);
	more = krealloc(hidden(obj), 3000, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, more);
	KUNIT_EXPECT_FALSE(test, kspan_owns(obj));
	KUNIT_EXPECT_TRUE(test, filled_with(more, 0x22, 100));
	KUNIT_EXPECT_EQ(test, ksize(hidden(more)), kspan_size(more));
	KUNIT_EXPECT_GE(test, ksize(hidden(more)), 3000UL);
	kfree(hidden(more));
	KUNIT_EXPECT_FALSE(test, kspan_owns(more));
}

/* What is the kernel's own goes on to be. */
static void other_memory_is_not_touched(struct kunit *test)
{
	unsigned long core = counted(KSPAN_CORE_FREES), frees = counted(KSPAN_FREES);
	static const size_t sizes[] = { 64, 4096, 100000 };
	u8 *obj, *more;
	int i;

	catch_reports();
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		obj = kmalloc(sizes[i], GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, obj);
		fill(obj, 0x44, sizes[i]);
		KUNIT_EXPECT_GE(test, ksize(obj), sizes[i]);
		more = krealloc(obj, 2 * sizes[i], GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, more);
		KUNIT_EXPECT_TRUE(test, filled_with(more, 0x44, sizes[i]));
		kfree(more);
		kfree_sensitive(kmalloc(sizes[i], GFP_KERNEL));
	}
	kfree(NULL);
	kfree(ZERO_SIZE_PTR);
	KUNIT_EXPECT_EQ(test, counted(KSPAN_CORE_FREES), core);
	KUNIT_EXPECT_EQ(test, counted(KSPAN_FREES), frees);
	KUNIT_EXPECT_EQ(test, caught.nr, 0U);
}

/* What the kernel frees after a grace period is waited for, where the kernel can be asked to. */
static void destroy_waits_for_what_the_kernel_frees_late(struct kunit *test)
{
	struct late {
		struct rcu_head rcu;
		char rest[40];
	} *late;
	struct kspan_cache *cache;

	skip_unless_handed_back(test);
	if (!kspan_kvfree_rcu_barrier())
		kunit_skip(test, "this kernel cannot be asked to");
	cache = KSPAN_CACHE(late, 0);
	KUNIT_ASSERT_NOT_NULL(test, cache);
	late = kspan_cache_alloc(cache, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, late);
	catch_reports();
	kfree_rcu(late, rcu);
	kspan_cache_destroy(cache);
	KUNIT_EXPECT_EQ(test, caught.nr, 1U);
	KUNIT_EXPECT_EQ(test, (int)caught.what, (int)KSPAN_CORE_FREES);
}

/* ------------------------------------------------------------------ suite */

static struct kunit_case handback_cases[] = {
	KUNIT_CASE_PARAM(what_the_kernel_frees_is_freed, way_gen_params),
	KUNIT_CASE(a_place_is_reported_once),
	KUNIT_CASE(a_second_kfree_is_a_double_free),
	KUNIT_CASE(records_are_released),
	KUNIT_CASE(an_interrupt_hands_back_too),
	KUNIT_CASE(krealloc_keeps_what_is_there),
	KUNIT_CASE(other_memory_is_not_touched),
	KUNIT_CASE(destroy_waits_for_what_the_kernel_frees_late),
	{}
};

static struct kunit_suite handback_suite = {
	.name = "kspan_handback",
	.exit = allocator_test_exit,
	.test_cases = handback_cases,
};

kunit_test_suite(handback_suite);
