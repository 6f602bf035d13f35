// SPDX-License-Identifier: GPL-2.0
/*
 * The taps: switching them on and off, and what is done with an allocation that is a sample and
 * with the free of one. As on the allocator's own side, the order is that of the rule: the bucket
 * counts and its lock is dropped, then the sample is hung up by its address; on free it is taken
 * down first, and the bucket counts after that.
 *
 * The hooks are called from any context, in the middle of others' code, with preemption off. What
 * they allocate themselves is not looked at by any of the taps: a mark for each context of each
 * CPU (task, softirq, interrupt) says that a hook is at work there. An interrupt in the middle of
 * one has a mark of its own, so that its allocations are not lost. What they free may give a slab
 * back, whose pages another tap knows: a hook within a hook keeps what it would free. In NMI, and
 * in the middle of kspan while it holds a lock, nothing is done but counting.
 *
 * Locks: kspan_tap_mutex for switching, process context; kspan_bucket_mutex inside it.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/container_of.h>
#include <linux/cpumask.h>
#include <linux/ktime.h>
#include <linux/mutex.h>
#include <linux/preempt.h>
#include <linux/slab.h>

#include "compat.h"
#include "encode.h"
#include "lock.h"
#include "stack.h"
#include "tap.h"
#include "tap_hooks.h"
#include "tap_label.h"
#include "tap_slab.h"

static struct kspan_tap *const taps[] = { &kspan_slab_tap, &kspan_page_tap };

/*
 * How many hooks are at work, one in another: for task, softirq, hardirq, and what is entered as an
 * NMI is, as a probe that is a breakpoint.
 */
struct marks {
	u8 level[4];
};

static DEFINE_PER_CPU(struct marks, marks);

static DEFINE_MUTEX(kspan_tap_mutex);
static bool ready;			/* between init and exit; under kspan_tap_mutex */

/* ------------------------------------------------------------------ memory of the hooks */

static struct kspan_tap *tap_of(struct kspan_bucket_table *heap)
{
	return container_of(heap, struct kspan_tap, heap);
}

static void *bucket_new(struct kspan_bucket_table *heap, size_t size, gfp_t gfp)
{
	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		return kspan_pool_get(&tap_of(heap)->buckets, gfp);
	return kmalloc(size, gfp);
}

static void bucket_drop(struct kspan_bucket_table *heap, void *bucket)
{
	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		kspan_pool_put(&tap_of(heap)->buckets, bucket);
	else
		kfree(bucket);
}

static void date(struct kspan_bucket_table *heap)
{
	kspan_live_date(tap_of(heap));
}

/* ------------------------------------------------------------------ samples */

/* Preemption off. */
static u8 *mark(void)
{
	return &this_cpu_ptr(&marks)->level[interrupt_context_level()];
}

static void begin(u8 *at)
{
	WRITE_ONCE(*at, *at + 1);
	barrier();
}

static void end(u8 *at)
{
	barrier();
	WRITE_ONCE(*at, *at - 1);
}

bool kspan_tap_nested(void)
{
	return READ_ONCE(*mark()) > 1;
}

/* In the middle of kspan no lock may be taken. */
static bool refuse_nested(struct kspan_tap *tap)
{
	if (likely(!this_cpu_read(kspan_locked)))
		return false;
	kspan_tap_count(tap, KSPAN_TAP_NESTED);
	return true;
}

/* Nor in NMI. */
static bool refuse(struct kspan_tap *tap)
{
	if (likely(!in_nmi()))
		return refuse_nested(tap);
	kspan_tap_count(tap, KSPAN_TAP_NMI);
	return true;
}

/* Of a sample whose free was not seen. */
static void release(struct kspan_tap *tap, struct kspan_live *live)
{
	kspan_bucket_free(live->bucket, live->weight);
	kspan_live_drop(&tap->live, live);
}

static void release_freed(struct kspan_tap *tap, struct kspan_live *live)
{
	kspan_bucket_free_aged(live->bucket, live->weight, ktime_get_mono_fast_ns() - live->born);
	kspan_live_drop(&tap->live, live);
}

static void take_sample(struct kspan_tap *tap, const struct kspan_tap_alloc *alloc, u64 weight)
{
	gfp_t gfp = (alloc->gfp & __GFP_KSWAPD_RECLAIM) | __GFP_NOWARN;
	struct kspan_live *live, *stale = NULL;
	struct kspan_label *label;
	struct kspan_stack stack;

	kspan_stack_capture(&stack);
	label = tap->describe(alloc, &stack);
	if (!label)
		return;
	live = kspan_live_new(&tap->live, gfp);
	if (!live)
		goto dropped;
	live->addr = alloc->addr;
	live->weight = weight;
	live->born = ktime_get_mono_fast_ns();
	live->bucket = kspan_bucket_alloc(&tap->heap, &stack, alloc->size, label, weight, gfp);
	if (!live->bucket) {
		kspan_live_drop(&tap->live, live);
		goto dropped;
	}
	if (!kspan_live_add(&tap->live, live, &stale)) {
		release(tap, live);
		goto dropped;
	}
	if (stale) {
		kspan_tap_count(tap, KSPAN_TAP_MISSED_FREES);
		release(tap, stale);
	}
	kspan_tap_count(tap, KSPAN_TAP_SAMPLES);
	return;
dropped:
	kspan_tap_count(tap, KSPAN_TAP_DROPPED);
}

void kspan_tap_sample(struct kspan_tap *tap, const struct kspan_tap_alloc *alloc)
{
	u64 weight;
	u8 *at;

	if (unlikely(in_nmi())) {
		/* As if it had not been: the next point does not lie in this allocation. */
		this_cpu_add(tap->sampler->left, alloc->size);
		kspan_tap_count(tap, KSPAN_TAP_NMI);
		return;
	}
	if (!kspan_sampler_take(tap->sampler, &tap->rate, alloc->size, &weight))
		return;
	at = mark();
	if (*at || kspan_pool_refills() || refuse(tap))
		return;
	begin(at);
	take_sample(tap, alloc, weight);
	end(at);
}
EXPORT_SYMBOL_FOR_TESTS(kspan_tap_sample);

/* There is nothing at @addr any more: the sample there, if there is one, counts as @what. */
static void forget(struct kspan_tap *tap, unsigned long addr, enum kspan_tap_counter what)
{
	struct kspan_live *live;
	u8 *at = mark();

	begin(at);
	live = kspan_live_remove(&tap->live, addr);
	if (live) {
		kspan_tap_count(tap, what);
		if (what == KSPAN_TAP_FREES)
			release_freed(tap, live);
		else
			release(tap, live);
	}
	end(at);
}

void kspan_tap_known_freed(struct kspan_tap *tap, unsigned long addr)
{
	if (!refuse(tap))
		forget(tap, addr, KSPAN_TAP_FREES);
}
EXPORT_SYMBOL_FOR_TESTS(kspan_tap_known_freed);

/*
 * The same, from a kprobe on a function that nothing in NMI calls. A probe that is a breakpoint,
 * as all are for a moment, and those for good that cannot be a jump, is entered as an NMI is.
 */
void kspan_tap_known_freed_probed(struct kspan_tap *tap, unsigned long addr)
{
	if (!refuse_nested(tap))
		forget(tap, addr, KSPAN_TAP_FREES);
}

/* An object was handed out at an address that may be known: if it is, its free was missed. */
void kspan_tap_known_again(struct kspan_tap *tap, unsigned long addr)
{
	if (!refuse(tap))
		forget(tap, addr, KSPAN_TAP_MISSED_FREES);
}
EXPORT_SYMBOL_FOR_TESTS(kspan_tap_known_again);

/* What is at @addr will be told of once more, in parts: the sample there never was. */
void kspan_tap_known_undone(struct kspan_tap *tap, unsigned long addr)
{
	struct kspan_live *live;
	u8 *at = mark();

	if (refuse(tap))
		return;
	begin(at);
	live = kspan_live_remove(&tap->live, addr);
	if (live) {
		/* What a reset has forgotten is not taken out of what came after. */
		if (live->born >= kspan_profile_start_ns(&tap->heap))
			kspan_bucket_undo(live->bucket, live->weight);
		else
			kspan_bucket_free(live->bucket, live->weight);
		kspan_live_drop(&tap->live, live);
	}
	end(at);
}

/* ------------------------------------------------------------------ control */

static int start(struct kspan_tap *tap)
{
	int err = kspan_live_start(&tap->live);

	if (err)
		return err;
	err = kspan_pool_start(&tap->buckets);
	if (err)
		goto no_pool;
	kspan_rate_set(&tap->rate, tap->sampler, kspan_tap_sample_bytes(tap));
	if (tap->prepare && !tap->prepared)
		tap->prepare();
	tap->prepared = true;
	err = kspan_hooks_in(tap->hooks);
	if (!err)
		return 0;
	kspan_pool_stop(&tap->buckets);
no_pool:
	kspan_live_stop(tap, release);
	return err;
}

/* What is live is not known any more from here on, and the profile has nothing in use. */
static void stop(struct kspan_tap *tap)
{
	kspan_hooks_out(tap->hooks);
	kspan_pool_stop(&tap->buckets);
	kspan_live_stop(tap, release);
}

/*
 * Puts the hooks in (1) or takes them out (0). Process context; 0 or an errno: -ENODEV before the
 * module has started and once it leaves, which a file of sysfs may be written in.
 */
int kspan_tap_enable(struct kspan_tap *tap, u64 value)
{
	int err = 0;

	if (value > 1)
		return -EINVAL;
	mutex_lock(&kspan_tap_mutex);
	if (!ready) {
		err = -ENODEV;
	} else if (value && !tap->enabled) {
		kspan_profile_reset(&tap->heap);
		err = start(tap);
	} else if (!value && tap->enabled) {
		stop(tap);
	}
	if (!err)
		WRITE_ONCE(tap->enabled, value);
	mutex_unlock(&kspan_tap_mutex);
	return err;
}
EXPORT_SYMBOL_FOR_TESTS(kspan_tap_enable);

bool kspan_tap_enabled(const struct kspan_tap *tap)
{
	return READ_ONCE(tap->enabled);
}
EXPORT_SYMBOL_FOR_TESTS(kspan_tap_enabled);

/* As kspan_set_sample_bytes(), for a tap. */
int kspan_tap_set_sample_bytes(struct kspan_tap *tap, u64 bytes)
{
	if (bytes > KSPAN_SAMPLE_BYTES_MAX)
		return -EINVAL;
	mutex_lock(&kspan_tap_mutex);
	kspan_rate_set(&tap->rate, tap->sampler, bytes);
	mutex_unlock(&kspan_tap_mutex);
	return 0;
}
EXPORT_SYMBOL_FOR_TESTS(kspan_tap_set_sample_bytes);

u64 kspan_tap_sample_bytes(const struct kspan_tap *tap)
{
	return READ_ONCE(tap->rate.mean);
}
EXPORT_SYMBOL_FOR_TESTS(kspan_tap_sample_bytes);

#define KSPAN_TAP_COUNTER_NAME(id, name) [id] = name,
static const char *const counter_names[] = { KSPAN_TAP_COUNTERS(KSPAN_TAP_COUNTER_NAME) };
#undef KSPAN_TAP_COUNTER_NAME
static_assert(ARRAY_SIZE(counter_names) == KSPAN_TAP_NR_COUNTERS);

unsigned long kspan_tap_counter_sum(const struct kspan_tap *tap, enum kspan_tap_counter id)
{
	unsigned long sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(per_cpu_ptr(tap->counters, cpu)->v[id]);
	return sum;
}
EXPORT_SYMBOL_FOR_TESTS(kspan_tap_counter_sum);

void kspan_tap_stats_show(struct kspan_tap *tap, struct kspan_buf *buf)
{
	size_t live, buckets = kspan_bucket_bytes(&tap->heap);
	int i;

	mutex_lock(&kspan_tap_mutex);
	live = kspan_live_bytes(&tap->live);
	kspan_buf_printf(buf, "enabled %d\n", tap->enabled);
	for (i = 0; i < KSPAN_TAP_NR_COUNTERS; i++)
		kspan_buf_printf(buf, "%s %lu\n", counter_names[i],
				 kspan_tap_counter_sum(tap, i));
	kspan_buf_printf(buf, "live_samples %lu\n", kspan_live_count(&tap->live));
	kspan_buf_printf(buf, "buckets %lu\n", kspan_bucket_count(&tap->heap));
	kspan_buf_printf(buf, "live_bytes %zu\n", live);
	kspan_buf_printf(buf, "bucket_bytes %zu\n", buckets);
	kspan_buf_printf(buf, "metadata_bytes %zu\n", live + buckets);
	kspan_hooks_show(tap->hooks, buf);
	mutex_unlock(&kspan_tap_mutex);
}

static int init_tap(struct kspan_tap *tap, unsigned long max_bytes)
{
	struct kspan_bucket_table *heap = &tap->heap;

	heap->rate = &tap->rate;
	heap->new = bucket_new;
	heap->drop = bucket_drop;
	heap->date = date;
	tap->buckets.size = struct_size((struct kspan_bucket *)0, frames, KSPAN_MAX_FRAMES);
	kspan_sampler_seed(tap->sampler);
	kspan_raw_spin_lock_init(&heap->lock, "kspan_tap_bucket_lock");
	return kspan_bucket_table_init(heap, max_bytes);
}

/* The taps and what they share; at most @max_bytes of buckets for each. */
int kspan_tap_init(unsigned long max_bytes)
{
	int err, i;

	err = kspan_tap_label_init();
	if (err)
		return err;
	err = kspan_slab_init();
	if (err)
		goto no_slab;
	for (i = 0; i < ARRAY_SIZE(taps); i++) {
		err = init_tap(taps[i], max_bytes);
		if (err)
			goto no_tap;
	}
	mutex_lock(&kspan_tap_mutex);
	ready = true;
	mutex_unlock(&kspan_tap_mutex);
	return 0;
no_tap:
	while (i--)
		kspan_bucket_table_exit(&taps[i]->heap);
no_slab:
	kspan_tap_label_exit();
	return err;
}

void kspan_tap_exit(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(taps); i++)
		kspan_tap_enable(taps[i], 0);
	mutex_lock(&kspan_tap_mutex);
	ready = false;
	mutex_unlock(&kspan_tap_mutex);
	/* In the opposite order. */
	while (i--)
		kspan_bucket_table_exit(&taps[i]->heap);
	kspan_tap_label_exit();
}
