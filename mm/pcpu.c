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
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "cache.h"
#include "compat.h"
#include "pcpu.h"
#include "sample.h"
#include "stats.h"

DEFINE_STATIC_KEY_FALSE(kspan_numa);
static int hotplug_state;

/* Slots for each CPU: about 16 KiB of objects, four to sixty-four of them. */
static unsigned int capacity(const struct kspan_cache *cache)
{
	if (!cache->slot_size || cache->slot_size > KSPAN_MAX_CLASS_SIZE ||
	    (cache->flags & KSPAN_GUARD_FLAGS))
		return 0;
	return clamp_t(unsigned int, SZ_16K / cache->slot_size, 4, 64);
}

/* How many objects move at once; at least one. */
unsigned int kspan_pcpu_batch(const struct kspan_cache *cache)
{
	return clamp_t(unsigned int, capacity(cache) / 2, 1, KSPAN_BATCH_MAX);
}

struct kspan_pcpu __percpu *kspan_pcpu_create(struct kspan_cache *cache)
{
	unsigned int cap = capacity(cache);
	struct kspan_pcpu __percpu *pcpu;
	int cpu;

	pcpu = __alloc_percpu(struct_size((struct kspan_pcpu *)0, slot, cap), cache_line_size());
	if (!pcpu)
		return NULL;
	for_each_possible_cpu(cpu) {
		per_cpu_ptr(pcpu, cpu)->capacity = cap;
		per_cpu_ptr(pcpu, cpu)->batch = kspan_pcpu_batch(cache);
	}
	return pcpu;
}

/*
 * Puts as many of @n slots as fit into this CPU's array, from the end; how many are left. The
 * caller has taken them from this CPU's node, or finds them given to it after a migration,
 * which costs locality and nothing else.
 */
unsigned int kspan_pcpu_put(struct kspan_cache *cache, struct kspan_slot *slots, unsigned int n)
{
	struct kspan_pcpu *pcpu;

	preempt_disable();
	pcpu = this_cpu_ptr(cache->pcpu);
	if (!pcpu->busy) {
		pcpu->busy = 1;
		barrier();	/* as in kspan_pcpu_pop() */
		while (n && pcpu->count < pcpu->capacity)
			pcpu->slot[pcpu->count++] = slots[--n];
		barrier();
		pcpu->busy = 0;
	}
	preempt_enable();
	return n;
}

/* Moves up to @most of the oldest slots of @pcpu, which the caller has made busy, to @out. */
static unsigned int take_oldest(struct kspan_pcpu *pcpu, struct kspan_slot *out, unsigned int most)
{
	unsigned int n = min_t(unsigned int, pcpu->count, most);

	memcpy(out, pcpu->slot, n * sizeof(*out));
	pcpu->count -= n;
	memmove(pcpu->slot, pcpu->slot + n, pcpu->count * sizeof(*out));
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
	struct kspan_pcpu *pcpu;
	unsigned int n = 0;

	preempt_disable();
	pcpu = this_cpu_ptr(cache->pcpu);
	if (!pcpu->busy && pcpu->capacity && pcpu->count == pcpu->capacity) {
		pcpu->busy = 1;
		barrier();	/* as in kspan_pcpu_pop() */
		/* An interrupt before busy may have changed the array since it was looked at. */
		if (pcpu->count == pcpu->capacity) {
			n = take_oldest(pcpu, slots, pcpu->batch);
			kspan_count(KSPAN_FLUSHES);
		}
		barrier();
		pcpu->busy = 0;
	}
	preempt_enable();
	slots[n++] = self;
	kspan_node_give(slots, n);
}

/* Empties the array of this CPU, or of @cpu which cannot run. Process context. */
void kspan_pcpu_drain(struct kspan_cache *cache, int cpu)
{
	struct kspan_slot slots[KSPAN_BATCH_MAX];
	struct kspan_pcpu *pcpu;
	unsigned int n;

	do {
		n = 0;
		preempt_disable();
		pcpu = per_cpu_ptr(cache->pcpu, cpu);
		if (!pcpu->busy) {
			pcpu->busy = 1;
			barrier();	/* as in kspan_pcpu_pop() */
			n = take_oldest(pcpu, slots, KSPAN_BATCH_MAX);
			barrier();
			pcpu->busy = 0;
		}
		preempt_enable();
		kspan_node_give(slots, n);
	} while (n);
}

struct drain_work {
	struct work_struct work;
	struct kspan_cache *cache;
};

static void drain_this_cpu(struct work_struct *work)
{
	struct drain_work *drain = container_of(work, struct drain_work, work);

	kspan_pcpu_drain(drain->cache, smp_processor_id());
}

/*
 * Empties the arrays of all CPUs, those of the online ones each on its own CPU. Process context,
 * with cpus_read_lock() held. A CPU that went after the cache left the list was not seen to.
 */
void kspan_pcpu_drain_online(struct kspan_cache *cache)
{
	struct drain_work __percpu *works = alloc_percpu(struct drain_work);
	int cpu;

	for_each_possible_cpu(cpu)
		if (!cpu_online(cpu))
			kspan_pcpu_drain(cache, cpu);
	if (!works) {
		struct drain_work one = { .cache = cache };

		/* One after the other takes longer and needs no memory. */
		INIT_WORK_ONSTACK(&one.work, drain_this_cpu);
		for_each_online_cpu(cpu) {
			schedule_work_on(cpu, &one.work);
			flush_work(&one.work);
		}
		destroy_work_on_stack(&one.work);
		return;
	}
	for_each_online_cpu(cpu) {
		struct drain_work *drain = per_cpu_ptr(works, cpu);

		drain->cache = cache;
		INIT_WORK(&drain->work, drain_this_cpu);
		schedule_work_on(cpu, &drain->work);
	}
	for_each_online_cpu(cpu)
		flush_work(&per_cpu_ptr(works, cpu)->work);
	free_percpu(works);
}

/* Objects in the arrays of all CPUs; exact when nobody allocates or frees. */
unsigned long kspan_pcpu_cached(struct kspan_cache *cache)
{
	unsigned long sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(per_cpu_ptr(cache->pcpu, cpu)->count);
	return sum;
}
KSPAN_EXPORT_FOR_TESTS(kspan_pcpu_cached);

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
		kspan_pcpu_drain(cache, cpu);
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
	return 0;
}

void kspan_pcpu_exit(void)
{
	cpuhp_remove_state_nocalls(hotplug_state);
}
