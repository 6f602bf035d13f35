// SPDX-License-Identifier: GPL-2.0
/* The questions of cpus.h. Takes no lock. */
#include <linux/compiler.h>
#include <linux/sched.h>
#include <linux/smp.h>

#include "base/cpus.h"

struct asking {
	kspan_ask_fn fn;
	void *arg;
	bool again;		/* written by any of the CPUs that are asked */
};

static void ask_here(void *data)
{
	struct asking *asking = data;

	if (!asking->fn(asking->arg))
		WRITE_ONCE(asking->again, true);
}

bool kspan_ask_cpu(int cpu, kspan_ask_fn fn, void *arg)
{
	struct asking asking = { .fn = fn, .arg = arg };

	smp_call_function_single(cpu, ask_here, &asking, 1);
	return !asking.again;
}

void kspan_ask_all_cpus(kspan_ask_fn fn, void *arg)
{
	struct asking asking = { .fn = fn, .arg = arg };

	do {
		asking.again = false;
		on_each_cpu(ask_here, &asking, 1);
		cond_resched();
	} while (asking.again);
}
