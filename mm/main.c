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

#include <kspan/version.h>

#include "api/api.h"
#include "base/compat.h"
#include "base/work.h"
#include "export/debugfs.h"
#include "heap/heap.h"
#include "shim/shim.h"
#include "special/special.h"
#include "tap/tap.h"

#define MAX_PROFILE_BYTES_LEAST		(64UL << 10)
#define GUARD_SLOTS_MOST		511U	/* 4 MiB, what x86-64 has in one piece at most */

/*
 * A kernel that is locked down opens a file of debugfs only if nobody may write it, so the rate
 * is a parameter that can be written too. That may be before kspan starts and while it stops.
 */
static int set_sample_bytes(const char *text, const char *name, struct kspan_profile *profile)
{
	unsigned long long bytes;
	int err = kstrtoull(text, 0, &bytes);

	if (err)
		return err;
	err = kspan_profile_set_sample_bytes(profile, bytes);
	if (err)
		pr_err("%s=%llu is above %llu\n", name, bytes, KSPAN_SAMPLE_BYTES_MAX);
	return err;
}

static int get_sample_bytes(char *text, const struct kspan_profile *profile)
{
	return sysfs_emit(text, "%llu\n", kspan_profile_sample_bytes(profile));
}

static int sample_bytes_set(const char *text, const struct kernel_param *param)
{
	return set_sample_bytes(text, param->name, &kspan_heap_profile);
}

static int sample_bytes_get(char *text, const struct kernel_param *param)
{
	return get_sample_bytes(text, &kspan_heap_profile);
}

static const struct kernel_param_ops sample_bytes_ops = {
	.set = sample_bytes_set,
	.get = sample_bytes_get,
};

module_param_cb(sample_bytes, &sample_bytes_ops, NULL, 0644);
__MODULE_PARM_TYPE(sample_bytes, "ullong");
MODULE_PARM_DESC(sample_bytes,
		 "mean bytes between samples (default 524288; 1 samples everything, 0 nothing); can be changed, here or in debugfs");

/* As in debugfs, for a kernel that is locked down and for one that boots. */
static int tap_set(const char *text, const struct kernel_param *param)
{
	bool on;
	int err = kstrtobool(text, &on);

	return err ?: kspan_tap_enable(param->arg, on);
}

static int tap_get(char *text, const struct kernel_param *param)
{
	return sysfs_emit(text, "%c\n", kspan_tap_enabled(param->arg) ? 'Y' : 'N');
}

static const struct kernel_param_ops tap_ops = { .set = tap_set, .get = tap_get };

static int tap_sample_bytes_set(const char *text, const struct kernel_param *param)
{
	return set_sample_bytes(text, param->name, kspan_tap_profile(param->arg));
}

static int tap_sample_bytes_get(char *text, const struct kernel_param *param)
{
	return get_sample_bytes(text, kspan_tap_profile(param->arg));
}

static const struct kernel_param_ops tap_sample_bytes_ops = {
	.set = tap_sample_bytes_set,
	.get = tap_sample_bytes_get,
};

module_param_cb(slab, &tap_ops, &kspan_slab_tap, 0644);
__MODULE_PARM_TYPE(slab, "bool");
MODULE_PARM_DESC(slab,
		 "watch the kernel's own slab allocator (default N); can be changed, here or in debugfs");
module_param_cb(slab_sample_bytes, &tap_sample_bytes_ops, &kspan_slab_tap, 0644);
__MODULE_PARM_TYPE(slab_sample_bytes, "ullong");
MODULE_PARM_DESC(slab_sample_bytes, "as sample_bytes, for that");

module_param_cb(pages, &tap_ops, &kspan_pages_tap, 0644);
__MODULE_PARM_TYPE(pages, "bool");
MODULE_PARM_DESC(pages,
		 "watch the kernel's page allocator, and vmalloc(), but for what slab takes (default N); can be changed, here or in debugfs");
module_param_cb(pages_sample_bytes, &tap_sample_bytes_ops, &kspan_pages_tap, 0644);
__MODULE_PARM_TYPE(pages_sample_bytes, "ullong");
MODULE_PARM_DESC(pages_sample_bytes, "as sample_bytes, for that");

static unsigned long long sample_seed;
module_param(sample_seed, ullong, 0400);
MODULE_PARM_DESC(sample_seed,
		 "seed of the distances between samples, for runs that are to be repeated (default 0: a random one)");

static unsigned long max_profile_bytes = 16UL << 20;
module_param(max_profile_bytes, ulong, 0444);
MODULE_PARM_DESC(max_profile_bytes,
		 "most bytes for call stacks (default 16777216, at least 65536); beyond, stacks that hold nothing make room, and new ones are dropped, both counted");

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

static bool handback = true;
module_param(handback, bool, 0444);
MODULE_PARM_DESC(handback,
		 "objects that the kernel itself frees with kfree() are freed, and not only reported (default Y)");

static int __init check_parameters(void)
{
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

static int start_profiles(void)
{
	return kspan_profiles_init(sample_seed);
}

static void no_stop(void)
{
}

static int start_heap_profile(void)
{
	return kspan_profile_init(&kspan_heap_profile, max_profile_bytes);
}

static void stop_heap_profile(void)
{
	kspan_profile_destroy(&kspan_heap_profile);
}

static int start_sampling(void)
{
	kspan_profile_start(&kspan_heap_profile);
	return 0;
}

static void stop_sampling(void)
{
	kspan_profile_stop(&kspan_heap_profile);
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

static int start_handback(void)
{
	return kspan_handback_init(handback);
}

static int start_usercopy(void)
{
	return kspan_usercopy_init(usercopy);
}

static int start_taps(void)
{
	return kspan_taps_init(max_profile_bytes);
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
	{ "work", kspan_work_init, kspan_work_exit },
	{ "finalizers", kspan_finalizer_init, kspan_finalizer_exit },
	{ "profiles", start_profiles, kspan_profiles_exit },
	{ "the heap's profile", start_heap_profile, stop_heap_profile },
	{ "guard mode", start_fence, kspan_fence_exit },
	{ "caches", start_classes, stop_caches },
	{ "memory pressure", kspan_shrink_init, kspan_shrink_exit },
	{ "reports of leaks", kspan_leak_init, kspan_leak_exit },
	{ "CPU hotplug", kspan_hotplug_init, kspan_hotplug_exit },
	{ "fast path", kspan_pcpu_init, no_stop },
	{ "sampling", start_sampling, stop_sampling },
	{ "handing back", start_handback, kspan_handback_exit },
	{ "hardened usercopy", start_usercopy, kspan_usercopy_exit },
	{ "taps", start_taps, kspan_taps_exit },
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
MODULE_VERSION(KSPAN_VERSION);
MODULE_LICENSE("GPL");
