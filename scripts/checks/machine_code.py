# SPDX-License-Identifier: GPL-2.0
"""The machine code of a module for x86-64, for checks that follow it: instructions, symbols and
relocations, what the kernel's tables say becomes of it at run time, and the lines of the sources."""

import bisect
import collections
import pathlib
import re
import subprocess

from rst_table import Unreadable

# Tables that name code without anything being called through them.
TABLES = re.compile(r"\.orc_|\.call_sites|\.return_sites|\.retpoline_sites|\.ibt_endbr_seal|"
                    r"__mcount_loc|__patchable_function_entries|\.altinstructions|__jump_table|"
                    r"__bug_table|__ex_table|\.static_call_sites|\.smp_locks|\.parainstructions|"
                    r"\.cfi_sites|\.discard|\.eh_frame|_kprobe_blacklist|\.static_call\.text")
PREFIXES = ("lock ", "notrack ", "bnd ", "cs ", "ds ", "data16 ", "rep ", "repz ", "repnz ",
            "addr32 ", "rex.W ", "xacquire ", "xrelease ")

Insn = collections.namedtuple("Insn", "addr end op args")


class Module:
    """The code of a module, with what its tables say becomes of it. An address is a pair: the
    section's number and the offset in it."""

    def __init__(self, path):
        from elftools.elf.elffile import ELFFile
        from elftools.common.exceptions import ELFError
        self.path = path
        try:
            self.file = open(path, "rb")
            self.elf = ELFFile(self.file)
        except ELFError as error:
            raise Unreadable(f"{path}: {error}") from error
        if self.elf["e_machine"] != "EM_X86_64" or self.elf["e_type"] != "ET_REL":
            raise Unreadable(f"{path}: no module for x86-64")
        self.sections = list(self.elf.iter_sections())
        self.code = [nr for nr, section in enumerate(self.sections)
                     if section["sh_flags"] & 4 and section["sh_size"]]
        self.insns, self.starts = {}, {}
        for nr in self.code:
            self.disassemble(nr)
        self.read_symbols()
        self.read_relocations()
        self.read_tables()

    def disassemble(self, nr):
        section = self.sections[nr]
        if sum(other.name == section.name for other in self.sections) != 1:
            raise Unreadable(f"{self.path}: two sections {section.name}")
        text = subprocess.run(
            ["objdump", "-d", "-w", "-z", "--no-show-raw-insn", "-j", section.name, str(self.path)],
            check=True, stdout=subprocess.PIPE, text=True).stdout
        lines = re.findall(r"^ +([0-9a-f]+):\t(.*)$", text, re.MULTILINE)
        starts = [int(addr, 16) for addr, _ in lines]
        if not starts or starts[0] != 0:
            raise Unreadable(f"{self.path}: objdump shows nothing of {section.name}")
        for (_, line), addr, end in zip(lines, starts, starts[1:] + [section["sh_size"]]):
            line = re.sub(r"\s*(#.*|<.*)$", "", line.strip())
            bare = line
            while bare.startswith(PREFIXES):
                bare = bare.partition(" ")[2].lstrip()
            op, _, args = bare.partition(" ")
            self.insns[nr, addr] = Insn((nr, addr), (nr, end), op, args.strip())
        self.starts[nr] = starts

    def read_symbols(self):
        table = self.elf.get_section_by_name(".symtab")
        if table is None:
            raise Unreadable(f"{self.path}: no symbols")
        self.symbols = list(table.iter_symbols())
        self.names, self.entries = {}, set()    # by address; functions, all of them
        self.roots = set()
        for symbol in self.symbols:
            nr = symbol["st_shndx"]
            if nr not in self.code or symbol["st_info"]["type"] == "STT_SECTION":
                continue
            at = (nr, symbol["st_value"])
            # Padding in front of a function, not one.
            if symbol.name.startswith("__pfx_"):
                continue
            if symbol["st_info"]["type"] == "STT_FUNC":
                self.entries.add(at)
                self.names.setdefault(at, symbol.name)
                if symbol["st_info"]["bind"] != "STB_LOCAL":
                    self.roots.add(at)
        self.named = {nr: sorted(addr for at, addr in self.names if at == nr) for nr in self.code}

    def target_of(self, reloc):
        """What a relocation points to, without what is added: a name of the kernel's, or an
        address; and what is added."""
        symbol = self.symbols[reloc["r_info_sym"]]
        if symbol["st_shndx"] == "SHN_UNDEF":
            return symbol.name, reloc["r_addend"]
        if not isinstance(symbol["st_shndx"], int):
            return None, 0
        return (symbol["st_shndx"], symbol["st_value"]), reloc["r_addend"]

    def relocations(self, name):
        for section in self.sections:
            if section["sh_type"] == "SHT_RELA" and section["sh_info"] < len(self.sections) and \
                    name(self.sections[section["sh_info"]], section["sh_info"]):
                for reloc in sorted(section.iter_relocations(), key=lambda r: r["r_offset"]):
                    yield section["sh_info"], reloc

    def read_relocations(self):
        """Those of code, by the instruction; and addresses of code that are taken."""
        self.relocs = {}
        for nr, reloc in self.relocations(lambda _, nr: nr in self.code):
            starts = self.starts[nr]
            addr = starts[bisect.bisect_right(starts, reloc["r_offset"]) - 1]
            self.relocs.setdefault((nr, addr), []).append(reloc)
        for at, relocs in self.relocs.items():
            if not self.branches(self.insns[at]):
                for reloc in relocs:
                    self.taken(self.value_of(self.insns[at], reloc))
        for _, reloc in self.relocations(
                lambda section, nr: section["sh_flags"] & 2 and nr not in self.code and
                not TABLES.match(section.name)):
            self.taken(self.plus(*self.target_of(reloc)))

    def taken(self, target):
        if target in self.entries:
            self.roots.add(target)

    @staticmethod
    def plus(target, add):
        return (target[0], target[1] + add) if isinstance(target, tuple) else target

    def value_of(self, insn, reloc):
        """The address or name that an instruction has from a relocation."""
        target, add = self.target_of(reloc)
        if reloc["r_info_type"] in (2, 4):      # PC32, PLT32: from the end of the instruction
            add += insn.end[1] - reloc["r_offset"]
        return self.plus(target, add)

    @staticmethod
    def branches(insn):
        return insn.op == "call" or insn.op.startswith("j") or insn.op in (
            "loop", "loope", "loopne", "xbegin")

    def read_tables(self):
        self.more = collections.defaultdict(set)    # where else control goes from an instruction
        self.ends = {}                              # and where it goes on, from the end of one
        self.warns = set()
        for size, relocs in self.entries_of("__jump_table", 3):
            if size != 16:
                raise Unreadable(f"{self.path}: entries of __jump_table have {size} bytes")
            code, target = (self.plus(*self.target_of(reloc)) for reloc in relocs[:2])
            self.more[code] |= {target, self.insn(code).end}
        for _, relocs in self.entries_of("__ex_table", 2):
            code, target = (self.plus(*self.target_of(reloc)) for reloc in relocs)
            self.more[code].add(target)
        for size, relocs in self.entries_of(".altinstructions", 2):
            section = self.elf.get_section_by_name(".altinstructions")
            at = relocs[0]["r_offset"] + size - 2
            length, instead = section.data()[at:at + 2]
            code, target = (self.plus(*self.target_of(reloc)) for reloc in relocs)
            back = self.plus(code, length)
            if instead:
                self.more[code].add(target)
                self.ends[self.plus(target, instead)] = back
            else:
                self.more[code].add(back)
        # Where, in which file, and since 6.19 with what text.
        bugs = [self.target_of(reloc)[0] for _, reloc in
                self.relocations(lambda section, _: section.name == "__bug_table")]
        places = sum(isinstance(target, tuple) and target[0] in self.code for target in bugs)
        for size, relocs in self.entries_of("__bug_table", len(bugs) // max(places, 1)):
            # The flags are the last two bytes of an entry; after a WARN the code goes on.
            at = relocs[0]["r_offset"] + size - 2
            if self.elf.get_section_by_name("__bug_table").data()[at] & 1:
                self.warns.add(self.plus(*self.target_of(relocs[0])))

    def entries_of(self, name, each):
        """The entries of a table, of so many relocations each: their size, and those."""
        relocs = [reloc for _, reloc in self.relocations(lambda section, _: section.name == name)]
        section = self.elf.get_section_by_name(name)
        if not relocs:
            return
        number = len(relocs) // each
        size = section["sh_size"] // number
        if len(relocs) % each or section["sh_size"] % number:
            raise Unreadable(f"{self.path}: {name} is not understood")
        for k in range(number):
            entry = relocs[k * each:(k + 1) * each]
            if entry[0]["r_offset"] != k * size or entry[-1]["r_offset"] >= (k + 1) * size:
                raise Unreadable(f"{self.path}: {name} is not understood")
            yield size, entry

    def insn(self, at):
        if at not in self.insns:
            raise Unreadable(f"{self.path}: no instruction at {self.say(at)}")
        return self.insns[at]

    def target(self, insn):
        """Where a branch goes: an address, a name of the kernel's, or None: nobody knows."""
        values = [self.value_of(insn, reloc) for reloc in self.relocs.get(insn.addr, ())]
        if insn.args.startswith("*"):
            # A word of the kernel's that holds where: pv_ops is such a one.
            if len(values) == 1 and isinstance(values[0], str) and insn.args.endswith("(%rip)"):
                return values[0]
            return None
        if len(values) == 1:
            return values[0]
        if not values and re.fullmatch("[0-9a-f]+", insn.args):
            return insn.addr[0], int(insn.args, 16)
        raise Unreadable(f"{self.path}: {self.say(insn.addr)}: not understood: "
                         f"{insn.op} {insn.args}")

    def say(self, at):
        """An address as words."""
        nr, addr = at
        i = bisect.bisect_right(self.named[nr], addr) if nr in self.named else 0
        if not i:
            return f"{self.sections[nr].name}+{addr:#x}"
        start = self.named[nr][i - 1]
        return f"{self.names[nr, start]}+{addr - start:#x}"


class Lines:
    """Which lines an instruction is of: that of the innermost inlined function first."""

    def __init__(self, module, source):
        self.module = module
        self.known = {}
        # The files that functions are in: all that were compiled into it.
        files = {path for frames in self.look_up(module.entries).values() for _, path, _ in frames}
        roots = {next((up for up in path.parents if (up / "Kbuild").is_file()), None)
                 for path in files if path.suffix == ".c"}
        if len(roots) != 1 or None in roots or not min(roots).is_absolute():
            raise Unreadable(f"{module.path}: no debug information, or its sources are gone")
        self.root = roots.pop()
        self.source = source or self.root
        self.files = sorted(str(path.relative_to(self.root)) for path in files
                            if self.root in path.parents and path.suffix == ".c")

    def ask(self, addresses):
        """Looks up many at once."""
        found = self.look_up(set(addresses) - self.known.keys())
        for at, frames in found.items():
            self.known[at] = [(name, self.short(path), line) for name, path, line in frames]

    def look_up(self, addresses):
        """The frames of each address: a function's name, its file, the line."""
        wanted, found = collections.defaultdict(list), {}
        for at in sorted(addresses):
            wanted[at[0]].append(at)
        for nr, ats in wanted.items():
            text = subprocess.run(
                ["addr2line", "-a", "-i", "-f", "-e", str(self.module.path), "-j",
                 self.module.sections[nr].name], input="".join(f"{at[1]:#x}\n" for at in ats),
                check=True, stdout=subprocess.PIPE, text=True).stdout
            at = None
            for first, second in self.pairs(text.splitlines()):
                if second is None:
                    at = (nr, int(first, 16))
                    found[at] = []
                else:
                    path, _, line = second.partition(" ")[0].rpartition(":")
                    found[at].append((first, pathlib.Path(path), line))
        return found

    @staticmethod
    def pairs(lines):
        lines = iter(lines)
        for line in lines:
            yield (line, None) if line.startswith("0x") else (line, next(lines))

    def short(self, path):
        if self.root in path.parents:
            return str(path.relative_to(self.root))
        return re.sub(r".*/((include|arch|lib|mm|kernel)/)", r"\1", str(path))

    def of(self, at):
        self.ask([at])
        return self.known[at]

    def ours(self, at):
        """The frames in the module's own sources, and not in the header of its locks."""
        return [frame for frame in self.of(at)
                if (self.source / frame[1]).is_file() and not frame[1].endswith("/lock.h")]
