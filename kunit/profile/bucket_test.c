// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of the table of call stacks, with stacks that the tests make up: what is a bucket of
 * its own, what is counted, what a reset keeps, and what happens when there is no room.
 */
#include "suite.h"

#include <linux/mm.h>

#include "base/buf.h"
#include "base/gfp.h"
#include "export/debugfs.h"
#include "profile/fixmath.h"
#include "special/special.h"
#include "bucket_helpers.h"

static struct kspan_label *other_label;
static struct kspan_cache *cache;

static int bucket_init(struct kunit *test)
{
	int err = bucket_test_begin(test);

	other_label = kspan_label_get("bucket_test_2", GFP_KERNEL);
	cache = kspan_cache_create("bucket", 64, 0, 0, NULL);
	return other_label && cache ? err : -ENOMEM;
}

static void bucket_exit(struct kunit *test)
{
	bucket_test_end(test);
	if (cache)
		kspan_cache_destroy(cache);
	if (other_label)
		kspan_label_put(other_label);
}

/* ------------------------------------------------------------------ keys */

static void same_key_is_the_same_bucket(struct kunit *test)
{
	unsigned long before = kspan_profile_buckets(HEAP);
	struct kspan_bucket *a = count(make_stack(5, 1), ONE), *b;
	struct kspan_stack *stack = make_stack(5, 1);

	KUNIT_ASSERT_NOT_NULL(test, a);
	memset(&stack->frames[5], 0xee, 3 * sizeof(stack->frames[0]));
	b = count(stack, ONE);
	KUNIT_EXPECT_PTR_EQ(test, a, b);
	KUNIT_EXPECT_EQ(test, kspan_profile_buckets(HEAP), before + 1);
	kspan_bucket_free(a, 2 * ONE);
}

static const struct key_case {
	const char *desc;
	unsigned int nr_frames;
	unsigned int changed;	/* which frame differs; nr_frames for none */
	u32 slot_size;
	bool other_label;
} key_cases[] = {
	{ "another innermost frame", 5, 0, 64, false },
	{ "another outermost frame", 5, 4, 64, false },
	{ "a frame more", 6, 6, 64, false },
	{ "a frame less", 4, 4, 64, false },
	{ "no frame", 0, 0, 64, false },
	{ "as many as there can be", KSPAN_MAX_FRAMES, KSPAN_MAX_FRAMES, 64, false },
	{ "another size", 5, 5, 128, false },
	{ "another cache", 5, 5, 64, true },
};

static void key_desc(const struct key_case *c, char *desc)
{
	strscpy(desc, c->desc, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(key, key_cases, key_desc);

static void other_key_is_another_bucket(struct kunit *test)
{
	const struct key_case *c = test->param_value;
	struct kspan_bucket *a = count(make_stack(5, 1), ONE), *b;
	struct kspan_stack *stack = make_stack(c->nr_frames, 1);
	struct kspan_label *with = c->other_label ? other_label : label;

	KUNIT_ASSERT_NOT_NULL(test, a);
	if (c->changed < c->nr_frames)
		stack->frames[c->changed] ^= 0x20;
	b = kspan_bucket_alloc(HEAP, stack, c->slot_size, with, ONE, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, b);
	KUNIT_EXPECT_PTR_NE(test, a, b);
	KUNIT_EXPECT_EQ(test, b->slot_size, c->slot_size);
	KUNIT_EXPECT_PTR_EQ(test, b->label, with);
	KUNIT_EXPECT_EQ(test, b->nr_frames, c->nr_frames);
	KUNIT_EXPECT_EQ(test, memcmp(b->frames, stack->frames,
				     c->nr_frames * sizeof(b->frames[0])), 0);
	KUNIT_EXPECT_EQ(test, a->allocs, ONE);
	KUNIT_EXPECT_EQ(test, b->allocs, ONE);
	/* And each is found again. */
	KUNIT_EXPECT_PTR_EQ(test, count(make_stack(5, 1), ONE), a);
	kspan_bucket_free(a, 2 * ONE);
	kspan_bucket_free(b, ONE);
}

/* What the table makes of @frame on top of frames of @hash. */
static u64 hash_on(u64 hash, unsigned long frame)
{
	return (rol64(hash, 5) ^ frame) * GOLDEN_RATIO_64;
}

static void stacks_of_one_hash_are_two(struct kunit *test)
{
	u64 none = (unsigned long)label + 64;
	struct kspan_bucket *a = count(make_stack(2, 1), ONE), *b;
	struct kspan_stack *stack = make_stack(2, 2);

	KUNIT_ASSERT_NOT_NULL(test, a);
	/* The outer frame makes up for the difference of the inner one. */
	stack->frames[1] ^= rol64(hash_on(none, 0x1001), 5) ^ rol64(hash_on(none, 0x1002), 5);
	b = count(stack, ONE);
	KUNIT_ASSERT_NOT_NULL(test, b);
	KUNIT_ASSERT_EQ(test, a->hash_value, b->hash_value);
	KUNIT_EXPECT_PTR_NE(test, a, b);
	KUNIT_EXPECT_PTR_EQ(test, count(make_stack(2, 1), ONE), a);
	kspan_bucket_free(a, 2 * ONE);
	kspan_bucket_free(b, ONE);
}

/* ------------------------------------------------------------------ counts */

static void bucket_counts_what_was_allocated_and_what_is_left(struct kunit *test)
{
	struct kspan_bucket *bucket = count(make_stack(3, 1), 5 * ONE + 7);

	KUNIT_ASSERT_NOT_NULL(test, bucket);
	KUNIT_EXPECT_EQ(test, bucket->allocs, 5 * ONE + 7);
	KUNIT_EXPECT_EQ(test, bucket->live, 5 * ONE + 7);
	count(make_stack(3, 1), 2 * ONE);
	kspan_bucket_free(bucket, 5 * ONE + 7);
	KUNIT_EXPECT_EQ(test, bucket->allocs, 7 * ONE + 7);
	KUNIT_EXPECT_EQ(test, bucket->live, 2 * ONE);
	kspan_bucket_free(bucket, 2 * ONE);
	KUNIT_EXPECT_EQ(test, bucket->allocs, 7 * ONE + 7);
	KUNIT_EXPECT_EQ(test, bucket->live, 0ULL);
}

/* Far more than 64 bits hold with their fraction. */
static void sums_do_not_wrap(struct kunit *test)
{
	struct kspan_bucket *bucket = count(make_stack(3, 1), 2 * ONE);
	const u64 much = 1ULL << 62;
	struct test_counts sum;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, bucket);
	for (i = 0; i < 40; i++) {
		KUNIT_ASSERT_PTR_EQ(test, count(make_stack(3, 1), much), bucket);
		kspan_bucket_free(bucket, much);
	}
	sum = test_count_rows(test, "bucket_test", NULL);
	KUNIT_EXPECT_EQ(test, sum.rows, 1U);
	KUNIT_EXPECT_EQ(test, sum.alloc_objects, 40 * (much / ONE) + 2);
	KUNIT_EXPECT_EQ(test, sum.alloc_bytes, 64 * (40 * (much / ONE) + 2));
	KUNIT_EXPECT_EQ(test, sum.inuse_objects, 2ULL);
	kspan_profile_reset(HEAP);
	KUNIT_EXPECT_EQ(test, test_count_rows(test, "bucket_test", NULL).alloc_objects, 0ULL);
	kspan_bucket_free(bucket, 2 * ONE);
}

static void bucket_with_nothing_in_use_goes_on_counting(struct kunit *test)
{
	struct kspan_bucket *bucket = count(make_stack(3, 1), ONE);

	KUNIT_ASSERT_NOT_NULL(test, bucket);
	kspan_bucket_free(bucket, ONE);
	KUNIT_EXPECT_PTR_EQ(test, count(make_stack(3, 1), ONE), bucket);
	KUNIT_EXPECT_EQ(test, bucket->allocs, 2 * ONE);
	kspan_bucket_free(bucket, ONE);
}

/* ------------------------------------------------------------------ reset */

static void estimates_are_rounded_to_the_nearest(struct kunit *test)
{
	struct kspan_bucket *a = count(make_stack(3, 1), ONE * 5 / 2);
	struct kspan_bucket *b = count(make_stack(3, 2), ONE * 9 / 4);
	struct test_counts sum;

	KUNIT_ASSERT_NOT_NULL(test, a);
	KUNIT_ASSERT_NOT_NULL(test, b);
	sum = test_count_rows(test, "bucket_test", NULL);
	KUNIT_EXPECT_EQ(test, sum.alloc_objects, 3ULL + 2ULL);
	KUNIT_EXPECT_EQ(test, sum.inuse_bytes, 160ULL + 144ULL);
	kspan_bucket_free(a, ONE * 5 / 2);
	kspan_bucket_free(b, ONE * 9 / 4);
}

static bool is_mixed(struct kunit *test)
{
	struct kspan_snapshot *snap = kspan_snapshot_take(HEAP);
	bool mixed;

	KUNIT_ASSERT_FALSE(test, IS_ERR(snap));
	mixed = snap->mixed;
	kspan_snapshot_free(snap);
	return mixed;
}

/* The rate in the header of heap.txt, and what its first columns are the sum of. */
static void expect_text(struct kunit *test, u64 inuse_objects, u64 inuse_bytes, u64 rate)
{
	unsigned long long objects = 0, bytes = 0, allocs = 0, alloc_bytes = 0, header = 0;
	struct kspan_buf buf = {};
	int fields;

	KUNIT_EXPECT_EQ(test, kspan_debugfs_render("heap.txt", &buf), 0);
	kspan_buf_append(&buf, "", 1);
	KUNIT_ASSERT_EQ(test, buf.err, 0);
	fields = sscanf(buf.data, "heap profile: %llu: %llu [%llu: %llu] @ heap_v2/%llu", &objects,
			&bytes, &allocs, &alloc_bytes, &header);
	KUNIT_EXPECT_EQ(test, fields, 5);
	KUNIT_EXPECT_EQ(test, objects, inuse_objects);
	KUNIT_EXPECT_EQ(test, bytes, inuse_bytes);
	KUNIT_EXPECT_EQ(test, header, rate);
	kspan_buf_free(&buf);
}

/* The weight is that of the rate at the time; readers of the text have one rate for all. */
static void text_has_no_rate_that_is_not_that_of_every_sample(struct kunit *test)
{
	u64 mean = 524288, weight = kspan_weight(64, mean);
	struct kspan_bucket *a = count(make_stack(3, 1), 100 * ONE), *b;

	KUNIT_ASSERT_NOT_NULL(test, a);
	KUNIT_EXPECT_FALSE(test, is_mixed(test));
	expect_text(test, 100, 6400, 1);
	KUNIT_EXPECT_EQ(test, kspan_profile_set_sample_bytes(HEAP, mean), 0);
	KUNIT_EXPECT_TRUE(test, is_mixed(test));
	expect_text(test, 100, 6400, 1);
	KUNIT_EXPECT_EQ(test, kspan_profile_set_sample_bytes(HEAP, 0), 0);
	expect_text(test, 100, 6400, 1);

	/* Both rates in one profile, and then in one bucket. */
	KUNIT_EXPECT_EQ(test, kspan_profile_set_sample_bytes(HEAP, mean), 0);
	b = count(make_stack(3, 2), 2 * weight);
	KUNIT_ASSERT_NOT_NULL(test, b);
	expect_text(test, 100 + 16385, (100 + 16385) * 64, 1);
	kspan_bucket_free(a, 100 * ONE);
	/* What was allocated is still of both. */
	KUNIT_EXPECT_TRUE(test, is_mixed(test));
	kspan_profile_reset(HEAP);
	KUNIT_EXPECT_FALSE(test, is_mixed(test));
	expect_text(test, 2, 128, mean);
	KUNIT_EXPECT_PTR_EQ(test, count(make_stack(3, 2), ONE), b);
	KUNIT_EXPECT_TRUE(test, is_mixed(test));
	kspan_bucket_free(b, 2 * weight + ONE);
}

static void reset_zeroes_the_sums_and_keeps_what_is_in_use(struct kunit *test)
{
	struct kspan_bucket *bucket = count(make_stack(3, 1), 3 * ONE);
	u64 before = kspan_profile_start_ns(HEAP);

	KUNIT_ASSERT_NOT_NULL(test, bucket);
	KUNIT_ASSERT_TRUE(test, test_clock_passes(before));
	kspan_profile_reset(HEAP);
	KUNIT_EXPECT_GT(test, kspan_profile_start_ns(HEAP), before);
	KUNIT_EXPECT_EQ(test, bucket->allocs, 0ULL);
	KUNIT_EXPECT_EQ(test, bucket->live, 3 * ONE);
	KUNIT_EXPECT_PTR_EQ(test, count(make_stack(3, 1), ONE), bucket);
	KUNIT_EXPECT_EQ(test, bucket->allocs, ONE);
	KUNIT_EXPECT_EQ(test, bucket->live, 4 * ONE);
	kspan_bucket_free(bucket, 4 * ONE);
	KUNIT_EXPECT_EQ(test, bucket->live, 0ULL);
}

static void reset_drops_buckets_with_nothing_in_use(struct kunit *test)
{
	unsigned long before = kspan_profile_buckets(HEAP);
	size_t bytes = kspan_profile_bytes(HEAP);
	struct kspan_bucket *kept, *dropped;

	kept = count(make_stack(3, 1), ONE);
	dropped = count(make_stack(3, 2), ONE);
	KUNIT_ASSERT_NOT_NULL(test, kept);
	KUNIT_ASSERT_NOT_NULL(test, dropped);
	kspan_bucket_free(dropped, ONE);
	KUNIT_EXPECT_EQ(test, kspan_profile_buckets(HEAP), before + 2);
	kspan_profile_reset(HEAP);
	KUNIT_EXPECT_EQ(test, kspan_profile_buckets(HEAP), before + 1);
	KUNIT_EXPECT_PTR_EQ(test, count(make_stack(3, 1), ONE), kept);
	/* The stack begins anew, and not with what has been dropped. */
	dropped = count(make_stack(3, 2), ONE);
	KUNIT_ASSERT_NOT_NULL(test, dropped);
	KUNIT_EXPECT_EQ(test, dropped->allocs, ONE);
	KUNIT_EXPECT_EQ(test, kspan_profile_buckets(HEAP), before + 2);

	kspan_bucket_free(kept, 2 * ONE);
	kspan_bucket_free(dropped, ONE);
	kspan_profile_reset(HEAP);
	KUNIT_EXPECT_EQ(test, kspan_profile_buckets(HEAP), before);
	KUNIT_EXPECT_EQ(test, kspan_profile_bytes(HEAP), bytes);
}

static noinline void *alloc_for_bucket(gfp_t gfp)
{
	return test_keep(kspan_cache_alloc(cache, gfp));
}

static void snapshot_keeps_what_a_reset_drops(struct kunit *test)
{
	struct kspan_snapshot *snap;
	unsigned int found = 0;
	size_t i;

	kspan_cache_free(cache, alloc_for_bucket(GFP_KERNEL));
	snap = kspan_snapshot_take(HEAP);
	KUNIT_ASSERT_FALSE(test, IS_ERR(snap));
	kspan_profile_reset(HEAP);
	synchronize_rcu();
	for (i = 0; i < snap->nr_rows; i++)
		found += !strcmp(snap->rows[i].label, "bucket") &&
			 !strcmp(snap->rows[i].symbols[0]->name, "alloc_for_bucket");
	KUNIT_EXPECT_EQ(test, found, 1U);
	kspan_snapshot_free(snap);
}

/* ------------------------------------------------------------------ no memory, no room */

/* A new stack is dropped, an old one still counted; the allocation succeeds in any case. */
static void expect_new_stacks_dropped(struct kunit *test, void *(*alloc)(gfp_t gfp))
{
	unsigned long samples = kspan_profile_counter(HEAP, KSPAN_SAMPLES);
	unsigned long dropped = kspan_profile_counter(HEAP, KSPAN_SAMPLES_DROPPED);
	unsigned long specials = kspan_special_count(), buckets = kspan_profile_buckets(HEAP);
	void *obj = alloc(GFP_KERNEL);

	KUNIT_EXPECT_NOT_NULL(test, obj);
	KUNIT_EXPECT_EQ(test, kspan_profile_counter(HEAP, KSPAN_SAMPLES), samples);
	KUNIT_EXPECT_EQ(test, kspan_profile_counter(HEAP, KSPAN_SAMPLES_DROPPED), dropped + 1);
	KUNIT_EXPECT_EQ(test, kspan_special_count(), specials);
	KUNIT_EXPECT_EQ(test, kspan_profile_buckets(HEAP), buckets);
	kspan_cache_free(cache, obj);
}

static void no_memory_drops_new_stacks_only(struct kunit *test)
{
	struct kspan_bucket *bucket = count(make_stack(3, 1), ONE);

	KUNIT_ASSERT_NOT_NULL(test, bucket);
	fail_all(KSPAN_FAIL_BUCKET);
	KUNIT_EXPECT_NULL(test, count(make_stack(3, 2), ONE));
	KUNIT_EXPECT_PTR_EQ(test, count(make_stack(3, 1), ONE), bucket);
	expect_new_stacks_dropped(test, alloc_for_bucket);
	fail_nothing();
	kspan_bucket_free(bucket, 2 * ONE);
}

/* A request in atomic context stays one; what only the object may be asked for is left out. */
static void bucket_is_asked_for_as_the_context_allows(struct kunit *test)
{
	gfp_t gfp = GFP_ATOMIC | __GFP_DMA | __GFP_ZERO | __GFP_COMP | __GFP_THISNODE;
	struct kspan_bucket *bucket;

	/* Nobody may sleep in here, and PREEMPT_RT excludes no more than that. */
	rcu_read_lock();
	bucket = kspan_bucket_alloc(HEAP, make_stack(3, 1), 64, label, ONE, gfp);
	rcu_read_unlock();
	KUNIT_ASSERT_NOT_NULL(test, bucket);
	kspan_bucket_free(bucket, ONE);
}

static struct kspan_bucket *count_without_memory(unsigned long id)
{
	return kspan_bucket_alloc(HEAP, make_stack(3, id), 64, label, ONE, KSPAN_GFP_NOTHING);
}

static void who_may_not_allocate_has_spares(struct kunit *test)
{
	size_t limit = HEAP->table->bytes_max;
	struct kspan_bucket *a, *b, *c;

	KUNIT_EXPECT_NULL(test, count_without_memory(1));
	kspan_profile_keep_spares(HEAP, 2);
	a = count_without_memory(1);
	b = count_without_memory(2);
	KUNIT_ASSERT_NOT_NULL(test, a);
	KUNIT_ASSERT_NOT_NULL(test, b);
	KUNIT_EXPECT_NULL(test, count_without_memory(3));
	/* One that is known needs none. */
	KUNIT_EXPECT_PTR_EQ(test, count_without_memory(1), a);
	kspan_profile_keep_spares(HEAP, 1);
	c = count_without_memory(3);
	KUNIT_ASSERT_NOT_NULL(test, c);
	KUNIT_EXPECT_EQ(test, a->allocs, 2 * ONE);
	KUNIT_EXPECT_EQ(test, c->live, ONE);
	kspan_bucket_free(a, 2 * ONE);
	kspan_bucket_free(b, ONE);
	kspan_bucket_free(c, ONE);
	/* One that there is no room for is not lost. */
	kspan_profile_keep_spares(HEAP, 1);
	WRITE_ONCE(HEAP->table->bytes_max, 0);
	KUNIT_EXPECT_NULL(test, count_without_memory(4));
	WRITE_ONCE(HEAP->table->bytes_max, limit);
	KUNIT_EXPECT_EQ(test, HEAP->table->nr_spares, 1U);
	kspan_profile_keep_spares(HEAP, 0);
	KUNIT_EXPECT_NULL(test, count_without_memory(4));
}

#define FEW_BYTES	(64UL << 10)
#define MOST_BUCKETS	200

static void full_table_drops_new_stacks_only(struct kunit *test)
{
	static struct kspan_bucket *buckets[MOST_BUCKETS];
	struct kspan_bucket *old, *rest[16] = {};
	size_t limit = HEAP->table->bytes_max, table = kspan_profile_bytes(HEAP);
	unsigned int n, i, fits;
	unsigned long specials;
	void *obj;

	WRITE_ONCE(HEAP->table->bytes_max, FEW_BYTES);
	for (n = 0; n < MOST_BUCKETS; n++) {
		buckets[n] = count(make_stack(KSPAN_MAX_FRAMES, n), ONE);
		if (!buckets[n])
			break;
	}
	/* As many as there is room for, none of them in part. */
	fits = FEW_BYTES / struct_size(buckets[0], frames, KSPAN_MAX_FRAMES);
	KUNIT_EXPECT_LE(test, n, fits);
	KUNIT_EXPECT_GE(test, n, fits - 2);

	old = count(make_stack(KSPAN_MAX_FRAMES, 0), ONE);
	KUNIT_EXPECT_PTR_EQ(test, old, buckets[0]);
	/* A short stack would fit where a deep one does not: fill up with those. */
	for (i = 0; i < ARRAY_SIZE(rest); i++)
		rest[i] = count(make_stack(1, i), ONE);
	KUNIT_EXPECT_NULL(test, rest[ARRAY_SIZE(rest) - 1]);
	expect_new_stacks_dropped(test, alloc_for_bucket);
	KUNIT_EXPECT_LE(test, kspan_profile_bytes(HEAP), table + FEW_BYTES);

	/* After a reset there is room again, once the old ones have nothing in use. */
	for (i = 0; i < n; i++)
		kspan_bucket_free(buckets[i], buckets[i]->live);
	for (i = 0; i < ARRAY_SIZE(rest) && rest[i]; i++)
		kspan_bucket_free(rest[i], ONE);
	kspan_profile_reset(HEAP);
	specials = kspan_special_count();
	obj = alloc_for_bucket(GFP_KERNEL);
	KUNIT_EXPECT_EQ(test, kspan_special_count(), specials + 1);
	kspan_cache_free(cache, obj);
	WRITE_ONCE(HEAP->table->bytes_max, limit);
}

static struct kunit_case bucket_cases[] = {
	KUNIT_CASE(same_key_is_the_same_bucket),
	KUNIT_CASE_PARAM(other_key_is_another_bucket, key_gen_params),
	KUNIT_CASE(stacks_of_one_hash_are_two),
	KUNIT_CASE(bucket_counts_what_was_allocated_and_what_is_left),
	KUNIT_CASE(sums_do_not_wrap),
	KUNIT_CASE(bucket_with_nothing_in_use_goes_on_counting),
	KUNIT_CASE(estimates_are_rounded_to_the_nearest),
	KUNIT_CASE(text_has_no_rate_that_is_not_that_of_every_sample),
	KUNIT_CASE(reset_zeroes_the_sums_and_keeps_what_is_in_use),
	KUNIT_CASE(reset_drops_buckets_with_nothing_in_use),
	KUNIT_CASE(snapshot_keeps_what_a_reset_drops),
	KUNIT_CASE(no_memory_drops_new_stacks_only),
	KUNIT_CASE(bucket_is_asked_for_as_the_context_allows),
	KUNIT_CASE(who_may_not_allocate_has_spares),
	KUNIT_CASE(full_table_drops_new_stacks_only),
	{}
};

static struct kunit_suite bucket_suite = {
	.name = "kspan_bucket",
	.init = bucket_init,
	.exit = bucket_exit,
	.test_cases = bucket_cases,
};

kunit_test_suite(bucket_suite);
