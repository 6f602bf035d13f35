// SPDX-License-Identifier: GPL-2.0
/*
 * The definitions of the tracepoints in trace.h. Listening to allocations or frees sends all of
 * them through the slow path, which has the tracepoint; the fast path then needs none.
 */
#include "pcpu.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

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
	static_branch_inc(&kspan_free_more);
	return 0;
}

void kspan_trace_free_off(void)
{
	static_branch_dec(&kspan_free_more);
}
