/* SPDX-License-Identifier: GPL-2.0 */
/* Hooks of a tap: handlers of tracepoints and of probes, put in and taken out together. */
#ifndef _KSPAN_TAP_HOOKS_H
#define _KSPAN_TAP_HOOKS_H

#include <linux/kconfig.h>
#include <linux/kprobes.h>
#include <linux/types.h>

struct kspan_buf;
struct tracepoint;

/* Probes whose handlers can see what the function was given. */
#if defined(CONFIG_KRETPROBES) && defined(CONFIG_HAVE_FUNCTION_ARG_ACCESS_API)
#define KSPAN_HAVE_PROBES
#endif

struct kspan_trace_hook {
	const char *name;		/* of the tracepoint */
	void *handler;			/* of the type that it calls */
	struct tracepoint *tracepoint;	/* once it was found */
	bool in;
};

#ifdef KSPAN_HAVE_PROBES

/* Probes of one kind that a tap may have. */
#define KSPAN_HOOKS_MAX		4

/* At the beginning of a function. */
struct kspan_entry_hook {
	const char *function;
	int (*handler)(struct kprobe *probe, struct pt_regs *regs);
	struct kprobe probe;
	bool in;
};

/* There, where it keeps @size bytes for the handler at its return. */
struct kspan_return_hook {
	const char *function;
	int (*entry)(struct kretprobe_instance *instance, struct pt_regs *regs);
	int (*handler)(struct kretprobe_instance *instance, struct pt_regs *regs);
	size_t size;
	struct kretprobe probe;
	bool in;
};

#endif

/**
 * struct kspan_hooks - the hooks of one tap
 * @trace: tracepoints, those of frees first; a tap cannot do without any of them
 * @nr_trace: their number
 * @entries: functions' beginnings; what cannot be had is done without, and shown
 * @nr_entries: their number
 * @returns: functions' ends, likewise
 * @nr_returns: their number
 */
struct kspan_hooks {
	struct kspan_trace_hook *trace;
	unsigned int nr_trace;
#ifdef KSPAN_HAVE_PROBES
	struct kspan_entry_hook *entries;
	unsigned int nr_entries;
	struct kspan_return_hook *returns;
	unsigned int nr_returns;
#endif
};

/* Process context, one at a time. 0 or an errno with none left. */
int kspan_hooks_in(const struct kspan_hooks *hooks);
void kspan_hooks_out(const struct kspan_hooks *hooks);
/* A line for each hook, and one for calls that the kernel's kprobes have skipped. */
void kspan_hooks_show(const struct kspan_hooks *hooks, struct kspan_buf *buf);

#endif /* _KSPAN_TAP_HOOKS_H */
