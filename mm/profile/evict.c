// SPDX-License-Identifier: GPL-2.0
/*
 * Room in a table that is full, and the end of buckets that have left it.
 *
 * When the table is full, buckets with nothing in use are evicted for a new stack. First go those
 * whose module has left, the longest idle first, since their stacks cannot come again; then
 * others, wherever a hand that goes round comes upon one within a few steps; if it can be, one that
 * had nothing in use at the peak either. What is in use is never evicted, so that a leak is seen
 * however many stacks there were before it.
 *
 * Any context may evict, but names and labels are let go by a work item, after a grace period.
 *
 * Locks: called under the table's lock, or under none.
 */
#include <linux/list.h>
#include <linux/llist.h>
#include <linux/rculist.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "base/compat.h"
#include "profile/bucket.h"

/* How many buckets the hand looks at for one new stack, for one without a part in the peak. */
#define HAND_STEPS	64

/* Takes @bucket out of the table, whose reference is now the caller's. */
void kspan_table_take_out(struct kspan_bucket *bucket)
{
	struct kspan_table *table = bucket->table;

	kspan_assert_held(&table->lock);
	if (!bucket->unhashed)
		hlist_del_rcu(&bucket->hash);
	bucket->unhashed = true;
	WRITE_ONCE(table->bytes, table->bytes - kspan_bucket_size(bucket->nr_frames));
	WRITE_ONCE(table->nr, table->nr - 1);
	if (table->walk == &bucket->all)
		table->walk = bucket->all.next;
	if (table->hand == &bucket->all)
		table->hand = bucket->all.next;
	if (table->hand_last == &bucket->all)
		table->hand_last = bucket->all.prev;
	list_del(&bucket->all);
}

/* @bucket, which is gone, has nothing in use. Nothing will be: it never matches again. */
void kspan_table_push_gone(struct kspan_bucket *bucket)
{
	struct kspan_table *table = bucket->table;

	kspan_assert_held(&table->lock);
	bucket->next = NULL;
	*table->gone_end = bucket;
	table->gone_end = &bucket->next;
}

static struct kspan_bucket *pop_gone(struct kspan_table *table)
	kspan_must_hold(&table->lock)
{
	struct kspan_bucket *bucket = table->gone_first;

	lockdep_assert_held(&table->lock);
	if (!bucket)
		return NULL;
	table->gone_first = bucket->next;
	if (!table->gone_first)
		table->gone_end = &table->gone_first;
	return bucket;
}

/*
 * The next bucket with nothing in use, if the hand comes upon one in *@steps; and with no part in
 * the peak, if @spare_peak.
 */
static struct kspan_bucket *next_idle(struct kspan_table *table, unsigned int *steps,
				      bool spare_peak)
	kspan_must_hold(&table->lock)
{
	struct kspan_bucket *bucket;

	lockdep_assert_held(&table->lock);
	while (*steps) {
		--*steps;
		if (table->hand == &table->all) {
			table->hand = table->all.next;
			table->hand_last = table->all.prev;
			continue;
		}
		bucket = list_entry(table->hand, struct kspan_bucket, all);
		/* Or it would follow those that come, and never see the others again. */
		table->hand = table->hand == table->hand_last ? &table->all : table->hand->next;
		if (!bucket->live &&
		    !(spare_peak && kspan_bucket_at_peak(bucket, &table->peak)))
			return bucket;
	}
	return NULL;
}

/* @bucket, which has nothing in use, goes, and with it who had that part of the peak. */
static void lose_part_in_peak(struct kspan_bucket *bucket)
	kspan_must_hold_table
{
	struct kspan_peak *peak = &bucket->table->peak;
	u64 weight = kspan_bucket_at_peak(bucket, peak);

	kspan_assert_held(&bucket->table->lock);
	peak->lost_objects += weight;
	peak->lost_bytes += kspan_bucket_bytes(bucket, weight);
}

/* Makes room for @size bytes if that can be; the buckets that were evicted, by their next. */
struct kspan_bucket *kspan_table_make_room(struct kspan_table *table, size_t size)
{
	struct kspan_bucket *evicted = NULL, *bucket, **list;
	unsigned int sparing = HAND_STEPS, steps = HAND_STEPS;

	while (!kspan_table_fits(table, size)) {
		bucket = pop_gone(table) ?: next_idle(table, &sparing, true) ?:
			 next_idle(table, &steps, false);
		if (!bucket)
			break;
		kspan_table_take_out(bucket);
		lose_part_in_peak(bucket);
		list = kspan_bucket_awaited(bucket) ? &table->cut_missed : &evicted;
		bucket->next = *list;
		*list = bucket;
	}
	return evicted;
}

/* ---- What has left the table --------------------------------------------------------- */

/* Of all tables: a bucket that has left its own needs it no more. */
static LLIST_HEAD(dead_buckets);

static void free_dead(struct work_struct *work)
{
	struct llist_node *list = llist_del_all(&dead_buckets);
	struct kspan_bucket *bucket, *next;

	llist_for_each_entry_safe(bucket, next, list, dead) {
		kspan_bucket_release_names(bucket);
		kfree(bucket);
		cond_resched();
	}
}

static DECLARE_WORK(kspan_bucket_work, free_dead);

static void after_grace_period(struct rcu_head *rcu)
{
	struct kspan_bucket *bucket = container_of(rcu, struct kspan_bucket, rcu);

	if (llist_add(&bucket->dead, &dead_buckets))
		queue_work(system_unbound_wq, &kspan_bucket_work);
}

/* As kspan_bucket_put(), in any context but NMI: what has to sleep is left to the worker. */
void kspan_bucket_put_later(struct kspan_bucket *bucket)
{
	if (refcount_dec_and_test(&bucket->refs))
		call_rcu(&bucket->rcu, after_grace_period);
}

void kspan_table_put_evicted(struct kspan_bucket *evicted)
{
	struct kspan_bucket *bucket;

	while ((bucket = evicted)) {
		evicted = bucket->next;
		kspan_profile_count(bucket->table->profile, KSPAN_BUCKETS_EVICTED);
		kspan_bucket_put_later(bucket);
	}
}

void kspan_bucket_put(struct kspan_bucket *bucket)
{
	if (!refcount_dec_and_test(&bucket->refs))
		return;
	kspan_bucket_release_names(bucket);
	/* Somebody may be walking the chain that it was in. */
	kfree_rcu(bucket, rcu);
}

/* All that were evicted are gone, names and all. Process context, may sleep. */
void kspan_bucket_flush_evicted(void)
{
	rcu_barrier();
	flush_work(&kspan_bucket_work);
}
