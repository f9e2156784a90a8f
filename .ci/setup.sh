# SPDX-License-Identifier: GPL-2.0-or-later
# What this machine needs for .ci/run, and what it may have beside the checkout. All that reaches outside the checkout is
# here: packages are installed where apt-get and root are at hand (one package source is added for QEMU), and nothing is
# required: what is missing is said, and its tests are skipped.

# One QEMU for the live tests (and a TPM for it), from Debian 12's backports; the other releases are covered by recordings.
install_qemu() {
    command -v qemu-system-x86_64 >/dev/null && command -v qemu-img >/dev/null && return
    if ! command -v apt-get >/dev/null || [ "$(id -u)" != 0 ]; then
        echo "no QEMU and no way to install one: live tests will be skipped"
        return
    fi
    local sources=/etc/apt/sources.list.d/debian.sources mirror
    mirror=$(awk '/^URIs:/ { print $2; exit }' "$sources")
    echo "deb $mirror bookworm-backports main" > /etc/apt/sources.list.d/qemu-backports.list
    apt-get update -q
    DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends -t bookworm-backports \
        qemu-system-x86 qemu-utils swtpm
}

# For the dashboard's tests; they say that they were skipped where it is missing.
install_chromium() {
    command -v chromium >/dev/null && command -v chromedriver >/dev/null && return
    command -v apt-get >/dev/null && [ "$(id -u)" = 0 ] || return 1
    apt-get update -q
    DEBIAN_FRONTEND=noninteractive timeout 180 \
        apt-get install -y -q --no-install-recommends chromium chromium-driver
}

# Clients of monitor sockets; tests say that they were skipped where one is missing.
install_clients() {
    command -v socat >/dev/null && command -v nc >/dev/null && command -v telnet >/dev/null \
        && command -v expect >/dev/null && return
    command -v apt-get >/dev/null && [ "$(id -u)" = 0 ] || return 1
    apt-get update -q
    DEBIAN_FRONTEND=noninteractive timeout 120 \
        apt-get install -y -q --no-install-recommends socat netcat-openbsd telnet expect
}

# A Linux guest for the live tests, of the distribution's packages: nothing is installed.
make_linux() {
    linux=$(realpath -m "${CARGO_TARGET_DIR:-target}/linux")
    if [ ! -f "$linux/initrd" ]; then
        command -v apt-get >/dev/null || return 1
        apt-cache depends linux-image-cloud-amd64 >/dev/null 2>&1 || apt-get update -q
        timeout 120 python3 parity/linux.py "$linux" || return 1
    fi
    export HMP_TEST_LINUX=$linux
}

# Shells whose completions are checked, and what `cargo deb` is; without them .ci/deb.sh says what it
# skips or does instead.
install_packaging() {
    if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ] && ! command -v fish >/dev/null; then
        apt-get update -q
        DEBIAN_FRONTEND=noninteractive timeout 60 apt-get install -y -q --no-install-recommends zsh fish || true
    fi
    command -v cargo-deb >/dev/null \
        || timeout 110 cargo install --quiet --debug --locked --root "$tools" --target-dir "$tools/build" cargo-deb
    rm -rf "$tools/build"
    command -v cargo-deb
}

# QEMU's own QAPI parser, of its packaged sources, and what validates XML; their tests say that they were skipped where these
# are missing.
install_sources() {
    [ -z "${HMP_TEST_QEMU_TREES:-}" ] || return 0
    command -v apt-get >/dev/null && [ "$(id -u)" = 0 ] || return 1
    command -v xmllint >/dev/null \
        || DEBIAN_FRONTEND=noninteractive timeout 25 apt-get install -y -q --no-install-recommends libxml2-utils
    [ -x ../shared/qemu/install ] || return 1
    [ -e "$tools/qemu/.complete" ] && return
    QEMU_PREFIX="$tools/qemu" timeout 70 ../shared/qemu/install source && touch "$tools/qemu/.complete"
}

# For the library's examples in C; their tests say that they were skipped where something is missing.
install_embedding() {
    command -v valgrind >/dev/null && command -v make >/dev/null && pkg-config --exists glib-2.0 && return
    command -v apt-get >/dev/null && [ "$(id -u)" = 0 ] || return 1
    apt-get update -q
    DEBIAN_FRONTEND=noninteractive timeout 120 \
        apt-get install -y -q --no-install-recommends valgrind make pkg-config libglib2.0-dev libc6-dbg
}

# Everything is built in memory where the disk has less than that takes and memory has more (a file system of its
# own, as Linux has below /dev/shm).
step "Disk"
df -h . /tmp
needed=$((12 << 20))
free() { df --output=avail -k "$1" 2>/dev/null | tail -1; }
if [ "$(free .)" -lt $needed ] && [ ! -e target ] && [ -z "${CARGO_TARGET_DIR:-}" ] && [ "$(free /dev/shm || echo 0)" -gt $needed ]; then
    memory=$(mktemp -d /dev/shm/hmp-ci.XXXXXX)
    ln -s "$memory" target
    echo "little is free: building in $memory"
fi

step "A target without descriptors, to check the engine for"
timeout 60 rustup target add x86_64-pc-windows-gnu > /tmp/ci-target.log 2>&1 || echo "not installed: the engine is not checked for it"

step "QEMU for the live tests"
install_qemu > /tmp/ci-install.log 2>&1 || { tail -20 /tmp/ci-install.log; echo "QEMU could not be installed: live tests will be skipped"; }
command -v qemu-system-x86_64 && qemu-system-x86_64 --version | head -1

step "Chromium for the dashboard's tests"
install_chromium > /tmp/ci-chromium.log 2>&1 || echo "no chromium: the dashboard's tests in a browser will be skipped"
command -v chromium || true

step "A Linux guest for the live tests"
if [ -z "${HMP_TEST_LINUX:-}" ]; then
    make_linux > /tmp/ci-linux.log 2>&1 || { tail -5 /tmp/ci-linux.log; echo "no Linux guest: its tests will be skipped"; }
fi
echo "${HMP_TEST_LINUX:-}"

step "valgrind and GLib for the library's examples"
install_embedding > /tmp/ci-embedding.log 2>&1 || echo "not all is here: the library's examples are not tried in every way"

step "Clients of monitor sockets"
install_clients > /tmp/ci-clients.log 2>&1 || echo "not all clients are here: their tests will be skipped"

step "Shells and cargo-deb for the package"
tools=$(realpath -m "${CARGO_TARGET_DIR:-target}/tools")
export PATH="$PATH:$tools/bin"
install_packaging > /tmp/ci-packaging.log 2>&1 || echo "no cargo-deb: .ci/deb.py makes the package"
command -v zsh fish cargo-deb || true

step "QEMU's sources and xmllint"
install_sources > /tmp/ci-sources.log 2>&1 || echo "no packaged sources: QEMU's own QAPI parser is not asked"
if [ -z "${HMP_TEST_QEMU_TREES:-}" ] && [ -e "$tools/qemu/.complete" ]; then
    HMP_TEST_QEMU_TREES=$(ls -d "$tools"/qemu/src/qemu-10.* 2>/dev/null | paste -sd: || true)
    export HMP_TEST_QEMU_TREES
fi

# What was downloaded for all this is not needed again.
[ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null || apt-get clean

# Libvirt's recordings, where a folder of them stands beside the checkout.
if [ -z "${HMP_TEST_REPLIES:-}" ] && [ -d ../shared/data/libvirt-replies ]; then
    HMP_TEST_REPLIES=$(cd ../shared/data/libvirt-replies && pwd)
    export HMP_TEST_REPLIES
fi
