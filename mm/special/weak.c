// SPDX-License-Identifier: GPL-2.0
/*
 * Weak handles: a pointer that reads NULL from the moment its object is freed. The object has
 * one handle, held by the record on it and by everyone who got it. Its owner does not reuse the
 * memory of an object that had one before a grace period has passed, so that a reader who
 * dereferenced the handle under rcu_read_lock() may go on using the object until it unlocks.
 *
 * Locks: none here; that of the set is the caller's where one is needed.
 */
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/slab.h>

#include <kspan/kspan.h>

#include "base/compat.h"
#include "base/gfp.h"
#include "base/lock.h"
#include "special/special.h"

struct kspan_weak {
	void *obj kspan_marked;	/* written once more, to NULL, when the object is freed */
	refcount_t refs;	/* the record's, and one for each kspan_weak_get() */
	struct rcu_head rcu;
};

/* Nobody else knows it yet. */
struct kspan_special *kspan_weak_new(void *obj, gfp_t gfp)
	kspan_not_checked
{
	struct kspan_special *special = kspan_special_new(KSPAN_SPECIAL_WEAK, gfp);
	struct kspan_weak *weak;

	if (!special)
		return NULL;
	weak = kmalloc(sizeof(*weak), (gfp & KSPAN_GFP_METADATA) | __GFP_NOWARN);
	if (!weak) {
		kspan_special_delete(special);
		return NULL;
	}
	weak->obj = obj;
	refcount_set(&weak->refs, 2);	/* the record's and the caller's */
	special->weak.handle = weak;
	return special;
}
EXPORT_SYMBOL_FOR_TESTS(kspan_weak_new);

void kspan_weak_delete(struct kspan_special *special)
{
	kfree(special->weak.handle);
	kspan_special_delete(special);
}

struct kspan_weak *kspan_weak_find(struct kspan_special_set *set, u32 offset)
{
	struct kspan_special *special = kspan_special_find(set, offset, KSPAN_SPECIAL_WEAK);

	refcount_inc(&special->weak.handle->refs);
	return special->weak.handle;
}
EXPORT_SYMBOL_FOR_TESTS(kspan_weak_find);

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

/* The object of this unlinked record is being freed: its handle reads NULL from here on. */
void kspan_weak_release(struct kspan_special *special)
{
	WRITE_ONCE(special->weak.handle->obj, NULL);
	kspan_weak_put(special->weak.handle);
	kspan_special_delete(special);
}
EXPORT_SYMBOL_FOR_TESTS(kspan_weak_release);
