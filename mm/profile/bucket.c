// SPDX-License-Identifier: GPL-2.0
/*
 * The table of buckets. Looking one up takes no lock: chains are walked under RCU. A stack that
 * is new gets a bucket that was allocated before the lock is taken; under the lock the chain is
 * searched again, and the spare is inserted or, if somebody was faster, dropped (the order of
 * lib/stackdepot.c). The counts of all buckets change under the same lock, so that a reader who
 * holds it sees allocations and frees that belong together.
 *
 * Whoever may allocate nothing has spares, which somebody else keeps there.
 *
 * A bucket stays until a reset finds it with nothing in use (cut.c), or its room is wanted
 * (evict.c). Buckets whose text goes stay, and never match again (names.c).
 *
 * Locks: kspan_bucket_lock, a leaf, with interrupts off; kspan_bucket_mutex outside it, process
 * context. Nothing is allocated, freed or printed under the spinlock.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/bitops.h>
#include <linux/err.h>
#include <linux/hash.h>
#include <linux/ktime.h>
#include <linux/log2.h>
#include <linux/module.h>
#include <linux/rculist.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>

#include "base/compat.h"
#include "base/gfp.h"
#include "base/hooks.h"
#include "base/lock.h"
#include "profile/bucket.h"
#include "profile/label.h"

/* A few instructions a frame, as every sample pays for them. */
static u32 hash_of(const struct kspan_stack *stack, u32 slot_size, const struct kspan_label *label)
{
	u64 hash = (unsigned long)label + slot_size;
	unsigned int i;

	for (i = 0; i < stack->nr_frames; i++)
		hash = (rol64(hash, 5) ^ stack->frames[i]) * GOLDEN_RATIO_64;
	return hash >> 32;
}

/* Under rcu_read_lock() or the lock. */
static struct kspan_bucket *find_bucket(const struct kspan_table *table,
					const struct kspan_stack *stack, u32 hash, u32 slot_size,
					const struct kspan_label *label)
{
	struct kspan_bucket *bucket;

	hlist_for_each_entry_rcu(bucket, &table->chains[hash & table->chains_mask], hash,
				 lockdep_is_held(&table->lock)) {
		if (bucket->hash_value == hash && bucket->slot_size == slot_size &&
		    bucket->label == label && bucket->nr_frames == stack->nr_frames &&
		    !memcmp(bucket->frames, stack->frames,
			    stack->nr_frames * sizeof(stack->frames[0])))
			return bucket;
	}
	return NULL;
}

/* ---- Spares: memory for the largest bucket ------------------------------------------- */

static void push_spare(struct kspan_table *table, void *spare)
{
	unsigned long flags;

	kspan_lock(&table->lock, flags);
	*(void **)spare = table->spares;
	table->spares = spare;
	/* Read without the lock by who brings more. */
	WRITE_ONCE(table->nr_spares, table->nr_spares + 1);
	kspan_unlock(&table->lock, flags);
}

static void *pop_spare(struct kspan_table *table)
{
	unsigned long flags;
	void *spare;

	kspan_lock(&table->lock, flags);
	spare = table->spares;
	if (spare) {
		table->spares = *(void **)spare;
		/* As in push_spare(). */
		WRITE_ONCE(table->nr_spares, table->nr_spares - 1);
	}
	kspan_unlock(&table->lock, flags);
	return spare;
}

void kspan_profile_keep_spares(struct kspan_profile *profile, unsigned int nr)
{
	struct kspan_table *table = profile->table;
	void *spare;

	while (READ_ONCE(table->nr_spares) < nr) {
		/* Whoever calls may hold a mutex under which nothing is reclaimed. */
		spare = kmalloc(kspan_bucket_size(KSPAN_MAX_FRAMES),
				GFP_NOWAIT | KSPAN_GFP_OPTIONAL);
		if (!spare)
			return;
		push_spare(table, spare);
	}
	while (READ_ONCE(table->nr_spares) > nr)
		kfree(pop_spare(table));
}
EXPORT_SYMBOL_FOR_TESTS(kspan_profile_keep_spares);

/* ---- Looking up and counting --------------------------------------------------------- */

static struct kspan_bucket *bucket_new(struct kspan_table *table, const struct kspan_stack *stack,
				       u32 hash, u32 slot_size, struct kspan_label *label,
				       gfp_t gfp)
	kspan_not_checked
{
	struct kspan_bucket *bucket;

	if (kspan_test_point(KSPAN_FAIL_BUCKET))
		return NULL;
	if (gfp == KSPAN_GFP_NOTHING)
		bucket = pop_spare(table);
	else
		bucket = kmalloc(kspan_bucket_size(stack->nr_frames),
				 (gfp & KSPAN_GFP_METADATA) | __GFP_NOWARN);
	if (!bucket)
		return NULL;
	*bucket = (struct kspan_bucket) {
		.refs = REFCOUNT_INIT(1),
		.table = table,
		.hash_value = hash,
		.slot_size = slot_size,
		.label = label,
		.nr_frames = stack->nr_frames,
	};
	memcpy(bucket->frames, stack->frames, stack->nr_frames * sizeof(stack->frames[0]));
	return bucket;
}

/* Publishes @bucket, unless the table is full. */
static bool publish(struct kspan_bucket *bucket)
	kspan_must_hold_table
{
	struct kspan_table *table = bucket->table;
	size_t size = kspan_bucket_size(bucket->nr_frames);

	kspan_assert_held(&table->lock);
	if (!kspan_table_fits(table, size))
		return false;
	WRITE_ONCE(table->bytes, table->bytes + size);
	WRITE_ONCE(table->nr, table->nr + 1);
	bucket->born = table->last_cut;
	bucket->cut = table->last_cut;
	bucket->peak_number = table->peak.number;
	refcount_inc(&bucket->label->refs);
	list_add_tail(&bucket->all, &table->all);
	hlist_add_head_rcu(&bucket->hash, &table->chains[bucket->hash_value & table->chains_mask]);
	return true;
}

static void count_alloc(struct kspan_bucket *bucket, u64 weight)
	kspan_must_hold_table
{
	struct kspan_table *table = bucket->table;

	kspan_assert_held(&table->lock);
	kspan_bucket_bring_to_cut(bucket);
	kspan_bucket_keep_peak(bucket);
	bucket->allocs += weight;
	bucket->live += weight;
	table->peak.live += kspan_bucket_bytes(bucket, weight);
	if (table->peak.live > table->peak.most)
		kspan_table_peak_now(table);
	/*
	 * What is in use is bounded by memory. What ever was is not: the fraction leaves room for
	 * as many objects as a busy machine allocates in hours.
	 */
	if (unlikely(bucket->allocs >> 63)) {
		bucket->carried += bucket->allocs >> KSPAN_WEIGHT_SHIFT;
		bucket->allocs &= KSPAN_WEIGHT_ONE - 1;
	}
}

static void count_free(struct kspan_bucket *bucket, u64 weight)
	kspan_must_hold_table
{
	struct kspan_table *table = bucket->table;

	kspan_assert_held(&table->lock);
	kspan_bucket_bring_to_cut(bucket);
	kspan_bucket_keep_peak(bucket);
	bucket->live -= weight;
	table->peak.live -= kspan_bucket_bytes(bucket, weight);
	if (bucket->live)
		return;
	bucket->told = 0;
	if (unlikely(bucket->gone))
		kspan_table_push_gone(bucket);
}

struct kspan_bucket *kspan_bucket_alloc(struct kspan_profile *profile,
					const struct kspan_stack *stack, u32 slot_size,
					struct kspan_label *label, u64 weight, gfp_t gfp)
{
	struct kspan_table *table = profile->table;
	u32 hash = hash_of(stack, slot_size, label);
	struct kspan_bucket *bucket, *spare = NULL, *evicted = NULL;
	unsigned long flags;
	bool full = false;

	rcu_read_lock();
	bucket = find_bucket(table, stack, hash, slot_size, label);
	if (bucket) {
		kspan_test_point(KSPAN_AT_FOUND);
		kspan_lock(&table->lock, flags);
		/* Unhashed since it was found: no better than not found. */
		if (bucket->unhashed)
			bucket = NULL;
		else
			count_alloc(bucket, weight);
		kspan_unlock(&table->lock, flags);
	}
	rcu_read_unlock();
	if (bucket)
		return bucket;

	spare = bucket_new(table, stack, hash, slot_size, label, gfp);
	if (!spare)
		return NULL;

	kspan_lock(&table->lock, flags);
	bucket = find_bucket(table, stack, hash, slot_size, label);
	if (!bucket) {
		/* Nor may be freed, or queued, what would have to go. */
		if (gfp != KSPAN_GFP_NOTHING)
			evicted = kspan_table_make_room(table,
							kspan_bucket_size(stack->nr_frames));
		if (publish(spare)) {
			bucket = spare;
			spare = NULL;
		}
	}
	if (bucket)
		count_alloc(bucket, weight);
	else
		full = true;
	kspan_unlock(&table->lock, flags);

	if (gfp == KSPAN_GFP_NOTHING) {
		if (spare)
			push_spare(table, spare);
		return bucket;
	}
	kfree(spare);
	kspan_table_put_evicted(evicted);
	if (full && !xchg(&table->warned, true))
		pr_warn("the table of call stacks (%s) is full of stacks that hold memory: new stacks are not sampled, see samples_dropped in stats and the parameter max_profile_bytes\n",
			profile->name);
	return bucket;
}
EXPORT_SYMBOL_FOR_TESTS(kspan_bucket_alloc);

static void count_lifetime(struct kspan_bucket *bucket, u64 weight, u64 age_ns)
	kspan_must_hold_table
{
	const unsigned int shift = KSPAN_WEIGHT_SHIFT - KSPAN_LIFETIME_WEIGHT_SHIFT;

	kspan_assert_held(&bucket->table->lock);
	bucket->lifetimes.weights[kspan_lifetime_bin(age_ns)] +=
		(weight + BIT_ULL(shift - 1)) >> shift;
}

void kspan_bucket_free_aged(struct kspan_bucket *bucket, u64 weight, u64 age_ns)
{
	struct kspan_table *table = bucket->table;
	unsigned long flags;

	kspan_lock(&table->lock, flags);
	count_free(bucket, weight);
	if (age_ns != KSPAN_AGE_UNKNOWN)
		count_lifetime(bucket, weight, age_ns);
	kspan_unlock(&table->lock, flags);
}
EXPORT_SYMBOL_FOR_TESTS(kspan_bucket_free_aged);

u64 kspan_profile_start_ns(const struct kspan_profile *profile)
{
	return READ_ONCE(profile->table->start_ns);
}
EXPORT_SYMBOL_FOR_TESTS(kspan_profile_start_ns);

unsigned long kspan_profile_buckets(const struct kspan_profile *profile)
{
	return READ_ONCE(profile->table->nr);
}
EXPORT_SYMBOL_FOR_TESTS(kspan_profile_buckets);

size_t kspan_profile_bytes(const struct kspan_profile *profile)
{
	const struct kspan_table *table = profile->table;

	return READ_ONCE(table->bytes) + (table->chains_mask + 1) * sizeof(*table->chains);
}
EXPORT_SYMBOL_FOR_TESTS(kspan_profile_bytes);

/* ---- Life of a table ----------------------------------------------------------------- */

struct kspan_table *kspan_table_new(struct kspan_profile *profile, size_t max_bytes)
	kspan_not_checked
{
	unsigned long nr = roundup_pow_of_two(clamp(max_bytes / 1024, 256UL, 65536UL));
	struct kspan_table *table = kzalloc(sizeof(*table), GFP_KERNEL);

	if (!table)
		return ERR_PTR(-ENOMEM);
	table->chains = kvcalloc(nr, sizeof(*table->chains), GFP_KERNEL);
	if (!table->chains)
		goto fail;
	table->chains_mask = nr - 1;
	table->profile = profile;
	kspan_mutex_init(&table->mutex, "kspan_bucket_mutex");
	kspan_spin_lock_init(&table->lock, "kspan_bucket_lock");
	INIT_LIST_HEAD(&table->all);
	table->walk = &table->all;
	table->hand = &table->all;
	table->hand_last = &table->all;
	table->gone_end = &table->gone_first;
	table->bytes_max = max_bytes;
	table->peak.at = jiffies;
	WRITE_ONCE(table->start_ns, ktime_get_ns());
	kspan_table_listen(table);
	return table;
fail:
	kfree(table);
	return ERR_PTR(-ENOMEM);
}

/* Nothing is in use in it any more, and no snapshot has one of its buckets. */
void kspan_table_destroy(struct kspan_table *table)
	kspan_not_checked
{
	struct kspan_bucket *bucket, *next;

	kspan_table_unlisten(table);
	kspan_profile_keep_spares(table->profile, 0);
	kspan_bucket_flush_evicted();
	list_for_each_entry_safe(bucket, next, &table->all, all)
		kspan_bucket_put(bucket);
	kvfree(table->chains);
	kfree(table);
}

#ifdef CONFIG_LOCKDEP
void kspan_profile_assert_unlocked(const struct kspan_profile *profile)
{
	lockdep_assert_not_held(&profile->table->lock);
}
#endif

unsigned int kspan_bucket_frames(const struct kspan_bucket *bucket, const unsigned long **frames)
{
	*frames = bucket->frames;
	return bucket->nr_frames;
}
