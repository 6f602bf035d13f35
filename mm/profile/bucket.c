// SPDX-License-Identifier: GPL-2.0
/*
 * The table of buckets. Looking one up takes no lock: chains are walked under RCU. A stack that
 * is new gets a bucket that was allocated before the lock is taken; under the lock the chain is
 * searched again, and the spare is inserted or, if somebody was faster, dropped (the order of
 * lib/stackdepot.c). The counts of all buckets change under the same lock, so that a reader who
 * holds it sees allocations and frees that belong together.
 *
 * A reader who wants all of them at one moment does not hold it for as long as it takes to look
 * at each: he makes a cut. From then on whoever is about to change the counts of a bucket first
 * keeps what they were at the cut, and the reader comes by in many small steps and takes that. A
 * bucket that is evicted before he has come by is kept for him. A reset is a cut as well: at it the
 * cumulative counts are zero.
 *
 * A bucket stays until a reset finds it with nothing in use, or its room is wanted. When a module
 * leaves, or its init functions do, the buckets whose stacks touch it get their names while those
 * can still be read, and are taken out of their chains: other code may come to lie at the same
 * addresses.
 *
 * When the table is full, buckets with nothing in use are evicted for a new stack. First go those
 * whose module has left, the longest idle first, since their stacks cannot come again; then
 * others, wherever a hand that goes round comes upon one within a few steps. What is in use is
 * never evicted, so that a leak is seen however many stacks there were before it.
 *
 * Any context may evict, but names and labels are let go by a work item, after a grace period.
 *
 * Locks: kspan_bucket_lock, a leaf, with interrupts off; kspan_bucket_mutex outside it, process
 * context. Nothing is allocated, freed or printed under the spinlock.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/bitops.h>
#include <linux/err.h>
#include <linux/hash.h>
#include <linux/ktime.h>
#include <linux/llist.h>
#include <linux/log2.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/rculist.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>
#include <linux/workqueue.h>

#include "base/compat.h"
#include "base/gfp.h"
#include "base/hooks.h"
#include "base/lock.h"
#include "profile/bucket.h"
#include "profile/label.h"
#include "profile/stack.h"

/* How many buckets the hand looks at for one new stack. */
#define HAND_STEPS	64

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
static struct kspan_bucket *find(const struct kspan_table *table, const struct kspan_stack *stack,
				 u32 hash, u32 slot_size, const struct kspan_label *label)
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

static size_t size_of(unsigned int nr_frames)
{
	return struct_size((struct kspan_bucket *)0, frames, nr_frames);
}

static struct kspan_bucket *bucket_new(struct kspan_table *table, const struct kspan_stack *stack,
				       u32 hash, u32 slot_size, struct kspan_label *label,
				       gfp_t gfp)
{
	struct kspan_bucket *bucket;

	if (kspan_test_point(KSPAN_FAIL_BUCKET))
		return NULL;
	bucket = kmalloc(size_of(stack->nr_frames), (gfp & KSPAN_GFP_METADATA) | __GFP_NOWARN);
	if (!bucket)
		return NULL;
	INIT_HLIST_NODE(&bucket->hash);
	refcount_set(&bucket->refs, 1);
	bucket->table = table;
	bucket->hash_value = hash;
	bucket->slot_size = slot_size;
	bucket->label = label;
	bucket->nr_frames = stack->nr_frames;
	bucket->unhashed = false;
	bucket->gone = false;
	bucket->allocs = 0;
	bucket->carried = 0;
	bucket->live = 0;
	bucket->passed = 0;
	bucket->cut_allocs = 0;
	bucket->cut_carried = 0;
	bucket->cut_live = 0;
	bucket->told = 0;
	bucket->symbols = NULL;
	memcpy(bucket->frames, stack->frames, stack->nr_frames * sizeof(stack->frames[0]));
	return bucket;
}

static bool fits(const struct kspan_table *table, size_t size)
{
	return table->bytes + size <= table->bytes_max;
}

/* Takes @bucket out of the table, whose reference is now the caller's. */
static void take_out(struct kspan_bucket *bucket)
{
	struct kspan_table *table = bucket->table;

	lockdep_assert_held(&table->lock);
	if (!bucket->unhashed)
		hlist_del_rcu(&bucket->hash);
	bucket->unhashed = true;
	table->bytes -= size_of(bucket->nr_frames);
	table->nr--;
	if (table->walk == &bucket->all)
		table->walk = bucket->all.next;
	if (table->hand == &bucket->all)
		table->hand = bucket->all.next;
	list_del(&bucket->all);
}

/* @bucket, which is gone, has nothing in use. Nothing will be: it never matches again. */
static void push_gone(struct kspan_bucket *bucket)
{
	struct kspan_table *table = bucket->table;

	lockdep_assert_held(&table->lock);
	bucket->next = NULL;
	*table->gone_end = bucket;
	table->gone_end = &bucket->next;
}

static struct kspan_bucket *pop_gone(struct kspan_table *table)
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

/* The next bucket with nothing in use, if the hand comes upon one in *@steps. */
static struct kspan_bucket *next_idle(struct kspan_table *table, unsigned int *steps)
{
	struct kspan_bucket *bucket;

	lockdep_assert_held(&table->lock);
	while (*steps) {
		--*steps;
		if (table->hand == &table->all) {
			table->hand = table->hand->next;
			continue;
		}
		bucket = list_entry(table->hand, struct kspan_bucket, all);
		table->hand = table->hand->next;
		if (!bucket->live)
			return bucket;
	}
	return NULL;
}

/* Keeps the counts of the last cut, before they change for the first time after it. */
static void bring_to_cut(struct kspan_bucket *bucket)
{
	struct kspan_table *table = bucket->table;

	lockdep_assert_held(&table->lock);
	if (likely(bucket->cut == table->last_cut))
		return;
	bucket->cut = table->last_cut;
	bucket->cut_allocs = bucket->allocs;
	bucket->cut_carried = bucket->carried;
	bucket->cut_live = bucket->live;
	if (table->cut_resets) {
		bucket->allocs = 0;
		bucket->carried = 0;
	}
}

/* Has a walk that wants the counts of the last cut still to come to @bucket? Then it has them. */
static bool awaited(struct kspan_bucket *bucket)
{
	struct kspan_table *table = bucket->table;

	if (likely(!table->cut_kept) || bucket->born == table->last_cut ||
	    bucket->passed == table->last_cut)
		return false;
	bring_to_cut(bucket);
	return true;
}

/* Makes room for @size bytes if that can be; the buckets that were evicted, by their next. */
static struct kspan_bucket *make_room(struct kspan_table *table, size_t size)
{
	struct kspan_bucket *evicted = NULL, *bucket, **list;
	unsigned int steps = HAND_STEPS;

	while (!fits(table, size)) {
		bucket = pop_gone(table) ?: next_idle(table, &steps);
		if (!bucket)
			break;
		take_out(bucket);
		list = awaited(bucket) ? &table->cut_missed : &evicted;
		bucket->next = *list;
		*list = bucket;
	}
	return evicted;
}

/* Publishes @bucket, unless the table is full. */
static bool insert(struct kspan_bucket *bucket)
{
	struct kspan_table *table = bucket->table;
	size_t size = size_of(bucket->nr_frames);

	lockdep_assert_held(&table->lock);
	if (!fits(table, size))
		return false;
	table->bytes += size;
	table->nr++;
	bucket->born = table->last_cut;
	bucket->cut = table->last_cut;
	refcount_inc(&bucket->label->refs);
	list_add_tail(&bucket->all, &table->all);
	hlist_add_head_rcu(&bucket->hash, &table->chains[bucket->hash_value & table->chains_mask]);
	return true;
}

static void count_alloc(struct kspan_bucket *bucket, u64 weight)
{
	bring_to_cut(bucket);
	bucket->allocs += weight;
	bucket->live += weight;
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
{
	bring_to_cut(bucket);
	bucket->live -= weight;
	if (bucket->live)
		return;
	bucket->told = 0;
	if (unlikely(bucket->gone))
		push_gone(bucket);
}

/* ---- What has left the table --------------------------------------------------------- */

static void release_names(struct kspan_bucket *bucket)
{
	unsigned int i;

	if (bucket->symbols)
		for (i = 0; i < bucket->nr_frames; i++)
			kspan_symbol_put(bucket->symbols[i]);
	kfree(bucket->symbols);
	kspan_label_put(bucket->label);
}

static LLIST_HEAD(dead_buckets);

static void free_dead(struct work_struct *work)
{
	struct llist_node *list = llist_del_all(&dead_buckets);
	struct kspan_bucket *bucket, *next;

	llist_for_each_entry_safe(bucket, next, list, dead) {
		release_names(bucket);
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
static void put_later(struct kspan_bucket *bucket)
{
	if (refcount_dec_and_test(&bucket->refs))
		call_rcu(&bucket->rcu, after_grace_period);
}

static void put_evicted(struct kspan_bucket *evicted)
{
	struct kspan_bucket *bucket;

	while ((bucket = evicted)) {
		evicted = bucket->next;
		kspan_profile_count(bucket->table->profile, KSPAN_BUCKETS_EVICTED);
		put_later(bucket);
	}
}

/* ---- Counting ------------------------------------------------------------------------ */

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
	bucket = find(table, stack, hash, slot_size, label);
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
	bucket = find(table, stack, hash, slot_size, label);
	if (!bucket) {
		evicted = make_room(table, size_of(stack->nr_frames));
		if (insert(spare)) {
			bucket = spare;
			spare = NULL;
		}
	}
	if (bucket)
		count_alloc(bucket, weight);
	else
		full = true;
	kspan_unlock(&table->lock, flags);

	kfree(spare);
	put_evicted(evicted);
	if (full && !xchg(&table->warned, true))
		pr_warn("the table of call stacks (%s) is full of stacks that hold memory: new stacks are not sampled, see samples_dropped in stats and the parameter max_profile_bytes\n",
			profile->name);
	return bucket;
}
EXPORT_SYMBOL_FOR_TESTS(kspan_bucket_alloc);

void kspan_bucket_free(struct kspan_bucket *bucket, u64 weight)
{
	struct kspan_table *table = bucket->table;
	unsigned long flags;

	kspan_lock(&table->lock, flags);
	count_free(bucket, weight);
	kspan_unlock(&table->lock, flags);
}
EXPORT_SYMBOL_FOR_TESTS(kspan_bucket_free);

void kspan_bucket_put(struct kspan_bucket *bucket)
{
	if (!refcount_dec_and_test(&bucket->refs))
		return;
	release_names(bucket);
	/* Somebody may be walking the chain that it was in. */
	kfree_rcu(bucket, rcu);
}

int kspan_bucket_resolve(struct kspan_bucket *bucket)
{
	const struct kspan_symbol **symbols;
	unsigned int i;

	lockdep_assert_held(&bucket->table->mutex);
	if (bucket->symbols)
		return 0;
	symbols = kmalloc_array(bucket->nr_frames, sizeof(*symbols), GFP_KERNEL);
	if (!symbols)
		return -ENOMEM;
	for (i = 0; i < bucket->nr_frames; i++) {
		symbols[i] = kspan_symbol_get(bucket->frames[i]);
		if (!symbols[i])
			goto fail;
	}
	bucket->symbols = symbols;
	return 0;
fail:
	while (i--)
		kspan_symbol_put(symbols[i]);
	kfree(symbols);
	return -ENOMEM;
}

/* ---- Cuts ---------------------------------------------------------------------------- */

/* So many buckets in one hold of the lock. */
#define WALK_AT_ONCE	32

static void make_cut(struct kspan_table *table, bool resets)
{
	lockdep_assert_held(&table->lock);
	table->last_cut++;
	table->cut_resets = resets;
	table->cut_kept = !resets;
}

unsigned long kspan_table_cut(struct kspan_table *table, unsigned long most)
{
	unsigned long flags, nr;

	lockdep_assert_held(&table->mutex);
	kspan_lock(&table->lock, flags);
	nr = table->nr;
	if (nr <= most)
		make_cut(table, false);
	kspan_unlock(&table->lock, flags);
	return nr;
}

/* The cumulative counts are zero from here on. */
static void cut_to_reset(struct kspan_table *table)
{
	unsigned long flags;

	lockdep_assert_held(&table->mutex);
	kspan_lock(&table->lock, flags);
	make_cut(table, true);
	/* All in the line have nothing in use, and the walk comes to them: see drop_unused(). */
	table->gone_first = NULL;
	table->gone_end = &table->gone_first;
	kspan_unlock(&table->lock, flags);
}

/* The next few; false at the end. */
static bool walk_some(struct kspan_table *table,
		      void (*fn)(struct kspan_bucket *bucket, void *arg), void *arg)
{
	struct kspan_bucket *bucket;
	unsigned int i;

	lockdep_assert_held(&table->lock);
	for (i = 0; i < WALK_AT_ONCE && table->walk != &table->all; i++) {
		bucket = list_entry(table->walk, struct kspan_bucket, all);
		table->walk = table->walk->next;
		bring_to_cut(bucket);
		bucket->passed = table->last_cut;
		/* One that came after the cut was not there. */
		if (bucket->born != table->last_cut)
			fn(bucket, arg);
	}
	return table->walk != &table->all;
}

/* What was evicted before the walk came by. It is in nobody's hands but these. */
static void walk_missed(struct kspan_table *table,
			void (*fn)(struct kspan_bucket *bucket, void *arg), void *arg,
			struct kspan_bucket *first)
{
	struct kspan_bucket *bucket;
	unsigned long flags;

	for (bucket = first; bucket; bucket = bucket->next) {
		kspan_lock(&table->lock, flags);
		fn(bucket, arg);
		kspan_unlock(&table->lock, flags);
		cond_resched();
	}
	put_evicted(first);
}

void kspan_table_walk_cut(struct kspan_table *table,
			  void (*fn)(struct kspan_bucket *bucket, void *arg), void *arg)
{
	struct kspan_bucket *missed;
	unsigned long flags;

	lockdep_assert_held(&table->mutex);
	kspan_lock(&table->lock, flags);
	table->walk = table->all.next;
	while (walk_some(table, fn, arg)) {
		kspan_unlock(&table->lock, flags);
		kspan_test_point(KSPAN_AT_WALK);
		cond_resched();
		kspan_lock(&table->lock, flags);
	}
	table->cut_kept = false;
	missed = table->cut_missed;
	table->cut_missed = NULL;
	kspan_unlock(&table->lock, flags);
	walk_missed(table, fn, arg, missed);
}

/*
 * A bucket that has nothing in use, nor had anything since the reset, goes to @unused; but not one
 * whose text has left and which has come to the line of those since. That is a list of the next.
 */
static void drop_unused(struct kspan_bucket *bucket, void *unused)
{
	lockdep_assert_held(&bucket->table->lock);
	if (bucket->live || bucket->allocs || bucket->carried)
		return;
	if (bucket->gone && bucket->cut_live)
		return;
	take_out(bucket);
	list_add(&bucket->all, unused);
}

void kspan_profile_reset(struct kspan_profile *profile)
{
	struct kspan_table *table = profile->table;
	struct kspan_bucket *bucket, *next;
	LIST_HEAD(unused);

	mutex_lock(&table->mutex);
	cut_to_reset(table);
	table->start_ns = ktime_get_ns();
	kspan_table_walk_cut(table, drop_unused, &unused);
	mutex_unlock(&table->mutex);

	list_for_each_entry_safe(bucket, next, &unused, all)
		kspan_bucket_put(bucket);
}
EXPORT_SYMBOL_FOR_TESTS(kspan_profile_reset);

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

static bool stack_touches(const struct kspan_bucket *bucket, const struct module *mod,
			  bool (*within)(unsigned long addr, const struct module *mod))
{
	unsigned int i;

	for (i = 0; i < bucket->nr_frames; i++)
		if (within(bucket->frames[i], mod))
			return true;
	return false;
}

static bool in_module(unsigned long addr, const struct module *mod)
{
	return within_module(addr, mod);
}

static bool in_module_init(unsigned long addr, const struct module *mod)
{
	return within_module_init(addr, mod);
}

/* The next bucket of a walk, with a reference, and the walk moved on; NULL at its end. */
static struct kspan_bucket *walk_next(struct kspan_table *table)
{
	struct kspan_bucket *bucket = NULL;
	unsigned long flags;

	lockdep_assert_held(&table->mutex);
	kspan_lock(&table->lock, flags);
	if (table->walk != &table->all) {
		bucket = list_entry(table->walk, struct kspan_bucket, all);
		refcount_inc(&bucket->refs);
		table->walk = table->walk->next;
	}
	kspan_unlock(&table->lock, flags);
	return bucket;
}

static void walk_begin(struct kspan_table *table)
{
	unsigned long flags;

	lockdep_assert_held(&table->mutex);
	kspan_lock(&table->lock, flags);
	table->walk = table->all.next;
	kspan_unlock(&table->lock, flags);
}

/* The text of @bucket leaves: out of its chain, unless it was evicted meanwhile. */
static void mark_gone(struct kspan_bucket *bucket)
{
	struct kspan_table *table = bucket->table;
	unsigned long flags;

	lockdep_assert_held(&table->mutex);
	kspan_lock(&table->lock, flags);
	if (!bucket->unhashed) {
		hlist_del_rcu(&bucket->hash);
		bucket->unhashed = true;
		bucket->gone = true;
		if (!bucket->live)
			push_gone(bucket);
	}
	kspan_unlock(&table->lock, flags);
}

/* The part of @mod that @within says goes away: see the head of this file. */
static void text_leaves(struct kspan_table *table, const struct module *mod,
			bool (*within)(unsigned long addr, const struct module *mod))
{
	struct kspan_bucket *bucket;

	mutex_lock(&table->mutex);
	walk_begin(table);
	while ((bucket = walk_next(table))) {
		if (!bucket->gone && stack_touches(bucket, mod, within)) {
			if (kspan_bucket_resolve(bucket))
				pr_warn("no memory for the names of %s: its stacks will show addresses\n",
					mod->name);
			mark_gone(bucket);
		}
		put_later(bucket);
		cond_resched();
	}
	mutex_unlock(&table->mutex);
}

/* What @bucket holds, and in *@untold what of it no report has told. */
static u64 live_of(struct kspan_bucket *bucket, u64 *untold)
{
	struct kspan_table *table = bucket->table;
	unsigned long flags;
	u64 live;

	kspan_lock(&table->lock, flags);
	live = bucket->live;
	*untold = live - min(live, bucket->told);
	kspan_unlock(&table->lock, flags);
	return live;
}

static void tell(struct kspan_bucket *bucket)
{
	struct kspan_table *table = bucket->table;
	unsigned long flags;

	kspan_lock(&table->lock, flags);
	bucket->told = bucket->live;
	kspan_unlock(&table->lock, flags);
}

static void show_symbols(struct kspan_holder *holder)
{
	holder->symbols = holder->bucket->symbols;
}

void kspan_holder_resolve(struct kspan_holder *holder)
{
	if (!holder->gone && !kspan_bucket_resolve(holder->bucket))
		show_symbols(holder);
}

void kspan_profile_walk(struct kspan_profile *profile,
			bool (*fn)(struct kspan_holder *holder, void *arg), void *arg)
{
	struct kspan_table *table = profile->table;
	struct kspan_bucket *bucket;

	mutex_lock(&table->mutex);
	walk_begin(table);
	while ((bucket = walk_next(table))) {
		struct kspan_holder holder = {
			.label = bucket->label, .slot_size = bucket->slot_size,
			.nr_frames = bucket->nr_frames, .addrs = bucket->frames,
			.gone = bucket->gone, .bucket = bucket,
		};

		show_symbols(&holder);
		if (live_of(bucket, &holder.untold) && fn(&holder, arg))
			tell(bucket);
		put_later(bucket);
		cond_resched();
	}
	mutex_unlock(&table->mutex);
}

void kspan_table_module_event(struct kspan_table *table, unsigned long action,
			      const struct module *mod)
{
	/* Text comes and goes: what is known of the one may not be true of the other. */
	kspan_stack_forget();
	/* The init functions of a module go as soon as it is live. */
	if (action == MODULE_STATE_LIVE)
		text_leaves(table, mod, in_module_init);
	else if (action == MODULE_STATE_GOING)
		text_leaves(table, mod, in_module);
}
EXPORT_SYMBOL_FOR_TESTS(kspan_table_module_event);

static int module_event(struct notifier_block *nb, unsigned long action, void *data)
{
	kspan_table_module_event(container_of(nb, struct kspan_table, notifier), action, data);
	return NOTIFY_OK;
}

/* ---- Life of a table ----------------------------------------------------------------- */

struct kspan_table *kspan_table_new(struct kspan_profile *profile, size_t max_bytes)
{
	unsigned long nr = roundup_pow_of_two(clamp(max_bytes / 1024, 256UL, 65536UL));
	struct kspan_table *table = kzalloc(sizeof(*table), GFP_KERNEL);
	int err = -ENOMEM;

	if (!table)
		return ERR_PTR(err);
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
	table->gone_end = &table->gone_first;
	table->bytes_max = max_bytes;
	table->start_ns = ktime_get_ns();
	table->notifier.notifier_call = module_event;
	err = register_module_notifier(&table->notifier);
	if (err)
		goto fail;
	return table;
fail:
	kvfree(table->chains);
	kfree(table);
	return ERR_PTR(err);
}

/* Nothing is in use in it any more, and no snapshot has one of its buckets. */
void kspan_table_destroy(struct kspan_table *table)
{
	struct kspan_bucket *bucket, *next;

	unregister_module_notifier(&table->notifier);
	/* Whoever reads the chains, and those that were evicted; see after_grace_period(). */
	rcu_barrier();
	flush_work(&kspan_bucket_work);
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
