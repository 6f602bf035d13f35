/* SPDX-License-Identifier: GPL-2.0 */
/* What a return address says of the code that it is in, as far as stacks need to know it. */
#ifndef _KSPAN_TEXT_H
#define _KSPAN_TEXT_H

#include <linux/types.h>

/*
 * Of an address that filter_irq_stacks() stops at: is it in the entry of an exception, which is
 * caused by what stands behind it on the stack, and not in that of an interrupt? Any context.
 */
bool kspan_text_is_exception(unsigned long ip);

/*
 * How many of @n return addresses it is to the function that runs softirqs, with it; @n if it is
 * not there. filter_irq_stacks() stops at that function on kernels before 6.10 only. Any context.
 */
unsigned int kspan_text_until_softirq(const unsigned long *ips, unsigned int n);

/* Does the code stay as it is for as long as no module comes or goes? Any context. */
bool kspan_text_stays(unsigned long ip);

#endif /* _KSPAN_TEXT_H */
