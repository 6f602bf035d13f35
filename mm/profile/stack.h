/* SPDX-License-Identifier: GPL-2.0 */
/* Call stacks, captured by the kernel's unwinder or from what it has taught. */
#ifndef _KSPAN_STACK_H
#define _KSPAN_STACK_H

#include "base/lock.h"

/*
 * The deepest stack that is kept whole, in frames. A deeper one loses its outermost frames, and has
 * kspan_stack_truncated() for its root.
 */
#define KSPAN_MAX_FRAMES	64

/* Frames of kspan's own at the top of a stack, before its caller, are fewer than this. */
#define KSPAN_OWN_FRAMES	8

/* A stack as it was captured: return addresses less one, the innermost frame first. */
struct kspan_stack {
	unsigned int nr_frames;		/* at most KSPAN_MAX_FRAMES; the rest is scratch */
	unsigned long frames[KSPAN_MAX_FRAMES + KSPAN_OWN_FRAMES];
};

/* The stack of kspan's caller. Any context but NMI; no lock held. */
void kspan_stack_capture(struct kspan_stack *stack) kspan_no_lock;

/*
 * The stack is deeper than the @most frames of it that are kept: its root says so, instead of the
 * outermost of them. Any context.
 */
void kspan_stack_truncated(struct kspan_stack *stack, unsigned int most);

/* Text has gone, or has come where other text may have been. Any context. */
void kspan_stack_forget(void);

#endif /* _KSPAN_STACK_H */
