// SPDX-License-Identifier: GPL-2.0
/*
 * Stacks by the kernel's unwinder, which teaches steps as it goes: what it finds from one return
 * address to the next, and what ORC says of that.
 *
 * Not learned is what ORC finds in other ways than step.h has; what an exception interrupted; what
 * has been put in place of a return address (kretprobes, the function graph tracer), and generated
 * code. Any context but NMI, no lock.
 */
#include <linux/module.h>
#include <linux/sched/task_stack.h>
#include <linux/stacktrace.h>

#include "base/compat.h"
#include "profile/stack.h"
#include "profile/step.h"
#include "profile/text.h"

#if KSPAN_HAS_STEPS

#include <asm/unwind.h>

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

	if (state->regs || state->error || !kspan_on_own_stack(at) || READ_ONCE_NOCHECK(*at) != ip)
		return NULL;
	return at;
}

/* A stack of which each word says where it is. The same for all, and never changed. */
static unsigned long mirror[KSPAN_STEP_WORDS + 1] kspan_marked;

/* The one to which the frame pointer is said to point: words below can be told from each other. */
#define BP	(KSPAN_STEP_BELOW + 1)

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
	unsigned long words, saved, below;

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
	other.bp = (unsigned long)&mirror[BP];
	other.error = true;
	/* As a function begins that has a frame pointer, and no other way. */
	if (!unwind_next_frame(&other) || other.regs || other.bp != mirrored(BP))
		return 0;
	if (other.sp == (unsigned long)&mirror[BP + 2] && other.ip == mirrored(BP + 1))
		return KSPAN_STEP_BP;
	/* Or the stack was where a word says that is below, and which has said where that is. */
	below = (mirrored(BP) - other.sp) / sizeof(long);
	return below - 1 < KSPAN_STEP_BELOW && other.sp == mirrored(BP - below) ?
	       KSPAN_STEP_BP | below : 0;
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

bool kspan_step_leads(u64 step, const unsigned long *from, const unsigned long *bp,
		      const unsigned long *to)
{
	if ((step & ~KSPAN_STEP_BELOW) == KSPAN_STEP_BP)
		return kspan_on_own_stack(bp) && bp - (step & KSPAN_STEP_BELOW) > from &&
		       to == kspan_step_by_bp(step, bp);
	return step - 1 < KSPAN_STEP_PLAIN && to == from + (step & KSPAN_STEP_WORDS);
}
EXPORT_SYMBOL_FOR_TESTS(kspan_step_leads);

/*
 * The unwinder has come from the teacher's frame to @ip; 0: to none. Behind the base of the stack,
 * where the registers of user space are, there is none, whatever it thinks of that.
 */
static void end_step(const struct teacher *teacher, unsigned long ip, const unsigned long *at)
{
	u64 step = 0;

	if (!teacher->at || teacher->known == KSPAN_STEP_NEVER)
		return;
	if (at)
		step = kspan_step_leads(teacher->step, teacher->at, teacher->bp, at) ?
		       teacher->step : KSPAN_STEP_NEVER;
	else if (!ip && teacher->at == kspan_stack_base())
		step = KSPAN_STEP_LAST;
	if (step && step != teacher->known && kspan_text_stays(teacher->ip))
		kspan_step_learn(teacher->ip, step);
}

noinline unsigned int kspan_stack_unwind(unsigned long *frames, unsigned int room,
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
		end_step(&teacher, ip, at);
		if (!ip || n == room)
			return n;
		frames[n] = ip;
		begin_step(&teacher, &state, ip, at);
		unwind_next_frame(&state);
	}
}

#else

noinline unsigned int kspan_stack_unwind(unsigned long *frames, unsigned int room,
					 const unsigned long *first)
{
	return stack_trace_save(frames, room, 0);
}

#endif
