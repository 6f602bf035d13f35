# SPDX-License-Identifier: GPL-2.0
#
# For the Kbuild file of a module that allocates from kspan, which includes this: where
# kspan's headers are, and the symbols of the kspan.ko that was built for the kernel at
# hand, by DKMS or else by make install.

kspan-dir := $(patsubst %/,%,$(dir $(lastword $(MAKEFILE_LIST))))

subdir-ccflags-y += -I$(kspan-dir)/include

kspan-symvers := $(firstword $(wildcard \
	/var/lib/dkms/kspan/*/$(KERNELRELEASE)/*/Module.symvers \
	$(kspan-dir)/symvers/$(KERNELRELEASE)/Module.symvers))
KBUILD_EXTRA_SYMBOLS += $(kspan-symvers)

ifeq ($(kspan-symvers),)
$(warning there is no kspan.ko for $(KERNELRELEASE): install kspan-dkms and its headers)
endif
