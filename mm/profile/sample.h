/* SPDX-License-Identifier: GPL-2.0 */
/* The sampler: which allocations are looked at. */
#ifndef _KSPAN_SAMPLE_H
#define _KSPAN_SAMPLE_H

#include <linux/bits.h>
#include <linux/jump_label.h>
#include <linux/percpu.h>
#include <linux/prandom.h>
#include <linux/types.h>

#define KSPAN_SAMPLE_BYTES_DEFAULT	(512ULL << 10)
#define KSPAN_SAMPLE_BYTES_MAX		BIT_ULL(40)

struct kspan_sampler {
	long left;		/* bytes until the next sample; negative: one is due */
	u32 epoch;		/* of the rate that left was drawn at */
	u64 mean;		/* that rate: mean bytes between samples */
	struct rnd_state rnd;
};

/* When the next sample of one CPU's array is due, counted in allocations of one size. */
struct kspan_stride {
	u64 left;		/* allocations before it, beyond the budget that was handed out */
	u64 mean;		/* bytes between samples, as they were drawn */
	u64 weight;		/* of a sample of one object at that rate */
	u32 epoch;		/* of that rate; 0: of none */
	struct rnd_state rnd;
};

DECLARE_PER_CPU(struct kspan_sampler, kspan_sampler);
DECLARE_STATIC_KEY_FALSE(kspan_sampling);

/* Counts @size bytes; true when the slow part should look whether this allocation is a sample. */
static __always_inline bool kspan_sample_due(size_t size)
{
	if (!static_branch_likely(&kspan_sampling))
		return false;
	return unlikely(this_cpu_sub_return(kspan_sampler.left, (long)size) < 0);
}

/*
 * After kspan_sample_due(): is this allocation of @size bytes a sample? Then its weight is in
 * *@weight. Any context but NMI.
 */
bool kspan_sample_take(size_t size, u64 *weight);

void kspan_stride_init(struct kspan_stride *stride);
bool kspan_stride_next(struct kspan_stride *stride, size_t size, bool off, u32 *budget);

u64 kspan_sample_bytes(void);
u32 kspan_sample_epoch(void);
int kspan_set_sample_bytes(u64 bytes);
void kspan_sample_start(void);
void kspan_sample_stop(void);
void kspan_sample_cpu_starts(unsigned int cpu);
void kspan_sample_init(u64 seed_asked_for);

#endif /* _KSPAN_SAMPLE_H */
