// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of lifetimes: what is freed is counted by how long it was in use, and only what was freed.
 * With a profile of this module's, stacks that the tests make up, and ages that they say; and at
 * last with objects of the heap.
 */
#include "suite.h"

#include <linux/delay.h>
#include <linux/limits.h>
#include <linux/mm.h>
#include <linux/prandom.h>

#include "profile/profile.h"
#include "bucket_helpers.h"

#define MAX_BYTES	(256UL << 10)
#define FRAMES		4
#define NR_STACKS	64
#define PER_ONE		BIT_ULL(KSPAN_LIFETIME_WEIGHT_SHIFT)

DECLARE_KSPAN_PROFILE(lifetime_test_profile);
DEFINE_KSPAN_PROFILE(lifetime_test_profile, "lifetime test", NULL);

#define PROFILE	(&lifetime_test_profile)

static bool have_profile;
static struct kspan_cache *cache;
static struct kspan_bucket *buckets[NR_STACKS], *others[NR_STACKS / 4];

static int lifetime_init(struct kunit *test)
{
	int err = bucket_test_begin(test);

	cache = kspan_cache_create("lifetime_test", 64, 0, 0, NULL);
	if (!cache)
		return -ENOMEM;
	if (!err)
		err = kspan_profile_init(PROFILE, MAX_BYTES);
	have_profile = !err;
	return err;
}

static void lifetime_exit(struct kunit *test)
{
	if (have_profile)
		kspan_profile_destroy(PROFILE);
	have_profile = false;
	bucket_test_end(test);
	if (cache)
		kspan_cache_destroy(cache);
}

static struct kspan_bucket *count_at(struct kunit *test, unsigned int id, u64 weight)
{
	struct kspan_bucket *bucket = kspan_bucket_alloc(PROFILE, make_stack(FRAMES, id), 64, label,
							 weight, GFP_KERNEL);

	KUNIT_EXPECT_NOT_NULL(test, bucket);
	return bucket;
}

/* @nr objects that live for @age nanoseconds. */
static void live(struct kunit *test, unsigned int id, u64 nr, u64 age)
{
	struct kspan_bucket *bucket = count_at(test, id, nr * ONE);

	if (bucket)
		kspan_bucket_free_aged(bucket, nr * ONE, age);
}

/* By bin, the objects of the stacks that begin in frame 0x1000 + @id, or of all. */
#define ALL	UINT_MAX

struct lives {
	u64 objects[KSPAN_NR_LIFETIMES], all;
};

static void add_row(struct lives *lives, const struct kspan_row *row)
{
	unsigned int bin;

	for (bin = 0; bin < KSPAN_NR_LIFETIMES; bin++) {
		u64 objects = kspan_row_freed(row, bin, 1);

		lives->objects[bin] += objects;
		lives->all += objects;
	}
}

static struct lives lives_in(struct kunit *test, const struct kspan_snapshot *snap,
			     unsigned int id)
{
	struct lives lives = {};
	size_t i;

	KUNIT_EXPECT_FALSE(test, IS_ERR(snap));
	for (i = 0; !IS_ERR(snap) && i < snap->nr_rows; i++)
		if (id == ALL || snap->rows[i].addrs[0] == 0x1000 + id)
			add_row(&lives, &snap->rows[i]);
	return lives;
}

static struct lives lives_of(struct kunit *test, unsigned int id)
{
	struct kspan_snapshot *snap = kspan_snapshot_take_with(PROFILE, KSPAN_WITH_LIFETIMES);
	struct lives lives = lives_in(test, snap, id);

	if (!IS_ERR(snap))
		kspan_snapshot_free(snap);
	return lives;
}

/* ------------------------------------------------------------------ bins */

static void each_age_has_its_bin(struct kunit *test)
{
	unsigned int bin;

	KUNIT_EXPECT_EQ(test, kspan_lifetime_bin(0), 0U);
	KUNIT_EXPECT_EQ(test, kspan_lifetime_bin(1023), 0U);
	KUNIT_EXPECT_EQ(test, kspan_lifetime_bin(1024), 1U);
	KUNIT_EXPECT_EQ(test, kspan_lifetime_bin(2047), 1U);
	KUNIT_EXPECT_EQ(test, kspan_lifetime_bin(NSEC_PER_MSEC), 10U);
	KUNIT_EXPECT_EQ(test, kspan_lifetime_bin(NSEC_PER_SEC), 20U);
	KUNIT_EXPECT_EQ(test, kspan_lifetime_bin(1ULL << 40), 31U);
	KUNIT_EXPECT_EQ(test, kspan_lifetime_bin(U64_MAX), 31U);
	KUNIT_EXPECT_EQ(test, kspan_lifetime_begin(0), 0ULL);
	for (bin = 1; bin < KSPAN_NR_LIFETIMES; bin++) {
		u64 begin = kspan_lifetime_begin(bin);

		KUNIT_EXPECT_EQ(test, kspan_lifetime_bin(begin), bin);
		KUNIT_EXPECT_EQ(test, kspan_lifetime_bin(begin - 1), bin - 1);
	}
}

/* One CPU's clock may be a little behind another's. */
static void nothing_is_freed_before_it_was_taken(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, kspan_profile_age(1000, 3000), 2000ULL);
	KUNIT_EXPECT_EQ(test, kspan_profile_age(3000, 1000), 0ULL);
}

static void what_is_freed_is_in_the_bin_of_its_age(struct kunit *test)
{
	struct lives lives;

	live(test, 1, 3, 500);
	live(test, 1, 2, 5000);
	live(test, 1, 1, 7000);
	live(test, 2, 9, 60 * NSEC_PER_SEC);
	lives = lives_of(test, 1);
	KUNIT_EXPECT_EQ(test, lives.objects[0], 3ULL);
	KUNIT_EXPECT_EQ(test, lives.objects[3], 3ULL);
	KUNIT_EXPECT_EQ(test, lives.all, 6ULL);
	lives = lives_of(test, 2);
	KUNIT_EXPECT_EQ(test, lives.objects[26], 9ULL);
	KUNIT_EXPECT_EQ(test, lives.all, 9ULL);
}

/* In use, or taken out by who does not know when it was freed. */
static void what_was_not_freed_is_in_none(struct kunit *test)
{
	struct kspan_bucket *bucket = count_at(test, 1, 5 * ONE);

	KUNIT_ASSERT_NOT_NULL(test, bucket);
	kspan_bucket_free(bucket, 2 * ONE);
	KUNIT_EXPECT_EQ(test, lives_of(test, ALL).all, 0ULL);
	kspan_bucket_free_aged(bucket, ONE, 10);
	KUNIT_EXPECT_EQ(test, lives_of(test, ALL).all, 1ULL);
	KUNIT_EXPECT_EQ(test, bucket->live, 2 * ONE);
	kspan_bucket_free(bucket, 2 * ONE);
	KUNIT_EXPECT_EQ(test, lives_of(test, ALL).all, 1ULL);
}

/* A sample stands for others, which lived as long; of all of one bin they are rounded once. */
static void estimates_are_of_all_objects(struct kunit *test)
{
	struct kspan_bucket *bucket;
	struct kspan_snapshot *snap;
	unsigned int i;

	for (i = 0; i < 3; i++) {
		bucket = count_at(test, 1, 5 * ONE / 2);
		KUNIT_ASSERT_NOT_NULL(test, bucket);
		kspan_bucket_free_aged(bucket, 5 * ONE / 2, 3000);
	}
	snap = kspan_snapshot_take_with(PROFILE, KSPAN_WITH_LIFETIMES);
	KUNIT_ASSERT_FALSE(test, IS_ERR(snap));
	KUNIT_EXPECT_EQ(test, snap->nr_rows, (size_t)1);
	KUNIT_EXPECT_EQ(test, snap->rows[0].lifetimes[2], 15 * PER_ONE / 2);
	KUNIT_EXPECT_EQ(test, kspan_row_freed(&snap->rows[0], 2, 1), 8ULL);
	KUNIT_EXPECT_EQ(test, kspan_row_freed(&snap->rows[0], 2, 64), 480ULL);
	kspan_snapshot_free(snap);
	/* Who has not asked for them has none. */
	snap = kspan_snapshot_take(PROFILE);
	KUNIT_ASSERT_FALSE(test, IS_ERR(snap));
	KUNIT_EXPECT_NULL(test, snap->rows[0].lifetimes);
	kspan_snapshot_free(snap);
}

/* ------------------------------------------------------------------ resets and walks */

static void reset_empties_the_bins(struct kunit *test)
{
	struct kspan_bucket *kept = count_at(test, 1, 2 * ONE);

	KUNIT_ASSERT_NOT_NULL(test, kept);
	live(test, 1, 7, 5000);
	kspan_bucket_free_aged(kept, ONE, 9000);
	KUNIT_EXPECT_EQ(test, lives_of(test, ALL).all, 8ULL);
	kspan_profile_reset(PROFILE);
	KUNIT_EXPECT_EQ(test, lives_of(test, ALL).all, 0ULL);
	/* What was allocated before it and is freed after it counts. */
	kspan_bucket_free_aged(kept, ONE, 9000);
	KUNIT_EXPECT_EQ(test, lives_of(test, 1).objects[4], 1ULL);
	KUNIT_EXPECT_EQ(test, lives_of(test, ALL).all, 1ULL);
}

static struct kunit *hooked;
static bool met;

/* The first time that a walk has dropped the lock: all that is held is freed. */
static bool free_in_the_walk(enum kspan_test_point point)
{
	unsigned int i;

	if (point != KSPAN_AT_WALK || met || !in_task() || current != failing.task)
		return false;
	met = true;
	for (i = 0; i < NR_STACKS; i++)
		kspan_bucket_free_aged(buckets[i], ONE, 5000);
	/* And some are evicted, which the walk has not come by. */
	for (i = 0; i < ARRAY_SIZE(others); i++)
		others[i] = count_at(hooked, 1000 + i, ONE);
	return false;
}

static void free_others(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(others); i++)
		if (others[i])
			kspan_bucket_free_aged(others[i], ONE, 9000);
}

static void in_the_next_walk(struct kunit *test)
{
	met = false;
	memset(others, 0, sizeof(others));
	hooked = test;
	failing.task = current;
	kspan_set_test_hook(free_in_the_walk);
}

/* One object of each stack has been freed, one is in use. */
static void hold(struct kunit *test)
{
	unsigned int i;

	WRITE_ONCE(PROFILE->table->bytes_max, NR_STACKS * kspan_bucket_size(FRAMES));
	for (i = 0; i < NR_STACKS; i++) {
		live(test, i, 1, 2000);
		buckets[i] = count_at(test, i, ONE);
		KUNIT_ASSERT_NOT_NULL(test, buckets[i]);
	}
}

static void snapshot_shows_one_moment(struct kunit *test)
{
	struct kspan_snapshot *snap;
	unsigned int i;

	hold(test);
	in_the_next_walk(test);
	snap = kspan_snapshot_take_with(PROFILE, KSPAN_WITH_LIFETIMES);
	fail_nothing();
	KUNIT_EXPECT_TRUE(test, met);
	free_others();
	KUNIT_EXPECT_EQ(test, kspan_profile_counter(PROFILE, KSPAN_BUCKETS_EVICTED),
			ARRAY_SIZE(others));
	for (i = 0; i < NR_STACKS; i++) {
		struct lives lives = lives_in(test, snap, i);

		KUNIT_EXPECT_EQ_MSG(test, lives.objects[1], 1ULL, "stack %u", i);
		KUNIT_EXPECT_EQ_MSG(test, lives.all, 1ULL, "stack %u", i);
	}
	if (!IS_ERR(snap))
		kspan_snapshot_free(snap);
	/* What was evicted is not known any more. */
	KUNIT_EXPECT_EQ(test, lives_of(test, ALL).objects[1], NR_STACKS - ARRAY_SIZE(others));
	KUNIT_EXPECT_EQ(test, lives_of(test, ALL).objects[3], NR_STACKS - ARRAY_SIZE(others));
	KUNIT_EXPECT_EQ(test, lives_of(test, ALL).objects[4], ARRAY_SIZE(others));
}

/* What is freed while a reset goes by counts after it. */
static void reset_is_of_one_moment(struct kunit *test)
{
	hold(test);
	WRITE_ONCE(PROFILE->table->bytes_max, MAX_BYTES);
	in_the_next_walk(test);
	kspan_profile_reset(PROFILE);
	fail_nothing();
	KUNIT_EXPECT_TRUE(test, met);
	free_others();
	KUNIT_EXPECT_EQ(test, lives_of(test, ALL).objects[1], 0ULL);
	KUNIT_EXPECT_EQ(test, lives_of(test, ALL).objects[3], (u64)NR_STACKS);
	KUNIT_EXPECT_EQ(test, lives_of(test, ALL).objects[4], ARRAY_SIZE(others));
}

/* ------------------------------------------------------------------ of the heap */

static noinline void *allocate(struct kunit *test)
{
	void *obj = test_keep(kspan_cache_alloc(cache, GFP_KERNEL));

	KUNIT_ASSERT_NOT_NULL(test, obj);
	return obj;
}

static struct lives lives_of_cache(struct kunit *test)
{
	struct kspan_snapshot *snap = kspan_snapshot_take_with(HEAP, KSPAN_WITH_LIFETIMES);
	struct lives lives = {};
	size_t i;

	KUNIT_ASSERT_FALSE(test, IS_ERR(snap));
	for (i = 0; i < snap->nr_rows; i++)
		if (!strcmp(snap->rows[i].label, "lifetime_test"))
			add_row(&lives, &snap->rows[i]);
	kspan_snapshot_free(snap);
	return lives;
}

static void objects_are_counted_when_they_are_freed(struct kunit *test)
{
	void *one = allocate(test), *other = allocate(test);
	u64 began = ktime_get_ns(), most;
	struct lives lives;
	unsigned int bin;

	KUNIT_EXPECT_EQ(test, lives_of_cache(test).all, 0ULL);
	/* The clock may stand for some ticks. */
	msleep(60);
	kspan_cache_free(cache, one);
	lives = lives_of_cache(test);
	KUNIT_EXPECT_EQ(test, lives.all, 1ULL);
	/* Not much less, and no more than has gone by since: nothing else is for sure. */
	for (bin = 0; bin < kspan_lifetime_bin(20 * NSEC_PER_MSEC); bin++)
		KUNIT_EXPECT_EQ(test, lives.objects[bin], 0ULL);
	kspan_free_rcu(other);
	test_settle();
	most = ktime_get_ns() - began + NSEC_PER_SEC;
	lives = lives_of_cache(test);
	KUNIT_EXPECT_EQ(test, lives.all, 2ULL);
	for (bin = kspan_lifetime_bin(most) + 1; bin < KSPAN_NR_LIFETIMES; bin++)
		KUNIT_EXPECT_EQ(test, lives.objects[bin], 0ULL);
}

#define ROUNDS	2000

/* Whatever the order, the rate and the ages: what was allocated was freed, or is in use. */
static void what_was_allocated_was_freed_or_is_in_use(struct kunit *test)
{
	static void *objs[64];
	struct test_counts sum;
	struct rnd_state rnd;
	unsigned int i;

	memset(objs, 0, sizeof(objs));
	prandom_seed_state(&rnd, 5);
	for (i = 0; i < ROUNDS; i++) {
		void **obj = &objs[prandom_u32_state(&rnd) % ARRAY_SIZE(objs)];

		if (*obj)
			kspan_cache_free(cache, *obj);
		*obj = prandom_u32_state(&rnd) % 3 ? allocate(test) : NULL;
	}
	sum = test_count_rows(test, "lifetime_test", NULL);
	KUNIT_EXPECT_EQ(test, lives_of_cache(test).all, sum.alloc_objects - sum.inuse_objects);
	KUNIT_EXPECT_GT(test, sum.inuse_objects, 0ULL);
	for (i = 0; i < ARRAY_SIZE(objs); i++)
		if (objs[i])
			kspan_cache_free(cache, objs[i]);
	KUNIT_EXPECT_EQ(test, lives_of_cache(test).all, sum.alloc_objects);
}

static struct kunit_case lifetime_cases[] = {
	KUNIT_CASE(each_age_has_its_bin),
	KUNIT_CASE(nothing_is_freed_before_it_was_taken),
	KUNIT_CASE(what_is_freed_is_in_the_bin_of_its_age),
	KUNIT_CASE(what_was_not_freed_is_in_none),
	KUNIT_CASE(estimates_are_of_all_objects),
	KUNIT_CASE(reset_empties_the_bins),
	KUNIT_CASE(snapshot_shows_one_moment),
	KUNIT_CASE(reset_is_of_one_moment),
	KUNIT_CASE(objects_are_counted_when_they_are_freed),
	KUNIT_CASE(what_was_allocated_was_freed_or_is_in_use),
	{}
};

static struct kunit_suite lifetime_suite = {
	.name = "kspan_lifetime",
	.init = lifetime_init,
	.exit = lifetime_exit,
	.test_cases = lifetime_cases,
};

kunit_test_suite(lifetime_suite);
