/* SPDX-License-Identifier: GPL-2.0 */
/* The directories of the taps. */
#ifndef _KSPAN_TAP_FILES_H
#define _KSPAN_TAP_FILES_H

#include <linux/types.h>

struct dentry;
struct kspan_buf;

/* As those of struct kspan_files, with the name of a tap and a slash before that of a file. */
int kspan_tap_files_create(struct dentry *dir);
void kspan_tap_files_free(void);
int kspan_tap_files_render(const char *name, struct kspan_buf *buf);
int kspan_tap_files_store(const char *name, const char *text, size_t len);

#endif /* _KSPAN_TAP_FILES_H */
