/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Live samples of a tap, by address, and the filter in front of them: specials, as it were, of
 * objects that kspan does not own.
 *
 * Nearly every free is of an object that is no sample. So the filter has, for each few chains, the
 * number of samples in them, in two bytes: 32 KiB on machines with up to 32 GiB of memory, and
 * more on larger ones, as there are more samples at a given rate.
 */
#ifndef _KSPAN_TAP_LIVE_H
#define _KSPAN_TAP_LIVE_H

#include <linux/cache.h>
#include <linux/hash.h>
#include <linux/llist.h>
#include <linux/spinlock.h>
#include <linux/types.h>

struct kspan_bucket;

/* A live sample: its object, and what is to be taken out again when that is freed. */
struct kspan_live {
	union {
		struct kspan_live *next;	/* in its chain, under the shard's lock */
		struct llist_node late;		/* taken out, and not yet out of its bucket */
	};
	unsigned long addr;
	struct kspan_bucket *bucket;
	u64 weight;
	u64 born;				/* ktime_get_mono_fast_ns() */
};

#define KSPAN_LIVE_SHARDS	64

struct kspan_live_shard {
	raw_spinlock_t lock;	/* the chains of this shard, their counts in the filter, and: */
	unsigned long nr;	/* samples in it; read without the lock for stats */
} ____cacheline_aligned_in_smp;

/*
 * Of one tap. Between kspan_live_init() and kspan_live_exit() nothing of it moves, so that it is
 * read without a lock: what is freed was handed over by whom it was allocated, after its sample
 * had been counted in the filter.
 */
struct kspan_live_table {
	u16 *filter;
	unsigned int shift;		/* 64 less the logarithm of its length */
	struct kspan_live **chains;
	struct kspan_live_shard shards[KSPAN_LIVE_SHARDS];
};

/* May there be a live sample at @addr? A load and a branch where there is none. Any context. */
static __always_inline bool kspan_live_maybe(const struct kspan_live_table *table,
					     unsigned long addr)
{
	u64 slot = (addr * GOLDEN_RATIO_64) >> table->shift;

	return unlikely(READ_ONCE(table->filter[slot]));
}

/*
 * Adds @live, whose fields but the first are set. A sample that is known at its address, of an
 * object whose free was missed, is taken out and put into *@stale. False if too many samples share
 * its place in the filter. Any context but NMI and the middle of kspan; no lock held.
 */
bool kspan_live_add(struct kspan_live_table *table, struct kspan_live *live,
		    struct kspan_live **stale);

enum kspan_live_found {
	KSPAN_LIVE_NONE,	/* no sample is known there */
	KSPAN_LIVE_TAKEN,	/* it is the caller's now */
	KSPAN_LIVE_BUSY,	/* the lock is held by whom this has interrupted */
};

/* Takes the sample at @addr out, into *@live. Any context. */
enum kspan_live_found kspan_live_take(struct kspan_live_table *table, unsigned long addr,
				      struct kspan_live **live);

/* For the assertion that the two halves of tracing are apart; nothing without lockdep. */
void kspan_live_assert_unlocked(struct kspan_live_table *table, unsigned long addr);

/* Samples; exact while nobody changes them. */
unsigned long kspan_live_count(const struct kspan_live_table *table);
/* Bytes of the table and its filter. */
size_t kspan_live_bytes(const struct kspan_live_table *table);

/*
 * Shows @fn each sample, under its shard's lock, a few at a time: each is there at the moment at
 * which the walk comes by. Process context.
 */
void kspan_live_walk(struct kspan_live_table *table,
		     void (*fn)(const struct kspan_live *live, void *arg), void *arg);
/* Takes all samples out, as a list by next, once nobody adds any. Process context. */
struct kspan_live *kspan_live_take_all(struct kspan_live_table *table);

/* An empty table; 0 or -ENOMEM. And its end, once it is empty and nobody asks. Process context. */
int kspan_live_init(struct kspan_live_table *table);
void kspan_live_exit(struct kspan_live_table *table);

#endif /* _KSPAN_TAP_LIVE_H */
