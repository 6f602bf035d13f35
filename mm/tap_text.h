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
/* Those with @names, as far as they are there. Process context, may sleep. */
void kspan_text_find(struct kspan_text *texts, const char *const *names, unsigned int nr);

/* Which of them has @addr in it; -1: none. */
int kspan_text_of(const struct kspan_text *texts, unsigned int nr, unsigned long addr);

void kspan_stack_cut(struct kspan_stack *stack, unsigned int frames);
/* How many of the innermost frames come before that with the return address @caller; 0: none. */
unsigned int kspan_stack_before(const struct kspan_stack *stack, unsigned long caller);

#endif /* _KSPAN_TAP_TEXT_H */
