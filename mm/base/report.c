// SPDX-License-Identifier: GPL-2.0
/*
 * Reports of misuse and corruption. A report is one line that begins "kspan: report:" and the
 * stack of the caller; that of a corruption shows the damaged bytes too, and the stack that
 * allocated the object if it is a sample. Printing is limited to a burst of ten in five seconds,
 * so that a driver which frees twice in a loop does not fill the log; the counters in the stats
 * file see each. Takes no lock of kspan's and is called under none.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/kernel.h>
#include <linux/printk.h>
#include <linux/ratelimit.h>
#include <linux/stacktrace.h>

#include "base/compat.h"
#include "base/report.h"

static kspan_report_filter_t report_filter kspan_marked;

void kspan_report_set_filter(kspan_report_filter_t filter)
{
	/* Pairs with the READ_ONCE in kspan_report(). */
	WRITE_ONCE(report_filter, filter);
}
EXPORT_SYMBOL_FOR_TESTS(kspan_report_set_filter);

/* Counts a report; true if it is to be printed, and then its line has been. */
__printf(3, 0)
static bool vreport(enum kspan_counter what, const void *addr, const char *fmt, va_list args)
{
	static DEFINE_RATELIMIT_STATE(limit, DEFAULT_RATELIMIT_INTERVAL, DEFAULT_RATELIMIT_BURST);
	kspan_report_filter_t filter = READ_ONCE(report_filter);
	char text[192];

	kspan_count(what);
	vscnprintf(text, sizeof(text), fmt, args);
	if (filter && filter(what, addr, text))
		return false;
	if (!__ratelimit(&limit))
		return false;
	pr_err("report: %s, address %px\n", text, addr);
	return true;
}

bool kspan_report(enum kspan_counter what, const void *addr, const char *fmt, ...)
{
	va_list args;
	bool print;

	va_start(args, fmt);
	print = vreport(what, addr, fmt, args);
	va_end(args);
	if (print)
		dump_stack();
	return print;
}

/* What is around the damage, a line for each sixteen bytes and not more than eight lines. */
static void print_bytes(const struct kspan_damage *damage)
{
	u32 at = round_down(damage->first, 16), end;

	at -= min(at, 16U);
	end = min3(round_up(damage->last + 1, 16) + 16, at + 8 * 16, damage->slot_size);
	for (; at < end; at += 16)
		pr_err("bytes from %5u: %*ph\n", at, (int)min(end - at, 16U), damage->obj + at);
}

void kspan_report_damage(const struct kspan_damage *damage, const char *fmt, ...)
{
	va_list args;
	bool print;

	va_start(args, fmt);
	print = vreport(KSPAN_CORRUPTIONS, damage->obj, fmt, args);
	va_end(args);
	if (!print)
		return;
	pr_err("object of %u bytes in a slot of %u, damaged from byte %u to %u\n", damage->size,
	       damage->slot_size, damage->first, damage->last);
	print_bytes(damage);
	if (damage->frames) {
		pr_err("allocated at:\n");
		stack_trace_print(damage->frames, damage->nr_frames, 1);
	}
	pr_err("found at:\n");
	dump_stack();
}
