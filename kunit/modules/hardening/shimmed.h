/* SPDX-License-Identifier: GPL-2.0 */
/* The file that is built through the shim. */
#ifndef _SHIMMED_H
#define _SHIMMED_H

#include <linux/fs.h>

/* An object of which user space may see bytes 16 to 79, and the file that copies from and to it. */
bool shimmed_new(void);
void shimmed_free(void);
extern const struct file_operations shimmed_fops;

#endif /* _SHIMMED_H */
