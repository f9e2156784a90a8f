# SPDX-License-Identifier: GPL-2.0-or-later
"""Uses the mock from Python, with the qemu.qmp package (pip install qemu.qmp).

    mock-qmp serve RECORDING --listen unix:/tmp/mock.sock &
    python3 client.py /tmp/mock.sock

Connects, negotiates, runs twenty queries, continues and stops the machine, shows the events, and
quits.
"""

import asyncio
import sys

from qemu.qmp import QMPClient


async def main(path: str) -> None:
    client = QMPClient("example")
    await client.connect(path)
    print("version", client.greeting.QMP.version["qemu"])
    with client.listener() as listener:
        for number in range(20):
            status = await client.execute("query-status")
        print("after 20 queries:", status["status"])
        await client.execute("cont")
        print("event", (await listener.get())["event"])
        await client.execute("stop")
        print("event", (await listener.get())["event"])
        print("now:", (await client.execute("query-status"))["status"])
        await client.execute("quit")
        print("event", (await listener.get())["event"])
    try:
        await client.disconnect()
    except EOFError:
        # QEMU has closed the connection first, which is what quit does.
        pass


asyncio.run(main(sys.argv[1]))
