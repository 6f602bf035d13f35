// SPDX-License-Identifier: GPL-2.0
/*
 * Logarithm and exponential in fixed point, since the kernel has no floating point. Pure
 * functions; a weight must be within 0.1 % and is off by at most 25 parts in a million.
 */
#include <linux/bitops.h>
#include <linux/log2.h>
#include <linux/math64.h>

#include "bucket.h"
#include "compat.h"
#include "fixmath.h"

#define ONE_32		BIT_ULL(32)
#define LN2_32		2977044472ULL	/* ln(2) * 2^32 */
#define INV_E_32	1580030169ULL	/* exp(-1) * 2^32 */

/* log2(x) for x at least 1, with 32 fractional bits: one bit for each squaring. */
static u64 log2_32(u64 x)
{
	unsigned int whole = ilog2(x);
	u64 y = whole <= 31 ? x << (31 - whole) : x >> (whole - 31);	/* 1 <= y < 2, 31 bits */
	u64 bits = 0;
	int i;

	for (i = 0; i < 32; i++) {
		y = (y * y) >> 31;
		bits <<= 1;
		if (y >= 1ULL << 32) {
			y >>= 1;
			bits |= 1;
		}
	}
	return ((u64)whole << 32) + bits;
}

u64 kspan_neg_log(u32 r)
{
	u64 log2 = log2_32((u64)r + 1);		/* 0 to 32 */

	return mul_u64_u64_shr((32ULL << 32) - log2, LN2_32, 32);
}
EXPORT_SYMBOL_FOR_TESTS(kspan_neg_log);

/* exp(-x) for x below 1, both with 32 fractional bits: twelve terms of the series. */
static u64 exp_fraction(u64 x)
{
	u64 sum = ONE_32, term = ONE_32;
	unsigned int n;

	for (n = 1; n <= 12; n++) {
		term = div_u64(mul_u64_u64_shr(term, x, 32), n);
		if (n % 2)
			sum -= term;
		else
			sum += term;
	}
	return sum;
}

static u64 exp_neg(u64 x)
{
	u64 e = exp_fraction((u32)x);
	u32 whole = x >> 32;

	while (whole-- && e)
		e = mul_u64_u64_shr(e, INV_E_32, 32);
	return e;
}

u64 kspan_weight(u64 size, u64 mean)
{
	u64 x, cube;

	if (size >= mean) {
		/* Here exp(-x) is small, and one division of it is precise. */
		if (div64_u64(size, mean) >= 22)
			return KSPAN_WEIGHT_ONE;
		x = mul_u64_u64_div_u64(size, ONE_32, mean);
		return div64_u64(1ULL << (32 + KSPAN_WEIGHT_SHIFT), ONE_32 - exp_neg(x));
	}
	/*
	 * Here 1 - exp(-x) would cancel. The Laurent series of 1 / (1 - exp(-x)) at 0 is
	 * 1/x + 1/2 + x/12 - x^3/720 + ...: for x below 1 what is left out is below x^5/30240.
	 */
	x = mul_u64_u64_div_u64(size, ONE_32, mean);
	cube = mul_u64_u64_shr(mul_u64_u64_shr(x, x, 32), x, 32);
	return mul_u64_u64_div_u64(mean, KSPAN_WEIGHT_ONE, size) + KSPAN_WEIGHT_ONE / 2 +
	       (x >> (32 - KSPAN_WEIGHT_SHIFT)) / 12 -
	       (cube >> (32 - KSPAN_WEIGHT_SHIFT)) / 720;
}
EXPORT_SYMBOL_FOR_TESTS(kspan_weight);
