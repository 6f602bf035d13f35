/* SPDX-License-Identifier: GPL-2.0 */
/* The sampler: which allocations are looked at. */
#ifndef _KSPAN_SAMPLE_H
#define _KSPAN_SAMPLE_H

#include <linux/jump_label.h>
#include <linux/percpu.h>
#include <linux/types.h>

#define KSPAN_SAMPLE_BYTES_DEFAULT	(512ULL << 10)
#define KSPAN_SAMPLE_BYTES_MAX		(1ULL << 40)

struct kspan_sampler {
	long left;		/* bytes until the next sample; negative: one is due */
	u32 epoch;		/* of the rate that left was drawn at */
	u64 mean;		/* that rate: mean bytes between samples */
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

u64 kspan_sample_bytes(void);
int kspan_set_sample_bytes(u64 bytes);
void kspan_sample_cpu_starts(unsigned int cpu);

#endif /* _KSPAN_SAMPLE_H */
