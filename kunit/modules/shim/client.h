/* SPDX-License-Identifier: GPL-2.0 */
/* The files of a driver that has never heard of kspan. */
#ifndef _SHIM_CLIENT_H
#define _SHIM_CLIENT_H

/* Of a file that takes some of the allocator's names back. 0 or -EINVAL. */
int caches_of_a_file_that_takes_names_back(void);

#endif /* _SHIM_CLIENT_H */
