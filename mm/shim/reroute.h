/* SPDX-License-Identifier: GPL-2.0 */
/* Functions of the kernel's some of whose calls go on in a function of kspan's instead. */
#ifndef _KSPAN_REROUTE_H
#define _KSPAN_REROUTE_H

#include <linux/kprobes.h>
#include <linux/ptrace.h>
#include <linux/types.h>

#include "base/lock.h"

struct kspan_reroute {
	const char *name;	/* of the kernel's function */
	/*
	 * Its stand-in, with the same arguments and the same result, which is to have this call,
	 * or NULL. Any context, NMI included; preemption is off.
	 */
	void *(*pick)(struct pt_regs *regs);
	/* Set here. */
	struct kprobe probe;
	bool on;
	bool used kspan_marked;		/* at least once */
};

/* Argument @n, from 0 on, of the call. */
static inline unsigned long kspan_reroute_arg(struct pt_regs *regs, unsigned int n)
{
#if defined(CONFIG_KPROBES) && defined(CONFIG_HAVE_FUNCTION_ARG_ACCESS_API)
	return regs_get_kernel_argument(regs, n);
#else
	return 0;
#endif
}

/* Process context, may sleep. 0 or an errno: -EOPNOTSUPP if this kernel has no probes for that. */
int kspan_reroute_start(struct kspan_reroute *route);

/*
 * None of the @nr routes, started or not, is taken any more, and none of their stand-ins runs.
 * Process context, sleeps.
 */
void kspan_reroute_stop(struct kspan_reroute *routes, unsigned int nr);

/* Every stand-in that may return is inside of these; it may sleep. */
int kspan_reroute_enter(void)
	kspan_context(acquire_shared_capability(&kspan_any_srcu));
void kspan_reroute_leave(int idx)
	kspan_context(release_shared_capability(&kspan_any_srcu));

#endif /* _KSPAN_REROUTE_H */
