// SPDX-License-Identifier: GPL-2.0
/*
 * The names of a bucket's frames, which outlive the modules that they are in.
 *
 * When a module leaves, or its init functions do, the buckets whose stacks touch it get their names
 * while those can still be read, and are taken out of their chains: other code may come to lie at
 * the same addresses, and would be taken for it.
 *
 * Locks: kspan_tables_mutex, then the table's mutex, under it the symbols' mutex, and the table's
 * lock. Process context.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/list.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/notifier.h>
#include <linux/rculist.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "base/compat.h"
#include "base/lock.h"
#include "profile/bucket.h"
#include "profile/stack.h"

/* Which tables hear of modules; outside their mutexes. */
static DEFINE_MUTEX(kspan_tables_mutex);
static struct list_head tables kspan_guarded_by(&kspan_tables_mutex) = LIST_HEAD_INIT(tables);

int kspan_bucket_resolve(struct kspan_bucket *bucket)
{
	const struct kspan_symbol **symbols;
	unsigned int i;

	lockdep_assert_held(&bucket->table->mutex);
	if (bucket->symbols)
		return 0;
	symbols = kmalloc_array(bucket->nr_frames, sizeof(*symbols), GFP_KERNEL);
	if (!symbols)
		return -ENOMEM;
	for (i = 0; i < bucket->nr_frames; i++) {
		symbols[i] = kspan_symbol_get(bucket->frames[i]);
		if (!symbols[i])
			goto fail;
	}
	bucket->symbols = symbols;
	return 0;
fail:
	while (i--)
		kspan_symbol_put(symbols[i]);
	kfree(symbols);
	return -ENOMEM;
}

void kspan_bucket_release_names(struct kspan_bucket *bucket)
{
	unsigned int i;

	if (bucket->symbols)
		for (i = 0; i < bucket->nr_frames; i++)
			kspan_symbol_put(bucket->symbols[i]);
	kfree(bucket->symbols);
	kspan_label_put(bucket->label);
}

static bool stack_touches(const struct kspan_bucket *bucket, const struct module *mod,
			  bool (*within)(unsigned long addr, const struct module *mod))
{
	unsigned int i;

	for (i = 0; i < bucket->nr_frames; i++)
		if (within(bucket->frames[i], mod))
			return true;
	return false;
}

static bool in_module(unsigned long addr, const struct module *mod)
{
	return within_module(addr, mod);
}

static bool in_module_init(unsigned long addr, const struct module *mod)
{
	return within_module_init(addr, mod);
}

/* The text of @bucket leaves: out of its chain, unless it was evicted meanwhile. */
static void mark_gone(struct kspan_bucket *bucket)
	kspan_no_lock
{
	struct kspan_table *table = bucket->table;
	unsigned long flags;

	lockdep_assert_held(&table->mutex);
	kspan_lock(&table->lock, flags);
	if (!bucket->unhashed) {
		hlist_del_rcu(&bucket->hash);
		bucket->unhashed = true;
		bucket->gone = true;
		if (!bucket->live)
			kspan_table_push_gone(bucket);
	}
	kspan_unlock(&table->lock, flags);
}

/* The part of @mod that @within says goes away: see the head of this file. */
static void text_leaves(struct kspan_table *table, const struct module *mod,
			bool (*within)(unsigned long addr, const struct module *mod))
{
	struct kspan_bucket *bucket;

	mutex_lock(&table->mutex);
	kspan_table_walk_begin(table);
	while ((bucket = kspan_table_walk_next(table))) {
		if (!bucket->gone && stack_touches(bucket, mod, within)) {
			if (kspan_bucket_resolve(bucket))
				pr_warn("no memory for the names of %s: its stacks will show addresses\n",
					mod->name);
			mark_gone(bucket);
		}
		kspan_bucket_put_later(bucket);
		cond_resched();
	}
	mutex_unlock(&table->mutex);
}

void kspan_table_module_event(struct kspan_table *table, unsigned long action,
			      const struct module *mod)
{
	/* Text comes and goes: what is known of the one may not be true of the other. */
	kspan_stack_forget();
	/* The init functions of a module go as soon as it is live. */
	if (action == MODULE_STATE_LIVE)
		text_leaves(table, mod, in_module_init);
	else if (action == MODULE_STATE_GOING)
		text_leaves(table, mod, in_module);
}
EXPORT_SYMBOL_FOR_TESTS(kspan_table_module_event);

void kspan_table_listen(struct kspan_table *table)
{
	mutex_lock(&kspan_tables_mutex);
	list_add_tail(&table->listening, &tables);
	mutex_unlock(&kspan_tables_mutex);
}

void kspan_table_unlisten(struct kspan_table *table)
{
	mutex_lock(&kspan_tables_mutex);
	list_del(&table->listening);
	mutex_unlock(&kspan_tables_mutex);
}

static int names_module_event(struct notifier_block *nb, unsigned long action, void *data)
{
	struct kspan_table *table;

	mutex_lock(&kspan_tables_mutex);
	list_for_each_entry(table, &tables, listening)
		kspan_table_module_event(table, action, data);
	mutex_unlock(&kspan_tables_mutex);
	return NOTIFY_OK;
}

static struct notifier_block names_notifier = { .notifier_call = names_module_event };

int kspan_names_init(void)
{
	return register_module_notifier(&names_notifier);
}

void kspan_names_exit(void)
{
	unregister_module_notifier(&names_notifier);
}
