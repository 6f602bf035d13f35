/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Specials: records that hang on single objects. Few objects have any, so that an object has no
 * place for them: a set keeps those of many objects in one tree, and knows an object by its offset.
 *
 * Whoever owns objects embeds a set; a span does. The set has the lock, and the owner decides what
 * it is good for besides: what an object says of itself, that it is there, that it has records,
 * changes under it together with the tree. Nothing here knows what an object is, or where.
 *
 * The life of a record: it is allocated, with no lock held; it is added, and belongs to its object;
 * it is unlinked, and is on a list of whoever did that; and he releases it, with no lock held. What
 * that means is the kind's:
 *
 *	profile		a sample: it is taken out of its bucket, see mm/tracing.c
 *	finalizer	a function that is called with the object before that is freed
 *	cleanup		a function that is called after the object is gone
 *	weak		a handle, which reads NULL from then on
 *
 * Finalizers and cleanups are other modules' functions. They wait in queues, which owners have as
 * well, for a worker in process context. What is to become of an object whose finalizer has run,
 * its owner has said: a record brings the function for it.
 *
 * Locks: that of a set, a leaf: under it nothing is allocated, freed or called.
 */
#ifndef _KSPAN_SPECIAL_H
#define _KSPAN_SPECIAL_H

#include <linux/llist.h>
#include <linux/lockdep.h>
#include <linux/rbtree.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/workqueue.h>

#include "base/lock.h"

struct kspan_bucket;
struct kspan_buf;
struct kspan_weak;

/* In the order in which they stand in the tree; at most one of each but cleanups. */
enum kspan_special_kind {
	KSPAN_SPECIAL_PROFILE,
	KSPAN_SPECIAL_FINALIZER,
	KSPAN_SPECIAL_CLEANUP,
	KSPAN_SPECIAL_WEAK,
	KSPAN_NR_SPECIALS
};

/*
 * The first member is under the lock of the set while the record is in one. The others are written
 * before it is added, and after it was unlinked are those of whoever did that.
 */
struct kspan_special {
	union {
		struct rb_node node;		/* in the tree; under the lock */
		struct kspan_special *next;	/* on the private list of whoever unlinked it */
		struct llist_node queue;	/* a finalizer or cleanup that waits to run */
	};
	u32 offset;				/* of the object in its set */
	u8 kind;
	union {
		struct {
			struct kspan_bucket *bucket;
			u64 weight;		/* what the bucket counted; 1 / probability */
			u64 taken_ns;		/* when: the profile's clock of ages */
		} profile;
		struct {
			void (*fn)(void *obj, void *arg);
			void *arg;
			void *obj;
			void (*then)(void *obj);	/* the owner's; set when it is queued */
		} finalizer;
		struct {
			void (*fn)(void *arg);
			void *arg;
		} cleanup;
		struct {
			struct kspan_weak *handle;	/* holds a reference */
		} weak;
	};
};

#define KSPAN_KIND(kind)	(1U << (kind))
#define KSPAN_KINDS_ALL		(KSPAN_KIND(KSPAN_NR_SPECIALS) - 1)

/* Any context but NMI; sleeps only if @gfp lets it. NULL without memory. */
struct kspan_special *kspan_special_new(enum kspan_special_kind kind, gfp_t gfp) kspan_no_lock;
void kspan_special_delete(struct kspan_special *special) kspan_no_lock;

/* ---- Sets ---------------------------------------------------------------------------- */

struct kspan_special_set {
	/* A leaf, of the class kspan_special_lock; taken with kspan_lock(). */
	spinlock_t lock;
	struct rb_root tree kspan_guarded_by(&lock);	/* by (offset, kind) */
};

void kspan_special_set_init(struct kspan_special_set *set);

/* What this says may have changed a moment later, if others have the set too. */
static inline bool kspan_special_set_empty(const struct kspan_special_set *set)
	kspan_not_checked
{
	return RB_EMPTY_ROOT(&set->tree);
}

/* The caller holds the set's lock. */
int kspan_special_add(struct kspan_special_set *set, u32 offset, struct kspan_special *special)
	kspan_must_hold(&set->lock);
struct kspan_special *kspan_special_find(struct kspan_special_set *set, u32 offset,
					 enum kspan_special_kind kind) kspan_must_hold(&set->lock);
struct kspan_special *kspan_special_remove(struct kspan_special_set *set, u32 offset,
					   enum kspan_special_kind kind)
	kspan_must_hold(&set->lock);

/* Of an object that has records: the sample that it is, or no bucket. */
struct kspan_sampled {
	struct kspan_bucket *bucket;
	u64 weight;
};

/* These take it; the caller holds no lock of kspan's. */
struct kspan_special *kspan_special_unlink(struct kspan_special_set *set, u32 offset,
					   unsigned int kinds) kspan_no_lock;
struct kspan_special *kspan_special_unlink_first(struct kspan_special_set *set, u32 offset,
						 unsigned int first) kspan_no_lock;
/*
 * Copies what objects with records are from *@offset on, which is moved behind the last of them, of
 * up to @room; of how many, 0 at the end.
 */
unsigned int kspan_special_samples(struct kspan_special_set *set, u32 *offset,
				   struct kspan_sampled *samples, unsigned int room) kspan_no_lock;

/* ---- Finalizers and cleanups --------------------------------------------------------- */

/* Those of one owner that wait, and the worker that runs them. */
struct kspan_finalizers {
	struct llist_head queue;	/* lock-free */
	struct work_struct work;
	/* Of the worker that have ended; written by it alone. */
	unsigned long runs kspan_marked;
	struct lock_class_key key;	/* what one owner's do says nothing of another's */
};

void kspan_finalizers_open(struct kspan_finalizers *self) kspan_no_lock;
void kspan_finalizers_close(struct kspan_finalizers *self) kspan_no_lock;

/* Queues an unlinked finalizer or cleanup. Any context but NMI, no lock held. */
void kspan_finalizers_add(struct kspan_finalizers *self, struct kspan_special *special)
	kspan_no_lock;

/* Waits for what has been queued; how often the worker has run by then. Process context. */
unsigned long kspan_finalizers_flush(struct kspan_finalizers *self) kspan_no_lock;
/* The same, of all owners. */
void kspan_finalizers_flush_all(void)
	kspan_no_lock;
bool kspan_finalizers_idle(struct kspan_finalizers *self);

/* Is this a finalizer or a cleanup, or called by one? */
bool kspan_finalizer_runs(void);

/* ---- Weak handles -------------------------------------------------------------------- */

/* A record with a handle of @obj, which has a reference for whoever asks for it besides. */
struct kspan_special *kspan_weak_new(void *obj, gfp_t gfp) kspan_no_lock;
/* Both of them, which nobody has seen. */
void kspan_weak_delete(struct kspan_special *special) kspan_no_lock;
/* The handle of an object that has one, with a reference. The caller holds the set's lock. */
struct kspan_weak *kspan_weak_find(struct kspan_special_set *set, u32 offset)
	kspan_must_hold(&set->lock);
/* Clears the handle of an unlinked record and deletes the record. No lock held. */
void kspan_weak_release(struct kspan_special *special) kspan_no_lock;

/* ---- The books ----------------------------------------------------------------------- */

unsigned long kspan_special_count(void);
size_t kspan_special_bytes(void);
void kspan_specials_show(struct kspan_buf *buf) kspan_no_lock;

int kspan_special_init(void);
void kspan_special_exit(void);
int kspan_finalizer_init(void);
void kspan_finalizer_exit(void);

#endif /* _KSPAN_SPECIAL_H */
