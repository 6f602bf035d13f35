# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2034
fs_sources="linux:fs/jfs"
fs_settings="CONFIG_JFS_FS=m CONFIG_JFS_POSIX_ACL=y"
fs_packages="jfsutils"
fs_programs="mkfs.jfs fsck.jfs"

fs_make() {
	mkfs.jfs -q "$1"
}

fs_check() {
	fsck.jfs -n "$1"
}
