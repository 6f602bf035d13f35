// SPDX-License-Identifier: GPL-2.0
/*
 * Memory for the taps. Their hooks run in the middle of others' allocations and frees, so what they
 * need comes from a short list of each CPU's own. When that is empty, an object comes from
 * kmalloc(), in the same context as the allocation that is being looked at, with less
 * allowed; the mark of tap.c keeps the hooks from looking at it. So a burst of samples, with
 * interrupts or preemption off, loses none.
 *
 * On PREEMPT_RT the hooks, unlike those whom they look at, have preemption off, and the slab
 * allocator's locks sleep. There a work item fills the lists again, twenty times a second, and
 * takes from them what is too much; a sample that finds none is dropped and counted.
 *
 * Locks: kspan_tap_pool_lock, a raw spinlock and a leaf, one for each list; kspan_tap_pool_mutex,
 * process context, the list of pools.
 */
#include <linux/mutex.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "compat.h"
#include "lock.h"
#include "tap.h"
#include "tap_pool.h"

#define KEEP		(IS_ENABLED(CONFIG_PREEMPT_RT) ? 2048 : 64)	/* objects, for each CPU */
#define REFILL_JIFFIES	(HZ / 20)

static DEFINE_MUTEX(kspan_tap_pool_mutex);
static LIST_HEAD(pools);

static void push(struct kspan_pool_cpu *cpu, void *obj)
{
	*(void **)obj = cpu->first;
	cpu->first = obj;
	cpu->nr++;
}

static void *pop(struct kspan_pool_cpu *cpu)
{
	void *obj = cpu->first;

	if (obj) {
		cpu->first = *(void **)obj;
		cpu->nr--;
	}
	return obj;
}

static void *take(struct kspan_pool_cpu *cpu)
{
	unsigned long flags;
	void *obj;

	kspan_raw_lock(&cpu->lock, flags);
	obj = pop(cpu);
	kspan_raw_unlock(&cpu->lock, flags);
	return obj;
}

/* False when there are @most already. */
static bool give(struct kspan_pool_cpu *cpu, void *obj, unsigned int most)
{
	unsigned long flags;
	bool room;

	kspan_raw_lock(&cpu->lock, flags);
	room = cpu->nr < most;
	if (room)
		push(cpu, obj);
	kspan_raw_unlock(&cpu->lock, flags);
	return room;
}

void *kspan_pool_get(struct kspan_pool *pool, gfp_t gfp)
{
	void *obj = take(this_cpu_ptr(pool->cpus));

	if (!obj && !IS_ENABLED(CONFIG_PREEMPT_RT))
		obj = kmalloc(pool->size, gfp);
	return obj;
}

void kspan_pool_put(struct kspan_pool *pool, void *obj)
{
	struct kspan_pool_cpu *cpu = this_cpu_ptr(pool->cpus);

	/*
	 * A hook that is a breakpoint counts as NMI, in which nothing is given back. Nor is it in
	 * the middle of another hook, who may be giving something back.
	 */
	if (give(cpu, obj, IS_ENABLED(CONFIG_PREEMPT_RT) || in_nmi() || kspan_tap_nested() ?
			   UINT_MAX : KEEP))
		return;
	kfree(obj);
	/* What was kept there goes one by one. */
	if (READ_ONCE(cpu->nr) > KEEP) {
		obj = take(cpu);
		kfree(obj);
	}
}

/* Who refills the pools; under kspan_tap_pool_mutex. */
static struct task_struct *refiller;

bool kspan_pool_refills(void)
{
	return IS_ENABLED(CONFIG_PREEMPT_RT) && in_task() && READ_ONCE(refiller) == current;
}

/* Brings each list of @pool to between KEEP and twice as many. */
static void refill_pool(struct kspan_pool *pool)
{
	int cpu;

	for_each_online_cpu(cpu) {
		struct kspan_pool_cpu *at = per_cpu_ptr(pool->cpus, cpu);
		void *obj;

		while (READ_ONCE(at->nr) > 2 * KEEP) {
			obj = take(at);
			kfree(obj);
		}
		while (READ_ONCE(at->nr) < KEEP) {
			obj = kmalloc(pool->size, GFP_KERNEL);
			if (!obj)
				return;
			if (!give(at, obj, KEEP))
				kfree(obj);
		}
	}
}

static void refill(struct work_struct *work)
{
	struct kspan_pool *pool;

	mutex_lock(&kspan_tap_pool_mutex);
	WRITE_ONCE(refiller, current);
	list_for_each_entry(pool, &pools, list)
		refill_pool(pool);
	WRITE_ONCE(refiller, NULL);
	mutex_unlock(&kspan_tap_pool_mutex);
	schedule_delayed_work(to_delayed_work(work), REFILL_JIFFIES);
}

static DECLARE_DELAYED_WORK(kspan_tap_pool_work, refill);

int kspan_pool_start(struct kspan_pool *pool)
{
	bool first;
	int cpu;

	pool->cpus = alloc_percpu(struct kspan_pool_cpu);
	if (!pool->cpus)
		return -ENOMEM;
	for_each_possible_cpu(cpu)
		kspan_raw_spin_lock_init(&per_cpu_ptr(pool->cpus, cpu)->lock,
					 "kspan_tap_pool_lock");
	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		refill_pool(pool);
	mutex_lock(&kspan_tap_pool_mutex);
	first = list_empty(&pools);
	list_add(&pool->list, &pools);
	mutex_unlock(&kspan_tap_pool_mutex);
	if (first && IS_ENABLED(CONFIG_PREEMPT_RT))
		schedule_delayed_work(&kspan_tap_pool_work, REFILL_JIFFIES);
	return 0;
}

/* Nobody uses it any more. */
void kspan_pool_stop(struct kspan_pool *pool)
{
	bool last;
	void *obj;
	int cpu;

	mutex_lock(&kspan_tap_pool_mutex);
	list_del(&pool->list);
	last = list_empty(&pools);
	mutex_unlock(&kspan_tap_pool_mutex);
	if (last && IS_ENABLED(CONFIG_PREEMPT_RT))
		cancel_delayed_work_sync(&kspan_tap_pool_work);
	for_each_possible_cpu(cpu)
		while ((obj = take(per_cpu_ptr(pool->cpus, cpu))))
			kfree(obj);
	free_percpu(pool->cpus);
}
