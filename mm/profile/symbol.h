/* SPDX-License-Identifier: GPL-2.0 */
/* Names of functions, interned, so that a profile stays readable after a module has left. */
#ifndef _KSPAN_SYMBOL_H
#define _KSPAN_SYMBOL_H

#include <linux/types.h>

#include "base/lock.h"

struct kspan_symbol;

/* What stands for a module where a function is in none, and where no function is known. */
#define KSPAN_VMLINUX		"vmlinux"
#define KSPAN_UNKNOWN_MODULE	"unknown"

const struct kspan_symbol *kspan_symbol_get(unsigned long addr) kspan_no_lock;
void kspan_symbol_put(const struct kspan_symbol *sym) kspan_no_lock;
size_t kspan_symbol_bytes(void);

/* The kernel's text for an address, or the address; for the tests. */
void kspan_symbol_print(char *text, unsigned long addr);

/* What kspan_symbol_get() makes of the kernel's text; for the tests. Cuts @text into pieces. */
void kspan_symbol_parse(char *text, unsigned long addr, struct kspan_symbol *sym);

#endif /* _KSPAN_SYMBOL_H */
