/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the test's task prints, kept from the log, where a report would be taken for a real one: a
 * probe on vprintk() has the text, and returns to its caller. Another has all of it printed, where
 * reports are limited to some in a time. A suite that uses this ends it in its exit function.
 * Where there are no such probes nothing is kept, and the test is skipped.
 */
#ifndef _KSPAN_KUNIT_PRINTED_H
#define _KSPAN_KUNIT_PRINTED_H

#include <kunit/test.h>
#include <linux/kprobes.h>
#include <linux/printk.h>
#include <linux/sched.h>
#include <linux/stdarg.h>
#include <linux/string.h>

static struct {
	struct task_struct *task;	/* whose, or NULL: nobody's */
	size_t len;
	char text[8192];		/* each message with its level: "<4>words\n" */
} printed __maybe_unused;

#if defined(CONFIG_X86_64) && defined(CONFIG_KPROBES) && defined(CONFIG_PRINTK)
/* The function that is probed returns @value to its caller, and does nothing. */
static inline int printed_return(struct pt_regs *regs, unsigned long value)
{
	regs->ax = value;
	regs->ip = *(unsigned long *)regs->sp;
	regs->sp += sizeof(unsigned long);
	return 1;
}

static inline int printed_keep(struct kprobe *probe, struct pt_regs *regs)
{
	const char *fmt = (const char *)regs->di;
	char level = printk_get_level(fmt);
	va_list args;

	if (current != READ_ONCE(printed.task))
		return 0;
	memcpy(args, (const void *)regs->si, sizeof(args));
	if (level)
		printed.len += scnprintf(printed.text + printed.len,
					 sizeof(printed.text) - printed.len, "<%c>", level);
	printed.len += vscnprintf(printed.text + printed.len, sizeof(printed.text) - printed.len,
				  printk_skip_level(fmt), args);
	return printed_return(regs, 0);
}

static inline int printed_let(struct kprobe *probe, struct pt_regs *regs)
{
	return current == READ_ONCE(printed.task) ? printed_return(regs, 1) : 0;
}

/* Its presence says that the program counter changes: the probe must not be made a jump. */
static inline void printed_after(struct kprobe *probe, struct pt_regs *regs, unsigned long flags)
{
}

static const struct kprobe printed_what[] = {
	{ .symbol_name = "vprintk", .pre_handler = printed_keep, .post_handler = printed_after },
	{ .symbol_name = "___ratelimit", .pre_handler = printed_let,
	  .post_handler = printed_after },
};

static struct kprobe printed_probes[ARRAY_SIZE(printed_what)];

static inline void printed_exit(void)
{
	int i;

	WRITE_ONCE(printed.task, NULL);
	for (i = 0; i < ARRAY_SIZE(printed_probes); i++)
		if (printed_probes[i].addr)
			unregister_kprobe(&printed_probes[i]);
	memset(printed_probes, 0, sizeof(printed_probes));
}

/* From here on, until printed_text(). */
static inline void printed_begin(struct kunit *test)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(printed_probes); i++) {
		if (printed_probes[i].addr)
			continue;
		printed_probes[i] = printed_what[i];
		if (register_kprobe(&printed_probes[i])) {
			printed_probes[i].addr = NULL;
			kunit_skip(test, "cannot be probed");
		}
	}
	printed.len = 0;
	printed.text[0] = '\0';
	WRITE_ONCE(printed.task, current);
}
#else
static inline void printed_begin(struct kunit *test)
{
	kunit_skip(test, "cannot be probed");
}

static inline void printed_exit(void)
{
}
#endif

static inline const char *printed_text(void)
{
	WRITE_ONCE(printed.task, NULL);
	return printed.text;
}

/* The text has those words, which begin a line if they begin with its level. */
static inline void expect_printed(struct kunit *test, const char *words)
{
	const char *text = printed_text();

	if (!strstr(text, words))
		KUNIT_FAIL(test, "\"%s\" is not in \"%.600s\"", words, text);
}

#endif /* _KSPAN_KUNIT_PRINTED_H */
