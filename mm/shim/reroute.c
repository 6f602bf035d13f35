// SPDX-License-Identifier: GPL-2.0
/*
 * Rerouting: a call of a function of the kernel's, by whomever, goes on in a stand-in of kspan's
 * when its arguments say that it is about kspan's memory. A probe on the function's first
 * instruction looks at them, and sets the program counter. The stand-in then has the function's
 * arguments, its caller and its context; nothing of the probe is left.
 *
 * A probe that the kernel misses (it was in the middle of another one), or that is switched off
 * in debugfs, lets the function have the call.
 *
 * Takes no lock. No stand-in runs any more when kspan_reroute_stop() returns: a task may have been
 * preempted between the probe and kspan_reroute_enter(), or behind kspan_reroute_leave(), which
 * the grace periods of tasks are for, or may sleep in between, which those of SRCU are for.
 */
#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/ptrace.h>
#include <linux/rcupdate.h>
#include <linux/srcu.h>

#include "base/compat.h"
#include "shim/reroute.h"

#if defined(CONFIG_KPROBES) && defined(CONFIG_HAVE_FUNCTION_ARG_ACCESS_API)

DEFINE_STATIC_SRCU(kspan_reroute_srcu);

int kspan_reroute_enter(void)
{
	int idx = srcu_read_lock(&kspan_reroute_srcu);

	/* For sparse, which looks at one function at a time. */
	__release(&kspan_reroute_srcu);
	return idx;
}

void kspan_reroute_leave(int idx)
{
	__acquire(&kspan_reroute_srcu);
	srcu_read_unlock(&kspan_reroute_srcu, idx);
}

static int reroute_call(struct kprobe *probe, struct pt_regs *regs)
{
	struct kspan_reroute *route = container_of(probe, struct kspan_reroute, probe);
	void *to = route->pick(regs);

	if (likely(!to))
		return 0;
	if (!READ_ONCE(route->used))
		WRITE_ONCE(route->used, true);
	instruction_pointer_set(regs, (unsigned long)to);
	return 1;
}

/* Its presence says that the program counter changes: the probe must not be made a jump. */
static void reroute_after(struct kprobe *probe, struct pt_regs *regs, unsigned long flags)
{
}

int kspan_reroute_start(struct kspan_reroute *route)
{
	int err;

	route->probe.symbol_name = route->name;
	route->probe.pre_handler = reroute_call;
	route->probe.post_handler = reroute_after;
	err = register_kprobe(&route->probe);
	route->on = !err;
	return err;
}

void kspan_reroute_stop(struct kspan_reroute *routes, unsigned int nr)
{
	bool used = false;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		if (!routes[i].on)
			continue;
		unregister_kprobe(&routes[i].probe);
		routes[i].on = false;
		used |= READ_ONCE(routes[i].used);
	}
	if (!used)
		return;
	synchronize_rcu_tasks();
	synchronize_srcu(&kspan_reroute_srcu);
	synchronize_rcu_tasks();
}

#else

int kspan_reroute_enter(void)
{
	return 0;
}

void kspan_reroute_leave(int idx)
{
}

int kspan_reroute_start(struct kspan_reroute *route)
{
	return -EOPNOTSUPP;
}

void kspan_reroute_stop(struct kspan_reroute *routes, unsigned int nr)
{
}

#endif
