/* SPDX-License-Identifier: GPL-2.0 */
/* What the wing itself needs of call stacks; profile.h has what others do. */
#ifndef _KSPAN_STACK_H
#define _KSPAN_STACK_H

#include <linux/sched/task_stack.h>
#include <linux/types.h>

#include "base/lock.h"
#include "profile/step.h"

/* Text has gone, or has come where other text may have been. Any context. */
void kspan_stack_forget(void);

/*
 * The return addresses on the stack, as the unwinder finds them; how many, at most @room. Teaches
 * the steps from the one that stands at @first outwards; none, if that is NULL.
 */
unsigned int kspan_stack_unwind(unsigned long *frames, unsigned int room,
				const unsigned long *first) kspan_no_lock;

#if KSPAN_HAS_STEPS
/* Where the last return address of the task's stack stands. */
static inline const unsigned long *kspan_stack_base(void)
{
	return (unsigned long *)task_pt_regs(current) - 1;
}

static inline bool kspan_on_own_stack(const unsigned long *at)
{
	return at >= (unsigned long *)task_stack_page(current) && at <= kspan_stack_base();
}

/*
 * Does @step lead from the return address at @from, where the frame pointer is @bp, any value, to
 * the one at @to? learn.c
 */
bool kspan_step_leads(u64 step, const unsigned long *from, const unsigned long *bp,
		      const unsigned long *to);
#else
static inline bool kspan_on_own_stack(const unsigned long *at)
{
	return false;
}
#endif

#endif /* _KSPAN_STACK_H */
