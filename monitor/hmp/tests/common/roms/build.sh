#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Makes the firmware of tests/common/roms.rs out of modes.S; needs GNU as, ld and a C preprocessor.
set -eu
cd "$(dirname "$0")"
object=$(mktemp)
trap 'rm -f "$object"' EXIT
make() {
    gcc -c -m32 -DMODE="$2" $3 -o "$object" modes.S
    ld -m elf_i386 -Ttext=0xf0000 -e 0xf0000 --oformat binary -o "$1.bin" "$object"
}
mode=0
for name in flat paging pae long ring3 compat five-levels; do
    mode=$((mode + 1))
    make $name $mode ""
done
for mode in 2 3 4 7; do
    make tables-$mode $mode -DTABLES
done
make avx 4 -DAVX=7
make script 1 -DSCRIPT
chmod -x ./*.bin
