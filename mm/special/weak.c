// SPDX-License-Identifier: GPL-2.0
/*
 * Weak handles: a pointer that reads NULL from the moment its object is freed. The object has
 * one handle, held by the special on it and by everyone who got it; freed objects that had one
 * are not reused before a grace period (free.c sees to that), so that a reader who dereferenced
 * the handle under rcu_read_lock() may go on using the object until it unlocks.
 *
 * Locks: the span's special_lock, for a look at the tree.
 */
#include <linux/err.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/slab.h>

#include <kspan/kspan.h>

#include "api/free.h"
#include "base/compat.h"
#include "base/lock.h"
#include "heap/span.h"
#include "special/special.h"
#include "special/weak.h"

struct kspan_weak {
	void *obj;		/* written once more, to NULL, when the object is freed */
	refcount_t refs;
	struct rcu_head rcu;
};

/**
 * kspan_weak_get() - get the weak handle of an object
 * @obj: an allocated object, its first byte
 * @gfp: how to allocate the handle, the first time
 *
 * Context: any but NMI; sleeps only if @gfp lets it.
 * Return: the handle, with a reference to be dropped with kspan_weak_put(); always the same for
 * one object. ERR_PTR(-ENOMEM); ERR_PTR(-EINVAL) if @obj is not an allocated object of kspan's.
 */
struct kspan_weak *kspan_weak_get(void *obj, gfp_t gfp)
{
	struct kspan_span *span = kspan_free_find(obj);
	struct kspan_special *spare, *special;
	struct kspan_weak *weak;
	unsigned long flags;
	int err;

	if (!span)
		return ERR_PTR(-EINVAL);
	spare = kspan_special_new(KSPAN_SPECIAL_WEAK, gfp);
	if (!spare)
		return ERR_PTR(-ENOMEM);
	weak = kmalloc(sizeof(*weak), (gfp & KSPAN_GFP_METADATA) | __GFP_NOWARN);
	if (!weak) {
		kspan_special_delete(spare);
		return ERR_PTR(-ENOMEM);
	}
	weak->obj = obj;
	refcount_set(&weak->refs, 2);	/* the special's and the caller's */
	spare->weak.handle = weak;

	kspan_lock(&span->special_lock, flags);
	err = kspan_special_add_locked(span, obj, spare);
	if (err == -EEXIST) {
		special = kspan_special_find(span, obj - span->base, KSPAN_SPECIAL_WEAK);
		weak = special->weak.handle;
		refcount_inc(&weak->refs);
	}
	kspan_unlock(&span->special_lock, flags);

	if (err) {
		kfree(spare->weak.handle);
		kspan_special_delete(spare);
	}
	return err && err != -EEXIST ? ERR_PTR(err) : weak;
}
EXPORT_SYMBOL_GPL(kspan_weak_get);

/**
 * kspan_weak_deref() - the object behind a weak handle
 * @weak: the handle
 *
 * Context: any, inside rcu_read_lock().
 * Return: the object, which stays what it is until rcu_read_unlock(); NULL once it was freed.
 */
void *kspan_weak_deref(struct kspan_weak *weak)
{
	RCU_LOCKDEP_WARN(!rcu_read_lock_held() && !rcu_read_lock_sched_held(),
			 "weak handle dereferenced outside rcu_read_lock()");
	/* Pairs with kspan_weak_release(); the object is seen as when the handle was made. */
	return smp_load_acquire(&weak->obj);
}
EXPORT_SYMBOL_GPL(kspan_weak_deref);

/**
 * kspan_weak_put() - drop a reference to a weak handle
 * @weak: the handle
 *
 * Context: any but NMI.
 */
void kspan_weak_put(struct kspan_weak *weak)
{
	/* A handle too many is no harm; what frees it late is not for NMI. */
	if (kspan_refuse_nmi())
		return;
	if (refcount_dec_and_test(&weak->refs))
		kfree_rcu(weak, rcu);
}
EXPORT_SYMBOL_GPL(kspan_weak_put);

/* The object of this unlinked special is being freed: its handle reads NULL from here on. */
void kspan_weak_release(struct kspan_special *special)
{
	WRITE_ONCE(special->weak.handle->obj, NULL);
	kspan_weak_put(special->weak.handle);
	kspan_special_delete(special);
}
