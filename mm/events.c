// SPDX-License-Identifier: GPL-2.0
/*
 * The definitions of the tracepoints in events.h. Listening to allocations or frees sends all of
 * them through the slow path, which has the tracepoint; the fast path then needs none.
 */
#include <linux/bits.h>
#include <linux/percpu.h>
#include <linux/preempt.h>

#include "heap/heap.h"
#include "heap/pcpu.h"

#define CREATE_TRACE_POINTS
#include "events.h"

int kspan_trace_alloc_on(void)
{
	static_branch_inc(&kspan_alloc_more);
	return 0;
}

void kspan_trace_alloc_off(void)
{
	static_branch_dec(&kspan_alloc_more);
}

int kspan_trace_free_on(void)
{
	kspan_pcpu_free_more(true);
	return 0;
}

void kspan_trace_free_off(void)
{
	kspan_pcpu_free_more(false);
}

/* At which levels of context this CPU is in a handler of an event. */
static DEFINE_PER_CPU(u8, tracing);

/* Handlers run with preemption off in any case. True: it is, until kspan_trace_leave(). */
bool kspan_trace_enter(void)
	kspan_not_checked
{
	u8 level = BIT(interrupt_context_level());

	preempt_disable_notrace();
	if (this_cpu_read(tracing) & level) {
		preempt_enable_notrace();
		return false;
	}
	this_cpu_or(tracing, level);
	return true;
}

void kspan_trace_leave(void)
	kspan_not_checked
{
	this_cpu_and(tracing, ~BIT(interrupt_context_level()));
	preempt_enable_notrace();
}
