// SPDX-License-Identifier: GPL-2.0
/*
 * The torture module's parameters, threads and sums; torture.h says what the parts are. It runs
 * from when it is loaded until it is removed, or for so many seconds, or for so many turns of
 * each thread, whatever time they take; then the parameter done reads Y. When it is removed it
 * frees everything and prints what it did:
 *
 *	kspan_torture: seed N
 *	kspan_torture: op NAME COUNT failed COUNT
 *	kspan_torture: context NAME COUNT
 *	kspan_torture: cpu N COUNT
 *	kspan_torture: error: what was wrong with an object
 *	kspan_torture: done, N errors
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cpumask.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/random.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "torture.h"

static unsigned int seconds = 60;
module_param(seconds, uint, 0);
MODULE_PARM_DESC(seconds, "how long the threads work (default 60)");

static unsigned long turns;
module_param(turns, ulong, 0);
MODULE_PARM_DESC(turns, "of 20 operations, that each thread has, instead of seconds");

static bool done;
module_param(done, bool, 0444);
MODULE_PARM_DESC(done, "whether every thread has had its turns");

static unsigned int threads;
module_param(threads, uint, 0);
MODULE_PARM_DESC(threads, "how many threads (default two for each CPU)");

static unsigned int seed;
module_param(seed, uint, 0);
MODULE_PARM_DESC(seed, "of all chance (default: a random one, which is printed)");

static unsigned int objects = 1024;
module_param(objects, uint, 0);
MODULE_PARM_DESC(objects, "the most objects at once (default 1024)");

struct counts {
	unsigned long done[NR_OPS];
	unsigned long failed[NR_OPS];
	unsigned long in[NR_CONTEXTS];
};

static DEFINE_PER_CPU(struct counts, counts);
static atomic_t errors;

#define TORTURE_NAME(id, name) name,
static const char *const op_names[] = { TORTURE_OPS(TORTURE_NAME) };
static const char *const context_names[] = { TORTURE_CONTEXTS(TORTURE_NAME) };
#undef TORTURE_NAME

void torture_count(enum torture_op op, bool failed)
{
	this_cpu_inc(counts.done[op]);
	if (failed)
		this_cpu_inc(counts.failed[op]);
}

/* The first few are told. */
void torture_error(const char *fmt, ...)
{
	struct va_format text = { .fmt = fmt };
	va_list args;

	if (atomic_inc_return(&errors) > 20)
		return;
	va_start(args, fmt);
	text.va = &args;
	pr_err("error: %pV\n", &text);
	va_end(args);
}

gfp_t torture_gfp(struct torture_actor *actor)
{
	static const gfp_t sleeping[] = { GFP_KERNEL, GFP_KERNEL, GFP_NOFS, GFP_NOIO, GFP_USER };
	static const gfp_t atomic[] = { GFP_ATOMIC, GFP_NOWAIT };
	static const gfp_t more[] = { __GFP_ZERO, __GFP_ZERO, __GFP_ACCOUNT, __GFP_NORETRY };
	gfp_t gfp;

	if (torture_may_sleep(actor) && !torture_one_in(actor, 4))
		gfp = sleeping[torture_random(actor, ARRAY_SIZE(sleeping))];
	else
		gfp = atomic[torture_random(actor, ARRAY_SIZE(atomic))];
	if (torture_one_in(actor, 2))
		gfp |= more[torture_random(actor, ARRAY_SIZE(more))];
	/* Failures are injected, and looked for. */
	return gfp | __GFP_NOWARN;
}

static void act_once(struct torture_actor *actor)
{
	u32 what = torture_random(actor, 100);
	struct torture_slot *slot;

	this_cpu_inc(counts.in[actor->context]);
	if (what < 8) {
		torture_weak_any(actor);
		return;
	}
	if (what < 10) {
		torture_object_bulk(actor);
		return;
	}
	slot = torture_slot_any(actor);
	if (!slot)
		return;
	if (!slot->obj)
		torture_object_alloc(actor, slot);
	else if (what < 50)
		torture_object_use(actor, slot);
	else
		torture_object_free(actor, slot);
	torture_unlock(&slot->busy);
}

/* @nr operations in the context that the caller is in. */
void torture_act(struct torture_actor *actor, unsigned int nr)
{
	while (nr--)
		act_once(actor);
}

/* Some of a thread's operations, with what a driver may have turned off. */
static void act_atomic(struct torture_actor *actor)
{
	unsigned long flags;

	/* On PREEMPT_RT not with preemption or interrupts off, as for kmalloc(). */
	if (IS_ENABLED(CONFIG_PREEMPT_RT) || torture_one_in(actor, 3))
		actor->context = IN_NO_BH;
	else
		actor->context = torture_one_in(actor, 2) ? IN_NO_IRQ : IN_NO_PREEMPT;
	switch (actor->context) {
	case IN_NO_PREEMPT:
		preempt_disable();
		torture_act(actor, 4);
		preempt_enable();
		break;
	case IN_NO_IRQ:
		local_irq_save(flags);
		torture_act(actor, 4);
		local_irq_restore(flags);
		break;
	default:
		local_bh_disable();
		torture_act(actor, 4);
		local_bh_enable();
	}
	actor->context = IN_TASK;
}

struct thread {
	struct task_struct *task;
	struct torture_contexts *contexts;
	struct torture_actor actor;
};

static struct thread *all;
static unsigned long end;	/* jiffies */
static atomic_t at_work;	/* threads that have turns left */

/* What waits for grace periods and for other CPUs: one of the threads does that, or all would. */
static void keep_house(struct torture_actor *actor)
{
	torture_pool_any(actor);
	if (torture_one_in(actor, 8)) {
		kspan_flush_finalizers();
		torture_count(OP_FLUSH, false);
	}
}

static int work(void *data)
{
	struct thread *thread = data;
	struct torture_actor *actor = &thread->actor;
	unsigned long turn = 0;

	/* The shell of the guest has its part to do. */
	set_user_nice(current, 5);
	while (!kthread_should_stop()) {
		if (turns ? turn >= turns : time_after(jiffies, end)) {
			schedule_timeout_interruptible(HZ / 10);
			continue;
		}
		if (++turn == turns && atomic_dec_and_test(&at_work))
			WRITE_ONCE(done, true);
		torture_contexts_arm(thread->contexts, actor);
		torture_act(actor, 16);
		act_atomic(actor);
		if (thread == &all[0])
			keep_house(actor);
		cond_resched_tasks_rcu_qs();
	}
	return 0;
}

/* Ends the threads first, then what they armed, then every object. */
static void stop(void)
{
	struct torture_actor actor = { .context = IN_TASK };
	unsigned int i;

	for (i = 0; i < threads; i++)
		if (!IS_ERR_OR_NULL(all[i].task))
			kthread_stop(all[i].task);
	for (i = 0; i < threads; i++)
		torture_contexts_free(all[i].contexts);
	prandom_seed_state(&actor.rnd, seed);
	for (i = 0; i < torture_nr_slots; i++)
		if (torture_slots[i].obj)
			torture_object_free(&actor, &torture_slots[i]);
	torture_special_end();
	torture_pool_end();
	vfree(torture_slots);
	kfree(all);
}

static int start(struct thread *thread, unsigned int i)
{
	/* Each has a stream of its own, and those of its contexts are beside it. */
	u64 own = ((u64)seed << 32) + (u64)i * NR_CONTEXTS;

	thread->contexts = torture_contexts_new(own);
	if (!thread->contexts)
		return -ENOMEM;
	thread->actor.context = IN_TASK;
	prandom_seed_state(&thread->actor.rnd, own);
	thread->task = kthread_run(work, thread, "kspan_torture/%u", i);
	return PTR_ERR_OR_ZERO(thread->task);
}

static int __init torture_init(void)
{
	unsigned int i;
	int err = 0;

	if (!threads)
		threads = 2 * num_online_cpus();
	if (!seed)
		seed = get_random_u32();
	pr_info("seed %u, %u threads, %u objects\n", seed, threads, objects);
	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		pr_info("skipped on PREEMPT_RT: task-preemption-off task-interrupts-off\n");

	torture_nr_slots = max(objects, 1U);
	torture_slots = vzalloc(array_size(torture_nr_slots, sizeof(*torture_slots)));
	all = kcalloc(threads, sizeof(*all), GFP_KERNEL);
	if (!torture_slots || !all) {
		vfree(torture_slots);
		kfree(all);
		return -ENOMEM;
	}
	end = jiffies + seconds * HZ;
	atomic_set(&at_work, threads);
	for (i = 0; i < threads && !err; i++)
		err = start(&all[i], i);
	if (err)
		stop();
	return err;
}

static void print_sums(void)
{
	int cpu, i;

	for (i = 0; i < NR_OPS; i++) {
		unsigned long done = 0, failed = 0;

		for_each_possible_cpu(cpu) {
			done += per_cpu(counts, cpu).done[i];
			failed += per_cpu(counts, cpu).failed[i];
		}
		pr_info("op %s %lu failed %lu\n", op_names[i], done, failed);
	}
	for (i = 0; i < NR_CONTEXTS; i++) {
		unsigned long in = 0;

		for_each_possible_cpu(cpu)
			in += per_cpu(counts, cpu).in[i];
		pr_info("context %s %lu\n", context_names[i], in);
	}
	for_each_possible_cpu(cpu) {
		unsigned long in = 0;

		for (i = 0; i < NR_CONTEXTS; i++)
			in += per_cpu(counts, cpu).in[i];
		pr_info("cpu %d %lu\n", cpu, in);
	}
}

static void __exit torture_exit(void)
{
	stop();
	print_sums();
	pr_info("done, %d errors\n", atomic_read(&errors));
}

module_init(torture_init);
module_exit(torture_exit);
MODULE_DESCRIPTION("Everything that kspan offers, at random, from every context");
MODULE_LICENSE("GPL");
