#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Records the topics `first` and `typed` of a shipped machine: what people try first.

    record_first.py QEMU OUTPUT MOCK_QMP HMP

Starts the QEMU, puts `mock-qmp record` in front of it, and drives it: by plain QMP, and by lines of
`hmp`, so that both kinds of clients find their requests in the recording. Then once more for
`typed`, by lines of the built-in monitor (`human-monitor-command`).
"""

import json
import pathlib
import shutil
import socket
import subprocess
import sys
import time

FOLDER = pathlib.Path("/tmp/mock-qmp-first")

# The machine of the topic `main` (parity/cases/main.toml), which is played with this one; without
# its further memory, with which QEMU 10.0 and 11.1 end by an assertion when a running machine
# migrates.
MACHINE = [
    "-M", "q35", "-S", "-smp", "2,maxcpus=4", "-m", "256M", "-name", "parity-q35",
    "-uuid", "12345678-1234-5678-1234-567812345678",
    "-drive", f"if=none,id=disk0,file={FOLDER}/disk0.qcow2,format=qcow2",
    "-device", "virtio-blk-pci,drive=disk0,id=vblk0",
    "-drive", "if=none,id=cd0,media=cdrom", "-device", "ide-cd,drive=cd0,id=cdrom0",
    "-netdev", "user,id=n0", "-device", "virtio-net-pci,netdev=n0,id=nic0,mac=52:54:00:12:34:56",
    "-device", "qemu-xhci,id=xhci", "-device", "usb-tablet,id=tablet0",
    "-device", "virtio-balloon-pci,id=balloon0", "-object", "iothread,id=io0",
    "-device", "virtio-rng-pci,id=rng0",
    "-chardev", "ringbuf,id=ring0,size=4096", "-device", "virtio-serial-pci",
    "-device", "virtserialport,chardev=ring0,name=port0", "-vnc", "none",
]

# What is asked in every state.
LOOKS = """
query-status query-block query-blockstats query-named-block-nodes query-block-jobs query-jobs
query-pci query-chardev query-cpus-fast query-iothreads query-memory-size-summary
query-memory-devices query-migrate query-vnc query-mice query-balloon query-dump x-query-usb
""".split()

# What does not change.
ONCE = """
query-version query-commands query-qmp-schema query-name query-uuid query-kvm query-target
query-hotpluggable-cpus query-migrate-capabilities query-migrate-parameters
query-fdsets query-rx-filter query-tpm query-current-machine query-dump-guest-memory-capability
query-cpu-definitions query-machines query-command-line-options query-tpm-models
query-chardev-backends query-acpi-ospm-status query-rocker-ports
""".split()

# Lines of the built-in monitor that only look.
LINES = """
info status|info version|info name|info uuid|info kvm|info block|info block -v|info blockstats
info block-jobs|info pci|info cpus|info network|info chardev|info vnc|info mice|info usb|info balloon
info iothreads|info memory_size_summary|info migrate|info migrate_capabilities
info migrate_parameters|info snapshots|info registers|info mem|info irq|info roms|info usernet
info jit|info numa|info hotpluggable-cpus|x /4xw 0xfffffff0|xp /4xb 0xffff0
""".replace("\n", "|").strip("|").split("|")


class Qmp:
    """A plain client."""

    def __init__(self, path):
        for _ in range(200):
            self.socket = socket.socket(socket.AF_UNIX)
            try:
                self.socket.connect(str(path))
                break
            except OSError:
                time.sleep(0.05)
        self.file = self.socket.makefile("rwb")
        self.events = []
        self.read()
        self.ask("qmp_capabilities")

    def read(self):
        return json.loads(self.file.readline())

    def ask(self, command, **arguments):
        request = {"execute": command.replace("__", "-")}
        if arguments:
            request["arguments"] = arguments
        self.file.write(json.dumps(request).encode() + b"\n")
        self.file.flush()
        while True:
            message = self.read()
            if "event" not in message:
                return message
            self.events.append(message)

    def wait(self, event, what=lambda data: True):
        """Waits for an event."""
        end = time.time() + 20
        while time.time() < end:
            for message in self.events:
                if message["event"] == event and what(message.get("data", {})):
                    return message
            self.ask("query-status")
            time.sleep(0.05)
        raise SystemExit(f"no {event}")

    def looks(self, *more):
        for command in LOOKS:
            self.ask(command)
        self.ask("query-named-block-nodes", flat=True)
        self.ask("qom-list", path="/machine/peripheral")
        for line in ("info status", "info block", "info cpus", "info registers", "info snapshots",
                     "info migrate", "info usb", *more):
            self.ask("human-monitor-command", **{"command-line": line})

    def close(self):
        self.file.close()
        self.socket.close()
        time.sleep(0.3)


def drive(path, hmp, release):
    """The session."""
    def type_lines(*lines):
        words = [word for line in lines for word in ("-c", line)]
        subprocess.run([hmp, f"unix:{path}", *words], check=False, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60)
        time.sleep(0.3)

    vm = Qmp(path)
    for command in ONCE:
        vm.ask(command)
    vm.looks()
    for line in LINES:
        vm.ask("human-monitor-command", **{"command-line": line})
    for place in ("/", "/machine", "/machine/peripheral", "/machine/unattached",
                  "/machine/peripheral/nic0", "/machine/peripheral/vblk0", "/nowhere"):
        vm.ask("qom-list", path=place)
    for place, name in (("/machine", "type"), ("/machine/peripheral/nic0", "mac"),
                        ("/machine/peripheral/nic0", "type"), ("/objects/io0", "type"),
                        ("/machine/peripheral/vblk0", "drive"),
                        ("/machine/peripheral/balloon0", "guest-stats-polling-interval"),
                        ("/machine", "nosuch")):
        vm.ask("qom-get", path=place, property=name)
    for kind in ("usb-kbd", "usb-storage", "virtio-net-pci", "virtio-blk-pci"):
        vm.ask("device-list-properties", typename=kind)
    vm.ask("qom-list-properties", typename="iothread")
    vm.ask("qom-list-types", implements="usb-device", abstract=False)
    vm.ask("device_del", id="nosuch")
    node = next(block["inserted"]["node-name"] for block in vm.ask("query-block")["return"]
                if block.get("device") == "disk0")

    # Lines of hmp before the machine runs.
    vm.close()
    type_lines("x /4xw 0xfffffff0", "device_add virtio-net-pci,id=net1", "device_del nosuch",
               "balloon 128", "balloon 256", "eject cd0", "info registers -a")
    vm = Qmp(path)

    # Running, stopped, running.
    vm.ask("cont")
    vm.wait("RESUME")
    vm.looks()
    vm.ask("stop")
    vm.wait("STOP")
    vm.looks()
    vm.events.clear()
    vm.ask("cont")
    vm.wait("RESUME")

    # Devices, and what is behind them.
    vm.ask("device_add", driver="usb-kbd", id="kbd1")
    vm.looks()
    vm.ask("qom-list", path="/machine/peripheral")
    vm.ask("qom-get", path="/machine/peripheral/kbd1", property="type")
    vm.ask("device_add", driver="usb-kbd", id="kbd1")
    vm.ask("device_del", id="kbd1")
    vm.wait("DEVICE_DELETED", lambda data: data.get("device") == "kbd1")
    vm.looks()
    vm.ask("device_del", id="kbd1")
    vm.ask("blockdev-add", **{"driver": "raw", "node-name": "extra0",
                              "file": {"driver": "file", "filename": f"{FOLDER}/extra.raw"}})
    vm.ask("query-named-block-nodes")
    vm.ask("device_add", driver="usb-storage", id="stick0", drive="extra0")
    vm.looks()
    vm.ask("device_del", id="stick0")
    vm.wait("DEVICE_DELETED", lambda data: data.get("device") == "stick0")
    vm.ask("query-block")
    vm.ask("blockdev-del", **{"node-name": "extra0"})
    vm.ask("query-named-block-nodes")
    vm.ask("blockdev-del", **{"node-name": "extra0"})
    for add, remove, arguments in (
            ("netdev_add", "netdev_del", {"type": "user", "id": "n1"}),
            ("object-add", "object-del", {"qom-type": "iothread", "id": "io1"}),
            ("chardev-add", "chardev-remove",
             {"id": "ring1", "backend": {"type": "ringbuf", "data": {"size": 4096}}})):
        vm.ask(add, **arguments)
        for command in ("query-iothreads", "query-chardev", "query-status"):
            vm.ask(command)
        for place in ("/objects", "/chardevs"):
            vm.ask("qom-list", path=place)
        for line in ("info network", "info usernet", "info iothreads", "info chardev"):
            vm.ask("human-monitor-command", **{"command-line": line})
        vm.ask(remove, id=arguments["id"])
        vm.ask(remove, id=arguments["id"])
    # An earlier line left the tray open.
    for _ in range(2):
        vm.ask("blockdev-close-tray", id="cdrom0")
        vm.ask("query-block")
        vm.ask("blockdev-open-tray", id="cdrom0")
        vm.ask("query-block")
    medium = {"driver": "raw", "node-name": "medium0",
              "file": {"driver": "file", "filename": f"{FOLDER}/cd.iso"}}
    for command, arguments in (
            ("blockdev-add", medium),
            ("blockdev-insert-medium", {"id": "cdrom0", "node-name": "medium0"}),
            ("blockdev-close-tray", {"id": "cdrom0"}),
            ("blockdev-open-tray", {"id": "cdrom0"}),
            ("blockdev-remove-medium", {"id": "cdrom0"}),
            ("blockdev-del", {"node-name": "medium0"}),
            ("blockdev-close-tray", {"id": "cdrom0"}),
            ("blockdev-change-medium",
             {"id": "cdrom0", "filename": f"{FOLDER}/cd.iso", "format": "raw"}),
            ("eject", {"id": "cdrom0", "force": True}),
            ("blockdev-close-tray", {"id": "cdrom0"})):
        vm.ask(command, **arguments)
        vm.ask("query-block")
        vm.ask("query-named-block-nodes")
        vm.ask("query-named-block-nodes", flat=True)
        vm.ask("human-monitor-command", **{"command-line": "info block"})

    # Small things.
    vm.ask("screendump", filename=f"{FOLDER}/screen.ppm")
    vm.ask("pmemsave", val=0xFFFF0, size=16, filename=f"{FOLDER}/memory.bin")
    vm.ask("set_link", name="nic0", up=False)
    vm.ask("set_link", name="nic0", up=True)
    vm.ask("balloon", value=256 << 20)
    vm.ask("send-key", keys=[{"type": "qcode", "data": "ret"}])
    vm.ask("inject-nmi")
    vm.ask("ringbuf-write", device="ring0", data="hello")
    vm.ask("ringbuf-read", device="ring0", size=16)
    vm.ask("ringbuf-read", device="ring0", size=16)
    vm.ask("block_set_io_throttle", id="vblk0", bps=0, bps_rd=0, bps_wr=0, iops=100, iops_rd=0, iops_wr=0)
    vm.ask("qom-set", path="/machine/peripheral/balloon0", property="guest-stats-polling-interval", value=2)
    vm.ask("qom-get", path="/machine/peripheral/balloon0", property="guest-stats-polling-interval")
    vm.ask("system_powerdown")
    vm.wait("POWERDOWN")
    vm.ask("system_reset")
    vm.wait("RESET")
    vm.ask("query-status")
    vm.ask("system_wakeup")

    # A snapshot by a job, as QMP has it.
    for command, job, tag in (("snapshot-load", "load1", "nosuch"), ("snapshot-save", "save0", "first"),
                              ("snapshot-save", "save1", "first"), ("snapshot-load", "load0", "first"), ("snapshot-delete", "delete0", "first")):
        arguments = {"job-id": job, "tag": tag, "devices": [node]}
        if command != "snapshot-delete":
            arguments["vmstate"] = node
        vm.events.clear()
        vm.ask(command, **arguments)
        vm.ask("query-jobs")
        vm.wait("JOB_STATUS_CHANGE", lambda data, job=job: data == {"status": "concluded", "id": job})
        vm.ask("query-jobs")
        vm.ask("query-block")
        vm.ask("query-named-block-nodes")
        vm.ask("query-named-block-nodes", flat=True)
        vm.ask("human-monitor-command", **{"command-line": "info snapshots"})
        vm.ask("job-dismiss", id=job)
        vm.wait("JOB_STATUS_CHANGE", lambda data, job=job: data == {"status": "null", "id": job})
        vm.ask("query-jobs")
        vm.ask("query-status")
        if command == "snapshot-load":
            vm.ask("cont")
    vm.close()

    # The same by lines of hmp.
    type_lines("info status", "info version", "info block", "info pci", "info usb", "info cpus",
               "device_add usb-kbd,id=kbd1", "info usb", "device_del kbd1", "info usb", "savevm first",
               "info snapshots", "loadvm first", "delvm first", "x /4xw 0xfffffff0", "balloon 128", "balloon 256", "stop", "cont", "system_reset", "sendkey ret",
               f"screendump {FOLDER}/screen.ppm", "info status")

    # Away.
    vm = Qmp(path)
    vm.ask("query-status")
    vm.ask("cont")
    vm.ask("migrate-set-capabilities", capabilities=[{"capability": "events", "state": True}])
    vm.ask("query-migrate-capabilities")
    # `file:` came with QEMU 8.2.
    uri = f"file:{FOLDER}/state" if release >= (8, 2) else f"exec:cat > {FOLDER}/state"
    vm.ask("migrate", uri=uri)
    vm.ask("query-migrate")
    vm.wait("MIGRATION", lambda data: data.get("status") == "completed")
    vm.looks()
    vm.events.clear()
    vm.ask("cont")
    vm.wait("RESUME")
    vm.looks()
    vm.ask("quit")
    vm.close()


def type_built_in(path, release):
    """The session of lines for the built-in monitor."""
    vm = Qmp(path)

    def type_line(line, *events):
        vm.events.clear()
        vm.ask("human-monitor-command", **{"command-line": line})
        for event in events:
            vm.wait(event)
        for look in ("info status", "info snapshots", "info usb", "info migrate"):
            vm.ask("human-monitor-command", **{"command-line": look})

    for line in LINES:
        vm.ask("human-monitor-command", **{"command-line": line})
    for line in ("device_del nosuch", "eject cd0", "nosuch", "x /4xw 0xfffffff0"):
        type_line(line)
    type_line("cont", "RESUME")
    type_line("stop", "STOP")
    type_line("c", "RESUME")
    type_line("device_add usb-kbd,id=kbd1")
    type_line("device_del kbd1", "DEVICE_DELETED")
    for line in ("savevm first", "loadvm first", "delvm first", "sendkey ret", "balloon 256",
                 f"screendump {FOLDER}/screen.ppm", "set_link nic0 off", "set_link nic0 on"):
        type_line(line)
    type_line("system_powerdown", "POWERDOWN")
    type_line("system_reset", "RESET")
    vm.ask("migrate-set-capabilities", capabilities=[{"capability": "events", "state": True}])
    uri = f"file:{FOLDER}/state" if release >= (8, 2) else f'"exec:cat > {FOLDER}/state"'
    vm.ask("human-monitor-command", **{"command-line": f"migrate -d {uri}"})
    vm.wait("MIGRATION", lambda data: data.get("status") == "completed")
    for look in ("info status", "info migrate"):
        vm.ask("human-monitor-command", **{"command-line": look})
    vm.ask("human-monitor-command", **{"command-line": "quit"})
    vm.close()


def record(topic, session, qemu, output, mock):
    """Records a topic of a machine that has just been started."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", FOLDER / "disk0.qcow2", "64M"], check=True)
    (FOLDER / "extra.raw").write_bytes(bytes(1 << 20))
    (FOLDER / "cd.iso").write_bytes(bytes(1 << 20))
    monitor, proxy = FOLDER / "qmp", FOLDER / "proxy"
    vm = subprocess.Popen([qemu, *MACHINE, "-qmp", f"unix:{monitor},server=on,wait=off"])
    recorder = None
    try:
        first = Qmp(monitor)
        version = first.ask("query-version")["return"]["qemu"]
        first.close()
        recorder = subprocess.Popen([
            mock, "record", "--qemu", f"unix:{monitor}", "--listen", f"unix:{proxy}", "--output", output,
            "--topic", topic, "--mode", "overwrite", "--content", "4096"])
        while not proxy.exists():
            time.sleep(0.05)
        session(proxy, (version["major"], version["minor"]))
        vm.wait(20)
    finally:
        if vm.poll() is None:
            vm.kill()
            vm.wait()
        if recorder:
            recorder.terminate()
            recorder.wait()
        shutil.rmtree(FOLDER, ignore_errors=True)


def main():
    qemu, output, mock, hmp = sys.argv[1:]
    record("first", lambda path, release: drive(path, hmp, release), qemu, output, mock)
    record("typed", type_built_in, qemu, output, mock)


if __name__ == "__main__":
    main()
