/* SPDX-License-Identifier: GPL-2.0 */
/* Reports of misuse: each is counted, refused, and printed with the stack of its caller. */
#ifndef _KSPAN_REPORT_H
#define _KSPAN_REPORT_H

#include "stats.h"

/* Sees each report; true keeps it from being printed. For tests, which expect their reports. */
typedef bool (*kspan_report_filter_t)(enum kspan_counter what, const void *addr,
				      const char *text);

void kspan_report_set_filter(kspan_report_filter_t filter);

/* Any context but NMI, no lock held. Counts @what and prints one report about @addr. */
__printf(3, 4)
void kspan_report(enum kspan_counter what, const void *addr, const char *fmt, ...);

#endif /* _KSPAN_REPORT_H */
