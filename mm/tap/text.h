/* SPDX-License-Identifier: GPL-2.0 */
/* Functions of the kernel's that a tap knows by address: those that a stack is cut at. */
#ifndef _KSPAN_TAP_TEXT_H
#define _KSPAN_TAP_TEXT_H

#include <linux/types.h>

struct kspan_stack;

struct kspan_text {
	unsigned long start;
	unsigned long size;	/* bytes; 0: not known */
};

/* The function that @addr is in. Process context. */
struct kspan_text kspan_text_at(unsigned long addr);

/* Is @addr in one of them? Any context, as below. */
bool kspan_text_has(const struct kspan_text *texts, unsigned int nr, unsigned long addr);

/* How many frames come before that with the return address @caller; all: it is not there. */
unsigned int kspan_stack_until(const struct kspan_stack *stack, unsigned long caller);

/*
 * How many frames there are up to the last that is in @texts: those before @from, and as many more,
 * where up to @helpers that are in none may come before each.
 */
unsigned int kspan_stack_skip(const struct kspan_stack *stack, const struct kspan_text *texts,
			      unsigned int nr, unsigned int from, unsigned int helpers);

/* Takes the innermost @frames off. */
void kspan_stack_cut(struct kspan_stack *stack, unsigned int frames);

#endif /* _KSPAN_TAP_TEXT_H */
