// SPDX-License-Identifier: GPL-2.0
/*
 * The benchmark's entry: measures the groups that the parameter names, one after the other, while
 * it is inserted. It stays until it is removed, with what the groups "calls", "fill" and "load"
 * keep.
 */
#include <linux/kernel.h>
#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/string.h>

#include "bench.h"

static char *run = "pairs";
module_param(run, charp, 0);
MODULE_PARM_DESC(run, "comma-separated groups: pairs, pages, sizes, sampling, calls, memory, cpus, fill, load");

static char *who = "slab,kspan";
module_param(who, charp, 0);
MODULE_PARM_DESC(who, "the allocators that the groups sampling and calls measure");

static unsigned int scale = 100;
module_param(scale, uint, 0);
MODULE_PARM_DESC(scale, "per cent of the usual number of rounds or objects");

unsigned int bench_stacks = 10000;
module_param_named(stacks, bench_stacks, uint, 0);
MODULE_PARM_DESC(stacks, "different call stacks that the group fill allocates from");

static int get_ops(char *buf, const struct kernel_param *kp)
{
	return sysfs_emit(buf, "%lu\n", bench_load_ops());
}

static const struct kernel_param_ops ops_ops = { .get = get_ops };
module_param_cb(ops, &ops_ops, NULL, 0400);
MODULE_PARM_DESC(ops, "allocations that the group load has done so far");

static const struct {
	const char *name;
	int (*fn)(void);
} groups[] = {
	{ "pairs", bench_pairs },
	{ "pages", bench_pages },
	{ "sizes", bench_sizes },
	{ "sampling", bench_sampling },
	{ "calls", bench_calls },
	{ "memory", bench_memory },
	{ "cpus", bench_cpus },
	{ "fill", bench_fill },
	{ "load", bench_load },
};

/* Is @word in the comma-separated @list? */
static bool lists(const char *list, const char *word)
{
	size_t len = strlen(word);
	const char *at;

	for (at = strstr(list, word); at; at = strstr(at + 1, word))
		if ((at == list || at[-1] == ',') && (!at[len] || at[len] == ','))
			return true;
	return false;
}

bool bench_wants(enum bench_who side)
{
	return lists(who, bench_sides[side].name);
}

unsigned long bench_scaled(unsigned long n)
{
	return max(n * scale / 100, 1UL);
}

static int __init bench_init(void)
{
	unsigned int i;
	int err = 0;

	for (i = 0; i < ARRAY_SIZE(groups) && !err; i++)
		if (lists(run, groups[i].name))
			err = groups[i].fn();
	if (err) {
		bench_calls_end();
		bench_snapshot_end();
	}
	return err;
}

static void __exit bench_exit(void)
{
	bench_calls_end();
	bench_snapshot_end();
}

module_init(bench_init);
module_exit(bench_exit);
MODULE_DESCRIPTION("Benchmark of kspan beside the kernel's own slab allocator");
MODULE_LICENSE("GPL");
