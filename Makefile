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

# Where things go: the module below /lib/modules, all else below the prefix, and what is no place of
# its own into share/kspan. In another root (DESTDIR=) the list of modules is for others to make.
prefix ?= /usr/local
# What uname -r says on it: of Debian's 6.1 the file kernel.release says something else.
release = $(shell sed -n 's/.*UTS_RELEASE "\(.*\)"/\1/p' $(KDIR)/include/generated/utsrelease.h)
updates = $(DESTDIR)/lib/modules/$(release)/updates
bin = $(DESTDIR)$(prefix)/bin
man = $(DESTDIR)$(prefix)/share/man/man1
completions = $(DESTDIR)$(prefix)/share/bash-completion/completions
units = $(DESTDIR)$(prefix)/lib/systemd/system
headers = $(DESTDIR)$(prefix)/include/kspan
share = $(DESTDIR)$(prefix)/share/kspan
doc = $(DESTDIR)$(prefix)/share/doc/kspan-dev
dkms = $(DESTDIR)/usr/src/kspan-$(shell sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' dkms.conf)
depmod = $(if $(DESTDIR),,/sbin/depmod $(release))

kbuild = $(need-kdir)+@$(MAKE) --no-print-directory -C $(KDIR) M=$(CURDIR)

.PHONY: all modules kunit tests clean check test demo bench page help
.PHONY: install install-module install-dev install-tools install-unit install-dkms uninstall package htmldocs

all modules:
	$(kbuild) modules

# Only for kernels that have KUnit, which distributions leave out.
kunit:
	$(need-kdir)@grep -qs '^CONFIG_KUNIT=' $(KDIR)/include/config/auto.conf || \
		{ echo 'make kunit: the kernel in $(KDIR) is built without KUnit' >&2; exit 1; }
	$(kbuild) KSPAN_KUNIT=1 modules

# The modules that tests load, by their directories below kunit/modules/; the suites where there can be any.
TESTS := bench client hardening recursion shim torture
tests:
	$(kbuild) KSPAN_TESTS='$(TESTS)' \
		KSPAN_KUNIT=$(shell grep -qs '^CONFIG_KUNIT=' $(KDIR)/include/config/auto.conf && echo 1) modules

install: install-module install-dev install-tools install-unit

install-module: all
	install -D -m 644 kspan.ko $(updates)/kspan.ko
	install -D -m 644 Module.symvers $(share)/symvers/$(release)/Module.symvers
	$(depmod)

# What other modules are built with, and one to begin from, which needs no kernel. kspan.mk wants a
# directory of kspan's headers alone: what else is in include/ is the C library's, and no good here.
install-dev:
	install -d $(headers)/shim $(share)/include $(doc)/examples
	install -m 644 include/kspan/*.h $(headers)
	install -m 644 include/kspan/shim/*.h $(headers)/shim
	ln -sfn ../../../include/kspan $(share)/include/kspan
	install -m 644 kspan.mk $(share)
	install -m 644 Documentation/template/* $(doc)/examples

# The commands, which find each other and the headers as they do here; and the page of kspan serve, if
# it was built.
tools := $(wildcard scripts/kspan.d/*)
install-tools:
	install -d $(bin) $(man) $(completions) $(share)/scripts/kspan.d $(share)/scripts/lib
	install -m 755 scripts/kspan scripts/shim-build $(share)/scripts
	install -m 644 scripts/lib/common.sh scripts/lib/packages.sh $(share)/scripts/lib
	install -m 755 $(filter-out %.py %/__pycache__,$(tools)) $(share)/scripts/kspan.d
	install -m 644 $(filter %.py,$(tools)) $(share)/scripts/kspan.d
	ln -sfn ../share/kspan/scripts/kspan $(bin)/kspan
	ln -sfn ../share/kspan/scripts/shim-build $(bin)/kspan-shim-build
	install -m 644 Documentation/kspan.1 Documentation/kspan-shim-build.1 $(man)
	install -m 644 scripts/completion/kspan $(completions)
	@[ ! -e build/page/index.html ] || install -d $(share)/page
	@[ ! -e build/page/index.html ] || install -m 644 build/page/* $(share)/page

# A package has its own place for it.
install-unit:
	install -d $(units)
	sed 's,/usr/bin/kspan,$(prefix)/bin/kspan,' scripts/systemd/kspan-serve.service >$(units)/kspan-serve.service
	chmod 644 $(units)/kspan-serve.service

# What DKMS builds the module from, for whichever kernel: dkms install kspan/VERSION.
install-dkms:
	install -d $(dkms)/scripts
	find mm include -name '[!.]*.[ch]' ! -name '*.mod.c' -exec cp --parents -t $(dkms) {} +
	install -m 644 Kbuild Makefile dkms.conf $(dkms)
	install -m 755 scripts/dkms-post-build $(dkms)/scripts

# Directories go when nothing else is in them; outside of another root, only kspan's own.
uninstall:
	$(need-kdir)rm -f $(updates)/kspan.ko $(bin)/kspan $(bin)/kspan-shim-build $(completions)/kspan \
		$(man)/kspan.1 $(man)/kspan-shim-build.1 $(units)/kspan-serve.service
	rm -rf $(headers) $(doc)/examples $(share)/include $(share)/scripts $(share)/page $(share)/kspan.mk \
		$(share)/symvers/$(release)
	@for dir in $(updates) $(share)/symvers $(share) $(completions) $(dir $(completions)) $(man) \
			$(units) $(dir $(units)) \
			$(doc) $(dir $(doc)) \
			$(if $(DESTDIR),$(bin) $(dir $(headers))); do \
		[ ! -d $$dir ] || rmdir $(if $(DESTDIR),-p) --ignore-fail-on-non-empty $$dir; \
	done
	$(depmod)

# By hand, since it works without a kernel and for all that any kernel has left.
clean:
	@rm -rf build
	@find . -path ./.git -prune -o \( -name '*.o' -o -name '*.ko' -o -name '*.a' \
		-o -name '*.mod' -o -name '*.mod.c' -o -name '.*.cmd' -o -name '.*.d' \
		-o -name modules.order -o -name Module.symvers \) -type f -exec rm -f {} +

check test demo bench package page htmldocs:
	@scripts/$@

help:
	@echo 'make [KDIR=dir]  build kspan.ko for that kernel; without KDIR the running one,'
	@echo '                 else the newest with installed headers'
	@echo 'make kunit       build the KUnit suites too; needs a kernel with KUnit'
	@echo 'make tests       build every module of the tests that the kernel can have'
	@echo 'make install     the module, commands and headers; KDIR=, prefix=, DESTDIR='
	@echo 'make uninstall   the same away again, for that kernel'
	@echo 'make package     scripts/package: Debian packages of all of it'
	@echo 'make check       checkpatch, sparse, coccicheck, shellcheck, codespell; silent when clean'
	@echo 'make test        scripts/test: the gate, in QEMU; scripts/test --all for everything'
	@echo 'make demo        scripts/demo: the profile of a real driver'
	@echo 'make bench       scripts/bench: kspan beside SLUB and its debugging aids'
	@echo 'make page        scripts/page: what kspan serve shows a browser, by npm'
	@echo 'make htmldocs    scripts/htmldocs: a site of Documentation'
	@echo 'make clean       remove what was built'
