// SPDX-License-Identifier: GPL-2.0
/*
 * Weak handles, as their users get them. What a handle is, and how it is read and put, is the
 * record's business: special/weak.c.
 *
 * Locks: that of the span's records, under which the object gets its one handle.
 */
#include <linux/err.h>

#include <kspan/kspan.h>

#include "api/api.h"
#include "base/lock.h"
#include "heap/heap.h"
#include "special/special.h"

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
	struct kspan_special *special;
	struct kspan_weak *weak;
	unsigned long flags;
	int err;

	if (!span)
		return ERR_PTR(-EINVAL);
	special = kspan_weak_new(obj, gfp);
	if (!special)
		return ERR_PTR(-ENOMEM);
	weak = special->weak.handle;

	kspan_lock(&span->specials.lock, flags);
	err = kspan_attach_locked(span, obj, special);
	if (err == -EEXIST)
		weak = kspan_weak_find(&span->specials, obj - span->base);
	kspan_unlock(&span->specials.lock, flags);

	if (err)
		kspan_weak_delete(special);
	return err && err != -EEXIST ? ERR_PTR(err) : weak;
}
EXPORT_SYMBOL_GPL(kspan_weak_get);
