// SPDX-License-Identifier: GPL-2.0
/*
 * Call stacks. Walking one with the kernel's unwinder takes 600 to 900 instructions a frame, which
 * would be most of what a sample costs. With ORC, how far it is from a function's return address
 * to that of its caller is said for the instruction that the function is at, so a walk teaches
 * steps: from this return address it is so many words to the next. A stack all of whose steps
 * are known is walked with them, in some 25 instructions a frame; else the unwinder walks it,
 * and its steps are learned.
 *
 * Learned are steps between plain frames on a task's own stack, which stand where the unwinder
 * says, and the step out of the kernel. Not learned are steps across an exception, whose length
 * the interrupted code decides, and what has been put in place of a return address (kretprobes,
 * the function graph tracer). In interrupts, and with another unwinder, all stacks are walked.
 *
 * Some functions have steps of more than one length. A system call is given a random part of its
 * stack; but the function that does so is called right below the registers of user space, whose
 * place is known, so that the step is to there. Those that align their stack keep a frame pointer,
 * which is seen in the course of a walk; their stacks are left to the unwinder, and those of
 * any other function that has shown two lengths. With KASAN that is many of them, else few.
 * Text that goes and comes (modules) makes all be forgotten.
 *
 * Steps are single words that are read and written whole: no lock.
 */
#include <linux/hash.h>
#include <linux/module.h>
#include <linux/preempt.h>
#include <linux/sched/task_stack.h>
#include <linux/stacktrace.h>
#include <linux/string.h>

#ifdef CONFIG_UNWINDER_ORC
#include <asm/syscall.h>
#include <asm/unwind.h>
#endif

#include "compat.h"
#include "stack.h"
#include "stats.h"

#ifdef CONFIG_UNWINDER_ORC

#define STEP_BITS	12		/* of the table: 32 KiB */
#define STEP_IP_BITS	48		/* of an address, which in the kernel begins with ones */
#define STEP_OUT	BIT(15)		/* to the registers of user space, at the stack's end */
#define STEP_END	0		/* there is no next frame */
#define STEP_ENTRY	0x7ffe		/* to the word below the registers of user space */
#define STEP_MIXED	0x7fff		/* of several lengths: not to be taken */
#define STEP_MAX	0xffffULL

/* (return address << 16) | words to the next one, with STEP_OUT perhaps; 0: none. */
static u64 steps[1 << STEP_BITS];

/* Words from where the stack pointer is in kspan_stack_capture() to its return address. */
static u32 first_step;

/* Where the step from @ip is kept: here, or beside it. */
static u64 *step_of(unsigned long ip)
{
	return &steps[hash_64(ip, STEP_BITS)];
}

static u64 *beside(u64 *step)
{
	return &steps[(step - steps) ^ 1];
}

/* The step from @ip, or a larger number if it is not known. */
static __always_inline u64 find_step(unsigned long ip)
{
	u64 tag = (u64)ip << (64 - STEP_IP_BITS), *at = step_of(ip), step = READ_ONCE(*at) ^ tag;

	return likely(step <= STEP_MAX) ? step : READ_ONCE(*beside(at)) ^ tag;
}

static void learn_step(unsigned long ip, u32 words)
{
	u64 *at = step_of(ip), known = find_step(ip);

	/* What enters the kernel does so in one place, whatever an odd system call looked like. */
	if (known == words || known == STEP_ENTRY || (known == STEP_MIXED && words != STEP_ENTRY))
		return;
	if (known <= STEP_MAX && words != STEP_ENTRY)
		words = STEP_MIXED;
	/* Of three for the same two places, one is learned again and again. */
	if (READ_ONCE(*at))
		at = beside(at);
	WRITE_ONCE(*at, (u64)ip << (64 - STEP_IP_BITS) | words);
}

static const unsigned long *stack_end(void)
{
	return task_stack_page(current) + THREAD_SIZE;
}

/* Words from @addr to the end of the task's stack; 0 if it is not on that stack. */
static u32 words_from(unsigned long addr)
{
	unsigned long bytes = (unsigned long)stack_end() - addr;

	static_assert(THREAD_SIZE / sizeof(long) < STEP_ENTRY);
	return bytes <= THREAD_SIZE ? bytes / sizeof(long) : 0;
}

/* In the registers that user space was left with. */
static const unsigned long *user_ip(void)
{
	return &task_pt_regs(current)->ip;
}

/* Where the return address to the code that entered the kernel is, if it called a function. */
static const unsigned long *entry_word(void)
{
	return (const unsigned long *)task_pt_regs(current) - 1;
}

/*
 * Is this a system call? In an exception the same function may have been called from the kernel
 * as well, and then its caller is elsewhere.
 */
static bool in_syscall(void)
{
	struct pt_regs *regs = task_pt_regs(current);

	return user_mode(regs) && syscall_get_nr(current, regs) != -1;
}

/* A function's frame: from the stack pointer that it returns to up to that of its caller. */
struct frame {
	unsigned long sp, bp;
};

/*
 * Does the function keep a frame pointer? Then it is two words below the end of its frame; or, of
 * one that reaches its arguments by another pointer, among what it has saved is where they are.
 */
static bool has_frame_pointer(const struct frame *frame, unsigned long end)
{
	unsigned long at;

	if (frame->bp < frame->sp || frame->bp >= end || frame->bp % sizeof(long))
		return false;
	if (frame->bp == end - 2 * sizeof(long))
		return true;
	/* Five registers at most are saved before that pointer. */
	for (at = frame->bp - sizeof(long); at >= frame->sp && at >= frame->bp - 6 * sizeof(long);
	     at -= sizeof(long))
		if (READ_ONCE_NOCHECK(*(unsigned long *)at) == end)
			return true;
	return false;
}

/* What there is to learn of a step out of @frame to @where words from the stack's end. */
static u32 kind_of_step(const struct frame *frame, u32 words, u32 where)
{
	if (where == words_from((unsigned long)entry_word()) && in_syscall())
		return STEP_ENTRY;
	if (has_frame_pointer(frame, (unsigned long)(stack_end() - where + 1)))
		return STEP_MIXED;
	return words;
}

/*
 * Captures the stack by known steps, from the return address @ip of kspan's, @where words from
 * the stack's end; false if one is not known.
 */
static bool walk_known(struct kspan_stack *stack, unsigned long ip, u32 where)
{
	const unsigned long *end = stack_end(), *at = end - where;
	unsigned int n = 0;
	u64 step;

	/* kspan_stack_capture() may have aligned its stack as well. */
	if (READ_ONCE_NOCHECK(*at) != ip)
		return false;
	for (; n < KSPAN_MAX_FRAMES; ip = READ_ONCE_NOCHECK(*at)) {
		if (n || !kspan_is_own_text(ip))
			stack->frames[n++] = ip - 1;
		step = find_step(ip);
		if (unlikely(step > STEP_MAX))
			return false;
		if (step == STEP_MIXED)
			return false;
		if (step == STEP_END) {
			/* Zeros, which are no address, look like this where nothing is known. */
			if (!((u64)ip << (64 - STEP_IP_BITS)))
				return false;
			break;
		}
		if (step == STEP_ENTRY) {
			if (at >= entry_word())
				return false;
			at = entry_word();
			continue;
		}
		at += step & ~STEP_OUT;
		if (step & STEP_OUT) {
			/* From an exception the step is the same if it came from elsewhere. */
			if (at != user_ip())
				return false;
			break;
		}
		if (at >= end)
			return false;
	}
	stack->nr_frames = n;
	return true;
}

/*
 * With the unwinder, and learns the steps from the frame of @ret outwards, if @sp, the depth of
 * kspan_stack_capture(), says that this is a task's own stack.
 */
static noinline unsigned int walk(unsigned long *frames, unsigned int room, unsigned long ret,
				  u32 sp)
{
	struct unwind_state state;
	struct frame frame = {};
	unsigned int n = 0;
	u32 from = 0, where;

	for (unwind_start(&state, current, NULL, NULL); !unwind_done(&state) && n < room;
	     unwind_next_frame(&state)) {
		unsigned long addr = unwind_get_return_address(&state);

		where = sp ? words_from(state.sp - sizeof(long)) : 0;
		if (!addr) {
			if (from && state.regs && user_mode(state.regs) &&
			    state.regs == task_pt_regs(current))
				learn_step(frames[n - 1],
					   (from - (stack_end() - user_ip())) | STEP_OUT);
			break;
		}
		frames[n++] = addr;
		/* Not a plain frame, not on this stack or replaced: no step begins or ends here. */
		if (state.regs || state.error || !where ||
		    READ_ONCE_NOCHECK(((unsigned long *)state.sp)[-1]) != addr) {
			from = 0;
			continue;
		}
		if (from > where)
			learn_step(frames[n - 2], kind_of_step(&frame, from - where, where));
		else if (!from && addr == ret && where < sp)
			WRITE_ONCE(first_step, sp - where);
		else
			where = 0;
		from = where;
		frame.sp = state.sp;
		frame.bp = state.bp;
	}
	if (from && n < room && unwind_done(&state) && !state.error)
		learn_step(frames[n - 1], STEP_END);
	return n;
}

/* In interrupts the stack goes on where another one was left, or may. */
#define depth_here()	(in_task() ? words_from(current_stack_pointer) : 0)

void kspan_stack_forget(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(steps); i++)
		WRITE_ONCE(steps[i], 0);
}

#else

static bool walk_known(struct kspan_stack *stack, unsigned long ip, u32 where)
{
	return false;
}

static noinline unsigned int walk(unsigned long *frames, unsigned int room, unsigned long ret,
				  u32 sp)
{
	return stack_trace_save(frames, room, 0);
}

static u32 first_step;
#define depth_here()	0

void kspan_stack_forget(void)
{
}

#endif
EXPORT_SYMBOL_FOR_TESTS(kspan_stack_forget);

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
}

/* Test kernels walk each stack both ways: the two must agree. */
static noinline void check(const struct kspan_stack *known, unsigned long ret, u32 sp)
{
	struct kspan_stack stack;

	trim(&stack, walk(stack.frames, ARRAY_SIZE(stack.frames), ret, sp));
	WARN_ONCE(stack.nr_frames != known->nr_frames ||
		  memcmp(stack.frames, known->frames, stack.nr_frames * sizeof(stack.frames[0])),
		  "kspan: a stack was taken for another one");
}

noinline void kspan_stack_capture(struct kspan_stack *stack)
{
	unsigned long ret = (unsigned long)__builtin_return_address(0);
	u32 sp = depth_here(), first = READ_ONCE(first_step);
	unsigned int n;

	if (sp && first && first < sp && walk_known(stack, ret, sp - first)) {
		if (IS_ENABLED(CONFIG_PROVE_LOCKING))
			check(stack, ret, sp);
		return;
	}
	kspan_count(KSPAN_STACKS_WALKED);
	n = walk(stack->frames, ARRAY_SIZE(stack->frames), ret, sp);
	/* What an interrupt came upon by chance is not what made it allocate. */
	trim(stack, filter_irq_stacks(stack->frames, n));
}
