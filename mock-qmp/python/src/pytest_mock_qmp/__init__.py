# SPDX-License-Identifier: GPL-2.0-or-later
"""A mock QEMU for tests of what talks QMP."""

from .mock import ControlError, MockQmp, Request, program

__all__ = ["ControlError", "MockQmp", "Request", "program"]
