// SPDX-License-Identifier: GPL-2.0
/*
 * The directory of kspan itself: the files of the heap's profile, and the state of the allocator.
 * A client of another profile has a directory below. Process context.
 */
#include <linux/debugfs.h>
#include <linux/err.h>
#include <linux/kernel.h>

#include "base/buf.h"
#include "base/compat.h"
#include "export/debugfs.h"
#include "export/profile_files.h"
#include "export/stats.h"
#include "export/tables.h"
#include "export/tap_files.h"
#include "heap/heap.h"
#include "special/special.h"

static struct dentry *kspan_debugfs_dir;

static const struct kspan_file heap_files[] = {
	{ "fragmentation", 0400, .show_of = kspan_show_fragmentation },
	{ "caches",	  0400, .show = kspan_caches_show },
	{ "spans",	  0400, .show = kspan_spans_show },
	{ "specials",	  0400, .show = kspan_specials_show },
	{ "stats",	  0400, .show = kspan_stats_show },
};

static struct kspan_files kspan_files[] = {
	KSPAN_PROFILE_FILES(&kspan_heap_profile),
	{ .file = heap_files, .nr = ARRAY_SIZE(heap_files), .of = &kspan_heap_profile },
};

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
	int err = -ENOENT;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(kspan_files) && err == -ENOENT; i++)
		err = kspan_files_render(&kspan_files[i], name, buf);
	return err == -ENOENT ? kspan_tap_files_render(name, buf) : err;
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
	int err = -ENOENT;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(kspan_files) && err == -ENOENT; i++)
		err = kspan_files_store(&kspan_files[i], name, text, len);
	return err == -ENOENT ? kspan_tap_files_store(name, text, len) : err;
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
	int err = 0;
	size_t i;

	if (dir == ERR_PTR(-ENODEV) || dir == ERR_PTR(-EPERM)) {
		pr_notice("kspan: no debugfs on this kernel, so the profile cannot be read\n");
		return 0;
	}
	if (IS_ERR(dir))
		return PTR_ERR(dir);
	kspan_debugfs_dir = dir;

	for (i = 0; i < ARRAY_SIZE(kspan_files) && !err; i++)
		err = kspan_files_create(&kspan_files[i], dir);
	if (!err)
		err = kspan_tap_files_create(dir);
	if (err)
		kspan_debugfs_exit();
	return err;
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
	size_t i;

	debugfs_remove(kspan_debugfs_dir);
	kspan_debugfs_dir = NULL;
	for (i = 0; i < ARRAY_SIZE(kspan_files); i++)
		kspan_files_free(&kspan_files[i]);
	kspan_tap_files_free();
}
