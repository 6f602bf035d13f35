/* SPDX-License-Identifier: GPL-2.0 */
/* The two functions of sampling theory, in fixed point. */
#ifndef _KSPAN_FIXMATH_H
#define _KSPAN_FIXMATH_H

#include <linux/types.h>

/* -ln((r + 1) / 2^32), r uniform: an exponential variate of mean 1, with 32 fractional bits. */
u64 kspan_neg_log(u32 r);

/* 1 / (1 - exp(-size / mean)) with KSPAN_WEIGHT_SHIFT fractional bits; size and mean at least 1. */
u64 kspan_weight(u64 size, u64 mean);

#endif /* _KSPAN_FIXMATH_H */
