/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How long sampled objects lived: each bucket counts those that were freed in bins of a factor of
 * ten.
 */
#ifndef _KSPAN_LIFETIME_H
#define _KSPAN_LIFETIME_H

#include <linux/minmax.h>
#include <linux/time64.h>
#include <linux/types.h>

#define KSPAN_LIFETIME_LEAST	(10ULL * NSEC_PER_USEC)		/* below it: bin 0 */
#define KSPAN_NR_LIFETIMES	10				/* the last: from 1000 s on */

/* Where the next bin begins, in nanoseconds. */
static inline u64 kspan_lifetime_end(unsigned int bin)
{
	u64 end = KSPAN_LIFETIME_LEAST;

	while (bin--)
		end *= 10;
	return end;
}

static inline unsigned int kspan_lifetime_bin(u64 age_ns)
{
	u64 end = KSPAN_LIFETIME_LEAST;
	unsigned int bin = 0;

	/* The clock of one CPU may be a little behind that of another. */
	while (bin < KSPAN_NR_LIFETIMES - 1 && (s64)age_ns >= (s64)end) {
		end *= 10;
		bin++;
	}
	return bin;
}

#endif /* _KSPAN_LIFETIME_H */
