# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2034
fs_sources="linux:fs/xfs"
fs_settings="CONFIG_XFS_FS=m CONFIG_XFS_POSIX_ACL=y"
fs_packages="xfsprogs"
fs_programs="mkfs.xfs xfs_repair"

fs_make() {
	mkfs.xfs -q -f "$1"
}

fs_check() {
	xfs_repair -n "$1"
}
