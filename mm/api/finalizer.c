// SPDX-License-Identifier: GPL-2.0
/*
 * Finalizers and cleanups, as their users see them. They run in the order in which their objects
 * were freed: a finalizer before its object is freed, which it keeps alive until then; a cleanup
 * after, and it never sees the object. Those of one cache run one after the other, and those of
 * several caches wait for nobody else's.
 *
 * Locks: none here. The functions take and drop the lock of the span's records.
 */
#include <linux/rcupdate.h>

#include <kspan/kspan.h>

#include "api/api.h"
#include "api/deferred.h"
#include "base/compat.h"
#include "heap/heap.h"
#include "special/special.h"

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
	err = kspan_attach(span, obj, special);
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
	special = kspan_detach(span, obj, KSPAN_SPECIAL_FINALIZER);
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
	err = kspan_attach(span, obj, special);
	if (err)
		kspan_special_delete(special);
	return err;
}
EXPORT_SYMBOL_GPL(kspan_add_cleanup);

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

	if (kspan_finalizer_runs())
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
		kspan_finalizers_flush_all();
	}
}
EXPORT_SYMBOL_GPL(kspan_flush_finalizers);
