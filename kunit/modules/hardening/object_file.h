/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A file by which user space reads and writes an object: what it copies, and from and to where, is
 * up to user space. Each source that includes this has a file and an object of its own; that
 * through the shim checks its copies by other means.
 */
#ifndef _OBJECT_FILE_H
#define _OBJECT_FILE_H

#include <linux/fs.h>
#include <linux/module.h>
#include <linux/uaccess.h>

static void *shared;

static ssize_t object_read(struct file *f, char __user *to, size_t n, loff_t *pos)
{
	if (copy_to_user(to, shared + *pos, n))
		return -EFAULT;
	*pos += n;
	return n;
}

static ssize_t object_write(struct file *f, const char __user *from, size_t n, loff_t *pos)
{
	if (copy_from_user(shared + *pos, from, n))
		return -EFAULT;
	*pos += n;
	return n;
}

#define OBJECT_FILE_OPS								\
{										\
	.owner = THIS_MODULE,							\
	.llseek = default_llseek,						\
	.read = object_read,							\
	.write = object_write,							\
}

#endif /* _OBJECT_FILE_H */
