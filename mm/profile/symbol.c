// SPDX-License-Identifier: GPL-2.0
/*
 * Symbols: the name, module and start of the function that an address lies in, interned.
 *
 * A profile outlives the modules in it, so names are copied when a stack is first exported or its
 * module leaves. Stacks share most of their frames: each function is kept once, with a count of
 * its users. The kernel exports its own lookup only as text (sprint_symbol()), which is taken
 * apart again here. A kernel without KALLSYMS prints nothing: then all functions have their
 * address for a name.
 *
 * Process context. Takes kspan_symbol_mutex, the innermost of the module's mutexes, and allocates
 * memory under it; no spinlock may be held.
 */
#include <linux/hashtable.h>
#include <linux/jhash.h>
#include <linux/kallsyms.h>
#include <linux/kernel.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "base/compat.h"
#include "base/hooks.h"
#include "base/lock.h"
#include "profile/profile.h"
#include "profile/symbol.h"

const struct kspan_symbol kspan_no_stack = { .name = "unknown", .module = "unknown" };
const struct kspan_symbol kspan_lost_stacks = { .name = "kspan_lost_stacks", .module = "kspan" };

/* Guards the table, the counts of references, the sum of bytes and the buffer. */
static DEFINE_MUTEX(kspan_symbol_mutex);

/* One function; the text of its name and module follows. */
struct kspan_symbol_entry {
	struct kspan_symbol sym;
	struct hlist_node node;		/* in kspan_symbols, under kspan_symbol_mutex */
	size_t bytes;			/* of this record */
	unsigned long refs kspan_guarded_by(&kspan_symbol_mutex);	/* freed at 0 */
	char text[];
};

static struct hlist_head kspan_symbols[1 << 12] kspan_guarded_by(&kspan_symbol_mutex);
static kspan_watched size_t kspan_symbol_total kspan_guarded_by(&kspan_symbol_mutex);	/* bytes */
/* Too large for a kernel stack. */
static char kspan_symbol_text[KSYM_SYMBOL_LEN] kspan_guarded_by(&kspan_symbol_mutex);

/**
 * kspan_symbol_print() - what stands for an address, before it is taken apart
 * @text: KSYM_SYMBOL_LEN bytes
 * @addr: the address
 *
 * Context: any.
 */
void kspan_symbol_print(char *text, unsigned long addr)
{
	int len = kspan_test_point(KSPAN_FAIL_KALLSYMS) ? 0 : sprint_symbol(text, addr);

	/* With KALLSYMS there is a text for every address. */
	if (len <= 0)
		snprintf(text, KSYM_SYMBOL_LEN, "0x%lx", addr);
}
EXPORT_SYMBOL_FOR_TESTS(kspan_symbol_print);

/**
 * kspan_symbol_parse() - take apart what sprint_symbol() printed
 * @text: "name+0xoffset/0xsize", " [module]" after it for a module; or the bare address where
 *	there is no name. Changed; the result points into it.
 * @addr: the address that was looked up
 * @sym: the result
 *
 * Context: any.
 */
void kspan_symbol_parse(char *text, unsigned long addr, struct kspan_symbol *sym)
{
	char *module = strstr(text, " [");
	char *offset;
	unsigned long value;

	sym->name = text;
	sym->module = KSPAN_VMLINUX;
	sym->start = 0;

	if (module) {
		*module = '\0';
		module += strlen(" [");
		/* up to the bracket, or the space before a build id */
		module[strcspn(module, " ]")] = '\0';
		sym->module = module;
	}

	offset = strrchr(text, '+');
	if (!offset) {
		sym->module = KSPAN_UNKNOWN_MODULE;
		return;
	}
	*offset++ = '\0';
	offset[strcspn(offset, "/")] = '\0';
	if (!kstrtoul(offset, 0, &value))
		sym->start = addr - value;
}
EXPORT_SYMBOL_FOR_TESTS(kspan_symbol_parse);

static u32 kspan_symbol_hash(const struct kspan_symbol *sym)
{
	u32 hash = jhash(sym->name, strlen(sym->name), (u32)sym->start);

	return jhash(sym->module, strlen(sym->module), hash);
}

static bool kspan_symbol_equal(const struct kspan_symbol *a, const struct kspan_symbol *b)
{
	return a->start == b->start && !strcmp(a->name, b->name) && !strcmp(a->module, b->module);
}

static struct kspan_symbol_entry *kspan_symbol_insert(const struct kspan_symbol *sym, u32 hash)
	kspan_must_hold_mutex(&kspan_symbol_mutex)
{
	size_t name_size = strlen(sym->name) + 1, module_size = strlen(sym->module) + 1;
	struct kspan_symbol_entry *entry;
	size_t bytes = struct_size(entry, text, name_size + module_size);

	lockdep_assert_held(&kspan_symbol_mutex);
	entry = kmalloc(bytes, GFP_KERNEL);
	if (!entry)
		return NULL;
	entry->sym.name = memcpy(entry->text, sym->name, name_size);
	entry->sym.module = memcpy(entry->text + name_size, sym->module, module_size);
	entry->sym.start = sym->start;
	entry->bytes = bytes;
	entry->refs = 0;
	hash_add(kspan_symbols, &entry->node, hash);
	WRITE_ONCE(kspan_symbol_total, kspan_symbol_total + bytes);
	return entry;
}

static struct kspan_symbol_entry *kspan_symbol_lookup(const struct kspan_symbol *sym)
	kspan_must_hold_mutex(&kspan_symbol_mutex)
{
	u32 hash = kspan_symbol_hash(sym);
	struct kspan_symbol_entry *entry;

	lockdep_assert_held(&kspan_symbol_mutex);
	hash_for_each_possible(kspan_symbols, entry, node, hash)
		if (kspan_symbol_equal(&entry->sym, sym))
			return entry;
	return kspan_symbol_insert(sym, hash);
}

/**
 * kspan_symbol_get() - the function that an address lies in
 * @addr: a return address less one
 *
 * The same function gives the same pointer for as long as anyone holds a reference to it. An
 * address that no function is known for is a function of its own, named by its number.
 *
 * Context: process context; may sleep. Takes kspan_symbol_mutex.
 * Return: the symbol, with a reference for the caller; NULL when there is no memory.
 */
const struct kspan_symbol *kspan_symbol_get(unsigned long addr)
{
	struct kspan_symbol_entry *entry;
	struct kspan_symbol sym;

	mutex_lock(&kspan_symbol_mutex);
	kspan_symbol_print(kspan_symbol_text, addr);
	kspan_symbol_parse(kspan_symbol_text, addr, &sym);
	entry = kspan_symbol_lookup(&sym);
	if (entry)
		entry->refs++;
	mutex_unlock(&kspan_symbol_mutex);
	return entry ? &entry->sym : NULL;
}
EXPORT_SYMBOL_FOR_TESTS(kspan_symbol_get);

/**
 * kspan_symbol_put() - give a reference back
 * @sym: from kspan_symbol_get(), or NULL
 *
 * Context: process context; may sleep. Takes kspan_symbol_mutex.
 */
void kspan_symbol_put(const struct kspan_symbol *sym)
{
	struct kspan_symbol_entry *entry;

	if (!sym)
		return;
	entry = container_of(sym, struct kspan_symbol_entry, sym);
	mutex_lock(&kspan_symbol_mutex);
	if (!--entry->refs) {
		hash_del(&entry->node);
		WRITE_ONCE(kspan_symbol_total, kspan_symbol_total - entry->bytes);
		kfree(entry);
	}
	mutex_unlock(&kspan_symbol_mutex);
}
EXPORT_SYMBOL_FOR_TESTS(kspan_symbol_put);

/**
 * kspan_symbol_bytes() - memory that the interned names take now
 *
 * Context: any.
 * Return: bytes.
 */
size_t kspan_symbol_bytes(void)
{
	/* pairs with the WRITE_ONCE()s under the mutex: a statistic, any recent value will do */
	return READ_ONCE(kspan_symbol_total);
}
EXPORT_SYMBOL_FOR_TESTS(kspan_symbol_bytes);
