// SPDX-License-Identifier: GPL-2.0
/*
 * Reports of misuse and corruption. A report is one line that begins "kspan: report:" and the
 * stack of the caller. Printing is limited to a burst of ten in five seconds, so that a driver
 * which frees twice in a loop does not fill the log; the counters in the stats file see each.
 * Takes no lock of kspan's and is called under none.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/printk.h>
#include <linux/ratelimit.h>

#include "compat.h"
#include "report.h"

static kspan_report_filter_t report_filter;

void kspan_report_set_filter(kspan_report_filter_t filter)
{
	/* Pairs with the READ_ONCE in kspan_report(). */
	WRITE_ONCE(report_filter, filter);
}
EXPORT_SYMBOL_FOR_TESTS(kspan_report_set_filter);

void kspan_report(enum kspan_counter what, const void *addr, const char *fmt, ...)
{
	static DEFINE_RATELIMIT_STATE(limit, DEFAULT_RATELIMIT_INTERVAL, DEFAULT_RATELIMIT_BURST);
	kspan_report_filter_t filter = READ_ONCE(report_filter);
	char text[128];
	va_list args;

	this_cpu_inc(kspan_counters.v[what]);

	va_start(args, fmt);
	vscnprintf(text, sizeof(text), fmt, args);
	va_end(args);

	if (filter && filter(what, addr, text))
		return;
	if (!__ratelimit(&limit))
		return;
	pr_err("report: %s, address %px\n", text, addr);
	dump_stack();
}
