/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the suites of the profile's half share: the state that a test finds and leaves, threads
 * on a CPU of their own, waiting with a limit, calls in other contexts, and looking something
 * up in a snapshot.
 */
#ifndef _KSPAN_KUNIT_PROFILE_HELPERS_H
#define _KSPAN_KUNIT_PROFILE_HELPERS_H

#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/interrupt.h>
#include <linux/irq_work.h>
#include <linux/irqflags.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/sched/task.h>
#include <linux/string.h>

#include <kspan/kspan.h>

#include "api/deferred.h"
#include "allocator.h"
#include "heap.h"

/*
 * What waits longer than this, waits for ever: in time, and in turns of whoever waits. On a busy
 * machine time passes in which no CPU of a guest runs, and then there are no turns either.
 */
#define TEST_LIMIT_NS	(5ULL * NSEC_PER_SEC)
#define TEST_LIMIT_TURNS	20000
#define TEST_LIMIT_TURNS_OFF	(50 * TEST_LIMIT_TURNS)	/* with interrupts off */

/* ------------------------------------------------------------------ before and after */

static u64 test_saved_rate;

/* Everything that was freed is gone, whatever it had to wait for. */
static inline void test_settle(void)
{
	books_settle();
}

/* Every suite's init: counts begin at zero, and every allocation is a sample. */
static inline int test_begin(struct kunit *test)
{
	int err;

	test_saved_rate = kspan_profile_sample_bytes(HEAP);
	kspan_profile_reset(HEAP);
	err = kspan_profile_set_sample_bytes(HEAP, 1);
	books_begin();
	return err;
}

/* Every suite's exit: nothing that a test has set outlives it. */
static inline void test_end(struct kunit *test)
{
	allocator_test_exit(test);
	test_settle();
	kspan_profile_set_sample_bytes(HEAP, test_saved_rate);
	kspan_profile_reset(HEAP);
}

/* Keeps a function of a test in the stack: its caller may not end with a jump to it. */
#define test_keep(ptr)							\
({									\
	void *__ptr = (ptr);						\
									\
	OPTIMIZER_HIDE_VAR(__ptr);					\
	__ptr;								\
})

/* What @weak reads now. */
static inline void *deref(struct kspan_weak *weak)
{
	void *obj;

	rcu_read_lock();
	obj = kspan_weak_deref(weak);
	rcu_read_unlock();
	return obj;
}

/* ------------------------------------------------------------------ waiting */

/* Begins as all zeros, with the first turn. */
struct test_limit {
	u64 end;
	unsigned int turns;
};

/*
 * For each turn of a loop that waits: has it waited too long? With interrupts off it is the turns
 * alone that count: this may be the CPU that keeps the clock, which then stands still.
 */
static inline bool test_takes_too_long(struct test_limit *limit)
{
	if (!limit->turns)
		limit->end = ktime_get_ns() + TEST_LIMIT_NS;
	limit->turns++;
	if (irqs_disabled())
		return limit->turns > TEST_LIMIT_TURNS_OFF;
	return limit->turns > TEST_LIMIT_TURNS && ktime_get_ns() > limit->end;
}

/* The same for a turn that sleeps, so many milliseconds: some hundred turns are many then. */
static inline bool test_sleeps_too_long(struct test_limit *limit, unsigned int ms)
{
	bool too_long = test_takes_too_long(limit);

	limit->turns += TEST_LIMIT_TURNS / 500;
	msleep(ms);
	return too_long;
}

/* Waits until @flag is set, sleeping where that is allowed; false if it takes too long. */
static inline bool test_wait_for(const bool *flag)
{
	struct test_limit limit = {};

	/* Pairs with the release in test_tell(). */
	while (!smp_load_acquire(flag)) {
		if (test_takes_too_long(&limit))
			return false;
		if (preemptible())
			usleep_range(20, 100);
		else
			udelay(5);
	}
	return true;
}

/*
 * Waits until the clock shows more than @since; false if it takes too long. A guest's may stand for
 * as long as a tick.
 */
static inline bool test_clock_passes(u64 since)
{
	struct test_limit limit = {};

	while (ktime_get_ns() <= since) {
		if (test_takes_too_long(&limit))
			return false;
		cond_resched();
	}
	return true;
}

static inline void test_tell(bool *flag)
{
	/* Pairs with the acquire in test_wait_for(). */
	smp_store_release(flag, true);
}

/* ------------------------------------------------------------------ threads */

struct test_thread {
	void (*fn)(void *arg);
	void *arg;
	struct task_struct *task;
	struct completion done;
};

static inline int test_thread_main(void *arg)
{
	struct test_thread *thread = arg;

	thread->fn(thread->arg);
	complete(&thread->done);
	return 0;
}

/* Starts @fn on the @nth CPU that is online, counted from the last; false if that fails. */
static inline bool test_thread_start(struct test_thread *thread, unsigned int nth,
				     void (*fn)(void *arg), void *arg)
{
	unsigned int cpu, skip = num_online_cpus() - 1 - nth % num_online_cpus();

	thread->fn = fn;
	thread->arg = arg;
	init_completion(&thread->done);
	thread->task = kthread_create(test_thread_main, thread, "kspan_test/%u", nth);
	if (IS_ERR(thread->task)) {
		thread->task = NULL;
		return false;
	}
	for_each_online_cpu(cpu)
		if (!skip--)
			break;
	kthread_bind(thread->task, cpu);
	get_task_struct(thread->task);
	wake_up_process(thread->task);
	return true;
}

/* Waits for the end of a thread that was started, or was not. */
static inline void test_thread_join(struct test_thread *thread)
{
	if (!thread->task)
		return;
	wait_for_completion(&thread->done);
	/* Its last instruction in this module has run when this returns. */
	kthread_stop(thread->task);
	put_task_struct(thread->task);
	thread->task = NULL;
}

/* Runs @fn to its end on two CPUs at once, with each of @args. */
static inline void test_two_threads(struct kunit *test, void (*fn)(void *arg), void *args[2])
{
	struct test_thread threads[2] = {};
	int i;

	for (i = 0; i < 2; i++)
		KUNIT_EXPECT_TRUE(test, test_thread_start(&threads[i], i, fn, args[i]));
	for (i = 0; i < 2; i++)
		test_thread_join(&threads[i]);
}

/* ------------------------------------------------------------------ contexts */

struct test_call {
	void (*fn)(void *arg);
	void *arg;
	struct irq_work irq_work;
	struct tasklet_struct tasklet;
};

static inline void test_call_irq_work(struct irq_work *work)
{
	struct test_call *call = container_of(work, struct test_call, irq_work);

	call->fn(call->arg);
}

static inline void test_call_tasklet(struct tasklet_struct *tasklet)
{
	struct test_call *call = container_of(tasklet, struct test_call, tasklet);

	call->fn(call->arg);
}

/* Each of these calls @fn in the context of its name, and returns after it. */
static inline void test_in_process(void (*fn)(void *arg), void *arg)
{
	fn(arg);
}

static inline void test_in_softirq(void (*fn)(void *arg), void *arg)
{
	struct test_call call = { .fn = fn, .arg = arg };

	tasklet_setup(&call.tasklet, test_call_tasklet);
	tasklet_schedule(&call.tasklet);
	tasklet_kill(&call.tasklet);
}

static inline void test_in_hardirq(void (*fn)(void *arg), void *arg)
{
	struct test_call call = { .fn = fn, .arg = arg };

	init_irq_work(&call.irq_work, test_call_irq_work);
	irq_work_queue(&call.irq_work);
	irq_work_sync(&call.irq_work);
}

static const struct test_context {
	const char *desc;
	void (*call)(void (*fn)(void *arg), void *arg);
} test_contexts[] = {
	{ "process", test_in_process },
	{ "softirq", test_in_softirq },
	{ "hardirq", test_in_hardirq },
};

static inline void test_context_desc(const struct test_context *c, char *desc)
{
	strscpy(desc, c->desc, KUNIT_PARAM_DESC_SIZE);
}

/* ------------------------------------------------------------------ snapshots */

struct test_counts {
	unsigned int rows;
	u32 slot_size;		/* of the last row */
	u64 alloc_objects, alloc_bytes, inuse_objects, inuse_bytes;
};

/* The sum of the rows of cache @label whose innermost function is @leaf; NULL for any. */
static inline struct test_counts test_count_rows(struct kunit *test, const char *label,
						 const char *leaf)
{
	struct kspan_snapshot *snap = kspan_snapshot_take(HEAP);
	struct test_counts sum = {};
	size_t i;

	KUNIT_ASSERT_FALSE(test, IS_ERR(snap));
	for (i = 0; i < snap->nr_rows; i++) {
		const struct kspan_row *row = &snap->rows[i];

		if (label && strcmp(row->label, label))
			continue;
		if (leaf && (!row->nr_frames || strcmp(row->symbols[0]->name, leaf)))
			continue;
		sum.rows++;
		sum.slot_size = row->slot_size;
		sum.alloc_objects += row->alloc_objects;
		sum.alloc_bytes += row->alloc_bytes;
		sum.inuse_objects += row->inuse_objects;
		sum.inuse_bytes += row->inuse_bytes;
	}
	kspan_snapshot_free(snap);
	return sum;
}

#endif /* _KSPAN_KUNIT_PROFILE_HELPERS_H */
