// SPDX-License-Identifier: GPL-2.0
/*
 * The heap as a client of the profile: when the rate changes, the budgets that the arrays of CPUs
 * have of the old one end.
 */
#include "base/compat.h"
#include "heap/pcpu.h"
#include "heap/profile.h"

static void rate_changed(struct kspan_profile *profile)
	kspan_must_keep_cpus
{
	kspan_pcpu_end_budgets();
}

static const struct kspan_profile_ops heap_profile_ops = { .rate_changed = rate_changed };

DEFINE_KSPAN_PROFILE(kspan_heap_profile, "heap", &heap_profile_ops);
EXPORT_SYMBOL_FOR_TESTS(kspan_heap_profile);
