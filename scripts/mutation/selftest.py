# SPDX-License-Identifier: GPL-2.0
"""Tests of the mutation run that need no guest; scripts/tests/mutate starts them."""

import pathlib
import shutil
import subprocess
import sys
import time

import catalog
import equivalent
import guest
import judge
import looks
import operators
import patches
import state
import tree

TOP = pathlib.Path(__file__).resolve().parent.parent.parent

# Macros as the kernel's: one that is a statement, one that reads its argument twice, a flag.
PREFIX = """\
typedef unsigned int gfp_t;
#define READ_ONCE(x) (*(volatile typeof(x) *)&(x))
#define WRITE_ONCE(x, v) do { *(volatile typeof(x) *)&(x) = (v); } while (0)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define kspan_lock(l, f) do { (f) = 1; (l)->held = 1; } while (0)
#define kspan_unlock(l, f) do { (l)->held = (f) & 0; } while (0)
#define LIMIT (4 + 1)
#define GFP_KERNEL ((gfp_t)1)
#define GFP_NOWAIT ((gfp_t)2)
#define FLAG_ONE ((gfp_t)4)
#define FLAG_TWO ((gfp_t)8)
enum state { FREE, TAKEN, GONE };
struct lock { int held; };
void *make(unsigned long size, gfp_t gfp);
void put(void *obj);
void lockdep_assert(void);
"""

# For each operator a function, and the lines that come in place of others.
CASES = {
    "lock": ("""\
void f(struct lock *l, int *n)
{
	unsigned long flags;

	kspan_lock(l, flags);
	*n = 1;
	kspan_unlock(l, flags);
}
""", ["; ;"]),
    "barrier": ("""\
int f(int *a, int *b)
{
	WRITE_ONCE(*a, *b);
	return READ_ONCE(*b);
}
""", ["*a = *b;", "return (*b);"]),
    "cleanup": ("""\
int f(void *a, void *b)
{
	if (!a)
		goto no_a;
	if (!b)
		goto no_b;
	return 0;
no_b:
	put(b);
no_a:
	put(a);
	return -1;
}
""", [";", ";", "goto no_a;"]),
    "flag": ("""\
void *f(gfp_t gfp)
{
	if (gfp & ~FLAG_ONE)
		return make(3, gfp);
	return make(5, FLAG_ONE | FLAG_TWO);
}
""", ["if (gfp)", "return make(3, GFP_KERNEL);", "return make(3, GFP_NOWAIT);",
      "return make(5, FLAG_ONE);", "return make(5, FLAG_TWO);", "return make(5, GFP_KERNEL);",
      "return make(5, GFP_NOWAIT);"]),
    "swap": ("""\
int g(int a, unsigned int b, void *c);
int f(int a, unsigned int b, void *c)
{
	int s = TAKEN;

	return g(a, b, c) - s;
}
""", ["int s = GONE;", "return g(b, a, c) - s;", "return s - g(a, b, c);"]),
    "off-by-one": ("""\
int f(int n)
{
	return n < LIMIT ? n : 7;
}
""", ["return n <= LIMIT ? n : 7;", "return n < LIMIT ? n : 6;", "return n < LIMIT ? n : 8;"]),
    "negate": ("""\
int f(int a, int b)
{
	while (unlikely(a && b))
		a--;
	return b ? a : b;
}
""", ["return !(b) ? a : b;", "while (!(unlikely(a && b)))", "while (unlikely(!(a) && b))",
      "while (unlikely(a && !(b)))"]),
    "narrow": ("""\
int f(int a, int b)
{
	return a || b;
}
""", ["return a;", "return b;"]),
    "return-early": ("""\
void f(int *a)
{
	int b = *a;

	*a = 1;
	a[1] = b;
}
_Bool g(int *a)
{
	return *a;
}
""", ["return 0; return *a;", "return; *a = 1;", "return; a[1] = b;", "return true; return *a;"]),
    "delete": ("""\
void f(int *a, int n)
{
	int b = 2;

	lockdep_assert();
	WRITE_ONCE(*a,
		   b);
	if (n)
		return;
	while (n) {
		put(a);
		put(a);
		put(a);
	}
}
""", [";", ";", ";", ";", ";"]),
}
# C has no false of its own: what is made for a _Bool is not spelled as in the kernel.
PREFIX += "#define true 1\n#define false 0\n#define NULL ((void *)0)\n"
CASES["return-early"][1][0] = "return false; return *a;"


class Tests:
    """Counts, and says what has failed."""

    def __init__(self, directory):
        self.directory, self.passed, self.failed = directory, 0, 0

    def check(self, what, found, expected):
        """One test."""
        if found == expected:
            self.passed += 1
        else:
            self.failed += 1
            print(f"FAIL: {what}\n  found:    {found}\n  expected: {expected}")

    def mutants(self, name, text):
        """All mutants of a small source."""
        top = self.directory / name
        (top / "mm").mkdir(parents=True, exist_ok=True)
        path = top / "mm/small.c"
        path.write_text(PREFIX + text)
        path.with_name(".small.o.cmd").write_text(f"savedcmd := gcc -O2 -fconserve-stack {path}\n")
        return catalog.mutants_of(catalog.functions_of(top, top, [path]))

    def operators(self):
        """Each makes what it should, and what it makes is C."""
        self.check("every operator has a case", sorted(CASES), sorted(operators.OPERATORS))
        for name, (text, expected) in CASES.items():
            mutants = [one for one in self.mutants(name, text) if one.operator == name]
            came = sorted(" ".join(line[2:] for line in mutant.lines() if line[0] == "+")
                          for mutant in mutants)
            self.check(f"{name} makes what it should", came, sorted(expected))
            for mutant in mutants:
                done = subprocess.run(
                    ["gcc", "-fsyntax-only", "-w", "-x", "c", "-"], check=False,
                    input=mutant.new.encode("latin-1"), stderr=subprocess.PIPE)
                self.check(f"{name}: {mutant.lines()} is C", done.stderr.decode(), "")
            self.check(f"{name}: names are different", len({one.id for one in mutants}),
                       len(mutants))

    def choice(self):
        """A seed chooses the same again, another one something else; no operator is forgotten."""
        def order(seed):
            return [mutant.id for mutant in catalog.shuffled(mutants, seed)]
        mutants = self.mutants("choice", "".join(
            text.replace(" f(", f" f{n}(").replace(" *f(", f" *f{n}(").replace(" g(", f" g{n}(")
            for n, (text, _) in enumerate(CASES.values())))
        self.check("the same seed", order(1), order(1))
        self.check("another seed", order(1) == order(2), False)
        self.check("all are chosen in the end", sorted(order(3)),
                   sorted(mutant.id for mutant in mutants))
        first = list(catalog.shuffled(mutants, 4))[:len(CASES)]
        self.check("each operator comes first once", {one.operator for one in first}, set(CASES))

    def listed(self):
        """The list of what nobody can see."""
        text, _ = CASES["off-by-one"]
        mutants = self.mutants("listed", text)
        path = self.directory / "list"
        path.write_text("mm/small.c f\n-  return n <  LIMIT ? n : 7;\n"
                        "+ return n <= LIMIT ? n : 7;\nNobody\nasks.\n")
        entries = equivalent.Equivalent(path)
        self.check("one is listed, with its reason",
                   [entries.reason(one) for one in mutants if entries.reason(one)],
                   ["Nobody asks."])
        entries.check(mutants)
        for what, text in (("a line that is not there", "mm/small.c f\n- x\n+ y\nWhy.\n"),
                           ("no reason", "mm/small.c f\n- x\n+ y\n")):
            path.write_text(text)
            try:
                equivalent.Equivalent(path).check(mutants)
                self.check(f"the list: {what}", "no error", "an error")
            except equivalent.BadList:
                self.passed += 1
        equivalent.Equivalent(TOP / "kunit/mutants/equivalent")
        self.passed += 1

    def patches(self):
        """The patches of the tree apply, and name what there is."""
        for path in sorted((TOP / "kunit/mutants").glob("*.patch")):
            try:
                patch = patches.Patch(path, TOP)
                changed = [name for name, text in patch.texts().items()
                           if text != (TOP / name).read_bytes().decode("latin-1")]
                self.check(f"{path.name} changes what it names", changed, patch.paths)
            except patches.BadPatch as error:
                self.check(path.name, str(error), "")

    def console(self):
        """What is a sign that something is wrong, and what is not."""
        bad = subprocess.run([TOP / "scripts/guest.d/scan", "--signs"], check=True,
                             stdout=subprocess.PIPE, text=True).stdout.strip()
        path = self.directory / "said"
        for what, text, sign in (
                ("passes", "[  1.0]     # Subtest: kspan_pcpu\n[  1.0]     ok 1 a\r\nok loads\n",
                 None),
                ("a program's word", "WARNING: a program says so\n", None),
                ("a test", "[  1.0]     # Subtest: kspan_pcpu\n[  1.0]     not ok 2 b\n",
                 "kspan_pcpu: b"),
                ("a script's test", "not ok round 1: it ends\n", "round 1: it ends"),
                ("a report", "[  1.0] BUG: KASAN: slab-use-after-free in f\n",
                 "BUG: KASAN: slab-use-after-free in f"),
                ("half a line", "[  1.0] not ok 1 kspan", None)):
            path.write_text(text)
            console = guest.Console(path, bad)
            console.read()
            self.check(f"the console: {what}", console.sign, sign)

    def verdicts(self):
        """They outlive a run, and no change of the tree; so does the seed of one cut short."""
        path = self.directory / "verdicts"
        path.unlink(missing_ok=True)
        mutant = self.mutants("state", CASES["narrow"][0])[0]
        old = state.State(path, "tree")
        seed = old.choose_seed()
        old.remember(mutant, judge.Verdict(judge.KILLED, "a test", 3.0, 7, ["pcpu"]))
        with path.open("a", encoding="ascii") as file:
            file.write('{"tree": "tree", "id": "ha')
        new = state.State(path, "tree")
        self.check("a verdict is kept", new.verdicts[mutant.key].by, "a test")
        self.check("so is the seed", new.choose_seed(), seed)
        new.finish()
        self.check("another run has another seed", state.State(path, "tree").seed, None)
        self.check("another tree has no verdicts", state.State(path, "other").verdicts, {})

    def code(self):
        """What the compiler makes the same of is the same, and what it does not is not."""
        def made(name, text):
            path = self.directory / f"{name}.o"
            subprocess.run(["gcc", "-O2", "-x", "c", "-c", "-o", path, "-"], check=True,
                           input=text.encode())
            return tree.code_of(path)
        text = "int h(int); int g(int); int f(int a) { static int n; n++; return g(a) + n; }\n"
        self.check("the same code", made("a", text) == made("b", text.replace("n++", "n += 1")),
                   True)
        self.check("another number", made("a", text) == made("b", text.replace("n++", "n += 2")),
                   False)
        self.check("another call", made("a", text) == made("b", text.replace("g(a)", "h(a)")),
                   False)

    def looks(self):
        """What is noticed without a guest: a lock that is not held, order that no test knows."""
        children, copy = guest.Children(), self.directory / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        copy.mkdir()
        for part in tree.PARTS:
            (shutil.copytree if (TOP / part).is_dir() else shutil.copyfile)(
                TOP / part, copy / part)
        for what, name, old, new, said in (
                ("the sources as they are", "mm/tap/control.c", "", "", None),
                ("preemption that is on", "mm/tap/control.c",
                 "\tpreempt_disable();\n\t\tkspan_tap_release", "\t\tkspan_tap_release",
                 "contexts: mm/tap/control.c:"),
                ("an acquire that is none", "mm/tap/label.c", "smp_load_acquire(chain)",
                 "READ_ONCE(*chain)", "litmus: ")):
            text = (TOP / name).read_text(encoding="utf-8")
            self.check(f"{what}: it is there", text.count(old) > 0, True)
            (copy / name).write_text(text.replace(old, new, 1), encoding="utf-8")
            found = looks.finding(children, TOP, copy, name, self.directory / "looks.log")
            self.check(f"noticed: {what}", found and found[:len(said or found)], said)
            (copy / name).write_text(text, encoding="utf-8")

    def ends(self):
        """Nothing that was started is left, nor what that has started."""
        children = guest.Children()
        child = children.start(["sh", "-c", "sleep 1000 & echo $! >pid; wait"], cwd=self.directory)
        while not (self.directory / "pid").exists() or not (self.directory / "pid").read_text():
            time.sleep(0.01)
        pid = int((self.directory / "pid").read_text(encoding="ascii"))
        children.end_all()
        self.check("the child has ended", child.poll() is not None, True)
        status = pathlib.Path(f"/proc/{pid}/stat")
        deadline = time.monotonic() + 10
        while (alive := status.exists() and status.read_text().split()[2] != "Z") and \
                time.monotonic() < deadline:
            time.sleep(0.01)
        self.check("and its own", alive, False)
        try:
            children.start(["true"])
            self.check("none is started any more", "one was", "")
        except guest.Interrupted:
            self.passed += 1


def main():
    """All tests; the line that a row ends with comes last."""
    tests = Tests(pathlib.Path(sys.argv[1]))
    for part in ("operators", "choice", "listed", "patches", "console", "verdicts", "code", "looks",
                 "ends"):
        getattr(tests, part)()
    print(f"{tests.passed} passed, {tests.failed} failed")
    return 1 if tests.failed else 0


if __name__ == "__main__":
    sys.exit(main())
