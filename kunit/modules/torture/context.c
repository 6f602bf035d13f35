// SPDX-License-Identifier: GPL-2.0
/*
 * The contexts that are no task: softirq (a timer, a hrtimer, a tasklet) and hardirq (a hrtimer,
 * an irq_work). A thread arms its own set again and again while it does its operations, so that
 * they interrupt it in the middle of one. The latter two are of the kind that PREEMPT_RT runs in
 * threads: there kspan promises nothing in true hardirq context, as kmalloc() does not.
 */
#include <linux/hrtimer.h>
#include <linux/interrupt.h>
#include <linux/irq_work.h>
#include <linux/slab.h>
#include <linux/timer.h>

#include "base/compat.h"
#include "torture.h"

#define BURST	4	/* operations at a time */

struct torture_contexts {
	struct {
		struct timer_list timer;
		struct torture_actor actor;
	} timer;
	struct torture_hrtimer {
		struct hrtimer timer;
		struct torture_actor actor;
	} soft, hard;
	struct {
		struct tasklet_struct tasklet;
		struct torture_actor actor;
	} tasklet;
	struct {
		struct irq_work work;
		struct torture_actor actor;
	} work;
};

static void timer_fires(struct timer_list *timer)
{
	struct torture_contexts *contexts = container_of(timer, struct torture_contexts,
							 timer.timer);

	torture_act(&contexts->timer.actor, BURST);
}

static enum hrtimer_restart hrtimer_fires(struct hrtimer *timer)
{
	struct torture_hrtimer *ours = container_of(timer, struct torture_hrtimer, timer);

	torture_act(&ours->actor, BURST);
	return HRTIMER_NORESTART;
}

static void tasklet_runs(struct tasklet_struct *tasklet)
{
	struct torture_contexts *contexts = from_tasklet(contexts, tasklet, tasklet.tasklet);

	torture_act(&contexts->tasklet.actor, BURST);
}

static void work_runs(struct irq_work *work)
{
	struct torture_contexts *contexts = container_of(work, struct torture_contexts, work.work);

	torture_act(&contexts->work.actor, BURST);
}

static void actor_init(struct torture_actor *actor, enum torture_context context, u64 seed)
{
	actor->context = context;
	prandom_seed_state(&actor->rnd, seed + context);
}

struct torture_contexts *torture_contexts_new(u64 seed)
{
	struct torture_contexts *contexts = kzalloc(sizeof(*contexts), GFP_KERNEL);

	if (!contexts)
		return NULL;
	timer_setup(&contexts->timer.timer, timer_fires, 0);
	actor_init(&contexts->timer.actor, IN_TIMER, seed);
	kspan_hrtimer_setup(&contexts->soft.timer, hrtimer_fires, CLOCK_MONOTONIC,
			    HRTIMER_MODE_REL_SOFT);
	actor_init(&contexts->soft.actor, IN_HRTIMER_SOFT, seed);
	kspan_hrtimer_setup(&contexts->hard.timer, hrtimer_fires, CLOCK_MONOTONIC,
			    HRTIMER_MODE_REL);
	actor_init(&contexts->hard.actor, IN_HRTIMER_HARD, seed);
	tasklet_setup(&contexts->tasklet.tasklet, tasklet_runs);
	actor_init(&contexts->tasklet.actor, IN_TASKLET, seed);
	init_irq_work(&contexts->work.work, work_runs);
	actor_init(&contexts->work.actor, IN_IRQ_WORK, seed);
	return contexts;
}

/* What is not under way already, is to run soon, and on this CPU. */
void torture_contexts_arm(struct torture_contexts *contexts, struct torture_actor *actor)
{
	ktime_t soft = 1000 * (1 + torture_random(actor, 400));
	ktime_t hard = 1000 * (1 + torture_random(actor, 400));

	if (!timer_pending(&contexts->timer.timer))
		mod_timer(&contexts->timer.timer, jiffies + 1);
	if (!hrtimer_active(&contexts->soft.timer))
		hrtimer_start(&contexts->soft.timer, soft, HRTIMER_MODE_REL_SOFT);
	tasklet_schedule(&contexts->tasklet.tasklet);
	if (!hrtimer_active(&contexts->hard.timer))
		hrtimer_start(&contexts->hard.timer, hard, HRTIMER_MODE_REL);
	irq_work_queue(&contexts->work.work);
}

void torture_contexts_free(struct torture_contexts *contexts)
{
	if (!contexts)
		return;
	kspan_timer_delete_sync(&contexts->timer.timer);
	hrtimer_cancel(&contexts->soft.timer);
	hrtimer_cancel(&contexts->hard.timer);
	tasklet_kill(&contexts->tasklet.tasklet);
	irq_work_sync(&contexts->work.work);
	kfree(contexts);
}
