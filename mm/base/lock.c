// SPDX-License-Identifier: GPL-2.0
/* The mark of lock.h. */
#include "base/compat.h"
#include "base/lock.h"

DEFINE_PER_CPU(bool, kspan_locked);
EXPORT_PER_CPU_SYMBOL_GPL(kspan_locked);
