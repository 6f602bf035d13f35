// SPDX-License-Identifier: GPL-2.0
/*
 * The sampler. Samples are the points of a Poisson process over the bytes that are allocated
 * (tcmalloc, and Go's runtime after it): each CPU counts down to a next point that is drawn
 * from an exponential distribution, and the allocation that reaches it is a sample. An
 * allocation of s bytes is one with probability p = 1 - exp(-s / mean), whatever came before,
 * and stands for 1 / p allocations.
 *
 * Allocations from a CPU's array are counted by the array itself, in allocations and not in
 * bytes: for objects of one size the gap is a whole number of them, and each array has a process
 * of its own (a stride). The sum of Poisson processes is one. What does not come from an array,
 * large objects above all, is counted in bytes, by CPU.
 *
 * A mean of 1 byte samples everything, each with weight exactly 1; 0 turns the static key off.
 *
 * The rate can be asked for before sampling starts and after it has stopped, as a module parameter
 * can be written at any time: then that is noted and nothing else.
 *
 * Locks: kspan_rate_mutex serialises changes of the rate, process context. Sampling itself takes
 * none; it masks interrupts of its CPU for a few stores.
 */
#include <linux/cpu.h>
#include <linux/math64.h>
#include <linux/mutex.h>
#include <linux/prandom.h>
#include <linux/random.h>
#include <linux/smp.h>

#include "base/compat.h"
#include "heap/cache.h"
#include "profile/bucket.h"
#include "profile/fixmath.h"
#include "profile/sample.h"

DEFINE_STATIC_KEY_FALSE(kspan_sampling);
DEFINE_PER_CPU(struct kspan_sampler, kspan_sampler);

static DEFINE_MUTEX(kspan_rate_mutex);

/* Of all chance; 0: real chance. Written before the first allocation. */
static u64 sample_seed;
static atomic64_t seeds_given;

/* What was asked for last, and whether it is in force; written under kspan_rate_mutex. */
static u64 rate_asked = KSPAN_SAMPLE_BYTES_DEFAULT;
static bool rate_started;

/* Written under kspan_rate_mutex: the mean first, then the epoch. */
static u64 rate_mean;
static u32 rate_epoch;

/*
 * Bytes to the next point. The generator need not be safe against guessing, and must not take a
 * lock, which on PREEMPT_RT may sleep.
 */
static u64 draw(struct rnd_state *rnd, u64 mean)
{
	if (mean == 1)
		return 0;
	return mul_u64_u64_shr(kspan_neg_log(prandom_u32_state(rnd)), mean, 32);
}

/* A generator of one's own: of points that can be had again, where a seed was asked for. */
static void seed(struct rnd_state *rnd)
{
	u64 own = sample_seed ? sample_seed + atomic64_inc_return(&seeds_given) : get_random_u64();

	prandom_seed_state(rnd, own);
}

/* What a sample of @size bytes, taken at @mean, stands for. */
static u64 weight_of(size_t size, u64 mean)
{
	return mean == 1 ? KSPAN_WEIGHT_ONE : kspan_weight(size, mean);
}

bool kspan_sample_take(size_t size, u64 *weight)
{
	struct kspan_sampler *sampler;
	unsigned long flags;
	u64 mean, old_mean;
	bool hit = true;
	u32 epoch;
	long gap;

	/*
	 * Interrupts are off before the rate is read: the one that ends the countdown of an old
	 * rate comes before, and then this is the new one, or after the countdown has been drawn.
	 */
	local_irq_save(flags);
	/* Pairs with the release in kspan_set_sample_bytes(): the mean is not older than this. */
	epoch = smp_load_acquire(&rate_epoch);
	mean = READ_ONCE(rate_mean);
	if (!mean) {
		local_irq_restore(flags);
		return false;
	}
	sampler = this_cpu_ptr(&kspan_sampler);
	if (sampler->epoch != epoch) {
		/*
		 * The countdown belongs to another rate. The process has no memory, so begin
		 * anew with this allocation, which is a sample if the first point lies in it.
		 */
		sampler->epoch = epoch;
		sampler->mean = mean;
		gap = draw(&sampler->rnd, mean);
		hit = gap < (long)size;
		if (!hit)
			sampler->left = gap - (long)size;
	} else if (sampler->left >= 0) {
		/* An interrupt or another task was here first, and took this point. */
		hit = mean == 1;
	}
	if (hit)
		sampler->left = draw(&sampler->rnd, sampler->mean);
	old_mean = sampler->mean;
	local_irq_restore(flags);

	if (hit)
		*weight = weight_of(size, old_mean);
	return hit;
}

/* How many allocations of @size bytes come before the one in which the next point lies. */
static u64 draw_allocs(struct kspan_stride *stride, size_t size)
{
	return stride->mean ? div64_u64(draw(&stride->rnd, stride->mean), size) : U64_MAX;
}

void kspan_stride_init(struct kspan_stride *stride)
{
	seed(&stride->rnd);
}

/*
 * The budget of an array of objects of @size bytes is spent, and this is the next allocation:
 * is it a sample? @off: never. *@budget allocations may follow before this is asked again. The
 * caller has the array to itself and preemption off.
 */
bool kspan_stride_next(struct kspan_stride *stride, size_t size, bool off, u32 *budget)
{
	/* Pairs with the release in kspan_set_sample_bytes(): the mean is not older than this. */
	u32 epoch = smp_load_acquire(&rate_epoch);
	bool hit = false;

	if (stride->epoch != epoch) {
		/* As in kspan_sample_take(): begin anew, with this allocation. */
		stride->epoch = epoch;
		stride->mean = off ? 0 : READ_ONCE(rate_mean);
		if (stride->mean)
			stride->weight = weight_of(size, stride->mean);
		stride->left = draw_allocs(stride, size);
	}
	if (stride->left) {
		stride->left--;
	} else {
		hit = true;
		stride->left = draw_allocs(stride, size);
	}
	*budget = min_t(u64, stride->left, S32_MAX);
	stride->left -= *budget;
	return hit;
}

u64 kspan_sample_bytes(void)
{
	return READ_ONCE(rate_asked);
}
EXPORT_SYMBOL_FOR_TESTS(kspan_sample_bytes);

/* Changes with every change of the rate, to the same one too. */
u32 kspan_sample_epoch(void)
{
	return READ_ONCE(rate_epoch);
}
EXPORT_SYMBOL_FOR_TESTS(kspan_sample_epoch);

static void end_countdown(void *unused)
{
	this_cpu_write(kspan_sampler.left, -1);
}

/*
 * A CPU that comes up did not hear of changes that were made while it was away: its countdown
 * ends, and an epoch that is not the present one makes it begin anew.
 */
void kspan_sample_cpu_starts(unsigned int cpu)
{
	struct kspan_sampler *sampler = per_cpu_ptr(&kspan_sampler, cpu);

	sampler->epoch = READ_ONCE(rate_epoch) - 1;
	sampler->left = -1;
}

/* Before the first allocation and the first array, which has a generator too. */
void kspan_sample_init(u64 seed_asked_for)
{
	int cpu;

	sample_seed = seed_asked_for;
	for_each_possible_cpu(cpu)
		seed(&per_cpu(kspan_sampler, cpu).rnd);
}

/* In force on every CPU when it returns. */
static void set_rate(u64 bytes)
	kspan_must_hold_mutex(&kspan_rate_mutex)
{
	lockdep_assert_held(&kspan_rate_mutex);
	WRITE_ONCE(rate_mean, bytes);
	/* Pairs with kspan_sample_take() and kspan_stride_next(). */
	smp_store_release(&rate_epoch, rate_epoch + 1);
	if (bytes)
		static_branch_enable(&kspan_sampling);
	else
		static_branch_disable(&kspan_sampling);
	/* A CPU that comes up begins anew; none is half way up or down meanwhile. */
	cpus_read_lock();
	on_each_cpu(end_countdown, NULL, 1);
	kspan_pcpu_end_budgets();
	cpus_read_unlock();
}

/*
 * Sets the mean distance between samples, in bytes; 1 samples everything, 0 nothing. In force
 * on every CPU when it returns, if sampling has started and not stopped. Process context, sleeps.
 * 0, or -EINVAL if it is above KSPAN_SAMPLE_BYTES_MAX.
 */
int kspan_set_sample_bytes(u64 bytes)
{
	if (bytes > KSPAN_SAMPLE_BYTES_MAX)
		return -EINVAL;

	mutex_lock(&kspan_rate_mutex);
	WRITE_ONCE(rate_asked, bytes);
	if (rate_started)
		set_rate(bytes);
	mutex_unlock(&kspan_rate_mutex);
	return 0;
}
EXPORT_SYMBOL_FOR_TESTS(kspan_set_sample_bytes);

/* From here on samples are taken, at the rate that was asked for. Process context, sleeps. */
void kspan_sample_start(void)
{
	mutex_lock(&kspan_rate_mutex);
	rate_started = true;
	set_rate(rate_asked);
	mutex_unlock(&kspan_rate_mutex);
}

/* No sample is taken any more, whatever is asked for. Process context, sleeps. */
void kspan_sample_stop(void)
{
	mutex_lock(&kspan_rate_mutex);
	rate_started = false;
	set_rate(0);
	mutex_unlock(&kspan_rate_mutex);
}
