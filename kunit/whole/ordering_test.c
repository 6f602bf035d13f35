// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of the ordering rule in mm/tracing.c: tracing never runs under a span's lock. They are
 * about the deadlock that the Go runtime had in 2014, and about each of its halves by itself:
 * that no lock is held where a profile special is released and where one is attached, and that
 * whoever is in the middle of one of these steps keeps nobody else from anything. The last test
 * is the situation of 2014 itself.
 *
 * kunit/mutants/ has both halves as patches; scripts/mutate shows these tests failing
 * with them. A test that would hang ends at a limit and says "hung", but for the last one with
 * both halves: its threads then hang for ever.
 */
#include "suite.h"

#include <linux/debug_locks.h>
#include <linux/lockdep.h>
#include <linux/slab.h>

#include "profile_helpers.h"

#define OBJECT_SIZE	64

/*
 * Red zones keep objects out of the CPUs' arrays, so that a few of them come from one span,
 * whatever CPU allocates.
 */
static struct kspan_cache *cache;
static bool leave_everything;	/* threads hang, and hold what would have to be freed */

static int ordering_init(struct kunit *test)
{
	if (leave_everything)
		return -EBUSY;
	cache = kspan_cache_create("ordering", OBJECT_SIZE, 0, KSPAN_RED_ZONE, NULL);
	if (!cache)
		return -ENOMEM;
	return test_begin(test);
}

static void ordering_exit(struct kunit *test)
{
	if (leave_everything)
		return;
	test_end(test);
	if (cache)
		kspan_cache_destroy(cache);
	cache = NULL;
}

static void no_cleanup(void *arg)
{
}

static void no_finalizer(void *obj, void *arg)
{
}

static void put_weak(void *obj)
{
	struct kspan_weak *weak = kspan_weak_get(obj, GFP_KERNEL);

	if (!IS_ERR(weak))
		kspan_weak_put(weak);
}

/* ------------------------------------------------------------------ no lock is held */

static struct {
	struct task_struct *task;	/* who runs the test */
	enum kspan_test_point point;
	unsigned int passed;		/* how often the point was passed */
	bool interrupts_off, preemption_off, lock_held;
} look;

/* All spinlocks of kspan's mask interrupts, and no caller in these tests does. */
static bool look_around(enum kspan_test_point point)
{
	if (point != look.point)
		return false;
	look.passed++;
	look.interrupts_off |= irqs_disabled();
	look.preemption_off |= IS_ENABLED(CONFIG_PREEMPT_COUNT) && preempt_count();
	/* A worker holds the annotations of its queue. */
	look.lock_held |= current == look.task && lockdep_depth(current);
	return false;
}

static void look_at(enum kspan_test_point point)
{
	memset(&look, 0, sizeof(look));
	look.task = current;
	look.point = point;
	kspan_set_test_hook(look_around);
}

static void expect_nothing_held(struct kunit *test)
{
	kspan_set_test_hook(NULL);
	KUNIT_EXPECT_EQ(test, look.passed, 1U);
	KUNIT_EXPECT_FALSE(test, look.interrupts_off);
	KUNIT_EXPECT_FALSE(test, look.preemption_off);
	KUNIT_EXPECT_FALSE(test, look.lock_held);
}

static void free_plain(void *obj)
{
	kspan_cache_free(cache, obj);
}

static void free_bulk(void *obj)
{
	kspan_cache_free_bulk(cache, 1, &obj);
}

static void free_rcu(void *obj)
{
	kspan_free_rcu(obj);
}

static void free_with_cleanup(void *obj)
{
	kspan_add_cleanup(obj, no_cleanup, NULL, GFP_KERNEL);
	kspan_free(obj);
}

static void free_with_finalizer(void *obj)
{
	kspan_set_finalizer(obj, no_finalizer, NULL, GFP_KERNEL);
	kspan_free(obj);
}

static void free_with_weak(void *obj)
{
	put_weak(obj);
	kspan_free(obj);
}

static const struct free_case {
	const char *desc;
	void (*free)(void *obj);
} free_cases[] = {
	{ "freed", free_plain },
	{ "freed in bulk", free_bulk },
	{ "freed after a grace period", free_rcu },
	{ "freed with a cleanup", free_with_cleanup },
	{ "freed with a finalizer", free_with_finalizer },
	{ "freed with a weak handle", free_with_weak },
};

static void free_desc(const struct free_case *c, char *desc)
{
	strscpy(desc, c->desc, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(free, free_cases, free_desc);

static void no_lock_is_held_where_a_profile_is_released(struct kunit *test)
{
	const struct free_case *c = test->param_value;
	void *obj = kspan_cache_alloc(cache, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, obj);
	look_at(KSPAN_AT_RELEASE);
	c->free(obj);
	test_settle();
	expect_nothing_held(test);
}

static void no_lock_is_held_where_a_profile_is_attached(struct kunit *test)
{
	void *obj;

	look_at(KSPAN_AT_ATTACH);
	obj = kspan_cache_alloc(cache, GFP_KERNEL);
	expect_nothing_held(test);
	kspan_free(obj);
}

/* ------------------------------------------------------------------ nobody has to wait */

/* One thread stands at a point, and another does something meanwhile. */
static struct stand {
	enum kspan_test_point point;
	struct task_struct *task;	/* who stands, once */
	void (*meanwhile)(void *obj);
	void *obj;			/* in the same span as what is freed or allocated */
	bool inside, done, hung;
} stand;

static bool stand_and_wait(enum kspan_test_point point)
{
	if (point != stand.point || current != stand.task)
		return false;
	stand.task = NULL;
	test_tell(&stand.inside);
	stand.hung = !test_wait_for(&stand.done);
	return false;
}

static void do_meanwhile(void *arg)
{
	if (test_wait_for(&stand.inside))
		stand.meanwhile(stand.obj);
	test_tell(&stand.done);
}

static void add_cleanup(void *obj)
{
	kspan_add_cleanup(obj, no_cleanup, NULL, GFP_KERNEL);
}

static void set_finalizer(void *obj)
{
	kspan_set_finalizer(obj, no_finalizer, NULL, GFP_KERNEL);
}

static void free_sampled(void *obj)
{
	kspan_free(obj);
	stand.obj = NULL;
}

static void alloc_sampled(void *obj)
{
	kspan_cache_free(cache, kspan_cache_alloc(cache, GFP_KERNEL));
}

static void take_snapshot(void *obj)
{
	struct kspan_snapshot *snap = kspan_snapshot_take(HEAP);

	if (!IS_ERR(snap))
		kspan_snapshot_free(snap);
}

static void reset_profile(void *obj)
{
	kspan_profile_reset(HEAP);
}

static const struct meanwhile_case {
	const char *desc;
	void (*meanwhile)(void *obj);
} meanwhile_cases[] = {
	{ "a cleanup is added", add_cleanup },		/* the span's lock */
	{ "a finalizer is set", set_finalizer },
	{ "a weak handle is made", put_weak },
	{ "an object is sampled", alloc_sampled },	/* both */
	{ "a sampled object is freed", free_sampled },
	{ "a snapshot is taken", take_snapshot },	/* the table's lock */
	{ "the profile is reset", reset_profile },
};

static void meanwhile_desc(const struct meanwhile_case *c, char *desc)
{
	strscpy(desc, c->desc, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(meanwhile, meanwhile_cases, meanwhile_desc);

static void one_stands(struct kunit *test, enum kspan_test_point point)
{
	const struct meanwhile_case *c = test->param_value;
	struct test_thread other = {};
	void *mine;

	if (num_online_cpus() < 2)
		kunit_skip(test, "needs two CPUs");
	memset(&stand, 0, sizeof(stand));
	/* On one CPU, so that both objects are of one span whatever the nodes. */
	set_cpus_allowed_ptr(current, cpumask_of(cpumask_first(cpu_online_mask)));
	mine = kspan_cache_alloc(cache, GFP_KERNEL);
	stand.obj = kspan_cache_alloc(cache, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, mine);
	KUNIT_ASSERT_NOT_NULL(test, stand.obj);
	KUNIT_ASSERT_EQ(test, (unsigned long)mine & PAGE_MASK,
			(unsigned long)stand.obj & PAGE_MASK);
	stand.point = point;
	stand.meanwhile = c->meanwhile;
	KUNIT_ASSERT_TRUE(test, test_thread_start(&other, 0, do_meanwhile, NULL));

	/* The thread is on another CPU: it may not get this one while it is stood on. */
	stand.task = current;
	kspan_set_test_hook(stand_and_wait);
	if (point == KSPAN_AT_RELEASE)
		kspan_cache_free(cache, mine);
	else
		kspan_cache_free(cache, kspan_cache_alloc(cache, GFP_KERNEL));
	test_thread_join(&other);
	kspan_set_test_hook(NULL);
	set_cpus_allowed_ptr(current, cpu_possible_mask);

	KUNIT_EXPECT_TRUE_MSG(test, stand.inside, "nobody came to the point");
	KUNIT_EXPECT_FALSE_MSG(test, stand.hung, "hung while %s", c->desc);
	if (point != KSPAN_AT_RELEASE)
		kspan_cache_free(cache, mine);
	if (stand.obj)
		kspan_cache_free(cache, stand.obj);
}

static void nobody_waits_for_a_profile_that_is_released(struct kunit *test)
{
	one_stands(test, KSPAN_AT_RELEASE);
}

static void nobody_waits_for_a_profile_that_is_attached(struct kunit *test)
{
	one_stands(test, KSPAN_AT_ATTACH);
}

/* ------------------------------------------------------------------ as it was in 2014 */

#define ROUNDS		50

/*
 * In each round one thread is about to attach a record to an object, and another one to release
 * that of a neighbour in the same span. Neither goes on before the other has got there, so that
 * with a lock held by each, of which the other has need, nobody ever goes on.
 */
static struct {
	void *victim;			/* from the one who allocates to the one who frees */
	struct task_struct *task[2];	/* who allocates, who frees; NULL: may pass */
	bool at_attach, at_release;
	unsigned int allocated, freed, met;
	struct test_thread threads[2];
} run;

static bool meet(enum kspan_test_point point)
{
	bool *mine = point == KSPAN_AT_ATTACH ? &run.at_attach : &run.at_release;
	bool *others = point == KSPAN_AT_ATTACH ? &run.at_release : &run.at_attach;
	struct task_struct **task = &run.task[point == KSPAN_AT_RELEASE];

	if ((point != KSPAN_AT_ATTACH && point != KSPAN_AT_RELEASE) || current != *task)
		return false;
	*task = NULL;
	test_tell(mine);
	if (test_wait_for(others) && point == KSPAN_AT_ATTACH)
		run.met++;
	return false;
}

/* Takes turns: a round begins with nobody at a point, and ends with both objects freed. */
static void allocate_all(void *arg)
{
	void *obj;

	while (run.allocated < ROUNDS) {
		WRITE_ONCE(run.at_attach, false);
		WRITE_ONCE(run.at_release, false);
		obj = kspan_cache_alloc(cache, GFP_KERNEL);
		run.task[0] = current;
		/* Pairs with the acquire in free_all(). */
		smp_store_release(&run.victim, obj);
		obj = kspan_cache_alloc(cache, GFP_KERNEL);
		WRITE_ONCE(run.allocated, run.allocated + 1);
		/* Pairs with the release in free_all(). */
		while (smp_load_acquire(&run.victim)) {
			cpu_relax();
			cond_resched();
		}
		kspan_cache_free(cache, obj);
	}
}

static void free_all(void *arg)
{
	while (run.freed < ROUNDS) {
		/* Pairs with the release in allocate_all(). */
		void *obj = smp_load_acquire(&run.victim);

		if (!obj) {
			cpu_relax();
			cond_resched();
			continue;
		}
		run.task[1] = current;
		kspan_cache_free(cache, obj);
		WRITE_ONCE(run.freed, run.freed + 1);
		/* Pairs with the acquire in allocate_all(). */
		smp_store_release(&run.victim, NULL);
	}
}

/* Waits for a thread that may hang; false if it makes no progress in so many turns. */
static bool ends(struct test_thread *thread)
{
	unsigned int before, turns;

	do {
		before = READ_ONCE(run.freed);
		for (turns = 0; turns < TEST_LIMIT_TURNS / 10; turns++) {
			if (wait_for_completion_timeout(&thread->done, 1)) {
				complete(&thread->done);
				return true;
			}
		}
	} while (READ_ONCE(run.freed) != before);
	return false;
}

static void one_frees_and_one_allocates_in_the_same_span(struct kunit *test)
{
	int i;

	if (num_online_cpus() < 2)
		kunit_skip(test, "needs two CPUs");
	memset(&run, 0, sizeof(run));
	/* Away from those who may hang with interrupts off, where there are CPUs enough. */
	set_cpus_allowed_ptr(current, cpumask_of(cpumask_first(cpu_online_mask)));
	kspan_set_test_hook(meet);
	if (test_thread_start(&run.threads[0], 0, allocate_all, NULL))
		test_thread_start(&run.threads[1], 1, free_all, NULL);
	for (i = 0; i < 2; i++) {
		if (run.threads[i].task && !ends(&run.threads[i])) {
			leave_everything = true;
			KUNIT_FAIL(test, "hung after %u allocations and %u frees", run.allocated,
				   run.freed);
			return;
		}
	}
	for (i = 0; i < 2; i++)
		test_thread_join(&run.threads[i]);
	set_cpus_allowed_ptr(current, cpu_possible_mask);
	kspan_set_test_hook(NULL);
	KUNIT_EXPECT_EQ(test, run.freed, (unsigned int)ROUNDS);
	KUNIT_EXPECT_EQ_MSG(test, run.met, (unsigned int)ROUNDS, "they did not meet");
	KUNIT_EXPECT_EQ(test, test_count_rows(test, "ordering", NULL).inuse_objects, 0ULL);
}

static struct kunit_case ordering_cases[] = {
	KUNIT_CASE_PARAM(no_lock_is_held_where_a_profile_is_released, free_gen_params),
	KUNIT_CASE(no_lock_is_held_where_a_profile_is_attached),
	KUNIT_CASE_PARAM(nobody_waits_for_a_profile_that_is_released, meanwhile_gen_params),
	KUNIT_CASE_PARAM(nobody_waits_for_a_profile_that_is_attached, meanwhile_gen_params),
	KUNIT_CASE(one_frees_and_one_allocates_in_the_same_span),
	{}
};

static struct kunit_suite ordering_suite = {
	.name = "kspan_ordering",
	.init = ordering_init,
	.exit = ordering_exit,
	.test_cases = ordering_cases,
};

kunit_test_suite(ordering_suite);
