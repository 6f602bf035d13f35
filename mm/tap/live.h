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

#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/cache.h>
#include <linux/hash.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/types.h>

#include "base/lock.h"

struct kspan_bucket;

/* A live sample: its object, and what is to be taken out again when that is freed. */
struct kspan_live {
	struct kspan_live *next;		/* in its chain, under the shard's lock */
	unsigned long addr;
	size_t size;				/* bytes of it */
	struct kspan_bucket *bucket;
	u64 weight;
	u64 born;				/* kspan_profile_now() */
	u64 number;				/* which one it is: of those that were ever added */
};

#define KSPAN_LIVE_SHARDS	64
#define KSPAN_LIVE_CHAIN_BITS	2
#define KSPAN_LIVE_CHAINS	BIT(KSPAN_LIVE_CHAIN_BITS)	/* for each count of the filter */

struct kspan_live_shard {
	raw_spinlock_t lock;	/* the chains of this shard, their counts in the filter, and: */
	kspan_watched unsigned long nr kspan_guarded_by(&lock);	/* samples in it */
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
	atomic64_t added;		/* samples that ever were */
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
 * Adds @live, whose fields but the first and the last are set. A sample that is known at its
 * address, of an object whose free was missed, is taken out and put into *@stale. False if too many
 * samples share its place in the filter. Any context but NMI and the middle of kspan; no lock held.
 */
bool kspan_live_add(struct kspan_live_table *table, struct kspan_live *live,
		    struct kspan_live **stale);

/*
 * The number of the last sample that was added: what is freed now is no later one, and what comes
 * to lie there after that is. Any context.
 */
static inline u64 kspan_live_added(const struct kspan_live_table *table)
{
	return atomic64_read(&table->added);
}

/*
 * Takes the sample at @addr out, if there is one that is no later than that number (U64_MAX: any);
 * NULL if there is none. Any context but NMI and the middle of kspan; no lock held.
 */
struct kspan_live *kspan_live_take(struct kspan_live_table *table, unsigned long addr, u64 last);

/* For the assertion that the two halves of tracing are apart; nothing without lockdep. */
void kspan_live_assert_unlocked(struct kspan_live_table *table, unsigned long addr);

/* Samples; exact while nobody changes them. */
unsigned long kspan_live_count(const struct kspan_live_table *table);
/* Bytes of the table and its filter. */
size_t kspan_live_bytes(const struct kspan_live_table *table);

static inline u64 kspan_live_slots(const struct kspan_live_table *table)
{
	return BIT_ULL(64 - table->shift);
}

static inline struct kspan_live_shard *kspan_live_shard_of(struct kspan_live_table *table, u64 slot)
{
	return &table->shards[slot % KSPAN_LIVE_SHARDS];
}

/* The @i-th chain of those that share a count of the filter. */
static inline struct kspan_live **kspan_live_chain(const struct kspan_live_table *table, u64 slot,
						   unsigned int i)
{
	return &table->chains[(slot << KSPAN_LIVE_CHAIN_BITS) + i];
}

/*
 * Shows @fn each sample, under its shard's lock, a few at a time: each is there at the moment at
 * which the walk comes by. Inlined, as those over the buckets. Process context.
 */
static __always_inline void kspan_live_walk(struct kspan_live_table *table,
					    void (*fn)(const struct kspan_live *live, void *arg),
					    void *arg)
{
	const struct kspan_live *live;
	unsigned long flags;
	unsigned int i;
	u64 slot;

	for (slot = 0; table->chains && slot < kspan_live_slots(table); slot++) {
		struct kspan_live_shard *shard = kspan_live_shard_of(table, slot);

		if (!READ_ONCE(table->filter[slot]))
			continue;
		kspan_raw_lock(&shard->lock, flags);
		for (i = 0; i < KSPAN_LIVE_CHAINS; i++)
			for (live = *kspan_live_chain(table, slot, i); live; live = live->next)
				fn(live, arg);
		kspan_raw_unlock(&shard->lock, flags);
		cond_resched();
	}
}

/* Takes all samples out, as a list by next, once nobody adds any. Process context. */
struct kspan_live *kspan_live_take_all(struct kspan_live_table *table);

/* An empty table; 0 or -ENOMEM. And its end, once it is empty and nobody asks. Process context. */
int kspan_live_init(struct kspan_live_table *table);
void kspan_live_exit(struct kspan_live_table *table);

#endif /* _KSPAN_TAP_LIVE_H */
