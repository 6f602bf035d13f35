/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What cannot be had otherwise in a guest: functions that only kspan itself calls, by their names,
 * and calls of the kernel's functions by the test's task that return what the test says, as on
 * another machine. By probes; where there are none, find_function() finds nothing.
 */
#ifndef _KSPAN_KUNIT_INSTEAD_H
#define _KSPAN_KUNIT_INSTEAD_H

#include <linux/kprobes.h>
#include <linux/sched.h>

#if defined(CONFIG_X86_64) && defined(CONFIG_KPROBES)
#include <asm/ibt.h>

/* is_endbr() takes the address since 6.15, and before what is there. */
static inline bool is_endbr_at(u32 *at)
{
#define KSPAN_TAKES_ADDRESS	__builtin_types_compatible_p(typeof(is_endbr), bool (u32 *))
	return is_endbr(__builtin_choose_expr(KSPAN_TAKES_ADDRESS, at, *at));
#undef KSPAN_TAKES_ADDRESS
}

/* "function", or "module:function", which nobody has inlined; or NULL. */
static inline void *find_function(const char *symbol)
{
	struct kprobe probe = { .symbol_name = symbol };
	void *addr;

	if (register_kprobe(&probe))
		return NULL;
	addr = probe.addr;
	unregister_kprobe(&probe);
	/* A function begins with what its probe is behind. */
	return is_endbr_at((u32 *)(addr - 4)) ? addr - 4 : addr;
}

/* The calls of one function: those after the first @skip return @value. */
static struct {
	struct task_struct *task;	/* whose, or NULL: nobody's */
	unsigned int skip, calls;
	unsigned long value;
	struct kprobe probe;
} instead;

static inline int instead_return(struct kprobe *probe, struct pt_regs *regs)
{
	if (current != READ_ONCE(instead.task) || instead.calls++ < instead.skip)
		return 0;
	regs->ax = instead.value;
	regs->ip = *(unsigned long *)regs->sp;
	regs->sp += sizeof(unsigned long);
	return 1;
}

/* Its presence says that the program counter changes: the probe must not be made a jump. */
static inline void instead_after(struct kprobe *probe, struct pt_regs *regs, unsigned long flags)
{
}

static inline bool instead_begin(const char *symbol, unsigned long value, unsigned int skip)
{
	instead.probe = (struct kprobe) {
		.symbol_name = symbol, .pre_handler = instead_return,
		.post_handler = instead_after,
	};
	if (register_kprobe(&instead.probe))
		return false;
	instead.skip = skip;
	instead.calls = 0;
	instead.value = value;
	WRITE_ONCE(instead.task, current);
	return true;
}

static inline void instead_end(void)
{
	if (!READ_ONCE(instead.task))
		return;
	WRITE_ONCE(instead.task, NULL);
	unregister_kprobe(&instead.probe);
}
#else
static inline void *find_function(const char *symbol)
{
	return NULL;
}

static inline bool instead_begin(const char *symbol, unsigned long value, unsigned int skip)
{
	return false;
}

static inline void instead_end(void)
{
}
#endif

#endif /* _KSPAN_KUNIT_INSTEAD_H */
