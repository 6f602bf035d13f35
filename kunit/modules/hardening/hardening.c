// SPDX-License-Identifier: GPL-2.0
/*
 * A client of kspan that does, when it is loaded, what do=NAME says: what a user must not do and
 * kspan's module parameters are to find, or what must work all the same with them. It is not
 * loaded, with EINVAL, when something was not as it should be. scripts/guest-tests/hardening.sh
 * knows what the log must say.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/debugfs.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/log2.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/topology.h>
#include <linux/uaccess.h>

#include <kspan/kspan.h>

#include "object_file.h"
#include "shimmed.h"

static char *what = "";
module_param_named(do, what, charp, 0);
MODULE_PARM_DESC(do, "what to do");

#define expect(condition)						\
({									\
	bool __ok = (condition);					\
									\
	if (!__ok)							\
		pr_err("error: line %d: %s\n", __LINE__, #condition);	\
	__ok;								\
})

/* ---- What must work ------------------------------------------------------------------ */

/* All that may be used: where the compiler knows of less, fortified functions would stop it. */
static void fill(void *obj, u8 byte)
{
	OPTIMIZER_HIDE_VAR(obj);
	memset(obj, byte, kspan_size(obj));
}

static bool stays_inside(size_t size)
{
	u8 *obj = kspan_zalloc(size, GFP_KERNEL), *more;
	bool ok;

	if (!expect(obj))
		return false;
	ok = expect(kspan_owns(obj) && kspan_owns(obj + size - 1) && kspan_size(obj) >= size) &&
	     expect(!memchr_inv(obj, 0, size)) &&
	     expect(IS_ALIGNED((unsigned long)obj, is_power_of_2(size) ? size : sizeof(long)));
	fill(obj, 0x11);
	more = kspan_realloc(obj, size + size / 2, GFP_KERNEL);
	if (!expect(more))
		return false;
	ok = ok && expect(!memchr_inv(more, 0x11, size));
	fill(more, 0x22);
	/* A smaller size is the same object, all of which is still its owner's. */
	obj = kspan_realloc(more, size, GFP_KERNEL);
	ok = ok && expect(obj == more);
	fill(obj, 0x33);
	kspan_free(obj);
	return ok;
}

static bool all_sizes(void)
{
	size_t size;

	for (size = 1; size <= 200000; size += 1 + size / 16)
		if (!stays_inside(size))
			return false;
	for (size = 1; size <= KMALLOC_MAX_SIZE / 2; size *= 2)
		if (!stays_inside(size))
			return false;
	return true;
}

static bool bulk_and_rcu(void)
{
	struct kspan_cache *cache = kspan_cache_create("hardening", 120, 64, 0, NULL);
	void *objs[100];
	int round, i;
	bool ok = true;

	if (!expect(cache))
		return false;
	for (round = 0; round < 4 && ok; round++) {
		ok = expect(kspan_cache_alloc_bulk(cache, GFP_KERNEL, ARRAY_SIZE(objs), objs) ==
			    ARRAY_SIZE(objs));
		for (i = 0; ok && i < ARRAY_SIZE(objs); i++) {
			ok = expect(IS_ALIGNED((unsigned long)objs[i], 64)) &&
			     expect(kspan_size(objs[i]) == 120);
			memset(objs[i], i, 120);
		}
		for (i = 0; ok && i < ARRAY_SIZE(objs); i++)
			ok = expect(!memchr_inv(objs[i], i, 120));
		if (round % 2)
			kspan_cache_free_bulk(cache, ARRAY_SIZE(objs), objs);
		else
			for (i = 0; i < ARRAY_SIZE(objs); i++)
				kspan_free_rcu(objs[i]);
	}
	kspan_cache_destroy(cache);
	return ok;
}

static bool do_stay(void)
{
	return all_sizes() && bulk_and_rcu();
}

/* ---- What must be found -------------------------------------------------------------- */

static noinline u8 *hardening_allocates(size_t size)
{
	u8 *obj = kspan_alloc(size, GFP_KERNEL);

	OPTIMIZER_HIDE_VAR(obj);
	return obj;
}

/* One byte behind what was asked for, which is not where the slot ends. */
static bool do_overrun(void)
{
	static const size_t sizes[] = { 8, 100, 4096, 70000 };
	int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		u8 *obj = hardening_allocates(sizes[i]);

		if (!expect(obj))
			return false;
		obj[sizes[i]] = 0x5a;
		kspan_free(obj);
	}
	return true;
}

/* The object is handed out again some time after. */
static bool do_use_after_free(void)
{
	static u8 *objs[512];
	u8 *obj = hardening_allocates(96);
	int i;

	if (!expect(obj))
		return false;
	kspan_free(obj);
	/* KASAN sees no memcpy() that the compiler has expanded. */
	for (i = 0; i < 5; i++)
		WRITE_ONCE(obj[40 + i], "late!"[i]);
	for (i = 0; i < ARRAY_SIZE(objs); i++) {
		objs[i] = kspan_alloc(96, GFP_KERNEL);
		if (!expect(objs[i]))
			return false;
	}
	for (i = 0; i < ARRAY_SIZE(objs); i++)
		kspan_free(objs[i]);
	return true;
}

/* ---- Copies to and from user space --------------------------------------------------- */

static struct dentry *file;
static const struct file_operations shared_fops = OBJECT_FILE_OPS;

static bool do_usercopy(void)
{
	shared = kspan_zalloc(112, GFP_KERNEL);
	if (!expect(shared))
		return false;
	/* Not the safe one, which a task that is killed in a read would never leave. */
	file = debugfs_create_file_unsafe("kspan_hardening", 0600, NULL, NULL, &shared_fops);
	return expect(!IS_ERR(file));
}

/* The same in a file that is built through the shim. */
static bool do_shimmed(void)
{
	if (!expect(shimmed_new()))
		return false;
	file = debugfs_create_file_unsafe("kspan_hardening", 0600, NULL, NULL, &shimmed_fops);
	return expect(!IS_ERR(file));
}

/* ---- Faults -------------------------------------------------------------------------- */

/* A task that writes NAME to the file does it and dies; its object is freed with the module. */
static u8 *victim;

static noinline void hardening_frees(u8 *obj)
{
	kspan_free(obj);
	/* No jump: the function shall be in the stack. */
	barrier();
}

static void fault_overrun(void)
{
	victim[192] = 0x5a;
}

static void fault_underrun(void)
{
	/* The object ends with its page, and there is nothing before that either. */
	*(u8 *)(round_down((unsigned long)victim, PAGE_SIZE) - 10) = 0x5a;
}

static void fault_use_after_free(void)
{
	u8 *obj = victim;

	victim = NULL;
	hardening_frees(obj);
	OPTIMIZER_HIDE_VAR(obj);
	pr_info("%d\n", READ_ONCE(obj[40]));
}

static const struct {
	const char *name;
	void (*fn)(void);
} faults[] = {
	{ "overrun", fault_overrun },
	{ "underrun", fault_underrun },
	{ "use-after-free", fault_use_after_free },
};

static ssize_t fault_write(struct file *f, const char __user *from, size_t n, loff_t *pos)
{
	char name[32] = {};
	int i;

	if (n >= sizeof(name) || copy_from_user(name, from, n))
		return -EFAULT;
	kspan_free(victim);
	victim = hardening_allocates(192);
	for (i = 0; victim && i < ARRAY_SIZE(faults); i++)
		if (sysfs_streq(name, faults[i].name))
			faults[i].fn();
	/* Nothing happened. */
	return n;
}

static const struct file_operations fault_fops = {
	.owner = THIS_MODULE,
	.write = fault_write,
};

static bool do_fault(void)
{
	file = debugfs_create_file_unsafe("kspan_hardening", 0200, NULL, NULL, &fault_fops);
	return expect(!IS_ERR(file));
}

static bool do_double_free(void)
{
	u8 *obj = hardening_allocates(192);

	if (!expect(obj))
		return false;
	hardening_frees(obj);
	kspan_free(obj);
	return true;
}

/* ---- What kmemleak must find --------------------------------------------------------- */

#define NR_LEAKED	16

static bool leak_each_way(struct kspan_cache *cache)
{
	void *objs[NR_LEAKED];
	int i;

	for (i = 0; i < NR_LEAKED; i++)
		if (!expect(kspan_alloc(1001, GFP_KERNEL)) ||
		    !expect(kspan_cache_alloc(cache, GFP_KERNEL)) ||
		    !expect(kspan_alloc_node(1003, GFP_KERNEL, numa_mem_id())) ||
		    !expect(kspan_calloc(1, 1004, GFP_KERNEL)) ||
		    !expect(kspan_realloc(kspan_alloc(5, GFP_KERNEL), 1005, GFP_KERNEL)) ||
		    !expect(kspan_alloc(70001, GFP_KERNEL)))
			return false;
	i = kspan_cache_alloc_bulk(cache, GFP_KERNEL, NR_LEAKED, objs);
	memset(objs, 0, sizeof(objs));
	OPTIMIZER_HIDE_VAR(i);
	return expect(i == NR_LEAKED);
}

/* Of these kmemleak must say nothing, also when the memory is another object's. */
static bool free_each_way(struct kspan_cache *cache)
{
	void *objs[NR_LEAKED];
	int round, i;

	for (round = 0; round < 6; round++) {
		if (!expect(kspan_cache_alloc_bulk(cache, GFP_KERNEL, NR_LEAKED, objs)))
			return false;
		for (i = 0; i < NR_LEAKED && round < 4; i++) {
			if (round == 0)
				kspan_free(objs[i]);
			else if (round == 1)
				kspan_cache_free(cache, objs[i]);
			else if (round == 2)
				kspan_free_sensitive(objs[i]);
			else
				kspan_free_rcu(objs[i]);
		}
		if (round == 4)
			kspan_cache_free_bulk(cache, NR_LEAKED, objs);
		else if (round == 5)
			kspan_cache_free_bulk(NULL, NR_LEAKED, objs);
		kspan_free(kspan_alloc(70002, GFP_KERNEL));
	}
	memset(objs, 0, sizeof(objs));
	barrier_data(objs);
	return true;
}

static struct kspan_cache *leaky, *tight;

static bool do_leak(void)
{
	leaky = kspan_cache_create("leaky", 1002, 0, 0, NULL);
	tight = kspan_cache_create("tight", 1102, 0, 0, NULL);
	return expect(leaky && tight) && leak_each_way(leaky) && free_each_way(tight);
}

/* ---- Which --------------------------------------------------------------------------- */

static const struct {
	const char *name;
	bool (*fn)(void);
} deeds[] = {
	{ "stay", do_stay },
	{ "overrun", do_overrun },
	{ "use-after-free", do_use_after_free },
	{ "usercopy", do_usercopy },
	{ "shimmed", do_shimmed },
	{ "fault", do_fault },
	{ "double-free", do_double_free },
	{ "leak", do_leak },
};

static int __init hardening_init(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(deeds); i++)
		if (!strcmp(what, deeds[i].name))
			return deeds[i].fn() ? 0 : -EINVAL;
	return -EINVAL;
}

static void __exit hardening_exit(void)
{
	debugfs_remove(file);
	shimmed_free();
	kspan_free(shared);
	kspan_free(victim);
	kspan_cache_destroy(tight);
	kspan_cache_destroy(leaky);
}

module_init(hardening_init);
module_exit(hardening_exit);
MODULE_DESCRIPTION("What kspan's module parameters are to find");
MODULE_LICENSE("GPL");
