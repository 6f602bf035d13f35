/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Files in debugfs that are rendered whole when they are opened, and take a number when they are
 * written. A set of them belongs to one thing, a profile or the module; each client of a profile
 * has its own sets, in a directory of its own.
 */
#ifndef _KSPAN_FILES_H
#define _KSPAN_FILES_H

#include <linux/types.h>

struct dentry;
struct kspan_buf;
struct kspan_file_entry;

/**
 * struct kspan_file - a file
 * @name: in the directory
 * @mode: permissions
 * @show: writes the content, or
 * @show_of: the same, with what the set belongs to: 0 or an errno; a file with neither reads as
 *	empty
 * @store: takes the number that is written, likewise: 0 or an errno with nothing changed
 */
struct kspan_file {
	const char *name;
	umode_t mode;
	void (*show)(struct kspan_buf *buf);
	int (*show_of)(void *of, struct kspan_buf *buf);
	int (*store)(void *of, u64 value);
};

/**
 * struct kspan_files - a set of files
 * @file: the files
 * @nr: how many
 * @of: what they belong to
 * @entries: what debugfs keeps; NULL while there are no files
 */
struct kspan_files {
	const struct kspan_file *file;
	size_t nr;
	void *of;
	struct kspan_file_entry *entries;
};

/* After an error some of them may be there: kspan_files_free() then too. Process context. */
int kspan_files_create(struct kspan_files *files, struct dentry *dir);
/* After debugfs_remove() of the directory, which waits for calls into the files. */
void kspan_files_free(struct kspan_files *files);

/* What opening a file and writing to it do, without a file; -ENOENT for an unknown name. */
int kspan_files_render(const struct kspan_files *files, const char *name, struct kspan_buf *buf);
int kspan_files_store(const struct kspan_files *files, const char *name, const char *text,
		      size_t len);

#endif /* _KSPAN_FILES_H */
