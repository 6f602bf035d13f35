// SPDX-License-Identifier: GPL-2.0
/*
 * What is asked of the arrays of other CPUs: that they be emptied, when a cache is destroyed or
 * shrunk or a CPU goes away, and that budgets end, when the rate of sampling changes.
 *
 * An array is its own CPU's, which is asked (base/cpus.h). From another one only its word may be
 * read: that tells whether there is anything to ask for at all, and an array that is empty is left
 * in peace.
 *
 * Locks: kspan_cache_mutex for CPUs that are away and for all caches at once; otherwise none of its
 * own.
 */
#include <linux/cpu.h>
#include <linux/cpuhotplug.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "base/compat.h"
#include "base/cpus.h"
#include "heap/cache.h"
#include "heap/node.h"
#include "heap/pcpu.h"

static int hotplug_state;		/* as cpuhp_setup_state() gave it; from init to exit */

/* Ends a budget: what is left of it has not been allocated, and the next one begins anew. */
static void end_budget(struct kspan_pcpu *pcpu)
{
	WRITE_ONCE(pcpu->allocs, pcpu->allocs - (pcpu->word >> 32));
	pcpu->stride.epoch = 0;
	WRITE_ONCE(pcpu->word, (u32)pcpu->word);
}

/* What is taken out of one CPU's array at a time. */
struct kspan_taking {
	struct kspan_cache *cache;
	struct kspan_slot slots[KSPAN_BATCH_MAX];
	unsigned int n;
	u8 mark;			/* of the array */
	struct kspan_magazine *spare;
};

/* Nobody else comes to @pcpu meanwhile. False: somebody is inside, so nothing was done. */
static bool take_some(struct kspan_taking *taking, struct kspan_pcpu *pcpu)
{
	u64 word = pcpu->word;

	taking->n = 0;
	if (!kspan_word_alone(word))
		return false;
	taking->mark = (u8)word;
	taking->n = kspan_pcpu_take_oldest(pcpu, &word, taking->slots, KSPAN_BATCH_MAX);
	WRITE_ONCE(pcpu->word, word);
	swap(taking->spare, pcpu->spare);
	return true;
}

static bool take_some_here(void *taking)
	kspan_must_stay
{
	return take_some(taking, this_cpu_ptr(((struct kspan_taking *)taking)->cache->pcpu));
}

static void give_back(struct kspan_taking *taking)
{
	kspan_magazines_free(taking->spare);
	taking->spare = NULL;
	kspan_node_give(taking->cache, taking->slots, taking->n, taking->mark);
}

/*
 * Empties the array of @cpu, which is online and stays so. Where objects are freed meanwhile,
 * there may be some again.
 */
static void drain_online(struct kspan_cache *cache, int cpu)
{
	const u64 *word = &per_cpu_ptr(cache->pcpu, cpu)->word;
	struct kspan_taking taking = { .cache = cache };
	unsigned int times = DIV_ROUND_UP(KSPAN_SLOTS_MAX, KSPAN_BATCH_MAX);

	/* The mark alone: neither objects nor somebody who might be about to put one there. */
	while (times && (u32)READ_ONCE(*word) >= KSPAN_SLOT) {
		/* Whoever looks for strays sees them in the array, or waits until they are back. */
		rcu_read_lock();
		if (kspan_ask_cpu(cpu, take_some_here, &taking)) {
			give_back(&taking);
			times--;
		}
		rcu_read_unlock();
		cond_resched();
	}
}

/* Empties the array of @cpu, which does not run. Process context. */
static void drain_dead(struct kspan_cache *cache, int cpu)
{
	struct kspan_pcpu *pcpu = per_cpu_ptr(cache->pcpu, cpu);
	struct kspan_taking taking = { .cache = cache };

	end_budget(pcpu);
	do {
		/* As above. */
		rcu_read_lock();
		take_some(&taking, pcpu);
		give_back(&taking);
		rcu_read_unlock();
	} while (taking.n);
}

/*
 * Empties the arrays of all CPUs. Process context, with cpus_read_lock() held, so that those that
 * are away stay away; takes kspan_cache_mutex. A CPU that went after the cache left the list was
 * not seen to.
 */
void kspan_pcpu_drain(struct kspan_cache *cache)
{
	int cpu;

	/* Nobody is on those CPUs, but another task may be seeing to the same cache. */
	mutex_lock(&kspan_cache_mutex);
	for_each_possible_cpu(cpu)
		if (!cpu_online(cpu))
			drain_dead(cache, cpu);
	mutex_unlock(&kspan_cache_mutex);
	for_each_online_cpu(cpu)
		drain_online(cache, cpu);
}

/* So many caches are seen to in one interrupt, which bounds it to some microseconds. */
#define CACHES_AT_ONCE	32

/*
 * In an interrupt of each CPU; whoever asks has kspan_cache_mutex, so the list holds still. False:
 * somebody is inside an array, and may have an old budget.
 */
static bool end_budgets_here(void *first)
	kspan_not_checked
{
	struct kspan_cache *cache = first;
	unsigned int left = CACHES_AT_ONCE;
	bool all = true;

	list_for_each_entry_from(cache, &kspan_caches, list) {
		struct kspan_pcpu *pcpu = this_cpu_ptr(cache->pcpu);

		if (!left--)
			break;
		if (!kspan_word_alone(pcpu->word))
			all = false;
		else if (pcpu->word >> 32)
			end_budget(pcpu);
	}
	return all;
}

/*
 * The rate has changed: every array asks again before its next allocation. Process context, with
 * cpus_read_lock() held; takes kspan_cache_mutex.
 *
 * Every CPU is interrupted. Whether one has a budget cannot be told from another one while it may
 * be just about to get one; and a change of the rate is somebody's rare wish for the whole
 * machine, for which the static key has every CPU interrupted too.
 */
void kspan_pcpu_end_budgets(void)
{
	struct kspan_cache *cache;
	unsigned int i = 0;

	mutex_lock(&kspan_cache_mutex);
	list_for_each_entry(cache, &kspan_caches, list) {
		if (i++ % CACHES_AT_ONCE == 0)
			kspan_ask_all_cpus(end_budgets_here, cache);
	}
	mutex_unlock(&kspan_cache_mutex);
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

int kspan_hotplug_init(void)
{
	int state = cpuhp_setup_state_nocalls(CPUHP_BP_PREPARE_DYN, "mm/kspan:dead", NULL,
					      cpu_is_dead);

	if (state < 0)
		return state;
	hotplug_state = state;
	return 0;
}

void kspan_hotplug_exit(void)
{
	cpuhp_remove_state_nocalls(hotplug_state);
}
