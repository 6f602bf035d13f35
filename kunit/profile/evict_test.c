// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of eviction from the table of call stacks: who makes room for a new stack when the table
 * is full, who never does, and that whoever looks at a bucket meanwhile can go on.
 */
#include "suite.h"

#include <linux/mm.h>

#include "export/stats.h"
#include "profile/symbol.h"
#include "bucket_helpers.h"

#define FEW_BYTES	(96UL << 10)
#define MOST_BUCKETS	300
#define FRAMES		20

static struct kspan_bucket *buckets[MOST_BUCKETS];
static size_t saved_max;

static int evict_init(struct kunit *test)
{
	int err = bucket_test_begin(test);

	saved_max = HEAP->table->bytes_max;
	WRITE_ONCE(HEAP->table->bytes_max, FEW_BYTES);
	return err;
}

static void evict_exit(struct kunit *test)
{
	WRITE_ONCE(HEAP->table->bytes_max, saved_max);
	bucket_test_end(test);
}

/* A function of this module, which leaves when a test says so. */
static noinline void function_that_leaves(void)
{
	barrier();
}

/* As make_stack(), from a function of this module. */
static struct kspan_stack *make_stack_here(unsigned long id)
{
	struct kspan_stack *stack = make_stack(FRAMES, id);

	stack->frames[1] = (unsigned long)function_that_leaves + 1;
	return stack;
}

/* Fills the table, and frees what was counted: how many buckets there were. */
static unsigned int fill_with_idle(struct kspan_stack *(*make)(unsigned long id))
{
	unsigned int n, i;

	for (n = 0; n < MOST_BUCKETS; n++) {
		buckets[n] = count(make(n), ONE);
		if (!buckets[n])
			break;
	}
	for (i = 0; i < n; i++)
		kspan_bucket_free(buckets[i], ONE);
	return n;
}

static struct kspan_stack *make_stack_elsewhere(unsigned long id)
{
	return make_stack(FRAMES, id);
}

static void this_module_leaves(void)
{
	kspan_table_module_event(HEAP->table, MODULE_STATE_GOING, THIS_MODULE);
}

static void stacks_of_a_module_that_left_make_room(struct kunit *test)
{
	unsigned long evicted = kspan_profile_counter(HEAP, KSPAN_BUCKETS_EVICTED);
	unsigned int n, i, round;

	need_module(test);
	n = fill_with_idle(make_stack_here);
	KUNIT_ASSERT_GT(test, n, 50U);
	/* As with a client that comes and goes: each time its stacks are new. */
	for (round = 1; round <= 3; round++) {
		unsigned int seen = 0;

		this_module_leaves();
		for (i = 0; i < n; i++) {
			buckets[i] = count(make_stack_here(1000 * round + i), ONE);
			seen += !!buckets[i];
		}
		KUNIT_EXPECT_EQ(test, seen, n);
		for (i = 0; i < n; i++)
			if (buckets[i])
				kspan_bucket_free(buckets[i], ONE);
	}
	KUNIT_EXPECT_GE(test, kspan_profile_counter(HEAP, KSPAN_BUCKETS_EVICTED),
			evicted + 3 * n - 1);
}

static void gone_stack_that_holds_memory_stays(struct kunit *test)
{
	struct kspan_bucket *held;
	unsigned int n, i;

	need_module(test);
	held = count(make_stack_here(7), 3 * ONE);
	KUNIT_ASSERT_NOT_NULL(test, held);
	n = fill_with_idle(make_stack_here);
	this_module_leaves();
	KUNIT_EXPECT_TRUE(test, held->gone);
	for (i = 0; i < 3 * n; i++) {
		struct kspan_bucket *bucket = count(make_stack_elsewhere(1000 + i), ONE);

		KUNIT_ASSERT_NOT_NULL(test, bucket);
		KUNIT_ASSERT_PTR_NE(test, bucket, held);
		kspan_bucket_free(bucket, ONE);
	}
	KUNIT_EXPECT_EQ(test, held->live, 3 * ONE);
	KUNIT_EXPECT_STREQ(test, held->symbols[1]->name, "function_that_leaves");
	/* And is the first to go once it does not. */
	kspan_bucket_free(held, 3 * ONE);
}

/* Those that can come again go only after those that cannot. */
static void stacks_that_left_go_before_others(struct kunit *test)
{
	struct kspan_bucket *stays;
	unsigned int n, i;

	need_module(test);
	stays = count(make_stack_elsewhere(1), ONE);
	KUNIT_ASSERT_NOT_NULL(test, stays);
	n = fill_with_idle(make_stack_here);
	kspan_bucket_free(stays, ONE);
	this_module_leaves();
	for (i = 0; i < n; i++) {
		struct kspan_bucket *bucket = count(make_stack_elsewhere(1000 + i), ONE);

		KUNIT_ASSERT_NOT_NULL(test, bucket);
	}
	KUNIT_EXPECT_PTR_EQ(test, count(make_stack_elsewhere(1), ONE), stays);
	for (i = 0; i < n; i++) {
		struct kspan_bucket *bucket = count(make_stack_elsewhere(1000 + i), ONE);

		kspan_bucket_free(bucket, 2 * ONE);
	}
	kspan_bucket_free(stays, ONE);
}

/* A program that runs through more stacks than there is room for must not hide a leak. */
static void idle_stacks_make_room_for_what_holds_memory(struct kunit *test)
{
	unsigned int n = fill_with_idle(make_stack_elsewhere), i, seen = 0;

	for (i = 0; i < n / 2; i++) {
		buckets[i] = count(make_stack_elsewhere(1000 + i), ONE);
		seen += !!buckets[i];
	}
	KUNIT_EXPECT_EQ(test, seen, n / 2);
	for (i = 0; i < n / 2; i++)
		if (buckets[i])
			KUNIT_EXPECT_EQ(test, READ_ONCE(buckets[i]->live), ONE);
	for (i = 0; i < n / 2; i++)
		if (buckets[i])
			kspan_bucket_free(buckets[i], ONE);
}

/* Wherever the hand has come to: those that it has passed are no better than those that come. */
static void idle_stacks_are_evicted_all_round(struct kunit *test)
{
	unsigned int n, i, old = 0;

	/* All in use: it goes on and finds none. */
	for (n = 0; n < MOST_BUCKETS; n++) {
		buckets[n] = count(make_stack_elsewhere(n), ONE);
		if (!buckets[n])
			break;
	}
	KUNIT_ASSERT_GT(test, n, 100U);
	for (i = 0; i < n; i++)
		kspan_bucket_free(buckets[i], ONE);
	/* At the peak nothing of these was in use. */
	buckets[0] = count(make_stack_elsewhere(0), MOST_BUCKETS * ONE);
	kspan_bucket_free(buckets[0], MOST_BUCKETS * ONE);
	for (i = 0; i < 2 * n; i++) {
		struct kspan_bucket *bucket = count(make_stack_elsewhere(1000 + i), ONE);

		KUNIT_ASSERT_NOT_NULL(test, bucket);
		kspan_bucket_free(bucket, ONE);
	}
	for (i = 1; i < n; i++) {
		struct kspan_bucket *bucket = count(make_stack_elsewhere(i), ONE);

		KUNIT_ASSERT_NOT_NULL(test, bucket);
		old += bucket->allocs != ONE;
		kspan_bucket_free(bucket, ONE);
	}
	KUNIT_EXPECT_EQ(test, old, 0U);
}

static void snapshot_keeps_what_is_evicted(struct kunit *test)
{
	struct kspan_snapshot *snap;
	unsigned int n, i, found = 0;
	size_t row;

	need_module(test);
	n = fill_with_idle(make_stack_here);
	this_module_leaves();
	snap = kspan_snapshot_take(HEAP);
	KUNIT_ASSERT_FALSE(test, IS_ERR(snap));
	for (i = 0; i < n; i++) {
		struct kspan_bucket *bucket = count(make_stack_elsewhere(1000 + i), ONE);

		if (bucket)
			kspan_bucket_free(bucket, ONE);
	}
	rcu_barrier();
	for (row = 0; row < snap->nr_rows; row++)
		found += snap->rows[row].nr_frames == FRAMES &&
			 !strcmp(snap->rows[row].symbols[1]->name, "function_that_leaves");
	KUNIT_EXPECT_EQ(test, found, n);
	kspan_snapshot_free(snap);
}

/* Evicted with interrupts off, a bucket cannot let its names go there: somebody must. */
static void names_of_the_evicted_are_let_go(struct kunit *test)
{
	refcount_t *refs = &label->refs;
	struct test_limit limit = {};
	unsigned int before, n, i;

	need_module(test);
	kspan_profile_reset(HEAP);
	before = refcount_read(refs);
	n = fill_with_idle(make_stack_here);
	this_module_leaves();
	KUNIT_EXPECT_GE(test, refcount_read(refs), before + n);
	for (i = 0; i < n; i++) {
		unsigned long flags;
		struct kspan_bucket *bucket;

		/* On PREEMPT_RT no more than this is excluded. */
		rcu_read_lock();
		if (!IS_ENABLED(CONFIG_PREEMPT_RT))
			local_irq_save(flags);
		bucket = kspan_bucket_alloc(HEAP, make_stack(1, 1000 + i), 64, label, ONE,
					    GFP_ATOMIC);
		if (!IS_ENABLED(CONFIG_PREEMPT_RT))
			local_irq_restore(flags);
		rcu_read_unlock();
		KUNIT_ASSERT_NOT_NULL(test, bucket);
		kspan_bucket_free(bucket, ONE);
	}
	kspan_profile_reset(HEAP);
	while (refcount_read(refs) != before && !test_takes_too_long(&limit))
		usleep_range(100, 200);
	KUNIT_EXPECT_EQ(test, refcount_read(refs), before);
}

/* ------------------------------------------------------------------ in the middle of a walk */

static struct kspan_bucket *higher;	/* whose weight makes a new peak */
static unsigned int nr_held;
static bool met;

/*
 * The first time that a walk has dropped the lock: all that is held is freed, is in the peak no
 * more, and is evicted.
 */
static bool free_and_evict(enum kspan_test_point point)
{
	unsigned int i;

	if (point != KSPAN_AT_WALK || met || !in_task() || current != failing.task)
		return false;
	met = true;
	for (i = 0; i < nr_held; i++)
		kspan_bucket_free(buckets[i], ONE);
	count(make_stack_elsewhere(900), MOST_BUCKETS * ONE);
	kspan_bucket_free(higher, (MOST_BUCKETS + 1) * ONE);
	for (i = 0; i < nr_held; i++) {
		buckets[i] = count(make_stack_elsewhere(1000 + i), ONE);
		if (buckets[i])
			kspan_bucket_free(buckets[i], ONE);
	}
	return false;
}

static void hold(struct kspan_stack *(*make)(unsigned long id))
{
	higher = count(make_stack_elsewhere(900), ONE);
	for (nr_held = 0; nr_held < MOST_BUCKETS; nr_held++) {
		buckets[nr_held] = count(make(nr_held), ONE);
		if (!buckets[nr_held])
			break;
	}
}

static void evict_in_the_middle(void)
{
	met = false;
	failing.task = current;
	kspan_set_test_hook(free_and_evict);
}

/* Rows of the test's whose stacks begin with those of number @first to @first + nr_held - 1. */
static unsigned int rows_of(const struct kspan_snapshot *snap, unsigned long first, u64 inuse)
{
	unsigned int rows = 0;
	size_t i;

	for (i = 0; i < snap->nr_rows; i++) {
		const struct kspan_row *row = &snap->rows[i];

		if (strcmp(row->label, "bucket_test") || row->nr_frames != FRAMES)
			continue;
		rows += row->addrs[0] - 0x1000 - first < nr_held && row->alloc_objects == 1 &&
			row->inuse_objects == inuse;
	}
	return rows;
}

/* It is of one moment, and at that all this was in use. */
static void snapshot_tells_of_what_is_evicted_meanwhile(struct kunit *test)
{
	unsigned long evicted = kspan_profile_counter(HEAP, KSPAN_BUCKETS_EVICTED);
	struct kspan_snapshot *snap;

	kspan_profile_reset(HEAP);
	hold(make_stack_elsewhere);
	KUNIT_ASSERT_GT(test, nr_held, 100U);
	evict_in_the_middle();
	snap = kspan_snapshot_take(HEAP);
	fail_nothing();
	KUNIT_ASSERT_FALSE(test, IS_ERR(snap));
	KUNIT_EXPECT_TRUE(test, met);
	KUNIT_EXPECT_GT(test, kspan_profile_counter(HEAP, KSPAN_BUCKETS_EVICTED),
			evicted + nr_held / 2);
	KUNIT_EXPECT_EQ(test, rows_of(snap, 0, 1), nr_held);
	KUNIT_EXPECT_EQ(test, rows_of(snap, 1000, 0), 0U);
	kspan_snapshot_free(snap);

	snap = kspan_snapshot_take(HEAP);
	KUNIT_ASSERT_FALSE(test, IS_ERR(snap));
	KUNIT_EXPECT_LT(test, rows_of(snap, 0, 0), nr_held / 2);
	KUNIT_EXPECT_GT(test, rows_of(snap, 1000, 0), nr_held / 2);
	kspan_snapshot_free(snap);
}

/* The line of those whose text has left goes on, whatever the reset has dropped. */
static void reset_and_eviction_share_what_has_left(struct kunit *test)
{
	unsigned long before;
	unsigned int round, i;

	need_module(test);
	kspan_profile_reset(HEAP);
	before = kspan_profile_buckets(HEAP);
	for (round = 0; round < 2; round++) {
		hold(make_stack_here);
		KUNIT_ASSERT_GT(test, nr_held, 100U);
		/* In the first round a part of them waits in the line when the reset comes. */
		for (i = 0; !round && i < nr_held - nr_held / 2; i++)
			kspan_bucket_free(buckets[i], ONE);
		this_module_leaves();
		for (i = 0; !round && i < nr_held / 2; i++)
			buckets[i] = buckets[nr_held - 1 - i];
		nr_held = round ? nr_held : nr_held / 2;
		evict_in_the_middle();
		kspan_profile_reset(HEAP);
		fail_nothing();
		KUNIT_EXPECT_TRUE(test, met);
		/* And what is in it now still makes room. */
		nr_held = fill_with_idle(make_stack_elsewhere);
		KUNIT_EXPECT_GT(test, nr_held, 100U);
		kspan_profile_reset(HEAP);
		kspan_profile_reset(HEAP);
		KUNIT_EXPECT_LE(test, kspan_profile_buckets(HEAP), before + 1);
	}
}

/* ------------------------------------------------------------------ at the same time */

#define ROUNDS	300

/* New stacks, which evict all the time; every seventh holds memory for a while. */
static void evict_often(void *arg)
{
	struct kspan_stack *stack = kmalloc(sizeof(*stack), GFP_KERNEL);
	struct kspan_bucket *held = NULL, *bucket;
	unsigned int *bad = arg, i;

	for (i = 0; stack && i < 20 * ROUNDS; i++) {
		stack->nr_frames = FRAMES;
		memset(stack->frames, 0x55, FRAMES * sizeof(stack->frames[0]));
		stack->frames[0] = 0x100000 + i;
		stack->frames[1] = i % 2 ? (unsigned long)function_that_leaves : 0x10;
		bucket = kspan_bucket_alloc(HEAP, stack, 64, label, ONE, GFP_KERNEL);
		*bad += !bucket || READ_ONCE(bucket->live) != ONE;
		if (bucket && i % 7 == 0)
			swap(bucket, held);
		if (bucket)
			kspan_bucket_free(bucket, ONE);
		cond_resched();
	}
	if (held)
		kspan_bucket_free(held, ONE);
	kfree(stack);
}

static void walk_often(void *unused)
{
	struct kspan_snapshot *snap;
	unsigned int i;

	for (i = 0; i < ROUNDS; i++) {
		this_module_leaves();
		if (i % 4 == 0) {
			snap = kspan_snapshot_take(HEAP);
			if (!IS_ERR(snap))
				kspan_snapshot_free(snap);
		}
		if (i % 16 == 0)
			kspan_profile_reset(HEAP);
		cond_resched();
	}
}

static void eviction_goes_on_beside_walks(struct kunit *test)
{
	unsigned long before;
	struct test_thread walks = {};
	unsigned int bad = 0;

	need_module(test);
	kspan_profile_reset(HEAP);
	before = kspan_profile_buckets(HEAP);
	KUNIT_ASSERT_TRUE(test, test_thread_start(&walks, 0, walk_often, NULL));
	evict_often(&bad);
	test_thread_join(&walks);
	KUNIT_EXPECT_EQ(test, bad, 0U);
	kspan_profile_reset(HEAP);
	KUNIT_EXPECT_EQ(test, kspan_profile_buckets(HEAP), before);
}

static struct kunit_case evict_cases[] = {
	KUNIT_CASE(stacks_of_a_module_that_left_make_room),
	KUNIT_CASE(gone_stack_that_holds_memory_stays),
	KUNIT_CASE(stacks_that_left_go_before_others),
	KUNIT_CASE(idle_stacks_make_room_for_what_holds_memory),
	KUNIT_CASE(idle_stacks_are_evicted_all_round),
	KUNIT_CASE(snapshot_keeps_what_is_evicted),
	KUNIT_CASE(names_of_the_evicted_are_let_go),
	KUNIT_CASE(snapshot_tells_of_what_is_evicted_meanwhile),
	KUNIT_CASE(reset_and_eviction_share_what_has_left),
	KUNIT_CASE(eviction_goes_on_beside_walks),
	{}
};

static struct kunit_suite evict_suite = {
	.name = "kspan_evict",
	.init = evict_init,
	.exit = evict_exit,
	.test_cases = evict_cases,
};

kunit_test_suite(evict_suite);
