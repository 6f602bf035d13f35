/* SPDX-License-Identifier: GPL-2.0 */
/* What a return address says of the code that it is in, as far as stacks need to know it. */
#ifndef _KSPAN_TEXT_H
#define _KSPAN_TEXT_H

#include <linux/types.h>

/* Does the code stay as it is for as long as no module comes or goes? Any context. */
bool kspan_text_stays(unsigned long ip);

#endif /* _KSPAN_TEXT_H */
