// SPDX-License-Identifier: GPL-2.0
/*
 * Guest instructions: under QEMU's -icount the cycle counter counts them exactly. The least of
 * many runs is the one into which nothing else fell.
 */
#include <linux/irqflags.h>
#include <linux/minmax.h>
#include <linux/sched.h>
#include <linux/timex.h>

#include "bench.h"

/* The least that one of @runs calls of @fn takes. */
u64 bench_count(void (*fn)(void), unsigned int runs, bool irqs_off)
{
	u64 least = U64_MAX;
	unsigned long flags;
	unsigned int run;

	for (run = 0; run < runs; run++) {
		u64 time;

		if (irqs_off)
			local_irq_save(flags);
		time = get_cycles();
		fn();
		time = get_cycles() - time;
		if (irqs_off)
			local_irq_restore(flags);
		least = min(least, time);
		cond_resched();
	}
	return least;
}
