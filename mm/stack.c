// SPDX-License-Identifier: GPL-2.0
/*
 * Call stacks. Walking one with the kernel's unwinder takes some 600 instructions a frame, which
 * would be most of what a sample costs. With ORC, how far it is from a function's return address
 * to that of its caller is said for the instruction that the function is at, so a walk teaches
 * steps (step.h): from this return address it is so many words to the next. A stack all of whose
 * steps are known is walked with them, in some 15 instructions a frame; else the unwinder walks
 * it, and its steps are learned.
 *
 * The first return address of a stack is one, and where it stands is known. From a return
 * address a step leads to another one, if ORC has the step between the two relative to the stack
 * pointer: then it is the same each time. So every word that becomes a frame is a return address,
 * and not something that looks like one.
 *
 * Not learned is what has no such step: functions that move their stack pointer by what they
 * work out themselves (alloca, stacks that are realigned), whose frames ORC finds by the frame
 * pointer; what an exception interrupted; what has been put in place of a return address
 * (kretprobes, the function graph tracer), and generated code. In interrupts, and with another
 * unwinder, all stacks are walked. Text that goes and comes (modules) makes all be forgotten.
 *
 * One function of that kind is in every system call, where the kernel puts a gap of random
 * length on the stack (RANDOMIZE_KSTACK_OFFSET). But what called it is known: it is the entry's
 * code, whose return address is at the base of the stack, below the registers of user space.
 *
 * The end of a stack is where the registers of user space are, of which threads of the kernel
 * keep the room too, and nowhere else.
 */
#include <linux/module.h>
#include <linux/preempt.h>
#include <linux/sched/task_stack.h>
#include <linux/stacktrace.h>
#include <linux/string.h>

#include "compat.h"
#include "stack.h"
#include "stats.h"
#include "step.h"
#include "text.h"

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

#include <asm/unwind.h>

/* Where the last return address of the task's stack stands. */
static const unsigned long *stack_base(void)
{
	return (unsigned long *)task_pt_regs(current) - 1;
}

static bool on_own_stack(const unsigned long *at)
{
	return at >= (unsigned long *)task_stack_page(current) && at <= stack_base();
}

/* ------------------------------------------------------------------ by known steps */

/*
 * Captures the stack by known steps, from the return address @ip of kspan's, which stands at
 * @at; false if one is not known.
 */
static bool walk_known(struct kspan_stack *stack, unsigned long ip, const unsigned long *at)
{
	const unsigned long *base = stack_base();
	unsigned int n = 0;
	u64 step;

	for (;; ip = READ_ONCE_NOCHECK(*at)) {
		if (n || !kspan_is_own_text(ip)) {
			if (unlikely(n == KSPAN_MAX_FRAMES))
				break;
			stack->frames[n++] = ip - 1;
		}
		step = kspan_step_find(ip);
		if (likely(step - 1 < KSPAN_STEP_WORDS)) {
			at += step;
			if (unlikely(at > base))
				return false;
			continue;
		}
		if (step == KSPAN_STEP_LAST && at == base) {
			stack->nr_frames = n;
			return true;
		}
		/* What is at the base has called this, if it is what did when that was learned. */
		if ((step & ~KSPAN_STEP_BASE_BITS) != KSPAN_STEP_BASE || at >= base ||
		    ((READ_ONCE_NOCHECK(*base) ^ step) & KSPAN_STEP_BASE_BITS))
			return false;
		at = base;
	}
	kspan_stack_truncated(stack, KSPAN_MAX_FRAMES);
	return true;
}

/* ------------------------------------------------------------------ by the unwinder */

/* A frame that a step may begin at, until it is known where that leads. */
struct teacher {
	unsigned long ip;		/* its return address */
	const unsigned long *at;	/* where that stands; NULL: no step begins here */
	u64 known;			/* the step from there, if it has been learned */
	unsigned long fixed;		/* the caller's stack pointer, if that is fixed; or 0 */
};

/*
 * Where the return address @ip stands that @state has come to, if it stands there: not if it is
 * that of an exception, or was put back from where somebody else's replaced it.
 */
static const unsigned long *place_of(struct unwind_state *state, unsigned long ip)
{
	const unsigned long *at = (unsigned long *)state->sp - 1;

	if (state->regs || state->error || !on_own_stack(at) || READ_ONCE_NOCHECK(*at) != ip)
		return NULL;
	return at;
}

/*
 * The stack pointer of the caller, if it is as far away each time. Modules cannot look into the
 * tables of ORC (they are exported on no kernel), but can ask the unwinder what it would do:
 * where it needs the frame pointer, a wrong one leads it elsewhere or nowhere. Zero lies on no
 * stack; with an error noted, the unwinder keeps to itself what it thinks of that.
 */
static unsigned long fixed_next(struct unwind_state *state)
{
	struct unwind_state other = *state;

	other.bp = 0;
	other.error = true;
	return unwind_next_frame(&other) ? other.sp : 0;
}

static void begin_step(struct teacher *teacher, struct unwind_state *state,
		       unsigned long ip, const unsigned long *at)
{
	teacher->at = at;
	if (!at)
		return;
	teacher->ip = ip;
	teacher->known = kspan_step_find(ip);
	teacher->fixed = kspan_step_is_known(teacher->known) ? 0 : fixed_next(state);
}

/* System calls, unlike exceptions, do not come upon each other. */
static bool in_system_call(void)
{
	struct pt_regs *regs = task_pt_regs(current);

	return user_mode(regs) && (long)regs->orig_ax >= 0;
}

/* The step to @ip, which stands at @at; 0: none that could be learned. */
static u64 step_to(const struct teacher *teacher, struct unwind_state *state,
		   unsigned long ip, const unsigned long *at)
{
	bool known = kspan_step_is_known(teacher->known);

	if (!at || at <= teacher->at)
		return 0;
	if (known ? teacher->known <= KSPAN_STEP_WORDS : teacher->fixed == state->sp)
		return at - teacher->at;
	if (at != stack_base())
		return KSPAN_STEP_NEVER;
	return in_system_call() ? KSPAN_STEP_BASE | (ip & KSPAN_STEP_BASE_BITS) : 0;
}

/* The stack ends, with the registers of user space or a thread of the kernel's first function. */
static bool is_end(struct unwind_state *state)
{
	if (unwind_done(state))
		return !state->error;
	return state->regs == task_pt_regs(current) && user_mode(state->regs);
}

/* The unwinder has come from the teacher's frame to @ip; 0: to none. */
static void end_step(const struct teacher *teacher, struct unwind_state *state,
		     unsigned long ip, const unsigned long *at)
{
	u64 step = 0;

	static_assert(THREAD_SIZE / sizeof(long) <= KSPAN_STEP_WORDS);
	if (!teacher->at || teacher->known == KSPAN_STEP_NEVER)
		return;
	if (ip)
		step = step_to(teacher, state, ip, at);
	else if (teacher->at == stack_base() && is_end(state))
		step = KSPAN_STEP_LAST;
	if (step && step != teacher->known && kspan_text_stays(teacher->ip))
		kspan_step_learn(teacher->ip, step);
}

/*
 * The return addresses on the stack; how many. Teaches the steps from the one that stands at
 * @first outwards; none, if that is NULL.
 */
static noinline unsigned int walk(unsigned long *frames, unsigned int room,
				  const unsigned long *first)
{
	struct teacher teacher = {};
	struct unwind_state state;
	unsigned int n;

	unwind_start(&state, current, NULL, NULL);
	for (n = 0; ; n++) {
		unsigned long ip = unwind_get_return_address(&state);
		const unsigned long *at = ip && first ? place_of(&state, ip) : NULL;

		if (at < first)
			at = NULL;
		end_step(&teacher, &state, ip, at);
		if (!ip || n == room)
			return n;
		frames[n] = ip;
		begin_step(&teacher, &state, ip, at);
		unwind_next_frame(&state);
	}
}

void kspan_stack_forget(void)
{
	kspan_step_forget();
}

#else

static bool on_own_stack(const unsigned long *at)
{
	return false;
}

static bool walk_known(struct kspan_stack *stack, unsigned long ip, const unsigned long *at)
{
	return false;
}

static noinline unsigned int walk(unsigned long *frames, unsigned int room,
				  const unsigned long *first)
{
	return stack_trace_save(frames, room, 0);
}

void kspan_stack_forget(void)
{
}

#endif
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
static noinline void check(const struct kspan_stack *known, const unsigned long *at)
{
	struct kspan_stack stack;

	trim(&stack, walk(stack.frames, ARRAY_SIZE(stack.frames), at));
	WARN_ONCE(stack.nr_frames != known->nr_frames ||
		  memcmp(stack.frames, known->frames, stack.nr_frames * sizeof(stack.frames[0])),
		  "kspan: a stack was taken for another one");
}

noinline void kspan_stack_capture(struct kspan_stack *stack)
{
	const unsigned long *at = (unsigned long *)__builtin_frame_address(0) + 1;
	unsigned long ret = (unsigned long)__builtin_return_address(0);
	unsigned int n;

	/* In interrupts the stack goes on where another one was left, or may. */
	if (!in_task() || !on_own_stack(at) || READ_ONCE_NOCHECK(*at) != ret)
		at = NULL;
	if (at && walk_known(stack, ret, at)) {
		if (IS_ENABLED(CONFIG_PROVE_LOCKING))
			check(stack, at);
		return;
	}
	kspan_count(KSPAN_STACKS_WALKED);
	n = walk(stack->frames, ARRAY_SIZE(stack->frames), at);
	trim(stack, without_interrupted(stack->frames, n));
}
