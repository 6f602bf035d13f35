// SPDX-License-Identifier: GPL-2.0
/*
 * Parameters, the task that works kspan on one CPU, and what a handler does in the middle of
 * that. How one comes to be called is the parameter by: tracepoint, kprobe or nmi. The task has
 * so many rounds to do, and more until handlers have been called where that is of interest; then
 * the parameter done reads Y. When the module is removed it prints what happened:
 *
 *	kspan_recursion: count NAME N
 *	kspan_recursion: error: what was wrong
 *	kspan_recursion: done, N errors
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/llist.h>
#include <linux/module.h>
#include <linux/prandom.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/string.h>

#include <kspan/kspan.h>

#include "recursion.h"

static char *by = "tracepoint";
module_param(by, charp, 0);
MODULE_PARM_DESC(by, "how handlers are called: tracepoint, kprobe or nmi");

static unsigned long rounds = 1000;
module_param(rounds, ulong, 0);
MODULE_PARM_DESC(rounds, "of the task, at least (default 1000)");

static bool done;
module_param(done, bool, 0444);
MODULE_PARM_DESC(done, "whether the task has done them");

#define NR_HOARD	256
#define OBJECT_SIZE	40

/*
 * No array of a CPU holds objects of this one: each allocation and free takes the node's lock,
 * in the task and in the handlers.
 */
static struct kspan_cache *cache;

/* Objects for handlers to free; those whose free was refused go to the worker. */
static void *hoard[NR_HOARD];
static LLIST_HEAD(returned);	/* linked by their first word */

static struct task_struct *worker;
static unsigned long worked;	/* rounds */
static atomic_long_t handlers, in_nmis, got, refused, freed, kept, special, no_special;
static atomic_t errors;
static atomic_long_t due;	/* finalizers and cleanups that have yet to run */

static const struct way {
	const char *name;
	int (*start)(void);
	void (*stop)(void);
	bool (*enough)(void);	/* what is left to chance has happened */
} ways[] = {
	{ "tracepoint", recursion_tracepoints_start, recursion_tracepoints_stop,
	  recursion_tracepoints_enough },
	{ "kprobe", recursion_kprobes_start, recursion_kprobes_stop, recursion_kprobes_enough },
	{ "nmi", recursion_nmi_start, recursion_nmi_stop, recursion_nmi_enough },
};

static const struct way *way;

static void finalize(void *obj, void *arg)
{
	atomic_long_dec(&due);
}

static void clean(void *arg)
{
	atomic_long_dec(&due);
}

static void count_special(int err)
{
	if (err) {
		atomic_long_inc(&no_special);
		return;
	}
	atomic_long_inc(&special);
	atomic_long_inc(&due);
}

/* Every record on an object of one's own, and some off again. */
static void add_specials(void *obj)
{
	struct kspan_weak *weak;

	count_special(kspan_set_finalizer(obj, finalize, NULL, GFP_ATOMIC));
	if (kspan_clear_finalizer(obj))
		atomic_long_dec(&due);
	count_special(kspan_add_cleanup(obj, clean, NULL, GFP_ATOMIC));
	weak = kspan_weak_get(obj, GFP_ATOMIC);
	if (!IS_ERR(weak))
		kspan_weak_put(weak);
}

/* Frees an object, unless that is refused. */
static void drop(void *obj, unsigned int how)
{
	switch (how % 3) {
	case 0:
		kspan_free(obj);
		break;
	case 1:
		kspan_free_rcu(obj);
		break;
	default:
		kspan_free_sensitive(obj);
	}
	if (!in_nmi()) {
		atomic_long_inc(&freed);
		return;
	}
	/* What NMI was refused is still allocated, and nobody else knows of it. */
	atomic_long_inc(&kept);
	llist_add(obj, &returned);
}

void recursion_nest(void)
{
	unsigned int how = atomic_long_inc_return(&handlers);
	static const size_t sizes[] = { 8, 192, 3000, 100000 };
	void *mine, *obj, *other;

	/*
	 * What is freed here may be left to kspan's workers, who come by the same probes when they
	 * free it: that must come to an end.
	 */
	if (in_task() && current->flags & PF_WQ_WORKER && how % 128)
		return;
	mine = xchg(&hoard[how % NR_HOARD], NULL);
	if (in_nmi())
		atomic_long_inc(&in_nmis);
	obj = how % 2 ? kspan_cache_alloc(cache, GFP_ATOMIC)
		      : kspan_alloc(sizes[how / 2 % ARRAY_SIZE(sizes)], GFP_ATOMIC);
	atomic_long_inc(obj ? &got : &refused);
	if (obj) {
		memset(obj, 0x5a, 8);
		add_specials(obj);
		other = kspan_realloc(obj, 200, GFP_ATOMIC);
		kspan_free(other ?: obj);
	}
	if (mine) {
		if (!kspan_owns(mine))
			atomic_inc(&errors);
		add_specials(mine);
		drop(mine, how);
	}
}

static void drop_returned(void)
{
	struct llist_node *list = llist_del_all(&returned), *next;

	for (; list; list = next) {
		next = list->next;
		kspan_free(list);
	}
}

/* One round of everything that has slow paths. */
static void work_once(struct rnd_state *rnd)
{
	static void *objs[20];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(objs); i++) {
		objs[i] = i % 2 ? kspan_cache_alloc(cache, GFP_KERNEL)
				: kspan_alloc(1 + prandom_u32_state(rnd) % 5000, GFP_KERNEL);
		if (objs[i] && i % 3 == 0)
			add_specials(objs[i]);
		/* What handlers have freed is replaced. */
		if (!READ_ONCE(hoard[(worked * 8 + i) % NR_HOARD])) {
			void *new = kspan_cache_alloc(cache, GFP_KERNEL);

			if (new && cmpxchg(&hoard[(worked * 8 + i) % NR_HOARD], NULL, new))
				kspan_free(new);
		}
	}
	for (i = 0; i < ARRAY_SIZE(objs); i++)
		drop(objs[i], i);
	drop_returned();
	kspan_free(kspan_alloc(100000, GFP_KERNEL));
	if (++worked % 32 == 0) {
		kspan_cache_shrink(cache);
		kspan_flush_finalizers();
	}
}

static int work(void *unused)
{
	struct rnd_state rnd;

	prandom_seed_state(&rnd, 1);
	while (!kthread_should_stop()) {
		if (worked >= rounds && way->enough()) {
			WRITE_ONCE(done, true);
			schedule_timeout_interruptible(HZ / 100 + 1);
			continue;
		}
		work_once(&rnd);
		/* Also where cond_resched() is nothing: removing a kprobe waits for this. */
		cond_resched_tasks_rcu_qs();
	}
	return 0;
}

static void free_all(void)
{
	int i;

	for (i = 0; i < NR_HOARD; i++)
		kspan_free(hoard[i]);
	drop_returned();
	kspan_flush_finalizers();
	if (atomic_long_read(&due)) {
		atomic_inc(&errors);
		pr_err("error: %ld finalizers and cleanups did not run\n", atomic_long_read(&due));
	}
	kspan_cache_destroy(cache);
	for (i = 0; i < KSPAN_NR_CLASSES; i++)
		kspan_cache_shrink(kspan_class_cache[i]);
}

static int __init recursion_init(void)
{
	int err, i;

	for (i = 0; i < ARRAY_SIZE(ways); i++)
		if (sysfs_streq(by, ways[i].name))
			way = &ways[i];
	if (!way)
		return -EINVAL;
	err = recursion_find_kspan();
	if (err)
		return err;
	cache = kspan_cache_create("recursion", OBJECT_SIZE, 0, KSPAN_RED_ZONE, NULL);
	if (!cache)
		return -ENOMEM;
	for (i = 0; i < NR_HOARD; i++)
		hoard[i] = kspan_cache_alloc(cache, GFP_KERNEL);
	err = way->start();
	if (err) {
		free_all();
		return err;
	}
	/* The CPU that NMIs are sent to. */
	worker = kthread_create(work, NULL, "kspan_recursion");
	if (IS_ERR(worker)) {
		way->stop();
		free_all();
		return PTR_ERR(worker);
	}
	kthread_bind(worker, 0);
	wake_up_process(worker);
	return 0;
}

static void print(const char *name, long count)
{
	pr_info("count %s %ld\n", name, count);
}

static void __exit recursion_exit(void)
{
	kthread_stop(worker);
	way->stop();
	free_all();
	print("rounds", worked);
	print("handlers", atomic_long_read(&handlers));
	print("in-nmi", atomic_long_read(&in_nmis));
	print("allocated", atomic_long_read(&got));
	print("refused", atomic_long_read(&refused));
	print("freed", atomic_long_read(&freed));
	print("kept", atomic_long_read(&kept));
	print("specials", atomic_long_read(&special));
	print("no-specials", atomic_long_read(&no_special));
	pr_info("done, %d errors\n", atomic_read(&errors));
}

module_init(recursion_init);
module_exit(recursion_exit);
MODULE_DESCRIPTION("Calls of kspan from the middle of kspan");
MODULE_LICENSE("GPL");
