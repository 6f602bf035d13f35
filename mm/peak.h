/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The heap as it was when it was largest, as tcmalloc keeps it, but without a copy of the table:
 * a new peak only changes the epoch, and each bucket saves what it had in use before that changes
 * for the first time in an epoch. So a sample costs the same however many buckets there are, and
 * what is saved adds up to the peak exactly.
 *
 * All of it is under the lock of the bucket table.
 */
#ifndef _KSPAN_PEAK_H
#define _KSPAN_PEAK_H

#include <linux/jiffies.h>
#include <linux/minmax.h>
#include <linux/types.h>

/* Of a table. */
struct kspan_peak {
	u64 live;		/* bytes in use, an estimate */
	u64 most;		/* the most of them since load or the last reset */
	u64 epoch;		/* changes with each new peak */
	unsigned long at;	/* when it was reached, in jiffies */
};

/* Of a bucket: what it had in use at the peak of that epoch. In any other it still has it. */
struct kspan_peak_share {
	u64 live;		/* a sum of weights, in objects */
	u64 epoch;
};

/* Before what a bucket has in use, @live, changes. */
static inline void kspan_peak_keep(const struct kspan_peak *peak, struct kspan_peak_share *share,
				   u64 live)
{
	if (share->epoch == peak->epoch)
		return;
	share->live = live;
	share->epoch = peak->epoch;
}

/* The present is the peak. */
static inline void kspan_peak_now(struct kspan_peak *peak)
{
	peak->most = peak->live;
	peak->epoch++;
	WRITE_ONCE(peak->at, jiffies);
}

/* After the change. */
static inline void kspan_peak_grow(struct kspan_peak *peak, u64 bytes)
{
	peak->live += bytes;
	if (peak->live > peak->most)
		kspan_peak_now(peak);
}

static inline void kspan_peak_shrink(struct kspan_peak *peak, u64 bytes)
{
	peak->live -= min(peak->live, bytes);
}

/* What a bucket that has @live in use had at the peak. */
static inline u64 kspan_peak_of(const struct kspan_peak *peak,
				const struct kspan_peak_share *share, u64 live)
{
	return share->epoch == peak->epoch ? share->live : live;
}

#endif /* _KSPAN_PEAK_H */
