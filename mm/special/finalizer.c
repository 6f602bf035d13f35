// SPDX-License-Identifier: GPL-2.0
/*
 * Finalizers and cleanups that wait to run. Both run in process context, those of one queue one
 * after the other, in the order in which they were queued.
 *
 * They are other modules' code, which may wait for anything, so that none of them may keep those
 * of another module from running: each owner has a queue of its own, and whoever waits for his
 * waits for no other. Their workqueue is not one that memory reclaim may wait for (WQ_MEM_RECLAIM),
 * since then they could not wait for the work of most others.
 *
 * Locks: none. The queues are lock-free, so that any context but NMI may queue.
 */
#include <linux/llist.h>
#include <linux/sched.h>
#include <linux/workqueue.h>

#include "base/compat.h"
#include "base/stats.h"
#include "special/special.h"

static struct workqueue_struct *client_wq;

static void run_one(struct kspan_special *special)
	kspan_no_lock
{
	struct kspan_special copy = *special;

	/* Gone before the callback runs, which may free what its module keeps. */
	kspan_special_delete(special);
	if (copy.kind == KSPAN_SPECIAL_CLEANUP) {
		copy.cleanup.fn(copy.cleanup.arg);
		kspan_count(KSPAN_CLEANUPS_RUN);
		return;
	}
	copy.finalizer.fn(copy.finalizer.obj, copy.finalizer.arg);
	kspan_count(KSPAN_FINALIZERS_RUN);
	copy.finalizer.then(copy.finalizer.obj);
}

static void run_queue(struct work_struct *work)
{
	struct kspan_finalizers *self = container_of(work, struct kspan_finalizers, work);
	struct llist_node *list = llist_reverse_order(llist_del_all(&self->queue));
	struct kspan_special *special, *next;

	llist_for_each_entry_safe(special, next, list, queue) {
		run_one(special);
		cond_resched();
	}
	/* After whatever they have left to others: pairs with kspan_settle(). */
	smp_store_release(&self->runs, READ_ONCE(self->runs) + 1);
}

bool kspan_finalizer_runs(void)
{
	const struct work_struct *work = current_work();

	return work && work->func == run_queue;
}

void kspan_finalizers_open(struct kspan_finalizers *self)
{
	init_llist_head(&self->queue);
	INIT_WORK(&self->work, run_queue);
	/* One class for all would take the lock of one module for that of another. */
	lockdep_register_key(&self->key);
	lockdep_init_map(&self->work.lockdep_map, "kspan_finalizer_work", &self->key, 0);
}
EXPORT_SYMBOL_FOR_TESTS(kspan_finalizers_open);

void kspan_finalizers_close(struct kspan_finalizers *self)
{
	flush_work(&self->work);
	lockdep_unregister_key(&self->key);
}
EXPORT_SYMBOL_FOR_TESTS(kspan_finalizers_close);

void kspan_finalizers_add(struct kspan_finalizers *self, struct kspan_special *special)
{
	llist_add(&special->queue, &self->queue);
	queue_work(client_wq, &self->work);
}
EXPORT_SYMBOL_FOR_TESTS(kspan_finalizers_add);

unsigned long kspan_finalizers_flush(struct kspan_finalizers *self)
{
	flush_work(&self->work);
	return smp_load_acquire(&self->runs);	/* pairs with run_queue() */
}
EXPORT_SYMBOL_FOR_TESTS(kspan_finalizers_flush);

void kspan_finalizers_flush_all(void)
{
	flush_workqueue(client_wq);
}

/* For tests, which need not wait where nothing does. */
bool kspan_finalizers_idle(struct kspan_finalizers *self)
{
	return llist_empty(&self->queue) && !work_busy(&self->work);
}
EXPORT_SYMBOL_FOR_TESTS(kspan_finalizers_idle);

int kspan_finalizer_init(void)
{
	client_wq = alloc_workqueue("kspan_clients", WQ_UNBOUND, 0);
	return client_wq ? 0 : -ENOMEM;
}

void kspan_finalizer_exit(void)
{
	destroy_workqueue(client_wq);
}
