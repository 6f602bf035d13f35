// SPDX-License-Identifier: GPL-2.0
/*
 * Call stacks. Walking one with the kernel's unwinder takes some 600 instructions a frame, which
 * would be most of what a sample costs. With ORC, how far it is from a function's return address
 * to that of its caller is said for the instruction that the function is at, so a walk teaches
 * steps (learn.c, step.h): from this return address it is so many words to the next. A stack all
 * of whose steps are known is walked with them, in some 15 instructions a frame; else the unwinder
 * walks it, and its steps are learned.
 *
 * The first return address of a stack is one, and where it stands is known. From a return
 * address a step leads to another one: by so many words, where ORC has it relative to the stack
 * pointer, the same each time; or by the frame pointer, in functions that move their stack by what
 * they work out themselves (alloca, realigned stacks; one of them is in every system call, where
 * RANDOMIZE_KSTACK_OFFSET puts a gap on the stack). Then the next one is above where the frame
 * pointer points to, or, if the function pushes arguments besides (__kmalloc_noprof() of 6.12 is
 * one), above what a word below that says. What the frame pointer is there is known too, since
 * ORC says where a function has saved its caller's. So every word that becomes a frame is a
 * return address, and not something that looks like one.
 *
 * In interrupts, and with another unwinder, all stacks are walked. Text that goes and comes
 * (modules) makes all be forgotten.
 *
 * The end of a stack is where the registers of user space are, of which threads of the kernel
 * keep the room too, and nowhere else.
 */
#include <linux/module.h>
#include <linux/preempt.h>
#include <linux/sched/task_stack.h>
#include <linux/stacktrace.h>
#include <linux/string.h>

#include "base/compat.h"
#include "profile/profile.h"
#include "profile/stack.h"
#include "profile/step.h"
#include "profile/text.h"

/*
 * The root is this function itself, which so has a name wherever the others do, and an address
 * that is no other frame's.
 */
noinline __noclone void kspan_stack_truncated(struct kspan_stack *stack, unsigned int most)
{
	stack->frames[most - 1] = (unsigned long)kspan_stack_truncated;
	stack->nr_frames = most;
}

#if KSPAN_HAS_STEPS

/*
 * Captures the stack by known steps, from the return address @ip of kspan's, which stands at
 * @at above the frame pointer of its caller; false if one is not known.
 */
static bool walk_known(struct kspan_stack *stack, unsigned long ip, const unsigned long *at)
{
	const unsigned long *bp = (unsigned long *)READ_ONCE_NOCHECK(at[-1]);
	const unsigned long *base = kspan_stack_base();
	unsigned int n = 0;
	u64 step, saved;

	for (;; ip = READ_ONCE_NOCHECK(*at)) {
		if (n || !kspan_is_own_text(ip)) {
			if (unlikely(n == KSPAN_MAX_FRAMES))
				break;
			stack->frames[n++] = ip - 1;
		}
		step = kspan_step_first(ip);
		if (unlikely(step - 1 >= KSPAN_STEP_PLAIN))
			step = kspan_step_find(ip);
		if (likely(step - 1 < KSPAN_STEP_PLAIN)) {
			at += step & KSPAN_STEP_WORDS;
			if (unlikely(at > base))
				return false;
			saved = step >> KSPAN_STEP_SAVED_SHIFT;
			if (saved)
				bp = (unsigned long *)
					READ_ONCE_NOCHECK(at[(long)saved - KSPAN_STEP_SAVED_BELOW]);
			continue;
		}
		if (step == KSPAN_STEP_LAST && at == base) {
			stack->nr_frames = n;
			return true;
		}
		if ((step & ~KSPAN_STEP_BELOW) != KSPAN_STEP_BP || bp >= base ||
		    bp - (step & KSPAN_STEP_BELOW) <= at ||
		    !IS_ALIGNED((unsigned long)bp, sizeof(*bp)))
			return false;
		at = kspan_step_by_bp(step, bp);
		if (at <= bp || at > base || !IS_ALIGNED((unsigned long)at, sizeof(*at)))
			return false;
		bp = (unsigned long *)READ_ONCE_NOCHECK(*bp);
	}
	kspan_stack_truncated(stack, KSPAN_MAX_FRAMES);
	return true;
}

#else

static bool walk_known(struct kspan_stack *stack, unsigned long ip, const unsigned long *at)
{
	return false;
}

#endif

void kspan_stack_forget(void)
{
	if (KSPAN_HAS_STEPS)
		kspan_step_forget();
}
EXPORT_SYMBOL_FOR_TESTS(kspan_stack_forget);

/* ------------------------------------------------------------------ what is kept of it */

/*
 * What an interrupt or a softirq came upon by chance is not what made it allocate. An exception
 * (a page fault in copy_from_user()) is no chance: its stack goes on.
 */
static unsigned int without_interrupted(unsigned long *frames, unsigned int n)
{
	unsigned int kept = 0;

	do
		kept += filter_irq_stacks(frames + kept, n - kept);
	while (kept < n && kspan_text_is_exception(frames[kept - 1]));
	return in_serving_softirq() ? kspan_text_until_softirq(frames, kept) : kept;
}

/*
 * Cuts off kspan's own frames by address, however many the entry point and the compiler made of
 * them. Addresses are made return addresses less one, so that they lie in the call and not
 * behind it.
 */
static void trim(struct kspan_stack *stack, unsigned int n)
{
	unsigned long *frames = stack->frames;
	unsigned int skip = 0, i;

	while (skip < n && kspan_is_own_text(frames[skip]))
		skip++;
	stack->nr_frames = min_t(unsigned int, n - skip, KSPAN_MAX_FRAMES);
	for (i = 0; i < stack->nr_frames; i++)
		frames[i] = frames[skip + i] - 1;
	if (n - skip > KSPAN_MAX_FRAMES)
		kspan_stack_truncated(stack, KSPAN_MAX_FRAMES);
}

/* Test kernels walk each stack both ways: the two must agree. */
static noinline void compare_walks(const struct kspan_stack *known, const unsigned long *at)
{
	struct kspan_stack stack;

	trim(&stack, kspan_stack_unwind(stack.frames, ARRAY_SIZE(stack.frames), at));
	WARN_ONCE(stack.nr_frames != known->nr_frames ||
		  memcmp(stack.frames, known->frames, stack.nr_frames * sizeof(stack.frames[0])),
		  "kspan: a stack was taken for another one");
}

noinline void kspan_stack_capture(struct kspan_profile *profile, struct kspan_stack *stack)
{
	const unsigned long *at = (unsigned long *)__builtin_frame_address(0) + 1;
	unsigned long ret = (unsigned long)__builtin_return_address(0);
	unsigned int n;

	/* In interrupts the stack goes on where another one was left, or may. */
	if (!in_task() || !kspan_on_own_stack(at) || READ_ONCE_NOCHECK(*at) != ret)
		at = NULL;
	if (at && walk_known(stack, ret, at)) {
		if (IS_ENABLED(CONFIG_PROVE_LOCKING))
			compare_walks(stack, at);
		return;
	}
	kspan_profile_count(profile, KSPAN_STACKS_WALKED);
	n = kspan_stack_unwind(stack->frames, ARRAY_SIZE(stack->frames), at);
	trim(stack, without_interrupted(stack->frames, n));
}
