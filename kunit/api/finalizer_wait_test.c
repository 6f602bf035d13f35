// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of who waits for whom: finalizers and cleanups are other modules' code, which may wait for
 * anything; those of one cache hold up neither those of another nor whoever destroys it.
 */
#include "suite.h"

#include <linux/kernel.h>
#include <linux/mutex.h>
#include <linux/workqueue.h>

#include "profile_helpers.h"

#define OBJECT_SIZE	80

/* Two modules' caches. */
static struct kspan_cache *ours, *theirs;
static unsigned int ran;

static int wait_init(struct kunit *test)
{
	ran = 0;
	ours = kspan_cache_create("ours", OBJECT_SIZE, 0, 0, NULL);
	theirs = kspan_cache_create("theirs", OBJECT_SIZE, 0, 0, NULL);
	catch_reports();
	return ours && theirs ? 0 : -ENOMEM;
}

static void wait_exit(struct kunit *test)
{
	allocator_test_exit(test);
	kspan_flush_finalizers();
	kspan_cache_destroy(ours);
	kspan_cache_destroy(theirs);
}

static void *object_of(struct kunit *test, struct kspan_cache *cache)
{
	void *obj = kspan_cache_alloc(cache, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, obj);
	return obj;
}

static void count(void *obj, void *arg)
{
	WRITE_ONCE(ran, ran + 1);
}

static void count_cleanup(void *arg)
{
	count(NULL, NULL);
}

/* An object of ours whose free has everything that there is to wait for. */
static void free_with_all(struct kunit *test)
{
	void *obj = object_of(test, ours);
	struct kspan_weak *weak = kspan_weak_get(obj, GFP_KERNEL);

	KUNIT_ASSERT_FALSE(test, IS_ERR(weak));
	KUNIT_EXPECT_EQ(test, kspan_set_finalizer(obj, count, NULL, GFP_KERNEL), 0);
	KUNIT_EXPECT_EQ(test, kspan_add_cleanup(obj, count_cleanup, NULL, GFP_KERNEL), 0);
	kspan_free(obj);
	kspan_weak_put(weak);
}

static void destroy_ours(struct kunit *test)
{
	kspan_cache_destroy(ours);
	ours = NULL;
	KUNIT_EXPECT_EQ(test, caught.nr, 0U);
}

/* ------------------------------------------------------------------ each for its own */

static bool held_up, go_on, gave_up;

static void hold_up(void *arg)
{
	test_tell(&held_up);
	gave_up = !test_wait_for(&go_on);
}

static void callback_of_one_cache_holds_up_no_other(struct kunit *test)
{
	void *obj = object_of(test, theirs);

	held_up = false;
	go_on = false;
	gave_up = false;
	KUNIT_EXPECT_EQ(test, kspan_add_cleanup(obj, hold_up, NULL, GFP_KERNEL), 0);
	kspan_free(obj);
	KUNIT_EXPECT_TRUE(test, test_wait_for(&held_up));

	free_with_all(test);
	destroy_ours(test);
	KUNIT_EXPECT_EQ(test, READ_ONCE(ran), 2U);
	test_tell(&go_on);
	kspan_flush_finalizers();
	KUNIT_EXPECT_FALSE(test, gave_up);
}

static DEFINE_MUTEX(their_lock);

static void take_their_lock(void *arg)
{
	mutex_lock(&their_lock);
	mutex_unlock(&their_lock);
	count(NULL, NULL);
}

/* Says lockdep of each module's caches by themselves: what it sees here would be a deadlock. */
static void lock_of_others_may_be_held(struct kunit *test)
{
	void *obj = object_of(test, theirs);

	KUNIT_EXPECT_EQ(test, kspan_add_cleanup(obj, take_their_lock, NULL, GFP_KERNEL), 0);
	kspan_free(obj);
	kspan_flush_finalizers();
	free_with_all(test);
	mutex_lock(&their_lock);
	destroy_ours(test);
	mutex_unlock(&their_lock);
	KUNIT_EXPECT_EQ(test, READ_ONCE(ran), 3U);
}

/* Each frees the next, which waits for a grace period and a finalizer in turn. */
#define CHAIN	6

static void free_next(void *obj, void *arg)
{
	void **next = arg;

	count(NULL, NULL);
	if (*next)
		kspan_free_rcu(*next);
}

static void destroy_waits_for_a_chain_of_frees(struct kunit *test)
{
	void **objs = objs_new(test, CHAIN + 1);
	unsigned int i;

	for (i = 0; i < CHAIN; i++) {
		objs[i] = object_of(test, ours);
		KUNIT_EXPECT_EQ(test, kspan_set_finalizer(objs[i], free_next, &objs[i + 1],
							  GFP_KERNEL), 0);
	}
	kspan_free_rcu(objs[0]);
	destroy_ours(test);
	KUNIT_EXPECT_EQ(test, READ_ONCE(ran), (unsigned int)CHAIN);
}

static void destroy_other(void *arg)
{
	kspan_cache_destroy(arg);
	count(NULL, NULL);
}

static void callback_may_destroy_another_cache(struct kunit *test)
{
	void *obj = object_of(test, theirs);

	free_with_all(test);
	KUNIT_EXPECT_EQ(test, kspan_add_cleanup(obj, destroy_other, ours, GFP_KERNEL), 0);
	ours = NULL;
	kspan_free(obj);
	kspan_flush_finalizers();
	KUNIT_EXPECT_EQ(test, READ_ONCE(ran), 3U);
	KUNIT_EXPECT_EQ(test, caught.nr, 0U);
}

/* ------------------------------------------------------------------ memory reclaim */

/* The workqueues warn of work that reclaim may wait for and that waits for other work. */
static void expect_no_warning(struct kunit *test, bool warned_before)
{
	if (!warned_before)
		KUNIT_EXPECT_FALSE(test, test_taint(TAINT_WARN));
}

static void any_work_fn(struct work_struct *work)
{
	count(NULL, NULL);
}

static DECLARE_WORK(any_work, any_work_fn);

static void wait_for_any_work(void *arg)
{
	schedule_work(&any_work);
	flush_work(&any_work);
	count(NULL, NULL);
}

static void callback_may_wait_for_any_work(struct kunit *test)
{
	void *obj = object_of(test, ours);
	bool warned = test_taint(TAINT_WARN);

	KUNIT_EXPECT_EQ(test, kspan_add_cleanup(obj, wait_for_any_work, NULL, GFP_KERNEL), 0);
	kspan_free(obj);
	kspan_flush_finalizers();
	KUNIT_EXPECT_EQ(test, READ_ONCE(ran), 2U);
	expect_no_warning(test, warned);
}

static void use_and_destroy(struct work_struct *work)
{
	void *obj = kspan_cache_alloc(ours, GFP_KERNEL);

	kspan_free_rcu(obj);
	kspan_cache_shrink(ours);
	kspan_cache_destroy(ours);
	ours = NULL;
	count(NULL, NULL);
}

static DECLARE_WORK(use_and_destroy_work, use_and_destroy);

static void reclaim_may_shrink_and_destroy(struct kunit *test)
{
	struct workqueue_struct *wq = alloc_workqueue("kspan-reclaims", WQ_MEM_RECLAIM, 0);
	bool warned = test_taint(TAINT_WARN);

	KUNIT_ASSERT_NOT_NULL(test, wq);
	queue_work(wq, &use_and_destroy_work);
	flush_work(&use_and_destroy_work);
	destroy_workqueue(wq);
	KUNIT_EXPECT_EQ(test, READ_ONCE(ran), 1U);
	KUNIT_EXPECT_EQ(test, caught.nr, 0U);
	expect_no_warning(test, warned);
}

static struct kunit_case wait_cases[] = {
	KUNIT_CASE(callback_of_one_cache_holds_up_no_other),
	KUNIT_CASE(lock_of_others_may_be_held),
	KUNIT_CASE(destroy_waits_for_a_chain_of_frees),
	KUNIT_CASE(callback_may_destroy_another_cache),
	KUNIT_CASE(callback_may_wait_for_any_work),
	KUNIT_CASE(reclaim_may_shrink_and_destroy),
	{}
};

static struct kunit_suite wait_suite = {
	.name = "kspan_finalizer_wait",
	.init = wait_init,
	.exit = wait_exit,
	.test_cases = wait_cases,
};

kunit_test_suite(wait_suite);
