// SPDX-License-Identifier: GPL-2.0
/*
 * Records on the objects of spans: what is hung on an object has to be said in its state byte, so
 * that a free looks for records where there are some, and nowhere else. Both change under the lock
 * of the span's records. Whoever frees the object unlinks them, with the set alone.
 *
 * Locks: that of the span's records, a leaf.
 */
#include "base/compat.h"
#include "base/lock.h"
#include "heap/attach.h"
#include "heap/span.h"

/*
 * Hangs @special on @obj. 0; -EINVAL when the object is not allocated; -EEXIST when it has one
 * of that kind and may have only one.
 */
int kspan_attach_locked(struct kspan_span *span, void *obj, struct kspan_special *special)
{
	int index = kspan_span_index(span, obj), err;
	u8 state;

	lockdep_assert_held(&span->specials.lock);
	if (index < 0)
		return -EINVAL;
	state = READ_ONCE(span->state[index]);
	if (state != KSPAN_STATE_ALLOCATED && state != KSPAN_STATE_SPECIALS)
		return -EINVAL;
	err = kspan_special_add(&span->specials, obj - span->base, special);
	/*
	 * The owner of the object reads this when it frees. Whoever has come by a weak handle is
	 * not the owner, who may be freeing at this moment: then it is SPECIALS already.
	 */
	if (!err && state == KSPAN_STATE_ALLOCATED)
		WRITE_ONCE(span->state[index], KSPAN_STATE_SPECIALS);
	return err;
}

int kspan_attach(struct kspan_span *span, void *obj, struct kspan_special *special)
{
	unsigned long flags;
	int err;

	kspan_lock(&span->specials.lock, flags);
	err = kspan_attach_locked(span, obj, special);
	kspan_unlock(&span->specials.lock, flags);
	return err;
}
EXPORT_SYMBOL_FOR_TESTS(kspan_attach);

/* Takes the one record of @kind off an allocated object; NULL if it has none. */
struct kspan_special *kspan_detach(struct kspan_span *span, void *obj,
				   enum kspan_special_kind kind)
{
	struct kspan_special *special = NULL;
	int index = kspan_span_index(span, obj);
	unsigned long flags;

	if (kspan_refuse_nested())
		return NULL;
	kspan_lock(&span->specials.lock, flags);
	/* In any other state the records belong to whoever is freeing the object. */
	if (index >= 0 && READ_ONCE(span->state[index]) == KSPAN_STATE_SPECIALS)
		special = kspan_special_remove(&span->specials, obj - span->base, kind);
	kspan_unlock(&span->specials.lock, flags);
	return special;
}
EXPORT_SYMBOL_FOR_TESTS(kspan_detach);
