/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The shim: what the rest of the kernel does with objects of drivers that were rebuilt to allocate
 * from kspan (include/kspan/slab_shim.h). Some calls of the kernel's own functions are about these
 * objects, and have to go on in kspan: reroute.c sends them there, handback.c frees and resizes
 * what the kernel frees and resizes, usercopy.c holds copies to the object. Each is a client of
 * the public functions in api/, and looks into the page map of heap/ for whose an address is.
 *
 * No locks. This is the one header that others include; reroute.h is the shim's own.
 */
#ifndef _KSPAN_SHIM_H
#define _KSPAN_SHIM_H

#include <linux/types.h>

/*
 * Hands back what the kernel frees from now on if @on, and else, or where that cannot be, reports
 * it. Process context, may sleep. 0: neither is a reason for kspan not to work.
 */
int kspan_handback_init(bool on);
void kspan_handback_exit(void);

/* Is what kfree() is given handed back? */
bool kspan_handback_works(void);

/* Process context, may sleep. 0 or an errno: -EOPNOTSUPP if this kernel has nothing to probe. */
int kspan_usercopy_init(bool on);
void kspan_usercopy_exit(void);

#endif /* _KSPAN_SHIM_H */
