// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of the table of call stacks when more than one comes to it: to the same stack, and while
 * it is reset.
 */
#include "suite.h"

#include "bucket_helpers.h"

#define ROUNDS	300

static struct {
	unsigned int round[2];
	struct kspan_bucket *bucket[2][ROUNDS];
} race;

/* Both come to each new stack at the same time. */
static void insert_all(void *arg)
{
	long me = (long)arg;
	struct kspan_stack *stack = kmalloc(sizeof(*stack), GFP_KERNEL);
	unsigned int i;

	for (i = 0; stack && i < ROUNDS; i++) {
		stack->nr_frames = 2;
		stack->frames[0] = 0x1000 + i;
		stack->frames[1] = 0x10;
		/* Pairs with the acquire of the other. */
		smp_store_release(&race.round[me], i + 1);
		/* Pairs with the release of the other. */
		while (smp_load_acquire(&race.round[!me]) <= i) {
			cpu_relax();
			cond_resched();
		}
		race.bucket[me][i] = kspan_bucket_alloc(HEAP, stack, 64, label, ONE, GFP_KERNEL);
	}
	/* Likewise: lets the other go on, whatever happened here. */
	smp_store_release(&race.round[me], ROUNDS);
	kfree(stack);
}

static void two_threads_insert_a_stack_once(struct kunit *test)
{
	unsigned long before = kspan_profile_buckets(HEAP);
	unsigned int i;

	memset(&race, 0, sizeof(race));
	test_two_threads(test, insert_all, (void *[]){ (void *)0L, (void *)1L });
	KUNIT_EXPECT_EQ(test, kspan_profile_buckets(HEAP), before + ROUNDS);
	for (i = 0; i < ROUNDS; i++) {
		struct kspan_bucket *bucket = race.bucket[0][i];

		KUNIT_ASSERT_NOT_NULL(test, bucket);
		KUNIT_ASSERT_PTR_EQ(test, race.bucket[1][i], bucket);
		KUNIT_EXPECT_EQ(test, bucket->allocs, 2 * ONE);
		kspan_bucket_free(bucket, 2 * ONE);
	}
}

/* Another inserts the stack after one has looked for it in vain, and before it takes the lock. */
static struct {
	struct task_struct *task;
	struct kspan_bucket *bucket;
} meanwhile;

static bool insert_meanwhile(enum kspan_test_point point)
{
	if (point != KSPAN_FAIL_BUCKET || !in_task() || current != meanwhile.task)
		return false;
	meanwhile.task = NULL;
	meanwhile.bucket = count(make_stack(3, 1), ONE);
	return false;
}

static void stack_that_came_meanwhile_is_found(struct kunit *test)
{
	unsigned long before = kspan_profile_buckets(HEAP);
	struct kspan_bucket *bucket;

	meanwhile.bucket = NULL;
	meanwhile.task = current;
	kspan_set_test_hook(insert_meanwhile);
	bucket = count(make_stack(3, 1), ONE);
	kspan_set_test_hook(NULL);
	KUNIT_ASSERT_NOT_NULL(test, bucket);
	KUNIT_EXPECT_PTR_EQ(test, meanwhile.bucket, bucket);
	KUNIT_EXPECT_EQ(test, kspan_profile_buckets(HEAP), before + 1);
	KUNIT_EXPECT_EQ(test, bucket->allocs, 2 * ONE);
	KUNIT_EXPECT_EQ(test, bucket->live, 2 * ONE);
	kspan_bucket_free(bucket, bucket->live);
}

static void count_often(void *arg)
{
	struct kspan_stack *stack = kmalloc(sizeof(*stack), GFP_KERNEL);
	struct kspan_bucket *bucket;
	unsigned int i;

	for (i = 0; stack && i < ROUNDS; i++) {
		stack->nr_frames = 1;
		stack->frames[0] = 0x77;
		bucket = kspan_bucket_alloc(HEAP, stack, 64, label, ONE, GFP_KERNEL);
		if (bucket)
			kspan_bucket_free(bucket, ONE);
		bucket = kspan_bucket_alloc(HEAP, stack, 64, label, ONE, GFP_KERNEL);
	}
	kfree(stack);
}

static void two_threads_lose_no_count(struct kunit *test)
{
	struct kspan_bucket *bucket;
	struct kspan_stack *stack;

	test_two_threads(test, count_often, (void *[]){ NULL, NULL });
	stack = make_stack(1, 0);
	stack->frames[0] = 0x77;
	bucket = count(stack, ONE);
	KUNIT_ASSERT_NOT_NULL(test, bucket);
	KUNIT_EXPECT_EQ(test, bucket->allocs, (4 * ROUNDS + 1) * ONE);
	KUNIT_EXPECT_EQ(test, bucket->live, (2 * ROUNDS + 1) * ONE);
	kspan_bucket_free(bucket, bucket->live);
}

/* One finds a bucket, and stands there until a reset of another thread has dropped it. */
static struct {
	struct task_struct *task;
	bool found, dropped;
} drop;

static bool stand_at_found(enum kspan_test_point point)
{
	struct test_limit limit = {};

	if (point != KSPAN_AT_FOUND || !in_task() || current != drop.task)
		return false;
	drop.task = NULL;
	test_tell(&drop.found);
	/* Inside rcu_read_lock(), so not asleep. Pairs with test_tell(). */
	while (!smp_load_acquire(&drop.dropped) && !test_takes_too_long(&limit))
		udelay(5);
	return false;
}

static void drop_found(void *unused)
{
	if (test_wait_for(&drop.found))
		kspan_profile_reset(HEAP);
	test_tell(&drop.dropped);
}

static void bucket_that_was_dropped_is_not_counted_in(struct kunit *test)
{
	unsigned long before = kspan_profile_buckets(HEAP);
	struct test_thread thread = {};
	struct kspan_bucket *bucket;

	if (num_online_cpus() < 2)
		kunit_skip(test, "needs two CPUs");
	bucket = count(make_stack(3, 1), ONE);
	KUNIT_ASSERT_NOT_NULL(test, bucket);
	kspan_bucket_free(bucket, ONE);
	memset(&drop, 0, sizeof(drop));
	set_cpus_allowed_ptr(current, cpumask_of(cpumask_first(cpu_online_mask)));
	KUNIT_ASSERT_TRUE(test, test_thread_start(&thread, 0, drop_found, NULL));
	drop.task = current;
	kspan_set_test_hook(stand_at_found);
	bucket = count(make_stack(3, 1), ONE);
	test_thread_join(&thread);
	kspan_set_test_hook(NULL);
	set_cpus_allowed_ptr(current, cpu_possible_mask);
	KUNIT_EXPECT_TRUE(test, drop.found);
	KUNIT_ASSERT_NOT_NULL(test, bucket);
	/* It is one of the table's. */
	KUNIT_EXPECT_EQ(test, kspan_profile_buckets(HEAP), before + 1);
	KUNIT_EXPECT_PTR_EQ(test, count(make_stack(3, 1), ONE), bucket);
	kspan_bucket_free(bucket, 2 * ONE);
}

/* Resets in between drop buckets that another thread has just found. */
static void reset_often(void *arg)
{
	unsigned int i;

	for (i = 0; i < ROUNDS; i++) {
		kspan_profile_reset(HEAP);
		cond_resched();
	}
}

static void reset_may_come_at_any_time(struct kunit *test)
{
	unsigned long before = kspan_profile_buckets(HEAP);
	struct test_thread resets = {};
	struct kspan_bucket *bucket;
	unsigned int i, bad = 0;

	KUNIT_ASSERT_TRUE(test, test_thread_start(&resets, 0, reset_often, NULL));
	for (i = 0; i < 4 * ROUNDS; i++) {
		bucket = count(make_stack(2, i % 3), ONE);
		/* Nothing else lives in it, and it cannot go away. */
		bad += !bucket || READ_ONCE(bucket->live) != ONE || READ_ONCE(bucket->unhashed);
		if (bucket)
			kspan_bucket_free(bucket, ONE);
	}
	test_thread_join(&resets);
	KUNIT_EXPECT_EQ(test, bad, 0U);
	kspan_profile_reset(HEAP);
	KUNIT_EXPECT_EQ(test, kspan_profile_buckets(HEAP), before);
}

static struct kunit_case bucket_race_cases[] = {
	KUNIT_CASE(two_threads_insert_a_stack_once),
	KUNIT_CASE(stack_that_came_meanwhile_is_found),
	KUNIT_CASE(two_threads_lose_no_count),
	KUNIT_CASE(bucket_that_was_dropped_is_not_counted_in),
	KUNIT_CASE(reset_may_come_at_any_time),
	{}
};

static struct kunit_suite bucket_race_suite = {
	.name = "kspan_bucket_race",
	.init = bucket_test_begin,
	.exit = bucket_test_end,
	.test_cases = bucket_race_cases,
};

kunit_test_suite(bucket_race_suite);
