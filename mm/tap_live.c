// SPDX-License-Identifier: GPL-2.0
/*
 * Live samples of a tap: specials, as it were, of addresses that kspan does not own. They hang
 * in chains by address, and the chains are shared out among shards, each with a lock.
 *
 * Nearly every free is of an object that is no sample, so a filter stands in front: for each few
 * chains the number of samples in them, two bytes each, 32 KiB for most machines. It grows with
 * the machine's memory, as the number of samples does at a given rate.
 *
 * Locks: the shards' (kspan_tap_shard_lock), raw spinlocks and leaves, with interrupts off. The
 * hooks run with preemption off, so on PREEMPT_RT no other kind may be taken, and nothing may be
 * allocated there: see tap_pool.c.
 */
#include <linux/bitops.h>
#include <linux/ktime.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "compat.h"
#include "lock.h"
#include "tap.h"
#include "tap_live.h"
#include "tap_pool.h"

#define CHAIN_BITS		2		/* chains for each count of the filter: four */
#define FILTER_BITS_LEAST	14
#define FILTER_BITS_MOST	20

static u64 slot_of(const struct kspan_live_table *table, unsigned long addr)
{
	return (addr * GOLDEN_RATIO_64) >> table->filter.shift;
}

static struct hlist_head *chain_of(struct kspan_live_table *table, unsigned long addr)
{
	return &table->chains[(addr * GOLDEN_RATIO_64) >> (table->filter.shift - CHAIN_BITS)];
}

static struct kspan_live_shard *shard_of(struct kspan_live_table *table, u64 slot)
{
	return &table->shards[slot % KSPAN_LIVE_SHARDS];
}

static u64 nr_slots(const struct kspan_live_table *table)
{
	return BIT_ULL(64 - table->filter.shift);
}

struct kspan_live *kspan_live_new(struct kspan_live_table *table, gfp_t gfp)
{
	return kspan_pool_get(&table->pool, gfp);
}

void kspan_live_drop(struct kspan_live_table *table, struct kspan_live *live)
{
	kspan_pool_put(&table->pool, live);
}

/* Takes the sample at @addr out, if there is one. */
static struct kspan_live *take_out(struct kspan_live_table *table, struct kspan_live_shard *shard,
				   unsigned long addr)
{
	struct kspan_live *live;

	lockdep_assert_held(&shard->lock);
	hlist_for_each_entry(live, chain_of(table, addr), chain) {
		u16 *count = &table->filter.counts[slot_of(table, addr)];

		if (live->addr != addr)
			continue;
		hlist_del(&live->chain);
		WRITE_ONCE(*count, *count - 1);
		WRITE_ONCE(shard->nr, shard->nr - 1);
		return live;
	}
	return NULL;
}

/*
 * Adds @live. What was known at its address, whose free has been missed, is in *@stale. False if
 * there are too many whose address falls where it does.
 */
bool kspan_live_add(struct kspan_live_table *table, struct kspan_live *live,
		    struct kspan_live **stale)
{
	u64 slot = slot_of(table, live->addr);
	u16 *count = &table->filter.counts[slot];
	struct kspan_live_shard *shard = shard_of(table, slot);
	unsigned long flags;
	bool added;

	kspan_raw_lock(&shard->lock, flags);
	*stale = take_out(table, shard, live->addr);
	added = *count < U16_MAX;
	if (added) {
		hlist_add_head(&live->chain, chain_of(table, live->addr));
		WRITE_ONCE(*count, *count + 1);
		WRITE_ONCE(shard->nr, shard->nr + 1);
	}
	kspan_raw_unlock(&shard->lock, flags);
	return added;
}

/* Takes the sample at @addr out; NULL if there is none. */
struct kspan_live *kspan_live_remove(struct kspan_live_table *table, unsigned long addr)
{
	struct kspan_live_shard *shard = shard_of(table, slot_of(table, addr));
	struct kspan_live *live;
	unsigned long flags;

	kspan_raw_lock(&shard->lock, flags);
	live = take_out(table, shard, addr);
	kspan_raw_unlock(&shard->lock, flags);
	return live;
}

/* Finds out when the oldest live sample of each bucket was taken. Under kspan_bucket_mutex. */
void kspan_live_date(struct kspan_tap *tap)
{
	struct kspan_live_table *table = &tap->live;
	u64 now = ktime_get_mono_fast_ns();
	unsigned long flags;
	struct kspan_bucket *bucket;
	struct kspan_live *live;
	u64 slot, i;

	lockdep_assert_held(&kspan_bucket_mutex);
	kspan_raw_lock(&tap->heap.lock, flags);
	list_for_each_entry(bucket, &tap->heap.all, all)
		bucket->oldest = now;
	kspan_raw_unlock(&tap->heap.lock, flags);

	for (slot = 0; table->chains && slot < nr_slots(table); slot++) {
		struct kspan_live_shard *shard = shard_of(table, slot);

		if (!READ_ONCE(table->filter.counts[slot]))
			continue;
		kspan_raw_lock(&shard->lock, flags);
		for (i = slot << CHAIN_BITS; i < (slot + 1) << CHAIN_BITS; i++)
			hlist_for_each_entry(live, &table->chains[i], chain)
				live->bucket->oldest = min(live->bucket->oldest, live->born);
		kspan_raw_unlock(&shard->lock, flags);
		cond_resched();
	}
}

/* Live samples; exact while no hook is in. */
unsigned long kspan_live_count(const struct kspan_live_table *table)
{
	unsigned long sum = 0;
	int i;

	for (i = 0; i < KSPAN_LIVE_SHARDS; i++)
		sum += READ_ONCE(table->shards[i].nr);
	return sum;
}

/* Bytes that the tap has for live samples. */
size_t kspan_live_bytes(const struct kspan_live_table *table)
{
	if (!table->chains)
		return 0;
	return nr_slots(table) * (sizeof(u16) + (sizeof(*table->chains) << CHAIN_BITS)) +
	       kspan_live_count(table) * sizeof(struct kspan_live);
}

/* Room for live samples, with none in it. 0 or -ENOMEM. */
int kspan_live_start(struct kspan_live_table *table)
{
	/* A sample in 512 KiB of a machine's memory would give each count four. */
	unsigned long most = totalram_pages() >> (21 - PAGE_SHIFT);
	unsigned int bits = clamp_t(unsigned int, most ? ilog2(most) : 0, FILTER_BITS_LEAST,
				    FILTER_BITS_MOST);
	struct hlist_head *heads = kvcalloc(BIT(bits + CHAIN_BITS), sizeof(*heads), GFP_KERNEL);
	u16 *counts = kvcalloc(BIT(bits), sizeof(*counts), GFP_KERNEL);
	int i;

	if (!heads || !counts || kspan_pool_start(&table->pool)) {
		kvfree(heads);
		kvfree(counts);
		return -ENOMEM;
	}
	for (i = 0; i < KSPAN_LIVE_SHARDS; i++)
		kspan_raw_spin_lock_init(&table->shards[i].lock, "kspan_tap_shard_lock");
	mutex_lock(&kspan_bucket_mutex);
	table->filter.shift = 64 - bits;
	table->filter.counts = counts;
	table->chains = heads;
	mutex_unlock(&kspan_bucket_mutex);
	return 0;
}

/* Once no hook is in: gives each sample that is left to @release. */
void kspan_live_stop(struct kspan_tap *tap,
		     void (*release)(struct kspan_tap *tap, struct kspan_live *live))
{
	struct kspan_live_table *table = &tap->live;
	struct hlist_head *heads = table->chains;
	struct hlist_node *next;
	struct kspan_live *live;
	u64 i;

	mutex_lock(&kspan_bucket_mutex);
	for (i = 0; i < nr_slots(table) << CHAIN_BITS; i++) {
		hlist_for_each_entry_safe(live, next, &heads[i], chain) {
			preempt_disable();
			release(tap, live);
			preempt_enable();
		}
		cond_resched();
	}
	for (i = 0; i < KSPAN_LIVE_SHARDS; i++)
		WRITE_ONCE(table->shards[i].nr, 0);
	table->chains = NULL;
	mutex_unlock(&kspan_bucket_mutex);

	kspan_pool_stop(&table->pool);
	kvfree(table->filter.counts);
	kvfree(heads);
}
