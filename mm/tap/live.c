// SPDX-License-Identifier: GPL-2.0
/*
 * The table of live samples. They hang in chains by address; a few chains share a count of the
 * filter, and all are shared out among shards, each with a lock.
 *
 * Locks: the shards' (kspan_tap_shard_lock), raw spinlocks and leaves, with interrupts off. The
 * handlers of tracepoints have preemption off, where PREEMPT_RT lets no other kind be taken.
 */
#include <linux/bitops.h>
#include <linux/kernel.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "base/compat.h"
#include "base/lock.h"
#include "tap/live.h"

#define FILTER_BITS_LEAST	14
#define FILTER_BITS_MOST	20

static u64 filter_slot(const struct kspan_live_table *table, unsigned long addr)
{
	return (addr * GOLDEN_RATIO_64) >> table->shift;
}

static struct kspan_live **chain_at(const struct kspan_live_table *table, unsigned long addr)
{
	return &table->chains[(addr * GOLDEN_RATIO_64) >> (table->shift - KSPAN_LIVE_CHAIN_BITS)];
}

/* Unlinks the sample at @addr, if there is one that is no later than @last. */
static struct kspan_live *unlink_at(struct kspan_live_table *table,
				    struct kspan_live_shard *shard, unsigned long addr,
				    u64 last)
	kspan_must_hold(&shard->lock)
{
	struct kspan_live **link = chain_at(table, addr), *live;
	u16 *count = &table->filter[filter_slot(table, addr)];

	lockdep_assert_held(&shard->lock);
	for (live = *link; live; link = &live->next, live = *link) {
		if (live->addr != addr)
			continue;
		if (live->number > last)
			break;
		*link = live->next;
		/* Read without the lock by kspan_live_maybe(), and nr by kspan_live_count(). */
		WRITE_ONCE(*count, *count - 1);
		WRITE_ONCE(shard->nr, shard->nr - 1);
		return live;
	}
	return NULL;
}

bool kspan_live_add(struct kspan_live_table *table, struct kspan_live *live,
		    struct kspan_live **stale)
{
	u64 slot = filter_slot(table, live->addr);
	struct kspan_live_shard *shard = kspan_live_shard_of(table, slot);
	struct kspan_live **chain = chain_at(table, live->addr);
	u16 *count = &table->filter[slot];
	unsigned long flags;
	bool added;

	live->number = atomic64_inc_return(&table->added);
	kspan_raw_lock(&shard->lock, flags);
	*stale = unlink_at(table, shard, live->addr, U64_MAX);
	added = *count < U16_MAX;
	if (added) {
		live->next = *chain;
		*chain = live;
		/* As in unlink_at(). */
		WRITE_ONCE(*count, *count + 1);
		WRITE_ONCE(shard->nr, shard->nr + 1);
	}
	kspan_raw_unlock(&shard->lock, flags);
	return added;
}
EXPORT_SYMBOL_FOR_TESTS(kspan_live_add);

struct kspan_live *kspan_live_take(struct kspan_live_table *table, unsigned long addr, u64 last)
{
	struct kspan_live_shard *shard = kspan_live_shard_of(table, filter_slot(table, addr));
	struct kspan_live *live;
	unsigned long flags;

	kspan_raw_lock(&shard->lock, flags);
	live = unlink_at(table, shard, addr, last);
	kspan_raw_unlock(&shard->lock, flags);
	return live;
}
EXPORT_SYMBOL_FOR_TESTS(kspan_live_take);

void kspan_live_assert_unlocked(struct kspan_live_table *table, unsigned long addr)
{
	lockdep_assert_not_held(&kspan_live_shard_of(table, filter_slot(table, addr))->lock);
}

unsigned long kspan_live_count(const struct kspan_live_table *table)
{
	unsigned long sum = 0;
	int i;

	for (i = 0; i < KSPAN_LIVE_SHARDS; i++)
		sum += READ_ONCE(table->shards[i].nr);
	return sum;
}
EXPORT_SYMBOL_FOR_TESTS(kspan_live_count);

size_t kspan_live_bytes(const struct kspan_live_table *table)
{
	if (!table->chains)
		return 0;
	return kspan_live_slots(table) * (sizeof(*table->filter) +
				  (sizeof(*table->chains) << KSPAN_LIVE_CHAIN_BITS)) +
	       kspan_live_count(table) * sizeof(struct kspan_live);
}

struct kspan_live *kspan_live_take_all(struct kspan_live_table *table)
{
	struct kspan_live *all = NULL, *live, **chain;
	unsigned long flags;
	unsigned int i;
	u64 slot;

	for (slot = 0; slot < kspan_live_slots(table); slot++) {
		struct kspan_live_shard *shard = kspan_live_shard_of(table, slot);

		kspan_raw_lock(&shard->lock, flags);
		for (i = 0; i < KSPAN_LIVE_CHAINS; i++) {
			chain = kspan_live_chain(table, slot, i);
			while ((live = *chain)) {
				*chain = live->next;
				WRITE_ONCE(shard->nr, shard->nr - 1);
				live->next = all;
				all = live;
			}
		}
		/* As in unlink_at(). */
		WRITE_ONCE(table->filter[slot], 0);
		kspan_raw_unlock(&shard->lock, flags);
		cond_resched();
	}
	return all;
}
EXPORT_SYMBOL_FOR_TESTS(kspan_live_take_all);

int kspan_live_init(struct kspan_live_table *table)
	kspan_not_checked	/* nobody else has it */
{
	/* A sample in 512 KiB of all memory would make each count four. */
	unsigned long most = totalram_pages() >> (21 - PAGE_SHIFT);
	unsigned int bits = clamp_t(unsigned int, most ? ilog2(most) : 0, FILTER_BITS_LEAST,
				    FILTER_BITS_MOST);
	int i;

	table->shift = 64 - bits;
	atomic64_set(&table->added, 0);
	table->filter = kvcalloc(BIT(bits), sizeof(*table->filter), GFP_KERNEL);
	table->chains = kvcalloc(BIT(bits + KSPAN_LIVE_CHAIN_BITS), sizeof(*table->chains),
				 GFP_KERNEL);
	if (!table->filter || !table->chains) {
		kspan_live_exit(table);
		return -ENOMEM;
	}
	for (i = 0; i < KSPAN_LIVE_SHARDS; i++) {
		kspan_raw_spin_lock_init(&table->shards[i].lock, "kspan_tap_shard_lock");
		WRITE_ONCE(table->shards[i].nr, 0);
	}
	return 0;
}
EXPORT_SYMBOL_FOR_TESTS(kspan_live_init);

void kspan_live_exit(struct kspan_live_table *table)
{
	kvfree(table->filter);
	kvfree(table->chains);
	table->filter = NULL;
	table->chains = NULL;
}
EXPORT_SYMBOL_FOR_TESTS(kspan_live_exit);
