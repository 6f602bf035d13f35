// SPDX-License-Identifier: GPL-2.0
/*
 * Rates and samplers. Samples are the points of a Poisson process over the bytes that are allocated
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
 * Each profile has a rate, and samplers of its own.
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
#include "profile/fixmath.h"
#include "profile/profile.h"
#include "profile/sample.h"

/* Of all profiles: the rate is changed by people, and may be before there is a table. */
static DEFINE_MUTEX(kspan_rate_mutex);

/* Of all chance; 0: real chance. Written before the first allocation. */
static u64 sample_seed;
static atomic64_t seeds_given;

/*
 * Bytes to the next point. The generator need not be safe against guessing, and must not take a
 * lock, which on PREEMPT_RT may sleep.
 */
static u64 draw_gap(struct rnd_state *rnd, u64 mean)
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

bool kspan_profile_take(struct kspan_profile *profile, size_t size, u64 *weight)
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
	/* Pairs with the release in set_rate(): the mean is not older than this. */
	epoch = smp_load_acquire(&profile->rate_epoch);
	mean = READ_ONCE(profile->rate_mean);
	if (!mean) {
		local_irq_restore(flags);
		return false;
	}
	sampler = this_cpu_ptr(profile->samplers);
	if (sampler->epoch != epoch) {
		/*
		 * The countdown belongs to another rate. The process has no memory, so begin
		 * anew with this allocation, which is a sample if the first point lies in it.
		 */
		sampler->epoch = epoch;
		sampler->mean = mean;
		gap = draw_gap(&sampler->rnd, mean);
		hit = gap < (long)size;
		if (!hit)
			sampler->left = gap - (long)size;
	} else if (sampler->left >= 0) {
		/* An interrupt or another task was here first, and took this point. */
		hit = mean == 1;
	}
	if (hit)
		sampler->left = draw_gap(&sampler->rnd, sampler->mean);
	old_mean = sampler->mean;
	local_irq_restore(flags);

	if (hit)
		*weight = weight_of(size, old_mean);
	return hit;
}
EXPORT_SYMBOL_FOR_TESTS(kspan_profile_take);

void kspan_profile_pass_over(struct kspan_profile *profile, size_t size)
{
	unsigned long flags;

	local_irq_save(flags);
	/*
	 * It was due, so this is below zero; or an interrupt has taken the point meanwhile, and
	 * drawn another one, which these bytes have not come nearer to.
	 */
	if (this_cpu_read(profile->samplers->left) < 0)
		this_cpu_add(profile->samplers->left, size);
	local_irq_restore(flags);
}
EXPORT_SYMBOL_FOR_TESTS(kspan_profile_pass_over);

/* How many allocations of @size bytes come before the one in which the next point lies. */
static u64 draw_allocs(struct kspan_stride *stride, size_t size)
{
	return stride->mean ? div64_u64(draw_gap(&stride->rnd, stride->mean), size) : U64_MAX;
}

void kspan_stride_init(struct kspan_stride *stride)
{
	seed(&stride->rnd);
}
EXPORT_SYMBOL_FOR_TESTS(kspan_stride_init);

/*
 * The budget of an array of objects of @size bytes is spent, and this is the next allocation:
 * is it a sample? @off: never. *@budget allocations may follow before this is asked again. The
 * caller has the array to itself and preemption off.
 */
bool kspan_stride_next(struct kspan_profile *profile, struct kspan_stride *stride, size_t size,
		       bool off, u32 *budget)
{
	/* Pairs with the release in set_rate(): the mean is not older than this. */
	u32 epoch = smp_load_acquire(&profile->rate_epoch);
	bool hit = false;

	if (stride->epoch != epoch) {
		/* As in kspan_profile_take(): begin anew, with this allocation. */
		stride->epoch = epoch;
		stride->mean = off ? 0 : READ_ONCE(profile->rate_mean);
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
EXPORT_SYMBOL_FOR_TESTS(kspan_stride_next);

u64 kspan_profile_sample_bytes(const struct kspan_profile *profile)
{
	return READ_ONCE(profile->rate_asked);
}
EXPORT_SYMBOL_FOR_TESTS(kspan_profile_sample_bytes);

u32 kspan_profile_epoch(const struct kspan_profile *profile)
{
	return READ_ONCE(profile->rate_epoch);
}
EXPORT_SYMBOL_FOR_TESTS(kspan_profile_epoch);

static void end_countdown(void *profile)
{
	this_cpu_write(((struct kspan_profile *)profile)->samplers->left, -1);
}

/*
 * A CPU that comes up did not hear of changes that were made while it was away: its countdown
 * ends, and an epoch that is not the present one makes it begin anew.
 */
void kspan_sample_cpu_starts(struct kspan_profile *profile, unsigned int cpu)
{
	struct kspan_sampler *sampler = per_cpu_ptr(profile->samplers, cpu);

	sampler->epoch = READ_ONCE(profile->rate_epoch) - 1;
	sampler->left = -1;
}

void kspan_sample_seed(u64 asked_for)
{
	sample_seed = asked_for;
}

void kspan_sample_init(struct kspan_profile *profile)
{
	int cpu;

	for_each_possible_cpu(cpu)
		seed(&per_cpu_ptr(profile->samplers, cpu)->rnd);
}

/* In force on every CPU when it returns. */
static void set_rate(struct kspan_profile *profile, u64 bytes)
	kspan_must_hold_mutex(&kspan_rate_mutex)
{
	lockdep_assert_held(&kspan_rate_mutex);
	WRITE_ONCE(profile->rate_mean, bytes);
	/* Pairs with kspan_profile_take() and kspan_stride_next(). */
	smp_store_release(&profile->rate_epoch, READ_ONCE(profile->rate_epoch) + 1);
	if (bytes)
		static_branch_enable(&profile->sampling);
	else
		static_branch_disable(&profile->sampling);
	/* A CPU that comes up begins anew; none is half way up or down meanwhile. */
	cpus_read_lock();
	on_each_cpu(end_countdown, profile, 1);
	if (profile->ops && profile->ops->rate_changed)
		profile->ops->rate_changed(profile);
	cpus_read_unlock();
}

int kspan_profile_set_sample_bytes(struct kspan_profile *profile, u64 bytes)
{
	if (bytes > KSPAN_SAMPLE_BYTES_MAX)
		return -EINVAL;

	mutex_lock(&kspan_rate_mutex);
	WRITE_ONCE(profile->rate_asked, bytes);
	if (profile->rate_started)
		set_rate(profile, bytes);
	mutex_unlock(&kspan_rate_mutex);
	return 0;
}
EXPORT_SYMBOL_FOR_TESTS(kspan_profile_set_sample_bytes);

/* From here on samples are taken, at the rate that was asked for. Process context, sleeps. */
void kspan_profile_start(struct kspan_profile *profile)
{
	mutex_lock(&kspan_rate_mutex);
	profile->rate_started = true;
	set_rate(profile, READ_ONCE(profile->rate_asked));
	mutex_unlock(&kspan_rate_mutex);
}
EXPORT_SYMBOL_FOR_TESTS(kspan_profile_start);

/* No sample is taken any more, whatever is asked for. Process context, sleeps. */
void kspan_profile_stop(struct kspan_profile *profile)
{
	mutex_lock(&kspan_rate_mutex);
	profile->rate_started = false;
	set_rate(profile, 0);
	mutex_unlock(&kspan_rate_mutex);
}
EXPORT_SYMBOL_FOR_TESTS(kspan_profile_stop);
