// SPDX-License-Identifier: GPL-2.0
/*
 * Logarithm and exponential in fixed point, since the kernel has no floating point. Pure
 * functions; a weight must be within 0.1 % and is off by at most 25 parts in a million.
 */
#include <linux/kernel.h>
#include <linux/log2.h>
#include <linux/math64.h>

#include "base/compat.h"
#include "profile/fixmath.h"
#include "profile/profile.h"

#define ONE_32		BIT_ULL(32)
#define LN2_32		2977044472ULL	/* ln(2) * 2^32 */
#define SQRT2_31	3037000500LL	/* sqrt(2) * 2^31 */
#define INV_E_32	1580030169ULL	/* exp(-1) * 2^32 */

/*
 * -ln((r + 1) / 2^32). With r + 1 = m * 2^k and m about 1, ln(m) = 2 * atanh(s) for
 * s = (m - 1) / (m + 1), whose series converges fast: |s| is below 0.172, and what is left out
 * below 1e-9.
 */
u64 kspan_neg_log(u32 r)
{
	static const s64 term[] = { ONE_32 / 9, ONE_32 / 7, ONE_32 / 5, ONE_32 / 3, ONE_32 };
	u64 x = (u64)r + 1;
	unsigned int k = ilog2(x), i;
	s64 m = k <= 31 ? x << (31 - k) : x >> 1;	/* m / one is from 1 to 2 */
	s64 one = 1LL << 31, s, sum = 0;

	if (m > SQRT2_31) {
		one <<= 1;
		k++;
	}
	s = div64_s64((m - one) << 32, m + one);
	for (i = 0; i < ARRAY_SIZE(term); i++)
		sum = term[i] + ((sum * ((s * s) >> 32)) >> 32);
	return (32 - k) * LN2_32 - ((2 * s * sum) >> 32);
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
