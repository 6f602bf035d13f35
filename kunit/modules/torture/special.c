// SPDX-License-Identifier: GPL-2.0
/*
 * Finalizers, cleanups and weak handles under torture. Each finalizer and cleanup that was added
 * must run once, unless it was taken away; a finalizer must find its object as it was. Handles
 * are shared in a table of their own: who dereferences one finds the object intact until the
 * end of the grace period, whatever its owner does meanwhile.
 */
#include <linux/err.h>
#include <linux/rcupdate.h>

#include "torture.h"

#define NR_SHARED	64

/* A handle that anyone may use, and what its object held when it was shared. */
struct shared {
	atomic_t busy;
	struct kspan_weak *weak;	/* NULL: none; this and the rest under busy */
	void *obj;
	struct torture_content content;
};

static struct shared shared[NR_SHARED];
static atomic_long_t finalizers_due, cleanups_due;

static void *pack(struct torture_content content)
{
	void *arg;

	memcpy(&arg, &content, sizeof(arg));
	return arg;
}

static void finalize(void *obj, void *arg)
{
	struct torture_content content;

	memcpy(&content, &arg, sizeof(content));
	torture_content_check(obj, obj, content, SIZE_MAX, "finalized");
	if (!kspan_owns(obj))
		torture_error("finalized: object %px is gone already", obj);
	atomic_long_dec(&finalizers_due);
	torture_count(OP_FINALIZED, false);
}

static void clean(void *arg)
{
	if (arg != &cleanups_due)
		torture_error("cleaned: the argument is %px", arg);
	atomic_long_dec(&cleanups_due);
	torture_count(OP_CLEANED, false);
}

static void set_finalizer(struct torture_actor *actor, struct torture_slot *slot)
{
	/* Nobody else frees the object, so this is not too late. */
	int err = kspan_set_finalizer(slot->obj, finalize, pack(slot->content), torture_gfp(actor));

	torture_count(OP_FINALIZER, err == -ENOMEM);
	if (!err) {
		atomic_long_inc(&finalizers_due);
		if (slot->finalizer)
			torture_error("a second finalizer for object %px", slot->obj);
		slot->finalizer = true;
	} else if (err != -ENOMEM && !(err == -EEXIST && slot->finalizer)) {
		torture_error("a finalizer for object %px: error %d", slot->obj, err);
	}
}

static void clear_finalizer(struct torture_slot *slot)
{
	bool cleared = kspan_clear_finalizer(slot->obj);

	torture_count(OP_CLEAR, !cleared);
	if (cleared != slot->finalizer)
		torture_error("object %px had %s finalizer", slot->obj, cleared ? "a" : "no");
	if (cleared)
		atomic_long_dec(&finalizers_due);
	slot->finalizer = false;
}

static void add_cleanup(struct torture_actor *actor, struct torture_slot *slot)
{
	int err = kspan_add_cleanup(slot->obj, clean, &cleanups_due, torture_gfp(actor));

	torture_count(OP_CLEANUP, err);
	if (!err)
		atomic_long_inc(&cleanups_due);
	else if (err != -ENOMEM)
		torture_error("a cleanup for object %px: error %d", slot->obj, err);
}

/* Puts a handle into the table, or drops it. */
static void share(struct torture_actor *actor, const struct torture_slot *slot,
		  struct kspan_weak *weak)
{
	struct shared *to = &shared[torture_random(actor, NR_SHARED)];

	if (torture_trylock(&to->busy)) {
		swap(to->weak, weak);
		to->obj = slot->obj;
		to->content = slot->content;
		torture_unlock(&to->busy);
	}
	if (weak) {
		kspan_weak_put(weak);
		torture_count(OP_WEAK_PUT, false);
	}
}

static void get_weak(struct torture_actor *actor, struct torture_slot *slot)
{
	struct kspan_weak *weak = kspan_weak_get(slot->obj, torture_gfp(actor));

	torture_count(OP_WEAK_GET, IS_ERR(weak));
	if (IS_ERR(weak)) {
		if (PTR_ERR(weak) != -ENOMEM)
			torture_error("a handle of object %px: error %ld", slot->obj,
				      PTR_ERR(weak));
		return;
	}
	if (!slot->weak) {
		slot->weak = weak;
		return;
	}
	if (weak != slot->weak)
		torture_error("object %px has two handles", slot->obj);
	share(actor, slot, weak);
}

/* Does something with the records of the object of @slot. */
void torture_special_any(struct torture_actor *actor, struct torture_slot *slot)
{
	switch (torture_random(actor, 8)) {
	case 0 ... 1:
		set_finalizer(actor, slot);
		break;
	case 2:
		clear_finalizer(slot);
		break;
	case 3 ... 4:
		add_cleanup(actor, slot);
		break;
	default:
		get_weak(actor, slot);
	}
}

/* The object that @old had was freed just now: nobody must find it any more. */
void torture_special_freed(const struct torture_slot *old)
{
	if (!old->weak)
		return;
	rcu_read_lock();
	if (kspan_weak_deref(old->weak))
		torture_error("freed: object %px is found through its handle", old->obj);
	rcu_read_unlock();
	kspan_weak_put(old->weak);
	torture_count(OP_WEAK_PUT, false);
}

/* Follows a handle of the table; now and then drops it after. */
void torture_weak_any(struct torture_actor *actor)
{
	struct shared *from = &shared[torture_random(actor, NR_SHARED)];
	struct kspan_weak *drop = NULL;
	void *obj;

	if (!torture_trylock(&from->busy))
		return;
	if (from->weak) {
		rcu_read_lock();
		obj = kspan_weak_deref(from->weak);
		torture_count(OP_WEAK_DEREF, !obj);
		if (obj && obj != from->obj)
			torture_error("the handle of object %px leads to %px", from->obj, obj);
		else if (obj)
			torture_content_check(obj, obj, from->content, SIZE_MAX, "found by handle");
		rcu_read_unlock();
		if (torture_one_in(actor, 8))
			swap(drop, from->weak);
	}
	torture_unlock(&from->busy);
	if (drop) {
		kspan_weak_put(drop);
		torture_count(OP_WEAK_PUT, false);
	}
}

/* Every object has been freed: what was due must have run. */
void torture_special_end(void)
{
	int i;

	for (i = 0; i < NR_SHARED; i++)
		if (shared[i].weak)
			kspan_weak_put(shared[i].weak);
	kspan_flush_finalizers();
	if (atomic_long_read(&finalizers_due))
		torture_error("%ld finalizers did not run", atomic_long_read(&finalizers_due));
	if (atomic_long_read(&cleanups_due))
		torture_error("%ld cleanups did not run", atomic_long_read(&cleanups_due));
}
