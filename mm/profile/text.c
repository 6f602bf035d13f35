// SPDX-License-Identifier: GPL-2.0
/*
 * Questions about code at an address, which only its name answers: sprint_symbol() is all that
 * the kernel exports of what it knows. That takes some thousand instructions, so what would be
 * asked again and again is remembered. Any context, no lock.
 */
#include <linux/hash.h>
#include <linux/kallsyms.h>
#include <linux/mm.h>
#include <linux/string.h>

#include "base/lock.h"
#include "base/compat.h"
#include "profile/text.h"

/* (address << 1) | is it that of an exception; 0: none. The first bit of an address is a one. */
static unsigned long entries[64];

static noinline bool is_exception(unsigned long ip)
{
	char name[KSYM_SYMBOL_LEN];

	sprint_symbol(name, ip);
	/* The name of an upcall of Xen's begins as an exception's does: it is its interrupt. */
	return strstarts(name, "asm_exc_") && !strstarts(name, "asm_exc_xen_");
}

bool kspan_text_is_exception(unsigned long ip)
{
	unsigned long *entry = &entries[hash_long(ip, ilog2(ARRAY_SIZE(entries)))];
	unsigned long known = READ_ONCE(*entry);

	if (!known || (known ^ ip << 1) > 1) {
		known = ip << 1 | is_exception(ip);
		WRITE_ONCE(*entry, known);
	}
	return known & 1;
}

static noinline bool runs_softirqs(unsigned long ip)
{
	char name[KSYM_SYMBOL_LEN];

	sprint_symbol(name, ip);
	return strstarts(name, "handle_softirqs");
}

unsigned int kspan_text_until_softirq(const unsigned long *ips, unsigned int n)
{
	/* It calls what it runs in one place. Where there are no names, give up some time. */
	static unsigned long softirqs kspan_marked;
	static unsigned int tries kspan_marked;
	unsigned long known = READ_ONCE(softirqs);
	unsigned int i;

	for (i = 0; !known && i < n && READ_ONCE(tries) < 16; i++) {
		if (runs_softirqs(ips[i])) {
			known = ips[i];
			WRITE_ONCE(softirqs, known);
		}
	}
	if (!known && READ_ONCE(tries) < 16)
		WRITE_ONCE(tries, READ_ONCE(tries) + 1);
	for (i = 0; i < n; i++)
		if (ips[i] == known)
			return i + 1;
	return n;
}

/* Code of modules has a name and its module's; what was generated among it has not both. */
static noinline bool is_of_module(unsigned long ip)
{
	char name[KSYM_SYMBOL_LEN];

	sprint_symbol(name, ip);
	return strstr(name, " [");
}

bool kspan_text_stays(unsigned long ip)
{
#ifdef MODULES_VADDR
	/*
	 * The function tracer's trampolines come and go there, and nobody is told. Where it is
	 * built in, there are names.
	 */
	if (IS_ENABLED(CONFIG_DYNAMIC_FTRACE) && ip >= MODULES_VADDR && ip < MODULES_END)
		return is_of_module(ip);
#endif
	return true;
}
