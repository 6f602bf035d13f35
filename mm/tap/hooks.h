/* SPDX-License-Identifier: GPL-2.0 */
/* Handlers of a tap, put in and taken out together. */
#ifndef _KSPAN_TAP_HOOKS_H
#define _KSPAN_TAP_HOOKS_H

#include <linux/ftrace.h>
#include <linux/kprobes.h>
#include <linux/types.h>

#include "base/compat.h"

struct kspan_buf;
struct tracepoint;

struct kspan_trace_hook {
	const char *name;		/* of the tracepoint */
	void *handler;			/* of the type that it calls */
	struct tracepoint *tracepoint;	/* once it was found */
	bool in;
};

#define KSPAN_HOOK_ARGUMENTS	3

/*
 * At the beginning of a function: the handler gets its first arguments. By ftrace where that has
 * them, which keeps none away from an interrupt in the middle of another one's; else by a kprobe.
 */
struct kspan_entry_hook {
	const char *function;
	void (*handler)(const unsigned long *args);
	bool in;
#if defined(KSPAN_FTRACE_ARGUMENT)
	struct ftrace_ops ops;
#elif defined(KSPAN_HAVE_PROBES)
	struct kprobe probe;
#endif
};

/* What a function was called with, for the handler at its return. */
struct kspan_call {
	unsigned long args[6];
	unsigned long data[];		/* what enter() has noted */
};

/*
 * At its return: the handler gets also what it returns, and the return address in its caller.
 * enter(), if there is one, may note so many bytes when it is called.
 */
struct kspan_return_hook {
	const char *function;
	void (*handler)(const struct kspan_call *call, unsigned long value, unsigned long caller);
	void (*enter)(struct kspan_call *call);
	size_t data;
	bool in;
#ifdef KSPAN_HAVE_PROBES
	struct kretprobe probe;
#endif
};

/**
 * struct kspan_hooks - the handlers of one tap
 * @trace: of tracepoints, those of frees first; a tap cannot do without any of them
 * @nr_trace: their number
 * @entries: of functions that free; what cannot be had is done without, and shown
 * @nr_entries: their number
 * @returns: of functions that allocate, likewise
 * @nr_returns: their number
 */
struct kspan_hooks {
	struct kspan_trace_hook *trace;
	unsigned int nr_trace;
	struct kspan_entry_hook *entries;
	unsigned int nr_entries;
	struct kspan_return_hook *returns;
	unsigned int nr_returns;
};

/* The kernel's tracepoint of that name, or NULL. Process context. */
struct tracepoint *kspan_tracepoint(const char *name);

/* Process context, one at a time. 0 or an errno with none left. */
int kspan_hooks_in(const struct kspan_hooks *hooks);
/* When it returns, nobody is in a handler, nor will be. */
void kspan_hooks_out(const struct kspan_hooks *hooks);
/*
 * A line for each: "hook_NAME 1" if it is in; and how many calls the kernel's probes have let by
 * since they were put in.
 */
void kspan_hooks_show(const struct kspan_hooks *hooks, struct kspan_buf *buf);

#endif /* _KSPAN_TAP_HOOKS_H */
