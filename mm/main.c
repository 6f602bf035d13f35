// SPDX-License-Identifier: GPL-2.0
/*
 * kspan as a module: parameters, and the order in which the parts start and end. Each part
 * needs those before it; at the end they go in the opposite order, once no client module is
 * loaded and no file of debugfs is open (both hold a reference to this module).
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/kstrtox.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/rcupdate.h>
#include <linux/sysfs.h>

#include "bucket.h"
#include "cache.h"
#include "compat.h"
#include "debugfs.h"
#include "fence.h"
#include "finalizer.h"
#include "lock.h"
#include "pagemap.h"
#include "rcu.h"
#include "sample.h"
#include "sizeclass.h"
#include "special.h"
#include "tap.h"
#include "usercopy.h"

#define MAX_PROFILE_BYTES_LEAST		(64UL << 10)
#define GUARD_SLOTS_MOST		511U	/* 4 MiB, what x86-64 has in one piece at most */

static unsigned long long sample_bytes = KSPAN_SAMPLE_BYTES_DEFAULT;
module_param(sample_bytes, ullong, 0);
MODULE_PARM_DESC(sample_bytes,
		 "mean bytes between samples (default 524288; 1 samples everything, 0 nothing); also in debugfs");

static unsigned long max_profile_bytes = 16UL << 20;
module_param(max_profile_bytes, ulong, 0);
MODULE_PARM_DESC(max_profile_bytes,
		 "most bytes for call stacks (default 16777216, at least 65536); stacks beyond are dropped and counted");

module_param_named(freelist_random, kspan_freelist_random, bool, 0444);
MODULE_PARM_DESC(freelist_random,
		 "hand out the objects of a span in random order (default N)");

static bool poison;
module_param(poison, bool, 0444);
MODULE_PARM_DESC(poison, "KSPAN_POISON for all caches, as slab_debug=P (default N)");

static bool red_zone;
module_param(red_zone, bool, 0444);
MODULE_PARM_DESC(red_zone, "KSPAN_RED_ZONE for all caches, as slab_debug=Z (default N)");

static bool guard;
module_param(guard, bool, 0444);
MODULE_PARM_DESC(guard,
		 "KSPAN_GUARD for all caches: sampled objects end at a page that is not there (default N)");

static unsigned int guard_slots = KSPAN_FENCE_SLOTS_DEFAULT;
module_param(guard_slots, uint, 0444);
MODULE_PARM_DESC(guard_slots, "how many objects can be guarded at a time (default 255, 1 to 511)");

static bool bypass;
module_param(bypass, bool, 0444);
MODULE_PARM_DESC(bypass,
		 "KSPAN_BYPASS for all caches, instead of poison, red_zone and guard: each object from the kernel's slab (default N)");

static bool usercopy;
module_param(usercopy, bool, 0444);
MODULE_PARM_DESC(usercopy,
		 "hardened usercopy refuses copies that leave an object of kspan's (default N)");

/*
 * The taps' switches once more: at load, and in lockdown, which closes those in debugfs. A write
 * that comes before the taps are there is what they start with.
 */
struct tap_switch {
	struct kspan_tap *tap;
	bool on;
};

static struct tap_switch slab = { &kspan_slab_tap }, pages = { &kspan_page_tap };

static int set_tap(const char *val, const struct kernel_param *kp)
{
	struct tap_switch *sw = kp->arg;
	bool on = true;
	int err = val ? kstrtobool(val, &on) : 0;

	if (err)
		return err;
	err = kspan_tap_enable(sw->tap, on);
	if (err != -ENODEV)
		return err;
	sw->on = on;
	return 0;
}

static int get_tap(char *buffer, const struct kernel_param *kp)
{
	const struct tap_switch *sw = kp->arg;

	return sysfs_emit(buffer, "%c\n", kspan_tap_enabled(sw->tap) ? 'Y' : 'N');
}

static const struct kernel_param_ops tap_ops = {
	.flags = KERNEL_PARAM_OPS_FL_NOARG,
	.set = set_tap,
	.get = get_tap,
};

module_param_cb(slab, &tap_ops, &slab, 0644);
MODULE_PARM_DESC(slab, "watch the kernel's own slabs (default N); also in debugfs");
module_param_cb(pages, &tap_ops, &pages, 0644);
MODULE_PARM_DESC(pages, "watch the kernel's pages (default N); also in debugfs");

static unsigned long long slab_sample_bytes = KSPAN_SAMPLE_BYTES_DEFAULT;
module_param(slab_sample_bytes, ullong, 0);
MODULE_PARM_DESC(slab_sample_bytes,
		 "mean bytes between samples of the kernel's own slabs (default 524288); also in debugfs");

static unsigned long long pages_sample_bytes = KSPAN_SAMPLE_BYTES_DEFAULT;
module_param(pages_sample_bytes, ullong, 0);
MODULE_PARM_DESC(pages_sample_bytes,
		 "mean bytes between samples of the kernel's pages (default 524288); also in debugfs");

static int __init check_rate(const char *name, unsigned long long bytes)
{
	if (bytes <= KSPAN_SAMPLE_BYTES_MAX)
		return 0;
	pr_err("%s=%llu is above %llu\n", name, bytes, KSPAN_SAMPLE_BYTES_MAX);
	return -EINVAL;
}

static int __init check_parameters(void)
{
	int err = check_rate("sample_bytes", sample_bytes) ?:
		  check_rate("slab_sample_bytes", slab_sample_bytes) ?:
		  check_rate("pages_sample_bytes", pages_sample_bytes);

	if (err)
		return err;
	if (max_profile_bytes < MAX_PROFILE_BYTES_LEAST) {
		pr_err("max_profile_bytes=%lu is below %lu\n", max_profile_bytes,
		       MAX_PROFILE_BYTES_LEAST);
		return -EINVAL;
	}
	if (!guard_slots || guard_slots > GUARD_SLOTS_MOST) {
		pr_err("guard_slots=%u is not in 1 to %u\n", guard_slots, GUARD_SLOTS_MOST);
		return -EINVAL;
	}
	return 0;
}

static int start_profile(void)
{
	kspan_sample_init();
	return kspan_set_sample_bytes(sample_bytes);
}

static void stop_profile(void)
{
	kspan_set_sample_bytes(0);
}

static int start_buckets(void)
{
	kspan_raw_spin_lock_init(&kspan_heap.lock, "kspan_bucket_lock");
	return kspan_bucket_table_init(&kspan_heap, max_profile_bytes);
}

static void stop_buckets(void)
{
	kspan_bucket_table_exit(&kspan_heap);
}

static int start_taps(void)
{
	int err = kspan_tap_init(max_profile_bytes);

	if (err)
		return err;
	kspan_tap_set_sample_bytes(&kspan_slab_tap, slab_sample_bytes);
	kspan_tap_set_sample_bytes(&kspan_page_tap, pages_sample_bytes);
	err = slab.on ? kspan_tap_enable(&kspan_slab_tap, 1) : 0;
	if (!err && pages.on)
		err = kspan_tap_enable(&kspan_page_tap, 1);
	if (err)
		kspan_tap_exit();
	return err;
}

static int start_classes(void)
{
	kspan_sizeclass_init();
	if (bypass)
		return kspan_cache_init(KSPAN_BYPASS);
	return kspan_cache_init((poison ? KSPAN_POISON : 0) | (red_zone ? KSPAN_RED_ZONE : 0) |
				(guard ? KSPAN_GUARD : 0));
}

static int start_fence(void)
{
	return kspan_fence_init(guard && !bypass, guard_slots);
}

static int start_usercopy(void)
{
	return kspan_usercopy_init(usercopy);
}

/* What is still on its way: callbacks of this module must have run before its text goes. */
static void stop_caches(void)
{
	kspan_cache_exit();
	rcu_barrier();
}

struct part {
	const char *name;
	int (*start)(void);
	void (*stop)(void);
};

static const struct part parts[] = {
	{ "page map", kspan_pagemap_init, kspan_pagemap_exit },
	{ "specials", kspan_special_init, kspan_special_exit },
	{ "finalizers", kspan_finalizer_init, kspan_finalizer_exit },
	{ "buckets", start_buckets, stop_buckets },
	{ "guard mode", start_fence, kspan_fence_exit },
	{ "caches", start_classes, stop_caches },
	{ "CPU hotplug", kspan_pcpu_init, kspan_pcpu_exit },
	{ "sampling", start_profile, stop_profile },
	{ "the taps", start_taps, kspan_tap_exit },
	{ "hardened usercopy", start_usercopy, kspan_usercopy_exit },
	{ "debugfs", kspan_debugfs_init, kspan_debugfs_exit },
};

/* The last first. */
static void stop(int nr_parts)
{
	while (nr_parts--)
		parts[nr_parts].stop();
}

static int __init kspan_init(void)
{
	int err = check_parameters(), i;

	for (i = 0; !err && i < ARRAY_SIZE(parts); i++) {
		err = parts[i].start();
		if (err) {
			pr_err("cannot start %s: error %d\n", parts[i].name, err);
			stop(i);
		}
	}
	return err;
}

static void __exit kspan_exit(void)
{
	stop(ARRAY_SIZE(parts));
}

module_init(kspan_init);
module_exit(kspan_exit);

MODULE_DESCRIPTION("Slab allocator with a sampled live-heap profile");
MODULE_LICENSE("GPL");
