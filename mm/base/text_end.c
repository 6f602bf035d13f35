// SPDX-License-Identifier: GPL-2.0
/*
 * The last file of kspan's where that is built into a kernel: see kspan_is_own_text(). Nobody
 * calls what is here.
 */
#include "base/compat.h"

void kspan_text_end(void)
{
}
