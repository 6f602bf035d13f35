# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2034
fs_sources="linux:fs/btrfs"
fs_settings="CONFIG_BTRFS_FS=m"
fs_packages="btrfs-progs"
fs_programs="mkfs.btrfs btrfs"
fs_options="compress=zstd"

fs_make() {
	mkfs.btrfs -q -f "$1"
}

fs_check() {
	btrfs check --readonly "$1"
}
