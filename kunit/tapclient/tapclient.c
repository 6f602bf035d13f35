// SPDX-License-Identifier: GPL-2.0
/*
 * A module that knows nothing of kspan: known numbers of objects of known sizes from known
 * functions through each of the kernel's ways to allocate, so that what the tap says of them can
 * be compared with what is true. scripts/tests/tap has the same numbers.
 *
 * It does so when it is loaded; of each kind some are freed at once and the rest when it is
 * unloaded. With leak=N it loses N kilobytes a second instead, in objects of 1000 bytes, for as
 * long as it is loaded.
 */
#include <linux/jiffies.h>
#include <linux/kmemleak.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/vmalloc.h>

#define NR_KEPT		300
#define NR_ALL		500
#define NR_BULK		64
#define NR_LARGE	3
#define NR_VMALLOC	2
#define NR_PAGES	64

static unsigned int leak;
module_param(leak, uint, 0);
MODULE_PARM_DESC(leak, "kilobytes a second to lose");

struct waiting {
	struct rcu_head rcu;
	char data[112];
};

static void *plain[NR_ALL], *variable[NR_ALL], *cached[NR_ALL], *bulk[NR_BULK], *copies[NR_ALL];
static void *large[NR_LARGE], *mapped[NR_VMALLOC];
static struct page *pages[NR_PAGES], *blocks[NR_PAGES], *many[NR_PAGES];
static void *areas[2];
static struct waiting *waiting[NR_ALL];
static struct kmem_cache *cache;
static struct task_struct *leaker;

static noinline void tap_kmalloc(void)
{
	int i;

	for (i = 0; i < NR_ALL; i++)
		plain[i] = kmalloc(192, GFP_KERNEL);
	for (i = NR_KEPT; i < NR_ALL; i++)
		kfree(plain[i]);
}

/* Of a size that the compiler does not know. */
static noinline void tap_kzalloc(size_t size)
{
	int i;

	for (i = 0; i < NR_ALL; i++)
		variable[i] = kzalloc(size, GFP_KERNEL);
	for (i = NR_KEPT; i < NR_ALL; i++)
		kfree(variable[i]);
}

static noinline void tap_cache(void)
{
	int i;

	for (i = 0; i < NR_ALL; i++)
		cached[i] = kmem_cache_alloc(cache, GFP_KERNEL);
	for (i = NR_KEPT; i < NR_ALL; i++)
		kmem_cache_free(cache, cached[i]);
}

static noinline int tap_bulk(void)
{
	int nr = kmem_cache_alloc_bulk(cache, GFP_KERNEL, NR_BULK, bulk);

	if (nr != NR_BULK)
		return -ENOMEM;
	kmem_cache_free_bulk(cache, NR_BULK / 4, bulk + 3 * NR_BULK / 4);
	return 0;
}

static noinline void tap_strdup(void)
{
	int i;

	for (i = 0; i < NR_ALL; i++)
		copies[i] = kstrdup("thirteen char", GFP_KERNEL);
	for (i = NR_KEPT; i < NR_ALL; i++)
		kfree(copies[i]);
}

static noinline void tap_rcu(void)
{
	int i;

	for (i = 0; i < NR_ALL; i++)
		waiting[i] = kmalloc(sizeof(*waiting[i]), GFP_KERNEL);
	for (i = NR_KEPT; i < NR_ALL; i++)
		kfree_rcu(waiting[i], rcu);
}

static noinline void tap_large(void)
{
	int i;

	for (i = 0; i < NR_LARGE; i++)
		large[i] = kmalloc(100000, GFP_KERNEL);
	kfree(large[NR_LARGE - 1]);
}

/* More than kmalloc() gives, so that it comes from vmalloc(). */
static noinline void tap_kvmalloc(void)
{
	int i;

	for (i = 0; i < NR_VMALLOC; i++)
		mapped[i] = kvmalloc(KMALLOC_MAX_SIZE + 1, GFP_KERNEL);
	kvfree(mapped[NR_VMALLOC - 1]);
}

/* Pages, of which a quarter is freed at once. */
static noinline void tap_pages(void)
{
	int i;

	for (i = 0; i < NR_PAGES; i++)
		pages[i] = alloc_page(GFP_KERNEL);
	for (i = 0; i < NR_PAGES / 4; i++)
		__free_page(pages[i]);
}

static noinline void tap_blocks(void)
{
	int i;

	for (i = 0; i < NR_PAGES; i++)
		blocks[i] = alloc_pages(GFP_KERNEL | __GFP_COMP, 3);
	for (i = 0; i < NR_PAGES / 4; i++)
		__free_pages(blocks[i], 3);
}

/* At once; the first calls may give one each. */
static noinline int tap_page_bulk(void)
{
	int nr = 0, i;

	for (i = 0; i < NR_PAGES && nr < NR_PAGES; i++)
		nr = alloc_pages_bulk_array(GFP_KERNEL, NR_PAGES, many);
	if (nr < NR_PAGES)
		return -ENOMEM;
	for (i = 0; i < NR_PAGES / 4; i++)
		__free_page(many[i]);
	return 0;
}

static noinline void tap_vmalloc(void)
{
	areas[0] = vmalloc(100 * PAGE_SIZE);
	areas[1] = vmalloc(50 * PAGE_SIZE);
	vfree(areas[0]);
}

static noinline void tap_leak(void)
{
	unsigned int i;

	for (i = 0; i < leak; i++)
		/* Lost on purpose. */
		kmemleak_ignore(kmalloc(1000, GFP_KERNEL));
}

/* By the clock: what a busy machine was late with is lost later. */
static int leak_all_the_time(void *unused)
{
	unsigned long next = jiffies;
	long left;

	while (!kthread_should_stop()) {
		tap_leak();
		next += HZ;
		left = next - jiffies;
		if (left > 0)
			schedule_timeout_interruptible(left);
		cond_resched();
	}
	return 0;
}

static void construct(void *obj)
{
}

static int __init tapclient_init(void)
{
	size_t size = 700;

	if (leak) {
		leaker = kthread_run(leak_all_the_time, NULL, "tapclient");
		return PTR_ERR_OR_ZERO(leaker);
	}
	/* With a constructor, lest it be merged with another cache. */
	cache = kmem_cache_create("tap_objects", 72, 0, 0, construct);
	if (!cache)
		return -ENOMEM;
	OPTIMIZER_HIDE_VAR(size);
	tap_kmalloc();
	tap_kzalloc(size);
	tap_cache();
	tap_strdup();
	tap_rcu();
	tap_large();
	tap_kvmalloc();
	tap_pages();
	tap_blocks();
	tap_vmalloc();
	return tap_bulk() ?: tap_page_bulk();
}

static void __exit tapclient_exit(void)
{
	int i;

	if (leaker) {
		kthread_stop(leaker);
		return;
	}
	for (i = 0; i < NR_KEPT; i++) {
		kfree(plain[i]);
		kfree(variable[i]);
		kmem_cache_free(cache, cached[i]);
		kfree(copies[i]);
		kfree_rcu(waiting[i], rcu);
	}
	kmem_cache_free_bulk(cache, 3 * NR_BULK / 4, bulk);
	for (i = 0; i < NR_LARGE - 1; i++)
		kfree(large[i]);
	for (i = 0; i < NR_VMALLOC - 1; i++)
		kvfree(mapped[i]);
	for (i = NR_PAGES / 4; i < NR_PAGES; i++) {
		__free_page(pages[i]);
		__free_pages(blocks[i], 3);
		__free_page(many[i]);
	}
	vfree(areas[1]);
	kmem_cache_destroy(cache);
	rcu_barrier();
}

module_init(tapclient_init);
module_exit(tapclient_exit);
MODULE_DESCRIPTION("Known allocations from the kernel's own allocator");
MODULE_LICENSE("GPL");
