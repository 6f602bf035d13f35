// SPDX-License-Identifier: GPL-2.0
/*
 * Finalizers and cleanups. Both run in process context, those of one cache one after the other, in
 * the order in which their objects were freed: a finalizer before its object is freed, which it
 * keeps alive until then; a cleanup after, and it never sees the object.
 *
 * They are other modules' code, which may wait for anything, so that none of them may keep those
 * of another module from running: each cache has a queue of its own, and whoever destroys a cache
 * waits for no other. Their workqueue is not one that memory reclaim may wait for (WQ_MEM_RECLAIM),
 * since then they could not wait for the work of most others.
 *
 * Locks: none of its own. The queues are lock-free, so that any context but NMI may free.
 */
#include <linux/list.h>
#include <linux/llist.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/workqueue.h>

#include <kspan/kspan.h>

#include "api/deferred.h"
#include "api/free.h"
#include "base/compat.h"
#include "base/stats.h"
#include "heap/cache.h"
#include "heap/pagemap.h"
#include "heap/span.h"
#include "special/finalizer.h"
#include "special/special.h"

static struct workqueue_struct *client_wq;

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
	struct kspan_finalizers *self = container_of(work, struct kspan_finalizers, work);
	struct llist_node *list = llist_reverse_order(llist_del_all(&self->queue));
	struct kspan_special *special, *next;

	llist_for_each_entry_safe(special, next, list, queue) {
		run_one(special);
		cond_resched();
	}
	/* After whatever they have left to a grace period: see kspan_finalizers_settle(). */
	WRITE_ONCE(self->runs, self->runs + 1);
}

/* Is this a finalizer or a cleanup, or called by one? */
static bool in_callback(void)
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

void kspan_finalizers_close(struct kspan_finalizers *self)
{
	flush_work(&self->work);
	lockdep_unregister_key(&self->key);
}

void kspan_finalizer_queue(struct kspan_cache *cache, struct kspan_special *special)
{
	llist_add(&special->queue, &cache->finalizers.queue);
	queue_work(client_wq, &cache->finalizers.work);
}

void kspan_finalizers_settle(struct kspan_finalizers *self)
{
	unsigned long runs;

	/*
	 * A grace period brings finalizers, and finalizers free, perhaps to a grace period. It is
	 * over when after a wait for grace periods no finalizer is about to run, and none has
	 * ended since before it, which could have come too late for it.
	 */
	do {
		runs = READ_ONCE(self->runs);
		kspan_rcu_flush();
		flush_work(&self->work);
	} while (READ_ONCE(self->runs) != runs);
}

/* As kspan_rcu_idle(), of all caches. Process context; takes kspan_cache_mutex. */
bool kspan_finalizer_idle(void)
{
	struct list_head *const lists[] = { &kspan_caches, &kspan_left_caches };
	struct kspan_cache *cache;
	bool idle = true;
	int i;

	mutex_lock(&kspan_cache_mutex);
	for (i = 0; i < ARRAY_SIZE(lists); i++)
		list_for_each_entry(cache, lists[i], list)
			idle &= llist_empty(&cache->finalizers.queue) &&
				!work_busy(&cache->finalizers.work);
	mutex_unlock(&kspan_cache_mutex);
	return idle;
}
EXPORT_SYMBOL_FOR_TESTS(kspan_finalizer_idle);

/**
 * kspan_flush_finalizers() - wait for finalizers and cleanups
 *
 * Returns once every finalizer and cleanup of the objects that were freed before has run, those
 * that wait for a grace period included. A module calls it after its last free and before its
 * functions go away. It waits for other modules' too: not with a lock held that one of those may
 * want. kspan_cache_destroy() waits for those of its cache alone.
 *
 * Context: process context, sleeps; not from work that memory reclaim waits for (WQ_MEM_RECLAIM).
 * From a finalizer or cleanup it returns at once.
 */
void kspan_flush_finalizers(void)
{
	int i;

	if (in_callback())
		return;
	/*
	 * An object may wait for a grace period because somebody else has just put its span on
	 * the list, or is about to: that is done inside rcu_read_lock().
	 */
	synchronize_rcu();
	/*
	 * What was left to a grace period is freed after it, which queues its finalizer; that one
	 * frees in turn, perhaps to a grace period too, and then there may be cleanups.
	 */
	for (i = 0; i < 2; i++) {
		kspan_rcu_flush();
		flush_workqueue(client_wq);
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
	client_wq = alloc_workqueue("kspan_clients", WQ_UNBOUND, 0);
	return client_wq ? 0 : -ENOMEM;
}

void kspan_finalizer_exit(void)
{
	destroy_workqueue(client_wq);
}
