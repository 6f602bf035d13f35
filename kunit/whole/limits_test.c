// SPDX-License-Identifier: GPL-2.0
/*
 * What has a limit keeps to it, whatever is done: the table of call stacks, CPUs' arrays, depots
 * and the magazines that are kept for them, empty spans, guarded objects. (That no limit is passed
 * in any other test either, books.h sees to.)
 */
#include "suite.h"

#include <linux/sched.h>

#include "heap/fence.h"
#include "heap/pcpu.h"
#include "bucket_helpers.h"

#define MOST		1200
#define LIMIT_STACKS	300

/* ------------------------------------------------------------------ call stacks */

static size_t buckets_bytes(struct kunit *test)
{
	struct books b = { .test = test };
	size_t bytes;

	books_buckets(&b);
	bytes = b.bucket_bytes;
	kvfree(b.buckets);
	return bytes;
}

/* Counts @nr stacks that only ids from @from on have; how many got a bucket. */
static unsigned int count_stacks(struct kspan_bucket **buckets, unsigned int from, unsigned int nr)
{
	unsigned int i, got = 0;

	for (i = 0; i < nr; i++) {
		buckets[from + i] = count(make_stack(8, from + i), ONE);
		got += !!buckets[from + i];
	}
	return got;
}

static void end_stacks(struct kspan_bucket **buckets, unsigned int nr)
{
	while (nr--)
		if (buckets[nr])
			kspan_bucket_free(buckets[nr], ONE);
	kspan_profile_reset(HEAP);
}

static void table_of_stacks_keeps_to_its_limit(struct kunit *test)
{
	const size_t one = struct_size((struct kspan_bucket *)0, frames, 8);
	struct kspan_bucket **buckets = (void *)objs_new(test, 3 * LIMIT_STACKS);
	size_t limit = HEAP->table->bytes_max, used = buckets_bytes(test);

	/* Room for a hundred, and not for one more. */
	WRITE_ONCE(HEAP->table->bytes_max, used + 100 * one + one - 1);
	KUNIT_EXPECT_EQ(test, count_stacks(buckets, 0, LIMIT_STACKS), 100U);
	KUNIT_EXPECT_EQ(test, buckets_bytes(test), used + 100 * one);
	/* Those that are there count on. */
	KUNIT_EXPECT_PTR_EQ(test, count(make_stack(8, 3), ONE), buckets[3]);
	kspan_bucket_free(buckets[3], ONE);
	/* Exactly room for one more. */
	WRITE_ONCE(HEAP->table->bytes_max, used + 101 * one);
	KUNIT_EXPECT_EQ(test, count_stacks(buckets, LIMIT_STACKS, LIMIT_STACKS), 1U);
	/* Below what is there: nothing is thrown out, nothing comes in. */
	WRITE_ONCE(HEAP->table->bytes_max, used + 10 * one);
	KUNIT_EXPECT_EQ(test, count_stacks(buckets, 2 * LIMIT_STACKS, 20), 0U);
	KUNIT_EXPECT_EQ(test, buckets_bytes(test), used + 101 * one);
	/* What is not in use makes room when the profile is reset. */
	end_stacks(buckets, 3 * LIMIT_STACKS);
	KUNIT_EXPECT_EQ(test, buckets_bytes(test), used);
	KUNIT_EXPECT_EQ(test, count_stacks(buckets, 0, 20), 10U);
	end_stacks(buckets, 20);
	WRITE_ONCE(HEAP->table->bytes_max, limit);
	KUNIT_EXPECT_EQ(test, count_stacks(buckets, 0, LIMIT_STACKS), (unsigned int)LIMIT_STACKS);
	end_stacks(buckets, LIMIT_STACKS);
}

/* Samples of real allocations keep to it too, and what is dropped is told. */
static void samples_keep_to_the_limit(struct kunit *test)
{
	size_t limit = HEAP->table->bytes_max, used = buckets_bytes(test);
	unsigned long dropped = kspan_profile_counter(HEAP, KSPAN_SAMPLES_DROPPED);
	void *refused, *let;

	WRITE_ONCE(HEAP->table->bytes_max, used);
	refused = kspan_alloc(64, GFP_KERNEL);
	KUNIT_EXPECT_EQ(test, buckets_bytes(test), used);
	KUNIT_EXPECT_EQ(test, kspan_profile_counter(HEAP, KSPAN_SAMPLES_DROPPED), dropped + 1);
	WRITE_ONCE(HEAP->table->bytes_max, limit);
	let = kspan_alloc(64, GFP_KERNEL);
	KUNIT_EXPECT_GT(test, buckets_bytes(test), used);
	KUNIT_EXPECT_EQ(test, kspan_profile_counter(HEAP, KSPAN_SAMPLES_DROPPED), dropped + 1);
	kspan_free(refused);
	kspan_free(let);
}

/* The limit is the parameter's, and the chains are as many as it says. */
static void table_has_its_limit_from_the_parameter(struct kunit *test)
{
	size_t chains = (kspan_profile_bytes(HEAP) - buckets_bytes(test)) / sizeof(void *);
	size_t want = clamp_t(size_t, HEAP->table->bytes_max / 1024, 256, 65536);

	want = roundup_pow_of_two(want);
	KUNIT_EXPECT_GE(test, HEAP->table->bytes_max, (size_t)SZ_64K);
	KUNIT_EXPECT_EQ(test, chains, want);
}

/* ------------------------------------------------------------------ ready objects */

static const struct array_case {
	unsigned int size, flags, slots;
} array_cases[] = {
	{ 8, 0, 64 }, { 512, 0, 64 }, { 520, 0, 63 }, { 1024, 0, 32 }, { 4096, 0, 8 },
	{ 8192, 0, 4 }, { 32768, 0, 4 }, { 32776, 0, 0 }, { 64, KSPAN_POISON, 0 },
	{ 64, KSPAN_RED_ZONE, 0 },
};

static void array_desc(const struct array_case *c, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%u bytes, flags %x", c->size, c->flags);
}

KUNIT_ARRAY_PARAM(array, array_cases, array_desc);

/* What a cache keeps for one CPU and one node, after @nr objects were there. */
static void ready_objects_keep_to_their_limits(struct kunit *test)
{
	const struct array_case *c = test->param_value;
	unsigned int cpus = DIV_ROUND_UP(num_possible_cpus(), num_online_nodes());
	unsigned int depot, i, round, nr, ready, most = 0;
	struct kspan_cache_own *own;
	struct kspan_cache *cache;
	struct kspan_node *node;
	void **objs = objs_new(test, MOST);

	cache = kspan_cache_create("limits", c->size, 0, c->flags, NULL);
	KUNIT_ASSERT_NOT_NULL(test, cache);
	KUNIT_EXPECT_EQ(test, cache->pcpu_limit, (u32)(c->slots * KSPAN_SLOT));
	own = kspan_cache_own(cache);
	KUNIT_EXPECT_EQ(test, own->batch, max(c->slots / 2, 1U));
	KUNIT_EXPECT_EQ(test, own->depot_max, c->slots ? 2 * cpus : 0);
	/* The load may have it grow, to 256 KiB for each CPU if it is not there yet. */
	KUNIT_EXPECT_GE(test, own->depot_most, own->depot_max);
	KUNIT_EXPECT_LE(test, own->depot_most, 32 * own->depot_max);
	if (own->depot_most > own->depot_max)
		KUNIT_EXPECT_LE(test, own->depot_most * own->batch * c->size, cpus * SZ_256K);
	own->depot_most = min(own->depot_most, 2 * own->depot_max);
	depot = own->depot_most;
	nr = min_t(unsigned int, MOST, (depot + 4) * max(c->slots, 4U));
	node = kspan_cache_node(cache, numa_mem_id());
	for (round = 0; round < 3; round++) {
		for (i = 0; i < nr; i++) {
			objs[i] = kspan_cache_alloc(cache, GFP_KERNEL);
			KUNIT_EXPECT_LE(test, node->nr_spares, depot);
		}
		for (i = 0; i < nr; i++) {
			kspan_cache_free(cache, objs[i]);
			ready = kspan_pcpu_cached(cache);
			most = max(most, ready);
			KUNIT_EXPECT_LE(test, node->nr_magazines, depot);
		}
	}
	/* Filled, and not beyond. */
	KUNIT_EXPECT_EQ(test, most, c->slots);
	KUNIT_EXPECT_EQ(test, node->nr_magazines, depot);
	KUNIT_EXPECT_LE(test, node->nr_empty,
			node->nr_spans / 16 + (kspan_cache_own(cache)->span_pages == 1));
	books_check(test);
	kspan_cache_destroy(cache);
}

/* An idle cache keeps one empty page, one of larger spans none. */
static void idle_cache_keeps_next_to_nothing(struct kunit *test)
{
	static const unsigned int sizes[] = { 64, 3000 };
	void **objs = objs_new(test, MOST);
	unsigned int i, n;

	for (n = 0; n < ARRAY_SIZE(sizes); n++) {
		struct kspan_cache *cache = kspan_cache_create("limits", sizes[n], 0,
							       KSPAN_RED_ZONE, NULL);
		struct kspan_node *node;
		unsigned long kept;

		KUNIT_ASSERT_NOT_NULL(test, cache);
		node = kspan_cache_node(cache, numa_mem_id());
		kept = kspan_cache_own(cache)->span_pages == 1;
		for (i = 0; i < MOST; i++)
			objs[i] = kspan_cache_alloc(cache, GFP_KERNEL);
		for (i = 0; i < MOST; i++) {
			kspan_cache_free(cache, objs[i]);
			KUNIT_EXPECT_LE(test, node->nr_empty, node->nr_spans / 16 + kept);
		}
		KUNIT_EXPECT_EQ(test, node->nr_spans, kept);
		kspan_cache_destroy(cache);
	}
}

/* ------------------------------------------------------------------ guarded objects */

static void guarded_objects_keep_to_their_slots(struct kunit *test)
{
	unsigned long guarded, full, nr, again;
	void **objs = objs_new(test, MOST);
	struct kspan_cache *cache;
	unsigned int i;

	if (kspan_fence_open())
		kunit_skip(test, "no guard mode here");
	cache = kspan_cache_create("limits", 64, 0, KSPAN_GUARD, NULL);
	KUNIT_ASSERT_NOT_NULL(test, cache);
	guarded = kspan_counter_sum(KSPAN_GUARDED);
	full = kspan_counter_sum(KSPAN_GUARD_FULL);
	/* As many as there are slots, which are 255 unless the module was told otherwise. */
	for (i = 0; i < MOST && kspan_counter_sum(KSPAN_GUARD_FULL) == full; i++)
		objs[i] = kspan_cache_alloc(cache, GFP_KERNEL);
	nr = kspan_counter_sum(KSPAN_GUARDED) - guarded;
	KUNIT_EXPECT_EQ(test, nr, (unsigned long)KSPAN_FENCE_SLOTS_DEFAULT);
	KUNIT_EXPECT_EQ(test, kspan_counter_sum(KSPAN_GUARD_FULL), full + 1);
	/* A slot that is free again is used again. */
	kspan_cache_free(cache, objs[0]);
	objs[0] = kspan_cache_alloc(cache, GFP_KERNEL);
	again = kspan_counter_sum(KSPAN_GUARDED) - guarded;
	KUNIT_EXPECT_EQ(test, again, nr + 1);
	while (i--)
		kspan_cache_free(cache, objs[i]);
	kspan_cache_destroy(cache);
}

/* ------------------------------------------------------------------ suite */

static int limits_init(struct kunit *test)
{
	set_cpus_allowed_ptr(current, cpumask_of(raw_smp_processor_id()));
	return bucket_test_begin(test);
}

static struct kunit_case limits_tests[] = {
	KUNIT_CASE(table_of_stacks_keeps_to_its_limit),
	KUNIT_CASE(samples_keep_to_the_limit),
	KUNIT_CASE(table_has_its_limit_from_the_parameter),
	KUNIT_CASE_PARAM(ready_objects_keep_to_their_limits, array_gen_params),
	KUNIT_CASE(idle_cache_keeps_next_to_nothing),
	KUNIT_CASE(guarded_objects_keep_to_their_slots),
	{}
};

static struct kunit_suite limits_suite = {
	.name = "kspan_limits",
	.init = limits_init,
	.exit = bucket_test_end,
	.test_cases = limits_tests,
};

kunit_test_suite(limits_suite);
