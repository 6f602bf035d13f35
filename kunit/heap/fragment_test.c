// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of fragmentation: a stack is charged with what is free in the spans that its objects keep,
 * in equal parts with the others there, and with nothing where half of a span is in use.
 */
#include "suite.h"

#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/prandom.h>
#include <linux/sizes.h>

#include "heap/heap.h"
#include "profile/fixmath.h"
#include "profile_helpers.h"

#define SIZE	512

static struct kspan_cache *cache;
static void *objs[8 * SZ_64K / SIZE];
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
	unsigned int i, n = 0;

	/* All from one place, so that they have one stack. */
	for (i = 0, nr = 1; i < ARRAY_SIZE(objs) && n < nr; i++) {
		objs[n] = alloc();
		KUNIT_ASSERT_NOT_NULL(test, objs[n]);
		nr = kspan_pagemap_find(objs[0])->nr_objs;
		if (beside_the_first(objs[n])) {
			n++;
			continue;
		}
		/* Behind those of the span, so that it is not handed out again. */
		objs[ARRAY_SIZE(objs) - i] = objs[n];
		objs[n] = NULL;
	}
	KUNIT_ASSERT_EQ(test, n, nr);
	KUNIT_ASSERT_GE(test, nr, 8U);
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

struct charges {
	u64 objects, bytes;
};

/* Of the stacks that begin in @leaf, or of any, with objects of this cache. */
static struct charges charged(struct kunit *test, const char *leaf)
{
	struct kspan_snapshot *snap = kspan_snapshot_take_with(HEAP, KSPAN_WITH_FREE);
	struct charges sum = {};
	size_t i;

	KUNIT_ASSERT_FALSE(test, IS_ERR(snap));
	for (i = 0; i < snap->nr_rows; i++) {
		const struct kspan_row *row = &snap->rows[i];

		if (strcmp(row->label, "fragment_test") ||
		    (leaf && strcmp(row->symbols[0]->name, leaf)))
			continue;
		sum.objects += row->free_objects;
		sum.bytes += row->free_bytes;
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
	KUNIT_EXPECT_EQ(test, charged(test, "one").objects, all - 1ULL);
	KUNIT_EXPECT_EQ(test, charged(test, "one").bytes, (all - 1ULL) * SIZE);
	KUNIT_EXPECT_EQ(test, charged(test, "other").bytes, 0ULL);
	thin_out(0);
	KUNIT_EXPECT_EQ(test, charged(test, NULL).bytes, 0ULL);
}

static void half_a_span_is_not_mostly_free(struct kunit *test)
{
	unsigned int all;

	fill_span(test, one);
	all = nr;
	thin_out(DIV_ROUND_UP(all, 2));
	KUNIT_EXPECT_EQ(test, charged(test, NULL).bytes, 0ULL);
	thin_out(DIV_ROUND_UP(all, 2) - 1);
	/* The rest of a division by nr is lost nr times. */
	KUNIT_EXPECT_EQ(test, charged(test, NULL).objects, (u64)all - nr);
}

static void stacks_share_by_their_objects(struct kunit *test)
{
	unsigned int all;

	fill_span(test, one);
	all = nr;
	/* One is freed, and handed out to another stack: it is the next in the CPU's array. */
	migrate_disable();
	kspan_free(objs[2]);
	objs[2] = other();
	migrate_enable();
	KUNIT_ASSERT_NOT_NULL(test, objs[2]);
	if (!beside_the_first(objs[2]))
		kunit_skip(test, "another task was handed it out");
	thin_out(3);
	KUNIT_EXPECT_EQ(test, charged(test, "other").objects, div_u64(all - 3 + 1, 3));
	KUNIT_EXPECT_EQ(test, charged(test, "one").objects, div_u64(2 * (all - 3) + 1, 3));
}

/* A sample stands for others, of other spans, of which as much is free. */
static void sample_is_charged_for_all_that_it_stands_for(struct kunit *test)
{
	struct test_counts counts;
	u64 weight, bytes;

	/* Nearly each is a sample still, and stands for some more. */
	KUNIT_ASSERT_EQ(test, kspan_profile_set_sample_bytes(HEAP, SIZE / 4), 0);
	fill_span(test, one);
	bytes = (nr - 1ULL) * SIZE;
	thin_out(1);
	weight = kspan_weight(SIZE, SIZE / 4);
	KUNIT_ASSERT_GT(test, weight, KSPAN_WEIGHT_ONE);
	counts = test_count_rows(test, "fragment_test", "one");
	/* To the nearest; or nothing, if it is none. */
	bytes = counts.inuse_bytes ? mul_u64_u64_shr(bytes, weight, KSPAN_WEIGHT_SHIFT) : 0;
	KUNIT_EXPECT_GE(test, charged(test, "one").bytes, bytes);
	KUNIT_EXPECT_LE(test, charged(test, "one").bytes, bytes + !!bytes);
}

/* What has no neighbours keeps nothing of theirs. */
static void large_objects_are_charged_with_nothing(struct kunit *test)
{
	void *obj = kspan_alloc(SZ_128K, GFP_KERNEL);
	struct kspan_snapshot *snap;
	u64 sum = 0;
	size_t i;

	KUNIT_ASSERT_NOT_NULL(test, obj);
	snap = kspan_snapshot_take_with(HEAP, KSPAN_WITH_FREE);
	kspan_free(obj);
	KUNIT_ASSERT_FALSE(test, IS_ERR(snap));
	for (i = 0; i < snap->nr_rows; i++)
		if (snap->rows[i].slot_size == SZ_128K)
			sum += snap->rows[i].inuse_objects + snap->rows[i].free_objects;
	KUNIT_EXPECT_EQ(test, sum, 1ULL);
	kspan_snapshot_free(snap);
}

/* Who has not asked for it is not told, and no span is looked at. */
static void heap_has_no_charges(struct kunit *test)
{
	struct kspan_snapshot *snap;
	size_t i;

	fill_span(test, one);
	thin_out(1);
	snap = kspan_snapshot_take(HEAP);
	KUNIT_ASSERT_FALSE(test, IS_ERR(snap));
	for (i = 0; i < snap->nr_rows; i++)
		KUNIT_EXPECT_EQ(test, snap->rows[i].free_bytes, 0ULL);
	kspan_snapshot_free(snap);
}

/* ------------------------------------------------------------------ beside a count */

struct span_count {
	struct kspan_span *span;
	unsigned int used;
};

/* Free slots of all spans that objs[] lies in and takes less than half of. */
static u64 free_where_little_is_used(void)
{
	static struct span_count counts[ARRAY_SIZE(objs)];
	unsigned int i, j, n = 0;
	u64 sum = 0;

	for (i = 0; i < ARRAY_SIZE(objs); i++) {
		struct kspan_span *span = objs[i] ? kspan_pagemap_find(objs[i]) : NULL;

		for (j = 0; j < n && counts[j].span != span; j++)
			;
		if (span && j == n)
			counts[n++] = (struct span_count) { span };
		if (span)
			counts[j].used++;
	}
	for (j = 0; j < n; j++)
		if (2 * counts[j].used < counts[j].span->nr_objs)
			sum += counts[j].span->nr_objs - counts[j].used;
	return sum;
}

/* Whatever was freed, and wherever what is free is: each object is a sample, and counts. */
static void charges_add_up_to_what_is_free(struct kunit *test)
{
	unsigned int i, round, seen = 0;
	struct rnd_state rnd;
	struct charges sum;
	u64 free;

	prandom_seed_state(&rnd, 9);
	for (round = 0; round < 12; round++) {
		/* Every other round most objects go, else some come. */
		for (i = 0; i < ARRAY_SIZE(objs); i++) {
			bool keep = prandom_u32_state(&rnd) % 16 < (round % 2 ? 4 + round / 4 : 14);

			if (objs[i] && !keep) {
				kspan_free(objs[i]);
				objs[i] = NULL;
			} else if (!objs[i] && !(round % 2)) {
				objs[i] = i % 3 ? one() : other();
				KUNIT_ASSERT_NOT_NULL(test, objs[i]);
			}
		}
		sum = charged(test, NULL);
		/* Two rows at most, each rounded to the nearest. */
		free = free_where_little_is_used();
		KUNIT_EXPECT_LE(test, abs_diff(sum.objects, free), 1ULL);
		KUNIT_EXPECT_LE(test, abs_diff(sum.bytes, free * SIZE), 2ULL);
		seen += !!sum.objects;
	}
	KUNIT_EXPECT_GT(test, seen, 2U);
}

/* ------------------------------------------------------------------ at the same time */

static void come_and_go(void *arg)
{
	unsigned int i;

	for (i = 0; i < 3000; i++) {
		void *a = one(), *b = other();

		kspan_free(a);
		kspan_free(b);
		cond_resched();
	}
}

static void look_often(void *arg)
{
	unsigned int i, *bad = arg;

	for (i = 0; i < 100; i++) {
		struct kspan_snapshot *snap = kspan_snapshot_take_with(HEAP, KSPAN_WITH_FREE);

		*bad += IS_ERR(snap);
		if (!IS_ERR(snap))
			kspan_snapshot_free(snap);
		if (i % 8 == 0)
			kspan_profile_reset(HEAP);
	}
}

/* Spans and buckets go while they are looked at. */
static void walk_goes_on_beside_allocations(struct kunit *test)
{
	struct test_thread walks = {};
	unsigned int bad = 0;

	KUNIT_ASSERT_TRUE(test, test_thread_start(&walks, 0, look_often, &bad));
	come_and_go(NULL);
	test_thread_join(&walks);
	KUNIT_EXPECT_EQ(test, bad, 0U);
	kspan_cache_shrink(cache);
	KUNIT_EXPECT_EQ(test, charged(test, NULL).objects, 0ULL);
}

static struct kunit_case fragment_cases[] = {
	KUNIT_CASE(last_object_is_charged_with_the_rest),
	KUNIT_CASE(half_a_span_is_not_mostly_free),
	KUNIT_CASE(stacks_share_by_their_objects),
	KUNIT_CASE(sample_is_charged_for_all_that_it_stands_for),
	KUNIT_CASE(large_objects_are_charged_with_nothing),
	KUNIT_CASE(heap_has_no_charges),
	KUNIT_CASE(charges_add_up_to_what_is_free),
	KUNIT_CASE(walk_goes_on_beside_allocations),
	{}
};

static struct kunit_suite fragment_suite = {
	.name = "kspan_fragment",
	.init = fragment_init,
	.exit = fragment_exit,
	.test_cases = fragment_cases,
};

kunit_test_suite(fragment_suite);
