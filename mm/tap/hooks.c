// SPDX-License-Identifier: GPL-2.0
/*
 * Putting the handlers of a tap in and taking them out again. Those of frees are the first in and
 * the last out, so that what is seen to be allocated is seen to be freed. Tracepoints are found by
 * their names, since not all of them are exported.
 *
 * What has no tracepoint is hooked by its function. At its beginning that is done by ftrace, where
 * it hands on the arguments, and which calls a handler whatever it comes in the middle of. A kprobe
 * does not: the kernel skips one that is hit while another's handler runs on the same CPU, as that
 * of an interrupt may be. So it is for kernels without the other. At a function's return there is
 * nothing else (but fprobe, which 6.1 has not): what is skipped is an allocation, which then is
 * not known, and its free harmless. How many were is shown.
 *
 * Takes no lock of its own; under kspan_tap_mutex, process context.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/string.h>
#include <linux/tracepoint.h>

#include "base/buf.h"
#include "base/compat.h"
#include "tap/hooks.h"

/* Calls of one function that may be under way at once before one is let by. */
#define RETURNS_AT_ONCE		512

/* ------------------------------------------------------------------ tracepoints */

static void look_at(struct tracepoint *tracepoint, void *data)
{
	struct kspan_trace_hook *hook = data;

	if (!strcmp(tracepoint->name, hook->name))
		hook->tracepoint = tracepoint;
}

struct tracepoint *kspan_tracepoint(const char *name)
{
	struct kspan_trace_hook hook = { .name = name };

	for_each_kernel_tracepoint(look_at, &hook);
	return hook.tracepoint;
}

static int trace_in(struct kspan_trace_hook *hook)
{
	int err = -ENOENT;

	hook->tracepoint = kspan_tracepoint(hook->name);
	if (hook->tracepoint)
		err = tracepoint_probe_register(hook->tracepoint, hook->handler, NULL);
	hook->in = !err;
	return err;
}

static void trace_out(struct kspan_trace_hook *hook)
{
	if (hook->in)
		tracepoint_probe_unregister(hook->tracepoint, hook->handler, NULL);
	hook->in = false;
}

/* ------------------------------------------------------------------ beginnings of functions */

#if defined(KSPAN_FTRACE_ARGUMENT)

static void notrace on_entry(unsigned long ip, unsigned long parent_ip, struct ftrace_ops *ops,
			     struct ftrace_regs *fregs)
{
	const struct kspan_entry_hook *hook = container_of(ops, struct kspan_entry_hook, ops);
	unsigned long args[KSPAN_HOOK_ARGUMENTS];
	int i;

	for (i = 0; i < KSPAN_HOOK_ARGUMENTS; i++)
		args[i] = KSPAN_FTRACE_ARGUMENT(fregs, i);
	hook->handler(args);
}

/* One that stays in whatever is written to ftrace_enabled. */
static void entry_in(struct kspan_entry_hook *hook)
{
	int err;

	hook->ops = (struct ftrace_ops) {
		.func = on_entry, .flags = FTRACE_OPS_FL_PERMANENT | KSPAN_FTRACE_FLAGS,
	};
	err = ftrace_set_filter(&hook->ops, (unsigned char *)hook->function,
				strlen(hook->function), 1);
	if (!err)
		err = register_ftrace_function(&hook->ops);
	if (err)
		ftrace_free_filter(&hook->ops);
	hook->in = !err;
}

static void entry_out(struct kspan_entry_hook *hook)
{
	if (!hook->in)
		return;
	unregister_ftrace_function(&hook->ops);
	ftrace_free_filter(&hook->ops);
	hook->in = false;
}

static unsigned long entry_missed(const struct kspan_entry_hook *hook)
{
	return 0;
}

#elif defined(KSPAN_HAVE_PROBES)

static int on_entry(struct kprobe *probe, struct pt_regs *regs)
{
	const struct kspan_entry_hook *hook = container_of(probe, struct kspan_entry_hook, probe);
	unsigned long args[KSPAN_HOOK_ARGUMENTS], flags;
	int i;

	local_irq_save(flags);
	for (i = 0; i < KSPAN_HOOK_ARGUMENTS; i++)
		args[i] = kspan_argument(regs, i);
	hook->handler(args);
	local_irq_restore(flags);
	return 0;
}

/* Made anew, since a probe that has been in cannot be put in again. */
static void entry_in(struct kspan_entry_hook *hook)
{
	hook->probe = (struct kprobe) { .symbol_name = hook->function, .pre_handler = on_entry };
	hook->in = !register_kprobe(&hook->probe);
}

static void entry_out(struct kspan_entry_hook *hook)
{
	if (hook->in)
		unregister_kprobe(&hook->probe);
	hook->in = false;
}

static unsigned long entry_missed(const struct kspan_entry_hook *hook)
{
	return hook->probe.nmissed;
}

#else

static void entry_in(struct kspan_entry_hook *hook)
{
}

static void entry_out(struct kspan_entry_hook *hook)
{
}

static unsigned long entry_missed(const struct kspan_entry_hook *hook)
{
	return 0;
}

#endif

/* ------------------------------------------------------------------ returns from functions */

#ifdef KSPAN_HAVE_PROBES

static struct kspan_return_hook *hook_of(struct kretprobe_instance *instance)
{
	return container_of(get_kretprobe(instance), struct kspan_return_hook, probe);
}

static int call(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	const struct kspan_return_hook *hook = hook_of(instance);
	struct kspan_call *call = (struct kspan_call *)instance->data;
	int i;

	for (i = 0; i < ARRAY_SIZE(call->args); i++)
		call->args[i] = kspan_argument(regs, i);
	if (hook->enter)
		hook->enter(call);
	return 0;
}

static int return_from(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	const struct kspan_return_hook *hook = hook_of(instance);
	unsigned long flags;

	local_irq_save(flags);
	hook->handler((struct kspan_call *)instance->data, regs_return_value(regs),
		      get_kretprobe_retaddr(instance));
	local_irq_restore(flags);
	return 0;
}

static void return_in(struct kspan_return_hook *hook)
{
	hook->probe = (struct kretprobe) {
		.kp.symbol_name = hook->function, .entry_handler = call, .handler = return_from,
		.data_size = sizeof(struct kspan_call) + hook->data,
		.maxactive = RETURNS_AT_ONCE,
	};
	hook->in = !register_kretprobe(&hook->probe);
}

static void return_out(struct kspan_return_hook *hook)
{
	if (hook->in)
		unregister_kretprobe(&hook->probe);
	hook->in = false;
}

static unsigned long return_missed(const struct kspan_return_hook *hook)
{
	return hook->probe.kp.nmissed + hook->probe.nmissed;
}

#else

static void return_in(struct kspan_return_hook *hook)
{
}

static void return_out(struct kspan_return_hook *hook)
{
}

static unsigned long return_missed(const struct kspan_return_hook *hook)
{
	return 0;
}

#endif

/* ------------------------------------------------------------------ all of them */

int kspan_hooks_in(const struct kspan_hooks *hooks)
{
	unsigned int i;
	int err;

	for (i = 0; i < hooks->nr_entries; i++)
		entry_in(&hooks->entries[i]);
	for (i = 0; i < hooks->nr_trace; i++) {
		err = trace_in(&hooks->trace[i]);
		if (err) {
			pr_err("nothing can be put on the tracepoint %s: error %d\n",
			       hooks->trace[i].name, err);
			kspan_hooks_out(hooks);
			return err;
		}
	}
	for (i = 0; i < hooks->nr_returns; i++)
		return_in(&hooks->returns[i]);
	return 0;
}

void kspan_hooks_out(const struct kspan_hooks *hooks)
{
	unsigned int i;

	for (i = hooks->nr_returns; i--; )
		return_out(&hooks->returns[i]);
	for (i = hooks->nr_trace; i--; )
		trace_out(&hooks->trace[i]);
	for (i = hooks->nr_entries; i--; )
		entry_out(&hooks->entries[i]);
	tracepoint_synchronize_unregister();
}

void kspan_hooks_show(const struct kspan_hooks *hooks, struct kspan_buf *buf)
{
	unsigned long missed = 0;
	unsigned int i;

	for (i = 0; i < hooks->nr_trace; i++)
		kspan_buf_printf(buf, "hook_%s %d\n", hooks->trace[i].name, hooks->trace[i].in);
	for (i = 0; i < hooks->nr_entries; i++) {
		const struct kspan_entry_hook *hook = &hooks->entries[i];

		kspan_buf_printf(buf, "hook_%s %d\n", hook->function, hook->in);
		missed += entry_missed(hook);
	}
	for (i = 0; i < hooks->nr_returns; i++) {
		const struct kspan_return_hook *hook = &hooks->returns[i];

		kspan_buf_printf(buf, "hook_%s %d\n", hook->function, hook->in);
		missed += return_missed(hook);
	}
	kspan_buf_printf(buf, "probes_missed %lu\n", missed);
}
