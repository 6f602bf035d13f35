/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the memory policy and the cpuset of the present task say of a node, as far as kspan has to
 * know it before it asks the page allocator, which knows all of it.
 */
#ifndef _KSPAN_POLICY_H
#define _KSPAN_POLICY_H

#include <linux/cpuset.h>
#include <linux/mempolicy.h>
#include <linux/nodemask.h>
#include <linux/preempt.h>
#include <linux/sched.h>

#ifdef CONFIG_NUMA
/* As the page allocator: an interrupt is nobody's. */
static inline const struct mempolicy *kspan_policy(void)
{
	return in_task() ? READ_ONCE(current->mempolicy) : NULL;
}

/* Would memory of @nid, on whose CPU this is, be as good as any to the policy? */
static inline bool kspan_policy_prefers(int nid)
{
	const struct mempolicy *policy = kspan_policy();

	if (!policy)
		return true;
	switch (policy->mode) {
	case MPOL_DEFAULT:
	case MPOL_LOCAL:
		return true;
	case MPOL_PREFERRED:
	case MPOL_PREFERRED_MANY:
	case MPOL_BIND:
		return node_isset(nid, policy->nodes);
	default:
		/* Whose turn it is, only the page allocator knows. */
		return false;
	}
}

static inline bool kspan_policy_allows(int nid)
{
	const struct mempolicy *policy = kspan_policy();

	return !policy || policy->mode != MPOL_BIND || node_isset(nid, policy->nodes);
}
#else
static inline bool kspan_policy_prefers(int nid)
{
	return true;
}

static inline bool kspan_policy_allows(int nid)
{
	return true;
}
#endif

/* May an allocation with @gfp get memory of @nid? */
static inline bool kspan_cpuset_allows(int nid, gfp_t gfp)
{
	if (!(gfp & __GFP_HARDWALL) || !in_task())
		return true;
	return node_isset(nid, cpuset_current_mems_allowed);
}

#endif /* _KSPAN_POLICY_H */
