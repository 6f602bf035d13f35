// SPDX-License-Identifier: GPL-2.0
/*
 * Functions of the kernel's by address and length, which only the names of addresses tell:
 * "name+0xat/0xsize". Takes no lock.
 */
#include <linux/kallsyms.h>
#include <linux/kernel.h>
#include <linux/minmax.h>
#include <linux/string.h>

#include "base/compat.h"
#include "profile/profile.h"
#include "tap/text.h"

/* Handlers, probes, traps and an allocator are no deeper than this. */
#define LOOK_FRAMES	24U

struct kspan_text kspan_text_at(unsigned long addr)
{
	char name[KSYM_SYMBOL_LEN];
	unsigned int at, size;
	const char *plus;

	sprint_symbol(name, addr);
	plus = strrchr(name, '+');
	if (!plus || sscanf(plus, "+0x%x/0x%x", &at, &size) != 2)
		return (struct kspan_text) {};
	return (struct kspan_text) { addr - at, size };
}

bool kspan_text_has(const struct kspan_text *texts, unsigned int nr, unsigned long addr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		if (addr - texts[i].start < texts[i].size)
			return true;
	return false;
}

unsigned int kspan_stack_until(const struct kspan_stack *stack, unsigned long caller)
{
	unsigned int i;

	for (i = 0; i < min(stack->nr_frames, LOOK_FRAMES); i++)
		if (stack->frames[i] == caller - 1)
			return i;
	return stack->nr_frames;
}

unsigned int kspan_stack_skip(const struct kspan_stack *stack, const struct kspan_text *texts,
			      unsigned int nr, unsigned int from, unsigned int helpers)
{
	unsigned int i;

	for (i = from; i < stack->nr_frames && i <= from + helpers; i++)
		if (kspan_text_has(texts, nr, stack->frames[i]))
			from = i + 1;
	return from;
}

void kspan_stack_cut(struct kspan_stack *stack, unsigned int frames)
{
	stack->nr_frames -= frames;
	memmove(stack->frames, stack->frames + frames,
		stack->nr_frames * sizeof(stack->frames[0]));
}
