// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of the pool: what comes back is handed out again; where no memory may be looked for there
 * is only what is at hand, and the worker brings more; and what piles up goes back.
 */
#include "suite.h"

#include <linux/delay.h>
#include <linux/preempt.h>
#include <linux/slab.h>

#include "profile_helpers.h"
#include "tap/pool.h"

#define NR	4000

static struct kspan_pool pool;
static void *objs[NR];

static int pool_init(struct kunit *test)
{
	return kspan_pool_init(&pool, "kspan_pool_test", 40, NULL);
}

static void pool_exit(struct kunit *test)
{
	kspan_pool_exit(&pool);
}

static void *get(gfp_t gfp)
{
	void *obj;

	preempt_disable();
	obj = kspan_pool_get(&pool, gfp);
	preempt_enable();
	return obj;
}

static void put(void *obj)
{
	preempt_disable();
	kspan_pool_put(&pool, obj);
	preempt_enable();
}

/* Takes what is at hand on this CPU, which it stays on; how many that were. */
static unsigned int take_what_is_at_hand(void)
{
	unsigned int nr;

	for (nr = 0; nr < NR; nr++) {
		objs[nr] = get(0);
		if (!objs[nr])
			break;
	}
	return nr;
}

static void what_comes_back_is_handed_out_again(struct kunit *test)
{
	void *obj, *again;

	migrate_disable();
	obj = get(GFP_ATOMIC);
	KUNIT_EXPECT_NOT_NULL(test, obj);
	put(obj);
	again = get(GFP_ATOMIC);
	migrate_enable();
	KUNIT_EXPECT_PTR_EQ(test, again, obj);
	put(again);
}

static void there_is_more_than_is_at_hand(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < NR; i++) {
		objs[i] = get(GFP_ATOMIC);
		KUNIT_ASSERT_NOT_NULL(test, objs[i]);
		/* Each is the caller's alone. */
		memset(objs[i], i, 40);
	}
	for (i = 0; i < NR; i++) {
		KUNIT_EXPECT_EQ(test, *((u8 *)objs[i] + 39), (u8)i);
		put(objs[i]);
	}
}

static void worker_brings_more(struct kunit *test)
{
	struct test_limit limit = {};
	unsigned int nr, i;
	void *more;

	migrate_disable();
	nr = take_what_is_at_hand();
	migrate_enable();
	KUNIT_EXPECT_GT(test, nr, 0U);
	KUNIT_ASSERT_LT(test, nr, (unsigned int)NR);
	/* On whichever CPU: the worker looks at all. */
	while (!(more = get(0))) {
		KUNIT_ASSERT_FALSE(test, test_takes_too_long(&limit));
		usleep_range(20, 100);
	}
	put(more);
	for (i = 0; i < nr; i++)
		put(objs[i]);
}

static unsigned int at_hand(void)
{
	unsigned int sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(per_cpu_ptr(pool.cpus, cpu)->nr);
	return sum;
}

static void what_piles_up_goes_back(struct kunit *test)
{
	struct test_limit limit = {};
	unsigned int i;

	for (i = 0; i < NR; i++) {
		objs[i] = get(GFP_ATOMIC);
		KUNIT_ASSERT_NOT_NULL(test, objs[i]);
	}
	migrate_disable();
	for (i = 0; i < NR; i++)
		put(objs[i]);
	migrate_enable();
	while (at_hand() > NR / 2) {
		KUNIT_ASSERT_FALSE(test, test_takes_too_long(&limit));
		usleep_range(20, 100);
	}
}

static void nothing_fills_a_pool_here(struct kunit *test)
{
	KUNIT_EXPECT_FALSE(test, kspan_pool_fills());
}

static struct kunit_case pool_cases[] = {
	KUNIT_CASE(what_comes_back_is_handed_out_again),
	KUNIT_CASE(there_is_more_than_is_at_hand),
	KUNIT_CASE(worker_brings_more),
	KUNIT_CASE(what_piles_up_goes_back),
	KUNIT_CASE(nothing_fills_a_pool_here),
	{}
};

static struct kunit_suite pool_suite = {
	.name = "kspan_tap_pool",
	.init = pool_init,
	.exit = pool_exit,
	.test_cases = pool_cases,
};

kunit_test_suite(pool_suite);
