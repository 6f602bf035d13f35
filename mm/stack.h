/* SPDX-License-Identifier: GPL-2.0 */
/* Call stacks: captured by the kernel's unwinder, or recognised as one captured before. */
#ifndef _KSPAN_STACK_H
#define _KSPAN_STACK_H

#include <linux/types.h>

/* The deepest stack that is kept, in frames. */
#define KSPAN_MAX_FRAMES	64

/* Frames of kspan's own at the top of a stack, before its caller, are fewer than this. */
#define KSPAN_OWN_FRAMES	8

/*
 * Where a stack was captured, and so where one that is the same would be found: how deep the
 * task's stack was, in words, and what called kspan. A depth of 0 stands for a stack that cannot
 * be recognised.
 */
struct kspan_place {
	unsigned long caller;
	u32 depth;
};

/* A stack as it was captured: return addresses less one, the innermost frame first. */
struct kspan_stack {
	struct kspan_place place;
	unsigned int nr_frames;		/* at most KSPAN_MAX_FRAMES; the rest is scratch */
	unsigned long frames[KSPAN_MAX_FRAMES + KSPAN_OWN_FRAMES];
	u16 where[KSPAN_MAX_FRAMES + KSPAN_OWN_FRAMES];	/* words from the end of the stack */
};

static inline bool kspan_place_equal(struct kspan_place a, struct kspan_place b)
{
	return a.caller == b.caller && a.depth == b.depth;
}

/* Any context but NMI; no lock held. */
struct kspan_place kspan_stack_place(unsigned long caller);
void kspan_stack_capture(struct kspan_stack *stack, struct kspan_place place);
bool kspan_stack_is(const unsigned long *frames, const u16 *where, unsigned int nr);

#endif /* _KSPAN_STACK_H */
