// SPDX-License-Identifier: GPL-2.0
/*
 * What a tap does with an allocation that is a sample and with the free of one.
 *
 * As on the heap's side, tracing never runs under a lock of the tap's: see mm/tracing.c. The two
 * locks are those of a shard of the live samples and of the profile's buckets, and each half of
 * the rule is asserted by itself.
 *
 * Handlers come in any context. What one allocates for itself is not looked at: a mark for each
 * level of context of each CPU (task, softirq, hardirq, NMI) says that one is at work there. An
 * interrupt in the middle of it is at another level, and nothing of that is lost. Frees need no
 * mark: they allocate nothing, and give nothing back but to the tap's own pool.
 *
 * In NMI, which on some machines a kprobe's handler is as well, and in the middle of kspan while
 * it holds a lock, no lock can be waited for. An allocation is no sample there, and counted. A
 * free is put off, until an interrupt that comes as soon as it can (struct kspan_tap_cpu). By then
 * the object may have been handed out again and be another sample, which is not meant: samples have
 * numbers, and that one's is higher than any was at the free.
 */
#include <linux/container_of.h>
#include <linux/cpumask.h>
#include <linux/ktime.h>
#include <linux/lockdep.h>
#include <linux/mutex.h>
#include <linux/preempt.h>
#include <linux/string.h>

#include "base/buf.h"
#include "base/compat.h"
#include "base/gfp.h"
#include "base/hooks.h"
#include "base/lock.h"
#include "tap/handler.h"
#include "tap/hooks.h"
#include "tap/label.h"
#include "tap/tap.h"

/* How many handlers are at work at a level of context, one in another. */
struct marks {
	u8 level[4];
};

static DEFINE_PER_CPU(struct marks, marks);

/* ------------------------------------------------------------------ samples */

/* In the middle of kspan, or in NMI: no lock may be waited for. */
static bool may_not_lock(void)
{
	return unlikely(in_nmi() || this_cpu_read(kspan_locked));
}

/* Of a sample that is in the table no more. */
void kspan_tap_release(struct kspan_tap *tap, struct kspan_live *live, u64 freed)
{
	/* The lock of the table has been dropped. */
	kspan_live_assert_unlocked(&tap->live, live->addr);
	kspan_test_point(KSPAN_AT_TAP_RELEASE);
	kspan_bucket_free_aged(live->bucket, live->weight,
			       freed == KSPAN_TAP_NEVER ? KSPAN_AGE_UNKNOWN :
						kspan_profile_age(live->born, freed));
	kspan_pool_put(&tap->pool, live);
}

/* Which mark is that of this context. Preemption off. */
static u8 *mark(void)
	kspan_must_stay
{
	return &this_cpu_ptr(&marks)->level[interrupt_context_level()];
}

bool kspan_tap_hang_up(struct kspan_tap *tap, struct kspan_live *live,
		       enum kspan_tap_counter stale_is)
{
	struct kspan_live *stale = NULL;
	bool added;

	/* The lock of the buckets has been dropped: from here on only the shard's. */
	kspan_profile_assert_unlocked(tap->profile);
	kspan_test_point(KSPAN_AT_TAP_ADD);
	added = kspan_live_add(&tap->live, live, &stale);
	if (stale) {
		kspan_tap_count(tap, stale_is);
		kspan_tap_release(tap, stale, KSPAN_TAP_NEVER);
	}
	if (!added) {
		kspan_profile_count(tap->profile, KSPAN_SAMPLES_DROPPED);
		kspan_tap_release(tap, live, KSPAN_TAP_NEVER);
	}
	return added;
}

static void take_sample(struct kspan_tap *tap, const struct kspan_tap_alloc *alloc, u64 weight)
	kspan_must_stay
{
	gfp_t gfp = KSPAN_GFP_NOTHING;
	struct kspan_label *label;
	struct kspan_stack stack;
	struct kspan_live *live;

	if (alloc->gfp & __GFP_RECLAIM)
		gfp = (alloc->gfp & __GFP_KSWAPD_RECLAIM) | KSPAN_GFP_OPTIONAL;
	else
		kspan_pool_call(&tap->pool);
	kspan_stack_capture(tap->profile, &stack);
	label = tap->describe(alloc, &stack, gfp);
	if (label == KSPAN_TAP_NOT_MINE)
		return;
	live = kspan_pool_get(&tap->pool, alloc->gfp);
	if (!label || !live)
		goto dropped;
	live->addr = alloc->addr;
	live->size = alloc->size;
	live->weight = weight;
	live->born = kspan_profile_now();
	live->bucket = kspan_bucket_alloc(tap->profile, &stack, alloc->size, label, weight, gfp);
	if (!live->bucket)
		goto dropped;
	if (kspan_tap_hang_up(tap, live, KSPAN_TAP_MISSED_FREES))
		kspan_profile_count(tap->profile, KSPAN_SAMPLES);
	return;
dropped:
	if (live)
		kspan_pool_put(&tap->pool, live);
	kspan_profile_count(tap->profile, KSPAN_SAMPLES_DROPPED);
}

bool kspan_tap_begin(u8 *was)
{
	u8 *at = mark();

	if (may_not_lock())
		return false;
	*was = READ_ONCE(*at);
	/* Read by who is called by what comes up to the end. */
	WRITE_ONCE(*at, 1);
	barrier();
	return true;
}

void kspan_tap_end(u8 was)
{
	barrier();
	WRITE_ONCE(*mark(), was);
}

void kspan_tap_sample(struct kspan_tap *tap, const struct kspan_tap_alloc *alloc)
{
	u64 weight;
	u8 was;

	/* Who calls handlers has it off, but not on all kernels. */
	preempt_disable_notrace();
	if (!kspan_tap_begin(&was)) {
		kspan_profile_pass_over(tap->profile, alloc->size);
		kspan_tap_count(tap, in_nmi() ? KSPAN_TAP_NMI : KSPAN_TAP_NESTED);
	} else {
		if (was || kspan_pool_fills())
			kspan_profile_pass_over(tap->profile, alloc->size);
		else if (kspan_profile_take(tap->profile, alloc->size, &weight))
			take_sample(tap, alloc, weight);
		kspan_tap_end(was);
	}
	preempt_enable_notrace();
}
EXPORT_SYMBOL_FOR_TESTS(kspan_tap_sample);

/* ------------------------------------------------------------------ frees */

/* There is nothing at @addr since @freed: the sample there, if there is one, counts as @what. */
static void forget(struct kspan_tap *tap, unsigned long addr, u64 last, u64 freed,
		   enum kspan_tap_counter what)
	kspan_must_stay
{
	struct kspan_live *live = kspan_live_take(&tap->live, addr, last);

	if (!live)
		return;
	kspan_tap_count(tap, what);
	kspan_tap_release(tap, live, freed);
}

/* An entry that is being written. */
#define LATE_CLAIMED	1UL

/* What comes in the middle of this finds the entry claimed, and takes another. */
static void put_off(struct kspan_tap *tap, unsigned long addr)
	kspan_must_stay
{
	struct kspan_tap_cpu *cpu = this_cpu_ptr(tap->cpus);
	unsigned int i;

	for (i = 0; i < KSPAN_TAP_LATE; i++) {
		struct kspan_tap_late *late = &cpu->late[i];

		if (cmpxchg_local(&late->addr, 0, LATE_CLAIMED))
			continue;
		/* Read by an interrupt on this CPU, or an NMI in the middle of that. */
		WRITE_ONCE(late->last, kspan_live_added(&tap->live));
		WRITE_ONCE(late->now, kspan_profile_now());
		WRITE_ONCE(late->addr, addr);
		irq_work_queue(&cpu->work);
		return;
	}
	kspan_tap_count(tap, KSPAN_TAP_BUSY);
}

/* On the CPU that has put them off. */
static void forget_late(struct irq_work *work)
{
	struct kspan_tap_cpu *cpu = container_of(work, struct kspan_tap_cpu, work);
	unsigned int i;

	preempt_disable();
	for (i = 0; i < KSPAN_TAP_LATE; i++) {
		unsigned long addr = READ_ONCE(cpu->late[i].addr);
		u64 last = READ_ONCE(cpu->late[i].last);
		u64 now = READ_ONCE(cpu->late[i].now);

		if (addr <= LATE_CLAIMED)
			continue;
		/* From here on an NMI may write here again. */
		WRITE_ONCE(cpu->late[i].addr, 0);
		forget(cpu->tap, addr, last, now, KSPAN_TAP_FREES);
	}
	preempt_enable();
}

void kspan_tap_known_freed(struct kspan_tap *tap, unsigned long addr)
{
	preempt_disable_notrace();
	if (may_not_lock())
		put_off(tap, addr);
	else
		forget(tap, addr, U64_MAX, kspan_profile_now(), KSPAN_TAP_FREES);
	preempt_enable_notrace();
}
EXPORT_SYMBOL_FOR_TESTS(kspan_tap_known_freed);

/*
 * An object was handed out at an address that may be known: if it is, its free was missed. Where
 * no lock may be waited for that is left to the next one that comes to lie there.
 */
void kspan_tap_known_again(struct kspan_tap *tap, unsigned long addr)
{
	preempt_disable_notrace();
	if (!may_not_lock())
		forget(tap, addr, U64_MAX, KSPAN_TAP_NEVER, KSPAN_TAP_MISSED_FREES);
	preempt_enable_notrace();
}
EXPORT_SYMBOL_FOR_TESTS(kspan_tap_known_again);

void kspan_tap_settle(struct kspan_tap *tap)
{
	int cpu;

	for_each_possible_cpu(cpu)
		irq_work_sync(&per_cpu_ptr(tap->cpus, cpu)->work);
}
EXPORT_SYMBOL_FOR_TESTS(kspan_tap_settle);

void kspan_tap_init_late(struct kspan_tap *tap)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		per_cpu_ptr(tap->cpus, cpu)->tap = tap;
		init_irq_work(&per_cpu_ptr(tap->cpus, cpu)->work, forget_late);
	}
}

void kspan_tap_drop_late(struct kspan_tap *tap)
{
	int cpu;

	kspan_tap_settle(tap);
	/* Of a CPU that is away nobody has done it. */
	for_each_possible_cpu(cpu)
		memset(per_cpu_ptr(tap->cpus, cpu)->late, 0,
		       sizeof(per_cpu_ptr(tap->cpus, cpu)->late));
}
