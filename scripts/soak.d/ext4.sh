# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2034
# The journal is a module of its own, and goes through the shim as well.
fs_sources="linux:fs/jbd2 linux:fs/ext4"
fs_settings="CONFIG_JBD2=m CONFIG_EXT4_FS=m CONFIG_EXT4_FS_POSIX_ACL=y"
fs_packages="e2fsprogs"
fs_programs="mkfs.ext4 e2fsck"

fs_make() {
	mkfs.ext4 -q -F "$1"
}

fs_check() {
	e2fsck -fn "$1"
}
