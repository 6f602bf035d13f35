// SPDX-License-Identifier: GPL-2.0
/*
 * Handlers of kspan's tracepoints, and of kprobes on its functions, those that run under its
 * locks before all. A kprobe by breakpoint is much like an NMI on x86; one through ftrace, and
 * one that the kernel has made a jump of, is not.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/preempt.h>
#include <linux/string.h>
#include <linux/tracepoint.h>

#include "recursion.h"

struct module *recursion_kspan;

/* ---- Tracepoints --------------------------------------------------------------------- */

static atomic_long_t events;

/* Whatever the arguments: none is looked at. */
static void event(void *unused)
{
	atomic_long_inc(&events);
	recursion_nest();
}

static struct tracepoint *point(int i)
{
	return tracepoint_ptr_deref(&recursion_kspan->tracepoints_ptrs[i]);
}

int recursion_tracepoints_start(void)
{
	int err = 0, i;

	for (i = 0; i < recursion_kspan->num_tracepoints && !err; i++) {
		pr_info("tracepoint %s\n", point(i)->name);
		err = tracepoint_probe_register(point(i), event, NULL);
	}
	return err;
}

void recursion_tracepoints_stop(void)
{
	int i;

	for (i = 0; i < recursion_kspan->num_tracepoints; i++)
		tracepoint_probe_unregister(point(i), event, NULL);
	tracepoint_synchronize_unregister();
	pr_info("count events %ld\n", atomic_long_read(&events));
}

bool recursion_tracepoints_enough(void)
{
	return atomic_long_read(&events);
}

/* Of each module that is loaded, and that has tracepoints, this hears. */
static int module_seen(struct notifier_block *nb, unsigned long action, void *data)
{
	struct tp_module *seen = data;

	if (action == MODULE_STATE_COMING && !strcmp(seen->mod->name, "kspan"))
		recursion_kspan = seen->mod;
	return NOTIFY_OK;
}

int recursion_find_kspan(void)
{
	static struct notifier_block notifier = { .notifier_call = module_seen };
	int err = register_tracepoint_module_notifier(&notifier);

	if (err)
		return err;
	unregister_tracepoint_module_notifier(&notifier);
	return recursion_kspan ? 0 : -ENOENT;
}

/* ---- Kprobes ------------------------------------------------------------------------- */

/* What the compiler has not made a part of its caller is probed; @locked: runs under a lock. */
static struct spot {
	const char *name;
	bool locked;
	struct kprobe probe;
	atomic_long_t hits, nmi_hits;
} spots[] = {
	{ "relist", true }, { "take", true }, { "give", true }, { "remove", true },
	{ "first_from", true }, { "find", true }, { "insert", true },
	{ "kspan_special_add", true }, { "kspan_special_find", true },
	{ "kspan_special_remove", true }, { "kspan_attach_locked", true },
	{ "kspan_node_take" }, { "kspan_node_add" }, { "kspan_node_give" },
	{ "kspan_node_release_empty" }, { "kspan_special_new" }, { "kspan_attach" },
	{ "kspan_special_unlink" }, { "kspan_detach" }, { "kspan_special_delete" },
	{ "kspan_bucket_alloc" }, { "kspan_bucket_free_aged" }, { "kspan_span_new" },
	{ "kspan_span_free" }, { "kspan_pagemap_set" }, { "kspan_tracing_alloc" },
	{ "kspan_tracing_release" }, { "kspan_pcpu_charge" }, { "kspan_pcpu_pop_any" },
	{ "kspan_pcpu_free_slow" }, { "kspan_rcu_defer" }, { "kspan_weak_get" },
	{ "kspan_finalizers_add" }, { "copy_bucket", true }, { "kspan_node_walk" },
};

static int hit(struct kprobe *probe, struct pt_regs *regs)
{
	struct spot *spot = container_of(probe, struct spot, probe);

	atomic_long_inc(in_nmi() ? &spot->nmi_hits : &spot->hits);
	recursion_nest();
	return 0;
}

NOKPROBE_SYMBOL(hit);

int recursion_kprobes_start(void)
{
	static char names[ARRAY_SIZE(spots)][64];
	int probed = 0, i, err;

	for (i = 0; i < ARRAY_SIZE(spots); i++) {
		struct spot *spot = &spots[i];

		snprintf(names[i], sizeof(names[i]), "kspan:%s", spot->name);
		spot->probe.symbol_name = names[i];
		spot->probe.pre_handler = hit;
		err = register_kprobe(&spot->probe);
		if (err) {
			pr_info("no kprobe on %s: error %d\n", names[i], err);
			spot->probe.symbol_name = NULL;
		} else {
			probed++;
		}
	}
	return probed ? 0 : -ENOENT;
}

void recursion_kprobes_stop(void)
{
	long under_lock = 0, under_lock_nmi = 0, hits = 0;
	int i;

	for (i = 0; i < ARRAY_SIZE(spots); i++) {
		struct spot *spot = &spots[i];

		if (!spot->probe.symbol_name)
			continue;
		unregister_kprobe(&spot->probe);
		pr_info("kprobe %s: %ld hits, %ld as in NMI, %lu missed\n", spot->name,
			atomic_long_read(&spot->hits), atomic_long_read(&spot->nmi_hits),
			spot->probe.nmissed);
		hits += atomic_long_read(&spot->hits);
		if (!spot->locked)
			continue;
		under_lock += atomic_long_read(&spot->hits);
		under_lock_nmi += atomic_long_read(&spot->nmi_hits);
	}
	pr_info("count hits %ld\n", hits);
	pr_info("count hits-under-lock %ld\n", under_lock);
	pr_info("count hits-under-lock-as-in-nmi %ld\n", under_lock_nmi);
}

bool recursion_kprobes_enough(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(spots); i++)
		if (spots[i].locked && atomic_long_read(&spots[i].hits))
			return true;
	return false;
}
