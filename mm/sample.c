// SPDX-License-Identifier: GPL-2.0
/*
 * The sampler. Samples are the points of a Poisson process over the bytes that are allocated
 * (tcmalloc, and Go's runtime after it): each CPU counts down to a next point that is drawn
 * from an exponential distribution, and the allocation that reaches it is a sample. An
 * allocation of s bytes is one with probability p = 1 - exp(-s / mean), whatever came before,
 * and stands for 1 / p allocations.
 *
 * A mean of 1 byte samples everything, each with weight exactly 1; 0 turns the static key off.
 *
 * Locks: rate_mutex serialises changes of the rate, process context. Sampling itself takes
 * none; it masks interrupts of its CPU for a few stores.
 */
#include <linux/cpu.h>
#include <linux/mutex.h>
#include <linux/random.h>
#include <linux/smp.h>

#include "bucket.h"
#include "compat.h"
#include "fixmath.h"
#include "sample.h"

DEFINE_STATIC_KEY_FALSE(kspan_sampling);
DEFINE_PER_CPU(struct kspan_sampler, kspan_sampler);

static DEFINE_MUTEX(rate_mutex);

/* Written under rate_mutex: the mean first, then the epoch. */
static u64 rate_mean;
static u32 rate_epoch;

/* Bytes to the next point. */
static long draw(u64 mean)
{
	if (mean == 1)
		return 0;
	return min_t(u64, mul_u64_u64_shr(kspan_neg_log(get_random_u32()), mean, 32), LONG_MAX / 2);
}

bool kspan_sample_take(size_t size, u64 *weight)
{
	/* Pairs with the release in kspan_set_sample_bytes(): the mean is not older than this. */
	u32 epoch = smp_load_acquire(&rate_epoch);
	u64 mean = READ_ONCE(rate_mean), old_mean;
	struct kspan_sampler *sampler;
	unsigned long flags;
	bool hit = true;
	long gap, next;

	if (!mean)
		return false;
	/* Drawn before interrupts are off: on PREEMPT_RT the random pool's lock may sleep. */
	gap = draw(mean);
	next = draw(mean);

	local_irq_save(flags);
	sampler = this_cpu_ptr(&kspan_sampler);
	if (sampler->epoch != epoch) {
		/*
		 * The countdown belongs to another rate. The process has no memory, so begin
		 * anew with this allocation, which is a sample if the first point lies in it.
		 */
		sampler->epoch = epoch;
		sampler->mean = mean;
		hit = gap < size;
		if (!hit)
			next = gap - (long)size;
	} else if (sampler->left >= 0) {
		/* An interrupt or another task was here first, and took this point. */
		hit = mean == 1;
		next = sampler->left;
	}
	sampler->left = next;
	old_mean = sampler->mean;
	local_irq_restore(flags);

	if (hit)
		*weight = old_mean == 1 ? KSPAN_WEIGHT_ONE : kspan_weight(size, old_mean);
	return hit;
}

u64 kspan_sample_bytes(void)
{
	return READ_ONCE(rate_mean);
}
KSPAN_EXPORT_FOR_TESTS(kspan_sample_bytes);

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

/*
 * Sets the mean distance between samples, in bytes; 1 samples everything, 0 nothing. In force
 * on every CPU when it returns. Process context, sleeps. 0, or -EINVAL if it is above
 * KSPAN_SAMPLE_BYTES_MAX.
 */
int kspan_set_sample_bytes(u64 bytes)
{
	if (bytes > KSPAN_SAMPLE_BYTES_MAX)
		return -EINVAL;

	mutex_lock(&rate_mutex);
	WRITE_ONCE(rate_mean, bytes);
	/* Pairs with kspan_sample_take(). */
	smp_store_release(&rate_epoch, rate_epoch + 1);
	if (bytes)
		static_branch_enable(&kspan_sampling);
	else
		static_branch_disable(&kspan_sampling);
	on_each_cpu(end_countdown, NULL, 1);
	mutex_unlock(&rate_mutex);
	return 0;
}
KSPAN_EXPORT_FOR_TESTS(kspan_set_sample_bytes);
