// SPDX-License-Identifier: GPL-2.0
/*
 * The logarithm, for every number that the generator may give: nothing overflows, nothing is
 * divided by zero, the result is not negative and no more than that of the smallest number. How
 * near it comes is for the suite fixmath to say.
 */
#include "../../mm/bucket.h"

#define ONE_32		BIT_ULL(32)
#define LN2_32		2977044472ULL
#define SQRT2_31	3037000500LL

static unsigned int ilog2(u64 x)
{
	prove(x);
	return 63 - __builtin_clzll(x);
}

/*
 * What is divided is below 0.172 of what it is divided by, so that the quotient is; which one it is
 * makes no difference to the proof.
 */
static s64 div64_s64(s64 dividend, s64 divisor)
{
	s64 quotient = (s64)nondet_u64(), m = dividend >> 32;

	prove(divisor > 0);
	prove(m * 1000 <= 172 * divisor && -m * 1000 <= 172 * divisor);
	given(quotient >= -(172LL << 32) / 1000 && quotient <= (172LL << 32) / 1000);
	given(!quotient || (quotient < 0) == (dividend < 0));
	given(dividend || !quotient);
	return quotient;
}

#include "kspan_neg_log.inc"

void prove_neg_log(void)
{
	u64 log = kspan_neg_log(nondet_u32());

	prove(log <= 33 * LN2_32);
}
