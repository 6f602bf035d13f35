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
 * address a step leads to another one: by so many words, where ORC has it relative to the stack
 * pointer, the same each time; or by the frame pointer, in functions that move their stack by what
 * they work out themselves (alloca, realigned stacks; one of them is in every system call, where
 * RANDOMIZE_KSTACK_OFFSET puts a gap on the stack). What that is there is known too, since ORC
 * says where a function has saved its caller's. So every word that becomes a frame is a return
 * address, and not something that looks like one.
 *
 * Not learned is what ORC finds in other ways; what an exception interrupted; what has been put in
 * place of a return address (kretprobes, the function graph tracer), and generated code. In
 * interrupts, and with another unwinder, all stacks are walked. Text that goes and comes
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
 * @at above the frame pointer of its caller; false if one is not known.
 */
static bool walk_known(struct kspan_stack *stack, unsigned long ip, const unsigned long *at)
{
	const unsigned long *base = stack_base(), *bp = (unsigned long *)READ_ONCE_NOCHECK(at[-1]);
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
		if (step != KSPAN_STEP_BP || bp <= at || bp >= base ||
		    !IS_ALIGNED((unsigned long)bp, sizeof(*bp)))
			return false;
		at = bp + 1;
		bp = (unsigned long *)READ_ONCE_NOCHECK(*bp);
	}
	kspan_stack_truncated(stack, KSPAN_MAX_FRAMES);
	return true;
}

/* ------------------------------------------------------------------ by the unwinder */

/* A frame that a step may begin at, until it is known where that leads. */
struct teacher {
	unsigned long ip;		/* its return address */
	const unsigned long *at;	/* where that stands; NULL: no step begins here */
	const unsigned long *bp;	/* the frame pointer there */
	u64 known;			/* the step from there, if it has been learned */
	u64 step;			/* or what ORC says; 0: none of the steps there are */
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

/* A stack of which each word says where it is. The same for all, and never changed. */
static unsigned long mirror[KSPAN_STEP_WORDS + 1];

/* What stands in a word of it, and is no address of a word. */
static unsigned long mirrored(unsigned long i)
{
	return (unsigned long)&mirror[i] + 1;
}

static void fill_mirror(void)
{
	unsigned int i;

	/* Pairs with the release below. Whoever else does it at the same time writes the same. */
	if (smp_load_acquire(&mirror[0]))
		return;
	for (i = 1; i < ARRAY_SIZE(mirror); i++)
		WRITE_ONCE(mirror[i], mirrored(i));
	/* Pairs with the acquire above: the others are there. */
	smp_store_release(&mirror[0], mirrored(0));
}

/*
 * What ORC says of the step from where the unwinder is. Modules cannot look into its tables, which
 * are exported on no kernel, but can have the unwinder go on, for one frame, on another stack,
 * the words of which say where it has looked: for the return address and for the frame pointer,
 * relative to where the stack pointer was, or to where the frame pointer was. Zero as a frame
 * pointer lies on no stack. With an error noted, the unwinder keeps to itself what it thinks.
 */
static u64 ask_orc(struct unwind_state *state)
{
	struct unwind_state other = *state;
	unsigned long words, saved;

	fill_mirror();
	other.stack_info.begin = mirror;
	other.stack_info.end = mirror + ARRAY_SIZE(mirror);
	other.sp = (unsigned long)mirror;
	other.bp = 0;
	other.error = true;
	if (unwind_next_frame(&other)) {
		words = (unsigned long *)other.sp - mirror;
		if (other.regs || other.ip != mirrored(words - 1))
			return 0;
		if (!other.bp)
			return words;
		saved = (mirrored(words - 1) - other.bp) / sizeof(long);
		if (!saved || saved >= KSPAN_STEP_SAVED_BELOW || saved >= words)
			return 0;
		return (KSPAN_STEP_SAVED_BELOW - saved) << KSPAN_STEP_SAVED_SHIFT | words;
	}

	other = *state;
	other.stack_info.begin = mirror;
	other.stack_info.end = mirror + ARRAY_SIZE(mirror);
	other.sp = (unsigned long)mirror;
	other.bp = (unsigned long)&mirror[1];
	other.error = true;
	/* As a function begins that has a frame pointer, and no other way. */
	return unwind_next_frame(&other) && !other.regs && other.sp == (unsigned long)&mirror[3] &&
	       other.ip == mirrored(2) && other.bp == mirrored(1) ?
	       KSPAN_STEP_BP : 0;
}

static void begin_step(struct teacher *teacher, struct unwind_state *state, unsigned long ip,
		       const unsigned long *at)
{
	teacher->at = at;
	if (!at)
		return;
	teacher->ip = ip;
	teacher->bp = (unsigned long *)state->bp;
	teacher->known = kspan_step_find(ip);
	teacher->step = kspan_step_is_known(teacher->known) ? teacher->known : ask_orc(state);
}

/* The step to what stands at @at, which is the unwinder's next. */
static u64 step_to(const struct teacher *teacher, const unsigned long *at)
{
	u64 step = teacher->step;

	if (step == KSPAN_STEP_BP ? at == teacher->bp + 1 : step - 1 < KSPAN_STEP_PLAIN &&
	    at == teacher->at + (step & KSPAN_STEP_WORDS))
		return step;
	return KSPAN_STEP_NEVER;
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

	if (!teacher->at || teacher->known == KSPAN_STEP_NEVER)
		return;
	if (at)
		step = step_to(teacher, at);
	else if (!ip && teacher->at == stack_base() && is_end(state))
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

noinline void kspan_stack_capture(struct kspan_profile *profile, struct kspan_stack *stack)
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
	kspan_profile_count(profile, KSPAN_STACKS_WALKED);
	n = walk(stack->frames, ARRAY_SIZE(stack->frames), at);
	trim(stack, without_interrupted(stack->frames, n));
}
