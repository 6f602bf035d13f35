/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Buckets: a table of call stacks with the counts of what was allocated there.
 *
 * This side knows nothing of spans or caches: a bucket is keyed by the stack, the slot size in
 * bytes and a label (the interned name of a cache).
 */
#ifndef _KSPAN_BUCKET_H
#define _KSPAN_BUCKET_H

#include <linux/bits.h>
#include <linux/list.h>
#include <linux/llist.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/spinlock.h>
#include <linux/types.h>

#include "base/lock.h"
#include "profile/stack.h"

struct kspan_label;
struct kspan_symbol;
struct module;

/* Weights are fixed point with this many fractional bits. */
#define KSPAN_WEIGHT_SHIFT	20
#define KSPAN_WEIGHT_ONE	BIT_ULL(KSPAN_WEIGHT_SHIFT)

/*
 * Serialises what walks or trims the whole table: snapshots, reset, a module that leaves.
 * Process context, outside the table's lock.
 */
extern struct mutex kspan_bucket_mutex;
extern spinlock_t kspan_bucket_lock;	/* chains and counts: a leaf lock */

/* Touched under the table's lock. */
#define kspan_in_table	kspan_guarded_by(&kspan_bucket_lock)

struct kspan_bucket {
	struct hlist_node hash;		/* in a chain; under the table's lock, read under RCU */
	struct list_head all;		/* in kspan_buckets; under the table's lock */
	union {
		struct kspan_bucket *next;	/* gone, nothing in use; under the table's lock */
		struct rcu_head rcu;		/* without a reference */
		struct llist_node dead;		/* after its grace period */
	};
	refcount_t refs;		/* the table's, and one of each snapshot */

	/* The key: written before the bucket is published, never after. */
	u32 hash_value;
	u32 slot_size;			/* bytes */
	struct kspan_label *label;	/* holds a reference */
	u32 nr_frames;

	bool unhashed kspan_in_table;	/* never matches again */
	bool gone;			/* its text left; under kspan_bucket_mutex and the lock */

	/* See kspan_bucket_cut(). */
	u32 born kspan_in_table;	/* after this cut */
	u32 cut kspan_in_table;	/* the last one that it has been brought to */
	u32 passed kspan_in_table;	/* the last one whose walk has come by */
	u64 cut_allocs kspan_in_table;	/* what those below were then */
	u64 cut_carried kspan_in_table;
	u64 cut_live kspan_in_table;

	/* Sums of weights, in objects. */
	u64 allocs kspan_in_table;	/* since load or the last reset, but for ... */
	u64 carried kspan_in_table;	/* ... these, in whole objects: see count_alloc() */
	u64 live kspan_in_table;	/* in use; survives a reset */

	u64 told kspan_in_table;	/* of live, what reports of leaks have spoken of */

	/* nr_frames names, or NULL: not resolved yet; written once, under kspan_bucket_mutex. */
	const struct kspan_symbol **symbols;

	unsigned long frames[];		/* as struct kspan_stack */
};

extern struct list_head kspan_buckets;	/* all; under the table's lock */
extern size_t kspan_bucket_bytes_max;	/* of all buckets; tests lower it */

struct kspan_bucket *kspan_bucket_alloc(const struct kspan_stack *stack, u32 slot_size,
					struct kspan_label *label, u64 weight, gfp_t gfp)
	kspan_no_lock;
void kspan_bucket_free(struct kspan_bucket *bucket, u64 weight) kspan_no_lock;

/* The caller has a reference, or the bucket has live objects. Process context. */
void kspan_bucket_put(struct kspan_bucket *bucket) kspan_no_lock;
/* Names for every frame. Process context, under kspan_bucket_mutex. 0 or -ENOMEM. */
int kspan_bucket_resolve(struct kspan_bucket *bucket)
	kspan_must_hold_mutex(&kspan_bucket_mutex) kspan_no_lock;

/*
 * Calls @fn for each bucket that holds memory, under kspan_bucket_mutex, with how much of that no
 * report has told. True: now one has. Process context.
 */
void kspan_bucket_walk(bool (*fn)(struct kspan_bucket *bucket, u64 untold, void *arg), void *arg);

/* A bucket, with a reference, and its counts at a cut. */
struct kspan_bucket_copy {
	struct kspan_bucket *bucket;
	u64 allocs, carried, live;
};

/*
 * A cut through the counts of all buckets, as they are at this moment, if there are at most @most;
 * how many there are. kspan_bucket_copy_cut(), which has to follow then, copies what these were,
 * with the table's lock held for a few at a time; how many. Both in one hold of kspan_bucket_mutex;
 * process context.
 */
unsigned long kspan_bucket_cut(unsigned long most)
	kspan_must_hold_mutex(&kspan_bucket_mutex) kspan_no_lock;
size_t kspan_bucket_copy_cut(struct kspan_bucket_copy *copies)
	kspan_must_hold_mutex(&kspan_bucket_mutex) kspan_no_lock;

void kspan_profile_reset(void);
u64 kspan_profile_start_ns(void);
unsigned long kspan_bucket_count(void);
size_t kspan_bucket_bytes(void);

/* What the notifier does when @mod comes to the state @action; for the tests. */
void kspan_bucket_module_event(unsigned long action, const struct module *mod);

int kspan_bucket_init(unsigned long max_bytes);
void kspan_bucket_exit(void);

#endif /* _KSPAN_BUCKET_H */
