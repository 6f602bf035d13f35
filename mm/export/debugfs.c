// SPDX-License-Identifier: GPL-2.0
/*
 * debugfs: the profile, the state of the allocator and two controls, as files.
 *
 * A file is rendered whole when it is opened, and the text belongs to the open file: pprof opens
 * a profile twice and reads it in small pieces, and a reader that is slow, or never reads, holds
 * nothing up. Debugfs takes a reference to the module for each open file (fops.owner), so that the
 * module stays while one is open.
 *
 * Process context. Takes no lock of its own; rendering takes what the snapshot and the lists take.
 */
#include <linux/debugfs.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/kernel.h>
#include <linux/kstrtox.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "base/buf.h"
#include "base/compat.h"
#include "export/debugfs.h"
#include "export/encode.h"
#include "export/stats.h"
#include "export/tables.h"
#include "profile/bucket.h"
#include "profile/sample.h"
#include "profile/snapshot.h"
#include "special/special.h"

/* Nothing that is written is longer than a decimal u64 with its newline. */
#define KSPAN_WRITE_MAX		32

static struct dentry *kspan_debugfs_dir;

/* ------------------------------------------------------------------ content */

static int render_profile(struct kspan_buf *buf,
			  int (*encode)(const struct kspan_snapshot *snap, struct kspan_buf *buf))
{
	struct kspan_snapshot *snap = kspan_snapshot_take();
	int err;

	if (IS_ERR(snap))
		return PTR_ERR(snap);
	err = encode(snap, buf);
	kspan_snapshot_free(snap);
	return err;
}

static int encode_heap(const struct kspan_snapshot *snap, struct kspan_buf *buf)
{
	return kspan_encode_pprof(snap, KSPAN_INUSE_SPACE, buf);
}

static int encode_allocs(const struct kspan_snapshot *snap, struct kspan_buf *buf)
{
	return kspan_encode_pprof(snap, KSPAN_ALLOC_SPACE, buf);
}

static void show_sample_bytes(struct kspan_buf *buf)
{
	kspan_buf_printf(buf, "%llu\n", kspan_sample_bytes());
}

static int store_reset(u64 value)
{
	if (value != 1)
		return -EINVAL;
	kspan_profile_reset();
	return 0;
}

/**
 * struct kspan_file - a file
 * @name: in the directory
 * @mode: permissions
 * @encode: writes a profile, or
 * @show: writes anything else; a file with neither reads as empty
 * @store: takes the number that is written: 0 or an errno with nothing changed
 */
struct kspan_file {
	const char *name;
	umode_t mode;
	int (*encode)(const struct kspan_snapshot *snap, struct kspan_buf *buf);
	void (*show)(struct kspan_buf *buf);
	int (*store)(u64 value);
};

static const struct kspan_file kspan_files[] = {
	{ "heap",	  0400, .encode = encode_heap },
	{ "allocs",	  0400, .encode = encode_allocs },
	{ "heap.txt",	  0400, .encode = kspan_encode_text },
	{ "heap.folded",  0400, .encode = kspan_encode_folded },
	{ "caches",	  0400, .show = kspan_caches_show },
	{ "spans",	  0400, .show = kspan_spans_show },
	{ "specials",	  0400, .show = kspan_specials_show },
	{ "stats",	  0400, .show = kspan_stats_show },
	{ "sample_bytes", 0600, .show = show_sample_bytes, .store = kspan_set_sample_bytes },
	{ "reset",	  0600, .store = store_reset },
};

static int render(const struct kspan_file *desc, struct kspan_buf *buf)
{
	if (desc->encode)
		return render_profile(buf, desc->encode);
	if (desc->show)
		desc->show(buf);
	return buf->err;
}

/* One decimal number, with or without a newline after it; anything else is refused. */
static int store(const struct kspan_file *desc, const char *text, size_t len)
{
	char copy[KSPAN_WRITE_MAX + 1];
	u64 value;

	/* kstrtoull() takes a plus sign; a zero byte would hide what comes after it */
	if (!desc->store || !len || len > KSPAN_WRITE_MAX || text[0] == '+' || memchr(text, 0, len))
		return -EINVAL;
	memcpy(copy, text, len);
	copy[len] = '\0';
	if (kstrtoull(copy, 10, &value))
		return -EINVAL;
	return desc->store(value);
}

/* ------------------------------------------------------------------ files */

static int kspan_file_open(struct inode *inode, struct file *file)
{
	const struct kspan_file *desc = inode->i_private;
	struct kspan_buf *buf;
	int err = 0;

	buf = kzalloc(sizeof(*buf), GFP_KERNEL);
	if (!buf)
		return -ENOMEM;
	if (file->f_mode & FMODE_READ)
		err = render(desc, buf);
	if (err) {
		kspan_buf_free(buf);
		kfree(buf);
		return err;
	}
	file->private_data = buf;
	return 0;
}

static int kspan_file_release(struct inode *inode, struct file *file)
{
	struct kspan_buf *buf = file->private_data;

	kspan_buf_free(buf);
	kfree(buf);
	return 0;
}

static ssize_t kspan_file_read(struct file *file, char __user *to, size_t count, loff_t *pos)
{
	const struct kspan_buf *buf = file->private_data;

	return simple_read_from_buffer(to, count, pos, buf->data, buf->len);
}

static loff_t kspan_file_llseek(struct file *file, loff_t offset, int whence)
{
	const struct kspan_buf *buf = file->private_data;

	return fixed_size_llseek(file, offset, whence, buf->len);
}

/* Each write is a whole value, wherever in the file it is said to go. */
static ssize_t kspan_file_write(struct file *file, const char __user *from, size_t count,
				loff_t *pos)
{
	char text[KSPAN_WRITE_MAX];
	int err;

	if (count > sizeof(text))
		return -EINVAL;
	if (copy_from_user(text, from, count))
		return -EFAULT;
	err = store(file_inode(file)->i_private, text, count);
	return err ?: count;
}

static const struct file_operations kspan_file_fops = {
	.owner		= THIS_MODULE,
	.open		= kspan_file_open,
	.release	= kspan_file_release,
	.read		= kspan_file_read,
	.write		= kspan_file_write,
	.llseek		= kspan_file_llseek,
};

/* ------------------------------------------------------------------ boundary */

static const struct kspan_file *kspan_file_find(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(kspan_files); i++)
		if (!strcmp(kspan_files[i].name, name))
			return &kspan_files[i];
	return NULL;
}

/**
 * kspan_debugfs_render() - what opening a file for reading would put into it
 * @name: of the file
 * @buf: where to; appended; to be freed by the caller, also on failure
 *
 * Context: process context; may sleep.
 * Return: 0, -ENOMEM, or -ENOENT for an unknown name.
 */
int kspan_debugfs_render(const char *name, struct kspan_buf *buf)
{
	const struct kspan_file *desc = kspan_file_find(name);

	return desc ? render(desc, buf) : -ENOENT;
}
EXPORT_SYMBOL_FOR_TESTS(kspan_debugfs_render);

/**
 * kspan_debugfs_store() - what one write to a file would do
 * @name: of the file
 * @text: what is written; need not be terminated
 * @len: its length in bytes
 *
 * Context: process context; may sleep.
 * Return: 0, -EINVAL with nothing changed, or -ENOENT for an unknown name.
 */
int kspan_debugfs_store(const char *name, const char *text, size_t len)
{
	const struct kspan_file *desc = kspan_file_find(name);

	return desc ? store(desc, text, len) : -ENOENT;
}
EXPORT_SYMBOL_FOR_TESTS(kspan_debugfs_store);

/**
 * kspan_debugfs_init() - create the directory and its files
 *
 * A kernel without debugfs, or with it turned off (debugfs=off), still has an allocator: that is
 * said once in the log and is no failure.
 *
 * Context: process context; may sleep.
 * Return: 0, or an errno with nothing left behind.
 */
int kspan_debugfs_init(void)
{
	struct dentry *dir = debugfs_create_dir(KSPAN_DEBUGFS_DIR, NULL);
	size_t i;

	if (dir == ERR_PTR(-ENODEV) || dir == ERR_PTR(-EPERM)) {
		pr_notice("kspan: no debugfs on this kernel, so the profile cannot be read\n");
		return 0;
	}
	if (IS_ERR(dir))
		return PTR_ERR(dir);
	kspan_debugfs_dir = dir;

	for (i = 0; i < ARRAY_SIZE(kspan_files); i++) {
		const struct kspan_file *desc = &kspan_files[i];
		struct dentry *file = debugfs_create_file(desc->name, desc->mode, dir,
							  (void *)desc, &kspan_file_fops);

		if (IS_ERR(file)) {
			kspan_debugfs_exit();
			return PTR_ERR(file);
		}
	}
	return 0;
}

/**
 * kspan_debugfs_exit() - remove the directory and its files
 *
 * Waits for calls into them that are under way. Harmless when there are none.
 *
 * Context: process context; may sleep.
 */
void kspan_debugfs_exit(void)
{
	debugfs_remove(kspan_debugfs_dir);
	kspan_debugfs_dir = NULL;
}
