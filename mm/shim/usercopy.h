/* SPDX-License-Identifier: GPL-2.0 */
/* Hardened usercopy of kspan's objects. */
#ifndef _KSPAN_USERCOPY_H
#define _KSPAN_USERCOPY_H

#include <linux/types.h>

/* Process context, may sleep. 0 or an errno: -EOPNOTSUPP if this kernel has nothing to probe. */
int kspan_usercopy_init(bool on);
void kspan_usercopy_exit(void);

#endif /* _KSPAN_USERCOPY_H */
