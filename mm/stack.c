// SPDX-License-Identifier: GPL-2.0
/*
 * Call stacks. Walking one with the kernel's unwinder takes some 600 instructions a frame, most
 * of what a sample costs. But most samples are taken at stacks that have been seen before, and
 * to recognise one is much cheaper: where ORC says how far it is from a function's frame to that
 * of its caller, the distance belongs to the instruction, not to the call. So when each return
 * address of a stack that was walked stands again in its place, as many words from the end of
 * the task's stack as then, walking would find the same addresses in the same places.
 *
 * That is true of plain frames on a task's own stack, and only such stacks are recognised: those
 * of interrupts, those with an exception frame on the way, and those on which a return address
 * is replaced (kretprobes, the function graph tracer) are walked each time. So are all where the
 * unwinder is another one.
 *
 * Takes no lock.
 */
#include <linux/module.h>
#include <linux/preempt.h>
#include <linux/sched/task_stack.h>
#include <linux/stacktrace.h>

#ifdef CONFIG_UNWINDER_ORC
#include <asm/unwind.h>
#endif

#include "compat.h"
#include "stack.h"

/* The end of the task's stack, behind its last word. */
static const unsigned long *stack_end(void)
{
	return task_stack_page(current) + THREAD_SIZE;
}

static unsigned long word_at(long where)
{
	/* KASAN has its own idea of what on a stack may be read. */
	return READ_ONCE_NOCHECK(stack_end()[-where]);
}

#ifdef CONFIG_UNWINDER_ORC

/* Words from the end of the task's stack to @addr; 0 if it is not on that stack. */
static u32 words_to(unsigned long addr)
{
	unsigned long bytes = (unsigned long)stack_end() - addr;

	static_assert(THREAD_SIZE / sizeof(long) <= U16_MAX);
	return bytes <= THREAD_SIZE ? bytes / sizeof(long) : 0;
}

/* In interrupts the stack goes on where another one was left, or may. */
static __always_inline u32 depth_here(void)
{
	return in_task() ? words_to(current_stack_pointer) : 0;
}

/* Walks this stack; how many frames. Puts an end to @place where it cannot be recognised. */
static unsigned int walk(struct kspan_stack *stack)
{
	struct unwind_state state;
	unsigned int n = 0;

	for (unwind_start(&state, current, NULL, NULL);
	     !unwind_done(&state) && n < ARRAY_SIZE(stack->frames); unwind_next_frame(&state)) {
		unsigned long addr = unwind_get_return_address(&state);
		u32 where = words_to(state.sp - sizeof(long));

		if (!addr)
			break;
		/* The first is this function, whose address stands nowhere. */
		if (n && (state.regs || !where || word_at(where) != addr))
			stack->place.depth = 0;
		stack->frames[n] = addr;
		stack->where[n++] = where;
	}
	return n;
}

#else

static u32 depth_here(void)
{
	return 0;
}

static unsigned int walk(struct kspan_stack *stack)
{
	return stack_trace_save(stack->frames, ARRAY_SIZE(stack->frames), 0);
}

#endif

/* The place of a call of kspan from @caller, as seen in the caller's caller's frame. */
noinline struct kspan_place kspan_stack_place(unsigned long caller)
{
	return (struct kspan_place) { .caller = caller, .depth = depth_here() };
}

/*
 * Captures the stack of kspan's caller, at @place: kspan's own frames, however many the entry
 * point and the compiler made of them, are cut off by address. Addresses are return addresses
 * less one, so that they lie in the call and not behind it.
 */
void kspan_stack_capture(struct kspan_stack *stack, struct kspan_place place)
{
	unsigned long *frames = stack->frames;
	unsigned int n, skip = 0, i;

	stack->place = place;
	n = walk(stack);
	while (skip < n && within_module_core(frames[skip] - 1, THIS_MODULE))
		skip++;
	stack->nr_frames = min_t(unsigned int, n - skip, KSPAN_MAX_FRAMES);
	for (i = 0; i < stack->nr_frames; i++) {
		frames[i] = frames[skip + i] - 1;
		stack->where[i] = stack->where[skip + i];
	}
}

/*
 * Is this stack the one of @nr @frames that was captured with its return addresses at @where?
 * The caller has seen that both have the same place, which is not of depth 0.
 */
bool kspan_stack_is(const unsigned long *frames, const u16 *where, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		if (word_at(where[i]) != frames[i] + 1)
			return false;
	return true;
}
