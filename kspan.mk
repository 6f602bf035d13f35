# SPDX-License-Identifier: GPL-2.0
#
# For the Kbuild file of a module that allocates from kspan, which includes this: where kspan's
# headers are, and the versions of the symbols of the kspan.ko that it will be loaded upon. That is
# the one which was built beside this file or, where this is installed, the one that DKMS or
# make install have for the kernel at hand.

kspan-dir := $(patsubst %/,%,$(dir $(lastword $(MAKEFILE_LIST))))

subdir-ccflags-y += -I$(kspan-dir)/include

kspan-symvers := $(firstword $(wildcard \
	$(kspan-dir)/Module.symvers \
	/var/lib/dkms/kspan/kernel-$(KERNELRELEASE)-*/Module.symvers \
	$(kspan-dir)/symvers/$(KERNELRELEASE)/Module.symvers))
KBUILD_EXTRA_SYMBOLS += $(kspan-symvers)

ifeq ($(kspan-symvers),)
$(warning there is no kspan.ko for $(KERNELRELEASE): build kspan, or install it with that kernel's headers)
endif
