// SPDX-License-Identifier: GPL-2.0
/*
 * Questions about code at an address, which only its name answers: sprint_symbol() is all that
 * the kernel exports of what it knows. That takes some thousand instructions. Any context, no lock.
 */
#include <linux/kallsyms.h>
#include <linux/mm.h>
#include <linux/string.h>

#include "compat.h"
#include "text.h"

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
