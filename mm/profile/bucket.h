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

#include <linux/list.h>
#include <linux/llist.h>
#include <linux/lockdep.h>
#include <linux/mutex.h>
#include <linux/notifier.h>
#include <linux/overflow.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/spinlock.h>
#include <linux/types.h>

#include "profile/profile.h"

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

	bool unhashed;			/* never matches again; under the table's lock */
	bool gone;			/* its text left; under the table's mutex and its lock */

	/* Under the table's lock, see kspan_table_cut(). */
	u32 born;			/* after this cut */
	u32 cut;			/* the last one that it has been brought to */
	u32 passed;			/* the last one whose walk has come by */
	u64 cut_allocs;			/* what those below were then */
	u64 cut_carried;
	u64 cut_live;

	/* Sums of weights, in objects; under the table's lock. */
	u64 allocs;			/* since the start or the last reset, but for ... */
	u64 carried;			/* ... these, in whole objects: see count_alloc() */
	u64 live;			/* in use; survives a reset */

	u64 told;			/* of live, what a report of leaks has told; likewise */

	size_t copy;			/* its place in the last snapshot; under the table's mutex */

	/* nr_frames names, or NULL: not resolved yet; written once, under the table's mutex. */
	const struct kspan_symbol **symbols;

	unsigned long frames[];		/* as struct kspan_stack */
};

/* The buckets of one profile. */
struct kspan_table {
	struct kspan_profile *profile;	/* these three never change */
	struct hlist_head *chains;	/* read under RCU, changed under the lock */
	unsigned long chains_mask;	/* so many of them, less one */
	size_t bytes_max;		/* of all buckets; tests lower it */
	bool warned;			/* that it is full; once is enough */

	/*
	 * Serialises what walks or trims the whole table: snapshots, reset, a module that leaves.
	 * Process context, outside the lock.
	 */
	struct mutex mutex;
	u64 start_ns;			/* of the cumulative counts; under mutex, read without */
	struct notifier_block notifier;	/* of modules */

	/* Chains and counts, and all below: a leaf lock. nr and bytes are read without. */
	spinlock_t lock;
	struct list_head all;		/* buckets, the oldest first */
	unsigned long nr;
	size_t bytes;			/* of buckets, without their names */

	/* Buckets of text that has left, with nothing in use, the longest idle first. */
	struct kspan_bucket *gone_first;
	struct kspan_bucket **gone_end;

	/*
	 * Places in the list of all: the next bucket to look at of the one that walks it under the
	 * mutex, and of the hand that looks for one to evict. Whoever takes a bucket out moves
	 * them on.
	 */
	struct list_head *walk;
	struct list_head *hand;

	/* The last cut: its number, and whether it is that of a reset. */
	u32 last_cut;
	bool cut_resets;
	/* One that is not, whose walk has not ended: what was evicted before that came by. */
	bool cut_kept;
	struct kspan_bucket *cut_missed;
};

/* An ERR_PTR() on failure. Process context, may sleep, as the end. */
struct kspan_table *kspan_table_new(struct kspan_profile *profile, size_t max_bytes);
void kspan_table_destroy(struct kspan_table *table);

/* ---- Room: evict.c ------------------------------------------------------------------- */

static inline size_t kspan_bucket_size(unsigned int nr_frames)
{
	return struct_size((struct kspan_bucket *)0, frames, nr_frames);
}

/* Under the table's lock. */
static inline bool kspan_table_fits(const struct kspan_table *table, size_t size)
{
	return table->bytes + size <= table->bytes_max;
}

/* Takes @bucket out of the table, whose reference is now the caller's. Under the table's lock. */
void kspan_table_take_out(struct kspan_bucket *bucket);
/* @bucket, which is gone, has nothing in use, and will not. Under the table's lock. */
void kspan_table_push_gone(struct kspan_bucket *bucket);
/* Makes room for @size bytes if that can be; what was evicted, by next. Under the table's lock. */
struct kspan_bucket *kspan_table_make_room(struct kspan_table *table, size_t size);
/* What kspan_table_make_room() returned. Any context but NMI, no lock held. */
void kspan_table_put_evicted(struct kspan_bucket *evicted);

/* The caller has a reference, or the bucket has live objects. Process context. */
void kspan_bucket_put(struct kspan_bucket *bucket);
/* Likewise in any context but NMI: what has to sleep is left to a worker. */
void kspan_bucket_put_later(struct kspan_bucket *bucket);
void kspan_bucket_flush_evicted(void);

/* ---- Walks: cut.c -------------------------------------------------------------------- */

/* Keeps the counts of the last cut, before they change for the first time after it. */
static inline void kspan_bucket_bring_to_cut(struct kspan_bucket *bucket)
{
	struct kspan_table *table = bucket->table;

	lockdep_assert_held(&table->lock);
	if (likely(bucket->cut == table->last_cut))
		return;
	bucket->cut = table->last_cut;
	bucket->cut_allocs = bucket->allocs;
	bucket->cut_carried = bucket->carried;
	bucket->cut_live = bucket->live;
	if (table->cut_resets) {
		bucket->allocs = 0;
		bucket->carried = 0;
	}
}

/*
 * Has a walk that wants the counts of the last cut still to come to @bucket? Then it has them.
 * Under the table's lock.
 */
bool kspan_bucket_awaited(struct kspan_bucket *bucket);

/*
 * A cut through the counts of all buckets, as they are at this moment, if there are at most @most;
 * how many there are. kspan_table_walk_cut(), which has to follow then, calls @fn for each of
 * these, with the table's lock held for a few at a time: bucket->cut_allocs and so on are what they
 * were. Both in one hold of the table's mutex; process context.
 */
unsigned long kspan_table_cut(struct kspan_table *table, unsigned long most);
void kspan_table_walk_cut(struct kspan_table *table,
			  void (*fn)(struct kspan_bucket *bucket, void *arg), void *arg);

/* The next bucket of a walk, with a reference; NULL at its end. Under the table's mutex. */
void kspan_table_walk_begin(struct kspan_table *table);
struct kspan_bucket *kspan_table_walk_next(struct kspan_table *table);

/* ---- Names: names.c ------------------------------------------------------------------ */

/* Names for every frame. Process context, under the table's mutex. 0 or -ENOMEM. */
int kspan_bucket_resolve(struct kspan_bucket *bucket);
/* The names and the label. Process context; of the last one that has a reference. */
void kspan_bucket_release_names(struct kspan_bucket *bucket);

/* A struct notifier_block's, of modules. */
int kspan_table_notified(struct notifier_block *nb, unsigned long action, void *data);
/* What the notifier does when @mod comes to the state @action; for the tests. */
void kspan_table_module_event(struct kspan_table *table, unsigned long action,
			      const struct module *mod);

#endif /* _KSPAN_BUCKET_H */
