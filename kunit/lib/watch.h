/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Looking at what the kernel is asked for: its tracepoints, which are found by their names, as few
 * of them are exported. A suite's handlers are called on every CPU and in every context, and have
 * to tell by themselves whether it is the test's doing.
 */
#ifndef _KSPAN_KUNIT_WATCH_H
#define _KSPAN_KUNIT_WATCH_H

#include <linux/kallsyms.h>
#include <linux/kconfig.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <linux/tracepoint.h>

#include "base/compat.h"

/* Is it kspan that asks, from @ip? */
static inline bool watch_is_kspan(unsigned long ip)
{
#ifdef MODULE
	char name[KSYM_SYMBOL_LEN];

	sprint_symbol(name, ip);
	return strstr(name, " [kspan]");
#else
	return kspan_is_own_text(ip);
#endif
}

struct watch {
	const char *name;
	void *handler;
	struct tracepoint *tp;
};

static inline void watch_find(struct tracepoint *tp, void *arg)
{
	struct watch *watch = arg;

	if (!strcmp(tp->name, watch->name))
		watch->tp = tp;
}

/* Calls @handler, with a pointer and the arguments of the tracepoint. False: there is none. */
static inline bool watch_begin(struct watch *watch, const char *name, void *handler)
{
	*watch = (struct watch) { .name = name, .handler = handler };
	if (IS_ENABLED(CONFIG_TRACEPOINTS))
		for_each_kernel_tracepoint(watch_find, watch);
	if (watch->tp && tracepoint_probe_register(watch->tp, handler, NULL))
		watch->tp = NULL;
	return watch->tp;
}

/* It is not called any more. */
static inline void watch_end(struct watch *watch)
{
	if (!watch->tp)
		return;
	tracepoint_probe_unregister(watch->tp, watch->handler, NULL);
	tracepoint_synchronize_unregister();
	watch->tp = NULL;
}

#endif /* _KSPAN_KUNIT_WATCH_H */
