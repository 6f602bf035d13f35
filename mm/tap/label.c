// SPDX-License-Identifier: GPL-2.0
/*
 * Labels by name, as every sample needs one: those that were ever asked for are kept, with a
 * reference, and found without a lock. No cache is remembered, so that a new one at the address of
 * an old one is not taken for it.
 *
 * Takes no lock of its own.
 */
#include <linux/atomic.h>
#include <linux/hash.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "base/compat.h"
#include "base/gfp.h"
#include "profile/profile.h"
#include "tap/label.h"

#define CHAIN_BITS	8

struct known {
	struct known *next;		/* never changes */
	struct kspan_label *label;	/* with a reference */
};

static struct known *chains[1 << CHAIN_BITS];

static struct known **chain_named(const char *name)
{
	u32 hash = 0;

	for (; *name; name++)
		hash = (hash + *name) * GOLDEN_RATIO_32;
	return &chains[hash >> (32 - CHAIN_BITS)];
}

/* Of two who come with a new name at once each adds it: the label is the same. */
static struct kspan_label *add(struct known **chain, const char *name, gfp_t gfp)
{
	struct known *new = kmalloc(sizeof(*new), gfp), *first;

	if (!new)
		return NULL;
	new->label = kspan_label_get(name, gfp);
	if (!new->label) {
		kfree(new);
		return NULL;
	}
	first = READ_ONCE(*chain);
	do
		new->next = first;
	while (!try_cmpxchg_release(chain, &first, new));
	return new->label;
}

struct kspan_label *kspan_tap_label(const char *name, gfp_t gfp)
{
	struct known **chain = chain_named(name), *known;

	/* Pairs with the release in add(): there are the names of all that are behind the first. */
	for (known = smp_load_acquire(chain); known; known = known->next)
		if (!strcmp(kspan_label_name(known->label), name))
			return known->label;
	return gfp == KSPAN_GFP_NOTHING ? NULL : add(chain, name, gfp);
}
EXPORT_SYMBOL_FOR_TESTS(kspan_tap_label);

void kspan_tap_labels_exit(void)
{
	struct known *known, *next;
	int i;

	for (i = 0; i < ARRAY_SIZE(chains); i++) {
		for (known = chains[i]; known; known = next) {
			next = known->next;
			kspan_label_put(known->label);
			kfree(known);
		}
		chains[i] = NULL;
	}
}
EXPORT_SYMBOL_FOR_TESTS(kspan_tap_labels_exit);
