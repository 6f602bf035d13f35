// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of lifetimes: objects are counted when they are freed, in the bin of their age, and only
 * those that were in use.
 */
#include "suite.h"

#include <linux/delay.h>
#include <linux/limits.h>

#include "../mm/lifetime.h"
#include "profile_helpers.h"

static struct kspan_cache *cache;

static int lifetime_init(struct kunit *test)
{
	cache = kspan_cache_create("lifetime_test", 64, 0, 0, NULL);
	return cache ? test_begin(test) : -ENOMEM;
}

static void lifetime_exit(struct kunit *test)
{
	test_end(test);
	if (cache)
		kspan_cache_destroy(cache);
}

/* Objects of the cache that were freed in the bins from @first to @last. */
static u64 freed_in(struct kunit *test, unsigned int first, unsigned int last)
{
	struct kspan_snapshot *snap = kspan_snapshot_take(&kspan_heap);
	u64 sum = 0;
	unsigned int bin;
	size_t i;

	KUNIT_ASSERT_FALSE(test, IS_ERR(snap));
	for (i = 0; i < snap->nr_rows; i++)
		for (bin = first; bin <= last; bin++)
			if (!strcmp(snap->rows[i].label, "lifetime_test"))
				sum += kspan_row_freed(&snap->rows[i], bin);
	kspan_snapshot_free(snap);
	return sum;
}

static u64 freed(struct kunit *test)
{
	return freed_in(test, 0, KSPAN_NR_LIFETIMES - 1);
}

static void *allocate(struct kunit *test)
{
	void *obj = kspan_cache_alloc(cache, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, obj);
	return obj;
}

static void each_age_has_its_bin(struct kunit *test)
{
	static const u64 begins[KSPAN_NR_LIFETIMES] = {
		0, 10000, 100000, 1000000, 10000000, 100000000, 1000000000, 10000000000ULL,
		100000000000ULL, 1000000000000ULL,
	};
	unsigned int bin;

	for (bin = 0; bin < KSPAN_NR_LIFETIMES; bin++) {
		KUNIT_EXPECT_EQ(test, kspan_lifetime_bin(begins[bin]), bin);
		if (bin)
			KUNIT_EXPECT_EQ(test, kspan_lifetime_bin(begins[bin] - 1), bin - 1);
	}
	KUNIT_EXPECT_EQ(test, kspan_lifetime_bin(S64_MAX), KSPAN_NR_LIFETIMES - 1);
	/* Freed before it was allocated, by another CPU's clock. */
	KUNIT_EXPECT_EQ(test, kspan_lifetime_bin(-1ULL), 0U);
}

static void objects_are_counted_when_they_are_freed(struct kunit *test)
{
	void *one = allocate(test), *other = allocate(test);

	KUNIT_EXPECT_EQ(test, freed(test), 0ULL);
	kspan_free(one);
	KUNIT_EXPECT_EQ(test, freed(test), 1ULL);
	kspan_free(other);
	KUNIT_EXPECT_EQ(test, freed(test), 2ULL);
}

static void longer_lives_are_in_later_bins(struct kunit *test)
{
	void *obj = allocate(test);
	unsigned int bin = kspan_lifetime_bin(20 * NSEC_PER_MSEC);

	msleep(20);
	kspan_free(obj);
	KUNIT_EXPECT_EQ(test, freed_in(test, 0, bin - 1), 0ULL);
	KUNIT_EXPECT_EQ(test, freed_in(test, bin, KSPAN_NR_LIFETIMES - 1), 1ULL);
}

static void reset_empties_the_bins(struct kunit *test)
{
	void *kept = allocate(test);

	kspan_free(allocate(test));
	KUNIT_EXPECT_EQ(test, freed(test), 1ULL);
	kspan_profile_reset(&kspan_heap);
	KUNIT_EXPECT_EQ(test, freed(test), 0ULL);
	/* What was allocated before it is counted after it. */
	kspan_free(kept);
	KUNIT_EXPECT_EQ(test, freed(test), 1ULL);
}

static struct kunit_case lifetime_cases[] = {
	KUNIT_CASE(each_age_has_its_bin),
	KUNIT_CASE(objects_are_counted_when_they_are_freed),
	KUNIT_CASE(longer_lives_are_in_later_bins),
	KUNIT_CASE(reset_empties_the_bins),
	{}
};

static struct kunit_suite lifetime_suite = {
	.name = "kspan_lifetime",
	.init = lifetime_init,
	.exit = lifetime_exit,
	.test_cases = lifetime_cases,
};

kunit_test_suite(lifetime_suite);
