// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of finalizers and cleanups: when they run, in what context, what they see, and what of
 * the object is left when they do.
 */
#include <linux/delay.h>

#include "suite.h"

#include "heap/pcpu.h"
#include "special/special.h"
#include "kept_cache.h"

static int finalizer_init(struct kunit *test)
{
	return kept_cache_begin(test, "finalizer");
}

/* What a finalizer or cleanup saw when it ran. */
struct seen {
	unsigned int runs;
	void *obj;		/* the finalizer's; for a cleanup the test sets it */
	bool process, owned, intact;
	unsigned int order;	/* among all that ran in this test */
};

static unsigned int ran;

static void look(struct seen *seen)
{
	WRITE_ONCE(seen->runs, seen->runs + 1);
	seen->process = in_task() && !irqs_disabled() && preemptible();
	seen->owned = kspan_owns(seen->obj);
	seen->intact = filled_with(seen->obj, CONTENT, OBJECT_SIZE);
	seen->order = ran++;
	might_sleep();
}

static void finalize(void *obj, void *arg)
{
	struct seen *seen = arg;

	seen->obj = obj;
	look(seen);
}

static void clean_up(void *arg)
{
	look(arg);
}

/* ------------------------------------------------------------------ finalizers */

static void finalizer_runs_once_with_its_object_intact(struct kunit *test)
{
	void *obj = new_object(test);
	struct seen seen = {};

	KUNIT_EXPECT_EQ(test, kspan_set_finalizer(obj, finalize, &seen, GFP_KERNEL), 0);
	KUNIT_EXPECT_EQ(test, seen.runs, 0U);
	kspan_cache_free(cache, obj);
	kspan_flush_finalizers();
	KUNIT_EXPECT_EQ(test, seen.runs, 1U);
	KUNIT_EXPECT_PTR_EQ(test, seen.obj, obj);
	KUNIT_EXPECT_TRUE(test, seen.owned);
	KUNIT_EXPECT_TRUE(test, seen.intact);

	/* And then the object is freed. */
	KUNIT_EXPECT_FALSE(test, kspan_owns(obj));
	KUNIT_EXPECT_EQ(test, test_count_rows(test, "finalizer", NULL).inuse_objects, 0ULL);
	kspan_flush_finalizers();
	KUNIT_EXPECT_EQ(test, seen.runs, 1U);
}

static void free_object(void *obj)
{
	kspan_free(obj);
}

/* Whoever looks only once for what is to be waited for finds that this one has not ended. */
static void finalize_slowly(void *obj, void *arg)
{
	msleep(100);
	finalize(obj, arg);
}

/* Has a finalizer, a cleanup and a weak handle put on an object that is freed then with @free. */
static void expect_flush_waits(struct kunit *test, void (*free)(void *obj))
{
	void *obj = new_object(test);
	struct seen finalizer = {}, cleanup = { .obj = obj };
	struct kspan_weak *weak = kspan_weak_get(obj, GFP_KERNEL);

	KUNIT_ASSERT_FALSE(test, IS_ERR(weak));
	KUNIT_EXPECT_EQ(test, kspan_set_finalizer(obj, finalize_slowly, &finalizer,
						  GFP_KERNEL), 0);
	KUNIT_EXPECT_EQ(test, kspan_add_cleanup(obj, clean_up, &cleanup, GFP_KERNEL), 0);
	free(obj);
	kspan_flush_finalizers();
	KUNIT_EXPECT_EQ(test, finalizer.runs, 1U);
	KUNIT_EXPECT_EQ(test, cleanup.runs, 1U);
	kspan_weak_put(weak);
	test_settle();
}

/* A module's functions go away after it: whatever a free had to wait for is waited for. */
static void flush_waits_for_grace_periods(struct kunit *test)
{
	expect_flush_waits(test, kspan_free_rcu);
	/* The handle makes the object stay for a grace period after its finalizer. */
	expect_flush_waits(test, free_object);
}

KUNIT_ARRAY_PARAM(context, test_contexts, test_context_desc);

static void both_run_in_process_context_wherever_the_free_was(struct kunit *test)
{
	const struct test_context *c = test->param_value;
	void *obj = new_object(test);
	struct seen finalizer = {}, cleanup = { .obj = obj };

	KUNIT_EXPECT_EQ(test, kspan_set_finalizer(obj, finalize, &finalizer, GFP_KERNEL), 0);
	KUNIT_EXPECT_EQ(test, kspan_add_cleanup(obj, clean_up, &cleanup, GFP_KERNEL), 0);
	c->call(free_object, obj);
	kspan_flush_finalizers();
	KUNIT_EXPECT_EQ(test, finalizer.runs, 1U);
	KUNIT_EXPECT_TRUE(test, finalizer.process);
	KUNIT_EXPECT_EQ(test, cleanup.runs, 1U);
	KUNIT_EXPECT_TRUE(test, cleanup.process);
}

/* Holds the worker up, so that the test can look at what is queued behind it. */
static bool held_up, go_on;

static void hold_up(void *arg)
{
	test_tell(&held_up);
	test_wait_for(&go_on);
}

static void hold_worker(struct kunit *test)
{
	void *obj = new_object(test);

	held_up = false;
	go_on = false;
	KUNIT_EXPECT_EQ(test, kspan_add_cleanup(obj, hold_up, NULL, GFP_KERNEL), 0);
	kspan_cache_free(cache, obj);
	KUNIT_EXPECT_TRUE(test, test_wait_for(&held_up));
}

static void object_that_waits_for_its_finalizer_is_freed_once(struct kunit *test)
{
	void *obj = new_object(test);
	struct seen seen = {};

	KUNIT_EXPECT_EQ(test, kspan_set_finalizer(obj, finalize, &seen, GFP_KERNEL), 0);
	hold_worker(test);
	kspan_cache_free(cache, obj);
	KUNIT_EXPECT_TRUE(test, kspan_owns(obj));
	KUNIT_EXPECT_TRUE(test, filled_with(obj, CONTENT, OBJECT_SIZE));
	KUNIT_EXPECT_EQ(test, test_count_rows(test, "finalizer", NULL).inuse_objects, 1ULL);

	catch_reports();
	kspan_cache_free(cache, obj);
	expect_report(test, KSPAN_DOUBLE_FREES, obj, "double free");
	/* Nor is anything hung on it any more. */
	KUNIT_EXPECT_EQ(test, kspan_add_cleanup(obj, clean_up, &seen, GFP_KERNEL), -EINVAL);
	KUNIT_EXPECT_EQ(test, kspan_set_finalizer(obj, finalize, &seen, GFP_KERNEL), -EINVAL);
	KUNIT_EXPECT_FALSE(test, kspan_clear_finalizer(obj));
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(kspan_weak_get(obj, GFP_KERNEL)), -EINVAL);

	test_tell(&go_on);
	kspan_flush_finalizers();
	KUNIT_EXPECT_EQ(test, seen.runs, 1U);
	KUNIT_EXPECT_FALSE(test, kspan_owns(obj));
}

static void free_in_finalizer(void *obj, void *arg)
{
	finalize(obj, arg);
	kspan_free(obj);
}

static void finalizer_that_frees_its_object_frees_twice(struct kunit *test)
{
	void *obj = new_object(test);
	struct seen seen = {};

	KUNIT_EXPECT_EQ(test, kspan_set_finalizer(obj, free_in_finalizer, &seen, GFP_KERNEL), 0);
	catch_reports();
	kspan_cache_free(cache, obj);
	kspan_flush_finalizers();
	expect_report(test, KSPAN_DOUBLE_FREES, obj, "double free");
	KUNIT_EXPECT_EQ(test, seen.runs, 1U);
	KUNIT_EXPECT_FALSE(test, kspan_owns(obj));
}

static void second_finalizer_is_refused(struct kunit *test)
{
	void *obj = new_object(test);
	struct seen first = {}, second = {};

	KUNIT_EXPECT_EQ(test, kspan_set_finalizer(obj, finalize, &first, GFP_KERNEL), 0);
	KUNIT_EXPECT_EQ(test, kspan_set_finalizer(obj, finalize, &second, GFP_KERNEL), -EEXIST);
	kspan_cache_free(cache, obj);
	kspan_flush_finalizers();
	KUNIT_EXPECT_EQ(test, first.runs, 1U);
	KUNIT_EXPECT_EQ(test, second.runs, 0U);
}

static void cleared_finalizer_does_not_run(struct kunit *test)
{
	void *obj = new_object(test);
	struct seen seen = {};

	KUNIT_EXPECT_FALSE(test, kspan_clear_finalizer(obj));
	KUNIT_EXPECT_EQ(test, kspan_set_finalizer(obj, finalize, &seen, GFP_KERNEL), 0);
	KUNIT_EXPECT_TRUE(test, kspan_clear_finalizer(obj));
	KUNIT_EXPECT_FALSE(test, kspan_clear_finalizer(obj));
	kspan_cache_free(cache, obj);
	KUNIT_EXPECT_FALSE(test, kspan_owns(obj));
	kspan_flush_finalizers();
	KUNIT_EXPECT_EQ(test, seen.runs, 0U);
}

static void finalizer_is_set_again_after_it_was_cleared(struct kunit *test)
{
	void *obj = new_object(test);
	struct seen first = {}, second = {};

	KUNIT_EXPECT_EQ(test, kspan_set_finalizer(obj, finalize, &first, GFP_KERNEL), 0);
	KUNIT_EXPECT_TRUE(test, kspan_clear_finalizer(obj));
	KUNIT_EXPECT_EQ(test, kspan_set_finalizer(obj, finalize, &second, GFP_KERNEL), 0);
	kspan_cache_free(cache, obj);
	kspan_flush_finalizers();
	KUNIT_EXPECT_EQ(test, first.runs, 0U);
	KUNIT_EXPECT_EQ(test, second.runs, 1U);
}

static void next_owner_of_the_memory_inherits_no_finalizer(struct kunit *test)
{
	void *obj = new_object(test), *again;
	struct seen seen = {};
	int i;

	KUNIT_EXPECT_EQ(test, kspan_set_finalizer(obj, finalize, &seen, GFP_KERNEL), 0);
	kspan_cache_free(cache, obj);
	kspan_flush_finalizers();
	for (i = 0; i < 2; i++) {
		again = new_object(test);
		KUNIT_EXPECT_EQ(test, kspan_set_finalizer(again, finalize, &seen, GFP_KERNEL), 0);
		KUNIT_EXPECT_TRUE(test, kspan_clear_finalizer(again));
		kspan_cache_free(cache, again);
	}
	kspan_flush_finalizers();
	KUNIT_EXPECT_EQ(test, seen.runs, 1U);
}

/* ------------------------------------------------------------------ cleanups */

#define CLEANUPS	20

static void cleanups_run_in_order_after_the_object_is_gone(struct kunit *test)
{
	void *obj = new_object(test);
	struct seen seen[CLEANUPS] = {}, finalizer = {};
	unsigned int i;

	ran = 0;
	for (i = 0; i < CLEANUPS; i++) {
		seen[i].obj = obj;
		KUNIT_EXPECT_EQ(test, kspan_add_cleanup(obj, clean_up, &seen[i], GFP_KERNEL), 0);
	}
	KUNIT_EXPECT_EQ(test, kspan_set_finalizer(obj, finalize, &finalizer, GFP_KERNEL), 0);
	kspan_cache_free(cache, obj);
	kspan_flush_finalizers();
	KUNIT_EXPECT_EQ(test, finalizer.order, 0U);
	for (i = 0; i < CLEANUPS; i++) {
		KUNIT_EXPECT_EQ(test, seen[i].runs, 1U);
		KUNIT_EXPECT_EQ(test, seen[i].order, i + 1);
		KUNIT_EXPECT_FALSE(test, seen[i].owned);
		KUNIT_EXPECT_FALSE(test, seen[i].intact);
	}
}

/* A free is held up where its slot goes back, to an array that is full. */
static struct {
	const struct seen *seen;
	bool held, early;
} slot_goes_back;

static bool hold_slot(enum kspan_test_point point)
{
	u64 end = ktime_get_ns() + 100 * NSEC_PER_MSEC;

	if (point != KSPAN_FAIL_MAGAZINE || !in_task() || current != failing.task)
		return false;
	slot_goes_back.held = true;
	while (!slot_goes_back.early && ktime_get_ns() < end) {
		usleep_range(500, 1000);
		slot_goes_back.early = READ_ONCE(slot_goes_back.seen->runs);
	}
	return false;
}

static void cleanup_does_not_run_before_the_slot_is_back(struct kunit *test)
{
	struct kspan_cache *full = kspan_cache_create("finalizer_full", 1024, 0, 0, NULL);
	struct seen seen = {};
	unsigned int cap, i;
	void **objs;

	KUNIT_ASSERT_NOT_NULL(test, full);
	cap = full->pcpu_limit / KSPAN_SLOT;
	objs = objs_new(test, cap + 1);
	set_cpus_allowed_ptr(current, cpumask_of(cpumask_first(cpu_online_mask)));
	for (i = 0; i <= cap; i++) {
		objs[i] = kspan_cache_alloc(full, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, objs[i]);
	}
	seen.obj = objs[cap];
	KUNIT_EXPECT_EQ(test, kspan_add_cleanup(objs[cap], clean_up, &seen, GFP_KERNEL), 0);
	/* There are still objects of the refill in the array: some come to lie in a magazine. */
	memset(&slot_goes_back, 0, sizeof(slot_goes_back));
	slot_goes_back.seen = &seen;
	for (i = 0; i < cap && kspan_pcpu_cached(full) < cap; i++)
		kspan_cache_free(full, objs[i]);
	failing.task = current;
	kspan_set_test_hook(hold_slot);
	kspan_cache_free(full, objs[cap]);
	fail_nothing();
	set_cpus_allowed_ptr(current, cpu_possible_mask);
	KUNIT_EXPECT_TRUE(test, slot_goes_back.held);
	KUNIT_EXPECT_FALSE(test, slot_goes_back.early);
	for (; i < cap; i++)
		kspan_cache_free(full, objs[i]);
	kspan_flush_finalizers();
	KUNIT_EXPECT_EQ(test, seen.runs, 1U);
	KUNIT_EXPECT_FALSE(test, seen.owned);
	kspan_cache_destroy(full);
}

static void objects_are_finalized_in_the_order_of_their_frees(struct kunit *test)
{
	struct seen seen[CLEANUPS] = {};
	void *objs[CLEANUPS];
	unsigned int i;

	ran = 0;
	for (i = 0; i < CLEANUPS; i++) {
		void *obj = new_object(test);

		KUNIT_EXPECT_EQ(test, kspan_set_finalizer(obj, finalize, &seen[i], GFP_KERNEL), 0);
		objs[i] = obj;
	}
	hold_worker(test);
	for (i = 0; i < CLEANUPS; i++)
		kspan_cache_free(cache, objs[CLEANUPS - 1 - i]);
	test_tell(&go_on);
	kspan_flush_finalizers();
	for (i = 0; i < CLEANUPS; i++)
		KUNIT_EXPECT_EQ(test, seen[i].order, CLEANUPS - 1 - i);
}

static void both_run_after_a_grace_period(struct kunit *test)
{
	void *obj = new_object(test);
	struct seen finalizer = {}, cleanup = { .obj = obj };

	KUNIT_EXPECT_EQ(test, kspan_set_finalizer(obj, finalize, &finalizer, GFP_KERNEL), 0);
	KUNIT_EXPECT_EQ(test, kspan_add_cleanup(obj, clean_up, &cleanup, GFP_KERNEL), 0);
	rcu_read_lock();
	kspan_free_rcu(obj);
	mdelay(1);
	KUNIT_EXPECT_EQ(test, READ_ONCE(finalizer.runs), 0U);
	KUNIT_EXPECT_TRUE(test, filled_with(obj, CONTENT, OBJECT_SIZE));
	rcu_read_unlock();
	test_settle();
	KUNIT_EXPECT_EQ(test, finalizer.runs, 1U);
	KUNIT_EXPECT_TRUE(test, finalizer.intact);
	KUNIT_EXPECT_EQ(test, cleanup.runs, 1U);
	KUNIT_EXPECT_FALSE(test, cleanup.owned);
}

static void destroying_the_cache_waits_for_both(struct kunit *test)
{
	void *obj = new_object(test);
	struct seen finalizer = {};

	KUNIT_EXPECT_EQ(test, kspan_set_finalizer(obj, finalize, &finalizer, GFP_KERNEL), 0);
	KUNIT_EXPECT_EQ(test, kspan_add_cleanup(obj, hold_up, NULL, GFP_KERNEL), 0);
	held_up = false;
	go_on = true;
	kspan_free(keeper);
	catch_reports();
	kspan_free_rcu(obj);
	kspan_cache_destroy(cache);
	cache = NULL;
	KUNIT_EXPECT_EQ(test, caught.nr, 0U);
	KUNIT_EXPECT_EQ(test, finalizer.runs, 1U);
	kspan_flush_finalizers();
	KUNIT_EXPECT_TRUE(test, held_up);
}

/* ------------------------------------------------------------------ misuse and failure */

static void no_memory_hangs_nothing_on_the_object(struct kunit *test)
{
	unsigned long before;
	void *obj = new_object(test);
	struct seen seen = {};

	before = kspan_special_count();
	fail_all(KSPAN_FAIL_SPECIAL);
	KUNIT_EXPECT_EQ(test, kspan_set_finalizer(obj, finalize, &seen, GFP_KERNEL), -ENOMEM);
	KUNIT_EXPECT_EQ(test, kspan_add_cleanup(obj, clean_up, &seen, GFP_KERNEL), -ENOMEM);
	fail_nothing();
	KUNIT_EXPECT_EQ(test, kspan_special_count(), before);
	kspan_cache_free(cache, obj);
	kspan_flush_finalizers();
	KUNIT_EXPECT_EQ(test, seen.runs, 0U);
}

static int somewhere;

/* The object that the record is for goes while that is made: it is left on nothing. */
static void *going;

static bool free_meanwhile(enum kspan_test_point point)
{
	if (point == KSPAN_FAIL_SPECIAL && in_task() && current == failing.task) {
		kspan_set_test_hook(NULL);
		kspan_free(going);
	}
	return false;
}

static void *about_to_go(struct kunit *test)
{
	going = new_object(test);
	failing.task = current;
	kspan_set_test_hook(free_meanwhile);
	return going;
}

static void record_of_an_object_that_goes_is_gone(struct kunit *test)
{
	unsigned long specials = kspan_special_count();
	struct seen seen = {};

	KUNIT_EXPECT_EQ(test, kspan_set_finalizer(about_to_go(test), finalize, &seen, GFP_KERNEL),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, kspan_special_count(), specials);
	KUNIT_EXPECT_EQ(test, kspan_add_cleanup(about_to_go(test), clean_up, &seen, GFP_KERNEL),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, kspan_special_count(), specials);
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(kspan_weak_get(about_to_go(test), GFP_KERNEL)),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, kspan_special_count(), specials);
	kspan_flush_finalizers();
	KUNIT_EXPECT_EQ(test, seen.runs, 0U);
}

static void not_an_object_is_refused(struct kunit *test)
{
	void *obj = new_object(test), *freed = new_object(test);
	void *const bad[] = { NULL, ZERO_SIZE_PTR, &somewhere, obj + 8, freed };
	unsigned long before;
	struct seen seen = {};
	unsigned int i;

	kspan_cache_free(cache, freed);
	before = kspan_special_count();
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		KUNIT_EXPECT_EQ_MSG(test, kspan_set_finalizer(bad[i], finalize, &seen, GFP_KERNEL),
				    -EINVAL, "address %u", i);
		KUNIT_EXPECT_EQ_MSG(test, kspan_add_cleanup(bad[i], clean_up, &seen, GFP_KERNEL),
				    -EINVAL, "address %u", i);
		KUNIT_EXPECT_FALSE(test, kspan_clear_finalizer(bad[i]));
	}
	KUNIT_EXPECT_EQ(test, kspan_set_finalizer(obj, NULL, &seen, GFP_KERNEL), -EINVAL);
	KUNIT_EXPECT_EQ(test, kspan_add_cleanup(obj, NULL, &seen, GFP_KERNEL), -EINVAL);
	KUNIT_EXPECT_EQ(test, kspan_special_count(), before);
	kspan_cache_free(cache, obj);
}

/* ------------------------------------------------------------------ from within */

/* Frees and makes objects with finalizers and cleanups of their own, and flushes. */
static void busy_finalizer(void *obj, void *arg)
{
	void *other = kspan_cache_alloc(cache, GFP_KERNEL);

	if (other && !kspan_set_finalizer(other, finalize, arg, GFP_KERNEL)) {
		fill(other, CONTENT, OBJECT_SIZE);
		kspan_cache_free(cache, other);
	}
	kspan_flush_finalizers();
}

static void busy_cleanup(void *arg)
{
	busy_finalizer(NULL, arg);
}

static void callback_may_free_and_flush(struct kunit *test)
{
	void *obj = new_object(test);
	struct seen seen = {};

	KUNIT_EXPECT_EQ(test, kspan_set_finalizer(obj, busy_finalizer, &seen, GFP_KERNEL), 0);
	KUNIT_EXPECT_EQ(test, kspan_add_cleanup(obj, busy_cleanup, &seen, GFP_KERNEL), 0);
	kspan_cache_free(cache, obj);
	test_settle();
	KUNIT_EXPECT_EQ(test, seen.runs, 2U);
	KUNIT_EXPECT_TRUE(test, seen.intact);
}

static void finalizers_and_cleanups_are_counted(struct kunit *test)
{
	unsigned long finalizers = kspan_counter_sum(KSPAN_FINALIZERS_RUN);
	unsigned long cleanups = kspan_counter_sum(KSPAN_CLEANUPS_RUN);
	void *obj = new_object(test);
	struct seen seen = { .obj = obj };

	KUNIT_EXPECT_EQ(test, kspan_set_finalizer(obj, finalize, &seen, GFP_KERNEL), 0);
	KUNIT_EXPECT_EQ(test, kspan_add_cleanup(obj, clean_up, &seen, GFP_KERNEL), 0);
	KUNIT_EXPECT_EQ(test, kspan_add_cleanup(obj, clean_up, &seen, GFP_KERNEL), 0);
	kspan_cache_free(cache, obj);
	kspan_flush_finalizers();
	KUNIT_EXPECT_EQ(test, kspan_counter_sum(KSPAN_FINALIZERS_RUN), finalizers + 1);
	KUNIT_EXPECT_EQ(test, kspan_counter_sum(KSPAN_CLEANUPS_RUN), cleanups + 2);
}

static struct kunit_case finalizer_cases[] = {
	KUNIT_CASE(finalizer_runs_once_with_its_object_intact),
	KUNIT_CASE_PARAM(both_run_in_process_context_wherever_the_free_was, context_gen_params),
	KUNIT_CASE(object_that_waits_for_its_finalizer_is_freed_once),
	KUNIT_CASE(finalizer_that_frees_its_object_frees_twice),
	KUNIT_CASE(second_finalizer_is_refused),
	KUNIT_CASE(cleared_finalizer_does_not_run),
	KUNIT_CASE(finalizer_is_set_again_after_it_was_cleared),
	KUNIT_CASE(next_owner_of_the_memory_inherits_no_finalizer),
	KUNIT_CASE(cleanups_run_in_order_after_the_object_is_gone),
	KUNIT_CASE(cleanup_does_not_run_before_the_slot_is_back),
	KUNIT_CASE(objects_are_finalized_in_the_order_of_their_frees),
	KUNIT_CASE(both_run_after_a_grace_period),
	KUNIT_CASE(destroying_the_cache_waits_for_both),
	KUNIT_CASE(no_memory_hangs_nothing_on_the_object),
	KUNIT_CASE(record_of_an_object_that_goes_is_gone),
	KUNIT_CASE(not_an_object_is_refused),
	KUNIT_CASE(callback_may_free_and_flush),
	KUNIT_CASE(flush_waits_for_grace_periods),
	KUNIT_CASE(finalizers_and_cleanups_are_counted),
	{}
};

static struct kunit_suite finalizer_suite = {
	.name = "kspan_finalizer",
	.init = finalizer_init,
	.exit = kept_cache_end,
	.test_cases = finalizer_cases,
};

kunit_test_suite(finalizer_suite);
