// SPDX-License-Identifier: GPL-2.0
/*
 * Labels of what the taps see. They are made in the hooks, by name, in a table that is allocated
 * before: no cache needs to be remembered, and a new one at the address of an old one is not
 * taken for it.
 *
 * Locks: kspan_tap_label_lock, a raw spinlock and a leaf, for new labels; finding takes none.
 */
#include <linux/hash.h>
#include <linux/mm.h>
#include <linux/spinlock.h>
#include <linux/string.h>

#include "compat.h"
#include "label.h"
#include "lock.h"
#include "tap_label.h"

#define NR_LABELS	1024		/* a power of two */
#define LABEL_CHARS	40		/* with the zero; longer names are cut */

struct slot {
	struct kspan_label label;
	char name[LABEL_CHARS];		/* which label.name is */
	bool used;			/* never unset; set under the lock, once the rest is */
};

static_assert(offsetof(struct slot, name) == offsetof(struct kspan_label, name));

static struct slot *slots;
static struct kspan_label *other;
static DEFINE_RAW_SPINLOCK(kspan_tap_label_lock);

static u32 hash_of(const char *name)
{
	u32 hash = 0;

	for (; *name; name++)
		hash = (hash + *name) * GOLDEN_RATIO_32;
	return hash >> 16;
}

/* The place of @name, or the free one where it belongs; NULL when the table is full. */
static struct slot *find(const char *name)
{
	u32 hash = hash_of(name), i;

	for (i = 0; i < NR_LABELS; i++) {
		struct slot *slot = &slots[(hash + i) % NR_LABELS];

		/* Pairs with the release in kspan_tap_label(): the name is there. */
		if (!smp_load_acquire(&slot->used) || !strcmp(slot->name, name))
			return slot;
	}
	return NULL;
}

struct kspan_label *kspan_tap_label(const char *name)
{
	char cut[LABEL_CHARS];
	unsigned long flags;
	struct slot *slot;

	if (strlen(name) >= LABEL_CHARS) {
		strscpy(cut, name, LABEL_CHARS);
		name = cut;
	}
	slot = find(name);
	/* Likewise. */
	if (slot && smp_load_acquire(&slot->used))
		return &slot->label;
	kspan_raw_lock(&kspan_tap_label_lock, flags);
	slot = find(name);
	if (slot && !slot->used) {
		refcount_set(&slot->label.refs, 1);
		strscpy(slot->name, name, LABEL_CHARS);
		/* Pairs with find(). */
		smp_store_release(&slot->used, true);
	}
	kspan_raw_unlock(&kspan_tap_label_lock, flags);
	return slot ? &slot->label : other;
}

int kspan_tap_label_init(void)
{
	slots = kvcalloc(NR_LABELS, sizeof(*slots), GFP_KERNEL);
	if (!slots)
		return -ENOMEM;
	other = kspan_tap_label("other");
	return 0;
}

void kspan_tap_label_exit(void)
{
	kvfree(slots);
}
