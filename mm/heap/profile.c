// SPDX-License-Identifier: GPL-2.0
/*
 * The heap as a client of the profile: when the rate changes, the budgets that the arrays of CPUs
 * have of the old one end; and it knows what of the memory of its samples is free.
 */
#include "base/compat.h"
#include "heap/fragment.h"
#include "heap/pcpu.h"
#include "heap/profile.h"

static void rate_changed(struct kspan_profile *profile)
	kspan_must_keep_cpus
{
	kspan_pcpu_end_budgets();
}

static int walk_shares(struct kspan_profile *profile, struct kspan_shares *shares)
{
	return kspan_fragment_walk(shares);
}

static const struct kspan_profile_ops heap_profile_ops = {
	.rate_changed = rate_changed,
	.walk_shares = walk_shares,
};

DEFINE_KSPAN_PROFILE(kspan_heap_profile, "heap", &heap_profile_ops);
EXPORT_SYMBOL_FOR_TESTS(kspan_heap_profile);
