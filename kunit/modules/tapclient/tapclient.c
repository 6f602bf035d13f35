// SPDX-License-Identifier: GPL-2.0
/*
 * A module that knows nothing of kspan: known numbers of objects of known sizes from known
 * functions, through each of the kernel's ways to allocate and free, so that what a tap says of
 * them can be compared with what is true. scripts/tests/tap has the same numbers.
 *
 * It does so when it is loaded; of each kind some are freed at once and the rest when it is
 * unloaded. The last kind is a task that works the allocator while a timer's handler does the same
 * in the middle of that, and each frees what the other has allocated; how often is in the
 * parameters hoarded and gifted, and when it is over, nothing of it is left.
 *
 * With leak=N it loses N kilobytes a second instead, in objects of 1000 bytes, for as long as it
 * is loaded.
 */
#include <linux/atomic.h>
#include <linux/delay.h>
#include <linux/hrtimer.h>
#include <linux/irqflags.h>
#include <linux/jiffies.h>
#include <linux/kmemleak.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/version.h>

#define NR_KEPT		300
#define NR_ALL		500
#define NR_BULK		64
#define NR_LARGE	5
#define NR_VMALLOC	2
#define NR_HOARD	64

static unsigned int leak;
module_param(leak, uint, 0);
MODULE_PARM_DESC(leak, "kilobytes a second to lose");

static unsigned int ticks = 20000;
module_param(ticks, uint, 0);
MODULE_PARM_DESC(ticks, "how often the timer comes (default 20000)");

static unsigned long hoarded, gifted;
module_param(hoarded, ulong, 0444);
MODULE_PARM_DESC(hoarded, "objects that the task has allocated in the end");
module_param(gifted, ulong, 0444);
MODULE_PARM_DESC(gifted, "and those that the timer has");

struct waiting {
	struct rcu_head rcu;
	char data[112];
};

static void *plain[NR_ALL], *variable[NR_ALL], *cached[NR_ALL], *copies[NR_ALL], *bulk[NR_BULK];
static void *large[NR_LARGE], *mapped[NR_VMALLOC];
static struct waiting *waiting[NR_ALL];
static struct kmem_cache *cache;
static struct task_struct *leaker;

/* ------------------------------------------------------------------ one kind each */

static noinline void tap_kmalloc(void)
{
	int i;

	for (i = 0; i < NR_ALL; i++)
		plain[i] = kmalloc(192, GFP_KERNEL);
	for (i = NR_KEPT; i < NR_ALL; i++)
		kfree(plain[i]);
}

/* Of a size that the compiler does not know. */
static noinline void tap_kzalloc(size_t size)
{
	int i;

	for (i = 0; i < NR_ALL; i++)
		variable[i] = kzalloc(size, GFP_KERNEL);
	for (i = NR_KEPT; i < NR_ALL; i++)
		kfree(variable[i]);
}

static noinline void tap_cache(void)
{
	int i;

	for (i = 0; i < NR_ALL; i++)
		cached[i] = kmem_cache_alloc(cache, GFP_KERNEL);
	for (i = NR_KEPT; i < NR_ALL; i++)
		kmem_cache_free(cache, cached[i]);
}

static noinline void tap_strdup(void)
{
	int i;

	for (i = 0; i < NR_ALL; i++)
		copies[i] = kstrdup("thirteen char", GFP_KERNEL);
	for (i = NR_KEPT; i < NR_ALL; i++)
		kfree(copies[i]);
}

/* More than a slab gives; one of a size that the compiler knows, and for callers of others. */
static noinline void tap_large(size_t size)
{
	int i;

	large[0] = kmalloc(100000, GFP_KERNEL);
	large[1] = kvmalloc(size, GFP_KERNEL);
	large[2] = krealloc(NULL, size, GFP_KERNEL);
	for (i = 3; i < NR_LARGE; i++)
		large[i] = kmalloc(size, GFP_KERNEL);
	kfree(large[NR_LARGE - 1]);
}

static noinline int tap_bulk(void)
{
	if (!kmem_cache_alloc_bulk(cache, GFP_KERNEL, NR_BULK, bulk))
		return -ENOMEM;
	kmem_cache_free_bulk(cache, NR_BULK / 4, bulk + 3 * NR_BULK / 4);
	return 0;
}

static noinline void tap_rcu(void)
{
	int i;

	for (i = 0; i < NR_ALL; i++)
		waiting[i] = kmalloc(sizeof(*waiting[i]), GFP_KERNEL);
	for (i = NR_KEPT; i < NR_ALL; i++)
		kfree_rcu(waiting[i], rcu);
}

#ifdef KSPAN_HAS_KFREE_RCU_NOLOCK
/* By the functions that may be called from anywhere, where there are all. */
struct anywhere {
	struct kvfree_rcu_head head;
	char data[112];
};

static struct anywhere *anywhere[NR_ALL];
static void *nolock[NR_BULK];

static void free_anywhere(int i)
{
	if (i % 2)
		kfree_nolock(anywhere[i]);
	else
		kfree_rcu_nolock(anywhere[i], head);
}

static noinline void tap_nolock(void)
{
	int i;

	for (i = 0; i < NR_ALL; i++)
		anywhere[i] = kmalloc(sizeof(*anywhere[i]), GFP_KERNEL);
	for (i = NR_KEPT; i < NR_ALL; i++)
		free_anywhere(i);
}

/* With interrupts off, as if in the middle of anything; but not so many at once. */
static noinline void tap_alloc_nolock(void)
{
	unsigned long flags;
	int i;

	for (i = 0; i < NR_BULK; i++) {
		local_irq_save(flags);
		nolock[i] = kmalloc_nolock(100, 0, NUMA_NO_NODE);
		local_irq_restore(flags);
		if (i % 16 == 15)
			msleep(50);
	}
	for (i = 3 * NR_BULK / 4; i < NR_BULK; i++)
		kfree_nolock(nolock[i]);
}

static void free_nolock(void)
{
	int i;

	for (i = 0; i < 3 * NR_BULK / 4; i++)
		if (i % 2)
			kfree_nolock(nolock[i]);
		else
			kfree(nolock[i]);
}
#else
static void free_anywhere(int i)
{
}

static void tap_nolock(void)
{
}

static void tap_alloc_nolock(void)
{
}

static void free_nolock(void)
{
}
#endif

/* More than kmalloc() gives, so that it comes from vmalloc(). */
static noinline void tap_kvmalloc(void)
{
	int i;

	for (i = 0; i < NR_VMALLOC; i++)
		mapped[i] = kvmalloc(KMALLOC_MAX_SIZE + 1, GFP_KERNEL);
	kvfree(mapped[NR_VMALLOC - 1]);
}

/* ------------------------------------------------------------------ a task and a timer */

static void *hoard[NR_HOARD], *gifts[NR_HOARD];
static struct hrtimer timer;
static unsigned int ticked;

static noinline void tap_in_timer(void)
{
	void *gift = kmalloc(80, GFP_ATOMIC);

	if (!gift)
		return;
	gifted++;
	kfree(xchg(&gifts[ticked % NR_HOARD], gift));
}

static enum hrtimer_restart tick(struct hrtimer *unused)
{
	int i;

	for (i = 0; i < 8; i++)
		kfree(xchg(&hoard[(ticked * 8 + i) % NR_HOARD], NULL));
	tap_in_timer();
	/* Read by the task. */
	WRITE_ONCE(ticked, ticked + 1);
	if (ticked == ticks)
		return HRTIMER_NORESTART;
	/* Never in step with what it interrupts. */
	hrtimer_forward_now(&timer, ns_to_ktime(20000 + ticked % 97 * 100));
	return HRTIMER_RESTART;
}

static noinline void tap_in_task(unsigned int i)
{
	void *obj = kmalloc(96, GFP_KERNEL);

	if (!obj)
		return;
	hoarded++;
	kfree(xchg(&hoard[i % NR_HOARD], obj));
}

static void work_both(void)
{
	unsigned int i = 0;

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0)
	hrtimer_setup(&timer, tick, CLOCK_MONOTONIC, HRTIMER_MODE_REL_PINNED);
#else
	hrtimer_init(&timer, CLOCK_MONOTONIC, HRTIMER_MODE_REL_PINNED);
	timer.function = tick;
#endif
	/* Both on one CPU, so that the one comes in the middle of the other. */
	migrate_disable();
	hrtimer_start(&timer, ns_to_ktime(20000), HRTIMER_MODE_REL_PINNED);
	while (READ_ONCE(ticked) < ticks) {
		tap_in_task(i++);
		kfree(xchg(&gifts[i % NR_HOARD], NULL));
		cond_resched();
	}
	migrate_enable();
	hrtimer_cancel(&timer);
	for (i = 0; i < NR_HOARD; i++) {
		kfree(hoard[i]);
		kfree(gifts[i]);
	}
}

/* ------------------------------------------------------------------ a leak */

static noinline void tap_leak(void)
{
	unsigned int i;

	for (i = 0; i < leak; i++)
		/* Lost on purpose. */
		kmemleak_ignore(kmalloc(1000, GFP_KERNEL));
}

/* By the clock: what a busy machine was late with is lost later. */
static int leak_all_the_time(void *unused)
{
	unsigned long next = jiffies;
	long left;

	while (!kthread_should_stop()) {
		tap_leak();
		next += HZ;
		left = next - jiffies;
		if (left > 0)
			schedule_timeout_interruptible(left);
		cond_resched();
	}
	return 0;
}

/* ------------------------------------------------------------------ all of it */

static void construct(void *obj)
{
}

static int __init tapclient_init(void)
{
	size_t size = 700, much = 100000;

	if (leak) {
		leaker = kthread_run(leak_all_the_time, NULL, "tapclient");
		return PTR_ERR_OR_ZERO(leaker);
	}
	/* With a constructor, lest it be merged with another cache. */
	cache = kmem_cache_create("tap_objects", 72, 0, 0, construct);
	if (!cache)
		return -ENOMEM;
	OPTIMIZER_HIDE_VAR(size);
	OPTIMIZER_HIDE_VAR(much);
	tap_kmalloc();
	tap_kzalloc(size);
	tap_cache();
	tap_strdup();
	tap_large(much);
	tap_rcu();
	tap_nolock();
	tap_alloc_nolock();
	tap_kvmalloc();
	work_both();
	return tap_bulk();
}

static void __exit tapclient_exit(void)
{
	int i;

	if (leaker) {
		kthread_stop(leaker);
		return;
	}
	for (i = 0; i < NR_KEPT; i++) {
		kfree(plain[i]);
		kfree(variable[i]);
		kmem_cache_free(cache, cached[i]);
		kfree(copies[i]);
		kfree_rcu(waiting[i], rcu);
		free_anywhere(i);
	}
	free_nolock();
	kmem_cache_free_bulk(cache, 3 * NR_BULK / 4, bulk);
	for (i = 0; i < NR_LARGE - 1; i++)
		kfree(large[i]);
	for (i = 0; i < NR_VMALLOC - 1; i++)
		kvfree(mapped[i]);
	kmem_cache_destroy(cache);
}

module_init(tapclient_init);
module_exit(tapclient_exit);
MODULE_DESCRIPTION("Known allocations from the kernel's own allocator");
MODULE_LICENSE("GPL");
