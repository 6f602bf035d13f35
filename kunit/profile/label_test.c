// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of the labels: names of caches that outlive the caches in the profile.
 */
#include "suite.h"

#include "profile/label.h"
#include "profile_helpers.h"

static int label_init(struct kunit *test)
{
	return test_begin(test);
}

static void same_name_is_the_same_label(struct kunit *test)
{
	struct kspan_label *a = kspan_label_get("label_test", GFP_KERNEL), *b;
	char name[] = "label_test";

	KUNIT_ASSERT_NOT_NULL(test, a);
	b = kspan_label_get(name, GFP_KERNEL);
	KUNIT_EXPECT_PTR_EQ(test, a, b);
	/* The first to let go takes nothing from the other. */
	kspan_label_put(a);
	KUNIT_EXPECT_STREQ(test, b->name, "label_test");
	KUNIT_EXPECT_EQ(test, refcount_read(&b->refs), 1U);
	kspan_label_put(b);
}

static const struct name_case {
	const char *a, *b;
} name_cases[] = {
	{ "label_test", "label_tesT" },
	{ "label_test", "label_test2" },
	{ "label_test", "" },
	{ "label_test", " label_test" },
};

static void name_desc(const struct name_case *c, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "\"%s\"", c->b);
}

KUNIT_ARRAY_PARAM(name, name_cases, name_desc);

static void other_name_is_another_label(struct kunit *test)
{
	const struct name_case *c = test->param_value;
	struct kspan_label *a = kspan_label_get(c->a, GFP_KERNEL);
	struct kspan_label *b = kspan_label_get(c->b, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, a);
	KUNIT_ASSERT_NOT_NULL(test, b);
	KUNIT_EXPECT_PTR_NE(test, a, b);
	KUNIT_EXPECT_STREQ(test, a->name, c->a);
	KUNIT_EXPECT_STREQ(test, b->name, c->b);
	kspan_label_put(a);
	kspan_label_put(b);
}

static void name_is_copied(struct kunit *test)
{
	char name[] = "label_test";
	struct kspan_label *label = kspan_label_get(name, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, label);
	memset(name, 'x', sizeof(name) - 1);
	KUNIT_EXPECT_STREQ(test, label->name, "label_test");
	kspan_label_put(label);
}

static noinline void *alloc_for_label(struct kspan_cache *cache)
{
	return test_keep(kspan_cache_alloc(cache, GFP_KERNEL));
}

/* Makes a cache, allocates and frees @n objects and destroys it. */
static noinline void use_cache(struct kunit *test, const char *name, unsigned int n)
{
	struct kspan_cache *cache = kspan_cache_create(name, 40, 0, 0, NULL);

	KUNIT_ASSERT_NOT_NULL(test, cache);
	while (n--)
		kspan_cache_free(cache, alloc_for_label(cache));
	kspan_cache_destroy(cache);
}

static void profile_names_a_cache_that_is_gone(struct kunit *test)
{
	struct test_counts counts;
	char name[] = "label_gone";

	use_cache(test, name, 2);
	memset(name, 'x', sizeof(name) - 1);
	counts = test_count_rows(test, "label_gone", "alloc_for_label");
	KUNIT_EXPECT_EQ(test, counts.alloc_objects, 2ULL);
	KUNIT_EXPECT_EQ(test, counts.inuse_objects, 0ULL);
}

static void cache_made_again_goes_on_counting(struct kunit *test)
{
	struct test_counts counts;
	unsigned int times = 2;

	/* One call, and so one stack, whatever the compiler makes of the loop. */
	OPTIMIZER_HIDE_VAR(times);
	while (times--)
		use_cache(test, "label_again", 3);
	counts = test_count_rows(test, "label_again", "alloc_for_label");
	KUNIT_EXPECT_EQ(test, counts.rows, 1U);
	KUNIT_EXPECT_EQ(test, counts.alloc_objects, 6ULL);
}

static void label_goes_with_the_last_that_uses_it(struct kunit *test)
{
	struct kspan_label *label = kspan_label_get("label_last", GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, label);
	use_cache(test, "label_last", 1);
	/* The test's, and the bucket's; the cache's is gone. */
	KUNIT_EXPECT_EQ(test, refcount_read(&label->refs), 2U);
	kspan_profile_reset(HEAP);
	KUNIT_EXPECT_EQ(test, refcount_read(&label->refs), 1U);
	kspan_label_put(label);
}

#define ROUNDS	300

/* A label that its last user lets go of while another asks for it is not half there. */
static void get_and_put(void *arg)
{
	bool *bad = arg;
	int i;

	for (i = 0; i < ROUNDS; i++) {
		struct kspan_label *label = kspan_label_get("label_raced", GFP_KERNEL);

		if (!label || strcmp(label->name, "label_raced"))
			*bad = true;
		if (label)
			kspan_label_put(label);
	}
}

static void two_threads_may_get_and_put_the_same(struct kunit *test)
{
	bool bad[2] = {};

	test_two_threads(test, get_and_put, (void *[]){ &bad[0], &bad[1] });
	KUNIT_EXPECT_FALSE(test, bad[0] || bad[1]);
}

static struct kunit_case label_cases[] = {
	KUNIT_CASE(same_name_is_the_same_label),
	KUNIT_CASE_PARAM(other_name_is_another_label, name_gen_params),
	KUNIT_CASE(name_is_copied),
	KUNIT_CASE(profile_names_a_cache_that_is_gone),
	KUNIT_CASE(cache_made_again_goes_on_counting),
	KUNIT_CASE(label_goes_with_the_last_that_uses_it),
	KUNIT_CASE(two_threads_may_get_and_put_the_same),
	{}
};

static struct kunit_suite label_suite = {
	.name = "kspan_label",
	.init = label_init,
	.exit = test_end,
	.test_cases = label_cases,
};

kunit_test_suite(label_suite);
