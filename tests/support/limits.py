"""Keeps the tests of the first tiers fast: none starts a process, and one that imports torch is marked slow."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import numpy.testing  # noqa: F401 - importing it for the first time runs lscpu, before NumPy 2.3
import pytest

_test: list[pytest.Item] = []
"""The test that runs, if its tier has limits."""


def _refuse(event: str, arguments: tuple[object, ...]) -> None:
    if not _test:
        return
    if event == "subprocess.Popen":
        raise RuntimeError(f"this tier's tests start no process, and this one starts {arguments[1]}: move it")
    if event == "import" and arguments[0] == "torch" and _test[0].get_closest_marker("slow") is None:
        raise RuntimeError("importing torch takes seconds: mark this test slow")


sys.addaudithook(_refuse)


@contextmanager
def limits(test: pytest.Item) -> Iterator[None]:
    """While the block runs, a process or a slow import is an error."""
    _test[:] = [test]
    try:
        yield
    finally:
        _test.clear()
