// SPDX-License-Identifier: GPL-2.0
/*
 * Taps as they are asked for: switched on and off, looked at, all begun and ended.
 *
 * Locks: kspan_tap_mutex for switching, process context; kspan_rate_mutex and kspan_bucket_mutex
 * inside it. kspan_tap_live_mutex keeps the live samples' table there for who walks it in the
 * middle of a snapshot, inside kspan_bucket_mutex.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/container_of.h>
#include <linux/cpumask.h>
#include <linux/mutex.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/string.h>

#include "base/buf.h"
#include "base/compat.h"
#include "tap/handler.h"
#include "tap/hooks.h"
#include "tap/label.h"
#include "tap/tap.h"

static struct kspan_tap *const taps[] = { &kspan_slab_tap, &kspan_pages_tap };

static DEFINE_MUTEX(kspan_tap_mutex);
static DEFINE_MUTEX(kspan_tap_live_mutex);
static bool ready;			/* between init and exit; under kspan_tap_mutex */

/* ------------------------------------------------------------------ for the profile */

static void add_age(const struct kspan_live *live, void *ages)
{
	kspan_ages_add(ages, live->bucket, live->born);
}

static struct kspan_tap *tap_of(const struct kspan_profile *profile)
{
	int i = 0;

	while (taps[i]->profile != profile)
		i++;
	return taps[i];
}

static void settle(struct kspan_profile *profile)
{
	kspan_tap_settle(tap_of(profile));
}

static void walk_samples(struct kspan_profile *profile, struct kspan_ages *ages)
{
	mutex_lock(&kspan_tap_live_mutex);
	kspan_live_walk(&tap_of(profile)->live, add_age, ages);
	mutex_unlock(&kspan_tap_live_mutex);
}

const struct kspan_profile_ops kspan_tap_profile_ops = {
	.settle = settle,
	.walk_samples = walk_samples,
};

/* ------------------------------------------------------------------ switching */

static void release_all(struct kspan_tap *tap)
{
	struct kspan_live *live, *next = kspan_live_take_all(&tap->live);

	while ((live = next)) {
		next = live->next;
		preempt_disable();
		kspan_tap_release(tap, live, KSPAN_TAP_NEVER);
		preempt_enable();
		cond_resched();
	}
}

static void zero_counters(struct kspan_tap *tap)
{
	int cpu;

	for_each_possible_cpu(cpu)
		memset(per_cpu_ptr(tap->counters, cpu), 0, sizeof(*tap->counters));
}

/* Call stacks that are new where nothing may be allocated, until the worker has come. */
#define SPARES	32

static void bring_spares(struct kspan_pool *pool)
{
	kspan_profile_keep_spares(container_of(pool, struct kspan_tap, pool)->profile, SPARES);
}

/* The memory that it takes. */
static int prepare(struct kspan_tap *tap)
{
	int err = kspan_pool_init(&tap->pool, tap->cache_name, sizeof(struct kspan_live),
				  bring_spares);

	if (err)
		return err;
	mutex_lock(&kspan_tap_live_mutex);
	err = kspan_live_init(&tap->live);
	mutex_unlock(&kspan_tap_live_mutex);
	if (err) {
		kspan_pool_exit(&tap->pool);
		kspan_profile_keep_spares(tap->profile, 0);
	}
	return err;
}

static void clean_up(struct kspan_tap *tap)
{
	kspan_tap_drop_late(tap);
	release_all(tap);
	mutex_lock(&kspan_tap_live_mutex);
	kspan_live_exit(&tap->live);
	mutex_unlock(&kspan_tap_live_mutex);
	kspan_pool_exit(&tap->pool);
	kspan_profile_keep_spares(tap->profile, 0);
}

static int start_watching(struct kspan_tap *tap)
{
	int err;

	/* Handlers have preemption off, where nothing can be allocated then. */
	if (IS_ENABLED(CONFIG_PREEMPT_RT)) {
		pr_err("the tap on %s does not work on PREEMPT_RT\n", tap->profile->name);
		return -EOPNOTSUPP;
	}
	err = tap->prepare ? tap->prepare() : 0;
	if (!err)
		err = prepare(tap);
	if (err)
		return err;
	kspan_profile_reset(tap->profile);
	zero_counters(tap);
	kspan_profile_start(tap->profile);
	err = kspan_hooks_in(tap->hooks);
	if (err) {
		kspan_profile_stop(tap->profile);
		clean_up(tap);
	}
	return err;
}

/* What is live is not known any more from here on, and the profile has nothing in use. */
static void stop_watching(struct kspan_tap *tap)
{
	kspan_hooks_out(tap->hooks);
	kspan_profile_stop(tap->profile);
	clean_up(tap);
}

static int switch_tap(struct kspan_tap *tap, bool on)
{
	int err = 0;

	lockdep_assert_held(&kspan_tap_mutex);
	if (on && !tap->enabled)
		err = start_watching(tap);
	else if (!on && tap->enabled)
		stop_watching(tap);
	if (!err)
		WRITE_ONCE(tap->enabled, on);
	return err;
}

int kspan_tap_enable(struct kspan_tap *tap, u64 value)
{
	int err = 0;

	if (value > 1)
		return -EINVAL;
	mutex_lock(&kspan_tap_mutex);
	if (ready)
		err = switch_tap(tap, value);
	else
		tap->wanted = value;
	mutex_unlock(&kspan_tap_mutex);
	return err;
}
EXPORT_SYMBOL_FOR_TESTS(kspan_tap_enable);

bool kspan_tap_enabled(const struct kspan_tap *tap)
{
	return READ_ONCE(tap->enabled);
}
EXPORT_SYMBOL_FOR_TESTS(kspan_tap_enabled);

const char *kspan_tap_name(const struct kspan_tap *tap)
{
	return tap->profile->name;
}

struct kspan_profile *kspan_tap_profile(const struct kspan_tap *tap)
{
	return tap->profile;
}

/* ------------------------------------------------------------------ stats */

#define KSPAN_TAP_COUNTER_NAME(id, name) [id] = name,
static const char *const counter_names[] = { KSPAN_TAP_COUNTERS(KSPAN_TAP_COUNTER_NAME) };
#undef KSPAN_TAP_COUNTER_NAME
static_assert(ARRAY_SIZE(counter_names) == KSPAN_NR_TAP_COUNTERS);

unsigned long kspan_tap_counter(const struct kspan_tap *tap, enum kspan_tap_counter id)
{
	unsigned long sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(per_cpu_ptr(tap->counters, cpu)->v[id]);
	return sum;
}
EXPORT_SYMBOL_FOR_TESTS(kspan_tap_counter);

void kspan_tap_show_stats(struct kspan_tap *tap, struct kspan_buf *buf)
{
	int i;

	mutex_lock(&kspan_tap_mutex);
	kspan_buf_printf(buf, "enabled %d\n", tap->enabled);
	kspan_profile_show_counters(tap->profile, buf);
	for (i = 0; i < KSPAN_NR_TAP_COUNTERS; i++)
		kspan_buf_printf(buf, "%s %lu\n", counter_names[i], kspan_tap_counter(tap, i));
	kspan_buf_printf(buf, "live_samples %lu\n", kspan_live_count(&tap->live));
	kspan_buf_printf(buf, "live_bytes %zu\n", kspan_live_bytes(&tap->live));
	kspan_profile_show_gauges(tap->profile, buf);
	kspan_hooks_show(tap->hooks, buf);
	mutex_unlock(&kspan_tap_mutex);
}

/* ------------------------------------------------------------------ all taps */

/* One that was asked for and cannot be is no reason to have none of kspan. */
static void start_wanted(struct kspan_tap *tap)
{
	int err = switch_tap(tap, tap->wanted);

	if (err)
		pr_err("the tap on %s cannot be switched on: error %d\n", kspan_tap_name(tap), err);
}

int kspan_taps_init(size_t max_bytes)
{
	int err, i;

	for (i = 0; i < ARRAY_SIZE(taps); i++) {
		err = taps[i]->init ? taps[i]->init() : 0;
		if (!err)
			err = kspan_profile_init(taps[i]->profile, max_bytes);
		if (err)
			goto fail;
		kspan_tap_init_late(taps[i]);
	}
	mutex_lock(&kspan_tap_mutex);
	ready = true;
	for (i = 0; i < ARRAY_SIZE(taps); i++)
		start_wanted(taps[i]);
	mutex_unlock(&kspan_tap_mutex);
	return 0;
fail:
	while (i--)
		kspan_profile_destroy(taps[i]->profile);
	return err;
}

void kspan_taps_exit(void)
{
	int i;

	mutex_lock(&kspan_tap_mutex);
	ready = false;
	for (i = 0; i < ARRAY_SIZE(taps); i++)
		switch_tap(taps[i], false);
	mutex_unlock(&kspan_tap_mutex);
	while (i--)
		kspan_profile_destroy(taps[i]->profile);
	kspan_tap_labels_exit();
}
