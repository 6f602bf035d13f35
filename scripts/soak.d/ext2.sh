# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2034
fs_sources="linux:fs/ext2"
fs_settings="CONFIG_EXT2_FS=m CONFIG_EXT2_FS_XATTR=y CONFIG_EXT2_FS_POSIX_ACL=y"
fs_packages="e2fsprogs"
fs_programs="mkfs.ext2 e2fsck"

fs_make() {
	mkfs.ext2 -q -F "$1"
}

fs_check() {
	e2fsck -fn "$1"
}
