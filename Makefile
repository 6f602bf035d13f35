# SPDX-License-Identifier: GPL-2.0
#
# The commands; what the module is made of is in Kbuild.

# Without KDIR: the running kernel's headers, else the newest that are installed.
ifeq ($(KDIR),)
KDIR := $(patsubst %/include/config/auto.conf,%,$(firstword \
	$(wildcard /lib/modules/$(shell uname -r)/build/include/config/auto.conf) \
	$(shell ls /lib/modules/*/build/include/config/auto.conf \
			/usr/src/linux-headers-*/include/config/auto.conf 2>/dev/null | \
		sed 's,/lib/modules/\([^/]*\).*,\1 &,; s,/usr/src/linux-headers-\([^/]*\).*,\1 &,' | \
		sort -V -r | cut -d' ' -f2)))
endif
ifeq ($(KDIR),)
need-kdir = $(error no kernel headers here: install them (apt-get install linux-headers-amd64) or say make KDIR=directory)
else ifeq ($(wildcard $(KDIR)/include/config/auto.conf),)
need-kdir = $(error KDIR=$(KDIR) is not the build directory of a configured kernel)
endif

kbuild = $(need-kdir)+@$(MAKE) --no-print-directory -C $(KDIR) M=$(CURDIR)

# Where things go: the module below /lib/modules, everything else below the prefix, and what
# is no place of its own into share/kspan, in which things lie as they do here.
prefix ?= /usr/local
release = $(shell cat $(KDIR)/include/config/kernel.release)
updates = $(DESTDIR)/lib/modules/$(release)/updates
bin = $(DESTDIR)$(prefix)/bin
headers = $(DESTDIR)$(prefix)/include/kspan
share = $(DESTDIR)$(prefix)/share/kspan
man = $(DESTDIR)$(prefix)/share/man/man1
completions = $(DESTDIR)$(prefix)/share/bash-completion/completions
doc = $(DESTDIR)$(prefix)/share/doc/kspan-dev
manuals := $(wildcard Documentation/*.1)
completion := $(wildcard scripts/completion/*)
# A tree that will be installed elsewhere gets its list of modules there.
depmod = $(if $(DESTDIR),,/sbin/depmod $(release))

.PHONY: all modules kunit clean check test demo bench package www help
.PHONY: install install-module install-dev install-tools uninstall

all modules:
	$(kbuild) modules

# Only for kernels that have KUnit, which distributions leave out.
kunit:
	$(need-kdir)@grep -qs '^CONFIG_KUNIT=' $(KDIR)/include/config/auto.conf || \
		{ echo 'make kunit: the kernel in $(KDIR) is built without KUnit' >&2; exit 1; }
	$(kbuild) KSPAN_KUNIT=1 modules

.PHONY: htmldocs
htmldocs:
	@scripts/htmldocs

# By hand, since it works without a kernel and for all that any kernel has left.
clean:
	@rm -rf build
	@find . -path ./.git -prune -o \( -name '*.o' -o -name '*.ko' -o -name '*.a' \
		-o -name '*.mod' -o -name '*.mod.c' -o -name '.*.cmd' -o -name '.*.d' \
		-o -name modules.order -o -name Module.symvers \) -type f -exec rm -f {} +

install: install-module install-dev install-tools

install-module: all
	install -D -m 644 kspan.ko $(updates)/kspan.ko
	install -D -m 644 Module.symvers $(share)/symvers/$(release)/Module.symvers
	$(depmod)

# What other modules are built with, kspan.mk's directory of headers among it: a directory
# of kspan's alone, since the C library's headers are no good for a kernel.
install-dev:
	install -d $(headers) $(share)/include $(doc)/examples
	install -m 644 include/kspan/*.h $(headers)
	ln -sfn ../../../include/kspan $(share)/include/kspan
	install -m 644 scripts/kspan.mk $(share)
	install -m 644 Documentation/template/* $(doc)/examples

# The page of kspan serve is there once make www has made it.
install-tools:
	install -d $(bin) $(share)/scripts/kspan.d/www $(man)
	install -m 755 scripts/kspan scripts/shim-build $(share)/scripts
	install -m 644 scripts/lib.sh $(share)/scripts
	cp -r --preserve=mode $(filter-out %/__pycache__ %/www,$(wildcard scripts/kspan.d/*)) \
		$(share)/scripts/kspan.d
	ln -sfn ../share/kspan/scripts/kspan $(bin)/kspan
	ln -sfn ../share/kspan/scripts/shim-build $(bin)/kspan-shim-build
	install -m 644 $(manuals) $(man)
	$(if $(completion),install -D -m 644 -t $(completions) $(completion))
	$(if $(wildcard build/www),cp -rT build/www $(share)/scripts/kspan.d/www/dist)

uninstall:
	$(need-kdir)rm -f $(updates)/kspan.ko $(bin)/kspan $(bin)/kspan-shim-build \
		$(addprefix $(man)/,$(notdir $(manuals))) \
		$(addprefix $(completions)/,$(notdir $(completion)))
	rm -rf $(headers) $(doc)/examples $(share)/include $(share)/kspan.mk $(share)/scripts \
		$(share)/symvers/$(release)
	@rmdir $(if $(DESTDIR),-p) --ignore-fail-on-non-empty $(share)/symvers $(share) \
		$(doc) $(dir $(doc)) $(completions) $(dir $(completions)) \
		$(man) $(updates) $(if $(DESTDIR),$(bin) $(dir $(headers))) 2>/dev/null || :
	$(depmod)

check test demo bench package:
	@scripts/$@

www:
	@scripts/kspan.d/www/build

help:
	@echo 'make [KDIR=dir]  build kspan.ko for that kernel; without KDIR the running one,'
	@echo '                 else the newest with installed headers'
	@echo 'make kunit       build the KUnit suites too; needs a kernel with KUnit'
	@echo 'make install     the module, headers and commands; DESTDIR=, prefix=, KDIR='
	@echo 'make uninstall   the same away again, for that kernel'
	@echo 'make package     scripts/package: Debian packages of all of it'
	@echo 'make check       checkpatch, sparse, gcc, clang, coccicheck and more; silent when clean'
	@echo 'make test        scripts/test: everything, in QEMU'
	@echo 'make htmldocs    scripts/htmldocs: a site of Documentation, in build/html'
	@echo 'make demo        scripts/demo: the profile of a real driver'
	@echo 'make bench       scripts/bench: kspan beside SLUB and its debugging aids'
	@echo 'make www         the page of scripts/kspan serve; needs npm'
	@echo 'make clean       remove what was built'
