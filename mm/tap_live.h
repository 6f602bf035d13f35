/* SPDX-License-Identifier: GPL-2.0 */
/* Live samples of a tap, by address, and the filter in front of them. */
#ifndef _KSPAN_TAP_LIVE_H
#define _KSPAN_TAP_LIVE_H

#include <linux/cache.h>
#include <linux/hash.h>
#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/types.h>

#include "tap_pool.h"

struct kspan_bucket;
struct kspan_tap;

/* A live sample: its object, and what is to be taken out again when it is freed. */
struct kspan_live {
	struct hlist_node chain;	/* under the shard's lock */
	unsigned long addr;
	struct kspan_bucket *bucket;
	u64 weight;
	u64 born;			/* ktime_get_mono_fast_ns() */
};

/*
 * How many live samples there are whose address falls here. Written under the lock of the shard
 * that it belongs to; whoever frees an object was handed it after its sample was counted here,
 * so a plain read finds it.
 */
struct kspan_live_filter {
	u16 *counts;
	unsigned int shift;		/* 64 less the logarithm of their number */
};

#define KSPAN_LIVE_SHARDS	64

struct kspan_live_shard {
	raw_spinlock_t lock;		/* chains and counts of this shard, and: */
	unsigned long nr;		/* samples in it */
} ____cacheline_aligned_in_smp;

/* Of one tap. The chains are NULL while it is off. */
struct kspan_live_table {
	struct kspan_live_filter filter;
	struct hlist_head *chains;
	struct kspan_pool pool;
	struct kspan_live_shard shards[KSPAN_LIVE_SHARDS];
};

#define KSPAN_LIVE_TABLE_INIT	{ .pool = { .size = sizeof(struct kspan_live) } }

/* May there be a live sample at @addr? A load and a branch where there is none. */
static __always_inline bool kspan_live_maybe(const struct kspan_live_table *table,
					     unsigned long addr)
{
	u64 slot = (addr * GOLDEN_RATIO_64) >> table->filter.shift;

	return unlikely(READ_ONCE(table->filter.counts[slot]));
}

/* Preemption off, not in NMI, no lock held. */
struct kspan_live *kspan_live_new(struct kspan_live_table *table, gfp_t gfp);
void kspan_live_drop(struct kspan_live_table *table, struct kspan_live *live);
bool kspan_live_add(struct kspan_live_table *table, struct kspan_live *live,
		    struct kspan_live **stale);
struct kspan_live *kspan_live_remove(struct kspan_live_table *table, unsigned long addr);

/* Process context. */
int kspan_live_start(struct kspan_live_table *table);
void kspan_live_stop(struct kspan_tap *tap,
		     void (*release)(struct kspan_tap *tap, struct kspan_live *live));
void kspan_live_date(struct kspan_tap *tap);
unsigned long kspan_live_count(const struct kspan_live_table *table);
size_t kspan_live_bytes(const struct kspan_live_table *table);

#endif /* _KSPAN_TAP_LIVE_H */
