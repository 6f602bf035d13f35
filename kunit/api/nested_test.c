// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of calls in the middle of kspan, as the handler of a kprobe makes them: under one of its
 * locks nothing that needs a lock is done, nothing is lost, and nobody waits for himself.
 * kunit/modules/recursion/ has real handlers, and NMIs.
 */
#include "suite.h"

#include <linux/lockdep.h>

#include "base/lock.h"
#include "special/special.h"
#include "profile_helpers.h"

#define OBJECT_SIZE	40

/* Without arrays on CPUs, so that each allocation and free needs the node's lock. */
static struct kspan_cache *cache;

static int nested_init(struct kunit *test)
{
	cache = kspan_cache_create("nested", OBJECT_SIZE, 0, KSPAN_RED_ZONE, NULL);
	return cache ? test_begin(test) : -ENOMEM;
}

static void nested_exit(struct kunit *test)
{
	test_end(test);
	if (cache)
		kspan_cache_destroy(cache);
}

/*
 * From here on this is in the middle of kspan, with the lock of @cache's node taken. What the
 * kernel's own debugging does under it is not kspan's, and is kept out of the lock graph.
 */
static unsigned long enter_kspan(void)
{
	unsigned long flags = 0;

	/* There a handler has preemption off, and the locks sleep. */
	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		preempt_disable();
	else
		kspan_lock(&kspan_cache_node(cache, numa_mem_id())->lock, flags);
	lockdep_off();
	return flags;
}

static void leave_kspan(unsigned long flags)
{
	lockdep_on();
	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		preempt_enable();
	else
		kspan_unlock(&kspan_cache_node(cache, numa_mem_id())->lock, flags);
}

static void *new_object(struct kunit *test)
{
	void *obj = kspan_cache_alloc(cache, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, obj);
	return obj;
}

/* ------------------------------------------------------------------ allocation */

static void allocation_that_needs_a_lock_fails(struct kunit *test)
{
	unsigned long refused = kspan_counter_sum(KSPAN_NESTED_REFUSED), flags;
	void *obj = new_object(test), *small, *large, *other;

	flags = enter_kspan();
	small = kspan_cache_alloc(cache, GFP_ATOMIC);
	large = kspan_alloc(SZ_64K, GFP_ATOMIC);
	other = kspan_realloc(obj, SZ_64K, GFP_ATOMIC);
	leave_kspan(flags);
	KUNIT_EXPECT_NULL(test, small);
	KUNIT_EXPECT_NULL(test, large);
	KUNIT_EXPECT_NULL(test, other);
	KUNIT_EXPECT_EQ(test, kspan_counter_sum(KSPAN_NESTED_REFUSED), refused + 3);
	kspan_free(obj);
}

static void ready_object_is_handed_out_unsampled(struct kunit *test)
{
	unsigned long dropped, flags;
	void *obj;

	kspan_free(kspan_alloc(OBJECT_SIZE, GFP_KERNEL));
	dropped = kspan_profile_counter(HEAP, KSPAN_SAMPLES_DROPPED);
	flags = enter_kspan();
	obj = kspan_alloc(OBJECT_SIZE, GFP_ATOMIC);
	leave_kspan(flags);
	KUNIT_EXPECT_NOT_NULL(test, obj);
	KUNIT_EXPECT_EQ(test, kspan_profile_counter(HEAP, KSPAN_SAMPLES_DROPPED), dropped + 1);
	kspan_free(obj);
}

/* ------------------------------------------------------------------ free */

static void count_run(void *obj, void *arg)
{
	++*(unsigned int *)arg;
}

static void count_clean(void *arg)
{
	++*(unsigned int *)arg;
}

static void free_plainly(void *obj)
{
	kspan_free(obj);
}

static const struct free_case {
	const char *desc;
	void (*free)(void *obj);
} free_cases[] = {
	{ "free", free_plainly },
	{ "free_rcu", kspan_free_rcu },
};

static void free_desc(const struct free_case *c, char *desc)
{
	strscpy(desc, c->desc, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(free, free_cases, free_desc);

static void free_is_put_off_and_then_complete(struct kunit *test)
{
	const struct free_case *c = test->param_value;
	unsigned int finalized = 0, cleaned = 0;
	void *obj = new_object(test), *found;
	unsigned long flags, specials;
	struct kspan_weak *weak;

	weak = kspan_weak_get(obj, GFP_KERNEL);
	KUNIT_ASSERT_FALSE(test, IS_ERR(weak));
	KUNIT_EXPECT_EQ(test, kspan_set_finalizer(obj, count_run, &finalized, GFP_KERNEL), 0);
	KUNIT_EXPECT_EQ(test, kspan_add_cleanup(obj, count_clean, &cleaned, GFP_KERNEL), 0);
	specials = kspan_special_count();
	catch_reports();
	flags = enter_kspan();
	c->free(obj);
	kspan_free(obj);	/* is found out there, too */
	leave_kspan(flags);
	expect_report(test, KSPAN_DOUBLE_FREES, obj, "double free");
	KUNIT_EXPECT_EQ(test, kspan_special_count(), specials);

	kspan_flush_finalizers();
	KUNIT_EXPECT_FALSE(test, kspan_owns(obj));
	KUNIT_EXPECT_EQ(test, finalized, 1U);
	KUNIT_EXPECT_EQ(test, cleaned, 1U);
	/* Those, the handle's and the profile's. */
	KUNIT_EXPECT_EQ(test, kspan_special_count(), specials - 4);
	KUNIT_EXPECT_EQ(test, test_count_rows(test, "nested", NULL).inuse_objects, 0ULL);
	rcu_read_lock();
	found = kspan_weak_deref(weak);
	rcu_read_unlock();
	KUNIT_EXPECT_NULL(test, found);
	kspan_weak_put(weak);
}

static void free_that_is_put_off_is_counted(struct kunit *test)
{
	unsigned long frees = kspan_counter_sum(KSPAN_NESTED_FREES), flags;
	void *obj = new_object(test);

	flags = enter_kspan();
	kspan_cache_free(cache, obj);
	leave_kspan(flags);
	kspan_rcu_flush();
	KUNIT_EXPECT_EQ(test, kspan_counter_sum(KSPAN_NESTED_FREES), frees + 1);
	KUNIT_EXPECT_FALSE(test, kspan_owns(obj));
}

/* ------------------------------------------------------------------ records */

/* What a caller gets that may take no lock. */
struct got {
	int finalizer, cleanup;
	struct kspan_weak *weak;
	bool cleared;
};

static struct got ask(void *obj)
{
	return (struct got) {
		.finalizer = kspan_set_finalizer(obj, count_run, NULL, GFP_ATOMIC),
		.cleanup = kspan_add_cleanup(obj, count_clean, NULL, GFP_ATOMIC),
		.weak = kspan_weak_get(obj, GFP_ATOMIC),
		.cleared = kspan_clear_finalizer(obj),
	};
}

static void expect_nothing(struct kunit *test, const struct got *got)
{
	KUNIT_EXPECT_EQ(test, got->finalizer, -ENOMEM);
	KUNIT_EXPECT_EQ(test, got->cleanup, -ENOMEM);
	KUNIT_EXPECT_TRUE(test, got->weak == ERR_PTR(-ENOMEM));
	KUNIT_EXPECT_FALSE(test, got->cleared);
}

static void records_are_refused_under_a_lock(struct kunit *test)
{
	void *obj = new_object(test);
	unsigned int finalized = 0;
	unsigned long flags;
	struct got got;

	KUNIT_EXPECT_EQ(test, kspan_set_finalizer(obj, count_run, &finalized, GFP_KERNEL), 0);
	flags = enter_kspan();
	got = ask(obj);
	leave_kspan(flags);
	expect_nothing(test, &got);
	KUNIT_EXPECT_TRUE(test, kspan_clear_finalizer(obj));
	kspan_free(obj);
}

/* Not a real NMI: the counter that says so is all that kspan looks at. */
static void records_are_refused_in_nmi(struct kunit *test)
{
	unsigned long refused = kspan_counter_sum(KSPAN_NMI_REFUSED), flags;
	void *obj = new_object(test);
	struct kspan_weak *weak = kspan_weak_get(obj, GFP_KERNEL);
	unsigned int finalized = 0;
	struct got got;

	KUNIT_ASSERT_FALSE(test, IS_ERR(weak));
	KUNIT_EXPECT_EQ(test, kspan_set_finalizer(obj, count_run, &finalized, GFP_KERNEL), 0);
	local_irq_save(flags);
	preempt_count_add(NMI_OFFSET);
	got = ask(obj);
	kspan_weak_put(weak);
	preempt_count_sub(NMI_OFFSET);
	local_irq_restore(flags);
	expect_nothing(test, &got);
	KUNIT_EXPECT_EQ(test, kspan_counter_sum(KSPAN_NMI_REFUSED), refused + 5);
	KUNIT_EXPECT_TRUE(test, kspan_clear_finalizer(obj));
	kspan_weak_put(weak);
	kspan_free(obj);
}

static struct kunit_case nested_cases[] = {
	KUNIT_CASE(allocation_that_needs_a_lock_fails),
	KUNIT_CASE(ready_object_is_handed_out_unsampled),
	KUNIT_CASE_PARAM(free_is_put_off_and_then_complete, free_gen_params),
	KUNIT_CASE(free_that_is_put_off_is_counted),
	KUNIT_CASE(records_are_refused_under_a_lock),
	KUNIT_CASE(records_are_refused_in_nmi),
	{}
};

static struct kunit_suite nested_suite = {
	.name = "kspan_nested",
	.init = nested_init,
	.exit = nested_exit,
	.test_cases = nested_cases,
};

kunit_test_suite(nested_suite);
