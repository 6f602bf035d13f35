// SPDX-License-Identifier: GPL-2.0
/*
 * Profiles as wholes: their beginning and end, their counters, and what is the wing's own: the
 * callback by which the samplers of all profiles hear of CPUs that come up. Process context.
 */
#include <linux/cpuhotplug.h>
#include <linux/cpumask.h>
#include <linux/err.h>
#include <linux/string.h>

#include "base/buf.h"
#include "base/compat.h"
#include "base/hooks.h"
#include "profile/bucket.h"
#include "profile/profile.h"
#include "profile/sample.h"

static enum cpuhp_state hotplug_state;	/* as the hotplug core gave it; from init to exit */

static int cpu_starts(unsigned int cpu, struct hlist_node *node)
{
	kspan_sample_cpu_starts(hlist_entry(node, struct kspan_profile, hotplug), cpu);
	return 0;
}

int kspan_profiles_init(u64 seed)
{
	int state = cpuhp_setup_state_multi(CPUHP_BP_PREPARE_DYN, "mm/kspan:starts", cpu_starts,
					    NULL);
	int err;

	if (state < 0)
		return state;
	hotplug_state = state;
	kspan_sample_seed(seed);
	err = kspan_names_init();
	if (err)
		cpuhp_remove_multi_state(hotplug_state);
	return err;
}

void kspan_profiles_exit(void)
{
	kspan_names_exit();
	cpuhp_remove_multi_state(hotplug_state);
}

static void clear_counters(struct kspan_profile *profile)
{
	int cpu;

	for_each_possible_cpu(cpu)
		memset(per_cpu_ptr(profile->samplers, cpu)->counts, 0,
		       sizeof(profile->samplers->counts));
}

int kspan_profile_init(struct kspan_profile *profile, size_t max_bytes)
{
	struct kspan_table *table = kspan_table_new(profile, max_bytes);
	int err;

	if (IS_ERR(table))
		return PTR_ERR(table);
	profile->table = table;
	clear_counters(profile);
	kspan_sample_init(profile);
	/* No call for the CPUs that run: they hear of the first rate as of any other. */
	if (kspan_test_point(KSPAN_FAIL_HOTPLUG))
		err = -ENOMEM;
	else
		err = cpuhp_state_add_instance_nocalls(hotplug_state, &profile->hotplug);
	if (err) {
		kspan_table_destroy(table);
		profile->table = NULL;
	}
	return err;
}
EXPORT_SYMBOL_FOR_TESTS(kspan_profile_init);

void kspan_profile_destroy(struct kspan_profile *profile)
{
	cpuhp_state_remove_instance_nocalls(hotplug_state, &profile->hotplug);
	kspan_table_destroy(profile->table);
	profile->table = NULL;
}
EXPORT_SYMBOL_FOR_TESTS(kspan_profile_destroy);

unsigned long kspan_profile_counter(const struct kspan_profile *profile,
				    enum kspan_profile_counter id)
{
	unsigned long sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(per_cpu_ptr(profile->samplers, cpu)->counts[id]);
	return sum;
}
EXPORT_SYMBOL_FOR_TESTS(kspan_profile_counter);

#define KSPAN_PROFILE_COUNTER_NAME(id, name) [id] = name,
static const char *const counter_names[] = { KSPAN_PROFILE_COUNTERS(KSPAN_PROFILE_COUNTER_NAME) };
#undef KSPAN_PROFILE_COUNTER_NAME
static_assert(ARRAY_SIZE(counter_names) == KSPAN_NR_PROFILE_COUNTERS);

void kspan_profile_show_counters(const struct kspan_profile *profile, struct kspan_buf *buf)
{
	int i;

	for (i = 0; i < KSPAN_NR_PROFILE_COUNTERS; i++)
		kspan_buf_printf(buf, "%s %lu\n", counter_names[i],
				 kspan_profile_counter(profile, i));
}
EXPORT_SYMBOL_FOR_TESTS(kspan_profile_show_counters);

void kspan_profile_show_gauges(const struct kspan_profile *profile, struct kspan_buf *buf)
{
	kspan_buf_printf(buf, "buckets %lu\n", kspan_profile_buckets(profile));
	kspan_buf_printf(buf, "bucket_bytes %zu\n", kspan_profile_bytes(profile));
}
EXPORT_SYMBOL_FOR_TESTS(kspan_profile_show_gauges);
