// SPDX-License-Identifier: GPL-2.0
/*
 * Frees that wait for a grace period, with nothing to allocate and nothing that can fail: an
 * object that waits is marked in its state byte, and its span hangs on a list by a node of its
 * own. A worker takes the list, turns the marks RCU_NEXT into RCU_WAIT, waits for a grace
 * period and frees what is marked RCU_WAIT. What was marked in between waits for the next turn.
 *
 * An object in either state keeps its span alive. No lock is taken; the list is lock-free, so
 * that any context but NMI may defer.
 */
#include <linux/irq_work.h>
#include <linux/llist.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/workqueue.h>

#include "api/deferred.h"
#include "api/free.h"
#include "base/compat.h"
#include "base/lock.h"
#include "base/report.h"
#include "base/stats.h"
#include "base/work.h"
#include "heap/heap.h"
#include "special/special.h"

static LLIST_HEAD(pending);		/* spans, by rcu_node; anybody adds, the worker takes all */

static void rcu_worker(struct work_struct *work);
static DECLARE_WORK(kspan_rcu_work, rcu_worker);

/* Where waking the worker would take locks below one of kspan's. */
static void kick(struct irq_work *work)
{
	queue_work(kspan_wq, &kspan_rcu_work);
}

/* In an interrupt on PREEMPT_RT as well: there a thread might never get this CPU. */
static struct irq_work rcu_kick = IRQ_WORK_INIT_HARD(kick);

static void enqueue(struct kspan_span *span)
{
	/* A full barrier: the worker that clears the bit later sees the mark set before. */
	if (test_and_set_bit(KSPAN_SPAN_RCU_QUEUED, &span->flags))
		return;
	llist_add(&span->rcu_node, &pending);
	if (unlikely(kspan_nested()))
		irq_work_queue(&rcu_kick);
	else
		queue_work(kspan_wq, &kspan_rcu_work);
}

void kspan_rcu_defer(struct kspan_span *span)
{
	kspan_count(KSPAN_RCU_FREES);
	/* After the mark: whoever sees the count sees that too. */
	atomic_inc_return_release(&span->nr_waits);
	enqueue(span);
}

static void mark_waiting(struct kspan_span *span)
{
	unsigned int i;

	for (i = 0; i < span->nr_objs; i++)
		if (READ_ONCE(span->state[i]) == KSPAN_STATE_RCU_NEXT)
			WRITE_ONCE(span->state[i], KSPAN_STATE_RCU_WAIT);
}

static bool has_next(const struct kspan_span *span)
{
	unsigned int i;

	for (i = 0; i < span->nr_objs; i++)
		if (READ_ONCE(span->state[i]) == KSPAN_STATE_RCU_NEXT)
			return true;
	return false;
}

/*
 * @nr of those that wait have been found. If that is not all, and none waits for another grace
 * period, another CPU has freed one at the same moment, and wiped the mark out: that is the free
 * that counts.
 */
static void check_lost(struct kspan_span *span, unsigned int nr)
{
	int lost = atomic_sub_return(nr, &span->nr_waits);

	if (likely(!lost) || has_next(span))
		return;
	atomic_sub(lost, &span->nr_waits);
	while (lost-- > 0)
		kspan_report(KSPAN_DOUBLE_FREES, span->base,
			     "double free in this span by two CPUs at once, cache %s",
			     kspan_cache_name(span->cache));
}

static void free_waiting(struct kspan_span *span)
{
	unsigned int i, left = 0;

	for (i = 0; i < span->nr_objs; i++)
		left += READ_ONCE(span->state[i]) == KSPAN_STATE_RCU_WAIT;
	check_lost(span, left);

	/* Off the list while an object of it still waits: after the last, the span may be gone. */
	clear_bit(KSPAN_SPAN_RCU_QUEUED, &span->flags);
	smp_mb__after_atomic();		/* pairs with test_and_set_bit() in enqueue() */
	if (has_next(span))
		enqueue(span);

	for (i = 0; left && i < span->nr_objs; i++) {
		if (READ_ONCE(span->state[i]) != KSPAN_STATE_RCU_WAIT)
			continue;
		left--;
		kspan_free_waited(span, i);
	}
}

static void rcu_worker(struct work_struct *work)
{
	struct llist_node *batch = llist_del_all(&pending);
	struct kspan_span *span, *next;

	if (!batch)
		return;
	llist_for_each_entry(span, batch, rcu_node)
		mark_waiting(span);
	synchronize_rcu();
	llist_for_each_entry_safe(span, next, batch, rcu_node) {
		/* With its last mark wiped out it may go at any moment: see check_lost(). */
		rcu_read_lock();
		free_waiting(span);
		rcu_read_unlock();
		cond_resched();
	}
}

/* Does nothing wait? For tests, which then need not wait either. */
bool kspan_rcu_idle(void)
{
	return llist_empty(&pending) && !work_busy(&kspan_rcu_work);
}
EXPORT_SYMBOL_FOR_TESTS(kspan_rcu_idle);

void kspan_rcu_flush(void)
{
	irq_work_sync(&rcu_kick);
	/*
	 * Whoever puts a span on the list queues the worker, so that there is nothing to wait for
	 * if it is idle. If it is busy with an older batch, spans with newer marks are put back on
	 * the list at the end of that, which queues it once more.
	 */
	flush_work(&kspan_rcu_work);
	flush_work(&kspan_rcu_work);
}
EXPORT_SYMBOL_FOR_TESTS(kspan_rcu_flush);

void kspan_settle(struct kspan_finalizers *finalizers)
{
	/* Pairs with run_queue(): what it has left to others, those find who wait from here on. */
	unsigned long runs, now = smp_load_acquire(&finalizers->runs);

	/*
	 * A grace period brings finalizers, and finalizers free, perhaps to a grace period. It is
	 * over when after a wait for grace periods no finalizer is about to run, and none has
	 * ended since before it, which could have come too late for it.
	 */
	do {
		runs = now;
		kspan_rcu_flush();
		now = kspan_finalizers_flush(finalizers);
	} while (now != runs);
}
