/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the test's task prints, kept from the log, where a report would be taken for a real one: a
 * probe on vprintk() has the text, and returns to its caller. A suite that uses it ends it in its
 * exit function. Where there is no such probe nothing is kept, and the test is skipped.
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
	/* As if it had returned. */
	regs->ax = 0;
	regs->ip = *(unsigned long *)regs->sp;
	regs->sp += sizeof(unsigned long);
	return 1;
}

/* Its presence says that the program counter changes: the probe must not be made a jump. */
static inline void printed_after(struct kprobe *probe, struct pt_regs *regs, unsigned long flags)
{
}

static struct kprobe printed_probe = {
	.symbol_name = "vprintk", .pre_handler = printed_keep, .post_handler = printed_after,
};

/* From here on, until printed_text(). */
static inline void printed_begin(struct kunit *test)
{
	if (!printed_probe.addr && register_kprobe(&printed_probe)) {
		printed_probe.addr = NULL;
		kunit_skip(test, "cannot be probed");
	}
	printed.len = 0;
	printed.text[0] = '\0';
	WRITE_ONCE(printed.task, current);
}

static inline void printed_exit(void)
{
	WRITE_ONCE(printed.task, NULL);
	if (printed_probe.addr)
		unregister_kprobe(&printed_probe);
	printed_probe = (struct kprobe) {
		.symbol_name = "vprintk", .pre_handler = printed_keep,
		.post_handler = printed_after,
	};
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
