/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Buckets: a table of call stacks with the counts of what was allocated there. For the wing, and
 * for tests that look inside.
 *
 * A bucket is keyed by the stack, the slot size in bytes and a label (the interned name of a
 * cache).
 */
#ifndef _KSPAN_BUCKET_H
#define _KSPAN_BUCKET_H

#include <linux/jiffies.h>
#include <linux/list.h>
#include <linux/llist.h>
#include <linux/lockdep.h>
#include <linux/math64.h>
#include <linux/mutex.h>
#include <linux/overflow.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/types.h>

#include "base/lock.h"
#include "profile/profile.h"

/*
 * When most was in use since the profile was made or last reset: its peak. What each stack had in
 * use then is not copied: a new peak is a new number, and whoever changes a bucket for the first
 * time after it keeps what was in use there before. So a sample costs the same however many buckets
 * there are and however often there is a new peak, and what was kept adds up to the peak.
 */
struct kspan_peak {
	u64 live;		/* bytes in use now, an estimate */
	u64 most;		/* and at the peak */
	u64 number;		/* which peak that is */
	unsigned long at;	/* jiffies */
	/* Of what was in use then, what is not known by its stack any more: that was evicted. */
	u64 lost_objects;	/* a sum of weights */
	u64 lost_bytes;
};

struct kspan_lifetimes {
	u64 weights[KSPAN_NR_LIFETIMES];
};

/* The buckets of one profile. */
struct kspan_table {
	struct kspan_profile *profile;	/* these three never change */
	struct hlist_head *chains;	/* read under RCU, changed under the lock */
	unsigned long chains_mask;	/* so many of them, less one */
	size_t bytes_max;		/* of all buckets; tests lower it */
	bool warned kspan_marked;			/* that it is full; once is enough */

	/*
	 * Serialises what walks or trims the whole table: snapshots, reset, a module that leaves.
	 * Process context, outside the lock.
	 */
	struct mutex mutex;
	/* Of the cumulative counts. */
	kspan_watched u64 start_ns kspan_guarded_by(&mutex);
	struct list_head listening;	/* to modules; under kspan_tables_mutex */

	/* Chains and counts, and all below: a leaf lock. */
	spinlock_t lock;
	struct list_head all kspan_guarded_by(&lock);	/* buckets, the oldest first */
	kspan_watched unsigned long nr kspan_guarded_by(&lock);
	/* Of buckets, without their names. */
	kspan_watched size_t bytes kspan_guarded_by(&lock);

	/* Buckets of text that has left, with nothing in use, the longest idle first. */
	struct kspan_bucket *gone_first kspan_guarded_by(&lock);
	struct kspan_bucket **gone_end kspan_guarded_by(&lock);

	/*
	 * Places in the list of all: the next bucket to look at of the one that walks it under the
	 * mutex, and of the hand that looks for one to evict. Whoever takes a bucket out moves
	 * them on.
	 */
	struct list_head *walk kspan_guarded_by(&lock);
	struct list_head *hand kspan_guarded_by(&lock);
	struct list_head *hand_last kspan_guarded_by(&lock);	/* of its round: newer ones wait */

	/* The last cut: its number, and whether it is that of a reset. */
	u32 last_cut kspan_guarded_by(&lock);
	bool cut_resets kspan_guarded_by(&lock);
	/* One that is not, whose walk has not ended: what was evicted before that came by. */
	bool cut_kept kspan_guarded_by(&lock);
	struct kspan_bucket *cut_missed kspan_guarded_by(&lock);

	/* What its walk wants besides: the lifetimes of each, one behind another. Or NULL. */
	struct kspan_lifetimes *cut_lifetimes kspan_guarded_by(&lock);
	u32 cut_nr_lifetimes kspan_guarded_by(&lock);

	/* Memory for buckets of whoever may not allocate, by the first word of each. */
	void *spares kspan_guarded_by(&lock);
	kspan_watched unsigned int nr_spares kspan_guarded_by(&lock);

	struct kspan_peak peak kspan_guarded_by(&lock);
	struct kspan_peak cut_peak kspan_guarded_by(&lock);	/* what it was at the last cut */
};

/*
 * What is touched, or called, under the lock of the table that a bucket is in. The analysis cannot
 * follow a pointer of the structure itself to the lock. But in this wing no other spinlock is ever
 * held, as scripts/checks/leaf-locks sees to.
 */
#define kspan_in_table		kspan_guarded_by(&kspan_any_lock)
#define kspan_must_hold_table	kspan_context(requires_capability(&kspan_any_lock))

struct kspan_bucket {
	struct hlist_node hash;		/* in a chain; under the table's lock, read under RCU */
	struct list_head all;		/* of the table; under its lock */
	union {
		struct kspan_bucket *next;	/* gone, nothing in use; under the table's lock */
		struct rcu_head rcu;		/* without a reference */
		struct llist_node dead;		/* after its grace period */
	};
	refcount_t refs;		/* the table's, and one of each snapshot */

	/* The key and where it counts: written before the bucket is published, never after. */
	u32 hash_value;
	u32 slot_size;			/* bytes */
	struct kspan_label *label;	/* holds a reference */
	struct kspan_table *table;
	u32 nr_frames;

	bool unhashed kspan_in_table;	/* never matches again */
	bool gone;			/* its text left; under the table's mutex and its lock */

	/* See kspan_table_cut(). */
	u32 born kspan_in_table;	/* after this cut */
	u32 cut kspan_in_table;		/* the last one that it has been brought to */
	u32 passed kspan_in_table;	/* the last one whose walk has come by */
	u64 cut_allocs kspan_in_table;	/* what those below were then */
	u64 cut_carried kspan_in_table;
	u64 cut_live kspan_in_table;
	u64 cut_peak kspan_in_table;

	/* Sums of weights, in objects. */
	u64 allocs kspan_in_table;	/* since the start or the last reset, but for ... */
	u64 carried kspan_in_table;	/* ... these, in whole objects: see count_alloc() */
	u64 live kspan_in_table;	/* in use; survives a reset */
	u64 peak_live kspan_in_table;	/* was in use at the peak of this number; */
	u64 peak_number kspan_in_table;	/* at that of a later one, what is in use */

	/* By how long it was in use: as struct kspan_row. */
	struct kspan_lifetimes lifetimes kspan_in_table;

	u64 told kspan_in_table;	/* of live, what a report of leaks has told */

	/* Where kspan_bucket_bring_to_cut() has put the lifetimes, if the cut wanted them. */
	u32 cut_lifetimes kspan_in_table;

	size_t copy;			/* its place in a snapshot; under the table's mutex */

	/* nr_frames names, or NULL: not resolved yet; written once, under the table's mutex. */
	const struct kspan_symbol **symbols;

	unsigned long frames[];		/* as struct kspan_stack */
};

/* An ERR_PTR() on failure. Process context, may sleep, as the end. */
struct kspan_table *kspan_table_new(struct kspan_profile *profile, size_t max_bytes) kspan_no_lock;
void kspan_table_destroy(struct kspan_table *table) kspan_no_lock;

/* ---- Room: evict.c ------------------------------------------------------------------- */

static inline size_t kspan_bucket_size(unsigned int nr_frames)
{
	return struct_size((struct kspan_bucket *)0, frames, nr_frames);
}

/* Under the table's lock. */
static inline bool kspan_table_fits(const struct kspan_table *table, size_t size)
	kspan_must_hold(&table->lock)
{
	return table->bytes + size <= table->bytes_max;
}

/* Takes @bucket out of the table, whose reference is now the caller's. Under the table's lock. */
void kspan_table_take_out(struct kspan_bucket *bucket) kspan_must_hold_table;
/* @bucket, which is gone, has nothing in use, and will not. Under the table's lock. */
void kspan_table_push_gone(struct kspan_bucket *bucket) kspan_must_hold_table;
/* Makes room for @size bytes if that can be; what was evicted, by next. Under the table's lock. */
struct kspan_bucket *kspan_table_make_room(struct kspan_table *table, size_t size)
	kspan_must_hold(&table->lock);
/* What kspan_table_make_room() returned. Any context but NMI, no lock held. */
void kspan_table_put_evicted(struct kspan_bucket *evicted) kspan_no_lock;

/* The caller has a reference, or the bucket has live objects. Process context. */
void kspan_bucket_put(struct kspan_bucket *bucket) kspan_no_lock;
/* Likewise in any context but NMI: what has to sleep is left to a worker. */
void kspan_bucket_put_later(struct kspan_bucket *bucket) kspan_no_lock;
void kspan_bucket_flush_evicted(void)
	kspan_no_lock;

/* ---- The peak ------------------------------------------------------------------------ */

/* Of @weight objects. The same on allocation and on free: what is in use is the sum of these. */
static inline u64 kspan_bucket_bytes(const struct kspan_bucket *bucket, u64 weight)
{
	return mul_u64_u64_shr(weight, bucket->slot_size, KSPAN_WEIGHT_SHIFT);
}

/* What @bucket had in use at @peak, the last one or that of the last cut: a sum of weights. */
static inline u64 kspan_bucket_at_peak(const struct kspan_bucket *bucket,
				       const struct kspan_peak *peak)
	kspan_must_hold_table
{
	return bucket->peak_number == peak->number ? bucket->peak_live : bucket->live;
}

/* Before what @bucket has in use changes. */
static inline void kspan_bucket_keep_peak(struct kspan_bucket *bucket)
	kspan_must_hold_table
{
	struct kspan_table *table = bucket->table;

	kspan_assert_held(&table->lock);
	if (bucket->peak_number == table->peak.number)
		return;
	bucket->peak_live = bucket->live;
	bucket->peak_number = table->peak.number;
}

/* The present is the peak. */
static inline void kspan_table_peak_now(struct kspan_table *table)
	kspan_must_hold(&table->lock)
{
	struct kspan_peak *peak = &table->peak;

	kspan_assert_held(&table->lock);
	peak->most = peak->live;
	peak->number++;
	peak->at = jiffies;
	peak->lost_objects = 0;
	peak->lost_bytes = 0;
}

/* ---- Walks: cut.c -------------------------------------------------------------------- */

/* Keeps the counts of the last cut, before they change for the first time after it. */
static inline void kspan_bucket_bring_to_cut(struct kspan_bucket *bucket)
	kspan_must_hold_table
{
	struct kspan_table *table = bucket->table;

	kspan_assert_held(&table->lock);
	if (likely(bucket->cut == table->last_cut))
		return;
	bucket->cut = table->last_cut;
	bucket->cut_allocs = bucket->allocs;
	bucket->cut_carried = bucket->carried;
	bucket->cut_live = bucket->live;
	bucket->cut_peak = kspan_bucket_at_peak(bucket, &table->cut_peak);
	if (unlikely(table->cut_lifetimes)) {
		bucket->cut_lifetimes = table->cut_nr_lifetimes++;
		table->cut_lifetimes[bucket->cut_lifetimes] = bucket->lifetimes;
	}
	if (table->cut_resets) {
		bucket->allocs = 0;
		bucket->carried = 0;
		memset(&bucket->lifetimes, 0, sizeof(bucket->lifetimes));
	}
}

/*
 * Has a walk that wants the counts of the last cut still to come to @bucket? Then it has them.
 * Under the table's lock.
 */
bool kspan_bucket_awaited(struct kspan_bucket *bucket) kspan_must_hold_table;

/* A bucket, with a reference, and its counts at a cut. */
struct kspan_bucket_copy {
	struct kspan_bucket *bucket;
	u64 allocs, carried, live, peak;
	u32 lifetimes;			/* its place among them */
	u64 free;			/* slots, as a weight: see kspan_shares_add() */
	/* Of its samples in use: how many there are, and their ages in milliseconds. */
	u64 aged, age_min, age_sum, age_max;
};

/*
 * A cut through the counts of all buckets, as they are at this moment, if there are at most @most;
 * how many there are, and in *@peak the peak as it is then. @lifetimes: room for those of as many
 * buckets, or NULL if they are not wanted. kspan_table_copy_cut(), which has to follow then, copies
 * what these were, with the table's lock held for a few at a time; how many. Both in one hold of
 * the table's mutex; process context.
 */
unsigned long kspan_table_cut(struct kspan_table *table, unsigned long most,
			      struct kspan_peak *peak, struct kspan_lifetimes *lifetimes)
	kspan_must_hold_mutex(&table->mutex) kspan_no_lock;
size_t kspan_table_copy_cut(struct kspan_table *table, struct kspan_bucket_copy *copies)
	kspan_must_hold_mutex(&table->mutex) kspan_no_lock;

/* The next bucket of a walk, with a reference; NULL at its end. Under the table's mutex. */
void kspan_table_walk_begin(struct kspan_table *table)
	kspan_must_hold_mutex(&table->mutex) kspan_no_lock;
struct kspan_bucket *kspan_table_walk_next(struct kspan_table *table)
	kspan_must_hold_mutex(&table->mutex) kspan_no_lock;

/* ---- Names: names.c ------------------------------------------------------------------ */

/* Names for every frame. Process context, under the table's mutex. 0 or -ENOMEM. */
int kspan_bucket_resolve(struct kspan_bucket *bucket)
	kspan_no_lock;
/* The names and the label. Process context; of the last one that has a reference. */
void kspan_bucket_release_names(struct kspan_bucket *bucket) kspan_no_lock;

/* One notifier for all tables: who makes a profile may himself be called by one. */
int kspan_names_init(void);
void kspan_names_exit(void);
void kspan_table_listen(struct kspan_table *table) kspan_no_lock;
void kspan_table_unlisten(struct kspan_table *table) kspan_no_lock;
/* What the notifier does when @mod comes to the state @action; for the tests. */
void kspan_table_module_event(struct kspan_table *table, unsigned long action,
			      const struct module *mod) kspan_no_lock;

#endif /* _KSPAN_BUCKET_H */
