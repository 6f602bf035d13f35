/* SPDX-License-Identifier: GPL-2.0 */
/* Reports of misuse: each is counted, refused, and printed with the stack of its caller. */
#ifndef _KSPAN_REPORT_H
#define _KSPAN_REPORT_H

#include <linux/types.h>

#include "base/lock.h"
#include "base/stats.h"

/* Bytes of a slot that somebody wrote who should not have. All numbers in bytes. */
struct kspan_damage {
	const void *obj;
	u32 size;			/* of the object, as asked for */
	u32 slot_size;
	u32 first, last;		/* the damaged ones, from obj */
	const unsigned long *frames;	/* of what allocated it; NULL: not sampled, or freed */
	unsigned int nr_frames;
};

/* Sees each report; true keeps it from being printed. For tests, which expect their reports. */
typedef bool (*kspan_report_filter_t)(enum kspan_counter what, const void *addr,
				      const char *text);

void kspan_report_set_filter(kspan_report_filter_t filter);

/*
 * Any context but NMI, no lock held. Counts @what and prints one report about @addr; true if it
 * did print it.
 */
__printf(3, 4)
bool kspan_report(enum kspan_counter what, const void *addr, const char *fmt, ...) kspan_no_lock;

/*
 * The same of a corruption, with what is known of the object and the bytes themselves. The
 * caller keeps the object, and so its frames.
 */
__printf(2, 3)
void kspan_report_damage(const struct kspan_damage *damage, const char *fmt, ...) kspan_no_lock;

#endif /* _KSPAN_REPORT_H */
