// SPDX-License-Identifier: GPL-2.0
/*
 * A client that allocates where a program of user space makes it: below /sys/kernel/debug/
 * kspan_stacks are
 *
 *	read		whose reads allocate
 *	write		whose writes copy a byte from user space
 *	map		which can be mapped: each page allocates when it is first touched, be it by
 *			user space or by the kernel, as that copies from it
 *	softirq, worker	whose reads have a tasklet allocate, or a kworker
 *
 * Each place has a function by which its stacks are known. Objects stay until the module leaves,
 * so that heap.folded has them all.
 */
#include <linux/atomic.h>
#include <linux/debugfs.h>
#include <linux/fs.h>
#include <linux/interrupt.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/uaccess.h>
#include <linux/workqueue.h>

#include <kspan/kspan.h>

#define MAX_OBJS	20000

static struct dentry *dir;
static void *objs[MAX_OBJS];
static atomic_t nr_objs;

/* Inlined: the function that calls it is the one that has allocated. */
static __always_inline bool keep_one(gfp_t gfp)
{
	int n = atomic_fetch_add_unless(&nr_objs, 1, MAX_OBJS);

	if (n < MAX_OBJS)
		objs[n] = kspan_alloc(64, gfp);
	return n < MAX_OBJS && objs[n];
}

static noinline ssize_t stacks_read(struct file *file, char __user *to, size_t count, loff_t *pos)
{
	return keep_one(GFP_KERNEL) ? 1 : -ENOMEM;
}

static noinline ssize_t stacks_write(struct file *file, const char __user *from, size_t count,
				     loff_t *pos)
{
	char byte;

	return copy_from_user(&byte, from, 1) ? -EFAULT : 1;
}

static noinline vm_fault_t stacks_fault(struct vm_fault *vmf)
{
	if (!keep_one(GFP_KERNEL))
		return VM_FAULT_OOM;
	vmf->page = alloc_page(GFP_KERNEL | __GFP_ZERO);
	return vmf->page ? 0 : VM_FAULT_OOM;
}

static const struct vm_operations_struct stacks_vm_ops = { .fault = stacks_fault };

static int stacks_mmap(struct file *file, struct vm_area_struct *vma)
{
	vma->vm_ops = &stacks_vm_ops;
	return 0;
}

static noinline void stacks_tasklet(struct tasklet_struct *tasklet)
{
	keep_one(GFP_ATOMIC);
}

static ssize_t stacks_softirq(struct file *file, char __user *to, size_t count, loff_t *pos)
{
	struct tasklet_struct tasklet;

	tasklet_setup(&tasklet, stacks_tasklet);
	tasklet_schedule(&tasklet);
	tasklet_kill(&tasklet);
	return 1;
}

static noinline void stacks_work(struct work_struct *work)
{
	keep_one(GFP_KERNEL);
}

static ssize_t stacks_worker(struct file *file, char __user *to, size_t count, loff_t *pos)
{
	struct work_struct work;

	INIT_WORK_ONSTACK(&work, stacks_work);
	schedule_work(&work);
	flush_work(&work);
	destroy_work_on_stack(&work);
	return 1;
}

/* The operations of a file, which are @... and the owner's. */
#define FOPS(...)	(&(const struct file_operations){ .owner = THIS_MODULE, __VA_ARGS__ })

static const struct {
	const char *name;
	const struct file_operations *fops;
} files[] = {
	{ "read", FOPS(.read = stacks_read) },
	{ "write", FOPS(.write = stacks_write) },
	{ "map", FOPS(.mmap = stacks_mmap) },
	{ "softirq", FOPS(.read = stacks_softirq) },
	{ "worker", FOPS(.read = stacks_worker) },
};

static int __init stacks_init(void)
{
	unsigned int i;

	dir = debugfs_create_dir("kspan_stacks", NULL);
	/* Files that can be mapped are not among those that debugfs protects. */
	for (i = 0; i < ARRAY_SIZE(files); i++)
		debugfs_create_file_unsafe(files[i].name, 0600, dir, NULL, files[i].fops);
	return 0;
}

static void __exit stacks_exit(void)
{
	unsigned int i, n = atomic_read(&nr_objs);

	debugfs_remove(dir);
	for (i = 0; i < n; i++)
		kspan_free(objs[i]);
}

module_init(stacks_init);
module_exit(stacks_exit);
MODULE_DESCRIPTION("Client of kspan that allocates in system calls, page faults, softirqs and workers");
MODULE_LICENSE("GPL");
