# SPDX-License-Identifier: GPL-2.0-or-later
"""The fixture with qemu.qmp, against the machines that the wheel carries."""

import asyncio

import pytest
from pytest_mock_qmp import ControlError, MockQmp
from qemu.qmp import EventListener, QMPClient

RELEASES = ["7.2", "10.0", "11.1"]

pytest_plugins = ["pytester"]


async def leave(client):
    """After `quit` the other side is gone first."""
    try:
        await client.disconnect()
    except (EOFError, OSError):
        pass


@pytest.mark.parametrize("release", RELEASES)
def test_a_machine_is_started_plugged_saved_and_sent_away(qmp_mock, release):
    mock = qmp_mock(f"{release}-x86_64-q35")

    async def session():
        client, events = QMPClient("test"), EventListener()
        client.register_listener(events)
        await client.connect(mock.path)

        async def until(name, **data):
            async for event in events:
                if event["event"] == name and data.items() <= event.get("data", {}).items():
                    return

        assert (await client.execute("query-status"))["status"] == "prelaunch"
        await client.execute("cont")
        await until("RESUME")
        assert (await client.execute("query-status"))["status"] == "running"
        await client.execute("device_add", {"driver": "usb-kbd", "id": "mine"})
        await client.execute("device_del", {"id": "mine"})
        await until("DEVICE_DELETED", device="mine")
        blocks = await client.execute("query-block")
        node = next(block for block in blocks if block["device"] == "disk0")["inserted"]["node-name"]
        await client.execute("snapshot-save", {
            "job-id": "job", "tag": "first", "vmstate": node, "devices": [node]})
        await until("JOB_STATUS_CHANGE", status="concluded", id="job")
        await client.execute("job-dismiss", {"id": "job"})
        assert await client.execute("query-jobs") == []
        await client.execute("migrate-set-capabilities", {
            "capabilities": [{"capability": "events", "state": True}]})
        target = "exec:cat > /tmp/x/state" if release == "7.2" else "file:/tmp/x/state"
        await client.execute("migrate", {"uri": target})
        await until("MIGRATION", status="completed")
        assert (await client.execute("query-status"))["status"] == "postmigrate"
        await client.execute("quit")
        await leave(client)

    asyncio.run(asyncio.wait_for(session(), 20))


def test_control(qmp_mock):
    mock = qmp_mock("10.0-x86_64-q35")

    async def session():
        client, events = QMPClient("test"), EventListener()
        client.register_listener(events)
        await client.connect(mock.path)
        mock.rule("query-name", return_={"name": "changed"})
        assert await client.execute("query-name") == {"name": "changed"}
        mock.event("RESUME")
        assert (await events.get())["event"] == "RESUME"
        assert (await client.execute("query-status"))["running"]
        await client.disconnect()

    asyncio.run(asyncio.wait_for(session(), 20))
    assert mock.wait("query-name").error is None
    with pytest.raises(ControlError, match="no stop came"):
        mock.wait("stop", timeout=0.1)
    assert mock.report()["clean"]


def test_a_script_alone(qmp_mock, tmp_path):
    script = tmp_path / "mock.toml"
    script.write_text("""
machine = "10.0-x86_64-q35"
[[rule]]
command = "device_del"
arguments = { id = "${id}" }
return = {}
after = [{ event = "DEVICE_DELETED", data = { device = "${id}", path = "/machine/peripheral/${id}" } }]
""")
    mock = qmp_mock(script=script)

    async def session():
        client, events = QMPClient("test"), EventListener(("DEVICE_DELETED",))
        client.register_listener(events)
        await client.connect(mock.path)
        await client.execute("device_del", {"id": "nic7"})
        assert (await events.get())["data"]["device"] == "nic7"
        await client.disconnect()

    asyncio.run(asyncio.wait_for(session(), 20))


def test_what_is_not_as_recorded_fails_the_test(pytester):
    pytester.makepyfile("""
import json, socket

def test_stop_twice(qmp_mock):
    mock = qmp_mock("10.0-x86_64-q35")
    client = socket.socket(socket.AF_UNIX)
    client.connect(mock.path)
    lines = client.makefile("rw")
    for command in ("qmp_capabilities", "query-nothing", "stop"):
        lines.readline()
        lines.write(json.dumps({"execute": command}))
        lines.flush()
    lines.readline()
""")
    result = pytester.runpytest()
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*not as recorded:*", "*query-nothing*"])


def test_a_mistake_is_said():
    with pytest.raises(RuntimeError, match="nowhere"):
        MockQmp("nowhere/at/all")
