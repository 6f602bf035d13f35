// SPDX-License-Identifier: GPL-2.0
/*
 * Labels. A bucket is keyed by the name of its cache, not by the cache: a cache that is made
 * again under its old name goes on counting where it left off, and the profile side never
 * holds a pointer to a cache. Locks: kspan_label_mutex, process context only.
 */
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "base/compat.h"
#include "base/lock.h"
#include "profile/label.h"

/* Guards the list, and that a name is in it once. */
static DEFINE_MUTEX(kspan_label_mutex);
static struct list_head labels kspan_guarded_by(&kspan_label_mutex) = LIST_HEAD_INIT(labels);

struct kspan_label *kspan_label_get(const char *name)
{
	size_t len = strlen(name) + 1;
	struct kspan_label *label;

	mutex_lock(&kspan_label_mutex);
	list_for_each_entry(label, &labels, list) {
		if (!strcmp(label->name, name)) {
			refcount_inc(&label->refs);
			goto out;
		}
	}
	label = kmalloc(struct_size(label, name, len), GFP_KERNEL);
	if (label) {
		refcount_set(&label->refs, 1);
		memcpy(label->name, name, len);
		list_add(&label->list, &labels);
	}
out:
	mutex_unlock(&kspan_label_mutex);
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
	if (!refcount_dec_and_mutex_lock(&label->refs, &kspan_label_mutex))
		return;
	list_del(&label->list);
	mutex_unlock(&kspan_label_mutex);
	kfree(label);
}
EXPORT_SYMBOL_FOR_TESTS(kspan_label_put);

const char *kspan_label_name(const struct kspan_label *label)
{
	return label->name;
}
