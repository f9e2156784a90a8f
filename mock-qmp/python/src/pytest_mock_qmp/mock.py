# SPDX-License-Identifier: GPL-2.0-or-later
"""The program, started and controlled."""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from typing import Any, Mapping, Optional, Sequence, Union

PathLike = Union[str, "os.PathLike[str]"]

# How long the program may take to listen, to answer and to end.
PATIENCE = 10.0


class ControlError(Exception):
    """What the control socket answered instead of doing it."""


@dataclass(frozen=True)
class Request:
    """A request that came."""

    number: int
    at: int
    monitor: int
    command: str
    arguments: Mapping[str, Any]
    error: Optional[str]


def program() -> str:
    """Where the program is: `MOCK_QMP`, else beside this Python, else on the path."""
    named = os.environ.get("MOCK_QMP")
    if named:
        return named
    beside = pathlib.Path(sys.executable).parent / "mock-qmp"
    found = str(beside) if beside.exists() else shutil.which("mock-qmp")
    if found is None:
        raise FileNotFoundError("mock-qmp is neither beside this Python nor on the path")
    return found


class MockQmp:
    """A mock QEMU that runs until it is stopped, or ends as a QEMU does."""

    def __init__(
        self,
        recording: Optional[PathLike] = None,
        script: Optional[PathLike] = None,
        *,
        mode: str = "free-reads",
        files: Optional[PathLike] = None,
        options: Sequence[str] = (),
    ) -> None:
        # The paths of sockets are short: a folder of their own, whatever the test's is called.
        self._folder = tempfile.TemporaryDirectory(prefix="mock-qmp-")
        folder = pathlib.Path(self._folder.name)
        self.path = str(folder / "qmp")
        self.address = f"unix:{self.path}"
        self._control_path = str(folder / "control")
        self._report = folder / "report.json"
        self.files = pathlib.Path(files) if files is not None else folder / "files"
        command = [program(), "serve"]
        if recording is not None:
            command.append(str(recording))
        if script is not None:
            command += ["--script", str(script)]
        command += ["--listen", self.address, "--control", f"unix:{self._control_path}",
                    "--mode", mode, "--files", str(self.files),
                    "--report", "json", str(self._report), *options]
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self._control: Optional[socket.socket] = None
        output = self._process.stdout
        assert output is not None
        if not output.readline().startswith("listening on "):
            _, errors = self._process.communicate(timeout=PATIENCE)
            self._folder.cleanup()
            raise RuntimeError(errors.strip() or "mock-qmp ended at once")

    def control(self, do: str, **members: Any) -> dict[str, Any]:
        """One order of the control socket (docs/mock-qmp.md), and its answer."""
        if self._control is None:
            self._control = socket.socket(socket.AF_UNIX)
            self._control.connect(self._control_path)
            self._lines = self._control.makefile("r")
        self._control.sendall((json.dumps({"do": do, **members}) + "\n").encode())
        line = self._lines.readline()
        if not line:
            raise ControlError("the mock has ended")
        answer: dict[str, Any] = json.loads(line)
        if not answer.pop("ok"):
            raise ControlError(answer["error"])
        return answer

    def event(self, event: str, data: Optional[Mapping[str, Any]] = None) -> None:
        """Sends an event to all clients."""
        self.control("event", event=event, **({} if data is None else {"data": data}))

    def rule(self, command: str, **rule: Any) -> int:
        """Adds a rule in front of the others, as a script has it (`return_` for `return`)."""
        members = {name.rstrip("_").replace("_", "-"): value for name, value in rule.items()}
        number = self.control("rule", rule={"command": command, **members})["rule"]
        assert isinstance(number, int)
        return number

    def fault(self, fault: str) -> None:
        """Arms a fault, as `--fault` has it."""
        self.control("fault", fault=fault)

    def requests(self, since: int = 0) -> list[Request]:
        """The requests behind this number."""
        return [Request(**request) for request in self.control("requests", since=since)["requests"]]

    def wait(self, command: str, arguments: Optional[Mapping[str, Any]] = None, *, since: int = 0,
             timeout: float = PATIENCE) -> Request:
        """Waits for a request."""
        answer = self.control("wait", command=command, arguments=dict(arguments or {}), since=since,
                              **{"timeout-ms": int(timeout * 1000)})
        return Request(**answer["request"])

    def reset(self) -> None:
        """Starts again, as if nobody had asked anything yet. Clients are sent away."""
        self.control("reset")

    def report(self) -> dict[str, Any]:
        """What is not as recorded so far."""
        return self.control("report")

    def stop(self) -> str:
        """Ends it; returns what was not as recorded, empty where all was."""
        if self._control is not None:
            self._lines.close()
            self._control.close()
            self._control = None
        if self._process.poll() is None:
            self._process.terminate()
        try:
            _, errors = self._process.communicate(timeout=PATIENCE)
            report = json.loads(self._report.read_text())
            text = str(report["text"])
            return text or (errors.strip() if self._process.returncode else "")
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
            return "mock-qmp did not end"
        finally:
            self._folder.cleanup()
