/* SPDX-License-Identifier: GPL-2.0 */
/* What the wing itself needs of the sampler; profile.h has what others do. */
#ifndef _KSPAN_SAMPLE_H
#define _KSPAN_SAMPLE_H

#include <linux/types.h>

struct kspan_profile;

/* Of all chance from here on; 0: real chance. Before the first sampler and stride. */
void kspan_sample_seed(u64 seed);
/* Before the profile's first allocation. Process context. */
void kspan_sample_init(struct kspan_profile *profile);
/* Its countdown begins anew. The CPU does not run yet. */
void kspan_sample_cpu_starts(struct kspan_profile *profile, unsigned int cpu);

#endif /* _KSPAN_SAMPLE_H */
