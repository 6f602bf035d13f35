/* SPDX-License-Identifier: GPL-2.0 */
/* Objects of kspan's that the kernel itself frees or resizes. */
#ifndef _KSPAN_HANDBACK_H
#define _KSPAN_HANDBACK_H

#include <linux/types.h>

/*
 * Hands them back from now on if @on, and else, or where that cannot be, reports them. Process
 * context, may sleep. 0: neither is a reason for kspan not to work.
 */
int kspan_handback_init(bool on);
void kspan_handback_exit(void);

/* Is what kfree() is given handed back? */
bool kspan_handback_works(void);

#endif /* _KSPAN_HANDBACK_H */
