// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of fragmentation: a stack is charged with what is free in the spans that its objects keep,
 * in equal shares, and with nothing where less than half of a span is free.
 */
#include "suite.h"

#include <linux/math64.h>
#include <linux/sizes.h>

#include "../mm/cache.h"
#include "../mm/encode.h"
#include "../mm/fixmath.h"
#include "../mm/pagemap.h"
#include "../mm/span.h"
#include "profile_helpers.h"

#define SIZE	512

static struct kspan_cache *cache;
static void *objs[4 * SZ_64K / SIZE];
static unsigned int nr;		/* objects of a span */

static int fragment_init(struct kunit *test)
{
	cache = kspan_cache_create("fragment_test", SIZE, 0, 0, NULL);
	memset(objs, 0, sizeof(objs));
	return cache ? test_begin(test) : -ENOMEM;
}

static void fragment_exit(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(objs); i++)
		kspan_free(objs[i]);
	test_end(test);
	if (cache)
		kspan_cache_destroy(cache);
}

static noinline void *one(void)
{
	return test_keep(kspan_cache_alloc(cache, GFP_KERNEL));
}

/* Not the same as one(), or the compiler makes one function of the two. */
static noinline void *other(void)
{
	return test_keep(kspan_cache_zalloc(cache, GFP_KERNEL));
}

static bool beside_the_first(void *obj)
{
	return kspan_pagemap_find(obj) == kspan_pagemap_find(objs[0]);
}

/* Fills the span of objs[0], which has nr objects then, each of @alloc; others are freed. */
static void fill_span(struct kunit *test, void *(*alloc)(void))
{
	unsigned int i, n = 1;

	objs[0] = alloc();
	KUNIT_ASSERT_NOT_NULL(test, objs[0]);
	nr = kspan_pagemap_find(objs[0])->nr_objs;
	KUNIT_ASSERT_GE(test, nr, 4U);
	for (i = 1; i < ARRAY_SIZE(objs) && n < nr; i++) {
		objs[n] = alloc();
		KUNIT_ASSERT_NOT_NULL(test, objs[n]);
		if (beside_the_first(objs[n])) {
			n++;
			continue;
		}
		/* Behind those of the span, so that it is not handed out again. */
		objs[ARRAY_SIZE(objs) - i] = objs[n];
		objs[n] = NULL;
	}
	KUNIT_ASSERT_EQ(test, n, nr);
	for (i = nr; i < ARRAY_SIZE(objs); i++) {
		kspan_free(objs[i]);
		objs[i] = NULL;
	}
}

/* Frees all but the first @left of the span. */
static void thin_out(unsigned int left)
{
	for (; nr > left; nr--) {
		kspan_free(objs[nr - 1]);
		objs[nr - 1] = NULL;
	}
}

/* What the stacks that begin in @leaf are charged with, or those of any, of this cache. */
static struct kspan_sparse charged(struct kunit *test, const char *leaf)
{
	struct kspan_snapshot *snap = kspan_snapshot_take(&kspan_heap);
	struct kspan_sparse *sparse, sum = {};
	size_t i;

	KUNIT_ASSERT_FALSE(test, IS_ERR(snap));
	sparse = kunit_kcalloc(test, snap->nr_rows + 1, sizeof(*sparse), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, sparse);
	KUNIT_EXPECT_EQ(test, kspan_fragmentation(snap, sparse), 0);
	for (i = 0; i < snap->nr_rows; i++) {
		const struct kspan_row *row = &snap->rows[i];

		if (strcmp(row->label, "fragment_test") ||
		    (leaf && strcmp(row->symbols[0]->name, leaf)))
			continue;
		sum.bytes += sparse[i].bytes;
		sum.spans += sparse[i].spans;
	}
	kspan_snapshot_free(snap);
	return sum;
}

static void last_object_is_charged_with_the_rest(struct kunit *test)
{
	unsigned int all;

	fill_span(test, one);
	all = nr;
	KUNIT_EXPECT_EQ(test, charged(test, NULL).bytes, 0ULL);
	thin_out(1);
	KUNIT_EXPECT_EQ(test, charged(test, "one").bytes, (u64)(all - 1) * SIZE);
	KUNIT_EXPECT_EQ(test, charged(test, "one").spans, 1ULL);
	KUNIT_EXPECT_EQ(test, charged(test, "other").bytes, 0ULL);
}

static void half_a_span_is_not_mostly_free(struct kunit *test)
{
	unsigned int all, half;

	fill_span(test, one);
	all = nr;
	half = DIV_ROUND_UP(all, 2);
	thin_out(half);
	KUNIT_EXPECT_EQ(test, charged(test, NULL).bytes, 0ULL);
	thin_out(all / 2 - !(all % 2));
	/* Rounding of each share, and of the sum. */
	KUNIT_EXPECT_GE(test, charged(test, NULL).bytes + 2, (u64)(all - nr) * SIZE);
	KUNIT_EXPECT_LE(test, charged(test, NULL).bytes, (u64)(all - nr) * SIZE);
}

static void stacks_share_by_their_objects(struct kunit *test)
{
	unsigned int all;
	u64 bytes;

	fill_span(test, one);
	all = nr;
	/* The last but two is freed and handed out again, to another stack. */
	kspan_free(objs[2]);
	objs[2] = other();
	if (!beside_the_first(objs[2]))
		kunit_skip(test, "the slot was not handed out again");
	thin_out(3);
	bytes = (u64)(all - 3) * SIZE / 3;
	KUNIT_EXPECT_GE(test, charged(test, "other").bytes + 1, bytes);
	KUNIT_EXPECT_LE(test, charged(test, "other").bytes, bytes + 1);
	KUNIT_EXPECT_GE(test, charged(test, "one").bytes + 1, 2 * bytes);
	KUNIT_EXPECT_LE(test, charged(test, "one").bytes, 2 * bytes + 2);
}

static void shares_are_those_of_all_objects(struct kunit *test)
{
	unsigned int all;
	u64 weight, bytes;

	/* Each is a sample still, and stands for some more. */
	KUNIT_ASSERT_EQ(test, kspan_set_sample_bytes(SIZE / 4), 0);
	fill_span(test, one);
	all = nr;
	thin_out(1);
	weight = kspan_weight(SIZE, SIZE / 4);
	KUNIT_ASSERT_GT(test, weight, KSPAN_WEIGHT_ONE);
	if (!test_count_rows(test, "fragment_test", "one").inuse_objects)
		kunit_skip(test, "the object is no sample");
	/* To the nearest. */
	bytes = mul_u64_u64_shr((u64)(all - 1) * SIZE, weight, KSPAN_WEIGHT_SHIFT);
	KUNIT_EXPECT_GE(test, charged(test, "one").bytes, bytes);
	KUNIT_EXPECT_LE(test, charged(test, "one").bytes, bytes + 1);
}

static struct kunit_case fragment_cases[] = {
	KUNIT_CASE(last_object_is_charged_with_the_rest),
	KUNIT_CASE(half_a_span_is_not_mostly_free),
	KUNIT_CASE(stacks_share_by_their_objects),
	KUNIT_CASE(shares_are_those_of_all_objects),
	{}
};

static struct kunit_suite fragment_suite = {
	.name = "kspan_fragment",
	.init = fragment_init,
	.exit = fragment_exit,
	.test_cases = fragment_cases,
};

kunit_test_suite(fragment_suite);
