// SPDX-License-Identifier: GPL-2.0
/*
 * Reports of what is left behind. A cache that is destroyed knows exactly how many objects are
 * left in it, and the profile knows where those that are samples came from. When none is one, the
 * report says which rate would have shown them. When a module leaves it is told of the caches
 * that it has not destroyed, and of sampled objects that its functions allocated and that are in
 * use still: these may belong to somebody else by now, so this is a notice and no report.
 *
 * What has been told of once is not told of again, so that the exit function of a module that
 * destroys its cache too early does not lead to two reports.
 *
 * Process context. Takes kspan_cache_mutex and kspan_bucket_mutex, one after the other.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/math64.h>
#include <linux/module.h>
#include <linux/notifier.h>
#include <linux/printk.h>
#include <linux/string.h>

#include "api/deferred.h"
#include "api/leak.h"
#include "base/buf.h"
#include "base/compat.h"
#include "base/report.h"
#include "heap/cache.h"
#include "profile/bucket.h"
#include "profile/label.h"
#include "profile/sample.h"
#include "profile/snapshot.h"
#include "profile/symbol.h"

/* The profile has all stacks; the log is for the first ones. */
#define STACKS_SHOWN	16

/* ------------------------------------------------------------------ stacks */

/* What a walk over the buckets is for: those of a cache, or those of a module's own functions. */
struct show {
	struct kspan_buf *buf;
	const struct kspan_label *label;
	const char *module;
	unsigned int stacks;		/* to be told of */
	unsigned int before;		/* told of before */
};

static void show_stack(struct kspan_buf *buf, const struct kspan_bucket *bucket)
{
	unsigned int i;

	if (!bucket->nr_frames)
		kspan_buf_puts(buf, "  unknown\n");
	for (i = 0; i < bucket->nr_frames; i++) {
		const struct kspan_symbol *sym = bucket->symbols ? bucket->symbols[i] : NULL;
		unsigned long addr = bucket->frames[i] + 1;

		kspan_buf_puts(buf, "  ");
		if (!sym || !sym->start) {
			kspan_buf_printf(buf, "0x%lx\n", addr);
			continue;
		}
		kspan_buf_put_field(buf, sym->name);
		kspan_buf_printf(buf, "+0x%lx", addr - sym->start);
		if (strcmp(sym->module, KSPAN_VMLINUX))
			kspan_buf_printf(buf, " [%s]", sym->module);
		kspan_buf_puts(buf, "\n");
	}
}

static bool is_meant(const struct show *show, const struct kspan_bucket *bucket)
{
	if (show->label)
		return bucket->label == show->label;
	/* Its text leaves now, or left when it had started: the names stay. */
	return bucket->gone && bucket->symbols && bucket->nr_frames &&
	       !strcmp(bucket->symbols[0]->module, show->module);
}

static bool show_bucket(struct kspan_bucket *bucket, u64 untold, void *arg)
	kspan_must_hold_mutex(&kspan_bucket_mutex)
{
	struct show *show = arg;

	if (!is_meant(show, bucket))
		return false;
	if (!untold) {
		show->before++;
		return false;
	}
	if (show->stacks++ < STACKS_SHOWN) {
		/* Without memory for its names, or when they are lost, addresses have to do. */
		if (!bucket->gone)
			kspan_bucket_resolve(bucket);
		kspan_buf_printf(show->buf, "about %llu of %u bytes in cache %s, allocated at:\n",
				 (untold + KSPAN_WEIGHT_ONE / 2) >> KSPAN_WEIGHT_SHIFT,
				 bucket->slot_size, bucket->label->name);
		show_stack(show->buf, bucket);
	}
	return true;
}

static void show_stacks(struct show *show)
{
	kspan_bucket_walk(show_bucket, show);
	if (show->stacks > STACKS_SHOWN)
		kspan_buf_printf(show->buf, "and %u more stacks, which are in the profile\n",
				 show->stacks - STACKS_SHOWN);
}

/* ------------------------------------------------------------------ caches */

/*
 * The mean at which at least one of so many objects would have been a sample in 19 runs of 20:
 * the probability that none is one is exp(-bytes / mean), and exp(-3) is below one in twenty.
 */
static u64 rate_that_shows(const struct kspan_left *left)
{
	u32 size = left->slot_size ?: KSPAN_MAX_CLASS_SIZE;

	return clamp_t(u64, (u64)left->objects * size / 3, 1, KSPAN_SAMPLE_BYTES_MAX);
}

/* @before: some were, of which a report has told, or of a cache of that name that is gone. */
static void show_none(struct kspan_buf *buf, const struct kspan_left *left, bool before)
{
	u64 mean = kspan_sample_bytes(), better = rate_that_shows(left);

	if (left->not_profiled) {
		kspan_buf_puts(buf, "none of them was sampled: the cache has KSPAN_NO_PROFILE\n");
		return;
	}
	kspan_buf_printf(buf, "none of them was sampled%s at sample_bytes=%llu: ",
			 before ? " but those told of before," : "", mean);
	if (better > 1 && (!mean || better < mean))
		kspan_buf_printf(buf, "with %llu at least one of as many is in 19 runs of 20, ",
				 better);
	kspan_buf_puts(buf, "with sample_bytes=1 each is\n");
}

/**
 * kspan_leak_show_cache() - who allocated what is left in a cache
 * @buf: where to; appended
 * @left: what is left
 *
 * The stacks that sampled objects came from, or one line that says why there is none.
 *
 * Context: process context, may sleep; takes kspan_bucket_mutex.
 */
void kspan_leak_show_cache(struct kspan_buf *buf, const struct kspan_left *left)
{
	struct show show = { .buf = buf, .label = left->label };

	show_stacks(&show);
	if (!show.stacks)
		show_none(buf, left, show.before);
}
EXPORT_SYMBOL_FOR_TESTS(kspan_leak_show_cache);

/* A line is one message, so that each has its prefix and none is cut. @report: of a mistake. */
static void print(struct kspan_buf *buf, bool report)
{
	char *text, *line;

	kspan_buf_append(buf, "", 1);
	if (buf->err) {
		pr_err("no memory to say where they came from\n");
		return;
	}
	text = buf->data;
	while ((line = strsep(&text, "\n")) && *line) {
		if (report)
			pr_err("%s\n", line);
		else
			pr_warn("%s\n", line);
	}
}

static void report_where(const struct kspan_left *left)
{
	struct kspan_buf buf = {};

	kspan_leak_show_cache(&buf, left);
	print(&buf, true);
	kspan_buf_free(&buf);
}

/**
 * kspan_leak_of_cache() - report that a cache was destroyed with objects in use
 * @left: what is left
 *
 * Context: process context, may sleep; takes kspan_bucket_mutex.
 */
void kspan_leak_of_cache(const struct kspan_left *left)
{
	if (kspan_report(KSPAN_CACHES_LEFT, left->addr,
			 "cache %.60s destroyed with %lu objects in use%s%s", left->label->name,
			 left->objects, left->creator ? ", created by module " : "",
			 left->creator ?: ""))
		report_where(left);
}

/* ------------------------------------------------------------------ modules */

/**
 * kspan_leak_show_module() - what functions of a module that has left allocated, and is in use
 * @buf: where to; appended
 * @name: of the module
 *
 * Context: process context, may sleep; takes kspan_bucket_mutex.
 */
void kspan_leak_show_module(struct kspan_buf *buf, const char *name)
{
	struct show show = { .buf = buf, .module = name };

	show_stacks(&show);
}
EXPORT_SYMBOL_FOR_TESTS(kspan_leak_show_module);

static bool find_any(struct kspan_bucket *bucket, u64 untold, void *arg)
{
	struct show *show = arg;

	show->stacks += untold && is_meant(show, bucket);
	return false;
}

/* Is anything in use that was not told of, not counting what waits for a grace period? */
static bool any_in_use(const char *name)
{
	struct show show = { .module = name };

	kspan_bucket_walk(find_any, &show);
	if (!show.stacks)
		return false;
	kspan_rcu_flush();
	show.stacks = 0;
	kspan_bucket_walk(find_any, &show);
	return show.stacks;
}

/**
 * kspan_leak_of_module() - say what a module leaves behind
 * @mod: the module, whose exit function has run
 *
 * Context: process context, may sleep; takes kspan_cache_mutex and kspan_bucket_mutex.
 */
void kspan_leak_of_module(const struct module *mod)
{
	struct kspan_buf buf = {};
	struct kspan_left left;

	while (kspan_cache_left_by(mod, &left)) {
		if (kspan_report(KSPAN_CACHES_LEFT, left.addr,
				 "cache %.60s with %lu objects in use was not destroyed by module %s",
				 left.label->name, left.objects, mod->name) && left.objects)
			report_where(&left);
		kspan_label_put(left.label);
	}
	if (!any_in_use(mod->name))
		return;
	kspan_leak_show_module(&buf, mod->name);
	pr_warn("module %s has left, and objects that it allocated are in use:\n", mod->name);
	print(&buf, false);
	kspan_buf_free(&buf);
}
EXPORT_SYMBOL_FOR_TESTS(kspan_leak_of_module);

static int module_event(struct notifier_block *nb, unsigned long action, void *data)
{
	if (action == MODULE_STATE_GOING)
		kspan_leak_of_module(data);
	return NOTIFY_OK;
}

/* After that of the buckets, which gives the stacks their names. */
static struct notifier_block module_notifier = { .notifier_call = module_event, .priority = -1 };

int kspan_leak_init(void)
{
	return register_module_notifier(&module_notifier);
}

void kspan_leak_exit(void)
{
	unregister_module_notifier(&module_notifier);
}
