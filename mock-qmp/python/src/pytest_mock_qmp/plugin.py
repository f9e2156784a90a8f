# SPDX-License-Identifier: GPL-2.0-or-later
"""The fixture."""

from __future__ import annotations

from typing import Any, Callable, Iterator, List

import pytest

from .mock import MockQmp


@pytest.fixture
def qmp_mock() -> Iterator[Callable[..., MockQmp]]:
    """Starts mock QEMUs: `qmp_mock(recording=…, script=…, mode=…)`.

    At the end of the test they are stopped, and what was not as recorded fails it.
    """
    mocks: List[MockQmp] = []

    def start(*arguments: Any, **options: Any) -> MockQmp:
        mock = MockQmp(*arguments, **options)
        mocks.append(mock)
        return mock

    yield start
    reports = [report for report in [mock.stop() for mock in mocks] if report]
    if reports:
        pytest.fail("not as recorded:\n" + "\n".join(reports), pytrace=False)
