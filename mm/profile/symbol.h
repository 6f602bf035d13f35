/* SPDX-License-Identifier: GPL-2.0 */
/* How an address becomes a symbol, in two steps; for the tests. */
#ifndef _KSPAN_SYMBOL_H
#define _KSPAN_SYMBOL_H

struct kspan_symbol;

/* The kernel's text for an address, or the address. */
void kspan_symbol_print(char *text, unsigned long addr);

/* What kspan_symbol_get() makes of the kernel's text. Cuts @text into pieces. */
void kspan_symbol_parse(char *text, unsigned long addr, struct kspan_symbol *sym);

#endif /* _KSPAN_SYMBOL_H */
