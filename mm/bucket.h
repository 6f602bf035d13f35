/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Buckets: a table of call stacks with the counts of what was allocated there.
 *
 * This side knows nothing of spans or caches: a bucket is keyed by the stack, the slot size in
 * bytes and a label (the interned name of a cache).
 */
#ifndef _KSPAN_BUCKET_H
#define _KSPAN_BUCKET_H

#include <linux/bits.h>
#include <linux/list.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/spinlock.h>
#include <linux/types.h>

#include "lifetime.h"
#include "peak.h"
#include "stack.h"

struct kspan_bucket_table;
struct kspan_label;
struct kspan_rate;
struct kspan_symbol;
struct module;

/* Weights are fixed point with this many fractional bits. */
#define KSPAN_WEIGHT_SHIFT	20
#define KSPAN_WEIGHT_ONE	BIT_ULL(KSPAN_WEIGHT_SHIFT)

struct kspan_bucket {
	struct hlist_node hash;		/* in a chain; under the table's lock, read under RCU */
	struct list_head all;		/* in the table's list; under the table's lock */
	struct kspan_bucket_table *table;
	struct rcu_head rcu;
	refcount_t refs;		/* the table's, and one of each snapshot */

	/* The key: written before the bucket is published, never after. */
	u32 hash_value;
	u32 slot_size;			/* bytes */
	struct kspan_label *label;	/* holds a reference */
	u32 nr_frames;

	bool unhashed;			/* never matches again; under the table's lock */

	/* Sums of weights, in objects; under the table's lock. */
	u64 allocs;			/* since load or the last reset */
	u64 live;			/* in use; survives a reset */
	struct kspan_peak_share peak;	/* what was in use at the heap's peak; likewise */

	/*
	 * What was freed, by how long it had lived, in weights; since load or the last reset.
	 * Under the table's lock, read without it.
	 */
	u64 lifetimes[KSPAN_NR_LIFETIMES];

	u64 oldest;			/* set by the table's date(), under kspan_bucket_mutex */

	/* nr_frames names, or NULL: not resolved yet; written once, under kspan_bucket_mutex. */
	const struct kspan_symbol **symbols;

	unsigned long frames[];		/* as struct kspan_stack */
};

/*
 * Serialises what walks or trims the whole table: snapshots, reset, a module that leaves.
 * Process context, outside the table's lock.
 */
extern struct mutex kspan_bucket_mutex;

/**
 * struct kspan_bucket_table - the buckets of one heap
 * @lock: chains and counts: a leaf lock, raw since one heap is the kernel's own
 * @all: every bucket; under @lock
 * @chains: by hash; the heads are under @lock, and read under RCU
 * @chains_mask: their number less one, fixed
 * @nr: buckets; under @lock
 * @bytes: of buckets; under @lock
 * @bytes_max: most bytes of buckets; tests lower it
 * @peak: when the heap was largest; under @lock
 * @start_ns: of the cumulative counts; under kspan_bucket_mutex
 * @rate: at which the heap is sampled
 * @new: memory for a bucket of the table, in any context but NMI; NULL without
 * @drop: gives back what @new has given and nobody has seen, likewise
 * @date: sets each bucket's oldest to when the oldest of its live samples was taken, as
 *	ktime_get_mono_fast_ns() has it, under kspan_bucket_mutex; NULL: not known
 */
struct kspan_bucket_table {
	raw_spinlock_t lock;
	struct list_head all;
	struct hlist_head *chains;
	unsigned int chains_mask;
	unsigned long nr;
	size_t bytes;
	size_t bytes_max;
	struct kspan_peak peak;
	u64 start_ns;
	const struct kspan_rate *rate;
	void *(*new)(struct kspan_bucket_table *table, size_t size, gfp_t gfp);
	void (*drop)(struct kspan_bucket_table *table, void *bucket);
	void (*date)(struct kspan_bucket_table *table);
};

extern struct kspan_bucket_table kspan_heap;	/* of the allocator */

struct kspan_bucket *kspan_bucket_alloc(struct kspan_bucket_table *table,
					const struct kspan_stack *stack, u32 slot_size,
					struct kspan_label *label, u64 weight, gfp_t gfp);
void kspan_bucket_free(struct kspan_bucket *bucket, u64 weight);
void kspan_bucket_free_aged(struct kspan_bucket *bucket, u64 weight, u64 age_ns);
void kspan_bucket_undo(struct kspan_bucket *bucket, u64 weight);

/* The caller has a reference, or the bucket has live objects. Process context. */
void kspan_bucket_put(struct kspan_bucket *bucket);
/* Names for every frame. Process context, under kspan_bucket_mutex. 0 or -ENOMEM. */
int kspan_bucket_resolve(struct kspan_bucket *bucket);

void kspan_profile_reset(struct kspan_bucket_table *table);
u64 kspan_profile_start_ns(const struct kspan_bucket_table *table);
unsigned long kspan_bucket_count(const struct kspan_bucket_table *table);
size_t kspan_bucket_bytes(const struct kspan_bucket_table *table);

int kspan_bucket_table_init(struct kspan_bucket_table *table, unsigned long max_bytes);
void kspan_bucket_table_exit(struct kspan_bucket_table *table);
int kspan_bucket_init(unsigned long max_bytes);
void kspan_bucket_exit(void);

#endif /* _KSPAN_BUCKET_H */
