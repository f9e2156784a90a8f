#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The Debian package: built, installed in a root of its own, tried there, removed, and nothing is
# left. Skips with a reason where there is no dpkg. `--lint` only looks at what the package installs
# beside the program.
set -euo pipefail
cd "$(dirname "$0")/.."

# Runs a check where its program is there.
where_there() {
    if command -v "$1" >/dev/null; then
        "$@"
    else
        echo "skipped: no $1: $*"
    fi
}

# The man page and the completions below this folder, by the programs that read them.
lint() {
    local completions=$1 zsh=$2 fish=$3 page=$4 warnings script
    if command -v man >/dev/null; then
        warnings=$(LC_ALL=C.UTF-8 MANWIDTH=80 man --warnings -l "$page" 2>&1 >/dev/null)
        [ -z "$warnings" ] || { echo "$page: $warnings"; return 1; }
    else
        echo "skipped: no man: $page"
    fi
    where_there zsh -n "$zsh"
    where_there fish --no-execute "$fish"
    bash -n "$completions"
    # What TAB would offer for an option's beginning and for a value.
    for script in 'COMP_WORDS=(hmp --nat) want=--native-only' 'COMP_WORDS=(hmp --color nev) want=never'; do
        bash -c "source '$completions'; $script; COMP_CWORD=\$((\${#COMP_WORDS[@]} - 1))
            _hmp hmp \"\${COMP_WORDS[-1]}\" \"\${COMP_WORDS[-2]}\"
            [ \"\${COMPREPLY[*]}\" = \"\$want\" ] || { echo \"TAB: \${COMPREPLY[*]} instead of \$want\"; exit 1; }"
    done
}

# The units, by systemd itself; it wants their program to be there.
lint_units() {
    local program=$1 folder unit complaints
    command -v systemd-analyze >/dev/null || { echo "skipped: no systemd-analyze: hmp@.service, hmp@.socket"; return; }
    folder=$(mktemp -d)
    for unit in hmp@.service hmp@.socket; do
        sed "s|^ExecStart=/usr/bin/hmp |ExecStart=$program |" "contrib/systemd/$unit" > "$folder/$unit"
    done
    complaints=$(SYSTEMD_UNIT_PATH="$folder:" systemd-analyze verify --man=no hmp@web1.service hmp@web1.socket 2>&1 \
        | grep -F -e "$folder" -e hmp@ || true)
    rm -r "$folder"
    [ -z "$complaints" ] || { echo "$complaints"; return 1; }
}

if [ "${1:-}" = --lint ]; then
    lint contrib/completions/hmp.bash contrib/completions/_hmp contrib/completions/hmp.fish contrib/man/hmp.1
    lint_units "$(type -P true)"
    exit
fi

for tool in dpkg dpkg-deb python3 strip; do
    command -v "$tool" >/dev/null || { echo "skipped: no $tool"; exit; }
done

target=${CARGO_TARGET_DIR:-target}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cargo build --release --locked -p hmp --bin hmp
if command -v cargo-deb >/dev/null; then
    package=$(cargo deb --quiet --no-build --locked -p hmp --output "$work/" | tail -1)
else
    echo "no cargo-deb: .ci/deb.py reads its metadata"
    package=$(python3 .ci/deb.py "$target" "$work")
fi
dpkg-deb --info "$package" | sed -n 's/^ \(Package\|Version\|Depends\|Installed-Size\):/\1:/p'

# A root with nothing in it but dpkg's own folder and the libraries that the program asks for.
root=$work/root
mkdir -p "$root/var/lib/dpkg/updates" "$root/var/lib/dpkg/info" "$root/tmp"
touch "$root/var/lib/dpkg/status"
ldd "$target/release/hmp" | grep -o '/[^ ]*' | while read -r library; do
    mkdir -p "$root$(dirname "$library")"
    cp -L "$library" "$root$library"
done
cp recordings/10.0-x86_64-q35/run.qmp "$root/tmp/"
installed() { (cd "$root" && find . -path ./var/lib/dpkg -prune -o -path ./var/log/dpkg.log -prune -o -print | sort); }
# Its scripts run with DPKG_ROOT: there is no shell in that root.
in_root() {
    PATH="$PATH:/usr/sbin:/sbin" dpkg --root="$root" --log=/dev/null --force-not-root --force-depends \
        --force-script-chrootless "$@" > "$work/dpkg.txt" 2>&1 || { cat "$work/dpkg.txt"; exit 1; }
}

before=$(installed)
in_root --install "$package"

version=$(sed -n '/^\[workspace.package\]/,/^\[/ s/^version = "\(.*\)"/\1/p' Cargo.toml)
run=("$root/usr/bin/hmp")
chroot=$(PATH="$PATH:/usr/sbin" command -v chroot || true)
replay=$root/tmp/run.qmp
if [ "$(id -u)" = 0 ] && [ -n "$chroot" ] && "$chroot" "$root" /usr/bin/hmp --version >/dev/null; then
    run=("$chroot" "$root" /usr/bin/hmp)
    replay=/tmp/run.qmp
fi
"${run[@]}" --version
[[ $("${run[@]}" --version) == "hmp $version"* ]]
[[ $("${run[@]}" --replay "$replay" info status) == "VM status:"* ]]

gunzip -c "$root/usr/share/man/man1/hmp.1.gz" > "$work/hmp.1"
cmp "$work/hmp.1" contrib/man/hmp.1
lint "$root/usr/share/bash-completion/completions/hmp" "$root/usr/share/zsh/vendor-completions/_hmp" \
    "$root/usr/share/fish/vendor_completions.d/hmp.fish" "$work/hmp.1"
for unit in hmp@.service hmp@.socket; do
    cmp "$root/usr/lib/systemd/system/$unit" "contrib/systemd/$unit"
done
lint_units "$root/usr/bin/hmp"
cmp "$root/usr/share/doc/hmp/copyright" contrib/copyright
for file in changelog.gz hmp.md; do
    [ -s "$root/usr/share/doc/hmp/$file" ] || { echo "not installed: $file"; exit 1; }
done

in_root --purge hmp
rm -f "$root"/var/log/dpkg.log
left=$(diff <(echo "$before") <(installed) || true)
[ -z "$left" ] || { echo "left behind, or taken along:"; echo "$left"; exit 1; }
if compgen -G "$root/var/lib/dpkg/info/hmp.*"; then exit 1; fi
echo "installed, tried, removed; nothing is left"
