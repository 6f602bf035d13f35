# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2034
# Over directories of the kernel's own ext4, which is also what is checked.
fs_sources="linux:fs/overlayfs"
fs_settings="CONFIG_OVERLAY_FS=m"
fs_kernel_modules="ext4"
fs_packages="e2fsprogs"
fs_programs="mkfs.ext4 e2fsck"

fs_make() {
	mkfs.ext4 -q -F "$1" && mkdir -p /layers && mount -t ext4 "$1" /layers &&
		mkdir /layers/lower /layers/upper /layers/work && umount /layers
}

fs_mount() {
	mount -t ext4 /dev/vda /layers && mount -t overlay overlay \
		-o lowerdir=/layers/lower,upperdir=/layers/upper,workdir=/layers/work /mnt
}

fs_umount() {
	umount /mnt && umount /layers
}

fs_check() {
	e2fsck -fn "$1"
}
