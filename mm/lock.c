// SPDX-License-Identifier: GPL-2.0
/* The mark of lock.h. */
#include "compat.h"
#include "lock.h"

DEFINE_PER_CPU(u8, kspan_locked);
EXPORT_SYMBOL_FOR_TESTS(kspan_locked);
