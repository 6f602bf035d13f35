// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of the table of live samples: what is added is found once and by its address alone; the
 * filter lets nobody by who would find something; a second one at an address brings out the first;
 * and who asks for what was there at some time does not get what came later.
 */
#include "suite.h"

#include <linux/kthread.h>
#include <linux/slab.h>

#include "profile_helpers.h"
#include "tap/live.h"

#define NR	1000

static struct kspan_live_table table;
static struct kspan_live lives[NR];

static int live_init(struct kunit *test)
{
	return kspan_live_init(&table);
}

static void live_exit(struct kunit *test)
{
	kspan_live_take_all(&table);
	kspan_live_exit(&table);
}

/* Addresses as slabs have them. */
static unsigned long addr_of(unsigned int i)
{
	return PAGE_OFFSET + i * 192UL;
}

static struct kspan_live *add(struct kunit *test, unsigned int i, unsigned long addr)
{
	struct kspan_live *stale;

	lives[i].addr = addr;
	KUNIT_EXPECT_TRUE(test, kspan_live_add(&table, &lives[i], &stale));
	return stale;
}

static struct kspan_live *take(unsigned long addr)
{
	return kspan_live_take(&table, addr, U64_MAX);
}

static void each_is_found_once(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < NR; i++)
		KUNIT_EXPECT_NULL(test, add(test, i, addr_of(i)));
	KUNIT_EXPECT_EQ(test, kspan_live_count(&table), (unsigned long)NR);
	for (i = 0; i < NR; i++) {
		KUNIT_EXPECT_TRUE(test, kspan_live_maybe(&table, addr_of(i)));
		KUNIT_EXPECT_PTR_EQ(test, take(addr_of(i)), &lives[i]);
		KUNIT_EXPECT_NULL(test, take(addr_of(i)));
	}
	KUNIT_EXPECT_EQ(test, kspan_live_count(&table), 0UL);
	for (i = 0; i < NR; i++)
		KUNIT_EXPECT_FALSE(test, kspan_live_maybe(&table, addr_of(i)));
}

static void address_is_the_whole_of_it(struct kunit *test)
{
	add(test, 0, addr_of(0));
	KUNIT_EXPECT_NULL(test, take(addr_of(0) + 8));
	KUNIT_EXPECT_EQ(test, kspan_live_count(&table), 1UL);
}

static void second_at_an_address_brings_out_the_first(struct kunit *test)
{
	KUNIT_EXPECT_NULL(test, add(test, 0, addr_of(0)));
	KUNIT_EXPECT_PTR_EQ(test, add(test, 1, addr_of(0)), &lives[0]);
	KUNIT_EXPECT_EQ(test, kspan_live_count(&table), 1UL);
	KUNIT_EXPECT_PTR_EQ(test, take(addr_of(0)), &lives[1]);
}

/* The filter's count has two bytes. */
static void more_than_can_be_counted_are_refused(struct kunit *test)
{
	u16 *count = &table.filter[(addr_of(0) * GOLDEN_RATIO_64) >> table.shift];
	struct kspan_live *stale;

	lives[0].addr = addr_of(0);
	*count = U16_MAX;
	KUNIT_EXPECT_FALSE(test, kspan_live_add(&table, &lives[0], &stale));
	KUNIT_EXPECT_NULL(test, stale);
	KUNIT_EXPECT_EQ(test, kspan_live_count(&table), 0UL);
	*count = U16_MAX - 1;
	KUNIT_EXPECT_TRUE(test, kspan_live_add(&table, &lives[0], &stale));
	KUNIT_EXPECT_EQ(test, *count, U16_MAX);
}

static void count_walked(const struct kspan_live *live, void *arg)
{
	((unsigned int *)arg)[live - lives]++;
}

static void walk_comes_by_each_once(struct kunit *test)
{
	unsigned int *seen = kunit_kcalloc(test, NR, sizeof(*seen), GFP_KERNEL), i;

	KUNIT_ASSERT_NOT_NULL(test, seen);
	for (i = 0; i < NR; i++)
		add(test, i, addr_of(i));
	kspan_live_walk(&table, count_walked, seen);
	for (i = 0; i < NR; i++)
		KUNIT_EXPECT_EQ(test, seen[i], 1U);
}

static void all_are_taken_at_once(struct kunit *test)
{
	struct kspan_live *live;
	unsigned int i, nr = 0;

	for (i = 0; i < NR; i++)
		add(test, i, addr_of(i));
	for (live = kspan_live_take_all(&table); live; live = live->next)
		nr++;
	KUNIT_EXPECT_EQ(test, nr, (unsigned int)NR);
	KUNIT_EXPECT_EQ(test, kspan_live_count(&table), 0UL);
	for (i = 0; i < NR; i++)
		KUNIT_EXPECT_FALSE(test, kspan_live_maybe(&table, addr_of(i)));
}

static void what_came_later_is_not_taken(struct kunit *test)
{
	u64 before, now;

	add(test, 1, addr_of(1));
	before = kspan_live_added(&table);
	add(test, 0, addr_of(0));
	now = kspan_live_added(&table);
	KUNIT_EXPECT_NULL(test, kspan_live_take(&table, addr_of(0), before));
	KUNIT_EXPECT_EQ(test, kspan_live_count(&table), 2UL);
	KUNIT_EXPECT_TRUE(test, kspan_live_maybe(&table, addr_of(0)));
	KUNIT_EXPECT_PTR_EQ(test, kspan_live_take(&table, addr_of(0), now), &lives[0]);
	KUNIT_EXPECT_FALSE(test, kspan_live_maybe(&table, addr_of(0)));
}

/* ------------------------------------------------------------------ at once */

struct part {
	struct kunit *test;
	unsigned int first;
	bool lost;
};

/* Comes and goes in every chain that the other one uses, too. */
static void come_and_go(void *arg)
{
	struct part *part = arg;
	unsigned int round, i;

	for (round = 0; round < 200; round++) {
		for (i = part->first; i < NR; i += 2)
			part->lost |= !!add(part->test, i, addr_of(i));
		for (i = part->first; i < NR; i += 2)
			part->lost |= take(addr_of(i)) != &lives[i];
	}
}

static void two_do_not_mind_each_other(struct kunit *test)
{
	struct part parts[2] = { { test, 0 }, { test, 1 } };
	void *args[2] = { &parts[0], &parts[1] };

	test_two_threads(test, come_and_go, args);
	KUNIT_EXPECT_FALSE(test, parts[0].lost);
	KUNIT_EXPECT_FALSE(test, parts[1].lost);
	KUNIT_EXPECT_EQ(test, kspan_live_count(&table), 0UL);
}

static struct kunit_case live_cases[] = {
	KUNIT_CASE(each_is_found_once),
	KUNIT_CASE(address_is_the_whole_of_it),
	KUNIT_CASE(second_at_an_address_brings_out_the_first),
	KUNIT_CASE(more_than_can_be_counted_are_refused),
	KUNIT_CASE(walk_comes_by_each_once),
	KUNIT_CASE(all_are_taken_at_once),
	KUNIT_CASE(what_came_later_is_not_taken),
	KUNIT_CASE(two_do_not_mind_each_other),
	{}
};

static struct kunit_suite live_suite = {
	.name = "kspan_tap_live",
	.init = live_init,
	.exit = live_exit,
	.test_cases = live_cases,
};

kunit_test_suite(live_suite);
