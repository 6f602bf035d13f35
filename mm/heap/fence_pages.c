// SPDX-License-Identifier: GPL-2.0
/*
 * Taking single pages out of the direct map and putting them back, which guard mode does on each
 * guarded allocation and free, in any context: only the entry is written and the TLB flushed, no
 * page table is made. What is exported for that is an architecture's own. On x86-64,
 *
 *	lookup_address()	gives the entry of an address in the kernel's page table;
 *	set_memory_uc(), _wb()	there and back again, split a large page into entries;
 *	__flush_tlb_global()	empties this CPU's TLB, where a hypervisor may have its own way;
 *				else instructions do;
 *	die notifiers		are called in the middle of an oops.
 *
 * The other CPUs are sent an interrupt that flushes theirs and is not waited for, since interrupts
 * may be off here: a use after free on another CPU faults after microseconds, not after an
 * instruction. An entry always leads to the same page, so that a stale one does no harm.
 *
 * Takes no lock.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/kdebug.h>
#include <linux/kprobes.h>
#include <linux/percpu.h>
#include <linux/printk.h>
#include <linux/smp.h>
#include <linux/string.h>

#include "base/compat.h"
#include "base/lock.h"
#include "heap/fence_pages.h"

#ifdef CONFIG_X86_64
#include <asm/invpcid.h>
#include <asm/paravirt.h>
#include <asm/set_memory.h>
#include <asm/special_insns.h>
#include <asm/tlbflush.h>
#include <asm/trap_pf.h>

/* ---- Entries ------------------------------------------------------------------------- */

static pte_t *entry_of(void *addr)
{
	unsigned int level;
	pte_t *entry = lookup_address((unsigned long)addr, &level);

	return entry && level == PG_LEVEL_4K && pte_present(*entry) ? entry : NULL;
}

int kspan_fence_page_init(void *addr, struct kspan_fence_page *page)
{
	page->entry = entry_of(addr);
	if (!page->entry) {
		/* Of another memory type than its neighbours, it needs an entry of its own. */
		if (set_memory_uc((unsigned long)addr, 1) || set_memory_wb((unsigned long)addr, 1))
			return -EOPNOTSUPP;
		page->entry = entry_of(addr);
	}
	if (!page->entry)
		return -EOPNOTSUPP;
	page->there = *page->entry;
	return 0;
}

void kspan_fence_page_show(const struct kspan_fence_page *page)
{
	/* No TLB keeps an entry that is not there. */
	set_pte(page->entry, page->there);
}

/* ---- Flushing ------------------------------------------------------------------------ */

struct flush {
	call_single_data_t call;
	atomic_t pending;	/* the call is under way, and has not begun to flush */
};

static DEFINE_PER_CPU_ALIGNED(struct flush, flushes);

/* What the kernel's own function does, which is KVM's alone since 6.18. */
static void flush_tlb(void)
{
#ifdef CONFIG_PARAVIRT
	__flush_tlb_global();
#else
	unsigned long flags, cr4;

	if (boot_cpu_has(X86_FEATURE_INVPCID)) {
		invpcid_flush_all();
		return;
	}
	local_irq_save(flags);
	cr4 = native_read_cr4();
	asm volatile("mov %0, %%cr4" : : "r" (cr4 ^ X86_CR4_PGE) : "memory");
	asm volatile("mov %0, %%cr4" : : "r" (cr4) : "memory");
	local_irq_restore(flags);
#endif
}

static void flush_this_cpu(void *arg)
{
	struct flush *flush = arg;

	/* What is hidden from here on asks again. A full barrier: before what is flushed. */
	atomic_xchg(&flush->pending, 0);
	flush_tlb();
}

static void flush_other_cpus(void)
	kspan_must_stay
{
	int cpu, this = smp_processor_id();

	for_each_online_cpu(cpu) {
		struct flush *flush = per_cpu_ptr(&flushes, cpu);

		if (cpu == this || atomic_xchg(&flush->pending, 1))
			continue;
		if (smp_call_function_single_async(cpu, &flush->call))
			atomic_set(&flush->pending, 0);
	}
}

void kspan_fence_page_hide(const struct kspan_fence_page *page)
{
	preempt_disable();
	/* Leads to no page, not even by the CPU's mistake (L1TF). */
	set_pte(page->entry, __pte(0));
	flush_tlb();
	flush_other_cpus();
	preempt_enable();
}

/* ---- Faults -------------------------------------------------------------------------- */

static void (*report_fault)(unsigned long addr, bool write);

/*
 * Who comes to page_fault_oops(), and with which address. By the time that notifiers are called,
 * CR2 may be that of another fault: the oops shows the bytes before the instruction, and at the
 * beginning of a module there are none. CR2 serves where the function cannot be probed.
 */
struct fault {
	const struct task_struct *task;
	unsigned long addr;
};

static DEFINE_PER_CPU(struct fault, last_fault);

static unsigned long fault_address(void)
{
	int cpu;

	/* The task may have come to another CPU since. */
	for_each_possible_cpu(cpu) {
		struct fault *fault = per_cpu_ptr(&last_fault, cpu);

		if (fault->task == current) {
			fault->task = NULL;
			return fault->addr;
		}
	}
	return read_cr2();
}

static int oops(struct notifier_block *nb, unsigned long action, void *data)
{
	const struct die_args *args = data;

	/* That of a page fault; any other finds an address that has been dealt with. */
	if (action == DIE_OOPS && !strcmp(args->str, "Oops"))
		report_fault(fault_address(), args->err & X86_PF_WRITE);
	return NOTIFY_DONE;
}

#ifdef CONFIG_KPROBES
static int note_fault(struct kprobe *probe, struct pt_regs *regs)
	kspan_must_stay
{
	struct fault *fault = this_cpu_ptr(&last_fault);

	fault->addr = regs_get_kernel_argument(regs, 2);
	fault->task = current;
	return 0;
}

static struct kprobe probe = { .symbol_name = "page_fault_oops", .pre_handler = note_fault };

static void probe_start(void)
{
	if (register_kprobe(&probe))
		probe.addr = NULL;
}

static void probe_stop(void)
{
	if (probe.addr)
		unregister_kprobe(&probe);
}
#else
static void probe_start(void)
{
}

static void probe_stop(void)
{
}
#endif

static struct notifier_block oops_notifier = { .notifier_call = oops };

int kspan_fence_pages_start(void (*report)(unsigned long addr, bool write))
{
	int cpu;

	report_fault = report;
	for_each_possible_cpu(cpu) {
		struct flush *flush = per_cpu_ptr(&flushes, cpu);

		INIT_CSD(&flush->call, flush_this_cpu, flush);
	}
	probe_start();
	return register_die_notifier(&oops_notifier);
}

static void nothing(void *unused)
{
}

void kspan_fence_pages_stop(void)
{
	int cpu;

	unregister_die_notifier(&oops_notifier);
	probe_stop();
	for_each_possible_cpu(cpu)
		while (atomic_read(&per_cpu_ptr(&flushes, cpu)->pending))
			usleep_range(100, 1000);
	/* Who answers this is done with the calls before. */
	on_each_cpu(nothing, NULL, 1);
}

#else

int kspan_fence_page_init(void *addr, struct kspan_fence_page *page)
{
	return -EOPNOTSUPP;
}

void kspan_fence_page_show(const struct kspan_fence_page *page)
{
}

void kspan_fence_page_hide(const struct kspan_fence_page *page)
{
}

int kspan_fence_pages_start(void (*report)(unsigned long addr, bool write))
{
	return -EOPNOTSUPP;
}

void kspan_fence_pages_stop(void)
{
}

#endif
