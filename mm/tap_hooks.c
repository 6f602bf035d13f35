// SPDX-License-Identifier: GPL-2.0
/*
 * Putting the hooks of a tap in and taking them out again. Those of frees are the first in and the
 * last out: what is allocated in between is seen to be freed. Tracepoints are found by their
 * names, since not all of them are exported.
 *
 * A probe that cannot be had is done without, and the tap's stats say so. A kprobe that is hit
 * while another's handler runs on the same CPU is skipped, so handlers keep interrupts off.
 * Tracepoints know no such thing.
 *
 * Takes no lock of its own; under kspan_tap_mutex, process context.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/kprobes.h>
#include <linux/string.h>
#include <linux/tracepoint.h>

#include "compat.h"
#include "encode.h"
#include "tap_hooks.h"

/* Calls of one function that may be under way at once before a tap misses one. */
#define RETURNS_AT_ONCE		512

/* ------------------------------------------------------------------ probes */

#ifdef KSPAN_HAVE_PROBES

static void entries_in(const struct kspan_hooks *hooks)
{
	unsigned int i;

	for (i = 0; i < hooks->nr_entries; i++) {
		struct kspan_entry_hook *hook = &hooks->entries[i];

		/* Made anew, since a probe that has been in cannot be put in again. */
		hook->probe = (struct kprobe) {
			.symbol_name = hook->function, .pre_handler = hook->handler,
		};
		hook->in = !register_kprobe(&hook->probe);
	}
}

static void returns_in(const struct kspan_hooks *hooks)
{
	unsigned int i;

	for (i = 0; i < hooks->nr_returns; i++) {
		struct kspan_return_hook *hook = &hooks->returns[i];

		hook->probe = (struct kretprobe) {
			.kp.symbol_name = hook->function, .entry_handler = hook->entry,
			.handler = hook->handler, .data_size = hook->size,
			.maxactive = RETURNS_AT_ONCE,
		};
		hook->in = !register_kretprobe(&hook->probe);
	}
}

/*
 * Together, since the kernel waits for a grace period each time. Until then each is in: a tap may
 * leave to its handler what another one sees as well.
 */
static void entries_out(const struct kspan_hooks *hooks)
{
	struct kprobe *probes[KSPAN_HOOKS_MAX];
	unsigned int i, nr = 0;

	for (i = 0; i < hooks->nr_entries; i++) {
		if (hooks->entries[i].in)
			probes[nr++] = &hooks->entries[i].probe;
	}
	unregister_kprobes(probes, nr);
	for (i = 0; i < hooks->nr_entries; i++)
		hooks->entries[i].in = false;
}

static void returns_out(const struct kspan_hooks *hooks)
{
	struct kretprobe *probes[KSPAN_HOOKS_MAX];
	unsigned int i, nr = 0;

	for (i = 0; i < hooks->nr_returns; i++) {
		if (hooks->returns[i].in)
			probes[nr++] = &hooks->returns[i].probe;
	}
	unregister_kretprobes(probes, nr);
	for (i = 0; i < hooks->nr_returns; i++)
		hooks->returns[i].in = false;
}

static void probes_show(const struct kspan_hooks *hooks, struct kspan_buf *buf)
{
	unsigned long missed = 0;
	unsigned int i;

	for (i = 0; i < hooks->nr_entries; i++) {
		const struct kspan_entry_hook *hook = &hooks->entries[i];

		kspan_buf_printf(buf, "hook_%s %d\n", hook->function, hook->in);
		missed += hook->probe.nmissed;
	}
	for (i = 0; i < hooks->nr_returns; i++) {
		const struct kspan_return_hook *hook = &hooks->returns[i];

		kspan_buf_printf(buf, "hook_%s %d\n", hook->function, hook->in);
		missed += hook->probe.kp.nmissed + hook->probe.nmissed;
	}
	kspan_buf_printf(buf, "probes_missed %lu\n", missed);
}

#else

static void entries_in(const struct kspan_hooks *hooks)
{
}

static void returns_in(const struct kspan_hooks *hooks)
{
}

static void entries_out(const struct kspan_hooks *hooks)
{
}

static void returns_out(const struct kspan_hooks *hooks)
{
}

static void probes_show(const struct kspan_hooks *hooks, struct kspan_buf *buf)
{
}

#endif

/* ------------------------------------------------------------------ tracepoints */

static void look_at(struct tracepoint *tracepoint, void *data)
{
	struct kspan_trace_hook *hook = data;

	if (!strcmp(tracepoint->name, hook->name))
		hook->tracepoint = tracepoint;
}

static int trace_in(struct kspan_trace_hook *hook)
{
	int err = -ENOENT;

	for_each_kernel_tracepoint(look_at, hook);
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

/* ------------------------------------------------------------------ all of them */

int kspan_hooks_in(const struct kspan_hooks *hooks)
{
	unsigned int i;
	int err;

	entries_in(hooks);
	for (i = 0; i < hooks->nr_trace; i++) {
		err = trace_in(&hooks->trace[i]);
		if (err) {
			pr_err("no hook on the tracepoint %s: error %d\n", hooks->trace[i].name,
			       err);
			kspan_hooks_out(hooks);
			return err;
		}
	}
	returns_in(hooks);
	return 0;
}

void kspan_hooks_out(const struct kspan_hooks *hooks)
{
	unsigned int i;

	returns_out(hooks);
	for (i = hooks->nr_trace; i--; )
		trace_out(&hooks->trace[i]);
	entries_out(hooks);
	/* Nobody is in a handler any more. */
	tracepoint_synchronize_unregister();
}

void kspan_hooks_show(const struct kspan_hooks *hooks, struct kspan_buf *buf)
{
	unsigned int i;

	for (i = 0; i < hooks->nr_trace; i++)
		kspan_buf_printf(buf, "hook_%s %d\n", hooks->trace[i].name, hooks->trace[i].in);
	probes_show(hooks, buf);
}
