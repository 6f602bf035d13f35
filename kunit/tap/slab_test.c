// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of the tap on the slab allocator: what is allocated and freed by each of its paths is
 * counted exactly while everything is sampled, under the name of the cache and from the caller of
 * the slab function on; missed frees are noticed and repaired; what comes in the middle of a
 * handler is not lost; tracing never runs under a lock; and it can be switched at any time.
 */
#include "suite.h"

#include <linux/delay.h>
#include <linux/irq_work.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "base/hooks.h"
#include "base/lock.h"
#include "profile_helpers.h"
#include "tap/label.h"
#include "tap/slab_layout.h"

#define TAP	(&kspan_slab_tap)
#include "tap_helpers.h"
#include "tap_asks.h"

#define NR	100

static struct kmem_cache *cache;
static void *objs[NR];

static void construct(void *obj)
{
}

static int slab_suite_init(struct kunit_suite *suite)
{
	/* With a constructor, lest it be merged with another cache. */
	cache = kmem_cache_create("kspan_slab_test", 72, 0, 0, construct);
	tap_asks_begin();
	return cache ? tap_suite_init(suite) : -ENOMEM;
}

static void slab_suite_exit(struct kunit_suite *suite)
{
	tap_suite_exit(suite);
	tap_asks_end();
	kmem_cache_destroy(cache);
}

static int slab_init(struct kunit *test)
{
	memset(objs, 0, sizeof(objs));
	return tap_test_init(test);
}

static void slab_exit(struct kunit *test)
{
	kspan_set_test_hook(NULL);
}

/* ------------------------------------------------------------------ what is counted */

static noinline void by_kmalloc(void)
{
	int i;

	for (i = 0; i < NR; i++)
		objs[i] = kmalloc(256, tap_gfp);
}

static noinline void by_kmalloc_of_any_size(void)
{
	size_t size = 256;
	int i;

	OPTIMIZER_HIDE_VAR(size);
	for (i = 0; i < NR; i++)
		objs[i] = kmalloc(size, tap_gfp);
}

static noinline void by_kmalloc_node(void)
{
	int i;

	for (i = 0; i < NR; i++)
		objs[i] = kmalloc_node(256, tap_gfp, numa_node_id());
}

static noinline void by_kstrdup(void)
{
	int i;

	for (i = 0; i < NR; i++)
		objs[i] = kstrdup("thirteen char", tap_gfp);
}

static noinline void by_krealloc(void)
{
	int i;

	for (i = 0; i < NR; i++)
		objs[i] = krealloc(NULL, 256, tap_gfp);
}

static noinline void by_large_kmalloc(void)
{
	size_t size = 2 * KMALLOC_MAX_CACHE_SIZE;
	int i;

	OPTIMIZER_HIDE_VAR(size);
	for (i = 0; i < NR; i++)
		objs[i] = i % 2 ? kmalloc(2 * KMALLOC_MAX_CACHE_SIZE, tap_gfp) :
				  kmalloc(size, tap_gfp);
}

/* As much as takes whole pages, by functions that call kmalloc() for others. */
static noinline void by_large_krealloc(void)
{
	int i;

	for (i = 0; i < NR; i++)
		objs[i] = krealloc(NULL, 2 * KMALLOC_MAX_CACHE_SIZE, tap_gfp);
}

static noinline void by_large_kvmalloc(void)
{
	int i;

	for (i = 0; i < NR; i++)
		objs[i] = kvmalloc(2 * KMALLOC_MAX_CACHE_SIZE, tap_gfp);
}

static noinline void by_cache(void)
{
	int i;

	for (i = 0; i < NR; i++)
		objs[i] = kmem_cache_alloc(cache, tap_gfp);
}

static noinline void by_cache_node(void)
{
	int i;

	for (i = 0; i < NR; i++)
		objs[i] = kmem_cache_alloc_node(cache, tap_gfp, numa_node_id());
}

static noinline void by_bulk(void)
{
	if (!kmem_cache_alloc_bulk(cache, tap_gfp, NR, objs))
		pr_err("no memory\n");
}

static noinline void by_kvmalloc(void)
{
	int i;

	/* Of vmalloc(), and of kmalloc(). */
	for (i = 0; i < NR; i++)
		objs[i] = kvmalloc(i < 2 ? KMALLOC_MAX_SIZE + 1 : 256, GFP_KERNEL);
}

static void free_kmalloc(void)
{
	int i;

	for (i = 0; i < NR; i++)
		kfree(objs[i]);
}

static void free_cache(void)
{
	int i;

	for (i = 0; i < NR; i++)
		kmem_cache_free(cache, objs[i]);
}

static void free_cache_bulk(void)
{
	kmem_cache_free_bulk(cache, NR, objs);
}

static void free_bulk(void)
{
	kfree_bulk(NR, objs);
}

static void free_kv(void)
{
	int i;

	for (i = 0; i < NR; i++)
		kvfree(objs[i]);
}

static void free_rcu_batch(void)
{
	int i;

	for (i = 0; i < NR; i++)
		kfree_rcu_mightsleep(objs[i]);
}

static void kfree_all(void *unused)
{
	free_kmalloc();
}

static void free_in_softirq(void)
{
	test_in_softirq(kfree_all, NULL);
}

static void free_in_hardirq(void)
{
	test_in_hardirq(kfree_all, NULL);
}

static const struct tap_path {
	const char *name;
	void (*alloc)(void);
	void (*free)(void);
	size_t size;		/* of an object; 0: of more than one */
	const char *label;	/* NULL: of more than one */
} paths[] = {
	{ "kmalloc", by_kmalloc, free_kmalloc, 256, "kmalloc-256" },
	{ "kmalloc_of_any_size", by_kmalloc_of_any_size, free_kmalloc, 256, "kmalloc-256" },
	{ "kmalloc_node", by_kmalloc_node, free_kmalloc, 256, "kmalloc-256" },
	{ "kstrdup", by_kstrdup, free_kmalloc, 16, "kmalloc-16" },
	{ "krealloc", by_krealloc, free_kmalloc, 256, "kmalloc-256" },
	{ "large_kmalloc", by_large_kmalloc, free_kmalloc, 2 * KMALLOC_MAX_CACHE_SIZE,
	  "kmalloc-large" },
	{ "large_krealloc", by_large_krealloc, free_kmalloc, 2 * KMALLOC_MAX_CACHE_SIZE,
	  "kmalloc-large" },
	{ "large_kvmalloc", by_large_kvmalloc, free_kv, 2 * KMALLOC_MAX_CACHE_SIZE,
	  "kmalloc-large" },
	{ "kmem_cache", by_cache, free_cache, 0, "kspan_slab_test" },
	{ "kmem_cache_kfree", by_cache, free_kmalloc, 0, "kspan_slab_test" },
	{ "kmem_cache_node", by_cache_node, free_cache, 0, "kspan_slab_test" },
	{ "kfree_bulk", by_kmalloc, free_bulk, 256, "kmalloc-256" },
	{ "kfree_rcu", by_kmalloc, free_rcu_batch, 256, "kmalloc-256" },
	{ "large_kfree_bulk", by_large_kmalloc, free_bulk, 2 * KMALLOC_MAX_CACHE_SIZE,
	  "kmalloc-large" },
	{ "kmem_cache_bulk", by_bulk, free_cache_bulk, 0, "kspan_slab_test" },
	{ "kmem_cache_bulk_then_one_by_one", by_bulk, free_cache, 0, "kspan_slab_test" },
	{ "kvmalloc", by_kvmalloc, free_kv, 0, NULL },
	{ "kfree_in_softirq", by_kmalloc, free_in_softirq, 256, "kmalloc-256" },
	{ "kfree_in_hardirq", by_kmalloc, free_in_hardirq, 256, "kmalloc-256" },
};

static void path_desc(const struct tap_path *path, char *desc)
{
	strscpy(desc, path->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(path, paths, path_desc);

static void every_path_is_counted(struct kunit *test)
{
	const struct tap_path *path = test->param_value;
	struct test_limit limit = {};
	struct tap_counts counts;
	int i;

	path->alloc();
	for (i = 0; i < NR; i++)
		KUNIT_ASSERT_NOT_NULL(test, objs[i]);
	counts = counts_of(test, path->alloc);
	KUNIT_EXPECT_EQ(test, counts.allocs, (u64)NR);
	KUNIT_EXPECT_EQ(test, counts.live, (u64)NR);
	/* Debugging makes slots larger. */
	if (path->size && !IS_ENABLED(CONFIG_SLUB_DEBUG_ON) && !IS_ENABLED(CONFIG_KASAN))
		KUNIT_EXPECT_EQ(test, counts.bytes, (u64)NR * path->size);
	else
		KUNIT_EXPECT_GE(test, counts.bytes, (u64)NR * (path->size ?: 72));
	if (path->label)
		KUNIT_EXPECT_STREQ(test, counts.label, path->label);
	path->free();
	/* What waits for a grace period waits in a batch, for some seconds. */
	while ((counts = counts_of(test, path->alloc)).live)
		KUNIT_ASSERT_FALSE_MSG(test, test_sleeps_too_long(&limit, 50), "%llu are left",
				       counts.live);
	KUNIT_EXPECT_EQ(test, counts.allocs, (u64)NR);
	KUNIT_EXPECT_EQ(test, counts.bytes, 0ULL);
	KUNIT_EXPECT_EQ(test, counts.freed, (u64)NR);
	KUNIT_EXPECT_EQ(test, counted(KSPAN_TAP_MISSED_FREES), 0UL);
}

static void (*const asking[])(void) = {
	by_kmalloc, by_kmalloc_of_any_size, by_kmalloc_node, by_kstrdup, by_krealloc,
	by_large_kmalloc, by_large_krealloc, by_large_kvmalloc, by_cache, by_cache_node, by_bulk,
};

static void no_more_is_asked_for_than_the_caller_lets(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(asking); i++)
		expect_asks_as_told(test, asking[i], free_kv, __GFP_NOWARN);
}

/* ------------------------------------------------------------------ missed frees */

static noinline void *first(void)
{
	return test_keep(kmem_cache_alloc(cache, GFP_KERNEL));
}

/* With other flags: were it the same, the compiler would make both one function. */
static noinline void *second(void)
{
	return test_keep(kmem_cache_alloc(cache, GFP_KERNEL | __GFP_NOWARN));
}

/* Nothing is seen at all: as if the kernel had a path that nobody knows of. */
static void free_unseen(void *obj)
{
	u16 *count = &TAP->live.filter[((unsigned long)obj * GOLDEN_RATIO_64) >> TAP->live.shift];
	unsigned long flags;
	u16 saved;

	local_irq_save(flags);
	saved = *count;
	WRITE_ONCE(*count, 0);
	kmem_cache_free(cache, obj);
	WRITE_ONCE(*count, saved);
	local_irq_restore(flags);
}

static void missed_free_is_repaired_by_any_allocation(struct kunit *test)
{
	void *lost = first();

	KUNIT_ASSERT_NOT_NULL(test, lost);
	free_unseen(lost);
	KUNIT_EXPECT_EQ(test, counts_of(test, first).live, 1ULL);
	/* The sampler need not have chosen what comes to lie there. */
	kspan_tap_known_again(TAP, (unsigned long)lost);
	KUNIT_EXPECT_EQ(test, counted(KSPAN_TAP_MISSED_FREES), 1UL);
	KUNIT_EXPECT_EQ(test, counts_of(test, first).live, 0ULL);
	/* When it was freed nobody knows. */
	KUNIT_EXPECT_EQ(test, counts_of(test, first).freed, 0ULL);
}

/* ------------------------------------------------------------------ ages */

/* Of what begins in the function @fn: the row of the last such stack. */
static struct kspan_row row_of(struct kunit *test, void *fn)
{
	struct kspan_snapshot *snap = kspan_snapshot_take(TAP->profile);
	struct kspan_row row = {};
	size_t i;

	KUNIT_ASSERT_FALSE(test, IS_ERR(snap));
	for (i = 0; i < snap->nr_rows; i++)
		if (snap->rows[i].nr_frames &&
		    snap->rows[i].symbols[0]->start == (unsigned long)fn)
			row = snap->rows[i];
	kspan_snapshot_free(snap);
	return row;
}

static void samples_in_use_have_an_age(struct kunit *test)
{
	u64 began = ktime_get_ns(), elapsed, apart;
	struct kspan_row row;
	int i, nr = 2;

	/* From one place, so that both have one stack. */
	OPTIMIZER_HIDE_VAR(nr);
	for (i = 0; i < nr; i++) {
		objs[i] = first();
		msleep(100);
	}
	row = row_of(test, first);
	/* However long this has taken. */
	elapsed = div_u64(ktime_get_ns() - began, NSEC_PER_MSEC);
	apart = row.age_max - row.age_min;
	KUNIT_EXPECT_TRUE(test, row.has_age);
	KUNIT_EXPECT_EQ(test, row.inuse_objects, 2ULL);
	KUNIT_EXPECT_LE(test, row.age_max, elapsed + 1);
	KUNIT_EXPECT_GE(test, row.age_min, 99ULL);
	KUNIT_EXPECT_GE(test, apart, 99ULL);
	KUNIT_EXPECT_GE(test, row.age_average + 1, row.age_min + apart / 2);
	KUNIT_EXPECT_LE(test, row.age_average, row.age_min + apart / 2 + 1);
	while (i--)
		kmem_cache_free(cache, objs[i]);
	row = row_of(test, first);
	KUNIT_EXPECT_EQ(test, row.alloc_objects, 2ULL);
	KUNIT_EXPECT_FALSE(test, row.has_age);
}

/* ------------------------------------------------------------------ contexts */

/* As if @obj had just been handed out. */
static noinline void sample(void *obj)
{
	struct kspan_tap_alloc alloc = {
		.addr = (unsigned long)obj, .size = 64, .gfp = GFP_ATOMIC,
	};

	kspan_tap_sample(TAP, &alloc);
	/* No tail call: this is where the stack begins. */
	barrier();
}

static void missed_free_is_noticed_and_repaired(struct kunit *test)
{
	void *lost = first();

	KUNIT_ASSERT_NOT_NULL(test, lost);
	free_unseen(lost);
	KUNIT_EXPECT_EQ(test, counts_of(test, first).live, 1ULL);
	/* Nobody else uses that cache: as if it were handed out again. */
	sample(lost);
	KUNIT_EXPECT_EQ(test, counted(KSPAN_TAP_MISSED_FREES), 1UL);
	KUNIT_EXPECT_EQ(test, counts_of(test, first).live, 0ULL);
	KUNIT_EXPECT_EQ(test, counts_of(test, sample).live, 1ULL);
	kspan_tap_freed(TAP, (unsigned long)lost);
	KUNIT_EXPECT_EQ(test, counts_of(test, sample).live, 0ULL);
}

/* As an NMI on this CPU would find it, with its interrupts off. */
static void enter_nmi(unsigned long *flags)
{
	local_irq_save(*flags);
	__preempt_count_add(NMI_OFFSET);
}

static void leave_nmi(unsigned long flags)
{
	__preempt_count_sub(NMI_OFFSET);
	local_irq_restore(flags);
}

static void nmi_samples_nothing_and_loses_no_free(struct kunit *test)
{
	void *obj = first();
	unsigned long flags;

	KUNIT_ASSERT_NOT_NULL(test, obj);
	enter_nmi(&flags);
	sample(objs);
	kspan_tap_freed(TAP, (unsigned long)obj);
	leave_nmi(flags);
	KUNIT_EXPECT_EQ(test, counted(KSPAN_TAP_NMI), 1UL);
	KUNIT_EXPECT_EQ(test, counted(KSPAN_TAP_BUSY), 0UL);
	KUNIT_EXPECT_EQ(test, counts_of(test, sample).allocs, 0ULL);
	/* A snapshot waits for what was put off. */
	KUNIT_EXPECT_EQ(test, counts_of(test, first).live, 0ULL);
	KUNIT_EXPECT_EQ(test, counts_of(test, first).freed, 1ULL);
	kmem_cache_free(cache, obj);
}

/*
 * What is passed over has been counted down, and is counted up again: not where an interrupt has
 * come in between, whose own allocation was the sample that was due, lest the next ones be none.
 */
static void what_is_passed_over_is_not_counted_up_twice(struct kunit *test)
{
	struct kspan_tap_alloc alloc = { .addr = (unsigned long)objs, .size = SZ_4K };
	unsigned long flags;
	bool taken;
	u64 weight;
	void *obj;
	long left;

	enter_nmi(&flags);
	this_cpu_sub(TAP->profile->samplers->left, alloc.size);
	taken = kspan_profile_take(TAP->profile, 64, &weight);
	kspan_tap_sample(TAP, &alloc);
	left = this_cpu_read(TAP->profile->samplers->left);
	leave_nmi(flags);
	KUNIT_EXPECT_TRUE(test, taken);
	KUNIT_EXPECT_EQ(test, left, 0L);
	obj = first();
	KUNIT_EXPECT_EQ(test, counts_of(test, first).allocs, 1ULL);
	kmem_cache_free(cache, obj);
}

static void middle_of_kspan_samples_nothing_and_loses_no_free(struct kunit *test)
{
	raw_spinlock_t *lock = &TAP->live.shards[0].lock;
	void *obj = first();
	unsigned long flags;

	KUNIT_ASSERT_NOT_NULL(test, obj);
	kspan_raw_lock(lock, flags);
	sample(objs);
	kspan_tap_freed(TAP, (unsigned long)obj);
	kspan_raw_unlock(lock, flags);
	KUNIT_EXPECT_EQ(test, counted(KSPAN_TAP_NESTED), 1UL);
	KUNIT_EXPECT_EQ(test, counted(KSPAN_TAP_BUSY), 0UL);
	KUNIT_EXPECT_EQ(test, counts_of(test, sample).allocs, 0ULL);
	KUNIT_EXPECT_EQ(test, counts_of(test, first).live, 0ULL);
	kmem_cache_free(cache, obj);
}

/* What has come to lie there before a free was done that had been put off is not what was freed. */
static void free_that_was_put_off_is_not_of_what_came_later(struct kunit *test)
{
	void *obj = first();
	unsigned long flags;

	KUNIT_ASSERT_NOT_NULL(test, obj);
	local_irq_save(flags);
	__preempt_count_add(NMI_OFFSET);
	kspan_tap_freed(TAP, (unsigned long)obj);
	__preempt_count_sub(NMI_OFFSET);
	sample(obj);
	local_irq_restore(flags);
	kspan_tap_settle(TAP);
	KUNIT_EXPECT_EQ(test, counts_of(test, first).live, 0ULL);
	KUNIT_EXPECT_EQ(test, counts_of(test, sample).live, 1ULL);
	kmem_cache_free(cache, obj);
	KUNIT_EXPECT_EQ(test, counts_of(test, sample).live, 0ULL);
}

static void what_cannot_be_put_off_is_counted(struct kunit *test)
{
	unsigned long flags;
	int i;

	by_cache();
	enter_nmi(&flags);
	for (i = 0; i < KSPAN_TAP_LATE + 2; i++)
		kspan_tap_freed(TAP, (unsigned long)objs[i]);
	leave_nmi(flags);
	KUNIT_EXPECT_EQ(test, counted(KSPAN_TAP_BUSY), 2UL);
	KUNIT_EXPECT_EQ(test, counts_of(test, by_cache).live, (u64)NR - KSPAN_TAP_LATE);
	free_cache();
	KUNIT_EXPECT_EQ(test, counts_of(test, by_cache).live, 0ULL);
}

/* Where a handler stands when an interrupt comes. */
static struct {
	struct task_struct *task;
	enum kspan_test_point point;
	struct irq_work work;
	void *old, *new;		/* what the interrupt frees, and what it allocates */
	bool came;
} middle;

static noinline void *in_the_interrupt(void)
{
	return test_keep(kmem_cache_alloc(cache, GFP_ATOMIC));
}

static void interrupt(struct irq_work *work)
{
	kmem_cache_free(cache, middle.old);
	middle.new = in_the_interrupt();
	test_tell(&middle.came);
}

static bool interrupt_there(enum kspan_test_point point)
{
	struct test_limit limit = {};

	if (point != middle.point || current != middle.task || !in_task())
		return false;
	middle.task = NULL;
	irq_work_queue(&middle.work);
	/* Pairs with the release in test_tell(). */
	while (!smp_load_acquire(&middle.came) && !test_takes_too_long(&limit))
		cpu_relax();
	return false;
}

static void interrupt_in_the_middle_is_not_lost(struct kunit *test, enum kspan_test_point point)
{
	void *obj = second();

	KUNIT_ASSERT_NOT_NULL(test, obj);
	memset(&middle, 0, sizeof(middle));
	init_irq_work(&middle.work, interrupt);
	middle.old = first();
	middle.point = point;
	KUNIT_ASSERT_NOT_NULL(test, middle.old);
	KUNIT_ASSERT_EQ(test, counts_of(test, first).live, 1ULL);
	kspan_set_test_hook(interrupt_there);
	middle.task = current;
	kmem_cache_free(cache, obj);
	obj = second();
	kspan_set_test_hook(NULL);
	irq_work_sync(&middle.work);
	KUNIT_EXPECT_TRUE(test, middle.came);
	KUNIT_EXPECT_EQ(test, counts_of(test, first).live, 0ULL);
	KUNIT_EXPECT_EQ(test, counts_of(test, in_the_interrupt).live, 1ULL);
	KUNIT_EXPECT_EQ(test, counts_of(test, second).live, 1ULL);
	kmem_cache_free(cache, obj);
	kmem_cache_free(cache, middle.new);
	KUNIT_EXPECT_EQ(test, counts_of(test, in_the_interrupt).live, 0ULL);
	KUNIT_EXPECT_EQ(test, counts_of(test, second).live, 0ULL);
}

static void interrupt_in_an_allocation_is_not_lost(struct kunit *test)
{
	interrupt_in_the_middle_is_not_lost(test, KSPAN_AT_TAP_ADD);
}

static void interrupt_in_a_free_is_not_lost(struct kunit *test)
{
	interrupt_in_the_middle_is_not_lost(test, KSPAN_AT_TAP_RELEASE);
}

/* ------------------------------------------------------------------ the rule */

static struct {
	struct task_struct *task;	/* who runs the test */
	enum kspan_test_point point;
	unsigned int passed;		/* how often the point was passed */
	bool interrupts_off, lock_held;
} look;

/* All spinlocks of kspan's mask interrupts, and no caller in these tests does. */
static bool look_around(enum kspan_test_point point)
{
	if (point != look.point || current != look.task || !in_task())
		return false;
	look.passed++;
	look.interrupts_off |= irqs_disabled();
	look.lock_held |= this_cpu_read(kspan_locked);
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
	/* Debugging of the kernel's may allocate in the middle. */
	KUNIT_EXPECT_GE(test, look.passed, 1U);
	KUNIT_EXPECT_FALSE(test, look.interrupts_off);
	KUNIT_EXPECT_FALSE(test, look.lock_held);
}

static void no_lock_is_held_where_a_sample_is_added(struct kunit *test)
{
	void *obj;

	look_at(KSPAN_AT_TAP_ADD);
	obj = first();
	expect_nothing_held(test);
	kmem_cache_free(cache, obj);
}

static void no_lock_is_held_where_a_sample_is_released(struct kunit *test)
{
	void *obj = first();

	look_at(KSPAN_AT_TAP_RELEASE);
	kmem_cache_free(cache, obj);
	expect_nothing_held(test);
}

/* ------------------------------------------------------------------ switching */

static noinline int allocate_on(void *unused)
{
	void *mine[16];
	int i;

	while (!kthread_should_stop()) {
		for (i = 0; i < ARRAY_SIZE(mine); i++)
			mine[i] = i % 2 ? kmalloc(100, GFP_KERNEL) :
					  kmem_cache_alloc(cache, GFP_KERNEL);
		for (i = 0; i < ARRAY_SIZE(mine); i++)
			kfree(mine[i]);
		/*
		 * Putting in a probe may wait for every task to sleep once. By a tick: a shorter
		 * sleep may end before it has begun, which KCSAN takes for a race.
		 */
		schedule_timeout_uninterruptible(1);
	}
	return 0;
}

static void may_be_switched_under_load(struct kunit *test)
{
	struct task_struct *task = kthread_run(allocate_on, NULL, "tap_load");
	int i;

	KUNIT_ASSERT_FALSE(test, IS_ERR(task));
	for (i = 0; i < 4; i++) {
		KUNIT_EXPECT_EQ(test, kspan_tap_enable(TAP, 0), 0);
		KUNIT_EXPECT_EQ(test, counts_of(test, allocate_on).live, 0ULL);
		KUNIT_EXPECT_EQ(test, kspan_tap_enable(TAP, 1), 0);
		msleep(20);
	}
	kthread_stop(task);
	KUNIT_EXPECT_GT(test, counts_of(test, allocate_on).allocs, 0ULL);
	KUNIT_EXPECT_EQ(test, counts_of(test, allocate_on).live, 0ULL);
}

static void nothing_is_seen_at_rate_0(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, kspan_profile_set_sample_bytes(TAP->profile, 0), 0);
	by_kmalloc();
	KUNIT_EXPECT_EQ(test, counts_of(test, by_kmalloc).allocs, 0ULL);
	free_kmalloc();
	KUNIT_EXPECT_EQ(test, kspan_profile_set_sample_bytes(TAP->profile, 1), 0);
	by_kmalloc();
	KUNIT_EXPECT_EQ(test, counts_of(test, by_kmalloc).allocs, (u64)NR);
	free_kmalloc();
}

static void what_is_in_use_when_it_goes_off_is_forgotten(struct kunit *test)
{
	void *obj = first();

	KUNIT_EXPECT_EQ(test, counts_of(test, first).live, 1ULL);
	KUNIT_EXPECT_EQ(test, kspan_tap_enable(TAP, 0), 0);
	KUNIT_EXPECT_EQ(test, counts_of(test, first).allocs, 1ULL);
	KUNIT_EXPECT_EQ(test, counts_of(test, first).live, 0ULL);
	/* It has not ended, and was there. */
	KUNIT_EXPECT_EQ(test, counts_of(test, first).freed, 0ULL);
	kmem_cache_free(cache, obj);
}

static void what_was_off_is_not_known(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, kspan_tap_enable(TAP, 0), 0);
	by_kmalloc();
	KUNIT_EXPECT_EQ(test, kspan_tap_enable(TAP, 1), 0);
	free_kmalloc();
	KUNIT_EXPECT_EQ(test, counts_of(test, by_kmalloc).allocs, 0ULL);
	KUNIT_EXPECT_EQ(test, kspan_tap_enable(TAP, 2), -EINVAL);
	KUNIT_EXPECT_TRUE(test, kspan_tap_enabled(TAP));
}

/* Where no label can be made there is one, of each cache that kmalloc() takes from. */
static void labels_are_there_before_they_are_needed(struct kunit *test)
{
	struct kspan_label *known;
	char name[32];
	size_t size;

	KUNIT_EXPECT_EQ(test, kspan_tap_enable(TAP, 0), 0);
	KUNIT_EXPECT_EQ(test, kspan_profile_set_sample_bytes(TAP->profile, 0), 0);
	kspan_tap_labels_exit();
	KUNIT_EXPECT_EQ(test, kspan_tap_enable(TAP, 1), 0);
	for (size = KMALLOC_MIN_SIZE; size <= KMALLOC_MAX_CACHE_SIZE; size += KMALLOC_MIN_SIZE) {
		void *obj = kmalloc(size, GFP_KERNEL);

		KUNIT_ASSERT_NOT_NULL(test, obj);
		preempt_disable();
		strscpy(name, kspan_slab_name((unsigned long)obj, NULL), sizeof(name));
		known = kspan_tap_label(name, KSPAN_GFP_NOTHING);
		preempt_enable();
		kfree(obj);
		KUNIT_EXPECT_NOT_NULL_MSG(test, known, "of %s", name);
	}
	KUNIT_EXPECT_EQ(test, kspan_profile_set_sample_bytes(TAP->profile, 1), 0);
}

static struct kunit_case slab_cases[] = {
	KUNIT_CASE_PARAM(every_path_is_counted, path_gen_params),
	KUNIT_CASE(no_more_is_asked_for_than_the_caller_lets),
	KUNIT_CASE(missed_free_is_repaired_by_any_allocation),
	KUNIT_CASE(missed_free_is_noticed_and_repaired),
	KUNIT_CASE(samples_in_use_have_an_age),
	KUNIT_CASE(nmi_samples_nothing_and_loses_no_free),
	KUNIT_CASE(what_is_passed_over_is_not_counted_up_twice),
	KUNIT_CASE(middle_of_kspan_samples_nothing_and_loses_no_free),
	KUNIT_CASE(free_that_was_put_off_is_not_of_what_came_later),
	KUNIT_CASE(what_cannot_be_put_off_is_counted),
	KUNIT_CASE(interrupt_in_an_allocation_is_not_lost),
	KUNIT_CASE(interrupt_in_a_free_is_not_lost),
	KUNIT_CASE(no_lock_is_held_where_a_sample_is_added),
	KUNIT_CASE(no_lock_is_held_where_a_sample_is_released),
	KUNIT_CASE(nothing_is_seen_at_rate_0),
	KUNIT_CASE(what_is_in_use_when_it_goes_off_is_forgotten),
	KUNIT_CASE(what_was_off_is_not_known),
	KUNIT_CASE(labels_are_there_before_they_are_needed),
	KUNIT_CASE(may_be_switched_under_load),
	{}
};

static struct kunit_suite slab_suite = {
	.name = "kspan_slab",
	.suite_init = slab_suite_init,
	.suite_exit = slab_suite_exit,
	.init = slab_init,
	.exit = slab_exit,
	.test_cases = slab_cases,
};

kunit_test_suite(slab_suite);
