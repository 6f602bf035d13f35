// SPDX-License-Identifier: GPL-2.0
/*
 * The mark of lock.h: on each CPU, at which levels of context a lock of kspan's is held or about
 * to be taken. Preemption stays off in between. On PREEMPT_RT there is no mark.
 */
#include "compat.h"
#include "lock.h"

DEFINE_PER_CPU(u8, kspan_locked);

void kspan_lock_begin(void)
{
	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		return;
	preempt_disable();
	this_cpu_or(kspan_locked, BIT(interrupt_context_level()));
}
EXPORT_SYMBOL_FOR_TESTS(kspan_lock_begin);

void kspan_lock_end(void)
{
	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		return;
	this_cpu_and(kspan_locked, ~BIT(interrupt_context_level()));
	preempt_enable();
}
EXPORT_SYMBOL_FOR_TESTS(kspan_lock_end);
