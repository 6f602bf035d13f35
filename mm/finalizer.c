// SPDX-License-Identifier: GPL-2.0
/*
 * Finalizers and cleanups. Both run in process context, one after the other, in the order in
 * which their objects were freed: a finalizer before its object is freed, which it keeps alive
 * until then; a cleanup after, and it never sees the object.
 *
 * Locks: none of its own. The queue is lock-free, so that any context but NMI may free.
 */
#include <linux/llist.h>
#include <linux/sched.h>
#include <linux/workqueue.h>

#include <kspan/kspan.h>

#include "compat.h"
#include "finalizer.h"
#include "free.h"
#include "pagemap.h"
#include "rcu.h"
#include "span.h"
#include "special.h"
#include "stats.h"

struct workqueue_struct *kspan_wq;

static LLIST_HEAD(queue);

static void run_one(struct kspan_special *special)
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
	kspan_free_finalized(copy.finalizer.obj, copy.finalizer.had_weak);
}

static void run_queue(struct work_struct *work)
{
	struct llist_node *list = llist_reverse_order(llist_del_all(&queue));
	struct kspan_special *special, *next;

	llist_for_each_entry_safe(special, next, list, queue) {
		run_one(special);
		cond_resched();
	}
}

static DECLARE_WORK(kspan_finalizer_work, run_queue);

void kspan_finalizer_queue(struct kspan_special *special)
{
	llist_add(&special->queue, &queue);
	queue_work(kspan_wq, &kspan_finalizer_work);
}

/* As kspan_rcu_idle(). */
bool kspan_finalizer_idle(void)
{
	return llist_empty(&queue) && !work_busy(&kspan_finalizer_work);
}
EXPORT_SYMBOL_FOR_TESTS(kspan_finalizer_idle);

/**
 * kspan_flush_finalizers() - wait for finalizers and cleanups
 *
 * Returns once every finalizer and cleanup of the objects that were freed before has run, those
 * that wait for a grace period included. A module calls it after its last free and before its
 * functions go away.
 *
 * Context: process context, sleeps. From a finalizer or cleanup it returns at once.
 */
void kspan_flush_finalizers(void)
{
	int i;

	if (current_work() == &kspan_finalizer_work)
		return;
	/*
	 * What was left to a grace period is freed after it, which queues its finalizer; that one
	 * frees in turn, perhaps to a grace period too, and then there may be cleanups.
	 */
	for (i = 0; i < 2; i++) {
		kspan_rcu_flush();
		queue_work(kspan_wq, &kspan_finalizer_work);
		flush_work(&kspan_finalizer_work);
	}
}
EXPORT_SYMBOL_GPL(kspan_flush_finalizers);

/**
 * kspan_set_finalizer() - run a function when an object is freed
 * @obj: an allocated object, its first byte
 * @fn: called once with @obj and @arg, in process context, after the object was freed
 * @arg: for @fn
 * @gfp: how to allocate the record
 *
 * When the object is freed it stays allocated until @fn has returned, and is freed then. A
 * second kspan_free() in between is a double free.
 *
 * Context: any but NMI; sleeps only if @gfp lets it.
 * Return: 0; -EEXIST if the object has a finalizer; -ENOMEM; -EINVAL if it is not an allocated
 * object of kspan's, or @fn is NULL.
 */
int kspan_set_finalizer(void *obj, void (*fn)(void *obj, void *arg), void *arg, gfp_t gfp)
{
	struct kspan_special *special;
	struct kspan_span *span = kspan_free_find(obj);
	int err;

	if (!span || !fn)
		return -EINVAL;
	special = kspan_special_new(KSPAN_SPECIAL_FINALIZER, gfp);
	if (!special)
		return -ENOMEM;
	special->finalizer.fn = fn;
	special->finalizer.arg = arg;
	special->finalizer.obj = obj;
	err = kspan_special_add(span, obj, special);
	if (err)
		kspan_special_delete(special);
	return err;
}
EXPORT_SYMBOL_GPL(kspan_set_finalizer);

/**
 * kspan_clear_finalizer() - take an object's finalizer away
 * @obj: an allocated object
 *
 * Context: any but NMI.
 * Return: true if there was one; false also when it has been queued already.
 */
bool kspan_clear_finalizer(void *obj)
{
	struct kspan_span *span = kspan_free_find(obj);
	struct kspan_special *special;

	if (!span)
		return false;
	special = kspan_special_remove(span, obj, KSPAN_SPECIAL_FINALIZER);
	if (!special)
		return false;
	kspan_special_delete(special);
	return true;
}
EXPORT_SYMBOL_GPL(kspan_clear_finalizer);

/**
 * kspan_add_cleanup() - run a function after an object is gone
 * @obj: an allocated object, its first byte
 * @fn: called once with @arg, in process context, after the memory was given back
 * @arg: for @fn; must not be the object
 * @gfp: how to allocate the record
 *
 * An object may have any number of cleanups; they run in the order in which they were added.
 *
 * Context: any but NMI; sleeps only if @gfp lets it.
 * Return: 0; -ENOMEM; -EINVAL as kspan_set_finalizer().
 */
int kspan_add_cleanup(void *obj, void (*fn)(void *arg), void *arg, gfp_t gfp)
{
	struct kspan_special *special;
	struct kspan_span *span = kspan_free_find(obj);
	int err;

	if (!span || !fn)
		return -EINVAL;
	special = kspan_special_new(KSPAN_SPECIAL_CLEANUP, gfp);
	if (!special)
		return -ENOMEM;
	special->cleanup.fn = fn;
	special->cleanup.arg = arg;
	err = kspan_special_add(span, obj, special);
	if (err)
		kspan_special_delete(special);
	return err;
}
EXPORT_SYMBOL_GPL(kspan_add_cleanup);

int kspan_finalizer_init(void)
{
	kspan_wq = alloc_workqueue("kspan", WQ_MEM_RECLAIM | WQ_UNBOUND, 0);
	return kspan_wq ? 0 : -ENOMEM;
}

void kspan_finalizer_exit(void)
{
	destroy_workqueue(kspan_wq);
}
