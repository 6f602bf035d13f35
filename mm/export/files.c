// SPDX-License-Identifier: GPL-2.0
/*
 * Sets of files in debugfs, whatever is in them.
 *
 * A file is rendered whole when it is opened, and the text belongs to the open file: pprof opens
 * a profile twice and reads it in small pieces, and a reader that is slow, or never reads, holds
 * nothing up. Debugfs takes a reference to the module for each open file (fops.owner), so that the
 * module stays while one is open.
 *
 * Process context. Takes no lock of its own; rendering takes what the content takes.
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
#include "export/files.h"

/* Nothing that is written is longer than a decimal u64 with its newline. */
#define KSPAN_WRITE_MAX		32

/* What a file of debugfs is made of: in its inode. */
struct kspan_file_entry {
	const struct kspan_file *desc;
	void *of;
};

static int render(const struct kspan_file *desc, void *of, struct kspan_buf *buf)
{
	if (desc->show_of)
		return desc->show_of(of, buf);
	if (desc->show)
		desc->show(buf);
	return buf->err;
}

/* One decimal number, with or without a newline after it; anything else is refused. */
static int store(const struct kspan_file *desc, void *of, const char *text, size_t len)
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
	return desc->store(of, value);
}

static int kspan_file_open(struct inode *inode, struct file *file)
{
	const struct kspan_file_entry *entry = inode->i_private;
	struct kspan_buf *buf;
	int err = 0;

	buf = kzalloc(sizeof(*buf), GFP_KERNEL);
	if (!buf)
		return -ENOMEM;
	if (file->f_mode & FMODE_READ)
		err = render(entry->desc, entry->of, buf);
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
	const struct kspan_file_entry *entry = file_inode(file)->i_private;
	char text[KSPAN_WRITE_MAX];
	int err;

	if (count > sizeof(text))
		return -EINVAL;
	if (copy_from_user(text, from, count))
		return -EFAULT;
	err = store(entry->desc, entry->of, text, count);
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

int kspan_files_create(struct kspan_files *files, struct dentry *dir)
{
	size_t i;

	files->entries = kcalloc(files->nr, sizeof(*files->entries), GFP_KERNEL);
	if (!files->entries)
		return -ENOMEM;
	for (i = 0; i < files->nr; i++) {
		struct kspan_file_entry *entry = &files->entries[i];
		struct dentry *file;

		entry->desc = &files->file[i];
		entry->of = files->of;
		file = debugfs_create_file(entry->desc->name, entry->desc->mode, dir, entry,
					   &kspan_file_fops);
		if (IS_ERR(file))
			return PTR_ERR(file);
	}
	return 0;
}
EXPORT_SYMBOL_FOR_TESTS(kspan_files_create);

void kspan_files_free(struct kspan_files *files)
{
	kfree(files->entries);
	files->entries = NULL;
}
EXPORT_SYMBOL_FOR_TESTS(kspan_files_free);

static const struct kspan_file *find_file(const struct kspan_files *files, const char *name)
{
	size_t i;

	for (i = 0; i < files->nr; i++)
		if (!strcmp(files->file[i].name, name))
			return &files->file[i];
	return NULL;
}

int kspan_files_render(const struct kspan_files *files, const char *name, struct kspan_buf *buf)
{
	const struct kspan_file *desc = find_file(files, name);

	return desc ? render(desc, files->of, buf) : -ENOENT;
}
EXPORT_SYMBOL_FOR_TESTS(kspan_files_render);

int kspan_files_store(const struct kspan_files *files, const char *name, const char *text,
		      size_t len)
{
	const struct kspan_file *desc = find_file(files, name);

	return desc ? store(desc, files->of, text, len) : -ENOENT;
}
EXPORT_SYMBOL_FOR_TESTS(kspan_files_store);
