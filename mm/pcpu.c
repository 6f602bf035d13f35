// SPDX-License-Identifier: GPL-2.0
/*
 * The arrays of CPUs, apart from the fast path (pcpu.h): their size, refilling and flushing in
 * batches, and draining when a CPU goes away, a cache is destroyed or shrunk.
 *
 * A batch is copied to the stack with the array busy and preemption off, and goes to the node
 * after both: on PREEMPT_RT the node's lock may sleep. Takes the cache list's mutex on CPU
 * hotplug; otherwise no lock of its own.
 */
#include <linux/cpu.h>
#include <linux/cpuhotplug.h>
#include <linux/mm.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "cache.h"
#include "compat.h"
#include "pcpu.h"
#include "sample.h"
#include "stats.h"

DEFINE_STATIC_KEY_FALSE(kspan_numa);
DEFINE_STATIC_KEY_FALSE(kspan_alloc_more);
EXPORT_SYMBOL_FOR_TESTS(kspan_alloc_more);
DEFINE_STATIC_KEY_FALSE(kspan_free_more);
EXPORT_SYMBOL_FOR_TESTS(kspan_free_more);
static int hotplug_state;

#define SLOTS_MAX	64
static_assert(SLOTS_MAX * KSPAN_SLOT < KSPAN_OFFSET_LIMIT);

/* Slots for each CPU: about 16 KiB of objects, four to sixty-four of them. */
static unsigned int capacity(const struct kspan_cache *cache)
{
	if (!cache->slot_size || cache->slot_size > KSPAN_MAX_CLASS_SIZE ||
	    (cache->flags & KSPAN_GUARD_FLAGS))
		return 0;
	return clamp_t(unsigned int, SZ_16K / cache->slot_size, 4, SLOTS_MAX);
}

/* How many objects move at once; at least one. */
unsigned int kspan_pcpu_batch(const struct kspan_cache *cache)
{
	return clamp_t(unsigned int, capacity(cache) / 2, 1, KSPAN_BATCH_MAX);
}

struct kspan_pcpu __percpu *kspan_pcpu_create(struct kspan_cache *cache)
{
	unsigned int cap = capacity(cache);

	cache->pcpu_limit = cap * KSPAN_SLOT;
	return __alloc_percpu(struct_size((struct kspan_pcpu *)0, slot, cap), cache_line_size());
}

/* Was the array empty of others when it was entered? */
static bool alone(u64 word)
{
	return (u32)word < KSPAN_WORD_BUSY;
}

/*
 * Puts as many of @n slots as fit into this CPU's array, from the end; how many are left. The
 * caller has taken them from this CPU's node, or finds them given to it after a migration,
 * which costs locality and nothing else.
 */
unsigned int kspan_pcpu_put(struct kspan_cache *cache, struct kspan_slot *slots, unsigned int n)
{
	struct kspan_pcpu *pcpu;
	u64 word;

	preempt_disable();
	pcpu = this_cpu_ptr(cache->pcpu);
	word = kspan_pcpu_enter(cache->pcpu);
	if (alone(word)) {
		while (n && (u32)word < cache->pcpu_limit) {
			*(struct kspan_slot *)((void *)pcpu->slot + (u32)word) = slots[--n];
			word += KSPAN_SLOT;
		}
		kspan_pcpu_store(cache->pcpu, word);
	} else {
		kspan_pcpu_leave(cache->pcpu);
	}
	preempt_enable();
	return n;
}

/* As kspan_pcpu_pop(), whatever the budget. */
void *kspan_pcpu_pop_any(struct kspan_cache *cache)
{
	struct kspan_pcpu *pcpu;
	struct kspan_slot *slot;
	void *obj = NULL;
	u64 word;

	preempt_disable();
	pcpu = this_cpu_ptr(cache->pcpu);
	word = kspan_pcpu_enter(cache->pcpu);
	if (alone(word) && (u32)word) {
		word -= KSPAN_SLOT;
		slot = (void *)pcpu->slot + (u32)word;
		obj = slot->obj;
		WRITE_ONCE(*slot->state, KSPAN_STATE_ALLOCATED);
		kspan_pcpu_store(cache->pcpu, word);
	} else {
		kspan_pcpu_leave(cache->pcpu);
	}
	preempt_enable();
	return obj;
}

/* Enters the array and takes one allocation off its budget; 0 or -EAGAIN to come with @draws. */
static int charge(struct kspan_cache *cache, const struct kspan_draws *draws, bool *hit,
		  u64 *weight)
{
	struct kspan_pcpu *pcpu = this_cpu_ptr(cache->pcpu);
	u64 word = kspan_pcpu_enter(cache->pcpu);
	u32 budget;

	if (!alone(word)) {
		kspan_pcpu_leave(cache->pcpu);
		return -EBUSY;
	}
	if (word >> 32) {
		kspan_pcpu_store(cache->pcpu, word - KSPAN_WORD_BUDGET);
		return 0;
	}
	if (!draws) {
		kspan_pcpu_leave(cache->pcpu);
		return -EAGAIN;
	}
	*hit = kspan_stride_next(&pcpu->stride, cache->slot_size, cache->flags & KSPAN_NO_PROFILE,
				 draws, &budget);
	if (*hit)
		*weight = pcpu->stride.mean;
	pcpu->allocs += budget + 1;
	kspan_pcpu_store(cache->pcpu, (u64)budget << 32 | (u32)word);
	return 0;
}

/*
 * Counts an allocation of @slot_size bytes that no CPU's array counts: is it a sample, of
 * *@weight? Any context but NMI.
 */
bool kspan_pcpu_charge_alone(const struct kspan_cache *cache, size_t slot_size, u64 *weight)
{
	kspan_count(KSPAN_ALLOCS);
	return !(cache->flags & KSPAN_NO_PROFILE) && kspan_sample_due(slot_size) &&
	       kspan_sample_take(slot_size, weight);
}

/*
 * Counts an allocation on this CPU that did not come out of kspan_pcpu_pop(): is it a sample, of
 * *@weight? Any context but NMI.
 */
bool kspan_pcpu_charge(struct kspan_cache *cache, u64 *weight)
{
	struct kspan_draws draws;
	bool hit = false;
	int err;

	preempt_disable();
	err = charge(cache, NULL, &hit, weight);
	preempt_enable();
	if (err == -EAGAIN) {
		kspan_stride_draw(&draws);
		preempt_disable();
		err = charge(cache, &draws, &hit, weight);
		preempt_enable();
	}
	/* An interrupt in the middle of the array is not counted there. */
	if (err)
		return kspan_pcpu_charge_alone(cache, cache->slot_size, weight);
	if (hit)
		*weight = kspan_sample_weight(cache->slot_size, *weight);
	return hit;
}

/* Moves up to @most of the oldest slots of @pcpu, which the caller is in alone, to @out. */
static unsigned int take_oldest(struct kspan_pcpu *pcpu, u64 *word, struct kspan_slot *out,
				unsigned int most)
{
	unsigned int count = (u32)*word / KSPAN_SLOT, n = min(count, most);

	memcpy(out, pcpu->slot, n * sizeof(*out));
	memmove(pcpu->slot, pcpu->slot + n, (count - n) * sizeof(*out));
	*word -= n * KSPAN_SLOT;
	return n;
}

/*
 * Frees an object that the fast path did not take: its array is full, busy or has no room at
 * all, or its span is on another node. The recently freed ones are kept, they are in the CPU's
 * hardware cache.
 */
void kspan_pcpu_free_slow(struct kspan_cache *cache, void *obj, u8 *state)
{
	struct kspan_slot slots[KSPAN_BATCH_MAX + 1];
	struct kspan_slot self = { .obj = obj, .state = state };
	unsigned int n = 0;
	u64 word;

	preempt_disable();
	word = kspan_pcpu_enter(cache->pcpu);
	if (cache->pcpu_limit && (u32)word == cache->pcpu_limit) {
		n = take_oldest(this_cpu_ptr(cache->pcpu), &word, slots, kspan_pcpu_batch(cache));
		kspan_count(KSPAN_FLUSHES);
		kspan_pcpu_store(cache->pcpu, word);
	} else {
		kspan_pcpu_leave(cache->pcpu);
	}
	preempt_enable();
	slots[n++] = self;
	kspan_node_give(slots, n);
}

/* Ends a budget: what is left of it has not been allocated, and the next one begins anew. */
static void end_budget(struct kspan_pcpu *pcpu, u64 *word)
{
	pcpu->allocs -= *word >> 32;
	pcpu->stride.epoch = 0;
	*word = (u32)*word;
}

/* Empties the array of this CPU. Process context, on a worker of this CPU. */
static void drain(struct kspan_cache *cache)
{
	struct kspan_slot slots[KSPAN_BATCH_MAX];
	unsigned int n;
	u64 word;

	do {
		preempt_disable();
		word = kspan_pcpu_enter(cache->pcpu);
		/* In process context nobody else is inside. */
		n = take_oldest(this_cpu_ptr(cache->pcpu), &word, slots, KSPAN_BATCH_MAX);
		kspan_pcpu_store(cache->pcpu, word);
		preempt_enable();
		kspan_node_give(slots, n);
	} while (n);
}

/* Empties the array of @cpu, which does not run. Process context. */
static void drain_dead(struct kspan_cache *cache, int cpu)
{
	struct kspan_pcpu *pcpu = per_cpu_ptr(cache->pcpu, cpu);
	struct kspan_slot slots[KSPAN_BATCH_MAX];
	unsigned int n;

	end_budget(pcpu, &pcpu->word);
	do {
		n = take_oldest(pcpu, &pcpu->word, slots, KSPAN_BATCH_MAX);
		kspan_node_give(slots, n);
	} while (n);
}

/* ---- Work on every CPU --------------------------------------------------------------- */

struct cpu_work {
	struct work_struct work;
	void (*fn)(struct kspan_cache *cache);
	struct kspan_cache *cache;
};

static void run_on_this_cpu(struct work_struct *work)
{
	struct cpu_work *cw = container_of(work, struct cpu_work, work);

	cw->fn(cw->cache);
}

/*
 * Runs @fn for @cache on every CPU that is online, in process context, where nobody is inside
 * an array. With cpus_read_lock() held, so that the others have been seen off and stay away.
 */
static void on_each_online_cpu(void (*fn)(struct kspan_cache *cache), struct kspan_cache *cache)
{
	struct cpu_work __percpu *works = alloc_percpu(struct cpu_work);
	int cpu;

	if (!works) {
		struct cpu_work one = { .fn = fn, .cache = cache };

		/* One after the other takes longer and needs no memory. */
		INIT_WORK_ONSTACK(&one.work, run_on_this_cpu);
		for_each_online_cpu(cpu) {
			schedule_work_on(cpu, &one.work);
			flush_work(&one.work);
		}
		destroy_work_on_stack(&one.work);
		return;
	}
	for_each_online_cpu(cpu) {
		struct cpu_work *cw = per_cpu_ptr(works, cpu);

		cw->fn = fn;
		cw->cache = cache;
		INIT_WORK(&cw->work, run_on_this_cpu);
		schedule_work_on(cpu, &cw->work);
	}
	for_each_online_cpu(cpu)
		flush_work(&per_cpu_ptr(works, cpu)->work);
	free_percpu(works);
}

/*
 * Empties the arrays of all CPUs, those of the online ones each on its own CPU. Process context,
 * with cpus_read_lock() held; takes kspan_cache_mutex. A CPU that went after the cache left the
 * list was not seen to.
 */
void kspan_pcpu_drain_online(struct kspan_cache *cache)
{
	int cpu;

	/* Nobody is on those CPUs, but another task may be seeing to the same cache. */
	mutex_lock(&kspan_cache_mutex);
	for_each_possible_cpu(cpu)
		if (!cpu_online(cpu))
			drain_dead(cache, cpu);
	mutex_unlock(&kspan_cache_mutex);
	on_each_online_cpu(drain, cache);
}

static void end_budgets_here(struct kspan_cache *unused)
{
	struct kspan_cache *cache;
	u64 word;

	mutex_lock(&kspan_cache_mutex);
	list_for_each_entry(cache, &kspan_caches, list) {
		preempt_disable();
		word = kspan_pcpu_enter(cache->pcpu);
		end_budget(this_cpu_ptr(cache->pcpu), &word);
		kspan_pcpu_store(cache->pcpu, word);
		preempt_enable();
	}
	mutex_unlock(&kspan_cache_mutex);
}

/* The rate has changed: every array asks again before its next allocation. Process context. */
void kspan_pcpu_end_budgets(void)
{
	cpus_read_lock();
	on_each_online_cpu(end_budgets_here, NULL);
	cpus_read_unlock();
}

/* Allocations that the arrays have counted; exact when nobody allocates. */
unsigned long kspan_pcpu_allocs(struct kspan_cache *cache)
{
	unsigned long sum = 0;
	int cpu;

	for_each_possible_cpu(cpu) {
		struct kspan_pcpu *pcpu = per_cpu_ptr(cache->pcpu, cpu);

		sum += READ_ONCE(pcpu->allocs) - (READ_ONCE(pcpu->word) >> 32);
	}
	return sum;
}

/* Objects in the arrays of all CPUs; exact when nobody allocates or frees. */
unsigned long kspan_pcpu_cached(struct kspan_cache *cache)
{
	unsigned long sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += ((u32)READ_ONCE(per_cpu_ptr(cache->pcpu, cpu)->word) % KSPAN_WORD_BUSY) /
		       KSPAN_SLOT;
	return sum;
}
EXPORT_SYMBOL_FOR_TESTS(kspan_pcpu_cached);

static int cpu_starts(unsigned int cpu)
{
	kspan_sample_cpu_starts(cpu);
	return 0;
}

/* Runs on another CPU, after the last instruction of @cpu. */
static int cpu_is_dead(unsigned int cpu)
{
	struct kspan_cache *cache;

	mutex_lock(&kspan_cache_mutex);
	list_for_each_entry(cache, &kspan_caches, list)
		drain_dead(cache, cpu);
	mutex_unlock(&kspan_cache_mutex);
	return 0;
}

int kspan_pcpu_init(void)
{
	int state = cpuhp_setup_state_nocalls(CPUHP_BP_PREPARE_DYN, "mm/kspan:dead", cpu_starts,
					      cpu_is_dead);

	if (state < 0)
		return state;
	hotplug_state = state;
	if (nr_online_nodes > 1)
		static_branch_enable(&kspan_numa);
	/* Counted, as for the tracepoints: decided at boot, so never taken back. */
	if (want_init_on_alloc(0))
		static_branch_inc(&kspan_alloc_more);
	if (want_init_on_free())
		static_branch_inc(&kspan_free_more);
	return 0;
}

void kspan_pcpu_exit(void)
{
	cpuhp_remove_state_nocalls(hotplug_state);
}
