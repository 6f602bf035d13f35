// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of call stacks: one that was seen before is recognised without being walked, and is
 * never taken for another one. Kernels with PROVE_LOCKING walk each recognised stack as well and
 * warn when the two differ, in these tests and in all others.
 */
#include "suite.h"

#include "profile_helpers.h"

#define LEVELS	5

static struct kspan_cache *cache;

static int stack_init(struct kunit *test)
{
	cache = kspan_cache_create("stack", 64, 0, 0, NULL);
	return cache ? test_begin(test) : -ENOMEM;
}

static void stack_exit(struct kunit *test)
{
	test_end(test);
	kspan_cache_destroy(cache);
}

static unsigned long recognised(void)
{
	return kspan_counter_sum(KSPAN_STACKS_KNOWN);
}

/* ------------------------------------------------------------------ one of many */

/*
 * Two functions that differ in nothing but where they are, so that paths through them have the
 * same depth, and the same functions at the same places but for one. The text keeps the compiler
 * from making one of them.
 */
static void *left(unsigned int path, unsigned int levels);
static void *right(unsigned int path, unsigned int levels);

static __always_inline void *step(unsigned int path, unsigned int levels)
{
	if (!levels)
		return kspan_cache_alloc(cache, GFP_KERNEL);
	return path & 1 ? right(path >> 1, levels - 1) : left(path >> 1, levels - 1);
}

static noinline __noclone void *left(unsigned int path, unsigned int levels)
{
	asm volatile("# left");
	return test_keep(step(path, levels));
}

static noinline __noclone void *right(unsigned int path, unsigned int levels)
{
	asm volatile("# right");
	return test_keep(step(path, levels));
}

/* How often the row with the functions of @path was allocated from; 0 if there is none. */
static u64 allocs_of(const struct kspan_snapshot *snap, unsigned int path)
{
	u64 sum = 0;
	size_t i;
	int j;

	for (i = 0; i < snap->nr_rows; i++) {
		const struct kspan_row *row = &snap->rows[i];
		unsigned int seen = 0;

		if (strcmp(row->label, "stack"))
			continue;
		/* The innermost frame is that of the last step. */
		for (j = 0; j < LEVELS && j < row->nr_frames; j++)
			seen = seen << 1 | !strcmp(row->symbols[j]->name, "right");
		if (seen == path)
			sum += row->alloc_objects;
	}
	return sum;
}

/* Path p is taken p + 1 times, all mixed. */
static void paths_are_told_apart(struct kunit *test)
{
	unsigned int path, round, wrong = 0;
	unsigned long before = recognised();
	struct kspan_snapshot *snap;

	for (round = 0; round < 1 << LEVELS; round++) {
		for (path = round; path < 1 << LEVELS; path++) {
			void *obj = left(path, LEVELS);

			wrong += !obj;
			kspan_cache_free(cache, obj);
		}
	}
	KUNIT_EXPECT_EQ(test, wrong, 0U);
	KUNIT_EXPECT_EQ(test, test_count_rows(test, "stack", NULL).rows, 1U << LEVELS);
	snap = kspan_snapshot_take();
	KUNIT_ASSERT_FALSE(test, IS_ERR(snap));
	for (path = 0; path < 1 << LEVELS; path++)
		KUNIT_EXPECT_EQ(test, allocs_of(snap, path), (u64)path + 1);
	kspan_snapshot_free(snap);
	/* More share a place than are looked at; these are walked, and the others are not. */
	if (IS_ENABLED(CONFIG_UNWINDER_ORC))
		KUNIT_EXPECT_GT(test, recognised(), before);
}

static void stack_that_was_seen_is_recognised(struct kunit *test)
{
	unsigned long before = recognised();
	unsigned int i;

	if (!IS_ENABLED(CONFIG_UNWINDER_ORC))
		kunit_skip(test, "stacks are recognised where the unwinder is ORC");
	/* From one place, so that each has the same stack. */
	for (i = 0; i < 100; i++)
		kspan_cache_free(cache, left(0, LEVELS));
	KUNIT_EXPECT_EQ(test, recognised() - before, 99UL);
	KUNIT_EXPECT_EQ(test, test_count_rows(test, "stack", NULL).alloc_objects, 100ULL);
	KUNIT_EXPECT_EQ(test, test_count_rows(test, "stack", NULL).rows, 1U);
}

/* What is forgotten is not recognised, and counted anew. */
static void reset_forgets(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < 3; i++) {
		unsigned long before = recognised();

		kspan_cache_free(cache, left(3, LEVELS));
		KUNIT_EXPECT_EQ(test, recognised(), before);
		KUNIT_EXPECT_EQ(test, test_count_rows(test, "stack", NULL).alloc_objects, 1ULL);
		kspan_profile_reset();
	}
}

/* ------------------------------------------------------------------ contexts */

KUNIT_ARRAY_PARAM(context, test_contexts, test_context_desc);

static void alloc_and_free(void *arg)
{
	void *obj = kspan_cache_alloc(cache, GFP_ATOMIC);

	kspan_cache_free(cache, test_keep(obj));
}

static void stack_of_an_interrupt_is_walked(struct kunit *test)
{
	const struct test_context *c = test->param_value;
	unsigned long before = recognised();
	unsigned int i;

	if (IS_ENABLED(CONFIG_PREEMPT_RT) && c->call == test_in_hardirq)
		kunit_skip(test, "not a context for allocations on PREEMPT_RT");
	for (i = 0; i < 20; i++)
		c->call(alloc_and_free, NULL);
	KUNIT_EXPECT_EQ(test, test_count_rows(test, "stack", NULL).alloc_objects, 20ULL);
	if (c->call != test_in_process)
		KUNIT_EXPECT_EQ(test, recognised(), before);
	else if (IS_ENABLED(CONFIG_UNWINDER_ORC))
		KUNIT_EXPECT_EQ(test, recognised(), before + 19);
}

static struct kunit_case stack_cases[] = {
	KUNIT_CASE(paths_are_told_apart),
	KUNIT_CASE(stack_that_was_seen_is_recognised),
	KUNIT_CASE(reset_forgets),
	KUNIT_CASE_PARAM(stack_of_an_interrupt_is_walked, context_gen_params),
	{}
};

static struct kunit_suite stack_suite = {
	.name = "kspan_stack",
	.init = stack_init,
	.exit = stack_exit,
	.test_cases = stack_cases,
};

kunit_test_suite(stack_suite);
