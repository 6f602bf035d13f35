// SPDX-License-Identifier: GPL-2.0
/*
 * Taking a snapshot: a cut through the table shows one moment, whatever is counted while it is
 * copied, in many short holds of the table's lock; names are found and numbers worked out after
 * it. Each bucket is kept by a reference until the snapshot is freed.
 *
 * Locks: the mutex of the table, and under it its lock for the copy, and what the client's walks
 * take. Process context.
 */
#include <linux/err.h>
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/overflow.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>

#include "base/compat.h"
#include "base/lock.h"
#include "profile/bucket.h"
#include "profile/fixmath.h"
#include "profile/label.h"
#include "profile/profile.h"

struct taken {
	struct kspan_snapshot snap;
	struct kspan_bucket_copy *copies;
	size_t nr_copies;
	struct kspan_lifetimes *lifetimes;	/* NULL if not asked for */
};

/* Names of frames whose module left when there was no memory to keep them. */
static const struct kspan_symbol lost_symbol = { .name = "unloaded", .module = "unknown" };
static const struct kspan_symbol *lost_symbols[KSPAN_MAX_FRAMES] = {
	[0 ... KSPAN_MAX_FRAMES - 1] = &lost_symbol
};

static u64 round_weight(u64 weight, u64 scale)
{
	return mul_u64_u64_shr(weight, scale, KSPAN_WEIGHT_SHIFT) +
	       ((weight * scale) >> (KSPAN_WEIGHT_SHIFT - 1) & 1);
}

/* How many samples of weight @one make up @weight, to the nearest; *@whole stays if exactly so. */
static u64 samples_of(u64 weight, u64 one, bool *whole)
{
	u64 rest, n = div64_u64_rem(weight, one, &rest);

	if (!rest)
		return n;
	*whole = false;
	return n + (rest >= one / 2);
}

/*
 * A sample has the weight of the mean that it was taken at. With any other mean than the present
 * one the sums are no whole number of the present weights, but by a chance of one in a million,
 * and then they can be said in them as well.
 */
static void fill_row(struct kspan_row *row, const struct kspan_bucket_copy *copy,
		     const struct taken *taken, bool *whole)
{
	u64 mean = taken->snap.sample_bytes;
	const struct kspan_bucket *bucket = copy->bucket;
	u64 size = bucket->slot_size, one = KSPAN_WEIGHT_ONE;

	if (mean > 1)
		one = kspan_weight(size, mean);
	row->addrs = bucket->frames;
	row->symbols = bucket->symbols ?: lost_symbols;
	row->nr_frames = bucket->nr_frames;
	row->label = bucket->label->name;
	row->slot_size = size;
	row->alloc_objects = copy->carried + round_weight(copy->allocs, 1);
	row->alloc_bytes = copy->carried * size + round_weight(copy->allocs, size);
	row->inuse_objects = round_weight(copy->live, 1);
	row->inuse_bytes = round_weight(copy->live, size);
	row->peak_objects = round_weight(copy->peak, 1);
	row->peak_bytes = round_weight(copy->peak, size);
	row->free_objects = round_weight(copy->free, 1);
	row->free_bytes = round_weight(copy->free, size);
	row->lifetimes = taken->lifetimes ? taken->lifetimes[copy->lifetimes].weights : NULL;
	row->alloc_samples = mul_u64_u64_div_u64(copy->carried, KSPAN_WEIGHT_ONE, one) +
			     samples_of(copy->allocs, one, whole);
	row->inuse_samples = samples_of(copy->live, one, whole);
	row->has_age = copy->aged;
	row->age_min = copy->age_min;
	row->age_average = copy->aged ? div64_u64(copy->age_sum, copy->aged) : 0;
	row->age_max = copy->age_max;
}

/* What is known of the peak, @now being ktime_get_real_ns(). */
static void fill_peak(struct kspan_snapshot *snap, const struct kspan_peak *peak, u64 now)
{
	u64 ago = jiffies64_to_nsecs(jiffies - peak->at);

	snap->peak_time_ns = now - min(ago, now);
	snap->peak_duration_ns = snap->duration_ns - min(ago, snap->duration_ns);
	snap->peak_lost_objects = round_weight(peak->lost_objects, 1);
	snap->peak_lost_bytes = peak->lost_bytes;
}

/* Every bucket as it is at one moment, and when that was. */
static int take_copies(struct taken *taken, struct kspan_profile *profile, unsigned int more)
	kspan_must_hold_mutex(&profile->table->mutex)
{
	size_t n = kspan_profile_buckets(profile), room;
	struct kspan_peak peak;

	lockdep_assert_held(&profile->table->mutex);
	do {
		kvfree(taken->copies);
		kvfree(taken->lifetimes);
		taken->lifetimes = NULL;
		/* Room for some that come meanwhile. */
		room = n + n / 8 + 16;
		taken->copies = kvmalloc_array(room, sizeof(*taken->copies), GFP_KERNEL);
		if (more & KSPAN_WITH_LIFETIMES)
			taken->lifetimes = kvmalloc_array(room, sizeof(*taken->lifetimes),
							  GFP_KERNEL);
		if (!taken->copies || (more & KSPAN_WITH_LIFETIMES && !taken->lifetimes))
			return -ENOMEM;
		n = kspan_table_cut(profile->table, room, &peak, taken->lifetimes);
	} while (n > room);
	taken->snap.time_ns = ktime_get_real_ns();
	taken->snap.duration_ns = ktime_get_ns() - kspan_profile_start_ns(profile);
	fill_peak(&taken->snap, &peak, taken->snap.time_ns);
	taken->nr_copies = kspan_table_copy_cut(profile->table, taken->copies);
	return 0;
}

/* What walk_samples() is given. */
struct kspan_ages {
	struct taken *taken;
	u64 now_ns;
};

/* What walk_shares() is given. */
struct kspan_shares {
	struct taken *taken;
};

/* Each bucket knows its copy. */
static void number_copies(struct taken *taken)
{
	size_t i;

	for (i = 0; i < taken->nr_copies; i++) {
		taken->copies[i].bucket->copy = i;
		cond_resched();
	}
}

/* The copy of @bucket; NULL: it came after the cut. One of a stack that was there has one. */
static struct kspan_bucket_copy *copy_of(struct taken *taken, struct kspan_bucket *bucket)
{
	struct kspan_bucket_copy *copy = &taken->copies[bucket->copy];

	return bucket->copy < taken->nr_copies && copy->bucket == bucket ? copy : NULL;
}

void kspan_ages_add(struct kspan_ages *ages, struct kspan_bucket *bucket, u64 taken_ns)
{
	struct kspan_bucket_copy *copy = copy_of(ages->taken, bucket);
	u64 age;

	if (!copy)
		return;
	age = div_u64(ages->now_ns - min(taken_ns, ages->now_ns), NSEC_PER_MSEC);
	copy->age_min = copy->aged ? min(copy->age_min, age) : age;
	copy->age_max = max(copy->age_max, age);
	copy->age_sum += age;
	copy->aged++;
}

static void take_ages(struct taken *taken, struct kspan_profile *profile)
{
	struct kspan_ages ages = { taken, kspan_profile_now() };

	if (!profile->ops || !profile->ops->walk_samples)
		return;
	number_copies(taken);
	profile->ops->walk_samples(profile, &ages);
}

/* Of the objects that it stands for: at the lowest rates that is more than there can be. */
void kspan_shares_add(struct kspan_shares *shares, struct kspan_bucket *bucket, u64 weight,
		      unsigned int free, unsigned int used)
{
	struct kspan_bucket_copy *copy = copy_of(shares->taken, bucket);
	u64 share = div_u64(min(weight, div_u64(U64_MAX, free)) * free, used);

	if (copy && check_add_overflow(copy->free, share, &copy->free))
		copy->free = U64_MAX;
}

static int take_shares(struct taken *taken, struct kspan_profile *profile)
{
	struct kspan_shares shares = { taken };

	if (!profile->ops || !profile->ops->walk_shares)
		return 0;
	number_copies(taken);
	return profile->ops->walk_shares(profile, &shares);
}

/* Every bucket gets its names, but those whose names are lost. */
static int resolve_copies(struct taken *taken)
{
	size_t i;

	for (i = 0; i < taken->nr_copies; i++) {
		struct kspan_bucket *bucket = taken->copies[i].bucket;

		if (!bucket->symbols && !bucket->gone && kspan_bucket_resolve(bucket))
			return -ENOMEM;
		cond_resched();
	}
	return 0;
}

struct kspan_snapshot *kspan_snapshot_take_with(struct kspan_profile *profile, unsigned int more)
{
	struct taken *taken = kzalloc(sizeof(*taken), GFP_KERNEL);
	struct kspan_snapshot *snap;
	bool whole = true;
	size_t i;
	int err;

	if (!taken)
		return ERR_PTR(-ENOMEM);
	snap = &taken->snap;

	if (profile->ops && profile->ops->settle)
		profile->ops->settle(profile);
	mutex_lock(&profile->table->mutex);
	err = take_copies(taken, profile, more);
	snap->sample_bytes = kspan_profile_sample_bytes(profile);
	if (!err) {
		take_ages(taken, profile);
		if (more & KSPAN_WITH_FREE)
			err = take_shares(taken, profile);
	}
	if (!err)
		err = resolve_copies(taken);
	mutex_unlock(&profile->table->mutex);
	if (err)
		goto fail;

	snap->rows = kvmalloc_array(max_t(size_t, taken->nr_copies, 1), sizeof(*snap->rows),
				    GFP_KERNEL);
	if (!snap->rows)
		goto fail;
	for (i = 0; i < taken->nr_copies; i++) {
		fill_row(&snap->rows[i], &taken->copies[i], taken, &whole);
		cond_resched();
	}
	snap->mixed = !whole;
	snap->nr_rows = taken->nr_copies;
	return snap;
fail:
	kspan_snapshot_free(snap);
	return ERR_PTR(-ENOMEM);
}
EXPORT_SYMBOL_FOR_TESTS(kspan_snapshot_take_with);

struct kspan_snapshot *kspan_snapshot_take(struct kspan_profile *profile)
{
	return kspan_snapshot_take_with(profile, 0);
}
EXPORT_SYMBOL_FOR_TESTS(kspan_snapshot_take);

void kspan_snapshot_free(struct kspan_snapshot *snap)
{
	struct taken *taken = container_of(snap, struct taken, snap);
	size_t i;

	for (i = 0; i < taken->nr_copies; i++)
		kspan_bucket_put(taken->copies[i].bucket);
	kvfree(taken->copies);
	kvfree(taken->lifetimes);
	kvfree(snap->rows);
	kfree(taken);
}
EXPORT_SYMBOL_FOR_TESTS(kspan_snapshot_free);
