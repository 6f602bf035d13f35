// SPDX-License-Identifier: GPL-2.0
/*
 * Walks over the whole table, in many short holds of its lock.
 *
 * A reader who wants all buckets at one moment does not hold the lock for as long as it takes to
 * look at each: he makes a cut. From then on whoever is about to change the counts of a bucket
 * first keeps what they were at the cut, and the reader comes by in many small steps and takes
 * that. A bucket that is evicted before he has come by is kept for him. A reset is a cut as well:
 * at it the cumulative counts are zero, and buckets with nothing in use go.
 *
 * Other walks see each bucket as it is when they come by: reports of leaks.
 *
 * Locks: one walk at a time, by the table's mutex; under it the lock for a few buckets. Process
 * context.
 */
#include <linux/ktime.h>
#include <linux/list.h>
#include <linux/minmax.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/timekeeping.h>

#include "base/compat.h"
#include "base/hooks.h"
#include "base/lock.h"
#include "profile/bucket.h"

/* ---- Of one moment ------------------------------------------------------------------- */

/* Has a walk that wants the counts of the last cut still to come to @bucket? Then it has them. */
bool kspan_bucket_awaited(struct kspan_bucket *bucket)
{
	struct kspan_table *table = bucket->table;

	kspan_assert_held(&table->lock);
	if (likely(!table->cut_kept) || bucket->born == table->last_cut ||
	    bucket->passed == table->last_cut)
		return false;
	kspan_bucket_bring_to_cut(bucket);
	return true;
}

/* So many buckets in one hold of the lock. */
#define WALK_AT_ONCE	32

static void make_cut(struct kspan_table *table, bool resets)
	kspan_must_hold(&table->lock)
{
	lockdep_assert_held(&table->lock);
	table->last_cut++;
	table->cut_resets = resets;
	table->cut_kept = !resets;
	/* At a reset the peak is the present, until there is a higher one. */
	if (resets)
		kspan_table_peak_now(table);
	table->cut_peak = table->peak;
}

unsigned long kspan_table_cut(struct kspan_table *table, unsigned long most,
			      struct kspan_peak *peak, struct kspan_lifetimes *lifetimes)
{
	unsigned long flags, nr;

	lockdep_assert_held(&table->mutex);
	kspan_lock(&table->lock, flags);
	nr = table->nr;
	if (nr <= most) {
		make_cut(table, false);
		table->cut_lifetimes = lifetimes;
		table->cut_nr_lifetimes = 0;
	}
	*peak = table->peak;
	kspan_unlock(&table->lock, flags);
	return nr;
}

/* The cumulative counts are zero from here on. */
static void cut_to_reset(struct kspan_table *table)
	kspan_must_hold_mutex(&table->mutex)
{
	unsigned long flags;

	lockdep_assert_held(&table->mutex);
	kspan_lock(&table->lock, flags);
	make_cut(table, true);
	/* All in the line have nothing in use, and the walk comes to them: see drop_unused(). */
	table->gone_first = NULL;
	table->gone_end = &table->gone_first;
	kspan_unlock(&table->lock, flags);
}

/*
 * These walks are inlined where they are used, so that what runs under the lock is known when this
 * is compiled: no callback does, and scripts/checks/leaf-locks sees that.
 */

/* The next few; false at the end. */
static __always_inline bool walk_few(struct kspan_table *table,
				     void (*fn)(struct kspan_bucket *bucket, void *arg), void *arg)
	kspan_must_hold(&table->lock)
{
	struct kspan_bucket *bucket;
	unsigned int i;

	lockdep_assert_held(&table->lock);
	for (i = 0; i < WALK_AT_ONCE && table->walk != &table->all; i++) {
		bucket = list_entry(table->walk, struct kspan_bucket, all);
		table->walk = table->walk->next;
		kspan_bucket_bring_to_cut(bucket);
		bucket->passed = table->last_cut;
		/* One that came after the cut was not there. */
		if (bucket->born != table->last_cut)
			fn(bucket, arg);
	}
	return table->walk != &table->all;
}

/* What was evicted before the walk came by. It is in nobody's hands but these. */
static __always_inline void walk_missed(struct kspan_table *table,
					void (*fn)(struct kspan_bucket *bucket, void *arg),
					void *arg, struct kspan_bucket *first)
{
	struct kspan_bucket *bucket;
	unsigned long flags;

	for (bucket = first; bucket; bucket = bucket->next) {
		kspan_lock(&table->lock, flags);
		fn(bucket, arg);
		kspan_unlock(&table->lock, flags);
		cond_resched();
	}
	kspan_table_put_evicted(first);
}

/* Calls @fn for each bucket of the last cut, with the lock held for a few at a time. */
static __always_inline void walk_cut(struct kspan_table *table,
				     void (*fn)(struct kspan_bucket *bucket, void *arg), void *arg)
	kspan_must_hold_mutex(&table->mutex)
{
	struct kspan_bucket *missed;
	unsigned long flags;

	lockdep_assert_held(&table->mutex);
	kspan_lock(&table->lock, flags);
	table->walk = table->all.next;
	while (walk_few(table, fn, arg)) {
		kspan_unlock(&table->lock, flags);
		kspan_test_point(KSPAN_AT_WALK);
		cond_resched();
		kspan_lock(&table->lock, flags);
	}
	table->cut_kept = false;
	table->cut_lifetimes = NULL;
	missed = table->cut_missed;
	table->cut_missed = NULL;
	kspan_unlock(&table->lock, flags);
	walk_missed(table, fn, arg, missed);
}

static void copy_bucket(struct kspan_bucket *bucket, void *arg)
	kspan_must_hold_table
{
	struct kspan_bucket_copy **next = arg;

	lockdep_assert_held(&bucket->table->lock);
	*(*next)++ = (struct kspan_bucket_copy) {
		.bucket = bucket, .allocs = bucket->cut_allocs, .carried = bucket->cut_carried,
		.live = bucket->cut_live, .peak = bucket->cut_peak,
		.lifetimes = bucket->cut_lifetimes,
	};
	refcount_inc(&bucket->refs);
}

size_t kspan_table_copy_cut(struct kspan_table *table, struct kspan_bucket_copy *copies)
{
	struct kspan_bucket_copy *next = copies;

	walk_cut(table, copy_bucket, &next);
	return next - copies;
}

/*
 * A bucket that has nothing in use, nor had anything since the reset, goes to @unused; but not one
 * that had something at it, which is the peak as yet, nor one whose text has left and which has
 * come to the line of those since. That is a list of the next.
 */
static void drop_unused(struct kspan_bucket *bucket, void *unused)
	kspan_must_hold_table
{
	struct kspan_table *table = bucket->table;

	kspan_assert_held(&table->lock);
	if (bucket->live || bucket->allocs || bucket->carried)
		return;
	if (kspan_bucket_at_peak(bucket, &table->peak))
		return;
	if (bucket->gone && bucket->cut_live)
		return;
	kspan_table_take_out(bucket);
	list_add(&bucket->all, unused);
}

void kspan_profile_reset(struct kspan_profile *profile)
{
	struct kspan_table *table = profile->table;
	struct kspan_bucket *bucket, *next;
	LIST_HEAD(unused);

	mutex_lock(&table->mutex);
	cut_to_reset(table);
	WRITE_ONCE(table->start_ns, ktime_get_ns());
	walk_cut(table, drop_unused, &unused);
	mutex_unlock(&table->mutex);

	list_for_each_entry_safe(bucket, next, &unused, all)
		kspan_bucket_put(bucket);
}
EXPORT_SYMBOL_FOR_TESTS(kspan_profile_reset);

/* ---- As it comes --------------------------------------------------------------------- */

/* The next bucket of a walk, with a reference, and the walk moved on; NULL at its end. */
struct kspan_bucket *kspan_table_walk_next(struct kspan_table *table)
{
	struct kspan_bucket *bucket = NULL;
	unsigned long flags;

	lockdep_assert_held(&table->mutex);
	kspan_lock(&table->lock, flags);
	if (table->walk != &table->all) {
		bucket = list_entry(table->walk, struct kspan_bucket, all);
		refcount_inc(&bucket->refs);
		table->walk = table->walk->next;
	}
	kspan_unlock(&table->lock, flags);
	return bucket;
}

void kspan_table_walk_begin(struct kspan_table *table)
{
	unsigned long flags;

	lockdep_assert_held(&table->mutex);
	kspan_lock(&table->lock, flags);
	table->walk = table->all.next;
	kspan_unlock(&table->lock, flags);
}

/* What @bucket holds, and in *@untold what of it no report has told. */
static u64 live_of(struct kspan_bucket *bucket, u64 *untold)
{
	struct kspan_table *table = bucket->table;
	unsigned long flags;
	u64 live;

	kspan_lock(&table->lock, flags);
	live = bucket->live;
	*untold = live - min(live, bucket->told);
	kspan_unlock(&table->lock, flags);
	return live;
}

static void tell(struct kspan_bucket *bucket)
{
	struct kspan_table *table = bucket->table;
	unsigned long flags;

	kspan_lock(&table->lock, flags);
	bucket->told = bucket->live;
	kspan_unlock(&table->lock, flags);
}

static void show_symbols(struct kspan_holder *holder)
{
	holder->symbols = holder->bucket->symbols;
}

void kspan_holder_resolve(struct kspan_holder *holder)
{
	if (!holder->gone && !kspan_bucket_resolve(holder->bucket))
		show_symbols(holder);
}

void kspan_profile_walk(struct kspan_profile *profile,
			bool (*fn)(struct kspan_holder *holder, void *arg), void *arg)
{
	struct kspan_table *table = profile->table;
	struct kspan_bucket *bucket;

	mutex_lock(&table->mutex);
	kspan_table_walk_begin(table);
	while ((bucket = kspan_table_walk_next(table))) {
		struct kspan_holder holder = {
			.label = bucket->label, .slot_size = bucket->slot_size,
			.nr_frames = bucket->nr_frames, .addrs = bucket->frames,
			.gone = bucket->gone, .bucket = bucket,
		};

		show_symbols(&holder);
		if (live_of(bucket, &holder.untold) && fn(&holder, arg))
			tell(bucket);
		kspan_bucket_put_later(bucket);
		cond_resched();
	}
	mutex_unlock(&table->mutex);
}
