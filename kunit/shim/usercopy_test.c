// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of what may be copied to and from user space: an object of kspan's, or the part of it that
 * its cache was made for, and memory that is not kspan's.
 */
#include "suite.h"

#include <linux/kernel.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "allocator.h"

#define SIZE	100

static const struct part_case {
	const char *desc;
	unsigned int offset, size;	/* the part of an object */
	unsigned int flags;
} part_cases[] = {
	{ "all", 0, SIZE, 0 }, { "front", 0, 10, 0 }, { "middle", 30, 40, 0 },
	{ "end", SIZE - 8, 8, 0 }, { "none", 0, 0, 0 }, { "none of the middle", 30, 0, 0 },
	{ "middle, red zones", 30, 40, KSPAN_RED_ZONE },
	{ "middle, the kernel's slab", 30, 40, KSPAN_BYPASS },
};

static void part_desc(const struct part_case *c, char *desc)
{
	strscpy(desc, c->desc, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(part, part_cases, part_desc);

/* Each beginning and each length, against what they say. */
static void only_its_part_of_an_object_may_be_copied(struct kunit *test)
{
	const struct part_case *c = test->param_value;
	struct kspan_cache *cache = kspan_cache_create_usercopy("user", SIZE, 0, c->flags,
								c->offset, c->size, NULL);
	unsigned int from, n, wrong = 0;
	u8 *obj;
	bool ok;

	KUNIT_ASSERT_NOT_NULL(test, cache);
	obj = kspan_cache_alloc(cache, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, obj);
	for (from = 0; from < SIZE; from++) {
		for (n = 0; n <= SIZE + 1; n++) {
			ok = from >= c->offset && from + n <= c->offset + c->size;
			wrong += kspan_usercopy_ok(obj + from, n) != (ok || !n);
		}
	}
	KUNIT_EXPECT_EQ(test, wrong, 0U);
	KUNIT_EXPECT_FALSE(test, kspan_usercopy_ok(obj + c->offset, SIZE_MAX));
	kspan_cache_free(cache, obj);
	kspan_cache_destroy(cache);
}

static void all_of_any_other_object_may_be(struct kunit *test)
{
	struct kspan_cache *cache = kspan_cache_create("user", SIZE, 0, 0, NULL);
	u8 *named = kspan_cache_alloc(cache, GFP_KERNEL), *obj = kspan_alloc(64, GFP_KERNEL);
	u8 *large = kspan_alloc(100000, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, named);
	KUNIT_ASSERT_NOT_NULL(test, obj);
	KUNIT_ASSERT_NOT_NULL(test, large);
	KUNIT_EXPECT_TRUE(test, kspan_usercopy_ok(named, SIZE));
	KUNIT_EXPECT_FALSE(test, kspan_usercopy_ok(named, SIZE + 1));
	KUNIT_EXPECT_TRUE(test, kspan_usercopy_ok(obj, 64));
	KUNIT_EXPECT_FALSE(test, kspan_usercopy_ok(obj + 1, 64));
	KUNIT_EXPECT_TRUE(test, kspan_usercopy_ok(large, 100000));
	KUNIT_EXPECT_TRUE(test, kspan_usercopy_ok(large + 50000, 50000));
	KUNIT_EXPECT_FALSE(test, kspan_usercopy_ok(large, kspan_size(large) + 1));
	kspan_free(large);
	kspan_free(obj);
	kspan_cache_free(cache, named);
	kspan_cache_destroy(cache);
}

static void other_memory_is_not_kspans_to_judge(struct kunit *test)
{
	void *slab = kmalloc(64, GFP_KERNEL), *area = vmalloc(64);

	KUNIT_EXPECT_TRUE(test, kspan_usercopy_ok(slab, SIZE_MAX));
	KUNIT_EXPECT_TRUE(test, kspan_usercopy_ok(area, SIZE_MAX));
	KUNIT_EXPECT_TRUE(test, kspan_usercopy_ok(NULL, 1));
	KUNIT_EXPECT_TRUE(test, kspan_usercopy_ok((void *)0x400000, 1));
	KUNIT_EXPECT_TRUE(test, kspan_usercopy_ok(&slab, sizeof(slab)));
	vfree(area);
	kfree(slab);
}

static void a_part_that_is_not_in_the_object_is_refused(struct kunit *test)
{
	static const struct { unsigned int offset, size; } bad[] = {
		{ 0, SIZE + 1 }, { 1, SIZE }, { SIZE, 1 }, { UINT_MAX, 1 }, { 1, UINT_MAX },
		{ SIZE + 1, 0 },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++)
		KUNIT_EXPECT_NULL(test, kspan_cache_create_usercopy("user", SIZE, 0, 0,
								    bad[i].offset, bad[i].size,
								    NULL));
}

static struct kunit_case usercopy_cases[] = {
	KUNIT_CASE_PARAM(only_its_part_of_an_object_may_be_copied, part_gen_params),
	KUNIT_CASE(all_of_any_other_object_may_be),
	KUNIT_CASE(other_memory_is_not_kspans_to_judge),
	KUNIT_CASE(a_part_that_is_not_in_the_object_is_refused),
	{}
};

static struct kunit_suite usercopy_suite = {
	.name = "kspan_usercopy",
	.exit = allocator_test_exit,
	.test_cases = usercopy_cases,
};

kunit_test_suite(usercopy_suite);
