// SPDX-License-Identifier: GPL-2.0
/*
 * A directory for each tap: the files of its profile, its switch and its stats. Process context.
 */
#include <linux/debugfs.h>
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/string.h>

#include "base/buf.h"
#include "base/compat.h"
#include "export/profile_files.h"
#include "export/tap_files.h"
#include "tap/tap.h"

static int show_enable(void *tap, struct kspan_buf *buf)
{
	kspan_buf_printf(buf, "%d\n", kspan_tap_enabled(tap));
	return buf->err;
}

static int store_enable(void *tap, u64 value)
{
	return kspan_tap_enable(tap, value);
}

static int show_stats(void *tap, struct kspan_buf *buf)
{
	kspan_tap_show_stats(tap, buf);
	return buf->err;
}

static const struct kspan_file tap_file[] = {
	{ "enable", 0600, .show_of = show_enable, .store = store_enable },
	{ "stats",  0400, .show_of = show_stats },
};

/* Of one tap. */
struct tap_files {
	struct kspan_tap *tap;
	struct kspan_files sets[2];	/* of the profile, which it gets when there is one, and: */
};

#define TAP_FILES(var) {							\
	.tap = &(var),								\
	.sets = {								\
		KSPAN_PROFILE_FILES(NULL),					\
		{ .file = tap_file, .nr = ARRAY_SIZE(tap_file), .of = &(var) },	\
	},									\
}

static struct tap_files tap_files[] = {
	TAP_FILES(kspan_slab_tap), TAP_FILES(kspan_pages_tap),
};

static int create(struct tap_files *files, struct dentry *parent)
{
	struct dentry *dir = debugfs_create_dir(kspan_tap_name(files->tap), parent);
	int err = PTR_ERR_OR_ZERO(dir);
	size_t i;

	for (i = 0; i < ARRAY_SIZE(files->sets) && !err; i++)
		err = kspan_files_create(&files->sets[i], dir);
	return err;
}

int kspan_tap_files_create(struct dentry *dir)
{
	int err = 0;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(tap_files) && !err; i++) {
		tap_files[i].sets[0].of = kspan_tap_profile(tap_files[i].tap);
		err = create(&tap_files[i], dir);
	}
	return err;
}

void kspan_tap_files_free(void)
{
	size_t i, j;

	for (i = 0; i < ARRAY_SIZE(tap_files); i++)
		for (j = 0; j < ARRAY_SIZE(tap_files[i].sets); j++)
			kspan_files_free(&tap_files[i].sets[j]);
}

/* The files of the tap whose name @name begins with, which is moved behind it; NULL: of none. */
static struct tap_files *files_of(const char **name)
{
	size_t i, len;

	for (i = 0; i < ARRAY_SIZE(tap_files); i++) {
		len = str_has_prefix(*name, kspan_tap_name(tap_files[i].tap));
		if (!len || (*name)[len] != '/')
			continue;
		*name += len + 1;
		return &tap_files[i];
	}
	return NULL;
}

int kspan_tap_files_render(const char *name, struct kspan_buf *buf)
{
	struct tap_files *files = files_of(&name);
	int err = -ENOENT;
	size_t i;

	for (i = 0; files && i < ARRAY_SIZE(files->sets) && err == -ENOENT; i++)
		err = kspan_files_render(&files->sets[i], name, buf);
	return err;
}

int kspan_tap_files_store(const char *name, const char *text, size_t len)
{
	struct tap_files *files = files_of(&name);
	int err = -ENOENT;
	size_t i;

	for (i = 0; files && i < ARRAY_SIZE(files->sets) && err == -ENOENT; i++)
		err = kspan_files_store(&files->sets[i], name, text, len);
	return err;
}
