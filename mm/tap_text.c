// SPDX-License-Identifier: GPL-2.0
/*
 * Functions of the kernel's by address and length. The length, and where a function begins, tell
 * only the names of addresses: "name+0xat/0xsize". The address of a function that is not exported
 * tells a kprobe that is never armed.
 *
 * Finding functions is for process context; asking for one takes no lock.
 */
#include <linux/kallsyms.h>
#include <linux/kernel.h>
#include <linux/kprobes.h>
#include <linux/minmax.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "compat.h"
#include "stack.h"
#include "tap_text.h"

/* Hooks, traps and an allocator are no deeper than this. */
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

#ifdef CONFIG_KPROBES

/* Of a kernel that was compiled otherwise a function may have no name, and then it is not found. */
void kspan_text_find(struct kspan_text *texts, const char *const *names, unsigned int nr)
{
	struct kprobe *probes = kcalloc(nr, sizeof(*probes), GFP_KERNEL);
	struct kprobe **in = kcalloc(nr, sizeof(*in), GFP_KERNEL);
	unsigned int i, nr_in = 0;

	for (i = 0; i < nr; i++)
		texts[i] = (struct kspan_text) {};
	for (i = 0; probes && in && i < nr; i++) {
		probes[i].symbol_name = names[i];
		probes[i].flags = KPROBE_FLAG_DISABLED;
		if (register_kprobe(&probes[i]))
			continue;
		in[nr_in++] = &probes[i];
		texts[i] = kspan_text_at((unsigned long)probes[i].addr);
	}
	if (nr_in)
		unregister_kprobes(in, nr_in);
	kfree(probes);
	kfree(in);
}

#else

void kspan_text_find(struct kspan_text *texts, const char *const *names, unsigned int nr)
{
}

#endif

int kspan_text_of(const struct kspan_text *texts, unsigned int nr, unsigned long addr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		if (addr - texts[i].start < texts[i].size)
			return i;
	return -1;
}

unsigned int kspan_stack_before(const struct kspan_stack *stack, unsigned long caller)
{
	unsigned int i;

	for (i = 0; i < min(stack->nr_frames, LOOK_FRAMES); i++)
		if (stack->frames[i] == caller - 1)
			return i;
	return 0;
}

/* Takes the innermost @frames off. */
void kspan_stack_cut(struct kspan_stack *stack, unsigned int frames)
{
	stack->nr_frames -= frames;
	memmove(stack->frames, stack->frames + frames,
		stack->nr_frames * sizeof(stack->frames[0]));
}
