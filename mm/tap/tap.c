// SPDX-License-Identifier: GPL-2.0
/*
 * What a tap does with an allocation that is a sample and with the free of one; and switching
 * taps on and off.
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
 *
 * Locks: kspan_tap_mutex for switching, process context; kspan_rate_mutex and kspan_bucket_mutex
 * inside it. kspan_tap_live_mutex keeps the live samples' table there for who walks it in the
 * middle of a snapshot, inside kspan_bucket_mutex.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

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

static struct kspan_tap *const taps[] = { &kspan_slab_tap };

/* How many handlers are at work at a level of context, one in another. */
struct marks {
	u8 level[4];
};

static DEFINE_PER_CPU(struct marks, marks);

static DEFINE_MUTEX(kspan_tap_mutex);
static DEFINE_MUTEX(kspan_tap_live_mutex);
static bool ready;			/* between init and exit; under kspan_tap_mutex */

/* ------------------------------------------------------------------ samples */

/* In the middle of kspan, or in NMI: no lock may be waited for. */
static bool may_not_lock(void)
{
	return unlikely(in_nmi() || this_cpu_read(kspan_locked));
}

/* When a sample's object was freed, if that is not known. */
#define NEVER	0ULL

/* Of a sample that is in the table no more. */
static void release(struct kspan_tap *tap, struct kspan_live *live, u64 freed)
	kspan_must_stay
{
	/* The lock of the table has been dropped. */
	kspan_live_assert_unlocked(&tap->live, live->addr);
	kspan_test_point(KSPAN_AT_TAP_RELEASE);
	kspan_bucket_free_aged(live->bucket, live->weight,
			       freed == NEVER ? KSPAN_AGE_UNKNOWN :
						kspan_profile_age(live->born, freed));
	kspan_pool_put(&tap->pool, live);
}

/* Which mark is that of this context. Preemption off. */
static u8 *mark(void)
	kspan_must_stay
{
	return &this_cpu_ptr(&marks)->level[interrupt_context_level()];
}

static void take_sample(struct kspan_tap *tap, const struct kspan_tap_alloc *alloc, u64 weight)
	kspan_must_stay
{
	gfp_t gfp = (alloc->gfp & __GFP_KSWAPD_RECLAIM) | KSPAN_GFP_OPTIONAL;
	struct kspan_live *live, *stale = NULL;
	struct kspan_label *label;
	struct kspan_stack stack;
	bool added;

	kspan_stack_capture(tap->profile, &stack);
	label = tap->describe(alloc, &stack, gfp);
	live = kspan_pool_get(&tap->pool, alloc->gfp);
	if (!label || !live)
		goto dropped;
	live->addr = alloc->addr;
	live->weight = weight;
	live->born = kspan_profile_now();
	live->bucket = kspan_bucket_alloc(tap->profile, &stack, alloc->size, label, weight, gfp);
	if (!live->bucket)
		goto dropped;

	/* The lock of the buckets has been dropped: from here on only the shard's. */
	kspan_profile_assert_unlocked(tap->profile);
	kspan_test_point(KSPAN_AT_TAP_ADD);
	added = kspan_live_add(&tap->live, live, &stale);
	if (stale) {
		kspan_tap_count(tap, KSPAN_TAP_MISSED_FREES);
		release(tap, stale, NEVER);
	}
	if (!added) {
		release(tap, live, NEVER);
		live = NULL;
		goto dropped;
	}
	kspan_profile_count(tap->profile, KSPAN_SAMPLES);
	return;
dropped:
	if (live)
		kspan_pool_put(&tap->pool, live);
	kspan_profile_count(tap->profile, KSPAN_SAMPLES_DROPPED);
}

/* As if it had not been: the next point does not lie in this allocation. */
static void pass_over(struct kspan_tap *tap, const struct kspan_tap_alloc *alloc)
{
	this_cpu_add(tap->profile->samplers->left, alloc->size);
}

void kspan_tap_sample(struct kspan_tap *tap, const struct kspan_tap_alloc *alloc)
{
	u64 weight;
	u8 *at;

	/* Who calls handlers has it off, but not on all kernels. */
	preempt_disable_notrace();
	at = mark();
	if (may_not_lock()) {
		pass_over(tap, alloc);
		kspan_tap_count(tap, in_nmi() ? KSPAN_TAP_NMI : KSPAN_TAP_NESTED);
	} else if (READ_ONCE(*at) || kspan_pool_fills()) {
		pass_over(tap, alloc);
	} else if (kspan_profile_take(tap->profile, alloc->size, &weight)) {
		/* Read by who is called by what comes between the two. */
		WRITE_ONCE(*at, 1);
		barrier();
		take_sample(tap, alloc, weight);
		barrier();
		WRITE_ONCE(*at, 0);
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
	release(tap, live, freed);
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
		forget(tap, addr, U64_MAX, NEVER, KSPAN_TAP_MISSED_FREES);
	preempt_enable_notrace();
}
EXPORT_SYMBOL_FOR_TESTS(kspan_tap_known_again);

/* ------------------------------------------------------------------ control */

void kspan_tap_settle(struct kspan_tap *tap)
{
	int cpu;

	for_each_possible_cpu(cpu)
		irq_work_sync(&per_cpu_ptr(tap->cpus, cpu)->work);
}
EXPORT_SYMBOL_FOR_TESTS(kspan_tap_settle);

static void add_age(const struct kspan_live *live, void *ages)
{
	kspan_ages_add(ages, live->bucket, live->born);
}

static struct kspan_tap *tap_of(const struct kspan_profile *profile)
{
	int i = 0;

	while (taps[i]->profile != profile)
		i++;
	return taps[i];
}

static void settle(struct kspan_profile *profile)
{
	kspan_tap_settle(tap_of(profile));
}

static void walk_samples(struct kspan_profile *profile, struct kspan_ages *ages)
{
	mutex_lock(&kspan_tap_live_mutex);
	kspan_live_walk(&tap_of(profile)->live, add_age, ages);
	mutex_unlock(&kspan_tap_live_mutex);
}

const struct kspan_profile_ops kspan_tap_profile_ops = {
	.settle = settle,
	.walk_samples = walk_samples,
};

static void release_all(struct kspan_tap *tap)
{
	struct kspan_live *live, *next = kspan_live_take_all(&tap->live);

	while ((live = next)) {
		next = live->next;
		preempt_disable();
		release(tap, live, NEVER);
		preempt_enable();
		cond_resched();
	}
}

static void zero_counters(struct kspan_tap *tap)
{
	int cpu;

	for_each_possible_cpu(cpu)
		memset(per_cpu_ptr(tap->counters, cpu), 0, sizeof(*tap->counters));
}

/* The memory that it takes. */
static int prepare(struct kspan_tap *tap)
{
	int err = kspan_pool_init(&tap->pool, tap->cache_name, sizeof(struct kspan_live));

	if (err)
		return err;
	mutex_lock(&kspan_tap_live_mutex);
	err = kspan_live_init(&tap->live);
	mutex_unlock(&kspan_tap_live_mutex);
	if (err)
		kspan_pool_exit(&tap->pool);
	return err;
}

static void clean_up(struct kspan_tap *tap)
{
	int cpu;

	kspan_tap_settle(tap);
	/* Of a CPU that is away nobody has done it. */
	for_each_possible_cpu(cpu)
		memset(per_cpu_ptr(tap->cpus, cpu)->late, 0,
		       sizeof(per_cpu_ptr(tap->cpus, cpu)->late));
	release_all(tap);
	mutex_lock(&kspan_tap_live_mutex);
	kspan_live_exit(&tap->live);
	mutex_unlock(&kspan_tap_live_mutex);
	kspan_pool_exit(&tap->pool);
}

static int start_watching(struct kspan_tap *tap)
{
	int err;

	/* Handlers have preemption off, where nothing can be allocated then. */
	if (IS_ENABLED(CONFIG_PREEMPT_RT)) {
		pr_err("the tap on %s does not work on PREEMPT_RT\n", tap->profile->name);
		return -EOPNOTSUPP;
	}
	err = prepare(tap);
	if (err)
		return err;
	kspan_profile_reset(tap->profile);
	zero_counters(tap);
	kspan_profile_start(tap->profile);
	err = kspan_hooks_in(tap->hooks);
	if (err) {
		kspan_profile_stop(tap->profile);
		clean_up(tap);
	}
	return err;
}

/* What is live is not known any more from here on, and the profile has nothing in use. */
static void stop_watching(struct kspan_tap *tap)
{
	kspan_hooks_out(tap->hooks);
	kspan_profile_stop(tap->profile);
	clean_up(tap);
}

static int switch_tap(struct kspan_tap *tap, bool on)
{
	int err = 0;

	lockdep_assert_held(&kspan_tap_mutex);
	if (on && !tap->enabled)
		err = start_watching(tap);
	else if (!on && tap->enabled)
		stop_watching(tap);
	if (!err)
		WRITE_ONCE(tap->enabled, on);
	return err;
}

int kspan_tap_enable(struct kspan_tap *tap, u64 value)
{
	int err = 0;

	if (value > 1)
		return -EINVAL;
	mutex_lock(&kspan_tap_mutex);
	if (ready)
		err = switch_tap(tap, value);
	else
		tap->wanted = value;
	mutex_unlock(&kspan_tap_mutex);
	return err;
}
EXPORT_SYMBOL_FOR_TESTS(kspan_tap_enable);

bool kspan_tap_enabled(const struct kspan_tap *tap)
{
	return READ_ONCE(tap->enabled);
}
EXPORT_SYMBOL_FOR_TESTS(kspan_tap_enabled);

const char *kspan_tap_name(const struct kspan_tap *tap)
{
	return tap->profile->name;
}

struct kspan_profile *kspan_tap_profile(const struct kspan_tap *tap)
{
	return tap->profile;
}

/* ------------------------------------------------------------------ stats */

#define KSPAN_TAP_COUNTER_NAME(id, name) [id] = name,
static const char *const counter_names[] = { KSPAN_TAP_COUNTERS(KSPAN_TAP_COUNTER_NAME) };
#undef KSPAN_TAP_COUNTER_NAME
static_assert(ARRAY_SIZE(counter_names) == KSPAN_NR_TAP_COUNTERS);

unsigned long kspan_tap_counter(const struct kspan_tap *tap, enum kspan_tap_counter id)
{
	unsigned long sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(per_cpu_ptr(tap->counters, cpu)->v[id]);
	return sum;
}
EXPORT_SYMBOL_FOR_TESTS(kspan_tap_counter);

void kspan_tap_show_stats(struct kspan_tap *tap, struct kspan_buf *buf)
{
	int i;

	mutex_lock(&kspan_tap_mutex);
	kspan_buf_printf(buf, "enabled %d\n", tap->enabled);
	kspan_profile_show_counters(tap->profile, buf);
	for (i = 0; i < KSPAN_NR_TAP_COUNTERS; i++)
		kspan_buf_printf(buf, "%s %lu\n", counter_names[i], kspan_tap_counter(tap, i));
	kspan_buf_printf(buf, "live_samples %lu\n", kspan_live_count(&tap->live));
	kspan_buf_printf(buf, "live_bytes %zu\n", kspan_live_bytes(&tap->live));
	kspan_profile_show_gauges(tap->profile, buf);
	kspan_hooks_show(tap->hooks, buf);
	mutex_unlock(&kspan_tap_mutex);
}

/* ------------------------------------------------------------------ all taps */

/* One that was asked for and cannot be is no reason to have none of kspan. */
static void start_wanted(struct kspan_tap *tap)
{
	int err = switch_tap(tap, tap->wanted);

	if (err)
		pr_err("the tap on %s cannot be switched on: error %d\n", kspan_tap_name(tap), err);
}

static void init_cpus(struct kspan_tap *tap)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		per_cpu_ptr(tap->cpus, cpu)->tap = tap;
		init_irq_work(&per_cpu_ptr(tap->cpus, cpu)->work, forget_late);
	}
}

int kspan_taps_init(size_t max_bytes)
{
	int err, i;

	for (i = 0; i < ARRAY_SIZE(taps); i++) {
		err = taps[i]->init();
		if (!err)
			err = kspan_profile_init(taps[i]->profile, max_bytes);
		if (err)
			goto fail;
		init_cpus(taps[i]);
	}
	mutex_lock(&kspan_tap_mutex);
	ready = true;
	for (i = 0; i < ARRAY_SIZE(taps); i++)
		start_wanted(taps[i]);
	mutex_unlock(&kspan_tap_mutex);
	return 0;
fail:
	while (i--)
		kspan_profile_destroy(taps[i]->profile);
	return err;
}

void kspan_taps_exit(void)
{
	int i;

	mutex_lock(&kspan_tap_mutex);
	ready = false;
	for (i = 0; i < ARRAY_SIZE(taps); i++)
		switch_tap(taps[i], false);
	mutex_unlock(&kspan_tap_mutex);
	while (i--)
		kspan_profile_destroy(taps[i]->profile);
	kspan_tap_labels_exit();
}
