/* SPDX-License-Identifier: GPL-2.0 */
/* What the wing itself needs of call stacks; profile.h has what others do. */
#ifndef _KSPAN_STACK_H
#define _KSPAN_STACK_H

/* Text has gone, or has come where other text may have been. Any context. */
void kspan_stack_forget(void);

#endif /* _KSPAN_STACK_H */
