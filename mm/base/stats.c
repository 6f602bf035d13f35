// SPDX-License-Identifier: GPL-2.0
/* The counters of stats.h. Takes no lock. */
#include <linux/cpumask.h>

#include "base/compat.h"
#include "base/stats.h"

DEFINE_PER_CPU(struct kspan_counters, kspan_counters);

unsigned long kspan_counter_cpus(enum kspan_counter id)
{
	unsigned long sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(per_cpu(kspan_counters, cpu).v[id]);
	return sum;
}
