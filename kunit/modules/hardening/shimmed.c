// SPDX-License-Identifier: GPL-2.0
/*
 * A file that is built through the shim, as a driver would be: reading or writing copies from or to
 * an object of its cache, wherever that leads.
 */
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "shimmed.h"

static struct kmem_cache *cache;
static void *shared;

static ssize_t shimmed_read(struct file *f, char __user *to, size_t n, loff_t *pos)
{
	if (copy_to_user(to, shared + *pos, n))
		return -EFAULT;
	*pos += n;
	return n;
}

static ssize_t shimmed_write(struct file *f, const char __user *from, size_t n, loff_t *pos)
{
	if (copy_from_user(shared + *pos, from, n))
		return -EFAULT;
	*pos += n;
	return n;
}

const struct file_operations shimmed_fops = {
	.owner = THIS_MODULE,
	.llseek = default_llseek,
	.read = shimmed_read,
	.write = shimmed_write,
};

bool shimmed_new(void)
{
	cache = kmem_cache_create_usercopy("shimmed", 112, 0, 0, 16, 64, NULL);
	if (!cache)
		return false;
	shared = kmem_cache_zalloc(cache, GFP_KERNEL);
	return shared;
}

void shimmed_free(void)
{
	if (shared)
		kmem_cache_free(cache, shared);
	kmem_cache_destroy(cache);
}
