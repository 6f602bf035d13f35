// SPDX-License-Identifier: GPL-2.0
/*
 * Labels. A bucket is keyed by the name of its cache, not by the cache: a cache that is made
 * again under its old name goes on counting where it left off, and the profile side never
 * holds a pointer to a cache.
 *
 * Locks: kspan_label_lock, a raw spinlock and a leaf, with interrupts off: a client may ask for a
 * label where it sees an allocation.
 */
#include <linux/jhash.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "base/compat.h"
#include "base/lock.h"
#include "profile/label.h"

#define NR_CHAINS	64		/* a power of two */

static DEFINE_RAW_SPINLOCK(kspan_label_lock);
static struct hlist_head chains[NR_CHAINS] kspan_guarded_by(&kspan_label_lock);

static struct hlist_head *chain_of(const char *name)
	kspan_must_hold(&kspan_label_lock)
{
	return &chains[jhash(name, strlen(name), 0) % NR_CHAINS];
}

static struct kspan_label *find(const char *name)
	kspan_must_hold(&kspan_label_lock)
{
	struct kspan_label *label;

	lockdep_assert_held(&kspan_label_lock);
	hlist_for_each_entry(label, chain_of(name), chain)
		if (!strcmp(label->name, name))
			return label;
	return NULL;
}

static struct kspan_label *label_new(const char *name, gfp_t gfp)
{
	size_t len = strlen(name) + 1;
	struct kspan_label *label = kmalloc(struct_size(label, name, len), gfp);

	if (!label)
		return NULL;
	refcount_set(&label->refs, 1);
	memcpy(label->name, name, len);
	return label;
}

/* That which there is, with a reference, or else @spare, which may be NULL. */
static struct kspan_label *find_or_add(const char *name, struct kspan_label *spare)
{
	struct kspan_label *label;
	unsigned long flags;

	kspan_raw_lock(&kspan_label_lock, flags);
	label = find(name);
	if (label) {
		refcount_inc(&label->refs);
	} else if (spare) {
		hlist_add_head(&spare->chain, chain_of(name));
		label = spare;
	}
	kspan_raw_unlock(&kspan_label_lock, flags);
	return label;
}

struct kspan_label *kspan_label_get(const char *name, gfp_t gfp)
{
	struct kspan_label *label = find_or_add(name, NULL), *spare;

	if (label)
		return label;
	spare = label_new(name, gfp);
	if (!spare)
		return NULL;
	label = find_or_add(name, spare);
	if (label != spare)
		kfree(spare);
	return label;
}
EXPORT_SYMBOL_FOR_TESTS(kspan_label_get);

struct kspan_label *kspan_label_hold(struct kspan_label *label)
{
	refcount_inc(&label->refs);
	return label;
}

void kspan_label_put(struct kspan_label *label)
{
	unsigned long flags;
	bool last;

	if (refcount_dec_not_one(&label->refs))
		return;
	kspan_raw_lock(&kspan_label_lock, flags);
	last = refcount_dec_and_test(&label->refs);
	if (last)
		hlist_del(&label->chain);
	kspan_raw_unlock(&kspan_label_lock, flags);
	if (last)
		kfree(label);
}
EXPORT_SYMBOL_FOR_TESTS(kspan_label_put);

const char *kspan_label_name(const struct kspan_label *label)
{
	return label->name;
}
