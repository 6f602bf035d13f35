/* SPDX-License-Identifier: GPL-2.0 */
/* Names as they are shown: UTF-8, and one field of a line. */
#ifndef _KSPAN_NAME_H
#define _KSPAN_NAME_H

#include <linux/types.h>

/* The most bytes of a cache's name as it is shown, with its zero. */
#define KSPAN_NAME_SIZE		240

unsigned int kspan_utf8_char(const char *str, u32 *c);
unsigned int kspan_name_char(const char *str);
void kspan_name_make(char name[KSPAN_NAME_SIZE], const char *from, unsigned int number);

#endif /* _KSPAN_NAME_H */
