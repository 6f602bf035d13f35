// SPDX-License-Identifier: GPL-2.0
/*
 * A driver to begin from: it allocates from kspan, out of the kernel's tree. What is written to
 * /dev/kspan_template is kept, one note for each write(), until the module leaves.
 *
 *	echo remember me > /dev/kspan_template
 *	grep note /sys/kernel/debug/kspan/caches
 *
 * With sample_bytes=1, /sys/kernel/debug/kspan/heap.folded shows each note and its text below
 * template_write(). It needs a kernel with <linux/cleanup.h>: 6.5, or a late 6.1.y.
 */
#include <linux/fs.h>
#include <linux/list.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/uaccess.h>

#include <kspan/kspan.h>

#define TEXT_MAX	4096

struct note {
	struct list_head list;
	size_t len;
	char *text;		/* also kspan's; note_finalize() frees it */
};

static struct kspan_cache *note_cache;
static LIST_HEAD(notes);
static DEFINE_MUTEX(notes_lock);	/* guards notes */
static atomic_t finalized = ATOMIC_INIT(0);

/* Runs once in process context after a note was freed, wherever that was; it may sleep. */
static void note_finalize(void *obj, void *arg)
{
	struct note *note = obj;

	kspan_free(note->text);
	atomic_inc(arg);
}

static ssize_t template_write(struct file *file, const char __user *buf, size_t len, loff_t *pos)
{
	/* Each return frees what has not been given away by then. */
	struct note *note __free(kspan_free) = NULL;
	char *text __free(kspan_free) = NULL;

	if (len > TEXT_MAX)
		return -EFBIG;
	text = kspan_alloc(len, GFP_KERNEL);
	if (!text)
		return -ENOMEM;
	if (copy_from_user(text, buf, len))
		return -EFAULT;

	/* From a cache of its own, by which the profile knows it. */
	note = kspan_cache_zalloc(note_cache, GFP_KERNEL);
	if (!note)
		return -ENOMEM;
	if (kspan_set_finalizer(note, note_finalize, &finalized, GFP_KERNEL))
		return -ENOMEM;

	note->len = len;
	note->text = no_free_ptr(text);
	mutex_lock(&notes_lock);
	list_add_tail(&no_free_ptr(note)->list, &notes);
	mutex_unlock(&notes_lock);
	return len;
}

static const struct file_operations template_fops = {
	.owner = THIS_MODULE,
	.write = template_write,
};

static struct miscdevice template_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "kspan_template",
	.fops = &template_fops,
	.mode = 0600,
};

static int __init template_init(void)
{
	int err;

	note_cache = KSPAN_CACHE(note, 0);
	if (!note_cache)
		return -ENOMEM;
	err = misc_register(&template_device);
	if (err)
		kspan_cache_destroy(note_cache);
	return err;
}

/* Nobody has the device open: an open file holds the module. */
static void __exit template_exit(void)
{
	struct note *note, *next;

	misc_deregister(&template_device);
	list_for_each_entry_safe(note, next, &notes, list)
		kspan_cache_free(note_cache, note);
	kspan_flush_finalizers();	/* before note_finalize() goes away */
	kspan_cache_destroy(note_cache);
	pr_info("kspan_template: %d notes finalized\n", atomic_read(&finalized));
}

module_init(template_init);
module_exit(template_exit);
MODULE_DESCRIPTION("Template of a driver that allocates from kspan");
MODULE_LICENSE("GPL");
